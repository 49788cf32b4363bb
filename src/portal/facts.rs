//! Small facts: who am I, our public keys, are we alive, our style sheet.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Portal;
use super::answer::Answer;
use super::visitor::Visitor;
use crate::login::Presence;
use crate::pages::ErrorCode;

/// What a visitor may know about themselves. No token, no secret, no phone number.
#[derive(Serialize)]
struct Myself<'a> {
    account: &'a str,
    pool: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    union_id: Option<&'a str>,
    open_id: &'a str,
    app_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<&'a str>,
    groups: Vec<&'a str>,
    method: &'a str,
    /// Unix seconds.
    logged_in_at: u64,
}

pub(super) async fn userinfo(State(portal): State<Portal>, visitor: Visitor) -> Answer {
    let code = match visitor.session(&portal).await.0 {
        Presence::Known(known) => {
            let myself = Myself {
                account: known.account_id(),
                pool: known.pool(),
                union_id: known.union_id(),
                open_id: known.open_id(),
                app_id: known.app_id(),
                name: known.name(),
                avatar: known.avatar(),
                groups: known.groups().collect(),
                method: known.method(),
                logged_in_at: known.created_at().secs(),
            };
            let body = serde_json::to_string(&myself).expect("texts and numbers have a JSON form");
            return Ok(visitor.json(StatusCode::OK, body));
        }
        Presence::Stranger => ErrorCode::LoginRequired,
        Presence::Expired => ErrorCode::SessionExpired,
        Presence::StoreDown => return Err(visitor.refuse(ErrorCode::StoreDown)),
    };
    let login = visitor.snapshot.site.url("login");
    Err(visitor.error_json(code, None, Some(&login)))
}

pub(super) async fn jwks(visitor: Visitor) -> Response {
    let mut response = visitor.json(StatusCode::OK, visitor.snapshot.signer.jwks());
    let cache = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response
}

pub(super) async fn ping() -> Response {
    "ok\n".into_response()
}

pub(super) async fn asset(visitor: Visitor, Path(name): Path<String>) -> Answer {
    let Some(asset) = visitor.snapshot.pages.asset(&name) else {
        return Err(visitor.refuse(ErrorCode::NotFound));
    };
    let mut response = Body::from(asset.bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    // The name changes with the content.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}
