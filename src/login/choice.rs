//! Several accounts fit one person, and the browser that was asked has chosen.
//!
//! Only what was offered is taken, once. The choice is remembered for the identity, so that it is asked once.

use super::account_links;
use super::finish::{Context, Ending, Visit};
use super::{FLOW_LIFETIME, FLOW_MEMORY, Login, flow_mark};
use crate::domain::{AccountId, FlowId, Identity, InvalidTransition, Stage};
use crate::store::StoreError;

impl Login {
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
}
