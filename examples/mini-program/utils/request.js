// 对网关的一次请求：有时限，返回 Promise，失败时总是 Failure。从不重复请求，重复与否由 menshen.js 决定。
const config = require('../config.js');

/**
 * 一次没有成功的请求。`code` 是网关的错误码，或这里自己的：
 * offline（没有连上）、timeout（没有等到回答）、not_allowed（域名没有登记）、bad_answer（回答看不懂）、
 * wechat_login（微信没有给出 code）。
 * 不继承 Error：转成 ES5 之后，继承内建类型的 instanceof 不一定成立。
 */
class Failure {
  /**
   * @param {string} code
   * @param {{ message?: string, retryable?: boolean, status?: number, requestId?: string, retryAfter?: number }} [more]
   */
  constructor(code, more = {}) {
    this.code = code;
    this.message = more.message || code;
    this.retryable = more.retryable === true;
    this.status = more.status || 0;
    this.requestId = more.requestId || '';
    /** 秒；0 表示网关没有说。 */
    this.retryAfter = more.retryAfter || 0;
    /** 前一次请求没有等到回答，它可能已经生效。 */
    this.afterLostAnswer = false;
  }

  /** 请求可能到了网关，也可能没到。 */
  get lost() {
    return this.code === 'timeout' || this.code === 'offline';
  }
}

/**
 * @typedef {object} Ask
 * @property {'GET' | 'POST'} [method] 默认 POST
 * @property {Record<string, unknown>} [data]
 * @property {string} [token]
 */

/**
 * @param {string} path 网关自己的路径之下，以 / 开头
 * @param {Ask} [ask]
 * @returns {Promise<any>} 2xx 的内容；需要选择或验证账号时（409）也是内容
 */
function request(path, ask = {}) {
  return new Promise((resolve, reject) => {
    /** @type {Record<string, string>} */
    const header = { 'content-type': 'application/json', accept: 'application/json' };
    if (ask.token) header.authorization = `Bearer ${ask.token}`;
    const method = ask.method || 'POST';
    wx.request({
      url: config.gateway + config.prefix + path,
      method,
      header,
      ...(method === 'POST' ? { data: ask.data || {} } : {}),
      timeout: config.timeout,
      success(answer) {
        const body = answer.data;
        if (answer.statusCode === 204) resolve(undefined);
        else if (!body || typeof body !== 'object') reject(unreadable(answer.statusCode));
        else if (answer.statusCode >= 200 && answer.statusCode < 300) resolve(body);
        else if ('pending' in body) resolve(body);
        else reject(refusal(answer.statusCode, body, answer.header || {}));
      },
      fail(error) {
        reject(unreached(error.errMsg || ''));
      },
    });
  });
}

/** @param {number} status */
function unreadable(status) {
  return new Failure('bad_answer', { status, retryable: status >= 500 });
}

/**
 * @param {number} status
 * @param {Record<string, any>} body
 * @param {Record<string, any>} header 手机上大小写各不相同
 */
function refusal(status, body, header) {
  if (typeof body.error !== 'string') return unreadable(status);
  const name = Object.keys(header).find((key) => key.toLowerCase() === 'retry-after');
  const after = name === undefined ? 0 : Number(header[name]);
  return new Failure(body.error, {
    status,
    message: typeof body.message === 'string' ? body.message : '',
    retryable: body.retryable === true,
    requestId: typeof body.request_id === 'string' ? body.request_id : '',
    retryAfter: after > 0 ? Math.ceil(after) : 0,
  });
}

/** @param {string} errMsg */
function unreached(errMsg) {
  if (/timeout|timed out/i.test(errMsg)) return new Failure('timeout', { retryable: true, message: errMsg });
  if (/domain list/i.test(errMsg)) return new Failure('not_allowed', { message: errMsg });
  return new Failure('offline', { retryable: true, message: errMsg });
}

module.exports = { Failure, request };
