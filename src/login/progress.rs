//! How far a login is, for the page that waits for it.
//!
//! Only the browser that began the flow learns anything; it learns neither who scanned nor the value in the code.

use super::{Login, NotWatching, Watching};
use crate::domain::{Flow, FlowId, FlowRefusal, Stage};
use crate::ground::{Span, Timestamp, Token};
use crate::store::StoreError;

/// How far a login is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has scanned the code.
    Waiting,
    /// Somebody has; they have yet to agree, or WeChat to say who they are.
    Scanned {
        /// Their nickname, if known.
        name: Option<String>,
        /// Their picture, if known.
        avatar: Option<String>,
    },
    /// The browser may go on: to a session, or to a page that says why there is none.
    Approved,
    /// They said no.
    Refused,
    /// Too late.
    Expired,
}

/// What a look at a flow comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// How far it is, and for how long it can still go on.
    Flow(Progress, Span),
    /// There is no such flow any more.
    Unknown,
    /// Another browser began it.
    Foreign,
}

impl Progress {
    /// How far `flow` is at `now`.
    pub fn of(flow: &Flow, now: Timestamp) -> Self {
        match &flow.stage {
            Stage::SignedIn { .. } | Stage::Attached => Self::Approved,
            Stage::Refused { reason: FlowRefusal::Denied } => Self::Refused,
            // The reason deserves a page of its own.
            Stage::Refused { .. } => Self::Approved,
            _ if now >= flow.expires_at => Self::Expired,
            Stage::Waiting => Self::Waiting,
            Stage::Scanned { profile, .. } => {
                Self::Scanned { name: profile.nickname.clone(), avatar: profile.avatar.clone() }
            }
            Stage::Approved { .. }
            | Stage::Exchanging { .. }
            | Stage::Choosing { .. }
            | Stage::Binding { .. }
            | Stage::Chosen { .. } => Self::Approved,
        }
    }

    /// Whether nothing more will happen while the page waits.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Approved | Self::Refused | Self::Expired)
    }
}

impl Login {
    /// How far the flow is that `browser` began.
    pub async fn progress(&self, id: &FlowId, browser: Option<&Token>) -> Result<Seen, StoreError> {
        let Some(flow) = self.store.flow(id).await? else { return Ok(Seen::Unknown) };
        if !browser.is_some_and(|token| flow.browser.matches(token)) {
            return Ok(Seen::Foreign);
        }
        let now = self.clock.now();
        Ok(Seen::Flow(Progress::of(&flow, now), flow.expires_at.since(now)))
    }

    /// Begins to wait for changes of a flow. Look at it afterwards, so that nothing is missed in between.
    pub fn wait_for(&self, id: &FlowId) -> Result<Watching, NotWatching> {
        self.watch.watch(id)
    }

    /// Whether changes are heard of at present; while they are not, look now and then.
    pub fn hears_news(&self) -> bool {
        self.store.events_flow()
    }
}
