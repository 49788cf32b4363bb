//! The page of one's own account, and what it says on top about what just happened.
//!
//! Shows its owner what they recognise: phone and email have their middle hidden, a WeChat is named by how it logs in.

use std::str::FromStr;

use serde::Serialize;

use super::MethodLabel;
use super::notice::UnknownNotice;

/// One's own account. The forms post `wechat`, `session` or `method`; without `session` all other logins end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// What just happened, if anything did.
    pub notice: Option<AccountNotice>,
    /// Nickname or user name, if known.
    pub name: Option<String>,
    /// The account.
    pub id: String,
    /// The address of a picture, if known.
    pub avatar: Option<String>,
    /// The phone number, if known.
    pub phone: Option<AccountContact>,
    /// The email address, if known.
    pub email: Option<AccountContact>,
    /// The groups given by the operator.
    pub groups: Vec<String>,
    /// Who can log in.
    pub wechats: Vec<AccountWechat>,
    /// How another WeChat can be added here.
    pub ways: Vec<AccountWay>,
    /// Whether there are ways that suit this browser, though the account may have a WeChat for each of them.
    pub full: bool,
    /// Whether the account has a UnionID: whoever has another one cannot be added.
    pub has_union: bool,
    /// The account page on which one can be added, where that is another host's.
    pub elsewhere_href: Option<String>,
    /// Where it is logged in: this login, then the others, the latest first.
    pub logins: Vec<AccountLogin>,
    /// How many logins there are beside this one.
    pub others: usize,
    /// How many logins are not shown.
    pub more: usize,
    /// Where the form that adds a WeChat goes.
    pub add_action: String,
    /// Where the form that removes one goes.
    pub remove_action: String,
    /// Where the form that ends a login goes.
    pub end_action: String,
    /// Where the form that logs out goes.
    pub logout_action: String,
    /// Leads on to the site.
    pub home_href: String,
}

/// A phone number or email address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountContact {
    /// With its middle hidden.
    pub shown: String,
    /// Whether its owner proved to hold it.
    pub verified: bool,
}

/// A WeChat that can log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountWechat {
    /// Names it in the form.
    pub id: String,
    /// How it logs in; empty where the site no longer uses the app.
    pub labels: Vec<MethodLabel>,
    /// Whether this browser is logged in through it.
    pub current: bool,
    /// Whether it is the only one, which stays.
    pub last: bool,
}

/// A method by which another WeChat can be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountWay {
    /// The method.
    pub id: String,
    /// The words on it.
    pub label: MethodLabel,
}

/// A login of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountLogin {
    /// Names it in the form.
    pub id: String,
    /// Whether it is this browser's.
    pub current: bool,
    /// The browser in a few words, if known.
    pub program: Option<String>,
    /// The address it came from, if known.
    pub ip: Option<String>,
    /// The hosts it is for.
    pub hosts: Vec<String>,
    /// By which method, if that is still configured.
    pub label: Option<MethodLabel>,
    /// How long ago it began.
    pub began_secs_ago: u64,
    /// How long ago it was last used.
    pub seen_secs_ago: u64,
}

/// A word on top of the account page. Its text form is fit for a query parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountNotice {
    /// A WeChat that was to be added signs in to the account, whether it is new there or was there before.
    Added,
    /// A WeChat was removed.
    Removed,
    /// One login was ended.
    Ended,
    /// All other logins were ended.
    OthersEnded,
    /// The person said no at WeChat.
    Denied,
    /// Adding took too long.
    Late,
    /// The only WeChat stays.
    LastWechat,
    /// The account does not have that WeChat.
    WechatUnknown,
    /// The account does not have that login.
    SessionUnknown,
}

impl AccountNotice {
    /// Every notice.
    pub const ALL: [Self; 9] = [
        Self::Added,
        Self::Removed,
        Self::Ended,
        Self::OthersEnded,
        Self::Denied,
        Self::Late,
        Self::LastWechat,
        Self::WechatUnknown,
        Self::SessionUnknown,
    ];

    /// The snake_case form, for a query parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Ended => "ended",
            Self::OthersEnded => "others_ended",
            Self::Denied => "denied",
            Self::Late => "late",
            Self::LastWechat => "last_wechat",
            Self::WechatUnknown => "wechat_unknown",
            Self::SessionUnknown => "session_unknown",
        }
    }
}

impl FromStr for AccountNotice {
    type Err = UnknownNotice;

    fn from_str(text: &str) -> Result<Self, UnknownNotice> {
        Self::ALL.into_iter().find(|notice| notice.as_str() == text).ok_or(UnknownNotice)
    }
}
