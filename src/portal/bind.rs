//! `bind`: somebody whom no account answers to proves one of theirs, or has one made.
//!
//! The page opens nothing; its forms count only from the browser that was asked. An answer never tells whether an
//! account exists.

use axum::extract::{Form, Query, State};
use serde::Deserialize;

use super::answer::{Answer, Refused};
use super::choose::{Which, question};
use super::deliver::Courier;
use super::visitor::Visitor;
use super::{Portal, callback};
use crate::domain::{FlowId, InvalidTransition, Proof};
use crate::ground::Secret;
use crate::login::binding::{BindError, Claim, Claimed};
use crate::login::question::{Asked, Question, Unbound};
use crate::pages::{self, ErrorCode, Page};

/// What the forms of the page post.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Answered {
    flow: String,
    r#do: String,
    name: String,
    password: Secret,
    to: String,
    code: Secret,
}

/// `GET bind`.
pub(super) async fn ask(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(which): Query<Which>,
) -> Answer {
    let id = which.flow(&portal, &visitor)?;
    show(&portal, &visitor, &id, None, String::new()).await
}

/// `POST bind`.
pub(super) async fn answer(
    State(portal): State<Portal>,
    visitor: Visitor,
    Form(answered): Form<Answered>,
) -> Answer {
    let id = Which::from(answered.flow).flow(&portal, &visitor)?;
    let (name, send) = (answered.name.clone(), |proof| (proof, answered.to.clone()));
    let claim = match answered.r#do.as_str() {
        "new" => Claim::New,
        "password" => Claim::Password { name: answered.name, password: answered.password },
        "code" => Claim::Code(answered.code),
        "email_code" => return send_code(&portal, &visitor, &id, send(Proof::EmailCode)).await,
        "sms_code" => return send_code(&portal, &visitor, &id, send(Proof::SmsCode)).await,
        _ => return Err(visitor.refuse(Refused::Code(ErrorCode::BadRequest, Some("`do` is missing".into())))),
    };
    let (here, listener) = (portal.clone(), visitor.clone());
    // What has begun is finished whether or not the browser stays to listen.
    let work = async move {
        let claimed = portal.login.bind_browser(visitor.context(), &id, claim, &visitor.visit()).await;
        match claimed.map_err(|error| visitor.refuse(error))? {
            Claimed::Ended(ending) => callback::leave(&portal, &visitor, *ending).await,
            Claimed::Again(problem) => show(&portal, &visitor, &id, Some(problem), name).await,
        }
    };
    here.see_through(listener, work).await
}

/// Sends a code, and shows where it can be typed in.
async fn send_code(portal: &Portal, visitor: &Visitor, id: &FlowId, (proof, to): (Proof, String)) -> Answer {
    let courier = Courier::new(visitor, "bind");
    let sent =
        portal.login.send_code_for(visitor.context(), id, (proof, &to), courier, &visitor.visit()).await;
    match sent.map_err(|error| visitor.refuse(error))? {
        // A reload of what comes then sends nothing.
        None => Ok(visitor.go_own(&visitor.host, &path(visitor, id))),
        Some(Claimed::Ended(ending)) => callback::leave(portal, visitor, *ending).await,
        Some(Claimed::Again(problem)) => show(portal, visitor, id, Some(problem), String::new()).await,
    }
}

/// The page, or what became of the login if it is asked nothing.
async fn show(
    portal: &Portal,
    visitor: &Visitor,
    id: &FlowId,
    problem: Option<BindError>,
    name: String,
) -> Answer {
    let asked = match question(portal, visitor, id).await? {
        Ok(asked) => asked,
        Err(ending) => return callback::leave(portal, visitor, ending).await,
    };
    let Asked { flow, question: Question::Bind(unbound) } = asked else {
        return callback::leave(portal, visitor, asked.into_ending()).await;
    };
    let trouble = match problem {
        None => None,
        Some(problem) => Some(trouble(problem).map_err(|refused| visitor.refuse(refused))?),
    };
    let (code, wait) = trouble.unzip();
    let Unbound { proofs, may_create, sent } = unbound;
    let page = Page::Bind(pages::Bind {
        action: visitor.own("bind"),
        flow: flow.id.to_string(),
        may_create,
        proofs: proofs.into_iter().map(Proof::as_str).collect(),
        sent_to: sent.map(|sent| sent.to),
        name,
        trouble: code,
        wait_secs: wait.flatten(),
        again_href: callback::again(visitor, Some(&flow), None),
    });
    Ok(visitor.page(&page))
}

/// What was wrong, and in how many seconds the next try is possible where that is it.
pub(super) fn trouble(problem: BindError) -> Result<(ErrorCode, Option<u64>), Refused> {
    let code = match problem {
        BindError::Store(error) => return Err(Refused::Store(error)),
        BindError::Locked { seconds } => return Ok((ErrorCode::Locked, Some(seconds))),
        BindError::Step(InvalidTransition::TooSoon { seconds }) => {
            return Ok((ErrorCode::CodeTooSoon, Some(seconds)));
        }
        BindError::Step(InvalidTransition::CodeSpent(_)) => ErrorCode::CodeExpired,
        BindError::Step(InvalidTransition::NotOffered) => ErrorCode::RegistrationClosed,
        BindError::Step(InvalidTransition::Expired) => ErrorCode::FlowExpired,
        BindError::Step(_) => ErrorCode::FlowFinished,
        BindError::Wrong => ErrorCode::WrongProof,
        BindError::Address => ErrorCode::AddressInvalid,
        BindError::NotOffered => ErrorCode::ProofNotOffered,
        BindError::HasAnother => ErrorCode::AccountHasWechat,
        BindError::Disabled => ErrorCode::AccountDisabled,
        BindError::Busy => ErrorCode::ProofUnavailable,
        BindError::Unavailable(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the site that checks passwords gave no answer"
            );
            ErrorCode::ProofUnavailable
        }
    };
    Ok((code, None))
}

/// The address of the page for the flow `id`.
pub(super) fn path(visitor: &Visitor, id: &FlowId) -> String {
    visitor.own(&format!("bind?flow={id}"))
}
