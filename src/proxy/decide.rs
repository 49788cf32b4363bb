//! Everything between a request's header and its upstream, in the order it happens.
//!
//! One pass, one snapshot: what is admitted is what is routed is what is decided is what is forwarded. Never
//! branches on whether a request is an upgrade.

use std::sync::Arc;

use http::HeaderValue;
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::admit::{Refused, admit, content_length, fold_content_length};
use super::answer::{Addressee, Answer, X_REQUEST_ID};
use super::context::{Client, Context, Goal, request_id};
use super::visitor::Inquiry;
use super::wanted::Wanted;
use super::{denied, forward_auth, wardrobe::Wardrobe};
use crate::gate::{self, Decision, Origin, Peer, Refusal, RequestKind, Route, Target, request_kind};
use crate::login::Sessions;
use crate::pages::ErrorCode;
use crate::snapshot::Snapshot;

/// Our own page that other proxies ask in place of forwarding to us.
const FORWARD_AUTH: &str = "auth";

/// What deciding needs besides the request.
pub(super) struct Shared {
    pub(super) sessions: Arc<Sessions>,
    pub(super) wardrobe: Wardrobe,
}

/// Decides where a request goes and as whom (`context.goal`), or what it is answered here.
pub(super) async fn decide(
    shared: &Shared,
    session: &mut Session,
    context: &mut Context,
) -> Result<(), Answer> {
    let snapshot = context.snapshot.clone();
    recognise(session, &snapshot, context);
    let raw = session.as_ref().as_http1().map(|http1| http1.get_headers_raw_bytes());
    let max = snapshot.site.max_header_bytes;
    context.host = admit(session.req_header(), raw.as_deref(), max)
        .map_err(|refused| context.refuse(session.req_header(), refused).closing())?;
    if fold_content_length(session.req_header_mut()).is_err() {
        return Err(context.error(session.req_header(), ErrorCode::BadRequest, None).closing());
    }
    let header = session.req_header();
    let target = read_target(header).map_err(|problem| context.ambiguous(header, problem))?;
    if let Some(content) = snapshot.site.verification.answer(&header.method, &target.decoded) {
        context.decision = "verification";
        return Err(Answer::text(content));
    }
    if let Some(own) = snapshot.site.own_path(&target.decoded) {
        return own_page(shared, &snapshot, header, own, &target, context).await;
    }
    let route = find_route(&snapshot, header, &target, context)?;
    context.route = Some(route.clone());
    if exceeds(header, &route) {
        return Err(context.error(header, ErrorCode::TooLarge, None));
    }
    let inquiry =
        Inquiry { sessions: &shared.sessions, snapshot: &snapshot, host: &context.host, now: context.now };
    let (seen, hide_bearer) = inquiry.look(&header.headers, route.access).await;
    context.hide_bearer = hide_bearer;
    let verdict = gate::decide(&route, seen.as_gate(), context.kind);
    context.decision = word(&verdict);
    match verdict {
        Decision::Forward(who) => {
            let visitor = if who.is_some() { seen.into_visitor() } else { None };
            context.goal = Goal::App { visitor };
            Ok(())
        }
        refused => Err(refuse(context, header, &route, refused)),
    }
}

/// The answer in place of the app's.
fn refuse(context: &Context, header: &RequestHeader, route: &Route, verdict: Decision<'_>) -> Answer {
    let wanted = Wanted::here(&context.snapshot, &context.host, header);
    match verdict {
        // The login page sees by itself that the visitor's session is of a method that does not count there.
        Decision::RedirectToLogin | Decision::RedirectToOtherMethod => Answer::see_other(&wanted.login()),
        Decision::RedirectToPhone => Answer::see_other(&wanted.phone()),
        Decision::Unauthorized { expired } => {
            Answer::unauthorized(context.addressee(header), expired, &wanted.page("login"))
        }
        Decision::GrpcUnauthenticated => Answer::grpc_unauthenticated(),
        Decision::GrpcDenied => Answer::grpc_denied(),
        Decision::Forbidden(refusal) => denied::answer(context, header, route, refusal, wanted),
        // A forward is none, and has been seen to.
        Decision::Unavailable | Decision::Forward(_) => context.error(header, ErrorCode::StoreDown, None),
    }
}

/// Who speaks, as far as it is believed; first of all, so that every answer has its request id and its form.
fn recognise(session: &Session, snapshot: &Snapshot, context: &mut Context) {
    let headers = &session.req_header().headers;
    let ip = session.client_addr().and_then(|address| address.as_inet()).map(std::net::SocketAddr::ip);
    let tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
    let origin = snapshot.site.trust.origin(Peer { ip, tls }, headers);
    context.request_id = request_id(headers.get(X_REQUEST_ID), origin.trusted_peer);
    context.kind = request_kind(&session.req_header().method, headers);
    context.client = client(origin);
}

