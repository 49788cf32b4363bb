//! How the portal answers: pages, JSON, redirects. The only place that writes a `Location`.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::visitor::Visitor;
use crate::domain::ReturnTo;
use crate::pages::{self, ErrorCode, Foreign, Page};
use crate::store::StoreError;

/// Why a request was not answered with what it asked for.
pub(super) enum Refused {
    /// The store gave no answer.
    Store(StoreError),
    /// Something else, by its code, with more words for developers.
    Code(ErrorCode, Option<String>),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code, None)
    }
}

pub(super) type Answer = Result<Response, Response>;

impl Visitor {
    /// A page, with its own status.
    pub(super) fn page(&self, page: &Page) -> Response {
        self.framing_page(page, None)
    }

    /// A page that may frame pages of `frame`.
    pub(super) fn framing_page(&self, page: &Page, frame: Option<&str>) -> Response {
        let html = self.snapshot.pages.render(self.lang, page);
        let mut response = (page.status(), Body::from(html)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-language, user-agent, cookie"));
        let foreign = frame.map_or(page.foreign(), Foreign::Frame);
        if let Ok(csp) = HeaderValue::try_from(self.snapshot.pages.csp(foreign)) {
            headers.insert(header::CONTENT_SECURITY_POLICY, csp);
        }
        if let Some(seconds) = page.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// An error, as a page or as JSON, whichever was asked for.
    pub(super) fn refuse(&self, refused: impl Into<Refused>) -> Response {
        self.refuse_with_retry(refused, self.own("login"))
    }

    /// The same, where trying again leads elsewhere than to the login page.
    pub(super) fn refuse_with_retry(&self, refused: impl Into<Refused>, retry: String) -> Response {
        let (code, detail) = match refused.into() {
            Refused::Code(code, detail) => (code, detail),
            Refused::Store(error) => {
                tracing::error!(
                    request_id = %self.request_id, error = &error as &dyn std::error::Error, "the store gave no answer"
                );
                (ErrorCode::StoreDown, None)
            }
        };
        if self.wants_page {
            return self.page(&Page::Error(pages::ErrorPage {
                code,
                detail,
                request_id: self.request_id.clone(),
                retry_href: code.retryable().then_some(retry),
                home_href: Some("/".to_owned()),
            }));
        }
        self.error_json(code, detail.as_deref(), None)
    }

    /// An error as JSON; `login` is the address to log in at.
    pub(super) fn error_json(&self, code: ErrorCode, detail: Option<&str>, login: Option<&str>) -> Response {
        let body = pages::error_json(code, self.lang, detail, &self.request_id, login);
        let mut response = self.json(code.status(), body);
        let headers = response.headers_mut();
        if let Some(seconds) = code.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge(code) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }

    /// A JSON answer.
    pub(super) fn json(&self, status: StatusCode, body: String) -> Response {
        let mut response = (status, Body::from(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// "Slower", and after how many seconds.
    pub(super) fn too_many(&self, seconds: u64) -> Response {
        self.refuse_for(ErrorCode::TooMany, seconds)
    }

    /// An error that passes after some seconds.
    pub(super) fn refuse_for(&self, code: ErrorCode, seconds: u64) -> Response {
        let mut response = self.refuse(code);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        response
    }

    /// To a page on a host of ours.
    pub(super) fn go_to(&self, return_to: &ReturnTo) -> Response {
        see_other(return_to.location())
    }

    /// To one of our own pages on `origin_host`; `path` starts with our prefix.
    pub(super) fn go_own(&self, origin_host: &str, path: &str) -> Response {
        let origin = self.snapshot.site.hosts.origin_of(origin_host);
        see_other(&format!("{}{path}", origin.origin().ascii_serialization()))
    }

    /// To WeChat's page for a login.
    pub(super) fn go_to_wechat(&self, page: &str) -> Response {
        see_other(page)
    }
}

/// What a 401 says about tokens (RFC 6750, section 3), as the proxy's own does.
const fn challenge(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::LoginRequired => Some("Bearer"),
        ErrorCode::SessionExpired => Some("Bearer error=\"invalid_token\""),
        _ => None,
    }
}

/// 303: the next request is a GET, whatever this one was.
fn see_other(location: &str) -> Response {
    match HeaderValue::try_from(location) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        // A parsed address is ASCII, so this does not happen; an empty answer is safer than a guess.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A redirect to the same place, whose fragment, if it has none, is empty instead of that of the address before.
pub(super) fn with_empty_fragment(response: &mut Response) {
    let Some(location) = response.headers().get(header::LOCATION) else { return };
    if location.as_bytes().contains(&b'#') {
        return;
    }
    let location = [location.as_bytes(), b"#"].concat();
    // What was a header value is one with a `#` too.
    if let Ok(location) = HeaderValue::from_bytes(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
}

/// Our headers, on every answer of the portal.
pub(super) fn seal(headers: &mut HeaderMap, visitor: &Visitor) {
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A callback's address holds a code, a hand-over's a ticket: neither leaves in a Referer.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY)
        && let Ok(csp) = HeaderValue::try_from(visitor.snapshot.pages.csp(Foreign::Nothing))
    {
        headers.insert(header::CONTENT_SECURITY_POLICY, csp);
    }
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
}

pub(super) async fn not_found(visitor: Visitor, _: Request) -> Response {
    visitor.refuse(ErrorCode::NotFound)
}

pub(super) async fn method_not_allowed(visitor: Visitor, _: Request) -> Response {
    visitor.refuse(ErrorCode::MethodNotAllowed)
}
