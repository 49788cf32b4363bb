//! `bind`: somebody whom no account answers to proves one of theirs, or has one made.
//!
//! The page opens nothing; its forms count only from the browser that was asked. An answer never tells whether an
//! account exists.

use axum::extract::{Form, Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;

use super::answer::{Answer, Refused};
use super::choose::{Which, question};
use super::deliver::Courier;
use super::origin::only_from_here;
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

/// What was typed into the page and did not count, for another try.
#[derive(Default)]
struct Typed {
    name: String,
    to: String,
    way: Option<&'static str>,
}

/// `GET bind`.
pub(super) async fn ask(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(which): Query<Which>,
) -> Answer {
    let id = which.flow(&portal, &visitor)?;
    show(&portal, &visitor, &id, None, Typed::default()).await
}

/// `POST bind`.
pub(super) async fn answer(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(answered): Form<Answered>,
) -> Answer {
    only_from_here(&headers, &visitor)?;
    let id = Which::from(answered.flow).flow(&portal, &visitor)?;
    let (here, listener) = (portal.clone(), visitor.clone());
    // What has begun is finished whether or not the browser stays to listen.
    let work = async move {
        let (claim, typed) = match answered.r#do.as_str() {
            "new" => (Claim::New, Typed::default()),
            "code" => (Claim::Code(answered.code), Typed::default()),
            "password" => {
                let typed = Typed { name: answered.name.clone(), way: Some("password"), ..Typed::default() };
                (Claim::Password { name: answered.name, password: answered.password }, typed)
            }
            "email_code" => return send_code(&portal, &visitor, &id, Proof::EmailCode, answered.to).await,
            "sms_code" => return send_code(&portal, &visitor, &id, Proof::SmsCode, answered.to).await,
            _ => {
                let missing = Refused::Code(ErrorCode::BadRequest, Some("`do` is missing".into()));
                return Err(visitor.refuse(missing));
            }
        };
        let claimed = portal.login.bind_browser(visitor.context(), &id, claim, &visitor.visit()).await;
        match claimed.map_err(|error| visitor.refuse(error))? {
            Claimed::Ended(ending) => callback::leave(&portal, &visitor, *ending).await,
            Claimed::Again(problem) => show(&portal, &visitor, &id, Some(problem), typed).await,
        }
    };
    here.see_through(listener, work).await
}

/// Sends a code, and shows where it can be typed in.
async fn send_code(portal: &Portal, visitor: &Visitor, id: &FlowId, proof: Proof, to: String) -> Answer {
    portal.throttle.check_code(visitor.ip.as_deref()).map_err(|seconds| visitor.too_many(seconds))?;
    let courier = Courier::new(visitor, "bind");
    let sent =
        portal.login.send_code_for(visitor.context(), id, (proof, &to), courier, &visitor.visit()).await;
    match sent.map_err(|error| visitor.refuse(error))? {
        // A reload of what comes then sends nothing.
        None => Ok(visitor.go_own(&visitor.host, &path(visitor, id))),
        Some(Claimed::Ended(ending)) => callback::leave(portal, visitor, *ending).await,
        Some(Claimed::Again(problem)) => {
            let typed = Typed { to, way: Some(proof.as_str()), ..Typed::default() };
            show(portal, visitor, id, Some(problem), typed).await
        }
    }
}

/// The page, or what became of the login if it is asked nothing.
async fn show(
    portal: &Portal,
    visitor: &Visitor,
    id: &FlowId,
    problem: Option<BindError>,
    typed: Typed,
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
    let proofs: Vec<&str> = proofs.into_iter().map(Proof::as_str).collect();
    // The form that was used is open again; before that, the first, unless a code waits to be typed in.
    let open = typed.way.or_else(|| proofs.first().copied().filter(|_| sent.is_none()));
    Ok(visitor.page(&Page::Bind(pages::Bind {
        action: visitor.own("bind"),
        flow: flow.id.to_string(),
        may_create,
        proofs,
        open,
        sent_to: sent.map(|sent| sent.to),
        name: typed.name,
        to: typed.to,
        trouble: code,
        wait_secs: wait.flatten(),
        again_href: callback::again(visitor, Some(&flow), None),
    })))
}

/// What was wrong, and in how many seconds the next try is possible where that is it.
pub(super) fn trouble(problem: BindError) -> Result<(ErrorCode, Option<u64>), Refused> {
    let code = match problem {
        BindError::Store(error) => return Err(Refused::Store(error)),
        BindError::Locked { seconds } => return Ok((ErrorCode::Locked, Some(seconds))),
        BindError::Step(InvalidTransition::TooSoon { seconds }) => {
            return Ok((ErrorCode::CodeTooSoon, Some(seconds)));
        }
        BindError::TooManyCodes { seconds } => return Ok((ErrorCode::TooManyCodes, Some(seconds))),
        BindError::Step(InvalidTransition::CodeSpent(_)) => ErrorCode::CodeExpired,
        BindError::Step(InvalidTransition::NotOffered) => ErrorCode::RegistrationClosed,
        BindError::Step(InvalidTransition::Expired) => ErrorCode::FlowExpired,
        BindError::Step(_) => ErrorCode::FlowFinished,
        BindError::Wrong => ErrorCode::WrongProof,
        BindError::Address => ErrorCode::AddressInvalid,
        BindError::NotOffered => ErrorCode::ProofNotOffered,
        BindError::HasAnother => ErrorCode::AccountHasWechat,
        BindError::Disabled => ErrorCode::AccountDisabled,
        BindError::Busy => return Ok((ErrorCode::TooMany, Some(5))),
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
