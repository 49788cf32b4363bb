//! The proven "this request is account A".
//!
//! A [`Principal`] has private fields and one constructor that demands a live session and an active account,
//! so no code path can forward a known visitor without both checks. It keeps what the gateway tells upstreams
//! and nothing else, packed, because a process holds a hundred thousand of them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Account, LiveSession, Status};
use crate::ground::Timestamp;

/// A known visitor.
#[derive(Clone, Debug)]
pub struct Principal {
    facts: Packed<13>,
    fingerprint: u64,
    groups: Box<[Box<str>]>,
    #[allow(clippy::box_collection, reason = "absent as a rule, and then a third of the size")]
    attributes: Option<Box<BTreeMap<String, String>>>,
    created_at: Timestamp,
}

/// Why a live session does not make a known visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The account was disabled after the login.
    #[error("the account is disabled")]
    Disabled,
    /// The session names another account than the one it was checked against.
    #[error("the session belongs to another account")]
    WrongAccount,
    /// The WeChat that opened the session was taken off the account.
    #[error("the WeChat of the session was taken off the account")]
    Removed,
}

impl Principal {
    /// Admits the holder of a live session to its account.
    pub fn admit(live: &LiveSession, account: &Account) -> Result<Self, NotAdmitted> {
        let session = live.session();
        if session.account != account.id || session.pool != account.pool {
            return Err(NotAdmitted::WrongAccount);
        }
        if account.status == Status::Disabled {
            return Err(NotAdmitted::Disabled);
        }
        if account.has_removed_app(&session.app_id, &session.open_id) {
            return Err(NotAdmitted::Removed);
        }
        let verified = |contact: &Option<super::Contact>| -> String {
            contact.iter().filter(|c| c.verified).map(|c| c.value.clone()).collect()
        };
        let (phone, email) = (verified(&account.phone), verified(&account.email));
        let facts = Packed::new([
            account.id.as_str(),
            account.pool.as_str(),
            account.union_id().map_or("", |id| id.as_str()),
            session.open_id.as_str(),
            session.app_id.as_str(),
            account.profile.nickname.as_deref().unwrap_or_default(),
            account.profile.avatar.as_deref().unwrap_or_default(),
            &phone,
            &email,
            session.method.as_str(),
            &session.login_id,
            account.username.as_deref().unwrap_or_default(),
            &session.host,
        ]);
        let mut hasher = DefaultHasher::new();
        (&*facts.text, facts.ends, &account.groups).hash(&mut hasher);
        Ok(Self {
            facts,
            fingerprint: hasher.finish(),
            groups: account.groups.iter().map(|group| group.as_str().into()).collect(),
            attributes: (!account.attributes.is_empty()).then(|| Box::new(account.attributes.clone())),
            created_at: session.created_at,
        })
    }

    /// The account's id.
    pub fn account_id(&self) -> &str {
        self.facts.get(0)
    }

    /// The pool of the account.
    pub fn pool(&self) -> &str {
        self.facts.get(1)
    }

    /// The UnionID the account answers to, if any.
    pub fn union_id(&self) -> Option<&str> {
        self.known(2)
    }

    /// The OpenID of the login.
    pub fn open_id(&self) -> &str {
        self.facts.get(3)
    }

    /// The AppID of the login.
    pub fn app_id(&self) -> &str {
        self.facts.get(4)
    }

    /// The nickname, any Unicode.
    pub fn name(&self) -> Option<&str> {
        self.known(5)
    }

    /// Address of the picture.
    pub fn avatar(&self) -> Option<&str> {
        self.known(6)
    }

    /// The phone number, only if verified.
    pub fn phone(&self) -> Option<&str> {
        self.known(7)
    }

    /// The email address, only if verified.
    pub fn email(&self) -> Option<&str> {
        self.known(8)
    }

    /// The configured method of the login.
    pub fn method(&self) -> &str {
        self.facts.get(9)
    }

    /// What all sessions of one login share; names the session without revealing it.
    pub fn login_id(&self) -> &str {
        self.facts.get(10)
    }

    /// The operator's name for the person, if any.
    pub fn username(&self) -> Option<&str> {
        self.known(11)
    }

