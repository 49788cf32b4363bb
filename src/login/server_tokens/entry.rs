//! What this process remembers about one row: a copy of the token, and who looks at the row just now.
//!
//! Callers who need a look at the same moment share one, and its failure too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::JoinHandle;

use super::error::Failure;
use super::row::Held;
use crate::ground::{Secret, Timestamp, TokenDigest};

/// A look that is under way.
pub(super) type Flight = Shared<BoxFuture<'static, Result<Secret, Failure>>>;

/// What a look is for: any token, or any but the one with this digest.
type Wish = Option<TokenDigest>;

pub(super) struct Entry {
    pub(super) name: String,
    copy: Mutex<Option<Held>>,
    flights: Mutex<HashMap<Wish, Flight>>,
}

/// Takes a flight off the list when its task ends, however it ends.
pub(super) struct Landing {
    entry: Arc<Entry>,
    wish: Wish,
}

impl Landing {
    pub(super) const fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.entry.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.wish);
    }
}

impl Entry {
    pub(super) fn new(name: String) -> Self {
        Self { name, copy: Mutex::default(), flights: Mutex::default() }
    }

    /// The copy, while it needs no renewal and is not the dead one.
    pub(super) fn fresh(&self, now: Timestamp, dead: Option<&Secret>) -> Option<Secret> {
        let copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        let held = copy.as_ref().filter(|held| now < held.renew_at && Some(&held.text) != dead)?;
        Some(held.text.clone())
    }

    pub(super) fn remember(&self, held: &Held) {
        *self.copy.lock().unwrap_or_else(PoisonError::into_inner) = Some(held.clone());
    }

    pub(super) fn forget(&self) {
        *self.copy.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The look for this wish that is under way, or the one that `begin` starts.
    pub(super) fn flight(
        self: &Arc<Self>,
        dead: Option<&Secret>,
        begin: impl FnOnce(Landing) -> JoinHandle<Result<Secret, Failure>> + Send + 'static,
    ) -> Flight {
        let wish = dead.map(|dead| TokenDigest::of_text(dead.reveal()));
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = flights.entry(wish).or_insert_with(|| {
            let landing = Landing { entry: self.clone(), wish };
            // Begins with the first poll, when the list is free again: a runtime that is stopping ends the task at
            // once, and its landing takes it off the list.
            async move { begin(landing).await.unwrap_or(Err(Failure::Gone)) }.boxed().shared()
        });
        flight.clone()
    }
}
