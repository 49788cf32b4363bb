//! `logout`: GET asks, POST from our own page does it, here or everywhere.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;

use super::answer::Answer;
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
    visitor.page(&Page::Logout(pages::Logout { action: visitor.own("logout"), stay_href: "/".to_owned() }))
}

pub(super) async fn leave(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(choice): Form<Choice>,
) -> Answer {
    if !from_here(&headers, &visitor) {
        return Err(visitor.refuse(ErrorCode::ForeignOrigin));
    }
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

/// Whether a form comes from a page of this host. Browsers send `Origin` with every form they post.
fn from_here(headers: &HeaderMap, visitor: &Visitor) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(header::ORIGIN.as_str());
    let own = visitor.snapshot.site.hosts.origin_of(&visitor.host).origin().ascii_serialization();
    origin == Some(own.as_str())
}
