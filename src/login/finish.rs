//! The end of every login that began in a browser: take the flow, find the account, open the session.
//!
//! One request finishes a flow; any other gets the same answer. The session token is derived from the browser's own
//! secret, so it need not be stored to be given again, and nobody but that browser can finish.

use std::time::Duration;

use super::account_links;
use super::account_of::{Outcome, Rules, account_of};
use super::directory::{Directory, Method, MethodKind};
use super::{FLOW_LIFETIME, FLOW_MEMORY, Login, SessionRules, flow_mark};
use crate::domain::{
    Account, Flow, FlowId, FlowRefusal, Identity, InvalidTransition, MethodId, Origin, Policy, Session, Stage,
};
use crate::ground::{Timestamp, Token, TokenDigest, random_id};
use crate::store::StoreError;
use crate::wechat;

/// How long a second request waits for the first to finish; longer than WeChat's own limits.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it waits for news before it looks without any.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What session tokens are derived for.
pub(super) const SESSION: &str = "session";

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

/// How a login ends, or why it does not.
#[derive(Debug)]
pub enum Ending {
    /// A session was opened; its token goes to this browser only.
    SignedIn {
        /// The session token.
        token: Token,
        /// The finished flow.
        flow: Box<Flow>,
    },
    /// The identity was added to the account of who began it; nobody was signed in.
    Attached,
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
    /// Nobody has agreed on the phone yet; somebody still may.
    NotYet {
        /// The flow that waits.
        flow: Box<Flow>,
    },
    /// The browser that began is asked something first.
    Asks {
        /// The flow that keeps the question.
        flow: Box<Flow>,
    },
    /// The account is not among those that were offered; the question stays.
    NotOffered {
        /// The flow that keeps the question.
        flow: Box<Flow>,
    },
    /// Nobody agreed on the phone in time, or the browser did not go on in time.
    Late {
        /// The flow that has run out.
        flow: Box<Flow>,
    },
    /// Not an answer of WeChat's; what is wrong.
    Malformed(&'static str),
}

/// Everything the end of a login works with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Pools, apps and methods.
    pub directory: &'a Directory,
    /// The client for WeChat.
    pub wechat: &'a wechat::Client,
    /// Lifetimes of sessions.
    pub rules: &'a SessionRules,
    /// The host the browser came back to; the session is for it.
    pub host: &'a str,
}

/// What a request that wants to finish a flow finds.
pub(super) enum Taken {
    /// It is the one.
    Ours(Flow),
    /// Another one was.
    Finished(Flow),
    /// Nobody has agreed on the phone yet, or has answered yet what was asked.
    NotYet(Flow),
    /// The other one takes too long, or so many wait that nobody else can.
    Busy,
    /// The flow has run out.
    Gone,
}

impl Visit {
    /// Where a login begins, for the phone that is asked to approve it.
    pub fn origin(&self) -> Origin {
        Origin { ip: self.ip.clone(), user_agent: self.short_user_agent() }
    }

    /// The session that a login opens here.
    pub(super) fn session(
        &self,
        account: &Account,
        method: &MethodId,
        identity: &Identity,
        host: &str,
        now: Timestamp,
    ) -> Session {
        Session {
            account: account.id.clone(),
            pool: account.pool.clone(),
            login_id: random_id(&mut rand::rng(), 20),
            method: method.clone(),
            app_id: identity.app_id.clone(),
            open_id: identity.open_id.clone(),
            host: host.to_owned(),
            created_at: now,
            last_seen_at: now,
            ip: self.ip.clone(),
            user_agent: self.short_user_agent(),
        }
    }

    fn short_user_agent(&self) -> Option<String> {
        self.user_agent.as_deref().map(|text| text.chars().take(200).collect())
    }
}

