//! How often one person may prove who they are: each time costs the call that says who it is, and the limit spares all
//! that follows it, at WeChat's and in the store.
//!
//! Counts people of this process, not addresses: a whole city may stand behind one address of a phone network.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::ClientError;
use crate::domain::{AppId, OpenId};
use crate::ground::TokenDigest;

/// Calls of one person at once, and that many again each minute: a login takes three.
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("30 is not zero");

/// After how many checks people who have been quiet are forgotten.
const SWEEP_EVERY: u32 = 4096;

/// The limit on one person's calls.
#[derive(Debug)]
pub(in crate::login) struct Pace {
    people: DefaultKeyedRateLimiter<TokenDigest>,
    checks: AtomicU32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { people: RateLimiter::keyed(Quota::per_minute(PER_MINUTE)), checks: AtomicU32::new(0) }
    }
}

impl Pace {
    /// Counts one call of this person.
    pub(in crate::login) fn check(&self, app_id: &AppId, open_id: &OpenId) -> Result<(), ClientError> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.people.retain_recent();
        }
        let person = TokenDigest::of_text(&format!("{app_id} {open_id}"));
        self.people.check_key(&person).map_err(|until| {
            let seconds = until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            ClientError::TooMany { seconds }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_person_who_asks_too_often_is_told_when_to_come_back_and_nobody_else_is() {
        let pace = Pace::default();
        let app = AppId::new("wx1").unwrap();
        let (ann, bob) = (OpenId::new("ann").unwrap(), OpenId::new("bob").unwrap());
        for _ in 0..PER_MINUTE.get() {
            pace.check(&app, &ann).unwrap();
        }
        assert!(matches!(pace.check(&app, &ann), Err(ClientError::TooMany { seconds: 1..=2 })));
        pace.check(&app, &bob).unwrap();
        pace.check(&AppId::new("wx2").unwrap(), &ann).unwrap();
    }
}
