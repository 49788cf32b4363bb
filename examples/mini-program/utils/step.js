// 页面上的一步：同一时间只做一步（连点两下也只做一次），失败了就显示原因和下一步。
const { Failure } = require('./request.js');
const { problem } = require('./messages.js');
const { home } = require('./show.js');

/**
 * 页面里 step 用到的部分。
 * @typedef {object} Steps
 * @property {boolean} working 正在做
 * @property {(() => unknown) | null} again 再做一次刚才失败的那步
 * @property {(data: any) => void} setData
 *
 * @typedef {'maybe_done' | 'maybe_rejected'} Maybe 没有等到回答，可能已经生效的是确认，还是取消
 */

/**
 * @param {Steps} page
 * @param {() => Promise<void>} work
 */
async function step(page, work) {
  if (page.working) return;
  page.working = true;
  page.setData({ busy: true, note: '' });
  try {
    await work();
  } catch (failure) {
    page.again = () => step(page, work);
    show(page, failure);
    // 程序自己的错误：用户看到有一步没有成功，开发者在后台看到是哪里。
    if (!(failure instanceof Failure)) throw failure;
  } finally {
    page.working = false;
    page.setData({ busy: false });
  }
}

/**
 * @param {unknown} failure Failure，或 messages.js 里的一个错误码
 */
function noted(failure) {
  if (failure instanceof Failure) {
    // 管理员用编号在网关的日志里找到这次请求；除此之外什么都不记录。
    console.warn('menshen', failure.code, failure.requestId);
  }
  return problem(failure);
}

/**
 * @param {Steps} page
 * @param {unknown} failure Failure，或 messages.js 里的一个错误码
 */
function show(page, failure) {
  page.setData({ stage: 'failed', problem: noted(failure) });
}

/**
 * 确认或取消。没有等到回答的话，它可能已经生效：之后网关说码用过了，就不能说什么都没有发生。
 * @template T
 * @param {Steps & { maybe: Maybe | '' }} page
 * @param {Maybe} maybe
 * @param {Promise<T>} asked
 * @returns {Promise<T>}
 */
async function answered(page, maybe, asked) {
  try {
    return await asked;
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    // 可能已经确认的，后来的取消改变不了。
    if ((failure.lost || failure.afterLostAnswer) && page.maybe !== 'maybe_done') page.maybe = maybe;
    throw page.maybe && failure.code === 'scan_code_used' ? new Failure(page.maybe, failure) : failure;
  }
}

/**
 * 失败之后的那个按钮。
 * @param {Steps} page
 * @param {import('./messages.js').Way} way
 * @param {string} restart 可以重新选择的那个 stage；空的就是没有
 */
function goOn(page, way, restart) {
  if (way === 'again' && page.again) page.again();
  else if (restart && (way === 'phone' || way === 'login')) page.setData({ stage: restart, problem: null });
  else home();
}

/**
 * 手机号按钮的结果：code，或没有取得时给用户看的一句话。
 * @param {{ code?: string, errno?: number }} detail
 * @returns {{ code: string, note: string }}
 */
function phone(detail) {
  if (detail.code) return { code: detail.code, note: '' };
  // 1400001：小程序的手机号次数用完了，再点也没有用。
  const note = detail.errno === 1400001 ? '暂时取不到手机号，可以不提供。' : '没有取得手机号，可以再试一次，或不提供。';
  return { code: '', note };
}

module.exports = { answered, goOn, noted, phone, show, step };
