//! `website_qr`: a desktop browser shows WeChat's code, the visitor's phone confirms.
//!
//! WeChat's page draws, watches and expires the code; this file only addresses it.
//! Source: "网站应用微信登录开发指南" (website-app login guide).

use super::App;
use crate::domain::Flow;
use crate::wechat::{self, QrLang};

/// WeChat's page for `flow`, made for a frame or in full.
pub(super) fn page(
    wechat: &wechat::Client,
    app: &App,
    embedded: bool,
    lang: QrLang,
    callback_url: &str,
    flow: &Flow,
) -> String {
    let options = wechat::QrOptions {
        // In a frame, WeChat's page navigates the top window, so the callback arrives as an ordinary
        // navigation with our cookies.
        embedded,
        self_redirect: Some(false),
        stylelite: true,
        lang,
        ..Default::default()
    };
    wechat::qrconnect_url(wechat.open(), app.app_id.as_str(), callback_url, flow.id.as_str(), options)
}
