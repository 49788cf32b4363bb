//! What a route asks of its visitors, what a request is, and what follows: one decision function for the proxy
//! and the forward-auth endpoint.
//!
//! Whether somebody may pass never depends on the kind of request (an `Upgrade` header opens nothing); the kind
//! only picks the shape of the refusal.

use http::header::{
    ACCEPT, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderMap, HeaderName, ORIGIN, UPGRADE,
};
use http::{HeaderValue, Method};
use serde::{Deserialize, Serialize};

use super::{Missing, Route};
use crate::domain::Principal;

/// Who may use a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everybody, and nobody is identified: no identity header is ever set.
    Public,
    /// Everybody; known visitors are identified.
    Optional,
    /// Known visitors only.
    #[default]
    Login,
    /// Nobody.
    Deny,
}

/// What happens on a `login` route to a CORS preflight, which browsers always send without cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preflight {
    /// It is refused like any request of a stranger.
    #[default]
    Refuse,
    /// The app answers it, as a request of nobody.
    Forward,
}

/// What kind of client code sent a request, as far as its headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A browser asks for a page with GET or HEAD: the only kind that may be redirected to a login.
    Navigation,
    /// A script, style, image or event stream of a page: a redirect would be followed blindly or not at all.
    Fetch,
    /// A browser sends a form and shows the answer as a page; a redirect would lose what was filled in.
    Form,
    /// Anything else: an API client, an upload.
    Api,
    /// The handshake of a WebSocket.
    WebSocket,
    /// gRPC or gRPC-Web.
    Grpc,
    /// A CORS preflight.
    Preflight,
}

impl RequestKind {
    /// Whether a person looks at the answer.
    pub const fn shows_pages(self) -> bool {
        matches!(self, Self::Navigation | Self::Form)
    }
}

