//! The identity headers: which names are ours, what an app gets in them, what is taken from every client.
//!
//! No value ever comes from the request. How an app reads one: split `groups` at `,`, then percent-decode as
//! UTF-8 (`+` is a plus). Only control characters, non-ASCII, `%`, a blank at either end, and `,` inside a group
//! are encoded, so identifiers and plain English names read as they are.

use http::header::{HeaderName, HeaderValue};
use serde::Deserialize;

use self::check::Checker;
use self::reserved::Reserved;
use super::fold::fold;
use crate::domain::Principal;

mod check;
mod reserved;

/// `[headers]`: the name of the header for each fact; an empty text switches it off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeadersConfig {
    /// The account id: the one to recognise a person by.
    pub user_id: String,
    /// The UnionID, if the account has one.
    pub union_id: String,
    /// The OpenID in the app of the login.
    pub open_id: String,
    /// The AppID of the login.
    pub app_id: String,
    /// A name to show: the nickname, else the user name. Anybody can take any nickname.
    pub name: String,
    /// The operator's unique user name, if the account has one. Off by default.
    pub username: String,
    /// The groups, joined by `,`.
    pub groups: String,
    /// The phone in E.164, if verified. Off by default.
    pub phone: String,
    /// The email, if verified. Off by default.
    pub email: String,
    /// The address of the picture at WeChat. Off by default.
    pub avatar: String,
    /// The id of the login method. Off by default.
    pub method: String,
    /// The signed assertion.
    pub assertion: String,
    /// Further names to take from every request.
    pub strip: Vec<String>,
}

impl Default for HeadersConfig {
    fn default() -> Self {
        Self {
            user_id: "X-User-ID".into(),
            union_id: "X-User-UnionID".into(),
            open_id: "X-User-OpenID".into(),
            app_id: "X-User-AppID".into(),
            name: "X-User-Name".into(),
            username: String::new(),
            groups: "X-User-Groups".into(),
            phone: String::new(),
            email: String::new(),
            avatar: String::new(),
            method: String::new(),
            assertion: "X-User-Assertion".into(),
            strip: Vec::new(),
        }
    }
}

/// Names that are taken from every request even if they are switched off or renamed: apps may know them.
const WELL_KNOWN: [&str; 12] = [
    "X-User-ID",
    "X-User-UnionID",
    "X-User-OpenID",
    "X-User-AppID",
    "X-User-Name",
    "X-User-Username",
    "X-User-Groups",
    "X-User-Phone",
    "X-User-Email",
    "X-User-Avatar",
    "X-User-Method",
    "X-User-Assertion",
];

/// Longest value in bytes as it is sent.
pub const MAX_VALUE: usize = 4096;

/// A fact about a visitor that a header can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    UserId,
    UnionId,
    OpenId,
    AppId,
    Name,
    Username,
    Groups,
    Phone,
    Email,
    Avatar,
    Method,
}

/// The configured identity headers, checked.
#[derive(Clone, Debug)]
pub struct IdentityHeaders {
    facts: Vec<(Fact, HeaderName)>,
    assertion: Option<HeaderName>,
    reserved: Reserved,
}

impl IdentityHeaders {
    /// Checks the config; every problem is the key and what is wrong with it.
    pub fn new(config: &HeadersConfig) -> Result<Self, Vec<(String, String)>> {
        let mut checker = Checker::default();
        let facts = [
            ("user_id", &config.user_id, Fact::UserId),
            ("union_id", &config.union_id, Fact::UnionId),
            ("open_id", &config.open_id, Fact::OpenId),
            ("app_id", &config.app_id, Fact::AppId),
            ("name", &config.name, Fact::Name),
            ("username", &config.username, Fact::Username),
            ("groups", &config.groups, Fact::Groups),
            ("phone", &config.phone, Fact::Phone),
            ("email", &config.email, Fact::Email),
            ("avatar", &config.avatar, Fact::Avatar),
            ("method", &config.method, Fact::Method),
        ];
        let facts = facts.into_iter().filter_map(|(key, name, fact)| Some((fact, checker.own(key, name)?)));
        let facts = facts.collect();
        let assertion = checker.own("assertion", &config.assertion);
        for name in &config.strip {
            checker.strip(name);
        }
        if !checker.problems.is_empty() {
            return Err(checker.problems);
        }
        let configured = checker.folded.into_keys().chain(config.strip.iter().map(|name| fold(name)));
        let reserved = Reserved::new(configured.chain(WELL_KNOWN.map(fold)));
        Ok(Self { facts, assertion, reserved })
    }

    /// Whether a header of this name is taken from every request, however its separators and case are written.
    pub fn is_reserved(&self, name: &str) -> bool {
        self.reserved.contains(name)
    }

    /// The name of the header for the signed assertion; `None` if it is off.
    pub fn assertion_name(&self) -> Option<&HeaderName> {
        self.assertion.as_ref()
    }

    /// The headers for a visitor, without the assertion. An unknown fact gives no header.
    pub fn render(&self, principal: &Principal) -> Vec<(HeaderName, HeaderValue)> {
        let render = |(fact, name): &(Fact, HeaderName)| {
            let value = render_fact(*fact, principal).filter(|value| !value.is_empty())?;
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(matches!(fact, Fact::Phone | Fact::Email));
            Some((name.clone(), value))
        };
        self.facts.iter().filter_map(render).collect()
    }
}

fn render_fact(fact: Fact, principal: &Principal) -> Option<String> {
    match fact {
        Fact::UserId => whole(principal.account_id()),
        Fact::UnionId => whole(principal.union_id()?),
        Fact::OpenId => whole(principal.open_id()),
        Fact::AppId => whole(principal.app_id()),
        Fact::Name => Some(shortened(principal.name().or(principal.username())?)),
        Fact::Username => whole(principal.username()?),
        Fact::Groups => Some(groups(principal.groups())),
        Fact::Phone => whole(principal.phone()?),
        Fact::Email => whole(principal.email()?),
        Fact::Avatar => whole(principal.avatar()?),
        Fact::Method => whole(principal.method()),
    }
}

/// A value that is worth nothing if a part is missing: too long is as good as absent.
fn whole(text: &str) -> Option<String> {
    let mut value = String::new();
    encode(text, "", &mut value).then_some(value)
}

/// A value to show to people: cut between two characters where it gets too long.
fn shortened(text: &str) -> String {
    let mut value = String::new();
    encode(text, "", &mut value);
    value
}

/// As many whole groups as fit: a group cut short could be the name of another.
fn groups<'a>(groups: impl Iterator<Item = &'a str>) -> String {
    let mut value = String::new();
    for group in groups.filter(|group| !group.is_empty()) {
        let before = value.len();
        if before > 0 {
            value.push(',');
        }
        if !encode(group, ",", &mut value) {
            value.truncate(before);
            break;
        }
    }
    value
}

/// Appends `text`, encoded, up to [`MAX_VALUE`]; says whether all of it went in.
fn encode(text: &str, also: &str, value: &mut String) -> bool {
    let mut chars = text.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        // HTTP drops blanks around a value.
        let edge = c == ' ' && (first || chars.peek().is_none());
        let plain = (c == ' ' || c.is_ascii_graphic()) && c != '%' && !edge && !also.contains(c);
        let width = if plain { 1 } else { 3 * c.len_utf8() };
        if value.len() + width > MAX_VALUE {
            value.truncate(value.trim_end_matches(' ').len());
            return false;
        }
        if plain {
            value.push(c);
        } else {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            value.extend(percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC));
        }
        first = false;
    }
    true
}

#[cfg(test)]
mod tests;
