//! Logins of apps and mini programs: no browser, no cookie; a token in the answer, or a question.
//!
//! A code that WeChat rejects never comes as far as an account. A question (several accounts fit, or none) is a flow whose key
//! only the client that asked has.

mod error;
mod pace;

use super::account_links::{self, Attached};
use super::account_of::{Outcome, Rules, ToAsk, account_of};
use super::binding::{Claim, Deliver};
use super::directory::{App, Method, MethodKind};
use super::finish::{Context, SESSION, Visit, session_salt};
use super::question::{Question, Sent};
use super::{FLOW_LIFETIME, FLOW_MEMORY, Login, flow_mark};
use crate::domain::{
    Account, AccountId, Flow, FlowId, FlowRefusal, Identity, InvalidTransition, MethodId, Policy, PoolId,
    Proof, ReturnTo, Stage,
};
use crate::ground::{Span, Timestamp, Token, TokenDigest, random_id};
use crate::store::StoreError;

pub use error::ClientError;
pub(super) use pace::Pace;

/// How the login of a client ends.
#[derive(Debug)]
pub enum Entered {
    /// With a session.
    SignedIn {
        /// The bearer token, for this client alone.
        token: Token,
        /// Whose.
        account: Box<Account>,
        /// The longest it can live.
        expires_in: Span,
    },
    /// With a question.
    Asked {
        /// Names the question.
        flow: FlowId,
        /// Opens it, for this client alone.
        key: Token,
        /// What is asked.
        question: Question,
        /// How long it can be answered.
        expires_in: Span,
    },
}

/// What a call of an app or a mini program works with.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Pools, apps, methods, WeChat, sessions, and the host that was asked.
    pub context: Context<'a>,
    /// Who asks, as far as the edge knows.
    pub visit: &'a Visit,
    /// The first page of the host that was asked.
    pub home: &'a ReturnTo,
}

impl Login {
    /// From who somebody is to a session for the client, or a question. `token` is one that nobody has seen, or, where
    /// the call may be repeated, the one that this flow yields.
    pub(super) async fn log_in(
        &self,
        call: Call<'_>,
        method: &Method,
        identity: Identity,
        token: Token,
    ) -> Result<Entered, ClientError> {
        self.log_in_by(call, method, identity, token, method.policy).await
    }

    /// The same, for somebody who may do what `policy` says if they are unknown.
    async fn log_in_by(
        &self,
        call: Call<'_>,
        method: &Method,
        identity: Identity,
        token: Token,
        policy: Policy,
    ) -> Result<Entered, ClientError> {
        let pool = call.context.directory.pool(&identity.pool);
        let rules = Rules { policy, on_conflict: pool.map(|pool| pool.on_conflict).unwrap_or_default() };
        let refusal = match account_of(&*self.store, &identity, &method.id, rules, self.now()).await? {
            Outcome::Account(account) => return self.admit(call, method, *account, &identity, token).await,
            Outcome::Asks(question) => return self.ask_client(call, method, identity, question).await,
            Outcome::Refused(refusal) => refusal,
        };
        tracing::info!(target: "audit", event = "login_refused", method = %method.id, app = %method.app, reason = ?refusal);
        Err(ClientError::Refused(refusal.into()))
    }

    /// Opens the session of `token`.
    async fn admit(
        &self,
        call: Call<'_>,
        method: &Method,
        account: Account,
        identity: &Identity,
        token: Token,
    ) -> Result<Entered, ClientError> {
        let now = self.now();
        let account = account_links::keep_phone(&*self.store, account, identity.phone.as_ref(), now).await?;
        let session = call.visit.session(&account, &method.id, identity, call.context.host, now);
        let rules = call.context.rules;
        if !self.open_session(&token.digest(), &session, identity, rules).await? {
            // Trying again, they are a stranger.
            return Err(
                StoreError::Conflict { doing: "logging in with a WeChat that is being taken off" }.into()
            );
        }
        tracing::info!(
            target: "audit", event = "login", account = %account.id, method = %method.id, login = %session.login_id
        );
        Ok(Entered::SignedIn { token, account: Box::new(account), expires_in: rules.policy.absolute })
    }

