//! `logout`: GET asks, POST from our own page does it, here or everywhere.

use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::answer::Answer;
use super::origin::only_from_here;
use super::visitor::Visitor;
use super::{Portal, callback};
use crate::login::Presence;
use crate::pages::{self, ErrorCode, Page};

#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice {
    /// `here` (this login, on all hosts) or `everywhere` (all logins of the account).
    #[serde(default)]
    scope: String,
}

pub(super) async fn ask(visitor: Visitor) -> Response {
    visitor.page(&Page::Logout(pages::Logout {
        action: visitor.own("logout"),
        account_href: visitor.own("account"),
        stay_href: "/".to_owned(),
    }))
}

pub(super) async fn leave(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(choice): Form<Choice>,
) -> Answer {
    only_from_here(&headers, &visitor)?;
    match visitor.session(&portal).await {
        (Presence::Known(known), Some(digest)) => {
            let everywhere = choice.scope == "everywhere";
            let ended = portal.login.sessions().end(&known, &digest, everywhere).await;
            let ended = ended.map_err(|error| visitor.refuse(error))?;
            tracing::info!(
                target: "audit", event = "logout", account = known.account_id(), login = known.login_id(),
                everywhere, ended
            );
        }
        // The cookie stays: it may be the key to a session that could not be ended just now.
        (Presence::StoreDown, _) => return Err(visitor.refuse(ErrorCode::StoreDown)),
        _ => {}
    }
    let page = Page::LoggedOut(pages::LoggedOut { login_href: visitor.own("login") });
    Ok(callback::without_session(visitor.page(&page), &visitor))
}
