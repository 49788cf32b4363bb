//! Somebody whom no account answers to proves an account of theirs, or has one made.
//!
//! Whether an account exists, and whether a code was sent, shows neither in an answer nor in its time. Nobody is signed
//! in without a proof, and no account is taken from the WeChat that it belongs to.

mod code;
mod password;

use super::account_links::{self, Attached};
use super::directory::{Directory, Method};
use super::finish::{Context, Ending, Visit};
use super::{FLOW_LIFETIME, FLOW_MEMORY, Login, flow_mark};
use crate::domain::{
    Account, AccountId, Flow, FlowId, FlowRefusal, Identity, IdentityKey, InvalidTransition, Proof,
    Registration, Stage, Status,
};
use crate::ground::{Secret, Token};
use crate::login::code_limits::NotNow;
use crate::login::guard::NotAdmitted;
use crate::login::passwords;
use crate::notify::NotifyError;
use crate::store::StoreError;

pub use code::Deliver;

/// What somebody answers who is asked for an account of theirs.
#[derive(Debug)]
pub enum Claim {
    /// They want a new one.
    New,
    /// Its name (a user name, a phone number or an email address) and its password.
    Password {
        /// As typed.
        name: String,
        /// As typed.
        password: Secret,
    },
    /// The code that was sent, as typed.
    Code(Secret),
}

