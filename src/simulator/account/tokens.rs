//! Server tokens of apps: the classic line and the stable line, which never touch each other.
//!
//! Pure: time and randomness come as arguments; the oldest tokens are forgotten, never the newest.

use rand::CryptoRng;

use crate::ground::{Span, Timestamp};
use crate::simulator::bounded::Bounded;
use crate::simulator::errcode::Errcode;
use crate::simulator::ids;
use crate::simulator::switches::ForceTooSoon;

/// How long a server token lives (token page: 7200 seconds).
pub(crate) const LIFE: Span = Span::from_secs(7200);
/// How long a replaced classic token still works, and how early the stable one is renewed.
const GRACE: Span = Span::from_mins(5);
/// Forced refreshes must be this far apart, and a day has so many (stable token page).
const FORCE_APART: Span = Span::from_secs(30);
const FORCES_A_DAY: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Line {
    Classic,
    Stable,
}

#[derive(Debug)]
struct Row {
    app_id: String,
    expires: Timestamp,
    /// From when on a newer token has made this one invalid.
    replaced: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Forced {
    last: Option<Timestamp>,
    day: u64,
    count: u32,
}

/// All server tokens.
#[derive(Debug)]
pub(crate) struct ServerTokens {
    tokens: Bounded<String, Row>,
    current: Bounded<(String, Line), String>,
    forced: Bounded<String, Forced>,
}

/// The day in WeChat's time zone, UTC+8.
pub(crate) const fn day(now: Timestamp) -> u64 {
    (now.secs() + 8 * 3600) / 86_400
}

impl ServerTokens {
    pub(crate) fn new() -> Self {
        Self { tokens: Bounded::new(20_000), current: Bounded::new(2000), forced: Bounded::new(2000) }
    }

    /// `cgi-bin/token`: always a new one; the one before works five minutes longer.
    pub(crate) fn classic(&mut self, now: Timestamp, rng: &mut impl CryptoRng, app_id: &str) -> String {
        self.retire(app_id, Line::Classic, now.plus(GRACE));
        self.issue(now, rng, app_id, Line::Classic)
    }

    /// `cgi-bin/stable_token`: the token and what is left of its life.
    pub(crate) fn stable(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        force: bool,
        too_soon: ForceTooSoon,
    ) -> Result<(String, Span), Errcode> {
        if force && self.may_force(now, app_id, too_soon)? {
            self.retire(app_id, Line::Stable, now);
            return Ok((self.issue(now, rng, app_id, Line::Stable), LIFE));
        }
        if let Some(token) = self.current.get(&(app_id.to_owned(), Line::Stable))
            && let Some(row) = self.tokens.get(token)
            && row.replaced.is_none()
            && row.expires.since(now) > GRACE
        {
            return Ok((token.clone(), row.expires.since(now)));
        }
        Ok((self.issue(now, rng, app_id, Line::Stable), LIFE))
    }

    /// Whether a forced refresh happens; `Ok(false)` means the current token is answered instead.
    fn may_force(&mut self, now: Timestamp, app_id: &str, too_soon: ForceTooSoon) -> Result<bool, Errcode> {
        let today = day(now);
        let forced = self.forced.entry(app_id.into(), || Forced { last: None, day: today, count: 0 });
        if forced.last.is_some_and(|last| now.since(last) < FORCE_APART) {
            return match too_soon {
                ForceTooSoon::SameToken => Ok(false),
                ForceTooSoon::TooOften => Err(Errcode::TOO_OFTEN),
            };
        }
        if forced.day != today {
            *forced = Forced { last: forced.last, day: today, count: 0 };
        }
        if forced.count >= FORCES_A_DAY {
            return Err(Errcode::DAILY_LIMIT);
        }
        *forced = Forced { last: Some(now), day: today, count: forced.count + 1 };
        Ok(true)
    }

    /// As if somebody else had taken new tokens by force: the current ones of both lines die at once.
    pub(crate) fn replace(&mut self, now: Timestamp, app_id: &str) {
        self.retire(app_id, Line::Classic, now);
        self.retire(app_id, Line::Stable, now);
    }

    /// Whose token this is, if it is alive.
    pub(crate) fn check(&self, now: Timestamp, token: &str) -> Result<&str, Errcode> {
        let in_shape =
            token.len() >= 16 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if !in_shape {
            return Err(Errcode::MALFORMED_TOKEN);
        }
        let row = self.tokens.get(token).ok_or(Errcode::INVALID_CREDENTIAL)?;
        if row.replaced.is_some_and(|since| now >= since) {
            return Err(Errcode::INVALID_CREDENTIAL);
        }
        if now >= row.expires {
            return Err(Errcode::TOKEN_EXPIRED);
        }
        Ok(&row.app_id)
    }

