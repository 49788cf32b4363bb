// 用微信扫登录页上的小程序码（?scene=）或打开链接（?cq=）后到这里：看清是谁在登录，再确认或取消。
// 没有用户的点击，从不确认。
const menshen = require('../../../utils/menshen.js');
const { decoded, home, relayed, time } = require('../../../utils/show.js');
const { goOn, phone, show, step } = require('../../../utils/step.js');

Page({
  data: {
    /** @type {'loading' | 'ask' | 'done' | 'rejected' | 'failed'} */
    stage: 'loading',
    busy: false,
    note: '',
    relayed: false,
    /** @type {import('../../../utils/menshen.js').Asked | null} */
    asked: null,
    begun: '',
    /** @type {import('../../../utils/messages.js').Problem | null} */
    problem: null,
  },

  scene: '',
  working: false,
  lost: false,
  /** @type {(() => unknown) | null} */
  again: null,

  /** @param {Record<string, string | undefined>} query */
  onLoad(query) {
    this.scene = decoded(query.scene) || decoded(query.cq);
    if (!this.scene) show(this, 'no_scene');
    else this.scan();
  },

  scan() {
    return step(this, async () => {
      this.setData({ stage: 'loading', asked: null });
      const asked = await menshen.scan(this.scene);
      if (asked.kind !== 'browser') show(this, 'wrong_page');
      else this.setData({ stage: 'ask', asked, begun: time(asked.begun_at), relayed: relayed() });
    });
  },

  /** @param {string} [phoneCode] */
  confirm(phoneCode) {
    return step(this, async () => {
      await menshen.confirm(this.scene, phoneCode);
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
      await menshen.reject(this.scene);
      this.setData({ stage: 'rejected' });
    });
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  onGoOn(event) {
    goOn(this, event.currentTarget.dataset.way, this.data.asked ? 'ask' : '');
  },

  onHome: home,
});
