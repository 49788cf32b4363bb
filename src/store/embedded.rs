//! The embedded store: one file of this machine, for one process, with nothing to set up.
//!
//! Reads are short transactions on the caller's thread; writes go to one thread that groups them. Nothing that
//! was acknowledged is lost by a crash. Expired rows are never returned, and swept in the background.

mod file;
mod rows;
mod shelf;
mod sweep;
mod tables;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use redb::{Database, ReadTransaction, ReadableDatabase as _};
use tokio::sync::{broadcast, mpsc};

use self::shelf::{Reopen, Shelf};
use self::tables::{Fault, Tables};
use self::writer::{Job, When};
use super::row::decode;
use super::{EVENTS_BUFFERED, MAX_SESSIONS_LISTED, Note, OnceKey, OpenError, Store, StoreError, StoreEvent};
use crate::domain::{Account, AccountId, Flow, FlowId, IdentityKey, IdentityRow, Session};
use crate::ground::{Clock, Secret, Span, Timestamp, TokenDigest};

/// A store in a file, or in memory for tests.
pub struct Embedded {
    shelf: Arc<Shelf>,
    clock: Arc<dyn Clock>,
    timeout: Span,
    events: broadcast::Sender<StoreEvent>,
    // Both are taken when the store is dropped: the thread ends once the senders are gone.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Opens or makes a file; a write that takes longer than `timeout` is answered with an error.
    pub async fn file(path: PathBuf, timeout: Span, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let opening = path.clone();
        let database = tokio::task::spawn_blocking(move || file::open(&opening))
            .await
            .map_err(|source| OpenError::File { path: path.clone(), source: source.into() })??;
        Self::start(database, Box::new(move || file::open(&path)), timeout, clock)
    }

    /// A store that is gone with the process. Must be called inside a tokio runtime.
    pub fn memory(timeout: Span, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        // Memory does not fail; a new one would be an empty store, which must never look like the old.
        let lost = || Err(OpenError::File { path: "memory".into(), source: "is lost".into() });
        Self::start(file::memory()?, Box::new(lost), timeout, clock)
    }

    fn start(
        database: Database,
        reopen: Reopen,
        timeout: Span,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let shelf = Arc::new(Shelf::new(database, reopen));
        let (jobs, writer) = writer::start(shelf.clone(), clock.clone())
            .map_err(|source| StoreError::Unavailable { doing: "opening", source: source.into() })?;
        tokio::spawn(sweep::sweep_for_ever(jobs.downgrade()));
        let (events, _) = broadcast::channel(EVENTS_BUFFERED);
        Ok(Self { shelf, clock, timeout, events, jobs: Some(jobs), writer: Some(writer) })
    }

    /// Reads on the caller's thread: a lookup on cached pages costs no more than handing it to another thread
    /// would (measured), and it never waits for a writer.
    fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let database = self
            .shelf
            .database()
            .map_err(|source| StoreError::Unavailable { doing, source: Box::new(source) })?;
        let transaction = database.begin_read().map_err(Fault::from);
        transaction.and_then(|transaction| work(&transaction)).map_err(|fault| match fault {
            Fault::Answer(error) => error,
            Fault::Storage(error) => writer::storage_error(doing, Arc::new(error)),
        })
    }

    /// Runs `work` in the next transaction and waits until it is committed.
    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        when: When,
        work: impl FnOnce(&mut Tables<'_>, Timestamp) -> Result<T, Fault> + Send + 'static,
        after: impl FnOnce(&broadcast::Sender<StoreEvent>, &T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let unavailable =
            |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Unavailable { doing, source };
        let events = self.events.clone();
        let (job, answer) = Job::new(doing, when, work, move |value| after(&events, value));
        let Some(jobs) = &self.jobs else { return Err(unavailable("the store is closed".into())) };
        let written = tokio::time::timeout(self.timeout.duration(), async {
            jobs.send(job).await.map_err(|_| unavailable("the writer has stopped".into()))?;
            answer.await.map_err(|_| unavailable("the write was given up, see the log".into()))?
        });
        written.await.map_err(|late| unavailable(late.into()))?
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            // Waits for the writes that are under way, so that the file is free when this returns.
            let _ = writer.join();
        }
    }
}

fn quiet<T>(_: &broadcast::Sender<StoreEvent>, _: &T) {}

fn announce(events: &broadcast::Sender<StoreEvent>, event: StoreEvent) {
    // Fails only when nobody listens.
    let _ = events.send(event);
}

#[async_trait]
impl Store for Embedded {
    async fn identities(&self, keys: &[IdentityKey]) -> Result<Vec<Option<IdentityRow>>, StoreError> {
        const DOING: &str = "reading identities";
        self.read(DOING, |transaction| {
            let table = transaction.open_table(tables::IDENTITIES)?;
            let read = |key: &IdentityKey| -> Result<_, Fault> {
                let found = table.get(key.storage_key().as_str())?;
                Ok(found.map(|found| decode(DOING, found.value())).transpose()?)
            };
            keys.iter().map(read).collect()
        })
    }

