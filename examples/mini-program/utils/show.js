// 给人看的小东西：时间、进入小程序的方式、回首页的路。
const config = require('../config.js');

/** @param {number} number */
const two = (number) => String(number).padStart(2, '0');

/**
 * @param {number} seconds Unix 秒
 * @returns {string} 手机所在时区的时间
 */
function time(seconds) {
  const at = new Date(seconds * 1000);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/**
 * 这一次是怎样进入小程序的。冷启动的参数在第二次扫码时是旧的，所以先问这一次的。
 * https://developers.weixin.qq.com/miniprogram/dev/reference/scene-list.html
 * @returns {number}
 */
function entry() {
  return (wx.getEnterOptionsSync ? wx.getEnterOptionsSync() : wx.getLaunchOptionsSync()).scene;
}

/** 用相机扫的二维码、小程序码：码在眼前的屏幕上。其他的都可能是别人发来的：图片、聊天里的卡片、别的小程序。 */
const SCANNED = [1011, 1047];
/** 从应用打开；以及保持“可以回到应用”状态的几种再次进入。 */
const FROM_APP = [1069, 1001, 1038, 1089, 1090, 1131, 1187];

const scanned = () => SCANNED.includes(entry());
const fromApp = () => FROM_APP.includes(entry());

/**
 * 参数在扫码时是百分号编码的；坏的编码等于没有。
 * @param {string | undefined} text
 */
function decoded(text) {
  try {
    return decodeURIComponent(text || '');
  } catch (error) {
    return '';
  }
}

/** 没有那个页面（config.js 没有改对）的话，退出小程序：不把用户留在已经结束的页面上。 */
const home = () => wx.reLaunch({ url: config.home, fail: () => wx.exitMiniProgram() });

module.exports = { decoded, fromApp, home, scanned, time };
