//! A login that asks the browser that began it: which of several accounts, or to prove one.
//!
//! The flow keeps the question; only who began it is asked. Nobody is signed in before the answer.

use super::directory::Method;
use super::finish::{Context, Ending, Taken, Visit};
use super::{FLOW_LIFETIME, FLOW_MEMORY, Login, flow_mark};
use crate::domain::{Account, Flow, FlowId, Proof, Stage};
use crate::ground::{Timestamp, Token};
use crate::store::StoreError;

/// What is asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// Several accounts fit: which is it to be?
    Choose(Vec<Account>),
    /// Nobody is known by this identity.
    Bind(Unbound),
}

/// What somebody can do whom no account answers to.
#[derive(Clone, Debug)]
pub struct Unbound {
    /// How an account may be proven, in the order in which it is offered.
    pub proofs: Vec<Proof>,
    /// Whether a new one may be made.
    pub may_create: bool,
    /// The code that was sent last, if any is left to be tried.
    pub sent: Option<Sent>,
}

/// A code that was sent; or would have been, if somebody held the address.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Where it went, with its middle hidden.
    pub to: String,
    /// When another may be sent.
    pub next_at: Timestamp,
}

/// A question that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    /// The flow that keeps it.
    pub flow: Flow,
    /// What is asked.
    pub question: Question,
}

impl Asked {
    /// As an end of a request: the browser is led to the page that asks.
    pub fn into_ending(self) -> Ending {
        Ending::Asks { flow: Box::new(self.flow) }
    }
}

impl Login {
    /// What the browser that began `id` is asked; or what became of the login if it is asked nothing.
    pub async fn asked(
        &self,
        context: Context<'_>,
        id: &FlowId,
        visit: &Visit,
    ) -> Result<Result<Asked, Ending>, StoreError> {
        let (flow, browser) = match self.own_flow(id, visit).await? {
            Ok(own) => own,
            Err(ending) => return Ok(Err(ending)),
        };
        let Some(method) = context.directory.method(&flow.method) else { return Ok(Err(Ending::Unknown)) };
        match self.question_of(method, &flow).await? {
            None => self.answer_again(flow, browser).await.map(Err),
            Some(_) if self.now() >= flow.expires_at => Ok(Err(Ending::Late { flow: Box::new(flow) })),
            Some(question) => Ok(Ok(Asked { flow, question })),
        }
    }

    /// What `flow` asks, if it asks anything.
    pub(super) async fn question_of(
        &self,
        method: &Method,
        flow: &Flow,
    ) -> Result<Option<Question>, StoreError> {
        Ok(match &flow.stage {
            Stage::Choosing { accounts, .. } => {
                let accounts = self.store.accounts(accounts).await?;
                Some(Question::Choose(accounts.into_iter().flatten().collect()))
            }
            Stage::Binding { may_create, code, .. } => Some(Question::Bind(Unbound {
                proofs: method.proofs.clone(),
                may_create: *may_create,
                sent: code
                    .as_ref()
                    .filter(|code| code.can_be_tried(self.now()))
                    .map(|code| Sent { to: code.to.masked(), next_at: code.next_at() }),
            })),
            _ => None,
        })
    }

    /// What became of a login that another request is finishing, or has finished.
    pub(super) async fn outcome(&self, id: &FlowId, browser: &Token) -> Result<Ending, StoreError> {
        let Some(flow) = self.store.flow(id).await? else { return Ok(Ending::Unknown) };
        match self.take(flow).await? {
            Taken::Finished(flow) | Taken::NotYet(flow) => self.answer_again(flow, browser).await,
            Taken::Ours(_) | Taken::Busy | Taken::Gone => Ok(Ending::Unknown),
        }
    }

    /// Keeps a question; the flow is this request's.
    pub(super) async fn ask_first(
        &self,
        taken: Flow,
        browser: &Token,
        method: &Method,
        question: Stage,
    ) -> Result<Ending, StoreError> {
        let until = self.now().plus(FLOW_LIFETIME);
        let Ok(asked) = taken.ask(question, until) else { return Ok(Ending::Unknown) };
        if !self.store.swap_flow(&asked, FLOW_LIFETIME.plus(FLOW_MEMORY)).await? {
            // Another request took over because this one was too slow.
            return match self.store.flow(&asked.id).await? {
                Some(flow) => self.answer_again(flow, browser).await,
                None => Ok(Ending::Unknown),
            };
        }
        tracing::info!(target: "audit", event = "login_asks", method = %method.id, flow = flow_mark(&asked.id));
        self.answer_again(asked, browser).await
    }
}