    async fn claim_identity(&self, key: &IdentityKey, row: &IdentityRow) -> Result<IdentityRow, StoreError> {
        let (key, row) = (key.storage_key(), row.clone());
        let work = move |tables: &mut Tables<'_>, _| rows::claim_identity(tables, &key, &row);
        self.write("claiming an identity", When::Durable, work, quiet).await
    }

    async fn swap_identity(
        &self,
        key: &IdentityKey,
        expected: &IdentityRow,
        row: &IdentityRow,
    ) -> Result<bool, StoreError> {
        let (key, expected, row) = (key.storage_key(), expected.clone(), row.clone());
        let work = move |tables: &mut Tables<'_>, _| rows::swap_identity(tables, &key, &expected, &row);
        self.write("changing an identity", When::Durable, work, quiet).await
    }

    async fn remove_identity(&self, key: &IdentityKey, expected: &IdentityRow) -> Result<bool, StoreError> {
        let (key, expected) = (key.storage_key(), expected.clone());
        let work = move |tables: &mut Tables<'_>, _| rows::remove_identity(tables, &key, &expected);
        self.write("removing an identity", When::Durable, work, quiet).await
    }

    async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Option<Account>>, StoreError> {
        const DOING: &str = "reading accounts";
        self.read(DOING, |transaction| {
            let table = transaction.open_table(tables::ACCOUNTS)?;
            let read = |id: &AccountId| -> Result<_, Fault> {
                let found = table.get(id.as_str())?;
                Ok(found.map(|found| decode(DOING, found.value().1)).transpose()?)
            };
            ids.iter().map(read).collect()
        })
    }