    fn retire(&mut self, app_id: &str, line: Line, from: Timestamp) {
        if let Some(token) = self.current.get(&(app_id.to_owned(), line))
            && let Some(row) = self.tokens.get_mut(token)
        {
            let earlier = row.replaced.map_or(from, |since| since.min(from));
            row.replaced = Some(earlier);
        }
    }

    fn issue(&mut self, now: Timestamp, rng: &mut impl CryptoRng, app_id: &str, line: Line) -> String {
        let token = ids::token(rng);
        let row = Row { app_id: app_id.into(), expires: now.plus(LIFE), replaced: None };
        self.tokens.insert(token.clone(), row);
        self.current.insert((app_id.into(), line), token.clone());
        token
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const APP: &str = "wx1";

    fn stable(tokens: &mut ServerTokens, now: Timestamp, force: bool) -> Result<(String, Span), Errcode> {
        tokens.stable(now, &mut rand::rng(), APP, force, ForceTooSoon::SameToken)
    }

    #[test]
    fn a_replaced_classic_token_works_five_minutes_longer() {
        let mut tokens = ServerTokens::new();
        let first = tokens.classic(START, &mut rand::rng(), APP);
        let second = tokens.classic(START, &mut rand::rng(), APP);
        assert_ne!(first, second);
        let after = |secs| START.plus(Span::from_secs(secs));
        assert_eq!(tokens.check(after(299), &first), Ok(APP));
        assert_eq!(tokens.check(after(300), &first), Err(Errcode::INVALID_CREDENTIAL));
        assert_eq!(tokens.check(after(7199), &second), Ok(APP));
        assert_eq!(tokens.check(after(7200), &second), Err(Errcode::TOKEN_EXPIRED));
    }

    #[test]
    fn the_stable_token_stays_until_its_last_five_minutes() {
        let mut tokens = ServerTokens::new();
        let (first, left) = stable(&mut tokens, START, false).unwrap();
        assert_eq!(left, LIFE);
        let late = START.plus(Span::from_secs(6855));
        assert_eq!(stable(&mut tokens, late, false).unwrap(), (first.clone(), Span::from_secs(345)));
        let last = START.plus(Span::from_secs(6900));
        let (second, left) = stable(&mut tokens, last, false).unwrap();
        assert_ne!(second, first);
        assert_eq!(left, LIFE);
        assert_eq!(tokens.check(last, &first), Ok(APP), "a renewed token is not killed");
    }

    #[test]
    fn a_forced_refresh_kills_the_old_token_at_once_and_spares_the_other_line() {
        let mut tokens = ServerTokens::new();
        let classic = tokens.classic(START, &mut rand::rng(), APP);
        let (first, _) = stable(&mut tokens, START, false).unwrap();
        let (second, _) = stable(&mut tokens, START, true).unwrap();
        assert_eq!(tokens.check(START, &first), Err(Errcode::INVALID_CREDENTIAL));
        assert_eq!(tokens.check(START, &second), Ok(APP));
        assert_eq!(tokens.check(START, &classic), Ok(APP));
    }

    #[test]
    fn forcing_is_limited_to_every_thirty_seconds_and_twenty_a_day() {
        let mut tokens = ServerTokens::new();
        let mut now = START;
        let (first, _) = stable(&mut tokens, now, true).unwrap();
        let soon = START.plus(Span::from_secs(29));
        assert_eq!(stable(&mut tokens, soon, true).unwrap().0, first);
        let refused = tokens.stable(soon, &mut rand::rng(), APP, true, ForceTooSoon::TooOften);
        assert_eq!(refused.unwrap_err(), Errcode::TOO_OFTEN);
        for _ in 1..20 {
            now = now.plus(Span::from_secs(30));
            stable(&mut tokens, now, true).unwrap();
        }
        now = now.plus(Span::from_secs(30));
        assert_eq!(stable(&mut tokens, now, true).unwrap_err(), Errcode::DAILY_LIMIT);
        assert!(stable(&mut tokens, now.plus(Span::from_days(1)), true).is_ok());
    }

    #[test]
    fn a_token_that_is_none_says_how() {
        let tokens = ServerTokens::new();
        assert_eq!(tokens.check(START, "no token!"), Err(Errcode::MALFORMED_TOKEN));
        assert_eq!(tokens.check(START, &"x".repeat(60)), Err(Errcode::INVALID_CREDENTIAL));
    }
}
