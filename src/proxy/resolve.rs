//! Names of upstream servers, looked up apart from the requests that need them.
//!
//! A name is asked again in the background while it is in use; an answer that fails leaves the last good one.
//! Only the very first request to a name waits, and not for long. (pingora would look up in the middle of a
//! request, take the first address and panic if there is none.)

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::lookup_host;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long an answer is used before the name is asked again.
const FRESH: Duration = Duration::from_secs(15);
/// How long a failure is believed.
const FAILED: Duration = Duration::from_secs(1);
/// Longest lookup.
const LIMIT: Duration = Duration::from_secs(3);
/// Most addresses kept of one answer.
const MOST: usize = 32;

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    /// The resolver said no.
    #[error("the name `{host}` cannot be resolved")]
    Failed {
        /// The name.
        host: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The resolver said nothing in time, nothing useful, or failed a moment ago.
    #[error("the name `{host}` has no address")]
    NoAnswer {
        /// The name.
        host: String,
    },
}

/// One name and what is known of it.
#[derive(Debug)]
pub(super) struct Name {
    host: String,
    port: u16,
    answer: ArcSwap<Answer>,
    asking: AtomicBool,
    first: Mutex<()>,
}

#[derive(Debug)]
struct Answer {
    addresses: Vec<SocketAddr>,
    stale_at: Instant,
}

impl Name {
    /// A name nobody has asked for yet.
    pub(super) fn new(host: &str, port: u16) -> Self {
        let answer = Answer { addresses: Vec::new(), stale_at: Instant::now() };
        Self {
            host: host.into(),
            port,
            answer: ArcSwap::from_pointee(answer),
            asking: AtomicBool::new(false),
            first: Mutex::new(()),
        }
    }

    /// Calls `pick` with the addresses known now, beginning at the `turn`-th, until it returns something.
    /// Asks again in the background if they are stale.
    pub(super) fn find<T>(
        self: &Arc<Self>,
        turn: usize,
        pick: impl FnMut(&SocketAddr) -> Option<T>,
    ) -> Option<T> {
        let answer = self.answer.load();
        if Instant::now() >= answer.stale_at && !self.asking.swap(true, Ordering::Relaxed) {
            let name = self.clone();
            tokio::spawn(async move { name.ask_again().await });
        }
        let (before, from) = answer.addresses.split_at(turn % answer.addresses.len().max(1));
        from.iter().chain(before).find_map(pick)
    }

    /// Whether there is an address at all.
    pub(super) fn is_known(&self) -> bool {
        !self.answer.load().addresses.is_empty()
    }

    /// Waits for the first answer. Any number of requests ask once; a failure is not repeated within a second.
    pub(super) async fn first_answer(&self) -> Result<(), ResolveError> {
        let _one_at_a_time = self.first.lock().await;
        let answer = self.answer.load_full();
        if !answer.addresses.is_empty() {
            return Ok(());
        }
        if Instant::now() < answer.stale_at {
            return Err(ResolveError::NoAnswer { host: self.host.clone() });
        }
        let asked = self.ask().await;
        let (addresses, lasts) = match &asked {
            Ok(addresses) => (addresses.clone(), FRESH),
            Err(_) => (Vec::new(), FAILED),
        };
        self.keep(addresses, lasts);
        asked.map(drop)
    }

    async fn ask_again(&self) {
        match self.ask().await {
            Ok(addresses) => self.keep(addresses, FRESH),
            Err(error) => {
                tracing::warn!(%error, "keeping the addresses known so far");
                self.keep(self.answer.load().addresses.clone(), FRESH);
            }
        }
        self.asking.store(false, Ordering::Relaxed);
    }

    fn keep(&self, addresses: Vec<SocketAddr>, lasts: Duration) {
        self.answer.store(Arc::new(Answer { addresses, stale_at: Instant::now() + lasts }));
    }

    async fn ask(&self) -> Result<Vec<SocketAddr>, ResolveError> {
        let nothing = || ResolveError::NoAnswer { host: self.host.clone() };
        let answer = timeout(LIMIT, lookup_host((self.host.as_str(), self.port))).await;
        let addresses: Vec<_> = answer
            .map_err(|_| nothing())?
            .map_err(|source| ResolveError::Failed { host: self.host.clone(), source })?
            .take(MOST)
            .collect();
        if addresses.is_empty() { Err(nothing()) } else { Ok(addresses) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_name_is_known_after_its_first_answer() {
        let name = Arc::new(Name::new("localhost", 80));
        assert!(!name.is_known());
        name.first_answer().await.unwrap();
        let address = name.find(0, |address| Some(*address)).unwrap();
        assert!(address.ip().is_loopback());
        assert_eq!(address.port(), 80);
    }

    #[tokio::test]
    async fn a_failed_first_answer_is_an_error_and_is_not_asked_again_at_once() {
        let name = Name::new("no-such-name.invalid", 80);
        assert!(name.first_answer().await.is_err());
        assert!(matches!(name.first_answer().await, Err(ResolveError::NoAnswer { .. })));
    }

    #[tokio::test]
    async fn addresses_take_turns_and_a_failing_lookup_keeps_the_last_good_ones() {
        let name = Arc::new(Name::new("no-such-name.invalid", 80));
        let [one, two] = ["127.0.0.1:1", "127.0.0.1:2"].map(|text| text.parse::<SocketAddr>().unwrap());
        name.keep(vec![one, two], FRESH);
        assert_eq!(name.find(0, |address| Some(*address)), Some(one));
        assert_eq!(name.find(1, |address| Some(*address)), Some(two));
        name.ask_again().await;
        assert_eq!(name.find(2, |address| Some(*address)), Some(one));
    }
}
