//! The pages as types: one struct per page, and for each the samples every template must be able to show.
//!
//! A page without a sample does not exist: the tests and the loading of overridden templates render them all.

use std::str::FromStr;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::ErrorCode;
use crate::domain::FlowRefusal;

/// Something to show to a visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The ways to sign in that suit this browser.
    Login(Login),
    /// A login that ended without a session.
    Ended(Ended),
    /// The login began in another browser, or this one sends no cookies.
    ForeignBrowser(Trouble),
    /// The login attempt has run out.
    ExpiredFlow(Trouble),
    /// The callback belongs to no login attempt.
    UnknownState(Trouble),
    /// Asks before signing out.
    Logout(Logout),
    /// Signed out.
    LoggedOut(LoggedOut),
    /// Any other error.
    Error(ErrorPage),
}

/// The login page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Login {
    /// The methods that fit this browser, as links; shown when there are several.
    pub methods: Vec<MethodLink>,
    /// What the selected method needs.
    pub body: LoginBody,
    /// What just happened, if anything did.
    pub notice: Option<Notice>,
}

/// One method in the chooser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MethodLink {
    /// The words on it.
    pub label: MethodLabel,
    /// The login page with this method selected.
    pub href: String,
    /// Whether the page shows it now.
    pub selected: bool,
    /// Whether it works; a method whose WeChat settings are wrong is shown as unavailable.
    pub available: bool,
}

/// The words on a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "snake_case")]
pub enum MethodLabel {
    /// The operator's own (`label` of the method).
    Own(String),
    /// Scan a code with the phone.
    Scan,
    /// Sign in inside WeChat.
    InWechat,
}

/// What the selected method needs from the visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LoginBody {
    /// WeChat's code page inside ours.
    Embedded {
        /// WeChat's page made for frames. The CSP must allow its origin.
        frame_url: String,
        /// The address that shows WeChat's page in full, for browsers that show no frame.
        full_url: String,
    },
    /// A button that leads to WeChat.
    Go {
        /// Where the button leads.
        href: String,
    },
    /// A phone browser outside WeChat: the page has to be opened in WeChat.
    OpenInWechat {
        /// The address to open there.
        address: String,
    },
    /// WeCom and other apps whose own browser cannot do a WeChat login.
    OtherApp {
        /// The address to open elsewhere.
        address: String,
    },
    /// Works, but not now: its WeChat settings are wrong.
    Unavailable,
    /// No configured method fits this browser.
    NoMethod,
}

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

/// A login that ended without a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Why.
    pub reason: FlowRefusal,
    /// Begins a new login.
    pub again_href: String,
    /// Shown where the operator may have to look.
    pub request_id: String,
}

/// A login that cannot go on here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Begins a new login.
    pub again_href: String,
    /// Shown for the operator.
    pub request_id: String,
}

/// Asks before signing out. The form posts `scope=here` or `scope=everywhere`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Logout {
    /// Where the form goes, on this host.
    pub action: String,
    /// Leads back without signing out.
    pub stay_href: String,
}

/// Signed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedOut {
    /// Begins a new login.
    pub login_href: String,
}

/// An error page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorPage {
    /// What went wrong.
    pub code: ErrorCode,
    /// More about it, in words for developers, if known.
    pub detail: Option<String>,
    /// Shown for the operator.
    pub request_id: String,
    /// Where trying again leads (signing in, for the 401 codes), if that may help; a GET address.
    pub retry_href: Option<String>,
    /// Another way on, usually the front page.
    pub home_href: Option<String>,
}

impl Page {
    /// The template that shows the page.
    pub const fn template(&self) -> &'static str {
        match self {
            Self::Login(_) => "login.html",
            Self::Ended(_) => "ended.html",
            Self::ForeignBrowser(_) => "foreign_browser.html",
            Self::ExpiredFlow(_) => "expired_flow.html",
            Self::UnknownState(_) => "unknown_state.html",
            Self::Logout(_) => "logout.html",
            Self::LoggedOut(_) => "logged_out.html",
            Self::Error(_) => "error.html",
        }
    }

    /// What went wrong, if the page is about that.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Ended(ended) => Some(ended.reason.into()),
            Self::ForeignBrowser(_) => Some(ErrorCode::ForeignBrowser),
            Self::ExpiredFlow(_) => Some(ErrorCode::FlowExpired),
            Self::UnknownState(_) => Some(ErrorCode::UnknownState),
            Self::Error(error) => Some(error.code),
            Self::Login(_) | Self::Logout(_) | Self::LoggedOut(_) => None,
        }
    }

    /// The HTTP status the page is sent with.
    pub fn status(&self) -> StatusCode {
        self.code().map_or(StatusCode::OK, ErrorCode::status)
    }

    /// Samples of every page in every shape.
    pub fn samples() -> Vec<Self> {
        let trouble = Trouble::samples();
        let mut all: Vec<Self> = Login::samples().into_iter().map(Self::Login).collect();
        all.extend(Ended::samples().into_iter().map(Self::Ended));
        all.extend(trouble.iter().cloned().map(Self::ForeignBrowser));
        all.extend(trouble.iter().cloned().map(Self::ExpiredFlow));
        all.extend(trouble.into_iter().map(Self::UnknownState));
        all.extend(Logout::samples().into_iter().map(Self::Logout));
        all.extend(LoggedOut::samples().into_iter().map(Self::LoggedOut));
        all.extend(ErrorPage::samples().into_iter().map(Self::Error));
        all
    }
}

