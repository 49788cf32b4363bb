//! Logins that ask whoever began them: which of several accounts, or to prove one.
//!
//! Only what was offered is taken, once. A code that was sent is counted here, and compared elsewhere.

use super::{EXCHANGE_LEASE, Flow, InvalidTransition, Stage};
use crate::domain::AccountId;
use crate::domain::one_time_code::{CodeSpent, OneTimeCode};
use crate::ground::{Span, Timestamp};

/// The longest a login lives, however often a code is asked for.
const LONGEST: Span = Span::from_mins(60);

impl Flow {
    /// Asks whoever began the flow, who has until `until`: which account, or to prove one. Only who has taken the flow
    /// knows that there is something to ask.
    pub fn ask(self, question: Stage, until: Timestamp) -> Result<Self, InvalidTransition> {
        if self.is_finished() {
            return Err(InvalidTransition::Finished);
        }
        Ok(Self { expires_at: until, ..self.at(question) })
    }

    /// Takes `account`, one of those that are offered. The same one may be taken again until the flow is finished, so
    /// that an answer that was cut short can be repeated.
    pub fn choose(self, account: &AccountId, now: Timestamp) -> Result<Self, InvalidTransition> {
        let identity = match &self.stage {
            Stage::Choosing { .. } | Stage::Chosen { .. } if now >= self.expires_at => {
                return Err(InvalidTransition::Expired);
            }
            Stage::Choosing { identity, accounts } if accounts.contains(account) => identity.clone(),
            Stage::Choosing { .. } => return Err(InvalidTransition::NotOffered),
            Stage::Chosen { identity, account: Some(taken), .. } if taken == account => identity.clone(),
            _ => return Err(InvalidTransition::Finished),
        };
        Ok(self.at(Stage::Chosen { identity, account: Some(account.clone()), since: now }))
    }

    /// Takes an account that was proven, or, with none, a new one.
    pub fn bind(self, account: Option<AccountId>, now: Timestamp) -> Result<Self, InvalidTransition> {
        let identity = match &self.stage {
            Stage::Binding { .. } if now >= self.expires_at => return Err(InvalidTransition::Expired),
            Stage::Binding { may_create: false, .. } if account.is_none() => {
                return Err(InvalidTransition::NotOffered);
            }
            Stage::Binding { identity, .. } => identity.clone(),
            _ => return Err(InvalidTransition::Finished),
        };
        Ok(self.at(Stage::Chosen { identity, account, since: now }))
    }

    /// Goes on with what was taken, where the request that took it was cut off: a new account at once, because it is the
    /// same however often it is made; a proven one after a while.
    pub fn resume(self, now: Timestamp) -> Result<Self, InvalidTransition> {
        let Stage::Chosen { identity, account, since } = &self.stage else {
            return Err(InvalidTransition::Finished);
        };
        if now >= self.expires_at {
            return Err(InvalidTransition::Expired);
        }
        if account.is_some() && now.since(*since) < EXCHANGE_LEASE {
            return Err(InvalidTransition::InProgress);
        }
        let stage = Stage::Chosen { identity: identity.clone(), account: account.clone(), since: now };
        Ok(self.at(stage))
    }

    /// Remembers that a code was sent, in place of one before it.
    pub fn send_code(self, sent: OneTimeCode) -> Result<Self, InvalidTransition> {
        let (now, sent_until) = (sent.sent_at, sent.expires_at);
        let Stage::Binding { identity, may_create, code } = &self.stage else {
            return Err(InvalidTransition::Finished);
        };
        if now >= self.expires_at {
            return Err(InvalidTransition::Expired);
        }
        if let Some(wait) =
            code.as_ref().map(|last| last.next_at().since(now)).filter(|wait| wait.millis() > 0)
        {
            return Err(InvalidTransition::TooSoon { seconds: wait.millis().div_ceil(1000) });
        }
        let stage = Stage::Binding { identity: identity.clone(), may_create: *may_create, code: Some(sent) };
        // Whoever waits for a code has the whole of its time; asking for codes for ever keeps no flow alive for ever.
        let until = self.expires_at.max(sent_until).min(self.created_at.plus(LONGEST).max(self.expires_at));
        Ok(Self { expires_at: until, ..self.at(stage) })
    }