/// Why a claim, or a wish for a code, came to nothing. The question stays.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The flow is not where this could be answered, or its code is spent.
    #[error(transparent)]
    Step(#[from] InvalidTransition),
    /// Name and password, or the code, do not fit; or there is no such account.
    #[error("the proof is wrong")]
    Wrong,
    /// Too many were wrong.
    #[error("too many proofs were wrong")]
    Locked {
        /// Seconds until the next try.
        seconds: u64,
    },
    /// Too many codes were sent today, to this address or for this WeChat.
    #[error("too many codes were sent today")]
    TooManyCodes {
        /// Seconds until there may be another.
        seconds: u64,
    },
    /// What was typed is no email address or phone number.
    #[error("this is no address to send a code to")]
    Address,
    /// The operator does not offer this proof here.
    #[error("this proof is not offered")]
    NotOffered,
    /// The account belongs to another WeChat.
    #[error("the account belongs to another WeChat")]
    HasAnother,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// Too much is being checked at the moment.
    #[error("too many passwords are being checked")]
    Busy,
    /// The site that knows the passwords gave no answer.
    #[error("the password could not be checked")]
    Unavailable(#[source] NotifyError),
}

impl From<NotAdmitted> for BindError {
    fn from(refused: NotAdmitted) -> Self {
        match refused {
            NotAdmitted::Store(error) => Self::Store(error),
            NotAdmitted::Locked { seconds } => Self::Locked { seconds },
        }
    }
}

impl From<NotNow> for BindError {
    fn from(refused: NotNow) -> Self {
        match refused {
            NotNow::Store(error) => Self::Store(error),
            NotNow::TooSoon { seconds } => Self::Step(InvalidTransition::TooSoon { seconds }),
            NotNow::TooMany { seconds } => Self::TooManyCodes { seconds },
        }
    }
}

impl From<passwords::Busy> for BindError {
    fn from(_: passwords::Busy) -> Self {
        Self::Busy
    }
}

/// What a claim came to in a browser.
#[derive(Debug)]
pub enum Claimed {
    /// The login has ended.
    Ended(Box<Ending>),
    /// It did not count; the question stays.
    Again(BindError),
}

impl Login {
    /// Takes the claim of the browser that began `id`, and signs it in if the claim is good.
    pub async fn bind_browser(
        &self,
        context: Context<'_>,
        id: &FlowId,
        claim: Claim,
        visit: &Visit,
    ) -> Result<Claimed, StoreError> {
        let ended = |ending| Ok(Claimed::Ended(Box::new(ending)));
        let (flow, browser) = match self.own_flow(id, visit).await? {
            Ok(own) => own,
            Err(ending) => return ended(ending),
        };
        let Some(method) = context.directory.method(&flow.method) else { return ended(Ending::Unknown) };
        let asked = flow.clone();
        let (taken, identity) = match self.claim(context.directory, flow, browser, method, claim, visit).await
        {
            Ok(taken) => taken,
            Err(problem) => return self.not_counted(asked, browser, problem).await,
        };
        let identity = self.settle_claim(&taken, identity).await?;
        ended(self.conclude(context, taken, browser, method, identity, visit).await?)
    }

    /// Sends a code to an address that the browser that began `id` says their account has; none if that was done.
    pub async fn send_code_for(
        &self,
        context: Context<'_>,
        id: &FlowId,
        (proof, to): (Proof, &str),
        deliver: impl Deliver,
        visit: &Visit,
    ) -> Result<Option<Claimed>, StoreError> {
        let ended = |ending| Ok(Some(Claimed::Ended(Box::new(ending))));
        let (flow, browser) = match self.own_flow(id, visit).await? {
            Ok(own) => own,
            Err(ending) => return ended(ending),
        };
        let Some(method) = context.directory.method(&flow.method) else { return ended(Ending::Unknown) };
        let asked = flow.clone();
        match self.send_bind_code(flow, browser, method, (proof, to), deliver).await {
            Ok(_) => Ok(None),
            Err(problem) => Ok(Some(self.not_counted(asked, browser, problem).await?)),
        }
    }

    /// What a browser is told whose answer did not count.
    async fn not_counted(
        &self,
        asked: Flow,
        browser: &Token,
        problem: BindError,
    ) -> Result<Claimed, StoreError> {
        let ending = match problem {
            BindError::Store(error) => return Err(error),
            BindError::Step(InvalidTransition::Expired) => Ending::Late { flow: Box::new(asked) },
            // Another tab has answered; its answer counts.
            BindError::Step(InvalidTransition::Finished | InvalidTransition::InProgress) => {
                self.outcome(&asked.id, browser).await?
            }
            problem => return Ok(Claimed::Again(problem)),
        };
        Ok(Claimed::Ended(Box::new(ending)))
    }

    /// From a claim to a flow that is this request's, and whose it is. `secret` is that of who began the flow.
    pub(super) async fn claim(
        &self,
        directory: &Directory,
        flow: Flow,
        secret: &Token,
        method: &Method,
        claim: Claim,
        visit: &Visit,
    ) -> Result<(Flow, Identity), BindError> {
        let id = flow.id.clone();
        let mark = flow_mark(&id);
        let how = match &claim {
            Claim::New => "new",
            Claim::Password { .. } => Proof::Password.as_str(),
            Claim::Code(_) => "code",
        };
        let done = self.prove(directory, flow, secret, method, claim, visit).await;
        let taken = match done {
            Ok(taken) => taken,
            Err(problem) => {
                tracing::warn!(target: "audit", event = "bind_refused", by = how, flow = mark, ip = visit.ip, %problem);
                return Err(problem);
            }
        };
        let Stage::Chosen { identity, .. } = &taken.stage else {
            return Err(InvalidTransition::Finished.into());
        };
        let identity = Identity::clone(identity);
        if !self.store.swap_flow(&taken, FLOW_LIFETIME.plus(FLOW_MEMORY)).await? {
            return Err(InvalidTransition::Finished.into());
        }
        tracing::info!(target: "audit", event = "bind_proven", by = how, flow = mark, ip = visit.ip);
        Ok((taken, identity))
    }

    async fn prove(
        &self,
        directory: &Directory,
        flow: Flow,
        secret: &Token,
        method: &Method,
        claim: Claim,
        visit: &Visit,
    ) -> Result<Flow, BindError> {
        let now = self.now();
        // Whoever was cut off after their answer had counted goes on with it, whatever they send now.
        if matches!(flow.stage, Stage::Chosen { .. }) {
            return Ok(flow.resume(now)?);
        }
        if matches!(claim, Claim::New) {
            // What was offered may have been closed since.
            return match method.policy.registration {
                Registration::Open => Ok(flow.bind(None, now)?),
                Registration::Closed => Err(InvalidTransition::NotOffered.into()),
            };
        }
        if claim.is_empty() {
            return Err(BindError::Wrong);
        }
        // What can no longer be answered is not tried, and costs no try.
        let identity = match &flow.stage {
            _ if now >= flow.expires_at => return Err(InvalidTransition::Expired.into()),
            Stage::Binding { identity, .. } => Identity::clone(identity),
            _ => return Err(InvalidTransition::Finished.into()),
        };
        let (flow, account) = match claim {
            Claim::New => return Err(BindError::NotOffered),
            Claim::Password { name, password } => {
                offered(method, Proof::Password)?;
                let pool = directory.pool(&flow.pool);
                let account = self.by_password(pool, &flow.pool, &name, &password, visit).await?;
                (flow, account)
            }
            Claim::Code(typed) => self.by_code(flow, secret, method, &typed, visit).await?,
        };
        if account.status == Status::Disabled {
            return Err(BindError::Disabled);
        }
        if !account.takes(&identity) {
            return Err(BindError::HasAnother);
        }
        Ok(flow.bind(Some(account.id), now)?)
    }

    /// Adds the identity of a good claim to the account that was proven; a new account is made by the login itself.
    pub(super) async fn settle_claim(
        &self,
        taken: &Flow,
        identity: Identity,
    ) -> Result<Result<Identity, FlowRefusal>, StoreError> {
        let Stage::Chosen { account: Some(account), .. } = &taken.stage else { return Ok(Ok(identity)) };
        Ok(match account_links::attach(&*self.store, account, &identity, self.now()).await? {
            Attached::Done(account) => {
                tracing::info!(target: "audit", event = "bound", by = "proof", account = %account.id, method = %taken.method);
                Ok(identity)
            }
            // Only what happened since it was proven.
            Attached::Taken => Err(FlowRefusal::IdentityTaken),
            Attached::HasAnother => Err(FlowRefusal::Taken),
            Attached::NoAccount => Err(FlowRefusal::AccountDisabled),
        })
    }

    /// The account that answers to one of `keys`; of several, that of the first key.
    async fn who_answers(&self, keys: &[IdentityKey]) -> Result<Option<Account>, StoreError> {
        let rows = self.store.identities(keys).await?;
        let ids: Vec<AccountId> = rows.into_iter().flatten().flat_map(|row| row.accounts).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let accounts: Vec<Account> = self.store.accounts(&ids).await?.into_iter().flatten().collect();
        let of = |key: &IdentityKey| accounts.iter().find(|account| account.answers_to(key)).cloned();
        Ok(keys.iter().find_map(of))
    }
}

fn offered(method: &Method, proof: Proof) -> Result<(), BindError> {
    if method.proofs.contains(&proof) { Ok(()) } else { Err(BindError::NotOffered) }
}
