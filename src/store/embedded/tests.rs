//! What only the inside of the embedded store shows: the sweeper's work on the tables.

#![allow(clippy::unwrap_used)]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase as _, ReadableTableMetadata as _, StorageBackend};

use super::super::{Note, OpenError, Store as _, StoreError, StoreEvent};
use super::sweep::sweep;
use super::tables::{EXPIRY, Fault, ONCE, SESSIONS, SESSIONS_OF, Tables};
use super::writer::{Job, When};
use super::{Embedded, quiet, rows};
use crate::domain::session::tests::session;
use crate::ground::{Clock, Secret, Span, Timestamp, Token, TokenDigest};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn digest() -> TokenDigest {
    Token::generate(&mut rand::rng()).digest()
}

fn write<T>(database: &Database, work: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault>) -> T {
    let transaction = database.begin_write().unwrap();
    let value = work(&mut Tables::open(&transaction).unwrap()).unwrap();
    transaction.commit().unwrap();
    value
}

/// How many sessions, index entries, one-time values and expiry entries there are.
fn counts(database: &Database) -> [u64; 4] {
    let read = database.begin_read().unwrap();
    [
        read.open_table(SESSIONS).unwrap().len().unwrap(),
        read.open_table(SESSIONS_OF).unwrap().len().unwrap(),
        read.open_table(ONCE).unwrap().len().unwrap(),
        read.open_table(EXPIRY).unwrap().len().unwrap(),
    ]
}

#[test]
fn sweeping_removes_expired_rows_with_their_index_a_slice_at_a_time() {
    let database = super::file::memory().unwrap();
    write(&database, |tables| {
        for number in 0..5 {
            rows::put_session(tables, at(0), &digest(), &session(number, 0), Span::from_millis(10))?;
        }
        rows::put_once(tables, at(0), "ticket x", "value", Span::from_millis(20))
    });
    assert_eq!(counts(&database), [5, 5, 1, 6]);
    assert_eq!(write(&database, |tables| sweep(tables, at(9), 3)), 0);
    assert_eq!(write(&database, |tables| sweep(tables, at(10), 3)), 3);
    assert_eq!(counts(&database), [2, 2, 1, 3]);
    assert_eq!(write(&database, |tables| sweep(tables, at(20), 100)), 3);
    assert_eq!(counts(&database), [0, 0, 0, 0]);
}

#[test]
fn a_touched_session_is_looked_at_again_when_it_really_expires() {
    let database = super::file::memory().unwrap();
    let token = digest();
    write(&database, |tables| {
        rows::put_session(tables, at(0), &token, &session(0, 0), Span::from_millis(10))?;
        rows::touch_session(tables, at(5), &token, at(5), Span::from_millis(10))
    });
    write(&database, |tables| sweep(tables, at(14), 100));
    assert_eq!(counts(&database), [1, 1, 0, 1]);
    write(&database, |tables| sweep(tables, at(15), 100));
    assert_eq!(counts(&database), [0, 0, 0, 0]);
}

#[test]
fn a_row_written_again_for_a_shorter_time_is_swept_by_the_shorter() {
    let database = super::file::memory().unwrap();
    let token = digest();
    write(&database, |tables| {
        rows::put_session(tables, at(0), &token, &session(0, 0), Span::from_millis(1000))?;
        rows::put_session(tables, at(0), &token, &session(0, 0), Span::from_millis(10))
    });
    write(&database, |tables| sweep(tables, at(10), 100));
    assert_eq!(counts(&database), [0, 0, 0, 1], "the later entry stays until its time");
    write(&database, |tables| sweep(tables, at(1000), 100));
    assert_eq!(counts(&database), [0, 0, 0, 0]);
}

#[test]
fn a_note_is_swept_when_it_expires_and_not_before() {
    let database = super::file::memory().unwrap();
    let notes = |database: &Database| {
        database.begin_read().unwrap().open_table(super::tables::NOTES).unwrap().len().unwrap()
    };
    let note = |version| Note { version, text: Secret::new("text") };
    write(&database, |tables| {
        assert!(rows::swap_note(tables, at(0), "n", &note(1), Span::from_millis(10))?);
        rows::swap_note(tables, at(5), "n", &note(2), Span::from_millis(15))
    });
    write(&database, |tables| sweep(tables, at(19), 100));
    assert_eq!((notes(&database), counts(&database)[3]), (1, 1));
    write(&database, |tables| sweep(tables, at(20), 100));
    assert_eq!((notes(&database), counts(&database)[3]), (0, 0));
}

#[test]
fn deleting_and_taking_leave_nothing_to_sweep() {
    let database = super::file::memory().unwrap();
    let token = digest();
    write(&database, |tables| {
        rows::put_session(tables, at(0), &token, &session(0, 0), Span::from_millis(10))?;
        rows::put_once(tables, at(0), "ticket x", "value", Span::from_millis(10))?;
        rows::delete_session(tables, &token)?;
        rows::take_once(tables, at(1), "ticket x")
    });
    assert_eq!(counts(&database), [0, 0, 0, 0]);
}

