//! Addresses that lately refused a connection.
//!
//! Passive: no probe is ever sent; an address is forgotten after a few seconds and gets the next request.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long an address is passed over.
const PAUSE: Duration = Duration::from_secs(5);

/// A set whose members leave by themselves.
#[derive(Debug)]
pub(super) struct Downs<A> {
    /// Read before the lock is taken: as a rule nothing is down, and requests must not queue to learn it.
    count: AtomicUsize,
    until: Mutex<HashMap<A, Instant>>,
}

impl<A> Default for Downs<A> {
    fn default() -> Self {
        Self { count: AtomicUsize::new(0), until: Mutex::new(HashMap::new()) }
    }
}

impl<A: Eq + Hash> Downs<A> {
    /// Puts `address` in for a few seconds.
    pub(super) fn add(&self, address: A) {
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, end| *end > now);
        until.insert(address, now + PAUSE);
        self.count.store(until.len(), Ordering::Relaxed);
    }

    /// Whether `address` is in.
    pub(super) fn contains(&self, address: &A) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, end| *end > now);
        self.count.store(until.len(), Ordering::Relaxed);
        until.contains_key(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_is_passed_over_for_some_seconds_and_then_forgotten() {
        let downs = Downs::default();
        assert!(!downs.contains(&1));
        downs.add(1);
        assert!(downs.contains(&1));
        assert!(!downs.contains(&2));
        tokio::time::advance(PAUSE).await;
        assert!(!downs.contains(&1));
        assert_eq!(downs.count.load(Ordering::Relaxed), 0);
    }
}
