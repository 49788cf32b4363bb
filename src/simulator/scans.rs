//! Website QR codes: waiting, scanned, confirmed or refused, expired; one confirmation each.
//!
//! Pure: knows neither pages nor tokens.

use serde::Serialize;

use super::bounded::Bounded;
use super::error::SimError;
use crate::ground::{Span, Timestamp};

/// One QR code on somebody's screen.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) app_id: String,
    pub(super) expires: Timestamp,
    state: State,
    /// Already handed out by [`Scans::next_waiting`].
    announced: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Scanned { person: String },
    Confirmed { person: String, code: String },
    Refused { person: String },
}

/// What the long-poll tells, with WeChat's `wx_errcode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Waiting,
    Scanned,
    Confirmed {
        #[serde(skip)]
        code: String,
    },
    Refused,
    Expired,
}

impl Phase {
    /// 408 waiting, 404 scanned, 405 confirmed, 403 refused, 402 expired.
    pub(super) const fn number(&self) -> u16 {
        match self {
            Self::Waiting => 408,
            Self::Scanned => 404,
            Self::Confirmed { .. } => 405,
            Self::Refused => 403,
            Self::Expired => 402,
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Scanned => "scanned",
            Self::Confirmed { .. } => "confirmed",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

impl Scan {
    pub(super) fn phase(&self, now: Timestamp) -> Phase {
        match &self.state {
            State::Confirmed { code, .. } => Phase::Confirmed { code: code.clone() },
            State::Refused { .. } => Phase::Refused,
            State::Waiting | State::Scanned { .. } if now >= self.expires => Phase::Expired,
            State::Waiting => Phase::Waiting,
            State::Scanned { .. } => Phase::Scanned,
        }
    }

    /// Who scanned it, if anybody has.
    pub(super) fn person(&self) -> Option<&str> {
        match &self.state {
            State::Waiting => None,
            State::Scanned { person } | State::Confirmed { person, .. } | State::Refused { person } => {
                Some(person)
            }
        }
    }
}

/// All QR codes, oldest forgotten first.
#[derive(Debug)]
pub(super) struct Scans(Bounded<String, Scan>);

impl Scans {
    pub(super) fn new() -> Self {
        Self(Bounded::new(1000))
    }

    pub(super) fn show(&mut self, now: Timestamp, uuid: String, app_id: String, life: Span) {
        let scan = Scan { app_id, expires: now.plus(life), state: State::Waiting, announced: false };
        self.0.insert(uuid, scan);
    }

    pub(super) fn get(&self, uuid: &str) -> Result<&Scan, SimError> {
        self.0.get(uuid).ok_or_else(|| SimError::UnknownQr { uuid: uuid.into() })
    }

    /// Codes nobody has scanned yet, oldest first.
    pub(super) fn waiting(&self, now: Timestamp) -> Vec<String> {
        self.0
            .iter()
            .filter(|(_, scan)| scan.phase(now) == Phase::Waiting)
            .map(|(uuid, _)| uuid.clone())
            .collect()
    }

    /// The newest codes of any phase, newest first.
    pub(super) fn recent(&self, count: usize) -> Vec<(String, Scan)> {
        self.0.iter().rev().take(count).map(|(uuid, scan)| (uuid.clone(), scan.clone())).collect()
    }

    /// The oldest waiting code this has not returned before.
    pub(super) fn next_waiting(&mut self, now: Timestamp) -> Option<String> {
        let fresh = |scan: &Scan| scan.phase(now) == Phase::Waiting && !scan.announced;
        let uuid = self.0.iter().find(|(_, scan)| fresh(scan)).map(|(uuid, _)| uuid.clone())?;
        self.0.get_mut(&uuid)?.announced = true;
        Some(uuid)
    }

    pub(super) fn scan(&mut self, now: Timestamp, uuid: &str, person: &str) -> Result<(), SimError> {
        let scan = self.in_phase(now, uuid, &Phase::Waiting)?;
        scan.state = State::Scanned { person: person.into() };
        Ok(())
    }

    /// Who is about to confirm or refuse, and for which app.
    pub(super) fn scanned_by(&mut self, now: Timestamp, uuid: &str) -> Result<(String, String), SimError> {
        let scan = self.in_phase(now, uuid, &Phase::Scanned)?;
        let person = scan.person().unwrap_or_default().to_owned();
        Ok((person, scan.app_id.clone()))
    }

    pub(super) fn confirm(&mut self, now: Timestamp, uuid: &str, code: String) -> Result<(), SimError> {
        let (person, _) = self.scanned_by(now, uuid)?;
        self.in_phase(now, uuid, &Phase::Scanned)?.state = State::Confirmed { person, code };
        Ok(())
    }

    pub(super) fn refuse(&mut self, now: Timestamp, uuid: &str) -> Result<(), SimError> {
        let (person, _) = self.scanned_by(now, uuid)?;
        self.in_phase(now, uuid, &Phase::Scanned)?.state = State::Refused { person };
        Ok(())
    }

    /// Ends a code that is still open; a confirmed or refused one stays what it is.
    pub(super) fn expire(&mut self, now: Timestamp, uuid: &str) -> Result<(), SimError> {
        let scan = self.0.get_mut(uuid).ok_or_else(|| SimError::UnknownQr { uuid: uuid.into() })?;
        match scan.phase(now) {
            Phase::Waiting | Phase::Scanned | Phase::Expired => {
                scan.expires = scan.expires.min(now);
                Ok(())
            }
            other => Err(SimError::WrongPhase { is: other.name(), wanted: "waiting or scanned" }),
        }
    }

    fn in_phase(&mut self, now: Timestamp, uuid: &str, wanted: &Phase) -> Result<&mut Scan, SimError> {
        let scan = self.0.get_mut(uuid).ok_or_else(|| SimError::UnknownQr { uuid: uuid.into() })?;
        let phase = scan.phase(now);
        if phase != *wanted {
            return Err(SimError::WrongPhase { is: phase.name(), wanted: wanted.name() });
        }
        Ok(scan)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn one() -> Scans {
        let mut scans = Scans::new();
        scans.show(START, "u1".into(), "wx1".into(), Span::from_mins(5));
        scans
    }

    fn number(scans: &Scans, now: Timestamp) -> u16 {
        scans.get("u1").unwrap().phase(now).number()
    }

    #[test]
    fn a_code_goes_from_waiting_over_scanned_to_confirmed_once() {
        let mut scans = one();
        assert_eq!(number(&scans, START), 408);
        assert!(scans.confirm(START, "u1", "early".into()).is_err());
        scans.scan(START, "u1", "zhang").unwrap();
        assert_eq!(number(&scans, START), 404);
        assert!(scans.scan(START, "u1", "lina").is_err(), "a second phone comes too late");
        scans.confirm(START, "u1", "CODE".into()).unwrap();
        assert_eq!(scans.get("u1").unwrap().phase(START), Phase::Confirmed { code: "CODE".into() });
        assert!(scans.confirm(START, "u1", "CODE2".into()).is_err());
        assert!(scans.refuse(START, "u1").is_err());
        assert!(scans.expire(START, "u1").is_err());
        assert_eq!(number(&scans, START.plus(Span::from_days(1))), 405);
    }

    #[test]
    fn a_refused_code_stays_refused() {
        let mut scans = one();
        scans.scan(START, "u1", "zhang").unwrap();
        scans.refuse(START, "u1").unwrap();
        assert_eq!(number(&scans, START), 403);
        assert!(scans.confirm(START, "u1", "CODE".into()).is_err());
    }

    #[test]
    fn a_code_expires_by_itself_or_at_once_and_cannot_be_used_then() {
        let mut scans = one();
        assert_eq!(number(&scans, START.plus(Span::from_mins(5))), 402);
        scans.scan(START, "u1", "zhang").unwrap();
        scans.expire(START, "u1").unwrap();
        assert_eq!(number(&scans, START), 402);
        assert!(scans.confirm(START, "u1", "CODE".into()).is_err());
    }

    #[test]
    fn every_waiting_code_is_handed_out_once() {
        let mut scans = one();
        scans.show(START, "u2".into(), "wx1".into(), Span::from_mins(5));
        assert_eq!(scans.next_waiting(START).as_deref(), Some("u1"));
        assert_eq!(scans.next_waiting(START).as_deref(), Some("u2"));
        assert_eq!(scans.next_waiting(START), None);
        assert_eq!(scans.waiting(START), ["u1", "u2"]);
    }
}
