//! From a scanned code to an approved flow: WeChat says who the person is, and, where the operator wants it, the
//! person says yes.
//!
//! Whatever the order of answers, a flow has one outcome: every step is a compare-and-set on it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::callback::refusal_of;
use super::super::directory::{App, Directory};
use super::super::server_tokens::{TokenError, shared};
use super::super::{FLOW_MEMORY, Login, flow_mark, person_mark};
use crate::domain::{
    Flow, FlowId, FlowRefusal, Identity, InvalidTransition, OpenId, Origin, Profile, UnionId,
};
use crate::ground::{Timestamp, Token};
use crate::store::{OnceKey, StoreError};
use crate::wechat::{self, VisitorKind};

/// Waits between the tries to learn who somebody is; nobody's answer waits for them.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(5)];

/// How often a step is tried on a flow that changes meanwhile.
const ROUNDS: usize = 8;

const QUESTION: &str = "confirm";

/// A question to a person: is it you who signs in there?
#[derive(Clone, Debug)]
pub struct Asking {
    /// The host that is signed in to.
    pub host: String,
    /// Whether the person's WeChat is added to the account that is signed in there.
    pub adding: bool,
    /// Where the login was begun.
    pub origin: Origin,
    /// When.
    pub created_at: Timestamp,
}

/// What an answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The browser may go on.
    Approved {
        /// Whether the person's WeChat is added to an account, and nobody is signed in.
        adding: bool,
    },
    /// The browser is told no.
    Rejected {
        /// As above.
        adding: bool,
    },
    /// The question has run out, or was answered before.
    Gone,
    /// WeChat does not say who this is; the question stays open.
    Failed(FlowRefusal),
}

/// What a question is about, as it is kept under its token.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    flow: FlowId,
    app: String,
    open_id: OpenId,
}

impl Login {
    /// Makes the question for who scanned, as long as the flow waits for it; the token goes to their chat alone.
    pub(super) async fn ask(&self, flow: &Flow, app: &App, open_id: OpenId) -> Result<Token, StoreError> {
        let token = Token::generate(&mut rand::rng());
        let question = Question { flow: flow.id.clone(), app: app.id.clone(), open_id };
        let question = serde_json::to_string(&question).expect("a question is plain strings");
        let ttl = flow.expires_at.since(self.clock.now());
        self.store.put_once(&key(&token), &question, ttl).await?;
        Ok(token)
    }

    /// The question that `token` stands for, if it is still open.
    pub async fn asking(&self, token: &Token) -> Result<Option<Asking>, StoreError> {
        let Some(question) = self.question(token).await? else { return Ok(None) };
        let now = self.clock.now();
        let flow = self.store.flow(&question.flow).await?;
        // Whether it can still be answered is tried on a copy.
        let open = |flow: &Flow| flow.clone().reject(&question.open_id, FlowRefusal::Denied, now).is_ok();
        Ok(flow.filter(open).map(|flow| Asking {
            host: flow.return_to.host().to_owned(),
            adding: flow.attach_to.is_some(),
            origin: flow.origin,
            created_at: flow.created_at,
        }))
    }

    /// Takes the answer to a question.
    pub async fn answer(
        &self,
        directory: &Directory,
        wechat: &wechat::Client,
        token: &Token,
        yes: bool,
    ) -> Result<Answered, StoreError> {
        let Some(question) = self.question(token).await? else { return Ok(Answered::Gone) };
        let Some(app) = directory.app(&question.app) else { return Ok(Answered::Gone) };
        let person = match yes {
            false => None,
            true => match self.person(wechat, app, &question.open_id).await {
                Ok(person) => Some(person),
                Err(Nobody::Store(error)) => return Err(error),
                Err(Nobody::Wechat(kind)) => return Ok(Answered::Failed(refusal_of(kind))),
            },
        };
        let step = |flow: Flow| match person.clone() {
            Some(person) => flow.approve(person, self.clock.now()),
            None => flow.reject(&question.open_id, FlowRefusal::Denied, self.clock.now()),
        };
        let done = self.step(&question.flow, step).await?;
        // The flow has its one answer whatever becomes of the question; had it gone first, an error would end both.
        let _ = self.store.take_once(&key(token)).await;
        let who = person_mark(app, question.open_id.as_str());
        tracing::info!(
            target: "audit", event = "scan_answered", app = %app.id, flow = flow_mark(&question.flow), person = who, yes,
            in_time = done.is_ok()
        );
        let adding = |flow: Flow| flow.attach_to.is_some();
        Ok(match done {
            Err(_) => Answered::Gone,
            Ok(flow) if yes => Answered::Approved { adding: adding(flow) },
            Ok(flow) => Answered::Rejected { adding: adding(flow) },
        })
    }

