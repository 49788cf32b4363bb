//! The Redis store: many processes share it, each with two or three connections.
//!
//! One row is one key and no script touches two, so that nothing here stands in the way of a cluster. Several
//! rows of one person are written one after the other by the rule of `domain`, never by a transaction.
//!
//! # The least rights of an ACL user
//!
//! With the default prefix, this user can do all that Menshen does and nothing else (`info` is only for the
//! check of the server's version and eviction policy, and may be left out):
//!
//! ```text
//! ACL SETUSER menshen on >PASSWORD resetkeys ~menshen:* resetchannels &menshen:events -@all
//!     +get +set +mget +getdel +del +pttl +zadd +zrem +zrange +zrevrange +zremrangebyscore +pexpireat
//!     +eval +evalsha +time +publish +subscribe +ping +select +wait +info
//! ```
//!
//! Redis 6.2 or later is needed.

mod connect;
mod events;
mod keys;
mod link;
mod scripts;
mod sessions;

use async_trait::async_trait;
use redis::{FromRedisValue, Value, pipe};
use tokio::sync::broadcast;

use self::events::Events;
use self::keys::{Keys, decode_note, decode_numbered, encode_note, encode_numbered};
use self::link::{Again, Link};
use self::scripts::{CLAIM, ELSE_NEW, OneKeyScript, REMOVE, Request, SWAP, SWAP_VERSION};
use super::config::{Config, RedisTarget};
use super::row::{RowError, decode, encode};
use super::{Note, OnceKey, OpenError, Store, StoreError, StoreEvent};
use crate::domain::{Account, AccountId, Flow, FlowId, IdentityKey, IdentityRow, Session};
use crate::ground::{Secret, Span, Timestamp, TokenDigest};

/// The longest time to live that is passed on: a hundred years, far below where Redis overflows.
const LONGEST: Span = Span::from_days(36_525);

/// A store in a Redis server.
pub struct RedisStore {
    link: Link,
    /// For writes that wait for replicas: `WAIT` holds up everything behind it on its connection.
    careful: Option<Careful>,
    keys: Keys,
    channel: String,
    events: Events,
}

struct Careful {
    link: Link,
    replicas: u32,
    patience: Span,
}

/// Too few replicas have confirmed a write in time.
#[derive(Debug, thiserror::Error)]
#[error("{confirmed} of {wanted} replicas confirmed the write in time; it may be lost or stay")]
struct TooFewReplicas {
    confirmed: u32,
    wanted: u32,
}

impl RedisStore {
    /// Connects, checks the server and subscribes to the news.
    pub async fn connect(
        server: &RedisTarget,
        password: Option<Secret>,
        config: &Config,
    ) -> Result<Self, OpenError> {
        let client = connect::client(server, password.as_ref(), config).await?;
        let timeout = config.timeout.duration();
        let link = Link::new(client.clone(), timeout);
        connect::examine(&link, server).await?;
        let keys = Keys::new(&config.key_prefix);
        let channel = keys.events();
        let events = Events::start(client.clone(), channel.clone(), timeout).await.map_err(|error| {
            let error = StoreError::Unavailable { doing: "subscribing", source: Box::new(error) };
            connect::open_error(error, server)
        })?;
        let careful = (config.wait_replicas > 0).then(|| Careful {
            link: Link::new(client, timeout),
            replicas: config.wait_replicas,
            patience: config.wait_timeout,
        });
        Ok(Self { link, careful, keys, channel, events })
    }

    /// Sends a write of an account or identity, and waits for the replicas that the config asks for.
    async fn write<T: FromRedisValue>(
        &self,
        doing: &'static str,
        request: Request,
        again: Again,
    ) -> Result<T, StoreError> {
        let Some(careful) = &self.careful else {
            return self.link.begin(doing).ask(request, again).await;
        };
        // In one piece, so that `WAIT` speaks of this write and not of a fresh connection's none. With the
        // script's text, because a digest that the server does not know would fail in the middle.
        let mut pipeline = pipe();
        pipeline.add_command(request.with_text.unwrap_or(request.cmd));
        pipeline.cmd("WAIT").arg(careful.replicas).arg(careful.patience.millis());
        let (answer, confirmed): (Value, u32) = careful.link.begin(doing).ask_all(&pipeline, again).await?;
        if confirmed < careful.replicas {
            let source = TooFewReplicas { confirmed, wanted: careful.replicas };
            return Err(StoreError::Unavailable { doing, source: Box::new(source) });
        }
        T::from_redis_value(answer).map_err(|_| RowError::Kind.corrupt(doing))
    }

