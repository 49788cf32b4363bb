//! `choose`: where several accounts fit, the browser that began the login is asked which it is to be.
//!
//! The page opens nothing; only what it offered is accepted, once, from the browser that was asked.

use axum::extract::{Form, Query, State};
use serde::Deserialize;

use super::answer::Answer;
use super::visitor::Visitor;
use super::{Portal, callback};
use crate::domain::{Account, AccountId, Flow, FlowId, email, phone};
use crate::ground::Timestamp;
use crate::login::choice::Question;
use crate::login::finish::Context;
use crate::pages::{self, Choice, ErrorCode, Page};

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    flow: String,
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
    let id = FlowId::new(which.flow).map_err(|_| visitor.refuse(ErrorCode::FlowExpired))?;
    portal.throttle.check_flow(&id).map_err(|seconds| visitor.too_many(seconds))?;
    let question = portal.login.choice(&id, &visitor.visit()).await;
    match question.map_err(|error| visitor.refuse(error))? {
        Ok(question) => Ok(visitor.page(&Page::Choose(page(&visitor, &question)))),
        Err(ending) => callback::leave(&portal, &visitor, ending).await,
    }
}

/// `POST choose`.
pub(super) async fn answer(
    State(portal): State<Portal>,
    visitor: Visitor,
    Form(answered): Form<Answered>,
) -> Answer {
    let id = FlowId::new(answered.flow).map_err(|_| visitor.refuse(ErrorCode::FlowExpired))?;
    portal.throttle.check_flow(&id).map_err(|seconds| visitor.too_many(seconds))?;
    let account = AccountId::new(answered.account);
    let account = account.map_err(|_| visitor.refuse(ErrorCode::AccountNotOffered))?;
    let (here, listener) = (portal.clone(), visitor.clone());
    // What has begun is finished whether or not the browser stays to listen.
    let work = async move {
        let snapshot = &visitor.snapshot;
        let context = Context {
            directory: &snapshot.directory,
            wechat: &snapshot.wechat,
            rules: &snapshot.sessions,
            host: &visitor.host,
        };
        let ending = portal.login.choose_account(context, &id, &account, &visitor.visit()).await;
        callback::leave(&portal, &visitor, ending.map_err(|error| visitor.refuse(error))?).await
    };
    here.see_through(listener, work).await
}

/// The address of the question that `flow` keeps.
pub(super) fn path(visitor: &Visitor, flow: &Flow) -> String {
    visitor.own(&format!("choose?flow={}", flow.id))
}

fn page(visitor: &Visitor, question: &Question) -> pages::Choose {
    pages::Choose {
        action: visitor.own("choose"),
        flow: question.flow.id.to_string(),
        accounts: question.accounts.iter().map(|account| choice(account, visitor.now)).collect(),
        again_href: callback::again(visitor, Some(&question.flow), None),
    }
}

fn choice(account: &Account, now: Timestamp) -> Choice {
    const DAY: u64 = 24 * 60 * 60;
    Choice {
        id: account.id.to_string(),
        name: account.profile.nickname.clone().or_else(|| account.username.clone()),
        avatar: account.profile.avatar.clone(),
        phone: account.phone.as_ref().map(|contact| phone::mask(&contact.value)),
        email: account.email.as_ref().map(|contact| email::mask(&contact.value)),
        last_days_ago: account.last_login.as_ref().map(|last| now.since(last.at).secs() / DAY),
    }
}
