//! How much one address may begin or call, how many codes it may have, and how often a page may ask: enough for an
//! office or a phone network behind one address, too few to use up what WeChat gives an account in a day.

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::domain::FlowId;
use crate::ground::network_of;

/// Logins that one address may begin at once, and that many again each minute.
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).expect("120 is not zero");

/// Calls of the API from one address at once, and that many again each minute: thousands of phones may share the address
/// of a phone network.
const CLIENT_PER_MINUTE: NonZeroU32 = NonZeroU32::new(1200).expect("1200 is not zero");

/// Codes that one address may have each minute. WeChat makes 100,000 a day for a new account.
/// Source: "接口调用频次限制" (limits of API calls).
const CODES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");

/// Codes that one address may have at once.
const CODES_AT_ONCE: NonZeroU32 = NonZeroU32::new(60).expect("60 is not zero");

/// Questions about one login at once, and that many again each minute: a page that polls asks 30 times a minute.
const PER_FLOW: NonZeroU32 = NonZeroU32::new(60).expect("60 is not zero");

/// After how many checks addresses that have been quiet are forgotten.
const SWEEP_EVERY: u32 = 1024;

/// The limits: by address on beginning and answering logins and on codes to scan, by login on asking how far it is.
#[derive(Debug)]
pub struct Throttle {
    logins: DefaultKeyedRateLimiter<IpAddr>,
    clients: DefaultKeyedRateLimiter<IpAddr>,
    codes: DefaultKeyedRateLimiter<IpAddr>,
    flows: DefaultKeyedRateLimiter<FlowId>,
    checks: AtomicU32,
}

impl Throttle {
    /// A limiter that has seen nobody.
    pub fn new() -> Self {
        Self {
            logins: RateLimiter::keyed(Quota::per_minute(PER_MINUTE)),
            clients: RateLimiter::keyed(Quota::per_minute(CLIENT_PER_MINUTE)),
            codes: RateLimiter::keyed(Quota::per_minute(CODES_PER_MINUTE).allow_burst(CODES_AT_ONCE)),
            flows: RateLimiter::keyed(Quota::per_minute(PER_FLOW)),
            checks: AtomicU32::new(0),
        }
    }

    /// Whether `ip` may begin, or answer, another login now; else after how many seconds.
    pub fn check(&self, ip: Option<&str>) -> Result<(), u64> {
        self.sweep();
        check(&self.logins, &network_of(ip))
    }

    /// Whether a client at `ip` may call now; else after how many seconds.
    pub fn check_client(&self, ip: Option<&str>) -> Result<(), u64> {
        self.sweep();
        check(&self.clients, &network_of(ip))
    }

    /// Whether `ip` may have another code, to scan or by SMS, now; else after how many seconds.
    pub fn check_code(&self, ip: Option<&str>) -> Result<(), u64> {
        self.sweep();
        check(&self.codes, &network_of(ip))
    }

    /// Whether somebody may ask about this login now; else after how many seconds.
    pub fn check_flow(&self, flow: &FlowId) -> Result<(), u64> {
        self.sweep();
        check(&self.flows, flow)
    }

    fn sweep(&self) {
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.logins.retain_recent();
            self.clients.retain_recent();
            self.codes.retain_recent();
            self.flows.retain_recent();
        }
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether there may be one more of `key` now; else after how many seconds.
fn check<K: Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), u64> {
    let seconds =
        |until: governor::NotUntil<_>| until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
    limiter.check_key(key).map_err(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_begins_too_many_logins_is_told_when_to_come_back() {
        let throttle = Throttle::new();
        for _ in 0..PER_MINUTE.get() {
            assert_eq!(throttle.check(Some("192.0.2.1")), Ok(()));
        }
        assert!(throttle.check(Some("192.0.2.1")).is_err_and(|seconds| (1..=2).contains(&seconds)));
        assert_eq!(throttle.check(Some("192.0.2.2")), Ok(()));
    }

    #[test]
    fn an_address_has_a_burst_of_codes_and_then_few() {
        let throttle = Throttle::new();
        for _ in 0..CODES_AT_ONCE.get() {
            assert_eq!(throttle.check_code(Some("192.0.2.1")), Ok(()));
        }
        assert!(throttle.check_code(Some("192.0.2.1")).is_err_and(|seconds| (1..=4).contains(&seconds)));
        assert_eq!(throttle.check(Some("192.0.2.1")), Ok(()), "other ways to log in go on");
        assert_eq!(throttle.check_code(Some("192.0.2.2")), Ok(()));
    }
}
