//! Where each account's messages go and what became of them: records, failures in a row, the pause.
//!
//! Pure: sends nothing itself. At most 200 records an account and 1000 messages under way.

use std::collections::VecDeque;

use rand::CryptoRng;

use super::message::{Event, Message};
use super::reply::{Parties, Reply};
use super::{Push, PushHealth, PushMode, PushOutcome, PushRecord, PushTrouble};
use crate::ground::{Span, Timestamp};
use crate::simulator::bounded::Bounded;
use crate::simulator::error::SimError;
use crate::simulator::ids;

const MAX_UNDER_WAY: usize = 1000;
const MAX_COPIES: u32 = 16;
const RECORDS: usize = 200;
/// So many failures in a row, and WeChat pauses so long (alarm chapter: one minute).
const PATIENCE: u32 = 20;
const PAUSE: Span = Span::from_mins(1);

/// A message on its way, ready to be signed and posted.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    pub(super) number: u64,
    pub(super) push: Push,
    pub(super) parties: Parties,
    pub(super) person: String,
    pub(super) event: &'static str,
    pub(super) body: String,
    pub(super) encrypt: Option<String>,
    pub(super) content_type: String,
    pub(super) trouble: PushTrouble,
    /// The query of an earlier request that is to be repeated byte for byte.
    pub(super) replayed: Option<String>,
}

#[derive(Debug, Default)]
struct Account {
    push: Option<Push>,
    health: PushHealth,
    paused_until: Option<Timestamp>,
    last: Option<Sending>,
    records: VecDeque<PushRecord>,
}

/// All accounts' pushes.
#[derive(Debug)]
pub(crate) struct Pushes {
    accounts: Bounded<String, Account>,
    under_way: usize,
    number: u64,
}

impl Pushes {
    pub(crate) fn new() -> Self {
        Self { accounts: Bounded::new(1000), under_way: 0, number: 0 }
    }

    fn account(&mut self, app_id: &str) -> &mut Account {
        self.accounts.entry(app_id.into(), Account::default)
    }

    pub(crate) fn push(&self, app_id: &str) -> Option<&Push> {
        self.accounts.get(app_id)?.push.as_ref()
    }

    /// Sets where messages go; new settings begin with a clean slate.
    pub(crate) fn set(&mut self, app_id: &str, push: Option<Push>) -> Result<(), SimError> {
        push.as_ref().map(Push::check).transpose()?;
        let account = self.account(app_id);
        account.push = push;
        account.health = PushHealth::default();
        account.paused_until = None;
        Ok(())
    }

    pub(crate) const fn under_way(&self) -> usize {
        self.under_way
    }

    /// Whether messages of this person to this account are still under way.
    pub(crate) fn is_busy(&self, app_id: &str, person: &str) -> bool {
        let busy = |record: &PushRecord| record.person == person && record.outcome == PushOutcome::UnderWay;
        self.accounts.get(app_id).is_some_and(|account| account.records.iter().any(busy))
    }

