//! Session keys of mini programs: one valid key for each person and mini program.
//!
//! Pure. How long a key lives is not told; three days here, and every use begins them anew.

use rand::CryptoRng;

use super::crypto::signature;
use crate::ground::{Span, Timestamp};
use crate::simulator::bounded::Bounded;
use crate::simulator::errcode::Errcode;
use crate::simulator::ids;

/// Not documented; projects report three days.
const LIFE: Span = Span::from_days(3);

#[derive(Debug)]
struct Session {
    key: String,
    expires: Timestamp,
}

/// The session keys, by AppID and person.
#[derive(Debug)]
pub(crate) struct Sessions(Bounded<(String, String), Session>);

impl Sessions {
    pub(crate) fn new() -> Self {
        Self(Bounded::new(100_000))
    }

    /// `wx.login`: the key stays while it lives, unless it is to be replaced.
    pub(crate) fn log_in(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
        replace: bool,
    ) {
        if replace || self.key(now, app_id, person).is_none() {
            let session = Session { key: ids::session_key(rng), expires: now.plus(LIFE) };
            self.0.insert((app_id.into(), person.into()), session);
        }
    }

    /// The valid key; this counts as a use.
    pub(crate) fn key(&mut self, now: Timestamp, app_id: &str, person: &str) -> Option<&str> {
        let session = self.0.get_mut(&(app_id.to_owned(), person.to_owned()))?;
        if now >= session.expires {
            return None;
        }
        session.expires = now.plus(LIFE);
        Some(&session.key)
    }

    /// `wxa/checksession`: whether this is the signature of the valid key.
    pub(crate) fn check(
        &mut self,
        now: Timestamp,
        app_id: &str,
        person: &str,
        signed: &str,
    ) -> Result<(), Errcode> {
        let key = self.key(now, app_id, person).ok_or(Errcode::INVALID_SIGNATURE)?;
        if signature(key) == signed { Ok(()) } else { Err(Errcode::INVALID_SIGNATURE) }
    }

    /// `wxa/resetusersessionkey`: a new key that expires when the old one would have.
    pub(crate) fn reset(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
        signed: &str,
    ) -> Result<&str, Errcode> {
        let session = self.0.get_mut(&(app_id.to_owned(), person.to_owned()));
        let session = session.filter(|session| now < session.expires).ok_or(Errcode::NO_SESSION_KEY)?;
        if signature(&session.key) != signed {
            return Err(Errcode::INVALID_SIGNATURE);
        }
        session.key = ids::session_key(rng);
        Ok(&session.key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// Item 11.
    #[test]
    fn a_key_lives_three_days_from_its_last_use_and_a_reset_inherits_the_end() {
        let (mut sessions, rng) = (Sessions::new(), &mut rand::rng());
        sessions.log_in(START, rng, "wx1", "zhang", false);
        let first = sessions.key(START, "wx1", "zhang").unwrap().to_owned();
        let second = sessions.reset(START, rng, "wx1", "zhang", &signature(&first)).unwrap().to_owned();
        assert_ne!(first, second);
        assert_eq!(
            sessions.check(START, "wx1", "zhang", &signature(&first)),
            Err(Errcode::INVALID_SIGNATURE)
        );
        let used = START.plus(Span::from_days(2));
        assert_eq!(sessions.check(used, "wx1", "zhang", &signature(&second)), Ok(()));
        let late = used.plus(LIFE);
        assert_eq!(
            sessions.check(late, "wx1", "zhang", &signature(&second)),
            Err(Errcode::INVALID_SIGNATURE)
        );
        let reset = sessions.reset(late, rng, "wx1", "zhang", &signature(&second));
        assert_eq!(reset, Err(Errcode::NO_SESSION_KEY));
        sessions.log_in(late, rng, "wx1", "zhang", false);
        assert_ne!(sessions.key(late, "wx1", "zhang"), Some(second.as_str()));
    }
}
