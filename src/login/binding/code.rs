//! A code sent to the verified phone or email of an account proves it.
//!
//! The code is derived from the secret of who asked and is nowhere stored. It is sent after the answer, and only if an
//! account has verified the address, so the answer is the same either way.

use async_trait::async_trait;

use super::{BindError, Claim, offered};
use crate::domain::one_time_code::{CodeTarget, OneTimeCode};
use crate::domain::{Account, Email, Flow, IdentityKey, InvalidTransition, Phone, Proof, Stage};
use crate::ground::{Secret, Token, random_id};
use crate::login::code_limits::{Asker, count_code};
use crate::login::directory::Method;
use crate::login::finish::Visit;
use crate::login::{FLOW_LIFETIME, FLOW_MEMORY, Login, MAX_BEGUN, flow_mark};
use crate::notify::NotifyError;

/// Brings a code to where it goes, in the words of whoever asks for it.
#[async_trait]
pub trait Deliver: Send + Sync + 'static {
    /// Sends the six digits.
    async fn deliver(&self, to: &CodeTarget, digits: &str) -> Result<(), NotifyError>;
}

impl Login {
    /// Sends a code for `flow` to the address somebody typed, if an account has verified it; says how the flow stands
    /// then. `secret` is that of who began the flow.
    pub(in crate::login) async fn send_bind_code(
        &self,
        flow: Flow,
        secret: &Token,
        method: &Method,
        (proof, typed): (Proof, &str),
        deliver: impl Deliver,
    ) -> Result<Flow, BindError> {
        offered(method, proof)?;
        let to = match proof {
            Proof::EmailCode => Email::parse(typed).map(CodeTarget::Email).map_err(|_| BindError::Address)?,
            Proof::SmsCode => Phone::typed(typed).map(CodeTarget::Phone).map_err(|_| BindError::Address)?,
            Proof::Password => return Err(BindError::NotOffered),
        };
        let code = OneTimeCode::new(to.clone(), random_id(&mut rand::rng(), 26), self.now());
        let digits = Secret::new(code.digits(secret));
        let pool = flow.pool.clone();
        let asker = asker(&flow)?;
        let sent = flow.send_code(code)?;
        if self.after.len() >= MAX_BEGUN {
            return Err(BindError::Busy);
        }
        count_code(&*self.store, Asker::Wechat(&asker), &to, self.now()).await?;
        if !self.store.swap_flow(&sent, FLOW_LIFETIME.plus(FLOW_MEMORY)).await? {
            return Err(InvalidTransition::Finished.into());
        }
        let (login, mark) = (self.clone(), flow_mark(&sent.id));
        self.after.spawn(async move {
            // Looking is part of what nobody sees: with and without an account the answer has gone out before.
            match login.who_answers(&[to.key(&pool)]).await {
                Ok(None) => tracing::info!(target: "audit", event = "bind_code_unknown", flow = mark),
                Ok(Some(account)) => match deliver.deliver(&to, digits.reveal()).await {
                    Ok(()) => {
                        tracing::info!(target: "audit", event = "bind_code_sent", flow = mark, account = %account.id, proof = proof.as_str());
                    }
                    Err(error) => {
                        tracing::error!(flow = mark, proof = proof.as_str(), error = &error as &dyn std::error::Error, "a code could not be sent");
                    }
                },
                Err(error) => {
                    tracing::error!(flow = mark, error = &error as &dyn std::error::Error, "a code was not sent: the store gave no answer");
                }
            }
        });
        Ok(sent)
    }

    /// The account that a code proves.
    pub(super) async fn by_code(
        &self,
        flow: Flow,
        secret: &Token,
        method: &Method,
        typed: &Secret,
        visit: &Visit,
    ) -> Result<(Flow, Account), BindError> {
        let pool = flow.pool.clone();
        // Counted before it is looked at, so that guesses that come at once count each.
        let (flow, code) = flow.try_code(self.now())?;
        offered(method, code.to.proof())?;
        // Counted apart from passwords: who guesses at one does not lock the owner out of the other.
        let key = code.to.key(&pool);
        let name = format!("code {}", key.storage_key());
        let attempt = self.guard.admit(&pool, &name, visit.ip.as_deref()).await?;
        if !self.store.swap_flow(&flow, FLOW_LIFETIME.plus(FLOW_MEMORY)).await? {
            // Another request has moved the flow on; nothing was compared here.
            self.guard.unchecked(attempt).await?;
            return Err(InvalidTransition::Finished.into());
        }
        // Nothing is looked up for a wrong one, so that its answer takes as long whether or not anybody holds the address.
        if !code.matches(secret, typed.reveal()) {
            return Err(BindError::Wrong);
        }
        match self.who_answers(&[key]).await {
            Ok(Some(account)) => {
                self.guard.passed(attempt).await?;
                Ok((flow, account))
            }
            // No code was sent; what was typed is a guess that hit.
            Ok(None) => Err(BindError::Wrong),
            Err(error) => {
                self.guard.unchecked(attempt).await?;
                Err(error.into())
            }
        }
    }
}

/// The WeChat that asks, in all its apps if it can be told.
fn asker(flow: &Flow) -> Result<IdentityKey, InvalidTransition> {
    match &flow.stage {
        Stage::Binding { identity, .. } => Ok(identity.union_key().unwrap_or_else(|| identity.open_key())),
        _ => Err(InvalidTransition::Finished),
    }
}

impl Claim {
    /// Whether anything was typed at all.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::New => false,
            Self::Password { name, password } => name.trim().is_empty() || password.is_empty(),
            Self::Code(typed) => typed.reveal().trim().is_empty(),
        }
    }
}
