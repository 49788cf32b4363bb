//! `push/{app}`: where WeChat pushes what happens in the chats of a service account.
//!
//! Nothing is believed before its signature is checked. WeChat gets its answer within its five seconds whatever is
//! slow behind us; what is not a login goes on to the operator's own server as it came.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;
use url::Url;

use super::Portal;
use super::answer::{Answer, Refused};
use super::visitor::Visitor;
use crate::ground::Token;
use crate::login::official_account_scan::PushContext;
use crate::login::{App, PushOutcome};
use crate::pages::ErrorCode;
use crate::wechat::push::{Event, Message, PushError, PushKeys, PushQuery};

/// WeChat waits five seconds for an answer, the way there and back included.
const PATIENCE: Duration = Duration::from_millis(4500);

/// How much sooner the answer is sent without what it waits for: the operator's own server, a note in the store.
const REPLYING: Duration = Duration::from_millis(300);

/// What WeChat takes for "handled, say nothing".
const NOTHING: &str = "success";

/// `GET push/{app}`: WeChat checks the address when it is entered in its console.
pub(super) async fn check(
    visitor: Visitor,
    Path(app): Path<String>,
    RawQuery(query): RawQuery,
    State(portal): State<Portal>,
) -> Answer {
    let (app, keys) = keys(&visitor, &app)?;
    let query = PushQuery::parse(query.as_deref().unwrap_or_default());
    match keys.check_address(&query, visitor.now) {
        Ok(echo) => Ok(plain(echo)),
        Err(error) => Err(refuse(&portal, &visitor, app, &error)),
    }
}

/// `POST push/{app}`: a message.
pub(super) async fn receive(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(app): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let (app, keys) = keys(&visitor, &app)?;
    let body = body.map_err(|rejection| {
        let large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        visitor.refuse(if large { ErrorCode::PushTooLarge } else { ErrorCode::PushUnreadable })
    })?;
    let raw = query.unwrap_or_default();
    let query = PushQuery::parse(&raw);
    let message = match keys.open(&query, &body, visitor.now) {
        Ok(message) => message,
        Err(error) => return Err(refuse(&portal, &visitor, app, &error)),
    };
    let until = Instant::now() + PATIENCE;
    let delivery = Delivery { portal: &portal, visitor: &visitor, app, keys, message, until };
    match tokio::time::timeout_at(until, delivery.answer(&raw, &headers, body)).await {
        Ok(answer) => answer,
        Err(_) => {
            tracing::error!(app = %app.id, request_id = %visitor.request_id, "a message took too long; WeChat sends it again");
            Err(visitor.refuse(ErrorCode::StoreDown))
        }
    }
}

/// A verified message on its way.
struct Delivery<'a> {
    portal: &'a Portal,
    visitor: &'a Visitor,
    app: &'a App,
    keys: &'a PushKeys,
    message: Message,
    /// When it is too late for an answer.
    until: Instant,
}

impl Delivery<'_> {
    async fn answer(&self, query: &str, headers: &HeaderMap, body: Bytes) -> Answer {
        let Self { portal, visitor, app, message, .. } = self;
        let snapshot = &visitor.snapshot;
        let confirm_url = |token: &Token| snapshot.site.url(&format!("confirm?t={}", token.reveal()));
        let site = snapshot.pages.title();
        let context = PushContext {
            directory: &snapshot.directory,
            wechat: &snapshot.wechat,
            app,
            site,
            confirm_url: &confirm_url,
            answer_by: self.until - REPLYING,
        };
        let outcome = portal.login.pushed(context, message).await;
        match outcome.map_err(|error| visitor.refuse(error))? {
            PushOutcome::Ours(text) => Ok(self.say(&text)),
            PushOutcome::Again => Ok(plain(NOTHING)),
            PushOutcome::Replayed => {
                portal.relays.warn(app, "the signature of another message came again: somebody replays it");
                Err(visitor.refuse(ErrorCode::PushReplayed))
            }
            PushOutcome::Busy => Err(visitor.refuse(ErrorCode::TooMany)),
            PushOutcome::Other => match (&app.relay_to, &message.event) {
                (Some(to), _) => Ok(self.relay(to, query, headers, body).await),
                (None, Event::Subscribe { .. }) => Ok(self.say(&app.replies.follow(site))),
                (None, _) => Ok(plain(NOTHING)),
            },
        }
    }

    /// A text in the chat; nothing, if it is empty.
    fn say(&self, text: &str) -> Response {
        let random = rand::random::<[u8; 16]>();
        match self.keys.reply_text(&self.message, text, self.visitor.now, random) {
            None => plain(NOTHING),
            Some(reply) => {
                let mut response = Body::from(reply.body).into_response();
                let kind = HeaderValue::from_static(reply.content_type);
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
        }
    }

    /// To the operator's own server, as it came, and its answer back.
    async fn relay(&self, to: &Url, query: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let left = self.until.saturating_duration_since(Instant::now()).saturating_sub(REPLYING);
        let sent = self.visitor.snapshot.wechat.relay(to, query, kind, body, left).await;
        let problem = match sent {
            Ok(relayed) if (200..300).contains(&relayed.status) => {
                self.portal.relays.worked(self.app);
                let mut response = Body::from(relayed.body).into_response();
                let kind = relayed.content_type.and_then(|kind| HeaderValue::try_from(kind).ok());
                let kind = kind.unwrap_or(HeaderValue::from_static("text/plain; charset=utf-8"));
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                return response;
            }
            Ok(relayed) => format!("it answered with status {}", relayed.status),
            Err(error) => error.to_string(),
        };
        self.portal.relays.failed(self.app, &problem);
        plain(NOTHING)
    }
}

/// The account of that name, if WeChat pushes to it.
fn keys<'v>(visitor: &'v Visitor, app: &str) -> Result<(&'v App, &'v PushKeys), Response> {
    let app = visitor.snapshot.directory.app(app);
    let found = app.and_then(|app| Some((app, app.push.as_ref()?)));
    found.ok_or_else(|| {
        let detail = "no official account of that name has a `token` in the config".to_owned();
        visitor.refuse(Refused::Code(ErrorCode::NotFound, Some(detail)))
    })
}

fn refuse(portal: &Portal, visitor: &Visitor, app: &App, error: &PushError) -> Response {
    portal.relays.warn(app, &error.to_string());
    let code = match error {
        PushError::Signature | PushError::Missing(_) => ErrorCode::PushSignature,
        PushError::Stale => ErrorCode::PushStale,
        PushError::ForeignApp => ErrorCode::PushForeignApp,
        PushError::NotEncrypted => ErrorCode::PushNotEncrypted,
        PushError::TooLarge => ErrorCode::PushTooLarge,
        PushError::Undecryptable | PushError::Unreadable(_) => ErrorCode::PushUnreadable,
    };
    visitor.refuse(Refused::Code(code, Some(error.to_string())))
}

fn plain(text: impl Into<Body>) -> Response {
    let mut response = text.into().into_response();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