    pub(crate) fn records(&self, app_id: &str) -> Vec<PushRecord> {
        self.accounts.get(app_id).map(|account| account.records.iter().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn health(&self, now: Timestamp, app_id: &str) -> PushHealth {
        let Some(account) = self.accounts.get(app_id) else { return PushHealth::default() };
        let paused = account.paused_until.is_some_and(|until| now < until);
        PushHealth { paused, ..account.health.clone() }
    }

    /// Writes down an event and answers what is to be sent: nothing without settings or while it is paused.
    pub(crate) fn plan(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        trouble: &PushTrouble,
        event: &Event,
    ) -> Vec<Sending> {
        let parties = &Parties {
            app_id: event.app_id.clone(),
            account: ids::original_id(&event.app_id),
            openid: ids::openid(&event.app_id, &event.person),
        };
        let Some(push) = self.push(&parties.app_id).cloned() else { return Vec::new() };
        // Settings are checked before they are kept.
        let Ok((_, key)) = push.check() else { return Vec::new() };
        let message = Message::new(&parties.account, &parties.openid, now, &event.kind);
        let mode = if trouble.unencrypted { PushMode::Plain } else { push.mode };
        let inside = if trouble.wrong_app_id { "wx0000000000000000" } else { &parties.app_id };
        let mut random = [0; 16];
        rng.fill_bytes(&mut random);
        let (body, encrypt) = message.body(push.format, mode, key.as_ref(), random, inside);
        let usual = match push.format {
            super::PushFormat::Xml => "text/xml",
            super::PushFormat::Json => "application/json",
        };
        let sending = Sending {
            number: 0,
            parties: parties.clone(),
            person: event.person.clone(),
            event: event.kind.name(),
            body,
            encrypt,
            content_type: trouble.content_type.clone().unwrap_or_else(|| usual.into()),
            trouble: trouble.clone(),
            replayed: None,
            push,
        };
        let copies = trouble.copies.clamp(1, MAX_COPIES);
        (0..copies).filter_map(|_| self.enter(now, sending.clone(), event.kind.name())).collect()
    }

    /// The account's latest request once more, byte for byte.
    pub(crate) fn plan_replay(&mut self, now: Timestamp, app_id: &str) -> Result<Option<Sending>, SimError> {
        let last = self.account(app_id).last.clone().ok_or(SimError::NothingToReplay)?;
        let name = format!("replay of {}", last.event);
        Ok(self.enter(now, last, &name))
    }

    fn enter(&mut self, now: Timestamp, mut sending: Sending, event: &str) -> Option<Sending> {
        self.number += 1;
        sending.number = self.number;
        let full = self.under_way >= MAX_UNDER_WAY;
        let account = self.account(&sending.parties.app_id);
        let outcome = match account.paused_until {
            Some(until) if now < until => PushOutcome::Paused,
            _ if full => PushOutcome::Failed("too many messages are under way".into()),
            _ => PushOutcome::UnderWay,
        };
        if account.paused_until.is_some_and(|until| now >= until) {
            account.paused_until = None;
            account.health.failures_in_row = 0;
        }
        if account.records.len() == RECORDS {
            account.records.pop_front();
        }
        let sent = outcome == PushOutcome::UnderWay;
        account.records.push_back(PushRecord {
            number: sending.number,
            event: event.into(),
            person: sending.person.clone(),
            attempts: 0,
            outcome,
            answered_after: None,
        });
        self.under_way += usize::from(sent);
        sent.then_some(sending)
    }

    fn record(&mut self, sending: &Sending) -> Option<&mut PushRecord> {
        let account = self.account(&sending.parties.app_id);
        account.records.iter_mut().rev().find(|record| record.number == sending.number)
    }

    /// One attempt begins, with this query.
    pub(crate) fn attempt(&mut self, sending: &Sending, query: &str) {
        if let Some(record) = self.record(sending) {
            record.attempts += 1;
        }
        let last = Sending { replayed: Some(query.into()), ..sending.clone() };
        self.account(&sending.parties.app_id).last = Some(last);
    }

    /// One attempt was answered badly or not at all. Says whether WeChat goes on trying.
    pub(crate) fn failed(&mut self, now: Timestamp, sending: &Sending, problem: &str) -> bool {
        let account = self.account(&sending.parties.app_id);
        account.health.failures_in_row += 1;
        account.health.last_problem = Some(problem.into());
        if account.health.failures_in_row >= PATIENCE && account.paused_until.is_none() {
            account.paused_until = Some(now.plus(PAUSE));
        }
        account.paused_until.is_none()
    }

    /// The push is over.
    pub(crate) fn finish(
        &mut self,
        now: Timestamp,
        sending: &Sending,
        ended: Result<Result<Reply, String>, String>,
        answered_after: Option<Span>,
    ) {
        self.under_way = self.under_way.saturating_sub(1);
        let outcome = match ended {
            Ok(Ok(reply)) => {
                self.account(&sending.parties.app_id).health.failures_in_row = 0;
                match reply {
                    Reply::Handled => PushOutcome::Handled,
                    Reply::Text(text) => PushOutcome::Replied(text),
                    Reply::Other(kind) => PushOutcome::RepliedOther(kind),
                }
            }
            Ok(Err(problem)) => {
                self.failed(now, sending, &problem);
                self.account(&sending.parties.app_id).health.invalid_responses += 1;
                PushOutcome::Invalid(problem)
            }
            Err(problem) => PushOutcome::Failed(problem),
        };
        if let Some(record) = self.record(sending) {
            record.outcome = outcome;
            record.answered_after = answered_after;
        }
    }
}
