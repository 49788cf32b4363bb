//! One login attempt, from the click to its one outcome.
//!
//! Stages are data and every step consumes the flow it steps from, so no handler can jump. A flow belongs to
//! the browser that began it, yields at most one session, and expires.

mod question;

use serde::{Deserialize, Serialize};

use super::one_time_code::{CodeSpent, OneTimeCode};
use super::{AccountId, FlowId, Identity, MethodId, OpenId, PoolId, Profile, Refusal, ReturnTo};
use crate::ground::{Span, Timestamp, TokenDigest};

/// A login attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Also the OAuth `state`: letters and digits only.
    pub id: FlowId,
    /// Counts writes; a transition is a compare-and-set on it.
    pub version: u64,
    /// Digest of the secret of who began the flow: a browser's cookie, an app's key or verifier.
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
    /// The account that the identity is added to, where somebody who is logged in began this: no session is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach_to: Option<AccountId>,
    /// Who began it, for the phone that is asked to approve it.
    #[serde(default)]
    pub origin: Origin,
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

/// Where a flow was begun. Told to the person who approves it elsewhere; proves nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The address it was begun from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The browser's own description of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// How far a flow is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum Stage {
    /// Waiting for WeChat's answer.
    Waiting,
    /// A phone has scanned the code; its owner has yet to agree, or WeChat to say who it is.
    Scanned {
        /// Whose phone: nobody else can take the code over.
        by: OpenId,
        /// What the waiting page may show: nickname and avatar, nothing else.
        profile: Profile,
    },
    /// The person has agreed on the phone; the browser that began the flow may sign in as them.
    Approved {
        /// The person.
        identity: Box<Identity>,
    },
    /// One request is finishing the flow; a second one waits for its outcome.
    Exchanging {
        /// Since when.
        since: Timestamp,
        /// Who agreed on the phone; none where the person is still to be learnt from a code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved: Option<Box<Identity>>,
    },
    /// Several accounts fit; whoever began the flow chooses one of these.
    Choosing {
        /// The person.
        identity: Box<Identity>,
        /// What is offered, and nothing else is accepted.
        accounts: Vec<AccountId>,
    },
    /// Nobody is known by this identity; whoever began the flow proves an account of theirs, or has one made.
    Binding {
        /// The person.
        identity: Box<Identity>,
        /// Whether they may have one made.
        may_create: bool,
        /// The code that was sent last, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<OneTimeCode>,
    },
    /// An account was chosen, proven or asked for, and is being signed in to.
    Chosen {
        /// The person.
        identity: Box<Identity>,
        /// Which one; none is a new one.
        account: Option<AccountId>,
        /// Since when.
        since: Timestamp,
    },
    /// Done: the session was opened.
    SignedIn {
        /// Whose.
        account: AccountId,
    },
    /// Done: the identity was added to the account of who began it.
    Attached,
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
    /// No account has the phone or email that WeChat has verified, or WeChat gave none.
    NoMatch,
    /// The account belongs to another WeChat, or this WeChat to another account.
    Taken,
    /// Several accounts fit.
    SeveralAccounts,
    /// WeChat showed a snapshot page, so the identity is virtual.
    Snapshot,
    /// WeChat did not accept the code; a new attempt may succeed.
    CodeRejected,
    /// The person does not follow the account, so WeChat does not say who they are.
    MustFollow,
    /// WeChat could not be reached or was busy.
    WechatUnavailable,
    /// WeChat limits how often it is asked.
    WechatBusy,
    /// The operator's WeChat settings are wrong.
    Misconfigured,
    /// WeChat does not let this person in (frozen, high risk, gone).
    WechatRefused,
    /// What was to be added to an account belongs to another one.
    IdentityTaken,
    /// The account that something was to be added to has another WeChat of that app.
    HasAnother,
    /// The browser is no longer logged in to the account that something was to be added to.
    OwnerGone,
}

impl From<Refusal> for FlowRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::AccountDisabled => Self::AccountDisabled,
            Refusal::RegistrationClosed => Self::RegistrationClosed,
            Refusal::NoMatch => Self::NoMatch,
            Refusal::MatchTaken => Self::Taken,
            Refusal::SeveralMatch => Self::SeveralAccounts,
        }
    }
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
    /// Somebody else has scanned the code.
    #[error("somebody else has scanned this code")]
    Taken,
    /// Nobody has agreed on the phone yet.
    #[error("the login attempt is not approved yet")]
    NotApproved,
    /// What was chosen is not among what fits.
    #[error("this is not offered")]
    NotOffered,
    /// There is no code that could be tried.
    #[error(transparent)]
    CodeSpent(#[from] CodeSpent),
    /// A code was sent only just now.
    #[error("a code was sent only just now")]
    TooSoon {
        /// Whole seconds until another may be sent.
        seconds: u64,
    },
}