/// A clock that moves on whenever it is read: the writer reads it once for each transaction.
#[derive(Default)]
struct CountingClock(AtomicU64);

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        at(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// A store whose writer stands still until the sender is dropped.
async fn held(timeout: Span) -> (Arc<Embedded>, std::sync::mpsc::Sender<()>) {
    let store = Arc::new(Embedded::memory(timeout, Arc::new(CountingClock::default())).unwrap());
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (holding, holds) = tokio::sync::oneshot::channel();
    let (job, _) = Job::new(
        "holding",
        When::Durable,
        move |_, _| {
            let _ = holding.send(());
            let _ = held.recv();
            Ok(())
        },
        |()| (),
    );
    store.jobs.as_ref().unwrap().send(job).await.unwrap();
    holds.await.unwrap();
    (store, release)
}

/// Starts a write on a task of its own and waits until it is in the queue.
async fn queue<T: Send + 'static>(
    store: &Arc<Embedded>,
    work: impl FnOnce(&mut Tables<'_>, Timestamp) -> Result<T, Fault> + Send + 'static,
) -> tokio::task::JoinHandle<Result<T, StoreError>> {
    let free = store.jobs.as_ref().unwrap().capacity();
    let task = tokio::spawn({
        let store = store.clone();
        async move { store.write("testing", When::Durable, work, quiet).await }
    });
    while store.jobs.as_ref().unwrap().capacity() == free {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn a_hundred_waiting_writes_are_one_transaction() {
    let (store, release) = held(Span::from_secs(20)).await;
    let mut writes = Vec::new();
    for _ in 0..100 {
        writes.push(queue(&store, |_, now| Ok(now)).await);
    }
    drop(release);
    let mut times = Vec::new();
    for write in writes {
        times.push(write.await.unwrap().unwrap());
    }
    assert!(times.iter().all(|time| *time == times[0]), "{times:?}");
}

#[tokio::test]
async fn readers_do_not_wait_for_the_writer() {
    let (store, release) = held(Span::from_secs(20)).await;
    assert_eq!(store.session(&digest()).await.unwrap(), None);
    store.ping().await.unwrap();
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waits_too_long_is_unavailable() {
    let (store, release) = held(Span::from_millis(100)).await;
    let late = store.keep("name", "value").await;
    assert!(matches!(late, Err(StoreError::Unavailable { .. })), "{late:?}");
    drop(release);
}

#[tokio::test]
async fn a_write_whose_caller_is_gone_is_still_announced() {
    let (store, release) = held(Span::from_secs(20)).await;
    let mut news = store.events();
    let (token, free) = (digest(), store.jobs.as_ref().unwrap().capacity());
    let call = tokio::spawn({
        let store = store.clone();
        async move { store.delete_sessions(&[token]).await }
    });
    while store.jobs.as_ref().unwrap().capacity() == free {
        tokio::task::yield_now().await;
    }
    call.abort();
    let _ = call.await;
    drop(release);
    assert_eq!(news.recv().await.unwrap(), StoreEvent::SessionEnded { digest: token });
}

#[tokio::test]
async fn a_failure_of_the_file_undoes_the_whole_group() {
    let (store, release) = held(Span::from_secs(20)).await;
    let innocent = queue(&store, |tables, _| rows::keep(tables, "name", "lost")).await;
    let culprit: tokio::task::JoinHandle<Result<(), _>> = queue(&store, |_, _| {
        Err(Fault::Storage(redb::Error::Io(std::io::Error::other("the disk is on fire"))))
    })
    .await;
    drop(release);
    for outcome in [innocent.await.unwrap().map(drop), culprit.await.unwrap()] {
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    }
    assert_eq!(store.keep("name", "second try").await.unwrap(), "second try");
}

/// A disk that can be full.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Arc<InMemoryBackend>,
    full: Arc<AtomicBool>,
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.bytes.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.bytes.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.bytes.set_len(len)
    }
    fn sync_data(&self) -> Result<(), std::io::Error> {
        if self.full.load(Ordering::SeqCst) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.bytes.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.bytes.write(offset, data)
    }
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_its_recovery_needs_no_restart() {
    let disk = Disk::default();
    let open = {
        let disk = disk.clone();
        move || {
            let database = Database::builder().create_with_backend(disk.clone());
            let database =
                database.map_err(|source| OpenError::File { path: "disk".into(), source: source.into() })?;
            super::file::prepare(&database, "disk".as_ref())?;
            Ok(database)
        }
    };
    let clock = Arc::new(CountingClock::default());
    let store = Embedded::start(open().unwrap(), Box::new(open), Span::from_secs(20), clock).unwrap();
    assert_eq!(store.keep("before", "the disk was full").await.unwrap(), "the disk was full");
    disk.full.store(true, Ordering::SeqCst);
    let refused = store.keep("while", "it was full").await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    let absent = store.session(&digest()).await;
    assert!(matches!(absent, Ok(None) | Err(StoreError::Unavailable { .. })), "{absent:?}");
    disk.full.store(false, Ordering::SeqCst);
    let recovered = async {
        while store.keep("after", "there was room").await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), recovered).await.unwrap();
    assert_eq!(store.keep("before", "a second value").await.unwrap(), "the disk was full");
    assert_eq!(store.session(&digest()).await.unwrap(), None);
}
