//! `official_account_web`: the visitor is in WeChat's own browser and logs in without any code.
//!
//! Source: "网页授权" (web authorization of service accounts).

use super::App;
use super::directory::Scope;
use crate::domain::Flow;
use crate::wechat::{self, OAuthScope};

/// WeChat's consent page for `flow`, or its silent redirect.
pub(super) fn page(
    wechat: &wechat::Client,
    app: &App,
    scope: Scope,
    callback_url: &str,
    flow: &Flow,
) -> String {
    let scope = match scope {
        Scope::Base => OAuthScope::Base,
        Scope::Userinfo => OAuthScope::UserInfo,
    };
    wechat::oauth2_authorize_url(
        wechat.open(),
        app.app_id.as_str(),
        callback_url,
        scope,
        flow.id.as_str(),
        false,
    )
}
