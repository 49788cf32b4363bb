// 小程序本身没有状态：登录凭证在 utils/session.js，进入场景由微信回答。
App({});
