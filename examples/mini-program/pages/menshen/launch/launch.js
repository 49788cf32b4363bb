// 应用用 WXLaunchMiniProgram 打开这里（?t=TICKET）：确认后带着一次性的 return_code 回到应用。
// 只有用户点“返回应用”才交出 return_code；它从不写进存储和日志。
const menshen = require('../../../utils/menshen.js');
const { decoded, fromApp, home, time } = require('../../../utils/show.js');
const { answered, goOn, phone, show, step } = require('../../../utils/step.js');

Page({
  data: {
    /** @type {'loading' | 'ask' | 'done' | 'rejected' | 'failed'} */
    stage: 'loading',
    busy: false,
    note: '',
    /** @type {import('../../../utils/menshen.js').Asked | null} */
    asked: null,
    begun: '',
    returnCode: '',
    /** 是从应用来的：失败了也给一条回去的路。 */
    fromApp: false,
    /** @type {import('../../../utils/messages.js').Problem | null} */
    problem: null,
  },

  ticket: '',
  working: false,
  /** @type {import('../../../utils/step.js').Maybe | ''} */
  maybe: '',
  /** @type {(() => unknown) | null} */
  again: null,

  /** @param {Record<string, string | undefined>} query */
  onLoad(query) {
    this.ticket = decoded(query.t);
    this.setData({ fromApp: fromApp() });
    if (!this.ticket) show(this, 'no_ticket');
    else if (!this.data.fromApp) show(this, 'not_from_app');
    else this.scan();
  },

  scan() {
    return step(this, async () => {
      this.setData({ stage: 'loading', asked: null });
      const asked = await menshen.scan(this.ticket);
      if (asked.kind !== 'app') show(this, 'wrong_page');
      else this.setData({ stage: 'ask', asked, begun: time(asked.begun_at) });
    });
  },

  /** @param {string} [phoneCode] */
  confirm(phoneCode) {
    return step(this, async () => {
      const { return_code: returnCode } = await answered(this, 'maybe_done', menshen.confirm(this.ticket, phoneCode));
      if (!returnCode) throw new menshen.Failure('bad_answer');
      this.setData({ stage: 'done', returnCode });
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
      await answered(this, 'maybe_rejected', menshen.reject(this.ticket));
      this.setData({ stage: 'rejected' });
    });
  },

  /** errMsg 是 invalid scene：小程序后来又从别处打开过，微信收回了返回应用的能力。 */
  onLaunchError() {
    this.setData({ note: '微信不允许从这里回到应用。请自己切换回应用，重新点“微信登录”。' });
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  onGoOn(event) {
    goOn(this, event.currentTarget.dataset.way, this.data.asked ? 'ask' : '');
  },

  onHome: home,
});
