//! Which of WeChat's two API hosts to ask: the main one, or its backup while the main one cannot be reached.
//!
//! Remembers for a bounded time; time is an argument.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use url::Url;

use crate::ground::Span;

/// How long the backup is asked first after the main host could not be reached.
const STICK: Span = Span::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Main,
    Backup,
}

/// The API hosts and which of them worked last.
#[derive(Debug)]
pub(super) struct Hosts {
    main: Url,
    backup: Option<Url>,
    born: Instant,
    /// Milliseconds after `born` until which the backup is asked first.
    backup_until: AtomicU64,
}

impl Hosts {
    pub(super) const fn new(main: Url, backup: Option<Url>, born: Instant) -> Self {
        Self { main, backup, born, backup_until: AtomicU64::new(0) }
    }

    /// The host to ask at `now`.
    pub(super) fn pick(&self, now: Instant) -> (Which, &Url) {
        match &self.backup {
            Some(backup) if self.age(now) < self.backup_until.load(Ordering::Relaxed) => {
                (Which::Backup, backup)
            }
            _ => (Which::Main, &self.main),
        }
    }

    /// Notes that `which` could not be reached at `now`. Answers whether there is another one to turn to.
    pub(super) fn unreachable(&self, which: Which, now: Instant) -> bool {
        let until = match which {
            Which::Main => self.age(now).saturating_add(STICK.millis()),
            Which::Backup => 0,
        };
        self.backup_until.store(until, Ordering::Relaxed);
        self.backup.is_some()
    }

    fn age(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.born);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_backup_is_asked_for_a_minute_after_the_main_host_failed() {
        let start = Instant::now();
        let hosts = Hosts::new(url("https://main.example"), Some(url("https://backup.example")), start);
        assert_eq!(hosts.pick(start).0, Which::Main);
        assert!(hosts.unreachable(Which::Main, start));
        assert_eq!(hosts.pick(start + Duration::from_secs(59)).0, Which::Backup);
        assert_eq!(hosts.pick(start + Duration::from_secs(60)).0, Which::Main);
    }

    #[test]
    fn a_failing_backup_leads_back_to_the_main_host() {
        let start = Instant::now();
        let hosts = Hosts::new(url("https://main.example"), Some(url("https://backup.example")), start);
        hosts.unreachable(Which::Main, start);
        assert!(hosts.unreachable(Which::Backup, start));
        assert_eq!(hosts.pick(start).0, Which::Main);
    }

    #[test]
    fn without_a_backup_there_is_only_the_main_host() {
        let start = Instant::now();
        let hosts = Hosts::new(url("https://main.example"), None, start);
        assert!(!hosts.unreachable(Which::Main, start));
        assert_eq!(hosts.pick(start).0, Which::Main);
    }
}
