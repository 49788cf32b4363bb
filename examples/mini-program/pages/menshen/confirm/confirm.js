// 用微信扫登录页上的小程序码（?scene=）或打开链接（?cq=）后到这里：看清是谁在登录，再确认或取消。
// 没有用户的点击，从不确认。
const menshen = require('../../../utils/menshen.js');
const { decoded, home, scanned, time } = require('../../../utils/show.js');
const { answered, goOn, phone, show, step } = require('../../../utils/step.js');

Page({
  data: {
    /** @type {'loading' | 'ask' | 'done' | 'rejected' | 'failed'} */
    stage: 'loading',
    busy: false,
    note: '',
    /** @type {'' | 'link' | 'relayed'} 确认前的警告：链接、转发来的码，都可能是别人发的 */
    caution: '',
    /** @type {import('../../../utils/menshen.js').Asked | null} */
    asked: null,
    begun: '',
    /** @type {import('../../../utils/messages.js').Problem | null} */
    problem: null,
  },

  scene: '',
  working: false,
  /** @type {import('../../../utils/step.js').Maybe | ''} */
  maybe: '',
  /** @type {(() => unknown) | null} */
  again: null,

  /** @param {Record<string, string | undefined>} query */
  onLoad(query) {
    const scene = decoded(query.scene);
    this.scene = scene || decoded(query.cq);
    // 只在打开时看一次：从后台回来以后，微信只说最近一次是怎样进入的。
    if (!scene) this.setData({ caution: 'link' });
    else if (!scanned()) this.setData({ caution: 'relayed' });
    if (!this.scene) show(this, 'no_scene');
    else this.scan();
  },

  scan() {
    return step(this, async () => {
      this.setData({ stage: 'loading', asked: null });
      const asked = await menshen.scan(this.scene);
      if (asked.kind !== 'browser') show(this, 'wrong_page');
      else this.setData({ stage: 'ask', asked, begun: time(asked.begun_at) });
    });
  },

  /** @param {string} [phoneCode] */
  confirm(phoneCode) {
    return step(this, async () => {
      await answered(this, 'maybe_done', menshen.confirm(this.scene, phoneCode));
      this.setData({ stage: 'done' });
    });
  },

  onConfirm() {
    this.confirm();
  },

  /** @param {WechatMiniprogram.ButtonGetPhoneNumber} event */
  onPhone(event) {
    const { code, note } = phone(event.detail);
    if (code) this.confirm(code);
    else this.setData({ note });
  },

  onReject() {
    step(this, async () => {
      await answered(this, 'maybe_rejected', menshen.reject(this.scene));
      this.setData({ stage: 'rejected' });
    });
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  onGoOn(event) {
    goOn(this, event.currentTarget.dataset.way, this.data.asked ? 'ask' : '');
  },

  onHome: home,
});