impl Login {
    /// Signs in the browser that began `id`, if somebody has agreed to it on a phone.
    pub async fn finish(
        &self,
        context: Context<'_>,
        id: &FlowId,
        visit: &Visit,
    ) -> Result<Ending, StoreError> {
        let (flow, browser) = match self.own_flow(id, visit).await? {
            Ok(own) => own,
            Err(ending) => return Ok(ending),
        };
        let Some(method) = context.directory.method(&flow.method).filter(|method| {
            // The others end with a code, or in a client that has no browser.
            matches!(method.kind, MethodKind::OfficialAccountScan(_) | MethodKind::MiniProgramScan(_))
        }) else {
            return Ok(Ending::Unknown);
        };
        let late = self.clock.now() >= flow.expires_at;
        match flow.stage {
            Stage::Waiting | Stage::Scanned { .. } | Stage::Approved { .. } if late => {
                return Ok(Ending::Late { flow: Box::new(flow) });
            }
            Stage::Waiting | Stage::Scanned { .. } => return Ok(Ending::NotYet { flow: Box::new(flow) }),
            _ => {}
        }
        let taken = match self.take(flow).await? {
            Taken::Ours(flow) => flow,
            Taken::Finished(flow) | Taken::NotYet(flow) => return self.answer_again(flow, browser).await,
            Taken::Busy | Taken::Gone => return Ok(Ending::Unknown),
        };
        let Stage::Exchanging { approved: Some(identity), .. } = &taken.stage else {
            return Ok(Ending::Unknown);
        };
        let identity = Identity::clone(identity);
        self.conclude(context, taken, browser, method, Ok(identity), visit).await
    }

