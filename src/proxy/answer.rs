//! Answers of our own: refusals, redirects, error pages and their JSON.
//!
//! pingora's canned answers close the connection and carry its name; these keep it open where that is safe,
//! have a length, are never cached, and read what is left of a small body so that the visitor gets to see them.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use tokio::time::timeout;

use super::admit::{content_length, expects_continue};
use crate::gate::RequestKind;
use crate::pages::{ErrorCode, ErrorPage, Foreign, Missing, Page, Pages, denied_json, error_json};

/// Longest body that is read before answering, so that the connection survives.
const SMALL: u64 = 64 * 1024;
/// Longest time for that, and for what is read of a large body after answering.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Something to send in place of an upstream's answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    /// Whether nothing more can be trusted on this connection.
    pub(super) close: bool,
}

/// Who is answered, for the form and the words of an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addressee<'a> {
    pub(super) pages: &'a Pages,
    pub(super) headers: &'a HeaderMap,
    pub(super) kind: RequestKind,
    pub(super) request_id: &'a str,
}

impl Answer {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), close: false }
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// 303 to `location`, which only `Site` makes.
    pub(super) fn see_other(location: &str) -> Self {
        Self::redirect(StatusCode::SEE_OTHER, location)
    }

    pub(super) fn redirect(status: StatusCode, location: &str) -> Self {
        // Addresses are percent-encoded ASCII; one that were not is left out rather than sent half.
        match HeaderValue::from_str(location) {
            Ok(location) => Self::new(status).with(LOCATION, location),
            Err(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// 401 whose JSON names the address to log in at.
    pub(super) fn unauthorized(to: Addressee<'_>, expired: bool, login: &str) -> Self {
        let code = if expired { ErrorCode::SessionExpired } else { ErrorCode::LoginRequired };
        let challenge = if expired { "Bearer error=\"invalid_token\"" } else { "Bearer" };
        let lang = to.lang();
        Self::new(code.status()).with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge)).json(error_json(
            code,
            lang,
            None,
            to.request_id,
            Some(login),
        ))
    }

    /// gRPC's own "not authenticated": trailers without a body.
    pub(super) fn grpc_unauthenticated() -> Self {
        Self::grpc("16", "login required")
    }

    /// gRPC's own "you may not".
    pub(super) fn grpc_denied() -> Self {
        Self::grpc("7", "not allowed")
    }

    fn grpc(status: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::OK)
            .with(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))
            .with(GRPC_STATUS, HeaderValue::from_static(status))
            .with(GRPC_MESSAGE, HeaderValue::from_static(message))
    }

    /// JSON that says what a known visitor lacks, and at which address it can be had.
    pub(super) fn denied(
        to: Addressee<'_>,
        code: ErrorCode,
        missing: &Missing,
        address: Option<&str>,
    ) -> Self {
        Self::new(code.status()).json(denied_json(code, to.lang(), to.request_id, missing, address))
    }

    /// An error as a page for who looks at pages, else as JSON.
    pub(super) fn error(to: Addressee<'_>, code: ErrorCode, detail: Option<&str>) -> Self {
        let lang = to.lang();
        let mut answer = Self::new(code.status());
        if code == ErrorCode::StoreDown {
            answer = answer.with(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if !to.kind.shows_pages() {
            return answer.json(error_json(code, lang, detail, to.request_id, None));
        }
        let page = ErrorPage {
            code,
            detail: detail.map(str::to_owned),
            request_id: to.request_id.to_owned(),
            retry_href: None,
            home_href: Some("/".to_owned()),
        };
        answer.page(to.pages, &to.pages.render(lang, &Page::Error(page)))
    }

    /// A small plain text.
    pub(super) fn text(text: &str) -> Self {
        let mut answer = Self::new(StatusCode::OK);
        answer.body = Bytes::copy_from_slice(text.as_bytes());
        answer.with(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
    }

    pub(super) fn json(mut self, body: String) -> Self {
        self.body = body.into();
        self.with(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    pub(super) fn page(mut self, pages: &Pages, html: &str) -> Self {
        self.body = Bytes::copy_from_slice(html.as_bytes());
        let answer = self
            .with(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
            .with(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        match HeaderValue::try_from(pages.csp(Foreign::Nothing)) {
            Ok(policy) => answer.with(CONTENT_SECURITY_POLICY, policy),
            Err(_) => answer,
        }
    }

    /// Sends it. The visitor's connection stays usable unless its body is too large to be read.
    pub(super) async fn send(self, session: &mut Session, request_id: &HeaderValue) -> pingora::Result<()> {
        if self.close {
            session.set_keepalive(None);
        } else {
            drain_small(session).await;
        }
        let header = self.header(request_id)?;
        let end = self.body.is_empty();
        session.write_response_header(Box::new(header), end).await?;
        if !end {
            session.write_response_body(Some(self.body), true).await?;
        }
        linger(session).await;
        Ok(())
    }

    fn header(&self, request_id: &HeaderValue) -> pingora::Result<ResponseHeader> {
        let mut header = ResponseHeader::build(self.status, Some(self.headers.len() + 6))?;
        for (name, value) in &self.headers {
            header.append_header(name.clone(), value.clone())?;
        }
        header.insert_header(CONTENT_LENGTH, HeaderValue::from(self.body.len()))?;
        header.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
        header.insert_header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))?;
        header.insert_header(X_REQUEST_ID, request_id.clone())?;
        Ok(header)
    }
}

impl Addressee<'_> {
    pub(super) fn lang(&self) -> crate::pages::Lang {
        let accept = self.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        self.pages.lang(accept.unwrap_or_default())
    }
}

/// Reads a small body to its end, so that answering does not cut the sender off.
async fn drain_small(session: &mut Session) {
    let headers = &session.req_header().headers;
    // Who waits for a word has not sent anything; who sends much is answered at once.
    if expects_continue(headers) || content_length(headers).is_some_and(|length| length > SMALL) {
        return;
    }
    if !session.is_body_done() {
        read_at_most(session, SMALL).await;
    }
}

/// Goes on reading after an answer that closes the connection: closing with unread bytes resets it, and the
/// sender may lose the answer over that.
async fn linger(session: &mut Session) {
    let headers = &session.req_header().headers;
    let finished = session.as_ref().as_http1().is_none() || expects_continue(headers);
    if !finished && !session.is_body_done() {
        read_at_most(session, u64::MAX).await;
    }
}

async fn read_at_most(session: &mut Session, most: u64) {
    let reading = async {
        let mut left = most;
        while let Ok(Some(chunk)) = session.as_mut().read_request_body().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                return;
            }
        }
    };
    // Out of patience: the connection is closed, as pingora does with every unread body.
    let _ = timeout(PATIENCE, reading).await;
}
