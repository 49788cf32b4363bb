//! What the log says of pushed messages that came to nothing: enough to act on, never a flood.
//!
//! A dead relay is told once, with a count when it works again; refused messages at most once a minute and account,
//! because anybody can send them.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::login::App;

const ONE: NonZeroU32 = NonZeroU32::new(1).expect("1 is not zero");

/// How relays and refused messages fare, by account.
#[derive(Debug)]
pub(super) struct Relays {
    /// Failures in a row.
    failing: Mutex<HashMap<String, u64>>,
    warnings: DefaultKeyedRateLimiter<String>,
}

impl Relays {
    pub(super) fn new() -> Self {
        Self { failing: Mutex::default(), warnings: RateLimiter::keyed(Quota::per_minute(ONE)) }
    }

    /// The relay of `app` took a message.
    pub(super) fn worked(&self, app: &App) {
        if let Some(lost) = self.lock().remove(&app.id) {
            tracing::info!(app = %app.id, lost, "the relay works again");
        }
    }

    /// The relay of `app` did not take a message.
    pub(super) fn failed(&self, app: &App, problem: &str) {
        let mut failing = self.lock();
        let count = failing.entry(app.id.clone()).or_default();
        *count += 1;
        if *count == 1 {
            tracing::error!(
                app = %app.id, problem,
                "the relay (relay_to) takes no messages; logins go on, further failures are counted"
            );
        }
    }

    /// A message was refused.
    pub(super) fn warn(&self, app: &App, problem: &str) {
        // The accounts are those of the config, so there are few keys.
        if self.warnings.check_key(&app.id).is_ok() {
            tracing::warn!(app = %app.id, problem, "a message that claims to come from WeChat was refused");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