    /// The flow `id`, and the secret of the browser that began it, if that is who asks.
    pub(super) async fn own_flow<'v>(
        &self,
        id: &FlowId,
        visit: &'v Visit,
    ) -> Result<Result<(Flow, &'v Token), Ending>, StoreError> {
        let Some(flow) = self.store.flow(id).await? else { return Ok(Err(Ending::Unknown)) };
        let browser = visit.browser.as_ref().filter(|token| flow.browser.matches(token));
        Ok(browser.map(|browser| (flow, browser)).ok_or(Ending::Foreign))
    }

    /// Takes the flow for this request, or waits for the one that has it.
    pub(super) async fn take(&self, mut flow: Flow) -> Result<Taken, StoreError> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let id = flow.id.clone();
        let mut watching = None;
        loop {
            match flow.clone().begin_exchange(self.clock.now()) {
                Err(InvalidTransition::Finished) => return Ok(Taken::Finished(flow)),
                Err(InvalidTransition::Expired) => return Ok(Taken::Gone),
                Err(
                    InvalidTransition::NotApproved
                    | InvalidTransition::NotOffered
                    | InvalidTransition::Taken
                    | InvalidTransition::CodeSpent(_)
                    | InvalidTransition::TooSoon { .. },
                ) => return Ok(Taken::NotYet(flow)),
                Ok(taken) => {
                    if self.store.swap_flow(&taken, FLOW_LIFETIME).await? {
                        return Ok(Taken::Ours(taken));
                    }
                }
                Err(InvalidTransition::InProgress) => match &mut watching {
                    // Waiting begins before the next look: a flow that finishes in between would be waited for
                    // in vain.
                    None => match self.watch.watch(&id) {
                        Ok(begun) => watching = Some(begun),
                        Err(_) => return Ok(Taken::Busy),
                    },
                    Some(watching) => match tokio::time::timeout(LOOK_AGAIN, watching.changed()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return Ok(Taken::Busy),
                        // The news may be what is broken.
                        Err(_) if tokio::time::Instant::now() < deadline => {}
                        Err(_) => return Ok(Taken::Busy),
                    },
                },
            }
            match self.store.flow(&id).await? {
                Some(current) => flow = current,
                None => return Ok(Taken::Gone),
            }
        }
    }

    /// From what WeChat said to the end of the flow.
    pub(super) async fn conclude(
        &self,
        context: Context<'_>,
        taken: Flow,
        browser: &Token,
        method: &Method,
        identity: Result<Identity, FlowRefusal>,
        visit: &Visit,
    ) -> Result<Ending, StoreError> {
        let reason = match identity {
            Err(reason) => reason,
            Ok(identity) if taken.attach_to.is_some() => {
                match self.attach_here(context, &taken, &identity, visit).await? {
                    None => return self.close_attached(taken, browser).await,
                    Some(reason) => reason,
                }
            }
            Ok(identity) => {
                let pool = context.directory.pool(&identity.pool);
                let rules = Rules {
                    // Whoever was asked and wants a new account is asked no more.
                    policy: match taken.stage {
                        Stage::Chosen { account: None, .. } => Policy::CREATE,
                        _ => method.policy,
                    },
                    on_conflict: pool.map(|pool| pool.on_conflict).unwrap_or_default(),
                };
                let now = self.clock.now();
                match account_of(&*self.store, &identity, &method.id, rules, now).await? {
                    Outcome::Account(account) => {
                        let account =
                            account_links::keep_phone(&*self.store, *account, identity.phone.as_ref(), now)
                                .await?;
                        self.note_told_phone(&account, identity.phone.as_ref()).await?;
                        return self.open(context, taken, browser, &account, &identity, visit).await;
                    }
                    Outcome::Asks(question) => {
                        return self.ask_first(taken, browser, method, question.of(identity)).await;
                    }
                    Outcome::Refused(refusal) => refusal.into(),
                }
            }
        };
        tracing::info!(target: "audit", event = "login_refused", method = %method.id, app = %method.app, flow = flow_mark(&taken.id), ?reason);
        let Ok(done) = taken.refuse(reason) else { return Ok(Ending::Unknown) };
        self.store.swap_flow(&done, FLOW_MEMORY).await?;
        Ok(Ending::Refused { reason, flow: Box::new(done) })
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
        let session = visit.session(account, &flow.method, identity, context.host, now);
        if !self.open_session(&token.digest(), &session, identity, context.rules).await? {
            // Beginning again, they are a stranger.
            return Ok(Ending::Unknown);
        }
        let Ok(done) = flow.sign_in(account.id.clone()) else { return Ok(Ending::Unknown) };
        if !self.store.swap_flow(&done, FLOW_MEMORY).await? {
            // Another request took over because this one was too slow: its outcome counts, not ours.
            return match self.store.flow(&done.id).await? {
                // It opened the same session, because the token is derived.
                Some(flow) if matches!(flow.stage, Stage::SignedIn { .. }) => {
                    self.answer_again(flow, browser).await
                }
                // It is about to, with the same token for the same account: the answer was sent twice.
                Some(flow) if matches!(flow.stage, Stage::Chosen { .. }) => {
                    Ok(Ending::SignedIn { token, flow: Box::new(flow) })
                }
                _ => {
                    self.store.delete_sessions(&[token.digest()]).await?;
                    Ok(Ending::Unknown)
                }
            };
        }
        if !visit.former.is_empty() {
            self.store.delete_sessions(&visit.former).await?;
        }
        tracing::info!(
            target: "audit", event = "login", account = %account.id, method = %session.method,
            login = %session.login_id, flow = flow_mark(&done.id)
        );
        Ok(Ending::SignedIn { token, flow: Box::new(done) })
    }

    /// The answer that the first request got.
    pub(super) async fn answer_again(&self, flow: Flow, browser: &Token) -> Result<Ending, StoreError> {
        match flow.stage {
            Stage::Refused { reason } => Ok(Ending::Refused { reason, flow: Box::new(flow) }),
            Stage::SignedIn { .. } => {
                let token = session_token(browser, &flow);
                // Logged out between the two deliveries: the second must not bring the session back.
                match self.store.session(&token.digest()).await? {
                    Some(_) => Ok(Ending::SignedIn { token, flow: Box::new(flow) }),
                    None => Ok(Ending::Unknown),
                }
            }
            Stage::Attached => Ok(Ending::Attached),
            Stage::Choosing { .. } | Stage::Binding { .. } => Ok(Ending::Asks { flow: Box::new(flow) }),
            _ => Ok(Ending::Unknown),
        }
    }
}

/// The token of the one session that `flow` may yield, computable only with the browser's secret.
fn session_token(browser: &Token, flow: &Flow) -> Token {
    browser.derive(SESSION, session_salt(flow).as_bytes())
}

/// What the token of the one session that `flow` may yield is derived with, besides a secret of who began it.
pub(super) fn session_salt(flow: &Flow) -> String {
    format!("{}.{}", flow.id, flow.salt)
}