/// How long one code exchange may hold a flow before another callback may take it over: longer than the
/// WeChat client's own limits, so that two never exchange at once unless a process died.
pub const EXCHANGE_LEASE: Span = Span::from_secs(30);

/// How long the person has to agree once they have scanned, and the browser to go on once they have agreed:
/// the code may have been scanned in its last second.
pub const NEXT_STEP: Span = Span::from_mins(2);

impl Flow {
    /// A phone has scanned the code. The same phone may scan again, which gains it no time.
    pub fn scan(self, by: OpenId, profile: Profile, now: Timestamp) -> Result<Self, InvalidTransition> {
        self.may_be_approved(&by, now)?;
        let flow = if matches!(self.stage, Stage::Waiting) { self.prolonged(now) } else { self };
        Ok(flow.at(Stage::Scanned { by, profile }))
    }

    /// The person has agreed on the phone. The same person may say so again while nobody has gone on: they cannot know
    /// whether the first yes arrived.
    pub fn approve(self, identity: Identity, now: Timestamp) -> Result<Self, InvalidTransition> {
        if let Stage::Approved { identity: said } = &self.stage
            && now < self.expires_at
            && said.open_key() == identity.open_key()
        {
            let stage = self.stage.clone();
            return Ok(self.at(stage));
        }
        self.may_be_approved(&identity.open_id, now)?;
        Ok(self.prolonged(now).at(Stage::Approved { identity: Box::new(identity) }))
    }

    /// The person has said no on the phone, or cannot be let in.
    pub fn reject(self, by: &OpenId, reason: FlowRefusal, now: Timestamp) -> Result<Self, InvalidTransition> {
        self.may_be_approved(by, now)?;
        self.refuse(reason)
    }

    fn may_be_approved(&self, by: &OpenId, now: Timestamp) -> Result<(), InvalidTransition> {
        match &self.stage {
            Stage::Waiting | Stage::Scanned { .. } if now >= self.expires_at => {
                Err(InvalidTransition::Expired)
            }
            Stage::Scanned { by: first, .. } if first != by => Err(InvalidTransition::Taken),
            Stage::Waiting | Stage::Scanned { .. } => Ok(()),
            _ => Err(InvalidTransition::Finished),
        }
    }

    fn prolonged(self, now: Timestamp) -> Self {
        Self { expires_at: self.expires_at.max(now.plus(NEXT_STEP)), ..self }
    }

    /// Takes the flow to finish it: with a code that is to be exchanged, or as the person who agreed.
    pub fn begin_exchange(self, now: Timestamp) -> Result<Self, InvalidTransition> {
        match self.stage {
            Stage::SignedIn { .. } | Stage::Attached | Stage::Refused { .. } => {
                Err(InvalidTransition::Finished)
            }
            Stage::Exchanging { since, .. } if now.since(since) < EXCHANGE_LEASE => {
                Err(InvalidTransition::InProgress)
            }
            _ if now >= self.expires_at => Err(InvalidTransition::Expired),
            Stage::Scanned { .. } | Stage::Choosing { .. } | Stage::Binding { .. } => {
                Err(InvalidTransition::NotApproved)
            }
            Stage::Chosen { .. } => Err(InvalidTransition::InProgress),
            Stage::Waiting => Ok(self.at(Stage::Exchanging { since: now, approved: None })),
            Stage::Approved { ref identity } => {
                let approved = Some(identity.clone());
                Ok(self.at(Stage::Exchanging { since: now, approved }))
            }
            Stage::Exchanging { ref approved, .. } => {
                let approved = approved.clone();
                Ok(self.at(Stage::Exchanging { since: now, approved }))
            }
        }
    }

    /// Ends the flow with a session for `account`.
    pub fn sign_in(self, account: AccountId) -> Result<Self, InvalidTransition> {
        self.finish(Stage::SignedIn { account })
    }

    /// Ends the flow with the identity at the account that it was meant for.
    pub fn attach(self) -> Result<Self, InvalidTransition> {
        self.finish(Stage::Attached)
    }

    /// Ends the flow without a session.
    pub fn refuse(self, reason: FlowRefusal) -> Result<Self, InvalidTransition> {
        self.finish(Stage::Refused { reason })
    }

    /// Whether the flow has its outcome.
    pub fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::SignedIn { .. } | Stage::Attached | Stage::Refused { .. })
    }

    fn finish(self, stage: Stage) -> Result<Self, InvalidTransition> {
        if self.is_finished() { Err(InvalidTransition::Finished) } else { Ok(self.at(stage)) }
    }

    fn at(self, stage: Stage) -> Self {
        Self { stage, version: self.version + 1, ..self }
    }
}

#[cfg(test)]
mod tests;
