//! `GET enter`: the visitor arrives on this host with a ticket from the host of the login.

use axum::extract::{Query, State};
use axum::http::header;
use serde::Deserialize;

use super::answer::Answer;
use super::visitor::Visitor;
use super::{Portal, callback};
use crate::ground::Token;
use crate::login::handover::Entered;
use crate::pages::{ErrorCode, Page};

#[derive(Debug, Deserialize)]
pub(super) struct Arrival {
    ticket: Option<String>,
}

pub(super) async fn enter(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(arrival): Query<Arrival>,
) -> Answer {
    let Some(ticket) = arrival.ticket.as_deref().and_then(|text| Token::parse(text.as_bytes())) else {
        return Err(visitor.refuse(ErrorCode::BadRequest));
    };
    let snapshot = &visitor.snapshot;
    let entered = portal
        .login
        .enter(&ticket, &visitor.visit(), &visitor.host, &snapshot.site.hosts, &snapshot.sessions)
        .await
        .map_err(|error| visitor.refuse(error))?;
    match entered {
        Entered::Welcome { token, return_to } => {
            let mut response = visitor.go_to(&return_to);
            let cookie = snapshot.site.cookies.set_session(&token, snapshot.sessions.policy.absolute);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Entered::Refused if visitor.browser.is_none() => {
            Ok(visitor.page(&Page::ForeignBrowser(callback::trouble(&visitor))))
        }
        Entered::Refused => Ok(visitor.page(&Page::ExpiredFlow(callback::trouble(&visitor)))),
    }
}
