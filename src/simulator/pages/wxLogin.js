// new WxLogin({id, appid, scope, redirect_uri, state, ...}): puts the QR page into an element.
// Like the original it pastes every value as it is: redirect_uri must already be percent-encoded.
(function (window, document) {
  var OPEN = "https://open.weixin.qq.com";
  window.WxLogin = function (options) {
    var mode = options.self_redirect === true ? "true" : options.self_redirect === false ? "false" : "default";
    var src = OPEN + "/connect/qrconnect?appid=" + options.appid + "&scope=" + options.scope +
      "&redirect_uri=" + options.redirect_uri + "&state=" + options.state +
      "&login_type=jssdk&self_redirect=" + mode +
      "&styletype=" + (options.styletype || "") + "&sizetype=" + (options.sizetype || "") +
      "&bgcolor=" + (options.bgcolor || "") + "&rst=" + (options.rst || "");
    if (options.style) { src += "&style=" + options.style; }
    if (options.href) { src += "&href=" + options.href; }
    if (options.lang === "en") { src += "&lang=en"; }
    if (options.stylelite === 1) { src += "&stylelite=1"; }
    if (options.fast_login === 0) { src += "&fast_login=0"; }
    var frame = document.createElement("iframe");
    frame.src = src;
    frame.frameBorder = "0";
    frame.allowTransparency = "true";
    frame.scrolling = "no";
    frame.width = "300px";
    frame.height = "400px";
    var element = document.getElementById(options.id);
    element.innerHTML = "";
    element.appendChild(frame);
  };
})(window, document);
