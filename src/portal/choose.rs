//! `choose`: where several accounts fit, the browser that began the login is asked which it is to be.
//!
//! The page opens nothing; only what it offered is accepted, once, from the browser that was asked.

use axum::extract::{Form, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::answer::Answer;
use super::origin::only_from_here;
use super::visitor::Visitor;
use super::{Portal, bind, callback};
use crate::domain::{Account, AccountId, Flow, FlowId, Stage, email, phone};
use crate::ground::Timestamp;
use crate::login::Ending;
use crate::login::question::{Asked, Question};
use crate::pages::{self, Choice, ErrorCode, Page};

/// Which login a page asks about.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    flow: String,
}

impl From<String> for Which {
    fn from(flow: String) -> Self {
        Self { flow }
    }
}

impl Which {
    /// The flow, unless it is asked about too often.
    pub(super) fn flow(self, portal: &Portal, visitor: &Visitor) -> Result<FlowId, Response> {
        let id = FlowId::new(self.flow).map_err(|_| visitor.refuse(ErrorCode::FlowExpired))?;
        portal.throttle.check_flow(&id).map_err(|seconds| visitor.too_many(seconds))?;
        Ok(id)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Answered {
    #[serde(default)]
    flow: String,
    #[serde(default)]
    account: String,
}

/// `GET choose`.
pub(super) async fn ask(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(which): Query<Which>,
) -> Answer {
    let id = which.flow(&portal, &visitor)?;
    match question(&portal, &visitor, &id).await? {
        Ok(Asked { flow, question: Question::Choose(accounts) }) => {
            Ok(visitor.page(&Page::Choose(page(&visitor, &flow, &accounts))))
        }
        Ok(asked) => callback::leave(&portal, &visitor, asked.into_ending()).await,
        Err(ending) => callback::leave(&portal, &visitor, ending).await,
    }
}

/// What the browser is asked about the login `id`, or what became of that.
pub(super) async fn question(
    portal: &Portal,
    visitor: &Visitor,
    id: &FlowId,
) -> Result<Result<Asked, Ending>, Response> {
    let asked = portal.login.asked(visitor.context(), id, &visitor.visit()).await;
    asked.map_err(|error| visitor.refuse(error))
}

/// `POST choose`.
pub(super) async fn answer(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(answered): Form<Answered>,
) -> Answer {
    only_from_here(&headers, &visitor)?;
    let id = Which::from(answered.flow).flow(&portal, &visitor)?;
    let account = AccountId::new(answered.account);
    let account = account.map_err(|_| visitor.refuse(ErrorCode::AccountNotOffered))?;
    let (here, listener) = (portal.clone(), visitor.clone());
    // What has begun is finished whether or not the browser stays to listen.
    let work = async move {
        let ending = portal.login.choose_account(visitor.context(), &id, &account, &visitor.visit()).await;
        callback::leave(&portal, &visitor, ending.map_err(|error| visitor.refuse(error))?).await
    };
    here.see_through(listener, work).await
}

/// The address of the question that `flow` keeps.
pub(super) fn path(visitor: &Visitor, flow: &Flow) -> String {
    match flow.stage {
        Stage::Binding { .. } => bind::path(visitor, &flow.id),
        _ => visitor.own(&format!("choose?flow={}", flow.id)),
    }
}

fn page(visitor: &Visitor, flow: &Flow, accounts: &[Account]) -> pages::Choose {
    pages::Choose {
        action: visitor.own("choose"),
        flow: flow.id.to_string(),
        accounts: accounts.iter().map(|account| choice(account, visitor.now)).collect(),
        again_href: callback::again(visitor, Some(flow), None),
    }
    .told_apart()
}

fn choice(account: &Account, now: Timestamp) -> Choice {
    const DAY: u64 = 24 * 60 * 60;
    Choice {
        id: account.id.to_string(),
        name: account.profile.nickname.clone().or_else(|| account.username.clone()),
        username: account.username.clone().filter(|_| account.profile.nickname.is_some()),
        avatar: account.profile.picture().map(str::to_owned),
        phone: account.phone.as_ref().map(|contact| phone::mask(&contact.value)),
        email: account.email.as_ref().map(|contact| email::mask(&contact.value)),
        last_days_ago: account.last_login.as_ref().map(|last| now.since(last.at).secs() / DAY),
        has_twin: false,
    }
}
