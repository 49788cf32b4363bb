//! `[session]`: how long sessions live and how much of them this process remembers.

use serde::Deserialize;

use crate::domain::SessionPolicy;
use crate::ground::Span;

/// `[session]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionConfig {
    /// Longest time without a request before the visitor must log in again. Default `"7d"`.
    pub idle: Span,
    /// Longest time since the login. Default `"30d"`.
    pub absolute: Span,
    /// Name of the session cookie; `__Host-` is put before it on https. Default `"menshen"`.
    pub cookie: String,
    /// How long a session that this process knew goes on while the store is down. Default `"10m"`.
    pub outage_grace: Span,
    /// After how long a remembered session is looked up again even without news. Default `"60s"`.
    pub recheck: Span,
    /// How many sessions this process remembers; 0 asks the store on every request. Default 100000.
    /// Changing it needs a restart.
    pub near_cache: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle: Span::from_days(7),
            absolute: Span::from_days(30),
            cookie: "menshen".into(),
            outage_grace: Span::from_mins(10),
            recheck: Span::from_secs(60),
            near_cache: 100_000,
        }
    }
}

impl SessionConfig {
    /// The rules, or every problem as (key, message).
    pub fn rules(&self) -> Result<SessionRules, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let mut check = |ok: bool, key: &str, message: &str| {
            if !ok {
                problems.push((key.to_owned(), message.to_owned()));
            }
        };
        check(self.idle >= Span::from_mins(1), "idle", "must be at least \"1m\"");
        check(self.absolute >= self.idle, "absolute", "must not be shorter than idle");
        check(
            self.absolute <= Span::from_days(400),
            "absolute",
            "must be at most \"400d\": browsers drop older cookies",
        );
        check(self.outage_grace <= Span::from_days(1), "outage_grace", "must be at most \"24h\"");
        check(
            (Span::from_secs(1)..=Span::from_mins(10)).contains(&self.recheck),
            "recheck",
            "must be between \"1s\" and \"10m\"",
        );
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let named = (1..=40).contains(&self.cookie.len()) && self.cookie.bytes().all(plain);
        check(named, "cookie", "must be 1 to 40 letters, digits, `-` or `_`; `__Host-` is added by itself");
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(SessionRules {
            policy: SessionPolicy { idle: self.idle, absolute: self.absolute },
            outage_grace: self.outage_grace,
            recheck: self.recheck,
        })
    }
}

/// The rules of one config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRules {
    /// How long sessions live.
    pub policy: SessionPolicy,
    /// How long a session this process knew goes on while the store is down.
    pub outage_grace: Span,
    /// After how long a remembered session is looked up again.
    pub recheck: Span,
}
