//! Codes that a mini program gets on the phone: those of `wx.login` and those of the phone number button.
//!
//! Pure. The two kinds live in two tables, so that one is never taken for the other.

use crate::ground::{Span, Timestamp};
use crate::simulator::bounded::Bounded;

/// Both kinds last five minutes and work once (wx.login page; phone number page).
const LIFE: Span = Span::from_mins(5);

/// Why a code is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    Unknown,
    Foreign,
    Used,
    Expired,
}

#[derive(Debug)]
struct Code {
    app_id: String,
    person: String,
    expires: Timestamp,
    used: bool,
}

/// Codes of one kind.
#[derive(Debug)]
pub(crate) struct Codes(Bounded<String, Code>);

impl Codes {
    pub(crate) fn new() -> Self {
        Self(Bounded::new(100_000))
    }

    pub(crate) fn issue(&mut self, now: Timestamp, code: &str, app_id: &str, person: &str) {
        let row = Code { app_id: app_id.into(), person: person.into(), expires: now.plus(LIFE), used: false };
        self.0.insert(code.into(), row);
    }

    /// Whose code this is, if `app_id` may take it now; nothing changes.
    pub(crate) fn look(&self, now: Timestamp, code: &str, app_id: &str) -> Result<&str, Rejected> {
        let code = self.0.get(code).ok_or(Rejected::Unknown)?;
        if code.app_id != app_id {
            Err(Rejected::Foreign)
        } else if code.used {
            Err(Rejected::Used)
        } else if now >= code.expires {
            Err(Rejected::Expired)
        } else {
            Ok(&code.person)
        }
    }

    /// From now on the code is used.
    pub(crate) fn spend(&mut self, code: &str) {
        if let Some(code) = self.0.get_mut(code) {
            code.used = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// Items 11 and 13.
    #[test]
    fn a_code_is_its_apps_own_for_five_minutes_and_once() {
        let mut codes = Codes::new();
        codes.issue(START, "c", "wx1", "zhang");
        assert_eq!(codes.look(START, "x", "wx1"), Err(Rejected::Unknown));
        assert_eq!(codes.look(START, "c", "wx2"), Err(Rejected::Foreign));
        assert_eq!(codes.look(START.plus(Span::from_secs(299)), "c", "wx1"), Ok("zhang"));
        assert_eq!(codes.look(START.plus(LIFE), "c", "wx1"), Err(Rejected::Expired));
        codes.spend("c");
        assert_eq!(codes.look(START, "c", "wx1"), Err(Rejected::Used));
    }
}