    /// Runs `script` on the identity under `key` if its row is `expected`, with the row's bytes and then `more`; says
    /// whether it was.
    ///
    /// One request where the row is written as we write it. Another version may have written the same row otherwise:
    /// then it is compared as a row here and as the bytes read in the server.
    async fn where_it_is(
        &self,
        doing: &'static str,
        script: &OneKeyScript,
        key: &IdentityKey,
        expected: &IdentityRow,
        more: &[&[u8]],
    ) -> Result<bool, StoreError> {
        let key = self.keys.identity(key);
        let on = |bytes: &[u8]| script.on(&key, &[&[bytes], more].concat());
        if self.write(doing, on(&encode(expected)), Again::No).await? {
            return Ok(true);
        }
        let found = self.rows(doing, vec![key.clone()]).await?.pop().flatten();
        let Some(found) = found else { return Ok(false) };
        if decode::<IdentityRow>(doing, &found)? != *expected {
            return Ok(false);
        }
        self.write(doing, on(&found), Again::No).await
    }

    /// Several rows in one round trip.
    async fn rows(&self, doing: &'static str, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = redis::cmd("MGET");
        get.arg(keys);
        self.link.begin(doing).ask(get, Again::Yes).await
    }
}

/// A time to live as Redis takes it: at least a millisecond, because it refuses none.
fn millis(ttl: Span) -> u64 {
    ttl.clamp(Span::from_millis(1), LONGEST).millis()
}

/// An event as it is published.
fn message(event: &StoreEvent) -> Vec<u8> {
    encode(event)
}

