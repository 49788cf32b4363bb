//! The open database, put aside and opened again after the disk failed.
//!
//! `redb` takes no more writes after a commit that failed half-way, until it is opened anew. A disk that was
//! full for a minute must not need a restart of ours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use redb::Database;

use super::super::OpenError;

/// How often opening is tried: each attempt may read the whole file.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens the database again.
pub(super) type Reopen = Box<dyn Fn() -> Result<Database, OpenError> + Send + Sync>;

/// The store's file is out of use since the disk failed.
#[derive(Debug, thiserror::Error)]
#[error("the file failed and could not be opened again yet")]
pub(super) struct OutOfUse;

/// Where the database is, if it is in use.
pub(super) struct Shelf {
    current: ArcSwapOption<Database>,
    reopen: Reopen,
    tried: Mutex<Option<Instant>>,
}

impl Shelf {
    pub(super) fn new(database: Database, reopen: Reopen) -> Self {
        Self { current: ArcSwapOption::from_pointee(database), reopen, tried: Mutex::new(None) }
    }

    /// The database for reading: never waits.
    pub(super) fn database(&self) -> Result<Arc<Database>, OutOfUse> {
        self.current.load_full().ok_or(OutOfUse)
    }

    /// The database for writing: opens it again if it is out of use, at most once a second. Blocks.
    pub(super) fn database_or_reopen(&self) -> Result<Arc<Database>, OutOfUse> {
        if let Ok(database) = self.database() {
            return Ok(database);
        }
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            return Err(OutOfUse);
        }
        let opened = (self.reopen)();
        *tried = Some(Instant::now());
        match opened {
            Ok(database) => {
                tracing::info!("the embedded store is in use again");
                self.current.store(Some(Arc::new(database)));
                self.database()
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the embedded store stays out of use"
                );
                Err(OutOfUse)
            }
        }
    }

    /// Takes the database out of use; it closes when the reads that are under way have ended.
    pub(super) fn put_aside(&self) {
        self.current.store(None);
    }
}
