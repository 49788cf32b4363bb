//! Back from WeChat: check whose flow this is, exchange the code once, find the account, open the session.
//!
//! The state is checked before the code is used. A callback that is delivered twice exchanges once and gets
//! the same answer: the session token is derived from the browser's own secret, so it need not be stored to be
//! given again.

use std::time::Duration;

use tokio::sync::broadcast;

use super::account_of::{Outcome, Rules, account_of};
use super::directory::{App, Directory, Method, MethodKind, Scope};
use super::{FLOW_MEMORY, Login, SessionRules};
use crate::domain::{
    Account, Flow, FlowId, FlowRefusal, Identity, InvalidTransition, OpenId, Profile, Refusal, Session,
    UnionId,
};
use crate::ground::{Secret, Token, TokenDigest, random_id};
use crate::store::{StoreError, StoreEvent};
use crate::wechat::{self, CallbackAnswer, VisitorKind};

/// How long the second delivery of a callback waits for the first to finish; longer than WeChat's own limits.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who comes back, as far as the edge knows.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// The browser's own secret, if its cookie came along.
    pub browser: Option<Token>,
    /// A session the browser held before; it ends when a new one begins.
    pub former: Vec<TokenDigest>,
    /// The visitor's address.
    pub ip: Option<String>,
    /// The visitor's browser.
    pub user_agent: Option<String>,
}

/// How a callback ends.
#[derive(Debug)]
pub enum Ending {
    /// A session was opened; its token goes to this browser only.
    SignedIn {
        /// The session token.
        token: Token,
        /// The finished flow.
        flow: Box<Flow>,
    },
    /// No session.
    Refused {
        /// Why.
        reason: FlowRefusal,
        /// The finished flow.
        flow: Box<Flow>,
    },
    /// The visitor said no and WeChat did not say to which login.
    DeniedSomewhere,
    /// There is no such flow, or it has run out.
    Unknown,
    /// The flow was begun in another browser, or this one keeps no cookies. The code was not used.
    Foreign,
    /// Not an answer of WeChat's; what is wrong.
    Malformed(&'static str),
}

/// Everything a callback works with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Pools, apps and methods.
    pub directory: &'a Directory,
    /// The client for WeChat.
    pub wechat: &'a wechat::Client,
    /// Lifetimes of sessions.
    pub rules: &'a SessionRules,
    /// The host the callback arrived at; the session is for it.
    pub host: &'a str,
}

impl Login {
    /// Finishes the flow that a callback of `app` belongs to.
    pub async fn callback(
        &self,
        context: Context<'_>,
        app: &App,
        answer: CallbackAnswer,
        visit: &Visit,
    ) -> Result<Ending, StoreError> {
        let (state, code) = match answer {
            CallbackAnswer::Malformed(problem) => return Ok(Ending::Malformed(problem)),
            CallbackAnswer::Denied { state: None } => return Ok(Ending::DeniedSomewhere),
            CallbackAnswer::Denied { state: Some(state) } => (state, None),
            CallbackAnswer::Code { code, state } => (state, Some(code)),
        };
        let Ok(id) = FlowId::new(state) else { return Ok(Ending::Unknown) };
        // Listening begins before the look: a flow that finishes in between would be waited for in vain.
        let events = self.store.events();
        let Some(flow) = self.store.flow(&id).await? else { return Ok(Ending::Unknown) };
        let Some(browser) = visit.browser.as_ref().filter(|token| flow.browser.matches(token)) else {
            return Ok(Ending::Foreign);
        };
        let Some(method) = context.directory.method(&flow.method).filter(|method| method.app == app.id)
        else {
            return Ok(Ending::Unknown);
        };
        let taken = match self.take(flow, events).await? {
            Taken::Ours(flow) => flow,
            Taken::Finished(flow) => return self.answer_again(flow, browser).await,
            Taken::Gone => return Ok(Ending::Unknown),
        };
        let reason = match code {
            None => FlowRefusal::Denied,
            Some(code) => match self.identify(context, app, method, &code).await {
                Err(reason) => reason,
                Ok(identity) => {
                    let rules = Rules {
                        registration: method.registration,
                        on_conflict: context
                            .directory
                            .pool(&app.pool)
                            .map(|p| p.on_conflict)
                            .unwrap_or_default(),
                    };
                    let now = self.clock.now();
                    match account_of(&*self.store, &identity, &method.id, rules, now).await? {
                        Outcome::Account(account) => {
                            return self.open(context, taken, browser, &account, &identity, visit).await;
                        }
                        Outcome::Several(_) => FlowRefusal::SeveralAccounts,
                        Outcome::Refused(Refusal::AccountDisabled) => FlowRefusal::AccountDisabled,
                        Outcome::Refused(Refusal::RegistrationClosed) => FlowRefusal::RegistrationClosed,
                    }
                }
            },
        };
        tracing::info!(target: "audit", event = "login_refused", method = %method.id, app = %app.id, ?reason);
        let Ok(done) = taken.refuse(reason) else { return Ok(Ending::Unknown) };
        self.store.swap_flow(&done, FLOW_MEMORY).await?;
        Ok(Ending::Refused { reason, flow: Box::new(done) })
    }

