//! The pages as types: one struct per page, and for each the samples every template must be able to show.
//!
//! They hold what a page says and where it leads, never how it looks.

mod account;
mod bind;
mod choose;
mod denied;
mod login;
mod notice;
mod phone;
mod samples;
mod verify_phone;

pub use account::{Account, AccountContact, AccountLogin, AccountNotice, AccountWay, AccountWechat};
pub use bind::Bind;
pub use choose::{Choice, Choose};
pub use denied::{Denied, Missing};
pub use login::{CodeOf, Instead, Login, LoginBody, MethodLabel, MethodLink, Scan};
pub use notice::{Notice, UnknownNotice};
pub use phone::{Confirm, Confirmed};
pub use verify_phone::{VerifyBody, VerifyPhone, VerifyTrouble, VerifyWay};

use http::StatusCode;
use serde::Serialize;

use super::{ErrorCode, Foreign};
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
    /// Asks on the phone whether the login on the computer may go on.
    Confirm(Confirm),
    /// Tells the phone that its answer has arrived.
    Confirmed(Confirmed),
    /// Asks which account it is to be.
    Choose(Choose),
    /// Asks for an account of theirs.
    Bind(Bind),
    /// One's own account.
    Account(Box<Account>),
    /// Asks before signing out.
    Logout(Logout),
    /// Signed out.
    LoggedOut(LoggedOut),
    /// Tells a known visitor what their account lacks.
    Denied(Denied),
    /// Asks for a phone number, or for the code that was sent there.
    VerifyPhone(VerifyPhone),
    /// Any other error.
    Error(ErrorPage),
}

/// A login that ended without a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Why.
    pub reason: FlowRefusal,
    /// Begins a new login.
    pub again_href: String,
    /// Whether a WeChat was to be added to an account; `again_href` leads back to its page then.
    pub adding: bool,
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
    /// Leads to the account of who is signed in.
    pub account_href: String,
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
            Self::Confirm(_) => "confirm.html",
            Self::Confirmed(_) => "confirmed.html",
            Self::Choose(_) => "choose.html",
            Self::Bind(_) => "bind.html",
            Self::Account(_) => "account.html",
            Self::Logout(_) => "logout.html",
            Self::LoggedOut(_) => "logged_out.html",
            Self::Denied(_) => "denied.html",
            Self::VerifyPhone(_) => "verify_phone.html",
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
            Self::Denied(_) => Some(ErrorCode::MissingRights),
            Self::Error(error) => Some(error.code),
            Self::VerifyPhone(_)
            | Self::Login(_)
            | Self::Confirm(_)
            | Self::Confirmed(_)
            | Self::Choose(_)
            | Self::Bind(_)
            | Self::Account(_)
            | Self::Logout(_)
            | Self::LoggedOut(_) => None,
        }
    }

    /// What its `words` are about: what went wrong, or what was wrong with the last answer to a question.
    pub fn trouble(&self) -> Option<ErrorCode> {
        match self {
            Self::Bind(bind) => bind.trouble,
            _ => self.code(),
        }
    }

    /// The HTTP status the page is sent with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Login(Login { body: LoginBody::TooMany { .. }, .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::VerifyPhone(VerifyPhone { trouble: Some(trouble), .. }) => trouble.status(),
            _ => self.trouble().map_or(StatusCode::OK, ErrorCode::status),
        }
    }

    /// After how many seconds it makes sense to ask again, if that is what the page says.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Login(Login { body: LoginBody::TooMany { seconds }, .. }) => Some(*seconds),
            Self::VerifyPhone(VerifyPhone { trouble: Some(trouble), .. }) => trouble.retry_after(),
            Self::Bind(bind) if bind.wait_secs.is_some() => bind.wait_secs,
            _ => self.trouble().and_then(ErrorCode::retry_after),
        }
    }

    /// What the page takes from other hosts, apart from a frame: the pictures of people.
    pub const fn foreign(&self) -> Foreign<'static> {
        match self {
            Self::Login(Login { body: LoginBody::Scan(_), .. }) | Self::Choose(_) | Self::Account(_) => {
                Foreign::Pictures
            }
            _ => Foreign::Nothing,
        }
    }
}
