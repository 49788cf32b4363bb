// 没有账号对应这个微信时：验证一个已有的账号，或新建一个。出了错就在原处说，填过的账号和地址还在；
// 密码和验证码送出一次就清掉，从不记录。
const menshen = require('./menshen.js');
const { problem } = require('./messages.js');
const { noted, step } = require('./step.js');

/**
 * @typedef {import('./menshen.js').Proof} Proof
 * @typedef {ReturnType<typeof blank>} Form
 *
 * 页面里这里用到的部分。
 * @typedef {import('./step.js').Steps & {
 *   data: { form: Form },
 *   question: import('./menshen.js').Bind | null,
 *   timer: number,
 *   take: (answer: import('./menshen.js').Answer) => void,
 * }} Page
 */

/** @type {Record<Proof, string>} */
const LABELS = { password: '用密码验证', email_code: '用邮箱验证码', sms_code: '用短信验证码' };

const blank = () => ({
  /** @type {Proof[]} */
  ways: [],
  /** @type {Proof | ''} 现在显示的那一种 */
  way: '',
  /** @type {{ way: Proof, label: string }[]} 可以换成的 */
  others: [],
  mayCreate: false,
  name: '',
  password: '',
  email: '',
  phone: '',
  code: '',
  /** @type {Proof | ''} 最近的验证码送到了邮箱还是手机：只有它有效 */
  sent: '',
  sentNote: '',
  /** 多少秒后可以再要验证码 */
  wait: 0,
});

/**
 * @param {Page} page
 * @param {import('./menshen.js').Bind} question
 */
function ask(page, question) {
  // 比这个小程序新的网关可能有别的。
  const ways = question.proofs.filter((proof) => Object.prototype.hasOwnProperty.call(LABELS, proof));
  page.question = question;
  page.setData({ stage: 'bind', problem: null, form: { ...blank(), ways, mayCreate: question.may_create === true } });
  if (ways.length > 0) showWay(page, ways[0]);
}

/**
 * @param {Page} page
 * @param {Proof} way
 */
function showWay(page, way) {
  const others = page.data.form.ways.filter((other) => other !== way);
  page.setData({ 'form.way': way, 'form.others': others.map((other) => ({ way: other, label: LABELS[other] })) });
}

/**
 * 换一种验证方式。
 * @param {Page} page
 * @param {Proof} way
 */
function turn(page, way) {
  if (page.working) return;
  page.setData({ problem: null, note: '' });
  showWay(page, way);
}

/**
 * 一步。失败了留在原处，除非这次登录已经结束。
 * @param {Page} page
 * @param {(question: import('./menshen.js').Bind) => Promise<void>} work
 */
function attempt(page, work) {
  return step(page, async () => {
    const { question } = page;
    if (question === null) return;
    page.setData({ problem: null });
    try {
      await work(question);
    } catch (failure) {
      // 微信在验证通过之后才被别的账号绑定：这次登录也已经结束。
      const ended =
        failure instanceof menshen.Failure && (problem(failure).way === 'login' || failure.code === 'identity_taken');
      if (ended) close(page);
      if (ended || !(failure instanceof menshen.Failure)) throw failure;
      page.setData({ problem: noted(failure) });
    }
  });
}

/**
 * 要验证的；没有填好，就是给用户看的一句话。
 * @param {Form} form
 * @returns {import('./menshen.js').Claim | string}
 */
function claimed({ way, name, password, code }) {
  if (way === '') return '请选择一种验证方式。';
  if (way !== 'password') return code.trim() ? { proof: way, code: code.trim() } : '请填写验证码。';
  return name.trim() && password ? { proof: way, name: name.trim(), password } : '请填写账号和密码。';
}

/** @param {Page} page */
function prove(page) {
  return attempt(page, async (question) => {
    const claim = claimed(page.data.form);
    if (typeof claim === 'string') {
      page.setData({ note: claim });
      return;
    }
    try {
      page.take(await menshen.bind(question, claim));
    } catch (failure) {
      if (failure instanceof menshen.Failure && failure.code === 'code_expired') page.setData({ 'form.sent': '' });
      throw failure;
    } finally {
      page.setData({ 'form.password': '', 'form.code': '' });
    }
  });
}

/** @param {Page} page */
function sendCode(page) {
  return attempt(page, async (question) => {
    const { way, email, phone, wait } = page.data.form;
    if (way === '' || way === 'password' || wait > 0) return;
    const to = (way === 'email_code' ? email : phone).trim();
    if (!to) {
      page.setData({ note: way === 'email_code' ? '请填写账号的邮箱。' : '请填写账号的手机号。' });
      return;
    }
    /** @param {string} sentNote */
    const sent = (sentNote) => page.setData({ 'form.code': '', 'form.sent': way, 'form.sentNote': sentNote });
    try {
      const answer = await menshen.sendCode(question, way, to);
      // 网关不说有没有这个账号，这里也不说。
      sent(`如果有账号使用 ${answer.to}，验证码已经发出，${Math.floor(answer.expires_in / 60)} 分钟内有效。`);
      countDown(page, answer.again_in);
    } catch (failure) {
      if (failure instanceof menshen.Failure) {
        if (failure.lost) sent('验证码可能已经发出，收到了就填在这里。');
        if (failure.code === 'code_too_soon') countDown(page, failure.retryAfter);
      }
      throw failure;
    }
  });
}

/** @param {Page} page */
function create(page) {
  return attempt(page, async (question) => page.take(await menshen.create(question)));
}

/**
 * 小程序到后台时计时会停（用户去看短信了），所以每次都看时间。
 * @param {Page} page
 * @param {number} seconds
 */
function countDown(page, seconds) {
  // 等回答时页面可能已经关了。
  if (page.question === null) return;
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    const wait = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    page.setData({ 'form.wait': wait });
    if (wait > 0) page.timer = setTimeout(tick, 1000);
  };
  tick();
}

/**
 * 这次问答结束了：填过的都清掉。
 * @param {Page} page
 */
function close(page) {
  clearTimeout(page.timer);
  page.question = null;
  page.setData({ form: blank() });
}

/** @param {Page} page */
function leave(page) {
  if (page.working) return;
  close(page);
  page.setData({ stage: 'out', problem: null, note: '' });
}

module.exports = { ask, blank, close, create, leave, prove, sendCode, turn };