/// What is known of the sender of a request.
#[derive(Clone, Copy, Debug)]
pub enum Visitor<'a> {
    /// No token, or one that leads nowhere.
    Stranger,
    /// A token whose session has run out.
    Expired,
    /// A live session and an admitted account.
    Known(&'a Principal),
    /// A token was presented and the store could not be asked.
    StoreDown,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'a> {
    /// Goes to the upstream, as this visitor or as nobody.
    Forward(Option<&'a Principal>),
    /// 303 to the login page.
    RedirectToLogin,
    /// 401 naming the login address.
    Unauthorized {
        /// Whether there was a session that has run out.
        expired: bool,
    },
    /// gRPC status 16 (`UNAUTHENTICATED`).
    GrpcUnauthenticated,
    /// 303 to the login page, which offers the methods that this route takes; the session stays as it is.
    RedirectToOtherMethod,
    /// 303 to the page on which a visitor verifies a phone number, which is all that is missing.
    RedirectToPhone,
    /// 403, with what is missing.
    Forbidden(Refusal<'a>),
    /// gRPC status 7 (`PERMISSION_DENIED`).
    GrpcDenied,
    /// 503 with `Retry-After`.
    Unavailable,
}

/// Why a request is refused whoever may have sent it, or although it is known who did.
#[derive(Clone, Copy, Debug)]
pub enum Refusal<'a> {
    /// The route is open to nobody.
    Closed,
    /// The session was opened by a method that the route does not take.
    Method,
    /// The account lacks what the route asks for.
    Lacks(&'a Principal, Missing<'a>),
}

/// Decides about a request of `visitor` to `route`.
pub fn decide<'a>(route: &'a Route, visitor: Visitor<'a>, kind: RequestKind) -> Decision<'a> {
    match (route.access, visitor) {
        (Access::Deny, _) => refuse(Refusal::Closed, kind),
        (Access::Public, _) => Decision::Forward(None),
        (Access::Optional | Access::Login, Visitor::StoreDown) => Decision::Unavailable,
        (Access::Optional, Visitor::Known(principal)) => Decision::Forward(Some(principal)),
        (Access::Login, Visitor::Known(principal)) => admit(route, principal, kind),
        (Access::Optional, Visitor::Stranger | Visitor::Expired) => Decision::Forward(None),
        (Access::Login, Visitor::Stranger) => ask_for_login(route, kind, false),
        (Access::Login, Visitor::Expired) => ask_for_login(route, kind, true),
    }
}

/// Holds a known visitor against what the route asks for.
///
/// The method first: how this session was opened says whether it counts here at all, and to one that does not count
/// nothing is told of the rest. A phone number last: nobody is asked for one who would be refused all the same.
fn admit<'a>(route: &'a Route, principal: &'a Principal, kind: RequestKind) -> Decision<'a> {
    let missing = || route.require.as_ref().and_then(|require| require.missing(principal));
    let refusal = if !route.takes(principal.method()) {
        Refusal::Method
    } else if let Some(missing) = missing() {
        Refusal::Lacks(principal, missing)
    } else {
        return Decision::Forward(Some(principal));
    };
    match (kind, refusal) {
        (RequestKind::Preflight, _) if route.preflight == Preflight::Forward => Decision::Forward(None),
        (RequestKind::Navigation, Refusal::Method) => Decision::RedirectToOtherMethod,
        (RequestKind::Navigation, Refusal::Lacks(_, missing)) if missing.is_phone_alone() => {
            Decision::RedirectToPhone
        }
        _ => refuse(refusal, kind),
    }
}

fn refuse(refusal: Refusal<'_>, kind: RequestKind) -> Decision<'_> {
    if kind == RequestKind::Grpc { Decision::GrpcDenied } else { Decision::Forbidden(refusal) }
}

fn ask_for_login<'a>(route: &Route, kind: RequestKind, expired: bool) -> Decision<'a> {
    match kind {
        RequestKind::Navigation => Decision::RedirectToLogin,
        RequestKind::Grpc => Decision::GrpcUnauthenticated,
        RequestKind::Preflight if route.preflight == Preflight::Forward => Decision::Forward(None),
        RequestKind::Preflight
        | RequestKind::Fetch
        | RequestKind::Form
        | RequestKind::Api
        | RequestKind::WebSocket => Decision::Unauthorized { expired },
    }
}

static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
static X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// What kind of request this is.
///
/// The clearest signal decides: protocol, then Fetch Metadata, then `X-Requested-With`, then `Accept`. Android
/// apps put their package name into `X-Requested-With` of page loads (WeChat: `com.tencent.mm`), so only
/// `XMLHttpRequest` counts. A form or upload is never a [`RequestKind::Navigation`]: a redirect would lose it.
pub fn request_kind(method: &Method, headers: &HeaderMap) -> RequestKind {
    if headers.get_all(UPGRADE).iter().any(|value| lists(value, &["websocket"])) {
        return RequestKind::WebSocket;
    }
    if headers.get(CONTENT_TYPE).is_some_and(is_grpc) {
        return RequestKind::Grpc;
    }
    if *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    {
        return RequestKind::Preflight;
    }
    let asks_for_page = *method == Method::GET || *method == Method::HEAD;
    if let Some(mode) = headers.get(&SEC_FETCH_MODE) {
        let navigates = mode == "navigate" && headers.get(&SEC_FETCH_DEST).is_none_or(is_document);
        return match (navigates, asks_for_page) {
            (true, true) => RequestKind::Navigation,
            (true, false) => RequestKind::Form,
            (false, _) => RequestKind::Fetch,
        };
    }
    if headers.get(&X_REQUESTED_WITH).is_some_and(|value| equals(value, "XMLHttpRequest")) {
        return RequestKind::Fetch;
    }
    let accepts = |types: &[&str]| headers.get_all(ACCEPT).iter().any(|value| lists(value, types));
    if accepts(&["text/event-stream"]) {
        RequestKind::Fetch
    } else if !accepts(&["text/html", "application/xhtml+xml"]) {
        RequestKind::Api
    } else if asks_for_page {
        RequestKind::Navigation
    } else if *method == Method::POST {
        RequestKind::Form
    } else {
        RequestKind::Api
    }
}

/// `application/grpc`, alone or with `+proto`, `-web`, `;charset`.
fn is_grpc(value: &HeaderValue) -> bool {
    let name = b"application/grpc";
    let (start, rest) = value.as_bytes().split_at(name.len().min(value.len()));
    start.eq_ignore_ascii_case(name) && matches!(rest.first(), None | Some(b'+' | b'-' | b';' | b' '))
}

/// `empty` is what a browser says of a page load that a service worker passes on.
fn is_document(dest: &HeaderValue) -> bool {
    ["document", "iframe", "frame", "empty"].iter().any(|name| dest == name)
}

fn equals(value: &HeaderValue, text: &str) -> bool {
    value.as_bytes().eq_ignore_ascii_case(text.as_bytes())
}

/// Whether a comma-separated list has one of `names`, whatever its parameters.
fn lists(value: &HeaderValue, names: &[&str]) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|item| {
        let name = item.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted.as_bytes()))
    })
}

#[cfg(test)]
mod tests;
