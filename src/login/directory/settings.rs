//! `[[pools]]`, `[[apps]]` and `[[methods]]` as they are written in the config file.
//!
//! Says nothing about whether they fit together; `check` does.

use serde::Deserialize;
use url::Url;

use crate::domain::{AppId, Binding, MethodId, OnConflict, Otherwise, PoolId, Proof, Registration};
use crate::ground::{Secret, Span};
use crate::login::replies::RepliesConfig;
use crate::login::token_source::TokenSourceName;

use super::program::OpenIn;
use crate::wechat::ProgramVersion;

/// `[[pools]]`: one population of people.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// Name of the pool; apps refer to it.
    pub id: PoolId,
    /// Whether unknown people get an account: `open` (default) or `closed`.
    #[serde(default)]
    pub registration: Registration,
    /// Where OpenID and UnionID lead to different accounts: `choose` (default) or `unionid`.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// How somebody unknown comes to an account that exists: `none` (default), `match` or `ask`.
    #[serde(default)]
    pub binding: Binding,
    /// Where `match` finds no account: `refuse` (default), `ask` or `create`.
    #[serde(default)]
    pub otherwise: Otherwise,
    /// What proves an account to who is asked: `password`, `email_code`, `sms_code`.
    #[serde(default)]
    pub proofs: Vec<Proof>,
    /// The address of a site that checks passwords itself, in place of imported ones.
    #[serde(default)]
    pub proof_webhook: Option<String>,
    /// What questions to it are signed with. Also `proof_webhook_secret_file` or `proof_webhook_secret_credential`.
    #[serde(default)]
    pub proof_webhook_secret: Option<Secret>,
}

/// `[[apps]]`: one app at WeChat.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// Name of the app; methods refer to it, and it is part of the callback address.
    pub id: String,
    /// What it is at WeChat: `website`, `official_account` (a verified service account), `mini_program` or `mobile`.
    pub kind: AppKind,
    /// Its AppID.
    pub app_id: AppId,
    /// Its AppSecret. Also `secret_file = "path"` or `secret_credential = "name"` (systemd).
    #[serde(default)]
    pub secret: Secret,
    /// The pool its people belong to: all apps bound to one Open Platform account share one.
    pub pool: PoolId,
    /// `official_account`, `mini_program`: where its server token comes from: `stable` (default), `token` or
    /// `endpoint`.
    #[serde(default)]
    pub server_token: Option<TokenSourceName>,
    /// `endpoint`: the address of the operator's own token server.
    #[serde(default)]
    pub token_endpoint: Option<String>,
    /// `endpoint`: its bearer token. Also `token_endpoint_secret_file` or `token_endpoint_secret_credential`.
    #[serde(default)]
    pub token_endpoint_secret: Option<Secret>,
    /// `official_account`: the Token of its server configuration (服务器配置), 3 to 32 letters and digits. Needed for
    /// `official_account_scan`. Also `token_file` or `token_credential`.
    #[serde(default)]
    pub token: Secret,
    /// `official_account`: the EncodingAESKey of its server configuration, 43 letters and digits. With it only
    /// encrypted messages are believed. Also `encoding_aes_key_file` or `encoding_aes_key_credential`.
    #[serde(default)]
    pub encoding_aes_key: Secret,
    /// `official_account`: your own message server, which gets every message that is not a login, as WeChat sent it.
    #[serde(default)]
    pub relay_to: Option<Url>,
    /// `official_account`: what people read in the chat.
    #[serde(default)]
    pub replies: RepliesConfig,
    /// `mini_program`: its original id (原始 ID, `gh_` and 12 characters), by which native apps open it. Needed for
    /// `app_launch`.
    #[serde(default)]
    pub original_id: Option<String>,
}

/// What an app is at WeChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// A website app of the Open Platform.
    Website,
    /// A verified service account.
    OfficialAccount,
    /// A mini program.
    MiniProgram,
    /// A native app of the Open Platform.
    Mobile,
}