fn client(origin: Origin) -> Client {
    let value = |text: String| HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok();
    Client {
        ip: origin.client_ip,
        scheme: origin.scheme,
        trusted_peer: origin.trusted_peer,
        real_ip: origin.client_ip.and_then(|ip| value(ip.to_string())),
        forwarded_for: Some(origin.forwarded_for).filter(|chain| !chain.is_empty()).and_then(value),
    }
}

fn read_target(header: &RequestHeader) -> Result<Target<'_>, gate::PathProblem> {
    let text = std::str::from_utf8(header.raw_path()).map_err(|_| gate::PathProblem::NotUtf8)?;
    gate::target(text)
}

async fn own_page(
    shared: &Shared,
    snapshot: &Snapshot,
    header: &RequestHeader,
    own: &str,
    target: &Target<'_>,
    context: &mut Context,
) -> Result<(), Answer> {
    if own == FORWARD_AUTH {
        return Err(forward_auth::answer(shared, snapshot, header, target, context).await);
    }
    if !snapshot.site.hosts.contains(&context.host) {
        return Err(context.error(header, ErrorCode::NoRoute, None));
    }
    context.goal = Goal::Portal;
    context.decision = "portal";
    Ok(())
}

fn find_route(
    snapshot: &Snapshot,
    header: &RequestHeader,
    target: &Target<'_>,
    context: &Context,
) -> Result<Arc<Route>, Answer> {
    match snapshot.routes.find_target(&context.host, target) {
        Ok(Some(route)) => Ok(route.clone()),
        Ok(None) => Err(context.error(header, ErrorCode::NoRoute, None)),
        Err(problem) => Err(context.ambiguous(header, problem)),
    }
}

/// Whether the announced body is larger than the route takes; what is not announced is counted as it comes.
fn exceeds(header: &RequestHeader, route: &Route) -> bool {
    route.max_body.is_some_and(|max| content_length(&header.headers).is_some_and(|length| length > max))
}

/// A decision in a word, for the access line.
pub(super) const fn word(decision: &Decision<'_>) -> &'static str {
    match decision {
        Decision::Forward(Some(_)) => "known",
        Decision::Forward(None) => "anonymous",
        Decision::RedirectToLogin => "login",
        Decision::RedirectToOtherMethod => "other_method",
        Decision::RedirectToPhone => "phone",
        Decision::Unauthorized { .. } | Decision::GrpcUnauthenticated => "unauthorized",
        Decision::Forbidden(Refusal::Closed) => "forbidden",
        Decision::Forbidden(Refusal::Method) => "method_refused",
        Decision::Forbidden(Refusal::Lacks(..)) => "rights_missing",
        Decision::GrpcDenied => "denied",
        Decision::Unavailable => "unavailable",
    }
}

impl Context {
    pub(super) fn addressee<'a>(&'a self, header: &'a RequestHeader) -> Addressee<'a> {
        let headers = &header.headers;
        Addressee { pages: &self.snapshot.pages, headers, kind: self.kind, request_id: self.request_id() }
    }

    pub(super) fn error(&self, header: &RequestHeader, code: ErrorCode, detail: Option<&str>) -> Answer {
        Answer::error(self.addressee(header), code, detail)
    }

    fn refuse(&self, header: &RequestHeader, refused: Refused) -> Answer {
        self.error(header, refused.code, Some(refused.detail))
    }

    fn ambiguous(&self, header: &RequestHeader, problem: gate::PathProblem) -> Answer {
        self.error(header, ErrorCode::AmbiguousPath, Some(&problem.to_string()))
    }

    /// Whether the request waits for bytes that may be long in coming: a WebSocket, an event stream, gRPC.
    pub(super) fn is_stream(&self, header: &RequestHeader) -> bool {
        const EVENTS: &[u8] = b"text/event-stream";
        let is_events = |part: &[u8]| {
            part.trim_ascii_start().get(..EVENTS.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(EVENTS))
        };
        let events = || {
            let accept = header.headers.get(http::header::ACCEPT).map(HeaderValue::as_bytes);
            accept.is_some_and(|accept| accept.split(|byte| *byte == b',').any(is_events))
        };
        matches!(self.kind, RequestKind::WebSocket | RequestKind::Grpc) || events()
    }
}
