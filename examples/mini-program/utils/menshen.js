// 网关的接口，一个函数一个。每次请求都用新的 wx.login code；没有等到回答，或 code 已不能用，就换一个 code
// 再试一次，只一次。从不记录 code、手机号 code 和登录凭证。
const config = require('../config.js');
const session = require('./session.js');
const { Failure, request } = require('./request.js');

/**
 * @typedef {object} Account
 * @property {string} id
 * @property {string} [name]
 * @property {string} [avatar]
 * @property {string} [phone] 只有首尾几位
 * @property {number} [last_login] Unix 秒，选择账号时才有
 * @property {string[]} [groups]
 *
 * @typedef {object} Choice 一个微信对应几个账号，要用户选
 * @property {'choose'} pending
 * @property {string} flow
 * @property {string} key
 * @property {number} expires_in
 * @property {Account[]} accounts
 *
 * @typedef {'password' | 'email_code' | 'sms_code'} Proof 怎样验证账号是用户的
 *
 * @typedef {object} Bind 没有账号对应这个微信：验证一个已有的，或新建一个
 * @property {'bind'} pending
 * @property {string} flow
 * @property {string} key
 * @property {number} expires_in
 * @property {Proof[]} proofs 按网关给的顺序
 * @property {boolean} may_create
 *
 * @typedef {{ proof: 'password', name: string, password: string }
 *   | { proof: 'email_code' | 'sms_code', code: string }} Claim
 *
 * @typedef {object} Sent 地址属于某个账号的话，验证码已经送出；不属于，回答也一样
 * @property {string} to 只有首尾
 * @property {number} expires_in
 * @property {number} again_in 多少秒后可以再要一个
 *
 * @typedef {{ token: string, expires_in: number, account: Account }} LoggedIn
 *
 * @typedef {LoggedIn | Choice | Bind} Answer
 *
 * @typedef {object} Asked 正在请求登录的是谁
 * @property {string} site
 * @property {string} host
 * @property {'browser' | 'app'} kind
 * @property {string} [browser]
 * @property {string} [ip]
 * @property {number} begun_at Unix 秒
 * @property {number} expires_in
 * @property {boolean} ask_phone
 * @property {boolean} [adding] 确认后不登录，而是把这个微信绑定到对方已登录的账号：必须告诉用户
 *
 * @typedef {object} Myself
 * @property {string} account
 * @property {string} [name]
 * @property {string} [avatar]
 * @property {string[]} groups
 * @property {number} logged_in_at Unix 秒
 */

/** @returns {Promise<string>} 一个新的 code：5 分钟内有效，只能用一次 */
function code() {
  return new Promise((resolve, reject) => {
    wx.login({
      timeout: config.timeout,
      success: (got) => {
        if (got.code) resolve(got.code);
        else reject(new Failure('wechat_login', { retryable: true, message: got.errMsg }));
      },
      fail: (error) => reject(new Failure('wechat_login', { retryable: true, message: error.errMsg })),
    });
  });
}

/** @param {Failure} failure */
const worthAnotherCode = (failure) => failure.lost || failure.code === 'code_used' || failure.code === 'code_rejected';

/**
 * 带一个新 code 的请求。
 * @param {string} path
 * @param {Record<string, unknown>} data 空的字段不会送出
 */
async function withCode(path, data) {
  const said = Object.fromEntries(Object.entries(data).filter(([, value]) => value));
  try {
    return await request(path, { data: { ...said, code: await code() } });
  } catch (first) {
    if (!(first instanceof Failure) || !worthAnotherCode(first)) throw first;
    try {
      return await request(path, { data: { ...said, code: await code() } });
    } catch (second) {
      if (second instanceof Failure) second.afterLostAnswer = first.lost;
      throw second;
    }
  }
}

/**
 * 带登录凭证的请求。网关说凭证无效，就删掉它。没有等到回答时，读取会再试一次。
 * @param {string} path
 * @param {import('./request.js').Ask} [ask]
 */
async function withToken(path, ask = {}) {
  const token = session.token();
  if (!token) throw new Failure('login_required', { status: 401 });
  const attempt = () => request(path, { ...ask, token });
  try {
    return await attempt().catch((failure) => {
      if (ask.method === 'GET' && failure.lost) return attempt();
      throw failure;
    });
  } catch (failure) {
    // 等回答时可能又登录了一次，新的凭证不能删。
    if (failure instanceof Failure && failure.status === 401 && session.token() === token) session.forget();
    throw failure;
  }
}

/**
 * @param {Answer} answer
 * @returns {Answer}
 */
function remember(answer) {
  if ('token' in answer) session.keep(answer.token, answer.expires_in);
  return answer;
}

/**
 * 一键登录；`phoneCode` 来自手机号按钮。
 * @param {string} [phoneCode]
 * @returns {Promise<Answer>}
 */
async function login(phoneCode) {
  const path = `/api/login/${encodeURIComponent(config.method)}`;
  return remember(await withCode(path, { phone_code: phoneCode }));
}

/**
 * 回答网关问的。从不自动重发：没有等到回答时它可能已经生效，再答就是 flow_finished，重新登录就好。
 * @param {Choice | Bind} question
 * @param {'choose' | 'bind' | 'create' | 'send_code'} call
 * @param {Record<string, unknown>} [data]
 */
function reply({ flow, key }, call, data = {}) {
  return request(`/api/flow/${encodeURIComponent(flow)}/${call}`, { data: { ...data, key } });
}

/**
 * @param {Choice} choice
 * @param {string} account
 */
const choose = async (choice, account) => remember(await reply(choice, 'choose', { account }));

/**
 * 验证一个已有的账号，以后这个微信就登录它。
 * @param {Bind} question
 * @param {Claim} claim
 */
const bind = async (question, claim) => remember(await reply(question, 'bind', claim));

/**
 * 新建一个账号；`may_create` 才可以。
 * @param {Bind} question
 */
const create = async (question) => remember(await reply(question, 'create'));

/**
 * 把验证码送到账号的邮箱或手机。
 * @param {Bind} question
 * @param {'email_code' | 'sms_code'} proof
 * @param {string} to
 * @returns {Promise<Sent>}
 */
const sendCode = (question, proof, to) => reply(question, 'send_code', { proof, to });

/** 本机一定登出；网关没有回答时，那边的会话等到过期。 */
async function logout() {
  try {
    await withToken('/api/logout');
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
  } finally {
    session.forget();
  }
}

/** @returns {Promise<Myself>} */
const userinfo = () => withToken('/userinfo', { method: 'GET' });

/**
 * @param {string} scene
 * @returns {Promise<Asked>}
 */
const scan = (scene) => withCode('/api/scan', { scene });

/**
 * @param {string} scene
 * @param {string} [phoneCode]
 * @returns {Promise<{ approved: true, return_code?: string }>}
 */
const confirm = (scene, phoneCode) => withCode('/api/confirm', { scene, phone_code: phoneCode });

/**
 * @param {string} scene
 * @returns {Promise<{ approved: false }>}
 */
const reject = (scene) => withCode('/api/reject', { scene });

module.exports = { Failure, bind, choose, confirm, create, hasToken: () => session.token() !== '', login, logout, reject,
  scan, sendCode, userinfo, withToken };