    /// Counts a guess at the code that was sent. To be written before the guess is looked at.
    pub fn try_code(self, now: Timestamp) -> Result<(Self, OneTimeCode), InvalidTransition> {
        let Stage::Binding { identity, may_create, code } = &self.stage else {
            return Err(InvalidTransition::Finished);
        };
        if now >= self.expires_at {
            return Err(InvalidTransition::Expired);
        }
        let sent = code.clone().ok_or(CodeSpent::Expired)?.try_once(now)?;
        let stage =
            Stage::Binding { identity: identity.clone(), may_create: *may_create, code: Some(sent.clone()) };
        Ok((self.at(stage), sent))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{at, flow, person};
    use super::*;
    use crate::domain::Email;
    use crate::domain::one_time_code::{AGAIN, CodeTarget, TRIES};

    #[test]
    fn only_what_is_offered_can_be_chosen_and_once() {
        let (ann, bob) = (AccountId::new("ann").unwrap(), AccountId::new("bob").unwrap());
        let taken = flow().begin_exchange(at(0)).unwrap();
        let question = Stage::Choosing { identity: Box::new(person("o")), accounts: vec![ann.clone()] };
        let asked = taken.ask(question, at(60_000)).unwrap();
        assert_eq!(asked.clone().choose(&bob, at(1)), Err(InvalidTransition::NotOffered));
        assert_eq!(asked.clone().choose(&ann, at(60_000)), Err(InvalidTransition::Expired));
        assert_eq!(asked.clone().begin_exchange(at(1)), Err(InvalidTransition::NotApproved));
        let taken = asked.choose(&ann, at(1)).unwrap();
        assert!(matches!(&taken.stage, Stage::Chosen { account: Some(account), .. } if *account == ann));
        assert_eq!(taken.clone().choose(&bob, at(2)), Err(InvalidTransition::Finished));
        let again = taken.choose(&ann, at(2)).unwrap();
        assert_eq!(again.clone().begin_exchange(at(3)), Err(InvalidTransition::InProgress));
        let done = again.sign_in(ann.clone()).unwrap();
        assert_eq!(done.choose(&ann, at(3)), Err(InvalidTransition::Finished));
    }

    fn asked(may_create: bool) -> Flow {
        let question = Stage::Binding { identity: Box::new(person("o")), may_create, code: None };
        flow().begin_exchange(at(0)).unwrap().ask(question, at(600_000)).unwrap()
    }

    fn code(now: Timestamp) -> OneTimeCode {
        let to = CodeTarget::Email(Email::parse("ann@example.com").unwrap());
        OneTimeCode::new(to, "salt".into(), now)
    }

    /// Acceptance: B13, B18.
    #[test]
    fn an_account_is_bound_once_and_a_new_one_only_where_it_is_offered() {
        let ann = AccountId::new("ann").unwrap();
        assert_eq!(asked(false).bind(None, at(1)), Err(InvalidTransition::NotOffered));
        assert_eq!(asked(true).bind(None, at(600_000)), Err(InvalidTransition::Expired));
        let new = asked(true).bind(None, at(1)).unwrap();
        assert!(new.clone().resume(at(2)).is_ok(), "the same answer again");
        assert_eq!(new.bind(Some(ann.clone()), at(2)), Err(InvalidTransition::Finished));
        let bound = asked(false).bind(Some(ann.clone()), at(1)).unwrap();
        assert_eq!(bound.clone().begin_exchange(at(2)), Err(InvalidTransition::InProgress));
        assert_eq!(bound.clone().resume(at(2)), Err(InvalidTransition::InProgress));
        let resumed = bound.clone().resume(at(1).plus(EXCHANGE_LEASE)).unwrap();
        assert!(matches!(&resumed.stage, Stage::Chosen { account: Some(account), .. } if *account == ann));
        let done = bound.sign_in(ann.clone()).unwrap();
        assert_eq!(done.bind(Some(ann), at(3)), Err(InvalidTransition::Finished));
    }

    /// Acceptance: B10.
    #[test]
    fn a_code_is_sent_once_a_minute_and_tried_five_times() {
        let fresh = asked(false);
        assert_eq!(fresh.clone().try_code(at(1)).err(), Some(CodeSpent::Expired.into()), "none was sent");
        let mut flow = fresh.send_code(code(at(1_000))).unwrap();
        assert_eq!(
            flow.clone().send_code(code(at(1_001))).err(),
            Some(InvalidTransition::TooSoon { seconds: 60 })
        );
        for _ in 0..TRIES {
            flow = flow.try_code(at(2_000)).unwrap().0;
        }
        assert_eq!(flow.clone().try_code(at(2_000)).err(), Some(CodeSpent::NoTries.into()));
        let next = flow.send_code(code(at(1_000).plus(AGAIN))).unwrap();
        assert_eq!(next.try_code(at(62_000)).unwrap().1.tries_left, TRIES - 1);
    }

    #[test]
    fn a_code_has_its_whole_time_but_no_login_lives_for_ever() {
        let mut flow = asked(false);
        let mut now = at(0);
        while let Ok(next) = flow.clone().send_code(code(now)) {
            assert!(next.expires_at >= code(now).expires_at.min(at(0).plus(LONGEST)));
            (flow, now) = (next, now.plus(AGAIN));
        }
        assert_eq!(flow.expires_at, at(0).plus(LONGEST));
        assert!(matches!(flow.send_code(code(now)), Err(InvalidTransition::Expired)));
    }

    #[test]
    fn what_asks_nothing_takes_no_answer() {
        let ann = AccountId::new("ann").unwrap();
        for flow in [flow(), flow().begin_exchange(at(0)).unwrap()] {
            assert_eq!(flow.clone().bind(Some(ann.clone()), at(1)), Err(InvalidTransition::Finished));
            assert!(flow.clone().send_code(code(at(1))).is_err() && flow.try_code(at(1)).is_err());
        }
    }
}
