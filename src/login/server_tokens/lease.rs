//! The right to fetch a token: one process at a time has it, by compare-and-set on the shared row.
//!
//! Who was overtaken finds another version there and writes nothing more.

use std::future::Future;
use std::time::Duration;

use super::row::Row;
use crate::ground::{Clock, Span};
use crate::store::{Note, Store, StoreError};

/// How often a lease is renewed.
const RENEWAL: Duration = Duration::from_secs(4);
/// How long a row is kept after its last change: longer than the day of forced refreshes that it counts, and far
/// longer than anybody holds a version of it.
const KEPT: Span = Span::from_days(3);

/// A lease on the row of a name.
pub(super) struct Held<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) clock: &'a dyn Clock,
    pub(super) name: &'a str,
    pub(super) holder: &'a str,
    /// Of the row as it is stored.
    pub(super) version: u64,
    pub(super) row: Row,
}

impl Held<'_> {
    /// Writes `row` with the lease from now on; `false`: somebody else has written meanwhile.
    pub(super) async fn keep(&mut self, row: &Row) -> Result<bool, StoreError> {
        let leased = row.leased(self.holder, self.clock.now());
        self.write(leased).await
    }

    /// Writes `row` as it is, which ends the lease.
    pub(super) async fn release(mut self, row: Row) -> Result<bool, StoreError> {
        self.write(row).await
    }

    /// Does `work` and renews the lease meanwhile; `None` if somebody else has taken over, and `work` is dropped.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            let done = tokio::time::timeout(RENEWAL, &mut work).await;
            if let Ok(done) = done {
                return Some(done);
            }
            let row = self.row.clone();
            match self.keep(&row).await {
                Ok(true) => {}
                Ok(false) => return None,
                // Whether the lease still stands is seen when the result is written.
                Err(error) => tracing::warn!(%error, "the lease on a server token was not renewed"),
            }
        }
    }

    async fn write(&mut self, row: Row) -> Result<bool, StoreError> {
        let note = Note { version: self.version + 1, text: row.text() };
        let written = match self.store.swap_note(self.name, &note, KEPT).await {
            Ok(written) => written,
            // The answer is lost, but perhaps not the write.
            Err(error) => match self.store.note(self.name).await {
                Ok(found) if found.as_ref() == Some(&note) => true,
                _ => return Err(error),
            },
        };
        if written {
            (self.version, self.row) = (note.version, row);
        }
        Ok(written)
    }
}