/// `[[methods]]`: one way to log in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodConfig {
    /// Name of the method; routes refer to it.
    pub id: MethodId,
    /// `website_qr`, `official_account_web`, `official_account_scan`, `mini_program_scan`, `mini_program`, `mobile_app` or
    /// `app_launch`.
    pub kind: MethodKindName,
    /// The app it uses.
    pub app: String,
    /// Text on the login page instead of the built-in one.
    #[serde(default)]
    pub label: Option<String>,
    /// Overrides the pool's `registration` for people who come this way.
    #[serde(default)]
    pub registration: Option<Registration>,
    /// Overrides the pool's `binding`.
    #[serde(default)]
    pub binding: Option<Binding>,
    /// Overrides the pool's `otherwise`.
    #[serde(default)]
    pub otherwise: Option<Otherwise>,
    /// Overrides the pool's `proofs`.
    #[serde(default)]
    pub proofs: Option<Vec<Proof>>,
    /// `website_qr`: `embedded` (default; the code inside our page) or `redirect` (WeChat's page in full).
    #[serde(default)]
    pub presentation: Option<Presentation>,
    /// `official_account_web`: `snsapi_userinfo` (default; nickname and UnionID, asks for consent) or
    /// `snsapi_base` (silent, OpenID only).
    #[serde(default)]
    pub scope: Option<Scope>,
    /// `official_account_scan`, `mini_program_scan`, `app_launch`: how long a code can be scanned or a launch confirmed,
    /// from `"10s"` to `"30m"`; default `"3m"`.
    #[serde(default)]
    pub lifetime: Option<Span>,
    /// `official_account_scan`: whether the phone is asked before the browser is signed in; default `false`.
    #[serde(default)]
    pub confirm: Option<bool>,
    /// `official_account_scan`: `drawn` (default; by us, sharp at every size) or `wechat` (WeChat's own picture).
    #[serde(default)]
    pub picture: Option<Picture>,
    /// `official_account_scan`: what happens to the sessions of somebody who unfollows the account: `keep` (default)
    /// or `end_sessions`.
    #[serde(default)]
    pub on_unfollow: Option<OnUnfollow>,
    /// `mini_program_scan`, `app_launch`: the page of the mini program that confirms; default
    /// `"pages/menshen/confirm/confirm"` and `"pages/menshen/launch/launch"`.
    #[serde(default)]
    pub page: Option<String>,
    /// `mini_program_scan`, `app_launch`: which version of the mini program: `release` (default), `trial` or `develop`.
    #[serde(default)]
    pub version: Option<ProgramVersion>,
    /// `mini_program_scan`, `app_launch`: whether the mini program asks for the phone number; default `false`.
    #[serde(default)]
    pub ask_phone: Option<bool>,
    /// `mini_program_scan`: a picture for the centre of the code: a path on your host or `data:image/…`.
    #[serde(default)]
    pub logo: Option<String>,
    /// `mini_program_scan`: how a phone's browser outside WeChat opens the mini program: `none` (default), `url_link` or
    /// `scheme`.
    #[serde(default)]
    pub open: Option<OpenIn>,
}

/// The kinds of methods, by their config names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKindName {
    /// PC WeChat code scanning.
    WebsiteQr,
    /// Login in WeChat's own browser.
    OfficialAccountWeb,
    /// Scanning a code of a service account.
    OfficialAccountScan,
    /// Scanning a code of a mini program.
    MiniProgramScan,
    /// One-click login of a mini program.
    MiniProgram,
    /// A native app pulls WeChat up.
    MobileApp,
    /// A native app opens a mini program.
    AppLaunch,
}

/// Whose picture of a service account's code is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Picture {
    /// Drawn by us from the address in the code.
    #[default]
    Drawn,
    /// WeChat's own, with the account's logo.
    Wechat,
}

/// What happens to the sessions of somebody who unfollows the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnfollow {
    /// They go on.
    #[default]
    Keep,
    /// Those that were opened through this account end.
    EndSessions,
}

/// How a WeChat QR code is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presentation {
    /// In a frame of our own login page.
    #[default]
    Embedded,
    /// On WeChat's page, to which the browser is sent.
    Redirect,
}

/// What the visitor is asked for in WeChat's browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Scope {
    /// Silent; gives the OpenID only.
    #[serde(rename = "snsapi_base")]
    Base,
    /// Asks for consent; gives nickname, avatar and, if the account is bound, the UnionID.
    #[default]
    #[serde(rename = "snsapi_userinfo")]
    Userinfo,
}
