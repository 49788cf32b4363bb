//! Several accounts fit one person: a browser is asked which it is to be.
//!
//! Only the browser that began the login is asked, and only what was offered is taken. Nobody is signed in before that.

use super::account_links;
use super::directory::Method;
use super::finish::{Context, Ending, Taken, Visit};
use super::{FLOW_LIFETIME, FLOW_MEMORY, Login, flow_mark};
use crate::domain::{Account, AccountId, Flow, FlowId, Identity, InvalidTransition, Stage};
use crate::ground::Token;
use crate::store::StoreError;

/// A question that waits for an answer.
#[derive(Debug)]
pub struct Question {
    /// The flow that keeps it.
    pub flow: Flow,
    /// What can be chosen.
    pub accounts: Vec<Account>,
}

impl Login {
    /// What the browser that began `id` is asked; or what became of the login if it is asked nothing.
    pub async fn choice(&self, id: &FlowId, visit: &Visit) -> Result<Result<Question, Ending>, StoreError> {
        let (flow, browser) = match self.own_flow(id, visit).await? {
            Ok(own) => own,
            Err(ending) => return Ok(Err(ending)),
        };
        let Stage::Choosing { accounts, .. } = &flow.stage else {
            return self.answer_again(flow, browser).await.map(Err);
        };
        if self.now() >= flow.expires_at {
            return Ok(Err(Ending::Late { flow: Box::new(flow) }));
        }
        let accounts = self.store.accounts(accounts).await?.into_iter().flatten().collect();
        Ok(Ok(Question { flow, accounts }))
    }

    /// Takes the answer of the browser that began `id`, and signs it in.
    pub async fn choose_account(
        &self,
        context: Context<'_>,
        id: &FlowId,
        account: &AccountId,
        visit: &Visit,
    ) -> Result<Ending, StoreError> {
        let (flow, browser) = match self.own_flow(id, visit).await? {
            Ok(own) => own,
            Err(ending) => return Ok(ending),
        };
        let Some(method) = context.directory.method(&flow.method) else { return Ok(Ending::Unknown) };
        let asked = flow.clone();
        let taken = match flow.choose(account, self.now()) {
            Ok(taken) => taken,
            Err(problem) => {
                tracing::warn!(target: "audit", event = "choice_refused", flow = flow_mark(id), %problem);
                return match problem {
                    InvalidTransition::Expired => Ok(Ending::Late { flow: Box::new(asked) }),
                    InvalidTransition::NotOffered => Ok(Ending::NotOffered { flow: Box::new(asked) }),
                    _ => self.outcome(id, browser).await,
                };
            }
        };
        let Stage::Chosen { identity, .. } = &taken.stage else { return Ok(Ending::Unknown) };
        let identity = Identity::clone(identity);
        if !self.store.swap_flow(&taken, FLOW_LIFETIME.plus(FLOW_MEMORY)).await? {
            // Another tab has answered at the same moment; its answer counts.
            return self.outcome(id, browser).await;
        }
        account_links::remember_choice(&*self.store, &identity, account).await?;
        self.conclude(context, taken, browser, method, Ok(identity), visit).await
    }

    /// What became of a login that another request is finishing, or has finished.
    async fn outcome(&self, id: &FlowId, browser: &Token) -> Result<Ending, StoreError> {
        let Some(flow) = self.store.flow(id).await? else { return Ok(Ending::Unknown) };
        match self.take(flow).await? {
            Taken::Finished(flow) | Taken::NotYet(flow) => self.answer_again(flow, browser).await,
            Taken::Ours(_) | Taken::Busy | Taken::Gone => Ok(Ending::Unknown),
        }
    }

    /// Keeps the question which account it is to be; the flow is this request's.
    pub(super) async fn offer(
        &self,
        taken: Flow,
        browser: &Token,
        method: &Method,
        identity: Identity,
        accounts: Vec<AccountId>,
    ) -> Result<Ending, StoreError> {
        let until = self.now().plus(FLOW_LIFETIME);
        let Ok(asked) = taken.ask(identity, accounts, until) else { return Ok(Ending::Unknown) };
        if !self.store.swap_flow(&asked, FLOW_LIFETIME.plus(FLOW_MEMORY)).await? {
            // Another request took over because this one was too slow.
            return match self.store.flow(&asked.id).await? {
                Some(flow) => self.answer_again(flow, browser).await,
                None => Ok(Ending::Unknown),
            };
        }
        tracing::info!(target: "audit", event = "login_asks", method = %method.id, flow = flow_mark(&asked.id));
        Ok(Ending::Choose { flow: Box::new(asked) })
    }
}
