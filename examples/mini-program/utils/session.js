// 登录凭证存在本机的小程序存储里，只有它的网关能得到它。从不写进日志，也不放进任何地址。
const config = require('../config.js');

const KEY = 'menshen.session';

/**
 * @typedef {object} Session
 * @property {string} gateway 签发它的网关；换了网关就作废，不会发给别人
 * @property {string} token
 * @property {number} expiresAt Unix 毫秒
 */

/**
 * 现在的凭证；没有或已过期就是空字符串。
 * @returns {string}
 */
function token() {
  /** @type {Session | ''} */
  const session = wx.getStorageSync(KEY);
  if (!session || session.gateway !== config.gateway || session.expiresAt <= Date.now()) return '';
  return session.token;
}

/**
 * @param {string} value
 * @param {number} expiresIn 秒
 */
function keep(value, expiresIn) {
  wx.setStorageSync(KEY, { gateway: config.gateway, token: value, expiresAt: Date.now() + expiresIn * 1000 });
}

function forget() {
  wx.removeStorageSync(KEY);
}

module.exports = { token, keep, forget };
