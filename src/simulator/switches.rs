//! Where the documents are silent or disagree, WeChat's behaviour is a switch: these are all of them.
//!
//! They change while the simulator runs, through [`super::Handle`] or `POST /_sim/switches`.

use serde::{Deserialize, Serialize};

use super::push::PushTrouble;

/// All switches with their starting values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What a refused consent page does.
    pub deny: DenyVariant,
    /// Whether the consent page is shown.
    pub consent: Consent,
    /// Whether pages that ask for `snsapi_userinfo` are shown as a snapshot with virtual ids.
    pub snapshot: bool,
    /// Whether a callback is delivered twice.
    pub double_callback: DoubleCallback,
    /// Who is logged in to WeChat on the desktop, for fast login on the QR page.
    pub fast_login: Option<String>,
    /// What an expired code is answered with.
    pub expired_code: ExpiredCode,
    /// What a wrong AppSecret is answered with.
    pub wrong_secret: WrongSecret,
    /// What follows the text of an `errmsg`.
    pub trace: Trace,
    /// What a forced refresh of the stable token is answered with when the last one was under 30 seconds ago.
    pub force_too_soon: ForceTooSoon,
    /// How often an app may call what.
    pub quotas: Quotas,
    /// What goes wrong with pushes.
    pub push: PushTrouble,
    /// Whether every `wx.login` replaces the session key (it may, says the page).
    pub rotate_session_keys: bool,
    /// What a scene of the wrong length is answered with.
    pub scene_length: SceneLength,
    /// Whether `countryCode` is a number, as in older samples, instead of a text.
    pub numeric_country_code: bool,
    /// Whether links to mini programs lead to the simulator's own phone page instead of `https://wxaurl.cn`.
    pub own_links: bool,
}

/// What happens when a visitor refuses consent in WeChat (the official page describes only consent).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenyVariant {
    /// The page closes; nothing comes back.
    NoCallback,
    /// `?state=&code=authdeny&reason=…`
    #[default]
    AuthDeny,
    /// `?state=STATE` without a code.
    StateOnly,
}

/// Whether `snsapi_userinfo` asks the visitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// The consent page is shown.
    #[default]
    Ask,
    /// Silent, as for a follower who comes from the account's chat or menu; `forcePopup=true` still asks.
    Silent,
}

/// Whether the browser's callback arrives twice with the same code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubleCallback {
    /// Once.
    #[default]
    Off,
    /// Twice from the visitor's browser, with its cookies: a page fetches the callback, then goes there.
    Browser,
    /// First from the simulator itself, without cookies, as a link prefetch; then from the browser.
    Prefetch,
}

/// What an expired code is answered with (the documents do not say).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiredCode {
    /// 40029, as for any invalid code.
    #[default]
    Invalid,
    /// 42003.
    Expired,
}

/// What a wrong AppSecret is answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongSecret {
    /// 40125 `invalid appsecret`.
    #[default]
    InvalidSecret,
    /// 40001 `invalid credential`.
    InvalidCredential,
}

/// What follows the text of an `errmsg`; all forms have been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    /// ` rid: 61725984-6126f6f9-040f19c4`
    #[default]
    Rid,
    /// `, rid: 61725984-6126f6f9-040f19c4`
    CommaRid,
    /// `, hints: [ req_id: 1foBSgMre-Hz ]`
    Hints,
    /// ` hint: [AnOVOA0460vr31!] requestIP: 127.0.0.1`
    OldHint,
    /// Nothing.
    None,
}

/// What a forced refresh of the stable token too soon after the last is answered with (the page does not say).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForceTooSoon {
    /// The current token.
    #[default]
    SameToken,
    /// 45011.
    TooOften,
}

/// What a scene that is empty or too long is answered with (the page lists both).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SceneLength {
    /// 40129, as for forbidden characters.
    #[default]
    InvalidScene,
    /// 40169.
    InvalidLength,
}

/// Calls an app may make; the starting values are those of a new account. Beyond them: 45009, a minute's: 45011.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// `cgi-bin/token` a day.
    pub token: u32,
    /// `cgi-bin/stable_token` a day.
    pub stable_token: u32,
    /// `cgi-bin/stable_token` a minute.
    pub stable_token_a_minute: u32,
    /// `cgi-bin/qrcode/create` a day.
    pub scene_codes: u32,
    /// `cgi-bin/user/info` a day.
    pub user_info: u32,
    /// `sns/jscode2session` a minute for one person (older table of limits).
    pub js_sessions_a_minute: u32,
    /// `wxa/getwxacodeunlimit` a minute; beyond it 45009.
    pub mini_codes_a_minute: u32,
    /// `wxa/resetusersessionkey` a minute.
    pub session_resets_a_minute: u32,
    /// `wxa/generatescheme` and `wxa/generate_urllink` together a second; beyond it 44990.
    pub links_a_second: u32,
    /// `wxa/generatescheme` and `wxa/generate_urllink` together a day; beyond it 44993.
    pub links: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            token: 2000,
            stable_token: 500_000,
            stable_token_a_minute: 10_000,
            scene_codes: 100_000,
            user_info: 5_000_000,
            js_sessions_a_minute: 100,
            mini_codes_a_minute: 5000,
            session_resets_a_minute: 60_000,
            links_a_second: 100,
            links: 500_000,
        }
    }
}
