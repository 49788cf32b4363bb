//! The one thread that writes: it groups the writes that wait into one transaction and one `fsync`.
//!
//! Nobody is answered before the transaction is on the disk, except those who asked for less.

use std::sync::Arc;
use std::thread::JoinHandle;

use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _};
use tokio::sync::{mpsc, oneshot};

use super::super::StoreError;
use super::shelf::Shelf;
use super::tables::{EXPIRY, Fault, Tables};
use crate::ground::{Clock, Timestamp};

/// How many writes may wait for the thread.
const QUEUE: usize = 1024;
/// How many writes one transaction takes: a bound on how long the first of them waits for the last.
const GROUP: usize = 256;

type Committed = Result<(), Arc<redb::Error>>;
type Finish = Box<dyn FnOnce(Committed) + Send>;
type Run = Box<dyn FnOnce(&mut Tables<'_>, Timestamp) -> (Finish, Committed) + Send>;

/// One write, and what happens once it is on the disk.
pub(super) struct Job {
    run: Run,
    when: When,
}

/// What a write asks of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// On the disk before it is answered.
    Durable,
    /// On the disk with the next durable write or sweep.
    Soon,
    /// The sweeper's: dropped if nothing has expired and nothing waits for the disk.
    IfNeeded,
}

impl Job {
    /// `work` runs on the writer's thread, `after` when its outcome is committed, also if the caller is gone.
    pub(super) fn new<T: Send + 'static>(
        doing: &'static str,
        when: When,
        work: impl FnOnce(&mut Tables<'_>, Timestamp) -> Result<T, Fault> + Send + 'static,
        after: impl FnOnce(&T) + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let run: Run = Box::new(move |tables, now| {
            let (outcome, committed) = match work(tables, now) {
                Ok(value) => (Ok(value), Ok(())),
                Err(Fault::Answer(error)) => (Err(error), Ok(())),
                Err(Fault::Storage(error)) => {
                    let error = Arc::new(error);
                    (Err(storage_error(doing, error.clone())), Err(error))
                }
            };
            let finish: Finish = Box::new(move |committed| {
                let outcome = match (outcome, committed) {
                    (Ok(_), Err(error)) => Err(storage_error(doing, error)),
                    (outcome, _) => outcome,
                };
                if let Ok(value) = &outcome {
                    after(value);
                }
                // The caller may have given up waiting; the write stands.
                let _ = reply.send(outcome);
            });
            (finish, committed)
        });
        (Self { run, when }, answer)
    }
}

/// What a failure of the file means to a caller.
pub(super) fn storage_error(doing: &'static str, source: Arc<redb::Error>) -> StoreError {
    match *source {
        redb::Error::Corrupted(_) => StoreError::Corrupt { doing, source: Box::new(source) },
        _ => StoreError::Unavailable { doing, source: Box::new(source) },
    }
}

/// Starts the thread. It ends, with everything on the disk, when all senders are gone.
pub(super) fn start(
    shelf: Arc<Shelf>,
    clock: Arc<dyn Clock>,
) -> std::io::Result<(mpsc::Sender<Job>, JoinHandle<()>)> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let writer = Writer { shelf, clock, volatile: false };
    let thread = std::thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || writer.write_until_closed(receiver))?;
    Ok((sender, thread))
}

struct Writer {
    shelf: Arc<Shelf>,
    clock: Arc<dyn Clock>,
    /// Whether something was committed that is not on the disk yet.
    volatile: bool,
}

impl Writer {
    fn write_until_closed(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(job) = jobs.try_recv()
            {
                group.push(job);
            }
            // Out of use: the jobs are dropped, which tells their callers.
            if let Ok(database) = self.shelf.database_or_reopen() {
                self.write(&database, group);
            }
        }
        if self.volatile
            && let Ok(database) = self.shelf.database()
            && let Err(error) = write_group(&database, self.clock.now(), Vec::new(), true, &mut Vec::new())
        {
            tracing::error!(%error, "the embedded store lost the latest idle clocks");
        }
    }

    fn write(&mut self, database: &Database, group: Vec<Job>) {
        let idle = !self.volatile && group.iter().all(|job| job.when == When::IfNeeded);
        if idle && !anything_due(database, self.clock.now()) {
            return;
        }
        let durable = group.iter().any(|job| job.when != When::Soon);
        let mut finishers = Vec::with_capacity(group.len());
        let outcome = write_group(database, self.clock.now(), group, durable, &mut finishers);
        match &outcome {
            Ok(()) => self.volatile = !durable,
            Err(error) => {
                tracing::error!(%error, "the embedded store cannot write");
                if database.begin_write().is_err() {
                    self.shelf.put_aside();
                }
            }
        }
        for finish in finishers {
            finish(outcome.clone());
        }
    }
}

/// Runs a group in one transaction. A failure of the file undoes the whole group.
fn write_group(
    database: &Database,
    now: Timestamp,
    group: Vec<Job>,
    durable: bool,
    finishers: &mut Vec<Finish>,
) -> Committed {
    let mut transaction = database.begin_write().map_err(shared)?;
    transaction
        .set_durability(if durable { Durability::Immediate } else { Durability::None })
        .map_err(shared)?;
    let mut tables = Tables::open(&transaction).map_err(shared)?;
    let mut committed = Ok(());
    for job in group {
        let (finish, done) = (job.run)(&mut tables, now);
        finishers.push(finish);
        committed = committed.and(done);
    }
    drop(tables);
    match committed {
        Ok(()) => transaction.commit().map_err(shared),
        Err(error) => {
            // Dropping the transaction would undo it as well; the first failure is the one to report.
            let _ = transaction.abort();
            Err(error)
        }
    }
}

/// Whether a sweep has work; if that cannot be read, the sweep itself will say so.
fn anything_due(database: &Database, now: Timestamp) -> bool {
    let due = || -> Result<bool, Fault> {
        let expiry = database.begin_read()?.open_table(EXPIRY)?;
        let first = expiry.first()?;
        Ok(first.is_some_and(|(key, _)| key.value().0 <= now.millis()))
    };
    due().unwrap_or(true)
}

fn shared(error: impl Into<redb::Error>) -> Arc<redb::Error> {
    Arc::new(error.into())
}