    /// A word by which the visitor recognises the account: nickname, else user name, else the account's id.
    pub fn display_name(&self) -> &str {
        self.name().or_else(|| self.username()).unwrap_or_else(|| self.account_id())
    }

    /// The host the session is for; empty for any.
    pub fn host(&self) -> &str {
        self.facts.get(12)
    }

    /// Differs between visitors an app is told different things about: what was made for one with the same
    /// fingerprint can be used again.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The groups of the account.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| &**group)
    }

    /// A further fact about the account.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.as_ref()?.get(name).map(String::as_str)
    }

    /// When the login happened.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn known(&self, index: usize) -> Option<&str> {
        Some(self.facts.get(index)).filter(|text| !text.is_empty())
    }
}

/// `N` short texts in one allocation.
#[derive(Clone, Debug)]
struct Packed<const N: usize> {
    text: Box<str>,
    ends: [u16; N],
}

impl<const N: usize> Packed<N> {
    fn new(parts: [&str; N]) -> Self {
        let mut ends = [0; N];
        let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        for (slot, part) in ends.iter_mut().zip(parts) {
            // A part that makes the whole longer than 64 KiB (no fact is nearly as long) is left out.
            let end = u16::try_from(text.len() + part.len());
            if end.is_ok() {
                text.push_str(part);
            }
            *slot = end.unwrap_or_else(|_| u16::try_from(text.len()).unwrap_or(u16::MAX));
        }
        Self { text: text.into_boxed_str(), ends }
    }

    fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        self.text.get(usize::from(start)..usize::from(self.ends[index])).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{
        AccountId, AppId, Contact, Identity, OpenId, PoolId, Profile, SessionPolicy, UnionId,
    };
    use super::*;
    use crate::ground::Span;

    fn account(id: &str) -> Account {
        let identity = Identity {
            pool: PoolId::new("people").unwrap(),
            app_id: AppId::new("wx1").unwrap(),
            open_id: OpenId::new("o1").unwrap(),
            union_id: Some(UnionId::new("u1").unwrap()),
            profile: Profile { nickname: Some("小明🙂".into()), avatar: None },
            phone: None,
            email: None,
        };
        Account::new(AccountId::new(id).unwrap(), &identity, Timestamp::default())
    }

    fn live() -> LiveSession {
        let policy = SessionPolicy { idle: Span::from_secs(1), absolute: Span::from_secs(1) };
        super::super::session::tests::session(0, 0).check(policy, Timestamp::default()).unwrap()
    }

    /// Acceptance: A14.
    #[test]
    fn only_an_active_account_of_the_session_is_admitted() {
        assert!(Principal::admit(&live(), &account("a1")).is_ok());
        let disabled = Account { status: Status::Disabled, ..account("a1") };
        assert_eq!(Principal::admit(&live(), &disabled).unwrap_err(), NotAdmitted::Disabled);
        assert_eq!(Principal::admit(&live(), &account("a2")).unwrap_err(), NotAdmitted::WrongAccount);
        let mut removed = account("a1");
        for wechat in removed.wechats() {
            removed.give_up(&wechat);
        }
        assert_eq!(Principal::admit(&live(), &removed).unwrap_err(), NotAdmitted::Removed);
    }

    /// Acceptance: U1.
    #[test]
    fn facts_come_back_as_they_went_in_and_unverified_contacts_stay_out() {
        let contact = |value: &str, verified| Some(Contact { value: value.into(), verified });
        let mut account = account("a1");
        account.phone = contact("+8613800000000", false);
        account.email = contact("a@b.example", true);
        account.groups = vec!["staff".into(), "编辑".into()];
        let principal = Principal::admit(&live(), &account).unwrap();
        assert_eq!(principal.account_id(), "a1");
        assert_eq!(principal.union_id(), Some("u1"));
        assert_eq!(principal.name(), Some("小明🙂"));
        assert_eq!(principal.avatar(), None);
        assert_eq!(principal.phone(), None);
        assert_eq!(principal.email(), Some("a@b.example"));
        assert_eq!(principal.login_id(), "l1");
        assert_eq!(principal.groups().collect::<Vec<_>>(), ["staff", "编辑"]);
    }
}
