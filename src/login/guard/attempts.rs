//! The rule: some tries are free, then each one makes the next wait twice as long. Pure; time is an argument.

use serde::{Deserialize, Serialize};

use crate::ground::{Secret, Span, Timestamp};

/// After so long without a try a count is gone.
pub(super) const FORGOTTEN_AFTER: Span = Span::from_days(1);
/// The first wait; each further try doubles it.
const FIRST_WAIT: Span = Span::from_secs(30);

/// How many tries are free, how long the waits become, and how soon a try is forgotten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    free: u32,
    longest_wait: Span,
    /// After each such while the count is one less.
    forgets: Span,
    /// It counts no further than to the longest wait: what went on for long is forgotten as soon as what did not.
    most: u32,
}

/// Of a login name: a person mistypes a few times, and their right password clears it. Who guesses gets one an hour.
pub(super) const NAME: Rule =
    Rule { free: 5, longest_wait: Span::from_mins(60), forgets: Span::from_days(1), most: 12 };
/// Of a client's network. Of the hundreds of people behind one address some mistype each hour, every day: their tries
/// must be forgotten while others go on. Who guesses gets twelve an hour, for all names together.
pub(super) const NETWORK: Rule =
    Rule { free: 20, longest_wait: Span::from_mins(5), forgets: Span::from_mins(5), most: 24 };

/// The tries that were not right, and until when there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    failures: u32,
    until: Timestamp,
    /// From when on the count goes down. A note of a version that did not know it goes down at once.
    #[serde(default)]
    since: Timestamp,
}

/// What one try did to the count, to take just that back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    before: Timestamp,
    until: Timestamp,
}

impl Attempts {
    /// Reads a note; `None` if another version wrote what this one does not understand.
    pub(super) fn parse(text: &Secret) -> Option<Self> {
        serde_json::from_str(text.reveal()).ok()
    }

    /// The count as a note.
    pub(super) fn text(&self) -> Secret {
        Secret::new(serde_json::to_string(self).expect("three numbers are always JSON"))
    }

    /// How many seconds from `now` to the next try, rounded up; `None`: it may be made.
    pub(super) fn wait(&self, now: Timestamp) -> Option<u64> {
        (now < self.until).then(|| self.until.since(now).millis().div_ceil(1000))
    }

    /// What is left of the count at `now`: one less for each while that has passed.
    fn at(&self, rule: &Rule, now: Timestamp) -> Self {
        let whiles = now.since(self.since).millis() / rule.forgets.millis();
        let failures = self.failures.saturating_sub(u32::try_from(whiles).unwrap_or(u32::MAX));
        // The part of a while that has passed is kept; where nothing is counted there is nothing to forget.
        let since = if failures == 0 {
            now
        } else {
            self.since.plus(Span::from_millis(whiles * rule.forgets.millis()))
        };
        Self { failures, since, ..*self }
    }

    /// With one more try, made at `now`, that is not known to be right.
    pub(super) fn one_more(&self, rule: &Rule, now: Timestamp) -> (Self, Counted) {
        let Self { failures, since, .. } = self.at(rule, now);
        let failures = failures.saturating_add(1).min(rule.most);
        let until = failures.checked_sub(rule.free).map_or(self.until, |over| {
            let doubled = FIRST_WAIT.millis().saturating_mul(1 << over.min(20));
            now.plus(Span::from_millis(doubled.min(rule.longest_wait.millis())))
        });
        (Self { failures, until, since }, Counted { before: self.until, until })
    }