    /// Keeps a question for the client.
    async fn ask_client(
        &self,
        call: Call<'_>,
        method: &Method,
        identity: Identity,
        question: ToAsk,
    ) -> Result<Entered, ClientError> {
        let (key, now) = (Token::generate(&mut rand::rng()), self.now());
        let begun = begin(call, method, identity.pool.clone(), key.digest(), now, FLOW_LIFETIME);
        let flow = begun.ask(question.of(identity), now.plus(FLOW_LIFETIME))?;
        let question = self.question_of(method, &flow).await?.ok_or(ClientError::FlowFinished)?;
        self.store.put_flow(&flow, FLOW_LIFETIME.plus(FLOW_MEMORY)).await?;
        tracing::info!(target: "audit", event = "login_asks", method = %method.id, flow = flow_mark(&flow.id));
        Ok(Entered::Asked { flow: flow.id, key, question, expires_in: FLOW_LIFETIME })
    }

    /// The flow `id` that this client was asked in, and its method.
    async fn own_question<'c>(
        &self,
        call: Call<'c>,
        id: &FlowId,
        key: &Token,
    ) -> Result<(Flow, &'c Method), ClientError> {
        let flow = self.store.flow(id).await?.ok_or(ClientError::FlowExpired)?;
        if !flow.browser.matches(key) {
            tracing::warn!(target: "audit", event = "choice_refused", flow = flow_mark(id), problem = "another client's");
            return Err(ClientError::NotYours);
        }
        // The session is for the host where the login began.
        if flow.return_to.host() != call.home.host() {
            return Err(ClientError::FlowExpired);
        }
        let method = call.context.directory.method(&flow.method).ok_or(ClientError::FlowExpired)?;
        Ok((flow, method))
    }

    /// Answers the question which account it is to be.
    pub async fn choose(
        &self,
        call: Call<'_>,
        id: &FlowId,
        key: &Token,
        account: &AccountId,
    ) -> Result<Entered, ClientError> {
        let (flow, method) = self.own_question(call, id, key).await?;
        let taken = flow.choose(account, self.now()).inspect_err(|problem| {
            tracing::warn!(target: "audit", event = "choice_refused", flow = flow_mark(id), %problem);
        })?;
        let Stage::Chosen { identity, .. } = &taken.stage else { return Err(ClientError::FlowFinished) };
        let identity = Identity::clone(identity);
        if !self.store.swap_flow(&taken, FLOW_LIFETIME).await? {
            return Err(ClientError::FlowFinished);
        }
        account_links::remember_choice(&*self.store, &identity, account).await?;
        self.log_in_answered(call, method, taken, key, identity, method.policy).await
    }

    /// Takes the claim of somebody whom no account answers to, and logs them in if it is good.
    pub async fn bind(
        &self,
        call: Call<'_>,
        id: &FlowId,
        key: &Token,
        claim: Claim,
    ) -> Result<Entered, ClientError> {
        let (flow, method) = self.own_question(call, id, key).await?;
        let policy = if matches!(claim, Claim::New) { Policy::CREATE } else { method.policy };
        let (taken, identity) =
            self.claim(call.context.directory, flow, key, method, claim, call.visit).await?;
        let identity = self.settle_claim(&taken, identity).await?;
        match identity {
            Ok(identity) => self.log_in_answered(call, method, taken, key, identity, policy).await,
            Err(reason) => {
                self.store.swap_flow(&taken.refuse(reason)?, FLOW_MEMORY).await?;
                Err(ClientError::Refused(reason))
            }
        }
    }

    /// Sends a code to an address that somebody says their account has; says when another may be sent.
    pub async fn send_code(
        &self,
        call: Call<'_>,
        id: &FlowId,
        key: &Token,
        (proof, to): (Proof, &str),
        deliver: impl Deliver,
    ) -> Result<Option<Sent>, ClientError> {
        let (flow, method) = self.own_question(call, id, key).await?;
        let flow = self.send_bind_code(flow, key, method, (proof, to), deliver).await?;
        Ok(match self.question_of(method, &flow).await? {
            Some(Question::Bind(unbound)) => unbound.sent,
            _ => None,
        })
    }

    /// Logs in whoever has answered a question.
    async fn log_in_answered(
        &self,
        call: Call<'_>,
        method: &Method,
        taken: Flow,
        key: &Token,
        identity: Identity,
        policy: Policy,
    ) -> Result<Entered, ClientError> {
        let token = key.derive(SESSION, session_salt(&taken).as_bytes());
        let entered = self.log_in_by(call, method, identity, token, policy).await?;
        match &entered {
            Entered::SignedIn { account, token, .. } => {
                self.close(taken.sign_in(account.id.clone()), token).await?;
            }
            // Asked once more, because the accounts have changed: a flow of its own.
            Entered::Asked { .. } => {}
        }
        Ok(entered)
    }

    /// Writes the end of a flow that yielded the session of `token`. Where another request has ended it otherwise, its
    /// outcome counts.
    pub(super) async fn close(
        &self,
        done: Result<Flow, InvalidTransition>,
        token: &Token,
    ) -> Result<(), ClientError> {
        let done = done?;
        if self.store.swap_flow(&done, FLOW_MEMORY).await? {
            return Ok(());
        }
        match self.store.flow(&done.id).await? {
            // The same call, repeated: it yields the same session, because the token is derived.
            Some(flow) if matches!(flow.stage, Stage::SignedIn { .. } | Stage::Chosen { .. }) => Ok(()),
            _ => {
                self.store.delete_sessions(&[token.digest()]).await?;
                Err(ClientError::FlowFinished)
            }
        }
    }

    /// Refuses to add people of another pool to an account, before a code is spent on it.
    pub(super) async fn in_pool(&self, account: &AccountId, pool: &PoolId) -> Result<(), ClientError> {
        match account_links::account_now(&*self.store, account).await? {
            Some(account) if account.pool != *pool => Err(ClientError::WrongMethod),
            _ => Ok(()),
        }
    }

    /// Adds an identity to the account whose owner is logged in.
    pub(super) async fn attach(
        &self,
        account: &AccountId,
        method: &MethodId,
        identity: &Identity,
    ) -> Result<Account, ClientError> {
        let attached = account_links::attach(&*self.store, account, identity, self.now()).await?;
        let account = match attached {
            Attached::Done(account) => account,
            refused @ (Attached::Taken | Attached::HasAnother) => {
                tracing::warn!(target: "audit", event = "attach_refused", account = %account, method = %method, reason = ?refused);
                return Err(match refused {
                    Attached::HasAnother => ClientError::HasAnother,
                    _ => ClientError::IdentityTaken,
                });
            }
            Attached::NoAccount => return Err(ClientError::Refused(FlowRefusal::AccountDisabled)),
        };
        tracing::info!(target: "audit", event = "attached", account = %account.id, method = %method);
        let phone = identity.phone.as_ref();
        Ok(account_links::keep_first_phone(&*self.store, *account, phone, self.now()).await?)
    }

    /// The method of a name, if it is one that `fits`, and its app.
    pub(super) fn client_method<'a>(
        &self,
        context: Context<'a>,
        id: &str,
        fits: impl Fn(&MethodKind) -> bool,
    ) -> Result<(&'a Method, &'a App), ClientError> {
        let id = MethodId::new(id).map_err(|_| ClientError::UnknownMethod)?;
        let method = context.directory.method(&id).ok_or(ClientError::UnknownMethod)?;
        if !fits(&method.kind) {
            return Err(ClientError::WrongMethod);
        }
        let app = context.directory.app(&method.app).ok_or(ClientError::UnknownMethod)?;
        Ok((method, app))
    }
}

/// A flow without a browser, whose secret the client keeps.
pub(super) fn begin(
    call: Call<'_>,
    method: &Method,
    pool: PoolId,
    secret: TokenDigest,
    now: Timestamp,
    lifetime: Span,
) -> Flow {
    let mut rng = rand::rng();
    Flow {
        id: FlowId::new(random_id(&mut rng, 26)).expect("a random id is 26 letters and digits"),
        version: 1,
        browser: secret,
        method: method.id.clone(),
        pool,
        return_to: call.home.clone(),
        handover: None,
        attach_to: None,
        origin: call.visit.origin(),
        salt: random_id(&mut rng, 26),
        created_at: now,
        expires_at: now.plus(lifetime),
        stage: Stage::Waiting,
    }
}
