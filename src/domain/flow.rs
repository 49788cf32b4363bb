//! One login attempt, from the click to its one outcome.
//!
//! Stages are data and every step consumes the flow it steps from, so no handler can jump. A flow belongs to
//! the browser that began it, yields at most one session, and expires.

use serde::{Deserialize, Serialize};

use super::{AccountId, FlowId, Identity, MethodId, OpenId, PoolId, Profile, ReturnTo};
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
    /// One of several accounts was chosen, and is being signed in to.
    Chosen {
        /// The person.
        identity: Box<Identity>,
        /// Which one.
        account: AccountId,
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
    /// The account that was chosen is not among those that fit.
    #[error("this account is not offered")]
    NotOffered,
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
            Stage::SignedIn { .. } | Stage::Refused { .. } => Err(InvalidTransition::Finished),
            Stage::Exchanging { since, .. } if now.since(since) < EXCHANGE_LEASE => {
                Err(InvalidTransition::InProgress)
            }
            _ if now >= self.expires_at => Err(InvalidTransition::Expired),
            Stage::Scanned { .. } | Stage::Choosing { .. } => Err(InvalidTransition::NotApproved),
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

    /// Several accounts fit: asks whoever began the flow, who has until `until`. Only who has taken the flow knows that.
    pub fn ask(
        self,
        identity: Identity,
        accounts: Vec<AccountId>,
        until: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        if self.is_finished() {
            return Err(InvalidTransition::Finished);
        }
        let asked = self.at(Stage::Choosing { identity: Box::new(identity), accounts });
        Ok(Self { expires_at: until, ..asked })
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
            Stage::Chosen { identity, account: taken } if taken == account => identity.clone(),
            _ => return Err(InvalidTransition::Finished),
        };
        Ok(self.at(Stage::Chosen { identity, account: account.clone() }))
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
            origin: Origin::default(),
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

    fn person(open_id: &str) -> Identity {
        Identity {
            pool: PoolId::new("people").unwrap(),
            app_id: super::super::AppId::new("wx1").unwrap(),
            open_id: OpenId::new(open_id).unwrap(),
            union_id: None,
            profile: Profile::default(),
            phone: None,
        }
    }

    #[test]
    fn who_scanned_first_is_the_only_one_who_can_agree() {
        let ann = OpenId::new("ann").unwrap();
        let bob = OpenId::new("bob").unwrap();
        let scanned = flow().scan(ann.clone(), Profile::default(), at(1)).unwrap();
        assert_eq!(
            scanned.clone().scan(bob.clone(), Profile::default(), at(2)),
            Err(InvalidTransition::Taken)
        );
        assert_eq!(scanned.clone().approve(person("bob"), at(2)), Err(InvalidTransition::Taken));
        assert_eq!(scanned.clone().reject(&bob, FlowRefusal::Denied, at(2)), Err(InvalidTransition::Taken));
        assert!(scanned.clone().scan(ann, Profile::default(), at(2)).is_ok());
        assert!(scanned.approve(person("ann"), at(2)).is_ok());
    }

    #[test]
    fn yes_and_no_on_the_phone_are_final() {
        let ann = OpenId::new("ann").unwrap();
        let yes = flow().approve(person("ann"), at(1)).unwrap();
        assert_eq!(yes.clone().reject(&ann, FlowRefusal::Denied, at(2)), Err(InvalidTransition::Finished));
        assert_eq!(yes.approve(person("bob"), at(2)), Err(InvalidTransition::Finished));
        let no = flow().reject(&ann, FlowRefusal::Denied, at(1)).unwrap();
        assert_eq!(no.approve(person("ann"), at(2)), Err(InvalidTransition::Finished));
    }

    #[test]
    fn only_an_approved_scan_can_be_finished_and_it_remembers_who() {
        let scanned = flow().scan(OpenId::new("ann").unwrap(), Profile::default(), at(1)).unwrap();
        assert_eq!(scanned.clone().begin_exchange(at(2)), Err(InvalidTransition::NotApproved));
        let taken = scanned.approve(person("ann"), at(3)).unwrap().begin_exchange(at(4)).unwrap();
        assert!(
            matches!(&taken.stage, Stage::Exchanging { approved: Some(who), .. } if **who == person("ann"))
        );
        let again = taken.begin_exchange(at(4).plus(EXCHANGE_LEASE)).unwrap();
        assert!(matches!(again.stage, Stage::Exchanging { approved: Some(_), .. }));
    }

    #[test]
    fn a_code_scanned_in_its_last_second_leaves_time_to_agree() {
        let last = at(59_999);
        let scanned = flow().scan(OpenId::new("ann").unwrap(), Profile::default(), last).unwrap();
        assert_eq!(scanned.expires_at, last.plus(NEXT_STEP));
        let again = scanned.scan(OpenId::new("ann").unwrap(), Profile::default(), at(100_000)).unwrap();
        assert_eq!(again.expires_at, last.plus(NEXT_STEP));
        assert_eq!(flow().approve(person("ann"), at(60_000)), Err(InvalidTransition::Expired));
    }

    #[test]
    fn only_what_is_offered_can_be_chosen_and_once() {
        let (ann, bob) = (AccountId::new("ann").unwrap(), AccountId::new("bob").unwrap());
        let taken = flow().begin_exchange(at(0)).unwrap();
        let asked = taken.ask(person("o"), vec![ann.clone()], at(60_000)).unwrap();
        assert_eq!(asked.clone().choose(&bob, at(1)), Err(InvalidTransition::NotOffered));
        assert_eq!(asked.clone().choose(&ann, at(60_000)), Err(InvalidTransition::Expired));
        assert_eq!(asked.clone().begin_exchange(at(1)), Err(InvalidTransition::NotApproved));
        let taken = asked.choose(&ann, at(1)).unwrap();
        assert!(matches!(&taken.stage, Stage::Chosen { account, .. } if *account == ann));
        assert_eq!(taken.clone().choose(&bob, at(2)), Err(InvalidTransition::Finished));
        let again = taken.choose(&ann, at(2)).unwrap();
        assert_eq!(again.clone().begin_exchange(at(3)), Err(InvalidTransition::InProgress));
        let done = again.sign_in(ann.clone()).unwrap();
        assert_eq!(done.choose(&ann, at(3)), Err(InvalidTransition::Finished));
    }

    #[test]
    fn a_yes_can_be_repeated_by_who_said_it_until_somebody_goes_on() {
        let approved = flow().approve(person("ann"), at(1)).unwrap();
        let again = approved.clone().approve(person("ann"), at(2)).unwrap();
        assert_eq!((again.version, &again.stage), (approved.version + 1, &approved.stage));
        assert_eq!(again.expires_at, approved.expires_at, "it gains no time");
        assert_eq!(approved.clone().approve(person("bob"), at(2)), Err(InvalidTransition::Finished));
        assert_eq!(
            approved.clone().approve(person("ann"), approved.expires_at),
            Err(InvalidTransition::Finished)
        );
        let taken = approved.begin_exchange(at(3)).unwrap();
        assert_eq!(taken.approve(person("ann"), at(4)), Err(InvalidTransition::Finished));
    }

    #[test]
    fn an_expired_flow_cannot_be_finished_by_a_callback() {
        assert_eq!(flow().begin_exchange(at(60_000)), Err(InvalidTransition::Expired));
    }
}
