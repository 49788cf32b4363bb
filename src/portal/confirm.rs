//! The page on the phone that asks whether a login on a computer is its owner's.
//!
//! Its address is a secret that only the chat of who scanned has seen, works once, and signs nobody in on the phone.

use axum::extract::{Form, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Portal;
use super::answer::Answer;
use super::visitor::Visitor;
use crate::gate::client::program_name;
use crate::ground::Token;
use crate::login::official_account_scan::Answered;
use crate::pages::{self, ErrorCode, Page};

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    t: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    #[serde(default)]
    token: String,
    #[serde(default)]
    answer: String,
}

/// `GET confirm`.
pub(super) async fn ask(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Answer {
    let Some(token) = Token::parse(asked.t.as_bytes()) else {
        return Err(visitor.refuse(ErrorCode::TicketUnknown));
    };
    let asking = portal.login.asking(&token).await.map_err(|error| visitor.refuse(error))?;
    let Some(asking) = asking else { return Err(visitor.refuse(ErrorCode::TicketUnknown)) };
    Ok(visitor.page(&Page::Confirm(pages::Confirm {
        site_host: asking.host,
        browser: asking.origin.user_agent.as_deref().and_then(program_name),
        ip: asking.origin.ip,
        began_secs_ago: visitor.now.since(asking.created_at).secs(),
        adding: asking.adding,
        action: visitor.own("confirm"),
        token: token.reveal(),
    })))
}

/// `POST confirm`.
pub(super) async fn answer(
    State(portal): State<Portal>,
    visitor: Visitor,
    Form(reply): Form<Reply>,
) -> Answer {
    let yes = match reply.answer.as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(visitor.refuse(ErrorCode::BadRequest)),
    };
    let Some(token) = Token::parse(reply.token.as_bytes()) else {
        return Err(visitor.refuse(ErrorCode::TicketUnknown));
    };
    if let Err(seconds) = portal.throttle.check(visitor.ip.as_deref()) {
        return Err(visitor.too_many(seconds));
    }
    let snapshot = &visitor.snapshot;
    let answered = portal.login.answer(&snapshot.directory, &snapshot.wechat, &token, yes).await;
    let code = match answered.map_err(|error| visitor.refuse(error))? {
        Answered::Approved { adding } => return Ok(confirmed(&visitor, true, adding)),
        Answered::Rejected { adding } => return Ok(confirmed(&visitor, false, adding)),
        Answered::Gone => ErrorCode::TicketUnknown,
        Answered::Failed(reason) => reason.into(),
    };
    Err(visitor.refuse(code))
}

fn confirmed(visitor: &Visitor, approved: bool, adding: bool) -> Response {
    visitor.page(&Page::Confirmed(pages::Confirmed { approved, adding }))
}