    async fn question(&self, token: &Token) -> Result<Option<Question>, StoreError> {
        let text = self.store.once(&key(token)).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Learns who scanned and lets the browser go on; runs after WeChat has its answer.
    pub(super) async fn approve_after(
        &self,
        wechat: &wechat::Client,
        app: &App,
        id: &FlowId,
        open_id: OpenId,
    ) {
        let mut pauses = PAUSES.into_iter();
        let outcome = loop {
            match self.person(wechat, app, &open_id).await {
                Err(Nobody::Wechat(VisitorKind::Unavailable) | Nobody::Store(_)) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => break Err(FlowRefusal::WechatUnavailable),
                },
                Err(Nobody::Wechat(kind)) => break Err(refusal_of(kind)),
                Ok(person) => break Ok(person),
            }
        };
        let step = |flow: Flow| match outcome.clone() {
            Ok(person) => flow.approve(person, self.clock.now()),
            Err(reason) => flow.reject(&open_id, reason, self.clock.now()),
        };
        let mut pauses = PAUSES.into_iter();
        let written = loop {
            match (self.step(id, step).await, pauses.next()) {
                // WeChat has its answer and will not send the message again.
                (Err(_), Some(pause)) => tokio::time::sleep(pause).await,
                (written, _) => break written,
            }
        };
        match written {
            Ok(Ok(_)) => {}
            Ok(Err(problem)) => tracing::info!(app = %app.id, %problem, "a scan came to nothing"),
            Err(error) => tracing::error!(
                app = %app.id, error = &error as &dyn std::error::Error, "a scan could not be written down"
            ),
        }
    }

    /// Who `open_id` is across apps, as WeChat says.
    async fn person(&self, wechat: &wechat::Client, app: &App, open_id: &OpenId) -> Result<Identity, Nobody> {
        let ask = |token| async move { wechat.follower(&token, open_id.as_str()).await };
        let follower = self.tokens.call(wechat, app, ask).await?;
        if !follower.subscribed {
            // WeChat gives no UnionID then, and without it a known person would look like a new one.
            return Err(Nobody::Wechat(VisitorKind::MustFollow));
        }
        let union_id = follower.unionid.map(UnionId::new).transpose();
        Ok(Identity {
            pool: app.pool.clone(),
            app_id: app.app_id.clone(),
            open_id: open_id.clone(),
            union_id: union_id.map_err(|_| Nobody::Wechat(VisitorKind::Unavailable))?,
            profile: Profile { nickname: follower.nickname, avatar: follower.avatar },
            phone: None,
            email: None,
        })
    }

    /// Moves a flow by `step`, however often others move it meanwhile.
    pub(in crate::login) async fn step(
        &self,
        id: &FlowId,
        step: impl Fn(Flow) -> Result<Flow, InvalidTransition>,
    ) -> Result<Result<Flow, InvalidTransition>, StoreError> {
        for _ in 0..ROUNDS {
            let Some(flow) = self.store.flow(id).await? else { return Ok(Err(InvalidTransition::Expired)) };
            let next = match step(flow) {
                Ok(next) => next,
                Err(problem) => return Ok(Err(problem)),
            };
            let ttl = next.expires_at.since(self.clock.now()).plus(FLOW_MEMORY);
            if self.store.swap_flow(&next, ttl).await? {
                return Ok(Ok(next));
            }
        }
        Err(StoreError::Conflict { doing: "moving on a login that is changing all the time" })
    }
}

/// Why it is not known who somebody is.
enum Nobody {
    Wechat(VisitorKind),
    Store(StoreError),
}

impl From<TokenError> for Nobody {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Store(error) => Self::Store(shared(error)),
            other => Self::Wechat(other.visitor_kind()),
        }
    }
}

fn key(token: &Token) -> OnceKey {
    OnceKey { purpose: QUESTION, digest: token.digest() }
}
