//! One login attempt, from the click to its one outcome.
//!
//! Stages are data and every step consumes the flow it steps from, so no handler can jump. A flow belongs to
//! the browser that began it, yields at most one session, and expires.

use serde::{Deserialize, Serialize};

use super::{AccountId, FlowId, MethodId, PoolId, ReturnTo};
use crate::ground::{Span, Timestamp, TokenDigest};

/// A login attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Also the OAuth `state`: letters and digits only.
    pub id: FlowId,
    /// Counts writes; a transition is a compare-and-set on it.
    pub version: u64,
    /// Digest of the browser cookie of the browser that began the flow.
    pub browser: TokenDigest,
    /// The configured method.
    pub method: MethodId,
    /// The pool it logs in to.
    pub pool: PoolId,
    /// Where the visitor wanted to go.
    pub return_to: ReturnTo,
    /// Where the session is handed over to, if the visitor came from another host than the login's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<Handover>,
    /// Random text mixed into the session token, so that it was never seen before this login.
    pub salt: String,
    /// When the flow began.
    pub created_at: Timestamp,
    /// When it can no longer be finished.
    pub expires_at: Timestamp,
    /// How far it is.
    pub stage: Stage,
}

/// The other host's browser that a finished login is handed over to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// Digest of the browser cookie on the other host.
    pub browser: TokenDigest,
}

/// How far a flow is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum Stage {
    /// Waiting for WeChat's answer.
    Waiting,
    /// One callback is exchanging the code; a second delivery waits for its outcome.
    Exchanging {
        /// Since when.
        since: Timestamp,
    },
    /// Done: the session was opened.
    SignedIn {
        /// Whose.
        account: AccountId,
    },
    /// Done: no session.
    Refused {
        /// Why, in a form that a page can explain.
        reason: FlowRefusal,
    },
}

/// Why a flow ended without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowRefusal {
    /// The visitor said no at WeChat.
    Denied,
    /// The account that fits is disabled.
    AccountDisabled,
    /// Unknown person, closed registration.
    RegistrationClosed,
    /// Several accounts fit.
    SeveralAccounts,
    /// WeChat showed a snapshot page, so the identity is virtual.
    Snapshot,
    /// WeChat did not accept the code; a new attempt may succeed.
    CodeRejected,
    /// WeChat could not be reached or was busy.
    WechatUnavailable,
    /// WeChat limits how often it is asked.
    WechatBusy,
    /// The operator's WeChat settings are wrong.
    Misconfigured,
    /// WeChat does not let this person in (frozen, high risk, gone).
    WechatRefused,
}

/// A step that this stage does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransition {
    /// The flow has run out.
    #[error("the login attempt has expired")]
    Expired,
    /// Another callback is exchanging the code right now.
    #[error("the login attempt is being finished by another request")]
    InProgress,
    /// The flow has its outcome.
    #[error("the login attempt is already finished")]
    Finished,
}

/// How long one code exchange may hold a flow before another callback may take it over: longer than the
/// WeChat client's own limits, so that two never exchange at once unless a process died.
pub const EXCHANGE_LEASE: Span = Span::from_secs(30);

impl Flow {
    /// Takes the flow for the exchange of its code.
    pub fn begin_exchange(self, now: Timestamp) -> Result<Self, InvalidTransition> {
        match self.stage {
            Stage::SignedIn { .. } | Stage::Refused { .. } => Err(InvalidTransition::Finished),
            Stage::Exchanging { since } if now.since(since) < EXCHANGE_LEASE => {
                Err(InvalidTransition::InProgress)
            }
            Stage::Waiting | Stage::Exchanging { .. } if now >= self.expires_at => {
                Err(InvalidTransition::Expired)
            }
            Stage::Waiting | Stage::Exchanging { .. } => Ok(self.at(Stage::Exchanging { since: now })),
        }
    }

    /// Ends the flow with a session for `account`.
    pub fn sign_in(self, account: AccountId) -> Result<Self, InvalidTransition> {
        self.finish(Stage::SignedIn { account })
    }

    /// Ends the flow without a session.
    pub fn refuse(self, reason: FlowRefusal) -> Result<Self, InvalidTransition> {
        self.finish(Stage::Refused { reason })
    }

    /// Whether the flow has its outcome.
    pub fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::SignedIn { .. } | Stage::Refused { .. })
    }

    fn finish(self, stage: Stage) -> Result<Self, InvalidTransition> {
        if self.is_finished() { Err(InvalidTransition::Finished) } else { Ok(self.at(stage)) }
    }

    fn at(self, stage: Stage) -> Self {
        Self { stage, version: self.version + 1, ..self }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Hosts;
    use super::*;
    use crate::ground::Token;

    fn flow() -> Flow {
        let hosts = Hosts::new(&"https://a.example".parse().unwrap(), []);
        Flow {
            id: FlowId::new("f").unwrap(),
            version: 1,
            browser: Token::generate(&mut rand::rng()).digest(),
            method: MethodId::new("qr").unwrap(),
            pool: PoolId::new("people").unwrap(),
            return_to: ReturnTo::parse("/", &hosts).unwrap(),
            handover: None,
            salt: "s".into(),
            created_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(60_000),
            stage: Stage::Waiting,
        }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_code_is_exchanged_by_one_request_at_a_time() {
        let taken = flow().begin_exchange(at(1)).unwrap();
        assert_eq!(taken.version, 2);
        assert_eq!(taken.clone().begin_exchange(at(2)), Err(InvalidTransition::InProgress));
        let abandoned = at(1).plus(EXCHANGE_LEASE);
        assert!(taken.begin_exchange(abandoned).is_ok());
    }

    #[test]
    fn a_flow_has_one_outcome() {
        let done = flow().begin_exchange(at(1)).unwrap().sign_in(AccountId::new("a").unwrap()).unwrap();
        assert!(done.is_finished());
        assert_eq!(done.clone().refuse(FlowRefusal::Denied), Err(InvalidTransition::Finished));
        assert_eq!(done.begin_exchange(at(2)), Err(InvalidTransition::Finished));
    }

    #[test]
    fn an_expired_flow_cannot_be_finished_by_a_callback() {
        assert_eq!(flow().begin_exchange(at(60_000)), Err(InvalidTransition::Expired));
    }
}