    /// Without a try that was counted before: neither it nor the wait that it brought.
    pub(super) fn one_less(&self, rule: &Rule, counted: Counted) -> Self {
        let failures = self.failures.saturating_sub(1);
        let until = if failures < rule.free {
            Timestamp::default()
        } else if self.until == counted.until {
            counted.before
        } else {
            self.until
        };
        Self { failures, until, ..*self }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    /// `tries` wrong ones, each as soon as it may be made, and when the next may.
    fn after(rule: &Rule, tries: u32) -> (Attempts, Timestamp) {
        let (mut attempts, mut now) = (Attempts::default(), NOW);
        for _ in 0..tries {
            now = now.max(attempts.until);
            (attempts, _) = attempts.one_more(rule, now);
        }
        (attempts, now)
    }

    /// Acceptance: passwords are not guessed.
    #[rstest]
    #[case::first(NAME, 1, None)]
    #[case::last_that_makes_nobody_wait(NAME, 4, None)]
    #[case::fifth(NAME, 5, Some(30))]
    #[case::sixth(NAME, 6, Some(60))]
    #[case::eighth(NAME, 8, Some(240))]
    #[case::eleventh(NAME, 11, Some(1920))]
    #[case::at_most_an_hour(NAME, 12, Some(3600))]
    #[case::for_good(NAME, 500, Some(3600))]
    #[case::an_office(NETWORK, 19, None)]
    #[case::a_large_office(NETWORK, 20, Some(30))]
    #[case::an_attack(NETWORK, 27, Some(300))]
    #[case::a_long_attack(NETWORK, 500, Some(300))]
    fn after_so_many_wrong_tries_the_next_waits(
        #[case] rule: Rule,
        #[case] tries: u32,
        #[case] seconds: Option<u64>,
    ) {
        let (attempts, now) = after(&rule, tries);
        assert_eq!(attempts.wait(now), seconds);
        assert_eq!(attempts.wait(attempts.until), None);
    }

    /// A campus behind one address.
    #[test]
    fn a_network_that_mistypes_every_hour_never_waits() {
        let (mut attempts, mut now) = (Attempts::default(), NOW);
        for _ in 0..24 * 30 {
            for _ in 0..10 {
                (attempts, _) = attempts.one_more(&NETWORK, now);
                assert_eq!(attempts.wait(now), None);
            }
            now = now.plus(Span::from_mins(60));
        }
    }

    #[test]
    fn however_long_a_network_was_attacked_it_is_forgotten_in_two_hours() {
        let (attempts, now) = after(&NETWORK, 1000);
        let later = now.plus(Span::from_mins(120));
        let (one, _) = attempts.one_more(&NETWORK, later);
        assert_eq!((one.failures, one.wait(later)), (1, None));
    }

    #[test]
    fn what_is_left_of_a_second_is_a_second() {
        let (attempts, now) = after(&NAME, 5);
        assert_eq!(attempts.wait(now.plus(Span::from_millis(29_999))), Some(1));
    }

    #[test]
    fn a_right_try_of_an_office_takes_back_its_own_wait_and_no_other() {
        let (nineteen, now) = after(&NETWORK, 19);
        let (twenty, counted) = nineteen.one_more(&NETWORK, now);
        assert_eq!(twenty.one_less(&NETWORK, counted), nineteen);

        let (twenty, _) = after(&NETWORK, 20);
        let later = twenty.until;
        let (more, counted) = twenty.one_more(&NETWORK, later);
        assert_eq!(more.one_less(&NETWORK, counted), twenty, "the wait that was over is over");

        let of_an_earlier_one = Counted { before: Timestamp::default(), until: NOW };
        assert_eq!(more.one_less(&NETWORK, of_an_earlier_one).until, more.until);
    }

    #[test]
    fn a_count_survives_its_note_and_a_foreign_note_is_none() {
        let (attempts, _) = after(&NAME, 7);
        assert_eq!(Attempts::parse(&attempts.text()), Some(attempts));
        assert_eq!(Attempts::parse(&Secret::new("[]")), None);
    }

    proptest! {
        /// However tries come and end, while somebody must wait there are never more wrong tries than are free.
        #[test]
        fn whoever_must_wait_gets_no_try(steps in proptest::collection::vec((0_u64..120_000, any::<bool>()), 1..200)) {
            let (mut attempts, mut now) = (Attempts::default(), NOW);
            let mut wrong = 0;
            let mut open = NOW;
            for (millis, right) in steps {
                now = now.plus(Span::from_millis(millis));
                if attempts.wait(now).is_some() {
                    continue;
                }
                prop_assert!(now >= open, "a try within the wait");
                let (counted, mark) = attempts.one_more(&NAME, now);
                attempts = counted;
                if right {
                    attempts = attempts.one_less(&NAME, mark);
                } else {
                    wrong += 1;
                    prop_assert_eq!(attempts.failures, wrong.min(NAME.most));
                    if wrong >= NAME.free {
                        let doublings = (wrong - NAME.free).min(7);
                        let wait = (30_000 << doublings).min(3_600_000);
                        open = now.plus(Span::from_millis(wait));
                    }
                }
            }
        }
    }
}
