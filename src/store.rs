//! Where accounts, sessions and flows live: one contract, two stores.
//!
//! A store knows rows, not rules: it never decides who somebody is. "Not there" is an `Ok(None)` or `false`;
//! an `Err` always means that the answer is unknown, so that an outage never looks like a stranger.
//!
//! # How durable is an acknowledged write?
//!
//! *Embedded*: it is on the disk (`fsync`) before it is acknowledged; `kill -9` and a power cut lose nothing,
//! provided the disk does not lie. The one exception is the idle clock of a session, which may fall back by a
//! second.
//!
//! *Redis* acknowledges from memory, so it depends on the server's settings:
//!
//! | setting of the server | what a crash or failover can lose |
//! |---|---|
//! | no `appendonly` | everything since the last snapshot |
//! | `appendonly yes`, `appendfsync everysec` (its default) | up to a second of writes when the machine fails |
//! | `appendonly yes`, `appendfsync always` | nothing when the machine comes back; a failover still can |
//! | `min-replicas-to-write 1`, `min-replicas-max-lag 10` | a cut-off primary stops taking writes after 10 s |
//! | our `wait_replicas = 1` (`WAIT`) | an account or identity acknowledged to us is on a replica too |
//!
//! `WAIT` makes a loss unlikely, not impossible: a replica that had not confirmed may still be promoted. What is
//! lost by a failover is the newest sessions (people log in again) and, without `wait_replicas`, possibly the
//! newest accounts (a person who returns gets a new one). `maxmemory-policy` must be `noeviction` (or one of the
//! `volatile-` policies, which then log people out), because `allkeys-` policies delete accounts.

pub mod config;
pub mod embedded;
pub mod open;
pub mod redis;
mod row;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::domain::{Account, AccountId, Flow, FlowId, IdentityKey, IdentityRow, Session};
use crate::ground::{Secret, Span, Timestamp, TokenDigest};

pub use config::{Config, StoreUrl, Target};
pub use open::{OpenError, open};

