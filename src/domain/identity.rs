//! What WeChat vouches for: one person in one app, perhaps known across apps.
//!
//! Nickname and avatar are decoration; they never identify anybody.

use serde::{Deserialize, Serialize};

use super::{AccountId, AppId, Email, OpenId, Phone, PoolId, Profile, UnionId, Username};

/// The answer of WeChat to one login: who this is in this app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The pool the app belongs to.
    pub pool: PoolId,
    /// The app the person logged in through.
    pub app_id: AppId,
    /// The person in this app.
    pub open_id: OpenId,
    /// The person across the apps of the pool; absent for many apps and for `snsapi_base`.
    pub union_id: Option<UnionId>,
    /// Nickname and avatar, if the scope gave them.
    pub profile: Profile,
    /// The phone number that WeChat has verified, if the person gave it with this login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// The email address that the source has verified. No method of WeChat's gives one today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
}

impl Identity {
    /// The row for the OpenID.
    pub fn open_key(&self) -> IdentityKey {
        IdentityKey::OpenId {
            pool: self.pool.clone(),
            app_id: self.app_id.clone(),
            open_id: self.open_id.clone(),
        }
    }

    /// The row for the UnionID, if there is one.
    pub fn union_key(&self) -> Option<IdentityKey> {
        let union_id = self.union_id.clone()?;
        Some(IdentityKey::UnionId { pool: self.pool.clone(), union_id })
    }

    /// The rows of the verified phone and email that came along. They never identify; an account may be matched by them.
    pub fn contact_keys(&self) -> Vec<IdentityKey> {
        let pool = || self.pool.clone();
        let phone = self.phone.iter().map(|phone| IdentityKey::Phone { pool: pool(), phone: phone.clone() });
        let email = self.email.iter().map(|email| IdentityKey::Email { pool: pool(), email: email.clone() });
        phone.chain(email).collect()
    }

    /// All rows, the widest first: a UnionID joins apps, so it is claimed before the OpenID.
    pub fn keys(&self) -> Vec<IdentityKey> {
        self.union_key().into_iter().chain([self.open_key()]).collect()
    }
}

/// One thing that WeChat vouches for and that leads to an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum IdentityKey {
    /// A person in one app.
    OpenId {
        /// The pool of the app.
        pool: PoolId,
        /// The app.
        app_id: AppId,
        /// The person in it.
        open_id: OpenId,
    },
    /// A person across the apps of one Open Platform account, which is one pool.
    UnionId {
        /// The pool.
        pool: PoolId,
        /// The person in it.
        union_id: UnionId,
    },
    /// A verified phone number in one pool: an account's `phone`, held by one account at a time. It says who may be
    /// reached there and, unlike the others, never by itself who somebody is.
    Phone {
        /// The pool.
        pool: PoolId,
        /// The number.
        phone: Phone,
    },
    /// A verified email address in one pool, held by one account at a time like a phone number.
    Email {
        /// The pool.
        pool: PoolId,
        /// The address.
        email: Email,
    },
    /// The operator's name for a person in one pool.
    Username {
        /// The pool.
        pool: PoolId,
        /// The name.
        username: Username,
    },
}

impl IdentityKey {
    /// The key as one text for a store; injective, because no part but a user name, the last, can contain a space.
    pub fn storage_key(&self) -> String {
        match self {
            Self::OpenId { pool, app_id, open_id } => format!("o {pool} {app_id} {open_id}"),
            Self::UnionId { pool, union_id } => format!("u {pool} {union_id}"),
            Self::Phone { pool, phone } => format!("p {pool} {}", phone.as_str()),
            Self::Email { pool, email } => format!("e {pool} {}", email.as_str()),
            Self::Username { pool, username } => format!("n {pool} {username}"),
        }
    }
}

/// What an [`IdentityKey`] leads to.
///
/// A row is first *claimed* for an account id that may not exist yet, then *settled*; only settled rows have
/// an account, and only claimed rows may be pointed elsewhere. That is what lets two first logins race, and
/// a process die between any two steps, without ever leaving two accounts for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRow {
    /// The accounts this row leads to. One, unless an operator linked or imported more.
    pub accounts: Vec<AccountId>,
    /// Whether the row is final; see above.
    pub settled: bool,
    /// Which account the person chose where several fit, so that the question is asked once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<AccountId>,
}

impl IdentityRow {
    /// A first claim for an account that may not exist yet.
    pub fn claim(account: AccountId) -> Self {
        Self { accounts: vec![account], settled: false, chosen: None }
    }

    /// A final row.
    pub fn settled(account: AccountId) -> Self {
        Self { accounts: vec![account], settled: true, chosen: None }
    }
}
