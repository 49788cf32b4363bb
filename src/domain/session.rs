//! A session: this browser or app is logged in to that account, until it idles or ages out.
//!
//! Stored under the digest of its token; the token itself is nowhere but with its owner.

use serde::{Deserialize, Serialize};

use super::{AccountId, AppId, MethodId, OpenId, PoolId};
use crate::ground::{Span, Timestamp};

/// One logged-in browser or app on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose session.
    pub account: AccountId,
    /// The account's pool.
    pub pool: PoolId,
    /// Shared by all sessions that one login opened on several hosts, so that one logout ends them all.
    pub login_id: String,
    /// The configured method of the login.
    pub method: MethodId,
    /// The app of the login.
    pub app_id: AppId,
    /// The person in that app.
    pub open_id: OpenId,
    /// The host the session is for; a token stolen on one host is refused on another.
    pub host: String,
    /// When the login happened.
    pub created_at: Timestamp,
    /// When it was last used, as far as was written (see [`SessionPolicy::touch_due`]).
    pub last_seen_at: Timestamp,
    /// The address the login came from, for the owner's list of sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The browser of the login, at most 200 characters, for the owner's list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// How long sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Longest time without a request.
    pub idle: Span,
    /// Longest time since the login.
    pub absolute: Span,
}

/// How long the row of a session that ran out is kept.
const REMEMBERED: Span = Span::from_days(1);

/// A session that has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Expired {
    /// Unused for longer than the idle lifetime.
    #[error("the session was unused for too long")]
    Idle,
    /// Older than the absolute lifetime.
    #[error("the session has reached its longest lifetime")]
    Absolute,
}

impl SessionPolicy {
    /// Whether a login of `created_at`, last used at `seen_at`, lives at `now`.
    pub fn check(self, created_at: Timestamp, seen_at: Timestamp, now: Timestamp) -> Result<(), Expired> {
        if now >= created_at.plus(self.absolute) {
            return Err(Expired::Absolute);
        }
        if now >= seen_at.plus(self.idle) {
            return Err(Expired::Idle);
        }
        Ok(())
    }

    /// Whether the idle clock should be written: only when a tenth of the window has passed, so that most
    /// requests write nothing.
    pub fn touch_due(self, written_at: Timestamp, now: Timestamp) -> bool {
        now.since(written_at).millis() >= self.idle.millis() / 10
    }

    /// How long a store needs to keep a session from `now` on: a while beyond its end, so that whoever still holds
    /// its token is told that it ran out, and not taken for a stranger.
    pub fn time_to_live(self, created_at: Timestamp, seen_at: Timestamp, now: Timestamp) -> Span {
        created_at.plus(self.absolute).min(seen_at.plus(self.idle)).plus(REMEMBERED).since(now)
    }
}

impl Session {
    /// The proof that this session lives at `now`, or why it does not.
    pub fn check(self, policy: SessionPolicy, now: Timestamp) -> Result<LiveSession, Expired> {
        policy.check(self.created_at, self.last_seen_at, now)?;
        Ok(LiveSession(self))
    }
}

/// Proof that a session was alive when it was checked. Made only by [`Session::check`].
#[derive(Clone, Debug)]
pub struct LiveSession(Session);

impl LiveSession {
    /// The session.
    pub fn session(&self) -> &Session {
        &self.0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(crate) fn session(created: u64, seen: u64) -> Session {
        Session {
            account: AccountId::new("a1").unwrap(),
            pool: PoolId::new("people").unwrap(),
            login_id: "l1".into(),
            method: MethodId::new("qr").unwrap(),
            app_id: AppId::new("wx1").unwrap(),
            open_id: OpenId::new("o1").unwrap(),
            host: "app.example.com".into(),
            created_at: Timestamp::from_millis(created),
            last_seen_at: Timestamp::from_millis(seen),
            ip: None,
            user_agent: None,
        }
    }

    const POLICY: SessionPolicy =
        SessionPolicy { idle: Span::from_millis(100), absolute: Span::from_millis(1000) };

    #[rstest::rstest]
    #[case::fresh(0, 0, 50, None)]
    #[case::last_moment(0, 0, 99, None)]
    #[case::idle(0, 0, 100, Some(Expired::Idle))]
    #[case::kept_alive(0, 950, 999, None)]
    #[case::too_old(0, 950, 1000, Some(Expired::Absolute))]
    #[case::clock_set_back(500, 500, 400, None)]
    fn a_session_ends_by_idling_or_by_age(
        #[case] created: u64,
        #[case] seen: u64,
        #[case] now: u64,
        #[case] expect: Option<Expired>,
    ) {
        let got = session(created, seen).check(POLICY, Timestamp::from_millis(now));
        assert_eq!(got.err(), expect);
    }

    #[test]
    fn the_idle_clock_is_written_after_a_tenth_of_the_window() {
        assert!(!POLICY.touch_due(Timestamp::default(), Timestamp::from_millis(9)));
        assert!(POLICY.touch_due(Timestamp::default(), Timestamp::from_millis(10)));
    }

    #[test]
    fn the_row_is_kept_for_a_day_beyond_whichever_end_comes_first() {
        let at = Timestamp::from_millis;
        let beyond = |ttl: Span| ttl.millis() - REMEMBERED.millis();
        assert_eq!(beyond(POLICY.time_to_live(at(0), at(0), at(40))), 60);
        assert_eq!(beyond(POLICY.time_to_live(at(0), at(950), at(990))), 10);
    }
}