/// The answer of [`SWAP_VERSION`].
fn swapped(doing: &'static str, answer: i64) -> Result<bool, StoreError> {
    match answer {
        -1 => Err(RowError::Prefix.corrupt(doing)),
        answer => Ok(answer == 1),
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn identities(&self, keys: &[IdentityKey]) -> Result<Vec<Option<IdentityRow>>, StoreError> {
        const DOING: &str = "reading identities";
        let rows = self.rows(DOING, keys.iter().map(|key| self.keys.identity(key)).collect()).await?;
        rows.into_iter().map(|row| row.map(|row| decode(DOING, &row)).transpose()).collect()
    }

    async fn claim_identity(&self, key: &IdentityKey, row: &IdentityRow) -> Result<IdentityRow, StoreError> {
        const DOING: &str = "claiming an identity";
        let claim = CLAIM.on(&self.keys.identity(key), &[encode(row).as_slice()]);
        let found: Vec<u8> = self.write(DOING, claim, Again::Yes).await?;
        decode(DOING, &found)
    }

    async fn swap_identity(
        &self,
        key: &IdentityKey,
        expected: &IdentityRow,
        row: &IdentityRow,
    ) -> Result<bool, StoreError> {
        self.where_it_is("changing an identity", &SWAP, key, expected, &[encode(row).as_slice()]).await
    }

    async fn remove_identity(&self, key: &IdentityKey, expected: &IdentityRow) -> Result<bool, StoreError> {
        self.where_it_is("removing an identity", &REMOVE, key, expected, &[]).await
    }

    async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Option<Account>>, StoreError> {
        const DOING: &str = "reading accounts";
        let rows = self.rows(DOING, ids.iter().map(|id| self.keys.account(id)).collect()).await?;
        let read = |row: Vec<u8>| decode_numbered(DOING, &row).map(|(_, account)| account);
        rows.into_iter().map(|row| row.map(read).transpose()).collect()
    }

    async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(self.keys.account(&account.id)).arg(encode_numbered(account.version, account)).arg("NX");
        let set: Option<String> = self.write("creating an account", set.into(), Again::No).await?;
        Ok(set.is_some())
    }

    async fn update_account(&self, account: &Account) -> Result<bool, StoreError> {
        const DOING: &str = "changing an account";
        let Some(before) = account.version.checked_sub(1) else { return Ok(false) };
        let (before, row) = (before.to_string(), encode_numbered(account.version, account));
        let news = message(&StoreEvent::AccountChanged { account: account.id.clone() });
        let arguments = [before.as_bytes(), &row, b"", self.channel.as_bytes(), &news];
        let swap = SWAP_VERSION.on(&self.keys.account(&account.id), &arguments);
        swapped(DOING, self.write(DOING, swap, Again::No).await?)
    }

    async fn put_session(
        &self,
        digest: &TokenDigest,
        session: &Session,
        ttl: Span,
    ) -> Result<(), StoreError> {
        self.write_session(digest, session, ttl).await
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        self.read_session(digest).await
    }

    async fn touch_session(
        &self,
        digest: &TokenDigest,
        seen: Timestamp,
        ttl: Span,
    ) -> Result<bool, StoreError> {
        self.touch(digest, seen, ttl).await
    }

    async fn delete_sessions(&self, digests: &[TokenDigest]) -> Result<(), StoreError> {
        self.end_sessions(digests).await
    }

    async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(TokenDigest, Session)>, StoreError> {
        self.list_sessions(account).await
    }

    async fn put_flow(&self, flow: &Flow, ttl: Span) -> Result<(), StoreError> {
        const DOING: &str = "beginning a login";
        let mut set = redis::cmd("SET");
        set.arg(self.keys.flow(&flow.id)).arg(encode_numbered(flow.version, flow));
        set.arg("PX").arg(millis(ttl)).arg("NX");
        let set: Option<String> = self.link.begin(DOING).ask(set, Again::No).await?;
        set.map(drop).ok_or(StoreError::Conflict { doing: DOING })
    }

    async fn flow(&self, id: &FlowId) -> Result<Option<Flow>, StoreError> {
        const DOING: &str = "reading a login";
        let row = self.rows(DOING, vec![self.keys.flow(id)]).await?.pop().flatten();
        row.map(|row| decode_numbered(DOING, &row).map(|(_, flow)| flow)).transpose()
    }

    async fn swap_flow(&self, flow: &Flow, ttl: Span) -> Result<bool, StoreError> {
        const DOING: &str = "moving a login on";
        let Some(before) = flow.version.checked_sub(1) else { return Ok(false) };
        let (before, row) = (before.to_string(), encode_numbered(flow.version, flow));
        let (ttl, news) =
            (millis(ttl).to_string(), message(&StoreEvent::FlowChanged { flow: flow.id.clone() }));
        let arguments = [before.as_bytes(), &row, ttl.as_bytes(), self.channel.as_bytes(), &news];
        let swap = SWAP_VERSION.on(&self.keys.flow(&flow.id), &arguments);
        swapped(DOING, self.link.begin(DOING).ask(swap, Again::No).await?)
    }

    async fn put_once(&self, key: &OnceKey, value: &str, ttl: Span) -> Result<(), StoreError> {
        const DOING: &str = "writing a one-time value";
        let mut set = redis::cmd("SET");
        set.arg(self.keys.once(key)).arg(value).arg("PX").arg(millis(ttl)).arg("NX");
        let set: Option<String> = self.link.begin(DOING).ask(set, Again::No).await?;
        set.map(drop).ok_or(StoreError::Conflict { doing: DOING })
    }

    async fn once(&self, key: &OnceKey) -> Result<Option<String>, StoreError> {
        let mut get = redis::cmd("GET");
        get.arg(self.keys.once(key));
        self.link.begin("reading a one-time value").ask(get, Again::Yes).await
    }

    async fn take_once(&self, key: &OnceKey) -> Result<Option<String>, StoreError> {
        let mut take = redis::cmd("GETDEL");
        take.arg(self.keys.once(key));
        self.link.begin("taking a one-time value").ask(take, Again::No).await
    }

    async fn keep(&self, name: &str, candidate: &str) -> Result<String, StoreError> {
        let claim = CLAIM.on(&self.keys.kept(name), &[candidate.as_bytes()]);
        self.write("keeping a value", claim, Again::Yes).await
    }

    async fn note(&self, name: &str) -> Result<Option<Note>, StoreError> {
        const DOING: &str = "reading a note";
        let mut get = redis::cmd("GET");
        get.arg(self.keys.note(name));
        let row: Option<Vec<u8>> = self.link.begin(DOING).ask(get, Again::Yes).await?;
        row.map(|row| decode_note(DOING, &row)).transpose()
    }

    async fn swap_note(&self, name: &str, note: &Note, ttl: Span) -> Result<bool, StoreError> {
        const DOING: &str = "changing a note";
        let Some(before) = note.version.checked_sub(1) else { return Ok(false) };
        let (before, ttl) = (before.to_string(), millis(ttl).to_string());
        let (row, news) = (encode_note(note), message(&StoreEvent::NoteChanged { name: name.to_owned() }));
        let arguments = [before.as_bytes(), &row, ttl.as_bytes(), self.channel.as_bytes(), &news, ELSE_NEW];
        let swap = SWAP_VERSION.on(&self.keys.note(name), &arguments);
        swapped(DOING, self.link.begin(DOING).ask(swap, Again::No).await?)
    }

    fn events(&self) -> broadcast::Receiver<StoreEvent> {
        self.events.receiver()
    }

    fn events_flow(&self) -> bool {
        self.events.flow()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.link.begin("asking the store").ask(redis::cmd("PING"), Again::Yes).await
    }
}