/// The contract of every store.
///
/// Every write is durable, as far as the store's settings allow, before it is acknowledged. Rows with a time to
/// live are gone when it has passed, without anybody sweeping them by hand. Every call has a time limit.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The rows of these keys, in their order, in one round trip.
    async fn identities(&self, keys: &[IdentityKey]) -> Result<Vec<Option<IdentityRow>>, StoreError>;

    /// Writes `row` unless the key has one; answers with the row that is there now.
    async fn claim_identity(&self, key: &IdentityKey, row: &IdentityRow) -> Result<IdentityRow, StoreError>;

    /// Replaces the row if it still equals `expected`; says whether it did.
    async fn swap_identity(
        &self,
        key: &IdentityKey,
        expected: &IdentityRow,
        row: &IdentityRow,
    ) -> Result<bool, StoreError>;

    /// Deletes the row if it still equals `expected`; says whether it did. The key may be claimed by anybody then.
    async fn remove_identity(&self, key: &IdentityKey, expected: &IdentityRow) -> Result<bool, StoreError>;

    /// The accounts of these ids, in their order, in one round trip.
    async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Option<Account>>, StoreError>;

    /// Writes a new account unless the id has one; says whether it did.
    async fn create_account(&self, account: &Account) -> Result<bool, StoreError>;

    /// Replaces the account if its stored version is `account.version - 1`; says whether it did.
    /// Announces [`StoreEvent::AccountChanged`].
    async fn update_account(&self, account: &Account) -> Result<bool, StoreError>;

    /// Writes a session for `ttl` and indexes it under its account. Overwrites the same digest.
    async fn put_session(&self, digest: &TokenDigest, session: &Session, ttl: Span)
    -> Result<(), StoreError>;

    /// The session of a token digest.
    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError>;

    /// Moves the idle clock of a session that still exists and extends its row to `ttl`; says whether it
    /// exists. Never brings a deleted session back.
    async fn touch_session(
        &self,
        digest: &TokenDigest,
        seen: Timestamp,
        ttl: Span,
    ) -> Result<bool, StoreError>;

    /// Deletes sessions and announces [`StoreEvent::SessionEnded`] for each.
    async fn delete_sessions(&self, digests: &[TokenDigest]) -> Result<(), StoreError>;

    /// The live sessions of an account, newest first, at most [`MAX_SESSIONS_LISTED`].
    async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(TokenDigest, Session)>, StoreError>;

    /// Writes a new flow for `ttl`. Fails with [`StoreError::Conflict`] if the id is taken.
    async fn put_flow(&self, flow: &Flow, ttl: Span) -> Result<(), StoreError>;

    /// A flow that has not been swept yet.
    async fn flow(&self, id: &FlowId) -> Result<Option<Flow>, StoreError>;

    /// Replaces the flow if its stored version is `flow.version - 1`, keeps it for `ttl` from now, and
    /// announces [`StoreEvent::FlowChanged`]; says whether it did.
    async fn swap_flow(&self, flow: &Flow, ttl: Span) -> Result<bool, StoreError>;

    /// Writes a one-time value for `ttl`. Fails with [`StoreError::Conflict`] if the key is taken.
    async fn put_once(&self, key: &OnceKey, value: &str, ttl: Span) -> Result<(), StoreError>;

    /// Reads a one-time value without taking it.
    async fn once(&self, key: &OnceKey) -> Result<Option<String>, StoreError>;

    /// Takes a one-time value: of any number of callers, on any number of processes, one gets it.
    async fn take_once(&self, key: &OnceKey) -> Result<Option<String>, StoreError>;

    /// The value kept under a name for ever; `candidate` is kept if there is none yet.
    async fn keep(&self, name: &str, candidate: &str) -> Result<String, StoreError>;

    /// The shared note of a name.
    async fn note(&self, name: &str) -> Result<Option<Note>, StoreError>;

    /// Writes `note`, and keeps it for `ttl` from now, if the stored version is `note.version - 1` (0: there is
    /// none); announces [`StoreEvent::NoteChanged`] and says whether it did. Of any number of writers, on any
    /// number of processes, one wins.
    ///
    /// A note that expired begins again at version 1. Who still holds a version of the time before loses until
    /// the new note has come to that very version; so `ttl` must be far longer than anybody holds one.
    async fn swap_note(&self, name: &str, note: &Note, ttl: Span) -> Result<bool, StoreError>;

    /// News from this and every other process that shares the store, from now on. The same news may arrive
    /// twice; a receiver that lags behind must treat it as [`StoreEvent::Missed`].
    fn events(&self) -> broadcast::Receiver<StoreEvent>;

    /// Whether the news arrive at present. While they do not, nothing read earlier may be trusted unseen.
    fn events_flow(&self) -> bool;

    /// One cheap round trip that fails when the store cannot be used.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// The most sessions that one listing returns.
pub const MAX_SESSIONS_LISTED: usize = 1000;

/// The key of a one-time value: the digest of the random token that the visitor carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OnceKey {
    /// What it is for; part of the key, so that a ticket of one kind is never taken as another.
    pub purpose: &'static str,
    /// The token's digest.
    pub digest: TokenDigest,
}

impl OnceKey {
    /// The key of a text that is no token, for example a ticket that WeChat carries.
    pub fn of_text(purpose: &'static str, text: &str) -> Self {
        Self { purpose, digest: TokenDigest::of_text(text) }
    }
}

/// A small text that all processes share and replace by compare-and-set: a WeChat server token and who renews it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// 1 for a new note; every writer adds one.
    pub version: u64,
    /// Never printed.
    pub text: Secret,
}

/// How many events a slow receiver may lie behind before it misses some.
pub(crate) const EVENTS_BUFFERED: usize = 4096;

/// What a store announces to all processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum StoreEvent {
    /// A session was deleted.
    SessionEnded {
        /// Of which token.
        digest: TokenDigest,
    },
    /// An account was written.
    AccountChanged {
        /// Which.
        account: AccountId,
    },
    /// A flow moved on.
    FlowChanged {
        /// Which.
        flow: FlowId,
    },
    /// A note was written.
    NoteChanged {
        /// Its name.
        name: String,
    },
    /// News may have been missed (the connection broke and is back): look again at everything.
    Missed,
}

/// Why a store gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, is loading, read-only or too slow. Trying again may help.
    #[error("the store is unavailable ({doing})")]
    Unavailable {
        /// The operation.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row that this version cannot read. Trying again does not help; nothing was changed.
    #[error("the store holds a row that cannot be read ({doing})")]
    Corrupt {
        /// The operation.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key that must be new was taken.
    #[error("the key is already taken ({doing})")]
    Conflict {
        /// The operation.
        doing: &'static str,
    },
}
