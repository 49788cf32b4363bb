// 小程序自己的登录：一键登录，可以同时提供手机号；一个微信对应几个账号时让用户选，一个都没有时让用户验证（utils/bind.js）；
// 登出。凭证由 utils/session.js 保管，这里看不到。
const config = require('../../../config.js');
const bind = require('../../../utils/bind.js');
const menshen = require('../../../utils/menshen.js');
const { home, time } = require('../../../utils/show.js');
const { goOn, phone, step } = require('../../../utils/step.js');

Page({
  data: {
    /** @type {'loading' | 'out' | 'choose' | 'bind' | 'in' | 'failed'} */
    stage: 'loading',
    busy: false,
    note: '',
    askPhone: config.askPhone,
    name: '',
    /** @type {{ id: string, name: string, about: string }[]} */
    accounts: [],
    form: bind.blank(),
    /** @type {import('../../../utils/messages.js').Problem | null} */
    problem: null,
  },

  /** @type {import('../../../utils/menshen.js').Choice | null} */
  choice: null,
  /** @type {import('../../../utils/menshen.js').Bind | null} */
  question: null,
  timer: 0,
  working: false,
  /** @type {(() => unknown) | null} */
  again: null,

  onLoad() {
    if (menshen.hasToken()) this.look();
    else this.setData({ stage: 'out' });
  },

  onUnload() {
    bind.close(this);
  },

  /** 已有凭证：它还有效吗？ */
  look() {
    return step(this, async () => {
      this.setData({ stage: 'loading' });
      try {
        const { name } = await menshen.userinfo();
        this.setData({ stage: 'in', name: name || '微信用户' });
      } catch (failure) {
        if (!(failure instanceof menshen.Failure) || failure.status !== 401) throw failure;
        this.setData({ stage: 'out', note: '登录已过期，请重新登录。' });
      }
    });
  },

  /** @param {string} [phoneCode] */
  login(phoneCode) {
    return step(this, async () => this.take(await menshen.login(phoneCode)));
  },

  /** @param {import('../../../utils/menshen.js').Answer} answer */
  take(answer) {
    this.choice = null;
    bind.close(this);
    if (!('pending' in answer)) {
      this.setData({ stage: 'in', name: answer.account.name || '微信用户' });
    } else if (answer.pending === 'choose') {
      this.choice = answer;
      this.setData({ stage: 'choose', accounts: answer.accounts.map(shown) });
    } else if (answer.pending === 'bind') {
      bind.ask(this, answer);
    } else {
      // 比这个小程序新的网关问的。
      throw new menshen.Failure('bad_answer');
    }
  },

  onLogin() {
    this.login();
  },

  /** @param {WechatMiniprogram.ButtonGetPhoneNumber} event */
  onPhone(event) {
    const { code, note } = phone(event.detail);
    if (code) this.login(code);
    else this.setData({ note });
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  onChoose(event) {
    const choice = this.choice;
    if (choice === null) return;
    step(this, async () => this.take(await menshen.choose(choice, event.currentTarget.dataset.id)));
  },

  /** @param {WechatMiniprogram.Input} event */
  onType(event) {
    this.setData({ [`form.${event.currentTarget.dataset.field}`]: event.detail.value });
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  onWay(event) {
    bind.turn(this, event.currentTarget.dataset.way);
  },

  onSendCode() {
    bind.sendCode(this);
  },

  onProve() {
    bind.prove(this);
  },

  onCreate() {
    bind.create(this);
  },

  onLeave() {
    bind.leave(this);
  },

  onLogout() {
    step(this, async () => {
      await menshen.logout();
      this.setData({ stage: 'out', name: '' });
    });
  },

  /** 从别的页面来，就回到那里。 */
  onDone() {
    if (getCurrentPages().length > 1) wx.navigateBack();
    else home();
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  onGoOn(event) {
    goOn(this, event.currentTarget.dataset.way, 'out');
  },

  onHome: home,
});

/** @param {import('../../../utils/menshen.js').Account} account */
function shown(account) {
  const about = [account.phone, account.last_login && `上次登录 ${time(account.last_login)}`];
  return { id: account.id, name: account.name || '未命名账号', about: about.filter(Boolean).join('，') };
}