    /// Takes the flow for this callback, or waits for the one that has it; `events` are older than `flow`.
    async fn take(
        &self,
        mut flow: Flow,
        mut events: broadcast::Receiver<StoreEvent>,
    ) -> Result<Taken, StoreError> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let id = flow.id.clone();
            match flow.clone().begin_exchange(self.clock.now()) {
                Err(InvalidTransition::Expired) => return Ok(Taken::Gone),
                Err(InvalidTransition::Finished) => return Ok(Taken::Finished(flow)),
                Ok(taken) => {
                    if self.store.swap_flow(&taken, super::FLOW_LIFETIME).await? {
                        return Ok(Taken::Ours(taken));
                    }
                }
                Err(InvalidTransition::InProgress) => loop {
                    match tokio::time::timeout_at(deadline, events.recv()).await {
                        Err(_) => return Ok(Taken::Gone),
                        Ok(Ok(StoreEvent::FlowChanged { flow })) if flow != id => {}
                        Ok(Ok(
                            StoreEvent::SessionEnded { .. }
                            | StoreEvent::AccountChanged { .. }
                            | StoreEvent::NoteChanged { .. },
                        )) => {}
                        Ok(_) => break,
                    }
                },
            }
            match self.store.flow(&id).await? {
                Some(current) => flow = current,
                None => return Ok(Taken::Gone),
            }
        }
    }

    /// Asks WeChat who this is.
    async fn identify(
        &self,
        context: Context<'_>,
        app: &App,
        method: &Method,
        code: &Secret,
    ) -> Result<Identity, FlowRefusal> {
        let failed = |error: &wechat::Error| {
            report(app, error);
            refusal_of(error)
        };
        let token = context
            .wechat
            .exchange_code(app.app_id.as_str(), &app.secret, code)
            .await
            .map_err(|error| failed(&error))?;
        if token.snapshot {
            return Err(FlowRefusal::Snapshot);
        }
        let mut union_id = token.unionid.clone();
        let mut profile = Profile::default();
        let wants_profile = match method.kind {
            MethodKind::WebsiteQr(_) => true,
            // With the silent scope WeChat answers 48001 to a profile call.
            MethodKind::OfficialAccountWeb(scope) => scope == Scope::Userinfo,
        };
        if wants_profile {
            match context.wechat.user_info(&token, wechat::Lang::default()).await {
                Ok(info) if info.snapshot => return Err(FlowRefusal::Snapshot),
                Ok(info) => {
                    union_id = union_id.or(info.unionid);
                    profile = Profile { nickname: info.nickname, avatar: info.avatar };
                }
                // The profile is decoration: WeChat advises to keep it off the critical path. Without a
                // UnionID, though, it may hold what tells a new person from a known one.
                Err(error) if union_id.is_some() => report(app, &error),
                Err(error) => return Err(failed(&error)),
            }
        }
        let union_id = union_id.map(UnionId::new).transpose().map_err(|_| FlowRefusal::WechatUnavailable)?;
        let open_id = OpenId::new(token.openid.clone()).map_err(|_| FlowRefusal::WechatUnavailable)?;
        Ok(Identity { pool: app.pool.clone(), app_id: app.app_id.clone(), open_id, union_id, profile })
    }

    /// Opens the session of a finished login.
    async fn open(
        &self,
        context: Context<'_>,
        flow: Flow,
        browser: &Token,
        account: &Account,
        identity: &Identity,
        visit: &Visit,
    ) -> Result<Ending, StoreError> {
        let now = self.clock.now();
        let token = session_token(browser, &flow);
        let session = Session {
            account: account.id.clone(),
            pool: account.pool.clone(),
            login_id: random_id(&mut rand::rng(), 20),
            method: flow.method.clone(),
            app_id: identity.app_id.clone(),
            open_id: identity.open_id.clone(),
            host: context.host.to_owned(),
            created_at: now,
            last_seen_at: now,
            ip: visit.ip.clone(),
            user_agent: visit.user_agent.as_deref().map(|text| text.chars().take(200).collect()),
        };
        let ttl = context.rules.policy.time_to_live(now, now, now);
        self.store.put_session(&token.digest(), &session, ttl).await?;
        let Ok(done) = flow.sign_in(account.id.clone()) else { return Ok(Ending::Unknown) };
        if !self.store.swap_flow(&done, FLOW_MEMORY).await? {
            // Another callback took over because this one was too slow: its outcome counts, not ours.
            self.store.delete_sessions(&[token.digest()]).await?;
            return Ok(Ending::Unknown);
        }
        if !visit.former.is_empty() {
            self.store.delete_sessions(&visit.former).await?;
        }
        tracing::info!(
            target: "audit", event = "login", account = %account.id, method = %session.method,
            login = %session.login_id
        );
        Ok(Ending::SignedIn { token, flow: Box::new(done) })
    }

    /// The answer that the first delivery of this callback got.
    async fn answer_again(&self, flow: Flow, browser: &Token) -> Result<Ending, StoreError> {
        match flow.stage {
            crate::domain::Stage::Refused { reason } => Ok(Ending::Refused { reason, flow: Box::new(flow) }),
            crate::domain::Stage::SignedIn { .. } => {
                let token = session_token(browser, &flow);
                // Logged out between the two deliveries: the second must not bring the session back.
                match self.store.session(&token.digest()).await? {
                    Some(_) => Ok(Ending::SignedIn { token, flow: Box::new(flow) }),
                    None => Ok(Ending::Unknown),
                }
            }
            _ => Ok(Ending::Unknown),
        }
    }
}

enum Taken {
    Ours(Flow),
    Finished(Flow),
    Gone,
}

/// The token of the one session that `flow` may yield, computable only with the browser's secret.
fn session_token(browser: &Token, flow: &Flow) -> Token {
    browser.derive("session", format!("{}.{}", flow.id, flow.salt).as_bytes())
}

fn refusal_of(error: &wechat::Error) -> FlowRefusal {
    match error.visitor_kind() {
        VisitorKind::AskAgain | VisitorKind::MustFollow => FlowRefusal::CodeRejected,
        VisitorKind::Unavailable => FlowRefusal::WechatUnavailable,
        VisitorKind::Misconfigured => FlowRefusal::Misconfigured,
        VisitorKind::TooMany => FlowRefusal::WechatBusy,
        VisitorKind::Refused => FlowRefusal::WechatRefused,
    }
}

fn report(app: &App, error: &wechat::Error) {
    let hint = error.operator_hint();
    match error.visitor_kind() {
        VisitorKind::Misconfigured => {
            tracing::error!(app = %app.id, %error, hint, "a WeChat setting is wrong");
        }
        _ => tracing::warn!(app = %app.id, %error, hint, "a WeChat call failed"),
    }
}
