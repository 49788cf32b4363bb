//! How often an app may call what: day, minute and second quotas, and the ten times a month a quota can be cleared.
//!
//! Pure: time is an argument; the limits themselves are switches.

use crate::ground::Timestamp;
use crate::simulator::bounded::Bounded;
use crate::simulator::errcode::Errcode;

use super::tokens::day;

/// A window of a quota.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Per {
    Second,
    Minute,
    Day,
    /// Thirty days.
    Month,
}

impl Per {
    const fn window(self, now: Timestamp) -> u64 {
        match self {
            Self::Second => now.secs(),
            Self::Minute => now.secs() / 60,
            Self::Day => day(now),
            Self::Month => day(now) / 30,
        }
    }

    const fn exceeded(self) -> Errcode {
        match self {
            Self::Second | Self::Minute => Errcode::TOO_OFTEN,
            Self::Day => Errcode::DAILY_LIMIT,
            Self::Month => Errcode::CLEARED_TOO_OFTEN,
        }
    }
}

/// What each app, or each person, has used.
#[derive(Debug)]
pub(crate) struct Used(Bounded<(String, &'static str), (u64, u32)>);

impl Used {
    pub(crate) fn new() -> Self {
        Self(Bounded::new(10_000))
    }

    /// Counts one call, unless `limit` of them were made in this window already.
    pub(crate) fn spend(
        &mut self,
        now: Timestamp,
        app_id: &str,
        what: &'static str,
        per: Per,
        limit: u32,
    ) -> Result<(), Errcode> {
        let window = per.window(now);
        let (seen, count) = self.0.entry((app_id.into(), what), || (window, 0));
        if *seen != window {
            (*seen, *count) = (window, 0);
        }
        if *count >= limit {
            return Err(per.exceeded());
        }
        *count += 1;
        Ok(())
    }

    /// Sets everything the app has used to nothing, ten times a month.
    pub(crate) fn clear(&mut self, now: Timestamp, app_id: &str) -> Result<(), Errcode> {
        const CLEARS: &str = "clear_quota";
        self.spend(now, app_id, CLEARS, Per::Month, 10)?;
        let theirs: Vec<_> = self
            .0
            .iter()
            .map(|(key, _)| key.clone())
            .filter(|(app, what)| app == app_id && *what != CLEARS)
            .collect();
        for key in theirs {
            self.0.insert(key, (0, 0));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::Span;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn a_quota_is_used_up_and_comes_back_with_the_next_window() {
        let mut used = Used::new();
        let spend = |used: &mut Used, now, per| used.spend(now, "wx1", "x", per, 2);
        assert_eq!(spend(&mut used, START, Per::Day), Ok(()));
        assert_eq!(spend(&mut used, START, Per::Day), Ok(()));
        assert_eq!(spend(&mut used, START, Per::Day), Err(Errcode::DAILY_LIMIT));
        assert_eq!(used.spend(START, "wx2", "x", Per::Day, 2), Ok(()), "every app has its own");
        assert_eq!(spend(&mut used, START.plus(Span::from_days(1)), Per::Day), Ok(()));
    }

    #[test]
    fn a_quota_can_be_cleared_ten_times_a_month() {
        let mut used = Used::new();
        for _ in 0..10 {
            assert_eq!(used.spend(START, "wx1", "x", Per::Minute, 1), Ok(()));
            assert_eq!(used.spend(START, "wx1", "x", Per::Minute, 1), Err(Errcode::TOO_OFTEN));
            assert_eq!(used.clear(START, "wx1"), Ok(()));
        }
        assert_eq!(used.clear(START, "wx1"), Err(Errcode::CLEARED_TOO_OFTEN));
        assert_eq!(used.clear(START.plus(Span::from_days(30)), "wx1"), Ok(()));
    }
}
