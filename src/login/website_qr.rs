//! `website_qr`: a desktop browser shows WeChat's code, the visitor's phone confirms.
//!
//! WeChat's page draws, watches and expires the code; this file only addresses it.
//! Source: "网站应用微信登录开发指南" (website-app login guide).

use super::Start;
use super::directory::Presentation;
use crate::domain::Flow;
use crate::wechat;

/// WeChat's page for `flow`: framed by ours if that is wanted and the method allows it, else in full.
pub(super) fn page(
    wechat: &wechat::Client,
    presentation: &Presentation,
    callback_url: &str,
    flow: &Flow,
    start: &Start<'_>,
) -> String {
    let options = wechat::QrOptions {
        // In a frame, WeChat's page navigates the top window, so the callback arrives as an ordinary
        // navigation with our cookies.
        embedded: start.embedded && *presentation == Presentation::Embedded,
        self_redirect: Some(false),
        stylelite: true,
        lang: start.lang,
        ..Default::default()
    };
    wechat::qrconnect_url(wechat.open(), start.app.app_id.as_str(), callback_url, flow.id.as_str(), options)
}
