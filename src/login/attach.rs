//! The end of a login that was begun on somebody's account page: the WeChat is added to their account.
//!
//! Nobody is signed in by it. It counts only in a browser that is, at its end as at its beginning, logged in to that
//! very account, so that nobody adds their WeChat to somebody else's account or somebody else's to theirs.

use super::account_links::{self, Attached};
use super::finish::{Context, Ending, Visit};
use super::sessions::Presence;
use super::{FLOW_MEMORY, Login, flow_mark};
use crate::domain::{AccountId, Flow, FlowRefusal, Identity, Stage};
use crate::ground::Token;
use crate::store::StoreError;

impl Login {
    /// Adds `identity` to the account that the flow is meant for; says why not.
    pub(super) async fn attach_here(
        &self,
        context: Context<'_>,
        flow: &Flow,
        identity: &Identity,
        visit: &Visit,
    ) -> Result<Option<FlowRefusal>, StoreError> {
        let Some(owner) = &flow.attach_to else { return Ok(Some(FlowRefusal::OwnerGone)) };
        if !self.is_logged_in(context, owner, visit).await? {
            return Ok(Some(FlowRefusal::OwnerGone));
        }
        let account = match account_links::attach(&*self.store, owner, identity, self.now()).await? {
            Attached::Done(account) => account,
            Attached::Taken => return Ok(Some(FlowRefusal::IdentityTaken)),
            Attached::HasAnother => return Ok(Some(FlowRefusal::HasAnother)),
            Attached::NoAccount => return Ok(Some(FlowRefusal::AccountDisabled)),
        };
        tracing::info!(
            target: "audit", event = "attached", account = %account.id, method = %flow.method, flow = flow_mark(&flow.id)
        );
        account_links::keep_first_phone(&*self.store, *account, identity.phone.as_ref(), self.now()).await?;
        Ok(None)
    }

    /// Whether the browser holds a live session of `owner` on the host it came back to.
    async fn is_logged_in(
        &self,
        context: Context<'_>,
        owner: &AccountId,
        visit: &Visit,
    ) -> Result<bool, StoreError> {
        let mut unknown = false;
        for digest in &visit.former {
            match self.sessions.find(digest, context.host, context.rules, self.now()).await {
                Presence::Known(known) if known.account_id() == owner.as_str() => return Ok(true),
                Presence::StoreDown => unknown = true,
                Presence::Known(_) | Presence::Stranger | Presence::Expired => {}
            }
        }
        if unknown {
            let source = "a session could not be looked up".into();
            return Err(StoreError::Unavailable { doing: "looking for who adds a WeChat", source });
        }
        Ok(false)
    }

    /// Writes the end of a flow that has added its identity.
    pub(super) async fn close_attached(&self, taken: Flow, browser: &Token) -> Result<Ending, StoreError> {
        let Ok(done) = taken.attach() else { return Ok(Ending::Unknown) };
        if self.store.swap_flow(&done, FLOW_MEMORY).await? {
            return Ok(Ending::Attached);
        }
        // Another request took over because this one was too slow: its outcome counts.
        match self.store.flow(&done.id).await? {
            Some(flow) if matches!(flow.stage, Stage::Exchanging { .. }) => Ok(Ending::Attached),
            Some(flow) => self.answer_again(flow, browser).await,
            None => Ok(Ending::Unknown),
        }
    }
}