const AGAIN: &str = "/_menshen/login?rt=%2Freports%3Fyear%3D2024&x=\"><b>";
const REQUEST: &str = "01J9ZK3M7T5RQW";

impl Login {
    /// Every body, every notice, one method and several.
    pub fn samples() -> Vec<Self> {
        let method = |label, selected, available| MethodLink {
            label,
            href: "/_menshen/login/staff-qr?rt=%2F".into(),
            selected,
            available,
        };
        let several = vec![
            method(MethodLabel::Scan, true, true),
            method(MethodLabel::InWechat, false, true),
            method(MethodLabel::Own("员工 <Staff> & friends".into()), false, false),
        ];
        let one = vec![method(MethodLabel::Scan, true, true)];
        let address = "https://intranet.example.com/_menshen/login?rt=%2Freports%3Fyear%3D2024".to_owned();
        let bodies = [
            LoginBody::Embedded {
                frame_url: "https://open.weixin.qq.com/connect/qrconnect?appid=wx0&state=s".into(),
                full_url: "/_menshen/login/qr/go?rt=%2F".into(),
            },
            LoginBody::Go { href: "/_menshen/login/wechat/go?rt=%2F".into() },
            LoginBody::OpenInWechat { address: address.clone() },
            LoginBody::OtherApp { address },
            LoginBody::Unavailable,
            LoginBody::NoMethod,
        ];
        let mut samples = Vec::new();
        for body in bodies {
            let methods = if body == LoginBody::NoMethod { Vec::new() } else { one.clone() };
            samples.push(Self { methods, body: body.clone(), notice: None });
            samples.push(Self { methods: several.clone(), body, notice: Some(Notice::Denied) });
        }
        let go = LoginBody::Go { href: "/_menshen/login/wechat/go".into() };
        samples.extend(Notice::ALL.map(|notice| Self {
            methods: one.clone(),
            body: go.clone(),
            notice: Some(notice),
        }));
        samples
    }
}

impl Ended {
    /// Every reason.
    pub fn samples() -> Vec<Self> {
        [
            FlowRefusal::Denied,
            FlowRefusal::AccountDisabled,
            FlowRefusal::RegistrationClosed,
            FlowRefusal::SeveralAccounts,
            FlowRefusal::Snapshot,
            FlowRefusal::CodeRejected,
            FlowRefusal::WechatUnavailable,
            FlowRefusal::WechatBusy,
            FlowRefusal::Misconfigured,
            FlowRefusal::WechatRefused,
        ]
        .map(|reason| Self { reason, again_href: AGAIN.into(), request_id: REQUEST.into() })
        .into()
    }
}

impl Trouble {
    /// The one shape.
    pub fn samples() -> Vec<Self> {
        vec![Self { again_href: AGAIN.into(), request_id: REQUEST.into() }]
    }
}

impl Logout {
    /// The one shape.
    pub fn samples() -> Vec<Self> {
        vec![Self { action: "/_menshen/logout".into(), stay_href: "/reports?a=1&b=\"2\"".into() }]
    }
}

impl LoggedOut {
    /// The one shape.
    pub fn samples() -> Vec<Self> {
        vec![Self { login_href: "/_menshen/login".into() }]
    }
}

impl ErrorPage {
    /// Every code with all there is, and one with nothing.
    pub fn samples() -> Vec<Self> {
        let full = |&code: &ErrorCode| Self {
            code,
            detail: Some("the path has an encoded slash (%2F) <here>".into()),
            request_id: REQUEST.into(),
            retry_href: Some(AGAIN.into()),
            home_href: Some("/".into()),
        };
        let bare = Self {
            code: ErrorCode::Internal,
            detail: None,
            request_id: String::new(),
            retry_href: None,
            home_href: None,
        };
        ErrorCode::ALL.iter().map(full).chain([bare]).collect()
    }
}
