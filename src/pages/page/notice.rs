//! What the login page says on top about what just happened, in a form that fits an address.
//!
//! A notice is a choice among fixed texts, so that nobody can make our page say something with a link.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word on top of the login page about what just happened. Its text form is fit for a query parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The visitor said no at WeChat.
    Denied,
    /// The visitor has signed out.
    LoggedOut,
    /// The login attempt has run out.
    Expired,
    /// The session has ended.
    SessionEnded,
    /// The login began in another browser.
    ForeignBrowser,
    /// WeChat did not accept the code.
    CodeRejected,
    /// WeChat could not be reached.
    WechatUnavailable,
    /// WeChat limits how often it is asked.
    WechatBusy,
}

impl Notice {
    /// Every notice.
    pub const ALL: [Self; 8] = [
        Self::Denied,
        Self::LoggedOut,
        Self::Expired,
        Self::SessionEnded,
        Self::ForeignBrowser,
        Self::CodeRejected,
        Self::WechatUnavailable,
        Self::WechatBusy,
    ];

    /// The snake_case form, for a query parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::LoggedOut => "logged_out",
            Self::Expired => "expired",
            Self::SessionEnded => "session_ended",
            Self::ForeignBrowser => "foreign_browser",
            Self::CodeRejected => "code_rejected",
            Self::WechatUnavailable => "wechat_unavailable",
            Self::WechatBusy => "wechat_busy",
        }
    }
}

/// A text that is no [`Notice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a notice of the login page")]
pub struct UnknownNotice;

impl FromStr for Notice {
    type Err = UnknownNotice;

    fn from_str(text: &str) -> Result<Self, UnknownNotice> {
        Self::ALL.into_iter().find(|notice| notice.as_str() == text).ok_or(UnknownNotice)
    }
}
