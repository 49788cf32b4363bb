// 首页：谁登录了。只读 userinfo，不改变任何东西；换成你自己的首页就可以。
const menshen = require('../../utils/menshen.js');
const { home, time } = require('../../utils/show.js');
const { goOn, step } = require('../../utils/step.js');

Page({
  data: {
    /** @type {'loading' | 'out' | 'in' | 'failed'} */
    stage: 'loading',
    busy: false,
    note: '',
    /** @type {{ account: string, name: string, avatar: string, groups: string, since: string } | null} */
    myself: null,
    /** @type {import('../../utils/messages.js').Problem | null} */
    problem: null,
  },

  working: false,
  /** @type {(() => unknown) | null} */
  again: null,

  /** 每次回到首页都重新看：可能刚刚登录或退出。 */
  onShow() {
    if (menshen.hasToken()) this.look();
    else this.setData({ stage: 'out', myself: null });
  },

  look() {
    return step(this, async () => {
      try {
        const { account, name, avatar, groups, logged_in_at: since } = await menshen.userinfo();
        const myself = { account, name: name || '微信用户', avatar: avatar || '', groups: groups.join('、'), since: time(since) };
        this.setData({ stage: 'in', myself });
      } catch (failure) {
        if (!(failure instanceof menshen.Failure) || failure.status !== 401) throw failure;
        this.setData({ stage: 'out', myself: null, note: '登录已过期，请重新登录。' });
      }
    });
  },

  onLogin() {
    wx.navigateTo({ url: '/pages/menshen/login/login' });
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  onGoOn(event) {
    goOn(this, event.currentTarget.dataset.way, 'out');
  },

  onHome: home,
});
