//! The operator's record of a person.
//!
//! Only the id is always there: a WeChat user brings no user name, no email and often no phone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AccountId, Identity, IdentityKey, MethodId, OpenId, PoolId, UnionId};
use crate::ground::{PasswordHash, Timestamp};

/// A person of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Never changes, never reused.
    pub id: AccountId,
    /// The pool the person belongs to.
    pub pool: PoolId,
    /// Counts writes, so that two writers never overwrite each other unseen.
    pub version: u64,
    /// Whether the person may log in.
    pub status: Status,
    /// Everything WeChat vouches for that leads here, in the order it was learnt.
    pub identities: Vec<IdentityKey>,
    /// Those OpenIDs that WeChat has vouched for together with the UnionID: they are one and the same person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub united: Vec<IdentityKey>,
    /// What its owner took off it or is taking off it, the latest last: it counts for nothing here, whatever a row says,
    /// and no phone number that it shares with the account brings it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<IdentityKey>,
    /// Phone in E.164, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Contact>,
    /// Email in lower case, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Contact>,
    /// The operator's name for the person, if any, as [`Username`](super::Username) has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password of the account at the operator's older site, if it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// Nickname and avatar as last seen.
    #[serde(default)]
    pub profile: Profile,
    /// Groups given by the operator.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Further facts given by the operator.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// When and how the person last logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<LastLogin>,
}

impl Account {
    /// A new, active account for a person seen for the first time.
    pub fn new(id: AccountId, identity: &Identity, now: Timestamp) -> Self {
        Self {
            id,
            pool: identity.pool.clone(),
            version: 1,
            status: Status::Active,
            identities: identity.keys(),
            united: identity.union_id.iter().map(|_| identity.open_key()).collect(),
            removed: Vec::new(),
            phone: None,
            email: None,
            username: None,
            password: None,
            profile: identity.profile.clone(),
            groups: Vec::new(),
            attributes: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            last_login: None,
        }
    }

    /// The UnionID that leads here, if any.
    pub fn union_id(&self) -> Option<&UnionId> {
        self.identities.iter().find_map(|key| match key {
            IdentityKey::UnionId { union_id, .. } => Some(union_id),
            _ => None,
        })
    }

    /// The OpenID the account already holds for the app of `identity`, if any.
    pub fn open_id_of(&self, identity: &Identity) -> Option<&OpenId> {
        self.identities.iter().find_map(|key| match key {
            IdentityKey::OpenId { app_id, open_id, .. } if *app_id == identity.app_id => Some(open_id),
            _ => None,
        })
    }

    /// Whether `identity` can be added: the account belongs to nobody else in the same app or across apps.
    pub fn takes(&self, identity: &Identity) -> bool {
        let same_open = self.open_id_of(identity).is_none_or(|open_id| *open_id == identity.open_id);
        let same_union = match (self.union_id(), &identity.union_id) {
            (Some(there), Some(here)) => there == here,
            _ => true,
        };
        same_open && same_union
    }

    /// Whether `key` is the account's: an identity of it, its user name, or a contact that it has verified.
    pub fn answers_to(&self, key: &IdentityKey) -> bool {
        let verified = |contact: &Option<Contact>, value: &str| {
            contact.as_ref().is_some_and(|contact| contact.verified && contact.value == value)
        };
        match key {
            IdentityKey::OpenId { .. } | IdentityKey::UnionId { .. } => self.identities.contains(key),
            IdentityKey::Phone { pool, phone } => *pool == self.pool && verified(&self.phone, phone.as_str()),
            IdentityKey::Email { pool, email } => *pool == self.pool && verified(&self.email, email.as_str()),
            IdentityKey::Username { pool, username } => {
                *pool == self.pool && self.username.as_deref() == Some(username.as_str())
            }
        }
    }

    /// Adds `key` unless it is there; says whether anything changed.
    pub fn learn(&mut self, key: IdentityKey) -> bool {
        let new = !self.identities.contains(&key);
        if new {
            self.removed.retain(|gone| *gone != key);
            self.identities.push(key);
        }
        new
    }
}

/// Whether a person may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// May log in.
    Active,
    /// May not log in, and sessions are not admitted.
    Disabled,
}

/// A phone number or an email address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The normalised value, never empty.
    pub value: String,
    /// Whether its owner proved to hold it.
    pub verified: bool,
}

/// What WeChat shows of a person. Any Unicode, not unique, changes at will: decoration only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The nickname, any Unicode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// Address of the picture at WeChat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

impl Profile {
    /// Takes over what `newer` knows; says whether anything changed.
    pub fn refresh(&mut self, newer: &Self) -> bool {
        let before = self.clone();
        if newer.nickname.is_some() {
            self.nickname.clone_from(&newer.nickname);
        }
        if newer.avatar.is_some() {
            self.avatar.clone_from(&newer.avatar);
        }
        *self != before
    }

    /// The picture, if a page may show it: our pages take pictures over https alone.
    pub fn picture(&self) -> Option<&str> {
        self.avatar.as_deref().filter(|address| address.starts_with("https://"))
    }
}

/// The latest login to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastLogin {
    /// When.
    pub at: Timestamp,
    /// Through which configured method.
    pub method: MethodId,
}