    async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        let account = account.clone();
        let work = move |tables: &mut Tables<'_>, _| rows::create_account(tables, &account);
        self.write("creating an account", When::Durable, work, quiet).await
    }

    async fn update_account(&self, account: &Account) -> Result<bool, StoreError> {
        let (account, id) = (account.clone(), account.id.clone());
        let work = move |tables: &mut Tables<'_>, _| rows::update_account(tables, &account);
        self.write("changing an account", When::Durable, work, |events, done| {
            if *done {
                announce(events, StoreEvent::AccountChanged { account: id });
            }
        })
        .await
    }

    async fn put_session(
        &self,
        digest: &TokenDigest,
        session: &Session,
        ttl: Span,
    ) -> Result<(), StoreError> {
        let (digest, session) = (*digest, session.clone());
        let work = move |tables: &mut Tables<'_>, now| rows::put_session(tables, now, &digest, &session, ttl);
        self.write("writing a session", When::Durable, work, quiet).await
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        const DOING: &str = "reading a session";
        let now = self.clock.now();
        self.read(DOING, |transaction| {
            let table = transaction.open_table(tables::SESSIONS)?;
            let found = table.get(digest.bytes())?;
            found.map_or(Ok(None), |found| live_session(DOING, found.value(), now))
        })
    }

    async fn touch_session(
        &self,
        digest: &TokenDigest,
        seen: Timestamp,
        ttl: Span,
    ) -> Result<bool, StoreError> {
        let digest = *digest;
        let work = move |tables: &mut Tables<'_>, now| rows::touch_session(tables, now, &digest, seen, ttl);
        // Not worth an fsync of its own: the next durable write or the sweeper, a second later, carries it.
        // A crash in between sets the idle clock back to where it was at most a tenth of its window ago,
        // which is as exact as it ever is, and never brings back a session: deletions are durable.
        self.write("touching a session", When::Soon, work, quiet).await
    }

    async fn delete_sessions(&self, digests: &[TokenDigest]) -> Result<(), StoreError> {
        let (digests, ended) = (digests.to_vec(), digests.to_vec());
        let work = move |tables: &mut Tables<'_>, _| {
            digests.iter().try_for_each(|digest| rows::delete_session(tables, digest))
        };
        self.write("deleting sessions", When::Durable, work, move |events, ()| {
            for digest in ended {
                announce(events, StoreEvent::SessionEnded { digest });
            }
        })
        .await
    }

    async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(TokenDigest, Session)>, StoreError> {
        const DOING: &str = "listing sessions";
        let now = self.clock.now();
        let id = account.as_str();
        self.read(DOING, |transaction| {
            let index = transaction.open_table(tables::SESSIONS_OF)?;
            let sessions = transaction.open_table(tables::SESSIONS)?;
            let mut listed = Vec::new();
            for entry in index.range((id, 0, &[0; 32])..=(id, u64::MAX, &[0xff; 32]))?.rev() {
                let (key, _) = entry?;
                let digest = *key.value().2;
                let Some(found) = sessions.get(&digest)? else { continue };
                if let Some(session) = live_session(DOING, found.value(), now)? {
                    listed.push((TokenDigest::from_bytes(digest), session));
                }
                if listed.len() == MAX_SESSIONS_LISTED {
                    break;
                }
            }
            Ok(listed)
        })
    }

    async fn put_flow(&self, flow: &Flow, ttl: Span) -> Result<(), StoreError> {
        let flow = flow.clone();
        let work = move |tables: &mut Tables<'_>, now| rows::put_flow(tables, now, &flow, ttl);
        self.write("beginning a login", When::Durable, work, quiet).await
    }

    async fn flow(&self, id: &FlowId) -> Result<Option<Flow>, StoreError> {
        const DOING: &str = "reading a login";
        let now = self.clock.now();
        self.read(DOING, |transaction| {
            let table = transaction.open_table(tables::FLOWS)?;
            let Some(found) = table.get(id.as_str())? else { return Ok(None) };
            let (expiry, _, json) = found.value();
            if expiry <= now.millis() {
                return Ok(None);
            }
            Ok(Some(decode(DOING, json)?))
        })
    }

    async fn swap_flow(&self, flow: &Flow, ttl: Span) -> Result<bool, StoreError> {
        let (flow, id) = (flow.clone(), flow.id.clone());
        let work = move |tables: &mut Tables<'_>, now| rows::swap_flow(tables, now, &flow, ttl);
        self.write("moving a login on", When::Durable, work, |events, done| {
            if *done {
                announce(events, StoreEvent::FlowChanged { flow: id });
            }
        })
        .await
    }

    async fn put_once(&self, key: &OnceKey, value: &str, ttl: Span) -> Result<(), StoreError> {
        let (key, value) = (rows::once_key(key), value.to_owned());
        let work = move |tables: &mut Tables<'_>, now| rows::put_once(tables, now, &key, &value, ttl);
        self.write("writing a one-time value", When::Durable, work, quiet).await
    }

    async fn once(&self, key: &OnceKey) -> Result<Option<String>, StoreError> {
        let (key, now) = (rows::once_key(key), self.clock.now());
        self.read("reading a one-time value", |transaction| {
            let table = transaction.open_table(tables::ONCE)?;
            let Some(found) = table.get(key.as_str())? else { return Ok(None) };
            let (expiry, value) = found.value();
            Ok((expiry > now.millis()).then(|| value.to_owned()))
        })
    }

    async fn take_once(&self, key: &OnceKey) -> Result<Option<String>, StoreError> {
        let key = rows::once_key(key);
        let work = move |tables: &mut Tables<'_>, now| rows::take_once(tables, now, &key);
        self.write("taking a one-time value", When::Durable, work, quiet).await
    }

    async fn keep(&self, name: &str, candidate: &str) -> Result<String, StoreError> {
        let (name, candidate) = (name.to_owned(), candidate.to_owned());
        let work = move |tables: &mut Tables<'_>, _| rows::keep(tables, &name, &candidate);
        self.write("keeping a value", When::Durable, work, quiet).await
    }

    async fn note(&self, name: &str) -> Result<Option<Note>, StoreError> {
        let now = self.clock.now();
        self.read("reading a note", |transaction| {
            let table = transaction.open_table(tables::NOTES)?;
            let Some(found) = table.get(name)? else { return Ok(None) };
            let (expiry, version, text) = found.value();
            Ok((expiry > now.millis()).then(|| Note { version, text: Secret::new(text) }))
        })
    }

    async fn swap_note(&self, name: &str, note: &Note, ttl: Span) -> Result<bool, StoreError> {
        let (key, name, note) = (name.to_owned(), name.to_owned(), note.clone());
        let work = move |tables: &mut Tables<'_>, now| rows::swap_note(tables, now, &key, &note, ttl);
        self.write("changing a note", When::Durable, work, |events, done| {
            if *done {
                announce(events, StoreEvent::NoteChanged { name });
            }
        })
        .await
    }

    fn events(&self) -> broadcast::Receiver<StoreEvent> {
        self.events.subscribe()
    }

    fn events_flow(&self) -> bool {
        true
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read("asking the store", |transaction| {
            transaction.open_table(tables::META)?.get("format")?;
            Ok(())
        })
    }
}

/// A session row as it is at `now`; `None` if it has expired.
fn live_session(
    doing: &'static str,
    (expiry, seen, json): (u64, u64, &[u8]),
    now: Timestamp,
) -> Result<Option<Session>, Fault> {
    if expiry <= now.millis() {
        return Ok(None);
    }
    let session: Session = decode(doing, json)?;
    Ok(Some(Session { last_seen_at: Timestamp::from_millis(seen), ..session }))
}

#[cfg(test)]
mod tests;
