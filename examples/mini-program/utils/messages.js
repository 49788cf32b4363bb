// 每种失败怎么对用户说，以及下一步。说法只取决于错误码；网关的英文说明不给用户看，编号给。
const { Failure } = require('./request.js');

/**
 * 下一步：again 再试一次 · scan 换一个新码 · phone 重新取手机号 · login 重新登录 · leave 没有办法，离开
 * @typedef {'again' | 'scan' | 'phone' | 'login' | 'leave'} Way
 *
 * @typedef {object} Problem 给 templates/problem.wxml
 * @property {string} code
 * @property {string} title
 * @property {string} text
 * @property {Way} way
 * @property {string} label 下一步的按钮
 * @property {boolean} home 还要一个“回到首页”：下一步自己不回首页
 * @property {string} requestId 可能是空的
 */

/** @type {Record<string, [title: string, text: string, way: Way]>} */
const TEXTS = {
  offline: ['没有网络', '没有连上登录服务，请检查手机的网络。', 'again'],
  timeout: ['等得太久了', '登录服务一直没有回答，请稍后再试。', 'again'],
  not_allowed: ['小程序还没有配置好', '登录服务的域名没有在小程序后台登记，请联系管理员。', 'leave'],
  bad_answer: ['登录服务的回答看不懂', '登录服务可能正在维护，请稍后再试。', 'again'],
  wechat_login: ['微信没有回应', '没有从微信得到登录凭据，请再试一次。', 'again'],

  no_scene: ['请扫码打开', '这个页面要用微信扫登录页上的小程序码打开。', 'leave'],
  no_ticket: ['请从应用打开', '这个页面要从应用里点“微信登录”打开。', 'leave'],
  not_from_app: ['请从应用打开', '只有从应用里打开，登录后才能回到应用。请回到应用重新点“微信登录”。', 'leave'],
  wrong_page: ['打开的方式不对', '这个码不是给这个页面用的，请按原来的提示重新打开。', 'leave'],
  maybe_done: ['可能已经完成', '请求已经送出，但没有收到回答。请看原来的页面或应用是否已经登录；没有的话，请重新开始。', 'scan'],
  maybe_rejected: ['可能已经取消', '取消已经送出，但没有收到回答。这次登录已经结束，不能再确认。', 'scan'],

  bad_request: ['请求有误', '小程序与登录服务的版本可能不一致，请联系管理员。', 'leave'],
  unsupported_media_type: ['请求有误', '登录服务不认识请求的格式，请联系管理员。', 'leave'],
  too_large: ['请求有误', '请求的内容太长，请联系管理员。', 'leave'],
  too_many: ['操作太频繁', '请稍等一会儿再试。', 'again'],
  unknown_method: ['小程序还没有配置好', '登录服务没有这种登录方式，请联系管理员。', 'leave'],
  wrong_method: ['小程序还没有配置好', '配置的登录方式不是小程序登录，请联系管理员。', 'leave'],
  code_used: ['登录凭据已被使用', '请再试一次。', 'again'],
  code_rejected: ['登录凭据无效', '微信没有接受这次登录，请再试一次。', 'again'],
  phone_code_rejected: ['没有取得手机号', '手机号凭据已失效，请重新授权手机号，或不提供。', 'phone'],
  encrypted_data_rejected: ['没有取得手机号', '手机号数据已失效，请重新授权手机号，或不提供。', 'phone'],
  nonce_unknown: ['登录已过期', '请重新开始登录。', 'again'],
  ticket_unknown: ['登录请求不存在', '它可能已经过期。请回到原来的页面或应用重新开始。', 'scan'],
  scan_code_used: ['这个码已经用过', '请回到原来的页面，换一个新码。', 'scan'],
  scan_code_expired: ['这个码已经过期', '请回到原来的页面，换一个新码。', 'scan'],
  verifier_wrong: ['不是同一个应用', '请回到应用重新开始登录。', 'leave'],
  return_code_wrong: ['不是同一次登录', '请回到应用重新开始登录。', 'leave'],
  flow_expired: ['等得太久，登录已过期', '请重新登录。', 'login'],
  flow_finished: ['这次登录已经结束', '请重新登录。', 'login'],
  foreign_browser: ['不是同一次登录', '请重新登录。', 'login'],
  account_not_offered: ['不能选择这个账号', '请重新登录，再选一次。', 'login'],
  identity_taken: ['微信已绑定其他账号', '这个微信已经属于另一个账号，请用那个账号登录或联系管理员。', 'leave'],
  has_another: ['账号已绑定其他微信', '同一登录方式下只能绑定一个微信，请先解绑原来的，或联系管理员。', 'leave'],
  last_wechat: ['唯一的微信不能解绑', '解绑后就无法登录了，请先绑定另一个微信。', 'leave'],
  wechat_unknown: ['没有绑定这个微信', '可能已经解绑，请刷新后再看。', 'leave'],
  session_unknown: ['没有这个登录', '可能已经退出，请刷新后再看。', 'leave'],
  wrong_proof: ['信息不正确', '账号与密码不匹配，或验证码不正确，请核对后再试。', 'again'],
  locked: ['错误次数太多', '为了账号安全，请过一会儿再试。', 'again'],
  code_too_soon: ['刚刚发过验证码', '请看看垃圾邮件或被拦截的短信，过一会儿再获取。', 'again'],
  too_many_codes: ['验证码发送太多', '请使用已收到的验证码，或过几个小时再试。', 'again'],
  code_expired: ['验证码已失效', '可能已过期，或试了太多次，请重新获取。', 'again'],
  address_invalid: ['不能发到这里', '请填写正确的邮箱或手机号，境外手机号以 + 和国家代码开头。', 'again'],
  proof_not_offered: ['不能这样验证', '这里不支持这种验证方式，请换一种。', 'leave'],
  proof_unavailable: ['暂时无法验证', '现在不能核对密码或发送验证码，请稍后再试。', 'again'],
  login_required: ['还没有登录', '请先登录。', 'login'],
  session_expired: ['登录已过期', '请重新登录。', 'login'],
  account_disabled: ['账号已停用', '请联系管理员。', 'leave'],
  registration_closed: ['没有可用的账号', '现在不接受新账号，请联系管理员开通。', 'leave'],
  no_matching_account: ['没有匹配的账号', '这里按账号的手机号找账号，请授权账号所用的手机号，或联系管理员。', 'phone'],
  account_has_wechat: ['账号已绑定其他微信', '这个账号不会换绑。请用原来的微信登录，或联系管理员。', 'leave'],
  several_accounts: ['找到多个账号', '这个微信对应多个账号，请联系管理员合并。', 'leave'],
  wechat_unavailable: ['微信暂时没有回应', '登录服务没有连上微信，请稍后再试。', 'again'],
  wechat_busy: ['微信正忙', '请稍后再试。', 'again'],
  wechat_refused: ['微信不允许这次登录', '微信认为这个微信号有风险，或限制了它的登录。请联系管理员。', 'leave'],
  misconfigured: ['登录服务没有配置好', '请联系管理员。', 'leave'],
  internal: ['登录服务出了错', '请稍后再试；一直这样的话，请把编号告诉管理员。', 'again'],
  store_down: ['登录服务暂时不可用', '请稍后再试。', 'again'],
};

/** @type {Record<Way, string>} */
const LABELS = { again: '再试一次', scan: '知道了', phone: '返回', login: '重新登录', leave: '回到首页' };

/**
 * @param {unknown} failure Failure，或这里的一个错误码；其他的是程序自己的错误
 * @returns {Problem}
 */
function problem(failure) {
  const { code, retryable, retryAfter, requestId } =
    failure instanceof Failure ? failure : new Failure(typeof failure === 'string' ? failure : 'unexpected');
  const known = Object.prototype.hasOwnProperty.call(TEXTS, code) ? TEXTS[code] : undefined;
  const [title, text, way] = known || ['登录没有成功', '请稍后再试，或联系管理员。', retryable ? 'again' : 'leave'];
  const long = retryAfter >= 120;
  const after = long ? `${Math.ceil(retryAfter / 60)} 分钟` : `${retryAfter} 秒`;
  const wait = way === 'again' && retryAfter > 0 ? `（大约 ${after}后）` : '';
  const home = way !== 'leave' && way !== 'scan';
  return { code, title, text: text + wait, way, label: LABELS[way], home, requestId };
}

module.exports = { LABELS, TEXTS, problem };
