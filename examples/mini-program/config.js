// 发布前只需修改这里。The only file to change before publishing.
module.exports = {
  /** 网关的 public_url：不带末尾的斜杠，必须是小程序后台登记过的 https 域名。 */
  gateway: 'https://login.example.com',

  /** 网关自己的路径，与网关配置一致。 */
  prefix: '/_menshen',

  /** 网关配置里 kind = "mini_program" 的 [[methods]] 的 id，一键登录用它。 */
  method: 'mini',

  /** 一键登录时是否同时提供“手机号登录”按钮；需要已认证的非个人主体小程序。 */
  askPhone: false,

  /** “回到首页”去的页面，以 / 开头；换成你自己小程序的首页。 */
  home: '/pages/index/index',

  /** 一次请求最多等多久，毫秒。 */
  timeout: 10000,
};
