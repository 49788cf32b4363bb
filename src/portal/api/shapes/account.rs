//! What the calls about one's own account carry and are answered with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AccountShape;

/// The answer of `api/account`.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::portal::api) struct MyAccountAnswer<'a> {
    pub(in crate::portal::api) account: AccountShape<'a>,
    /// Who can log in to it; never empty.
    pub(in crate::portal::api) wechats: Vec<WechatShape<'a>>,
    /// Where it is logged in, the latest login first.
    pub(in crate::portal::api) sessions: Vec<SessionShape<'a>>,
}

/// A person at WeChat who can log in to the account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Wechat)]
pub(in crate::portal::api) struct WechatShape<'a> {
    /// Names it for the call that removes it.
    pub(in crate::portal::api) id: String,
    /// The apps it is known in.
    pub(in crate::portal::api) apps: Vec<AppShape<'a>>,
    /// Whether the token was got through it.
    pub(in crate::portal::api) current: bool,
}

/// A configured app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = App)]
pub(in crate::portal::api) struct AppShape<'a> {
    /// The configured app's id.
    #[schema(example = "mini")]
    pub(in crate::portal::api) id: &'a str,
    /// The methods that log in through it.
    pub(in crate::portal::api) methods: Vec<MethodShape<'a>>,
}

/// A configured method.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Method)]
pub(in crate::portal::api) struct MethodShape<'a> {
    /// The configured method's id.
    #[schema(example = "mini")]
    pub(in crate::portal::api) id: &'a str,
    /// The operator's words for it, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::portal::api) label: Option<&'a str>,
}

/// A login of the account, with its sessions on all hosts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(in crate::portal::api) struct SessionShape<'a> {
    /// Names it for the call that ends it.
    #[schema(example = "4f7k2m9p0q3r6s8t1v5w")]
    pub(in crate::portal::api) id: &'a str,
    /// Whether it is that of the token.
    pub(in crate::portal::api) current: bool,
    /// The configured method's id.
    #[schema(example = "mini")]
    pub(in crate::portal::api) method: &'a str,
    /// The hosts it is good at.
    pub(in crate::portal::api) hosts: &'a [String],
    /// The browser or app in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Chrome, Windows")]
    pub(in crate::portal::api) browser: Option<String>,
    /// The address it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::portal::api) ip: Option<&'a str>,
    /// When it began.
    pub(in crate::portal::api) created_at: u64,
    /// When it was last used, as far as was written.
    pub(in crate::portal::api) last_seen_at: u64,
}

/// `POST api/account/wechats/remove`.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::portal::api) struct RemoveRequest {
    /// The id of one of the account's `wechats`.
    pub(in crate::portal::api) id: String,
}

/// `POST api/account/sessions/end`: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::portal::api) struct EndRequest {
    /// The id of one of the account's `sessions`.
    pub(in crate::portal::api) session: Option<String>,
    /// `true`: all but that of the token.
    #[serde(default)]
    pub(in crate::portal::api) others: bool,
}
