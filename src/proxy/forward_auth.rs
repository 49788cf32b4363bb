//! The answer to another proxy that asks whether a request of its own may pass (`/_menshen/auth`).
//!
//! The same route table and the same rule as for requests that come through here; only the request is described
//! by headers. Those are believed from trusted proxies alone, and whatever cannot be read is a no.

use http::header::{HeaderMap, HeaderName, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use pingora::http::RequestHeader;
use url::Url;

use super::admit::{host, single};
use super::answer::Answer;
use super::context::Context;
use super::decide::{Shared, word};
use super::denied;
use super::visitor::{Inquiry, Seen};
use super::wanted::Wanted;
use crate::gate::{self, Decision, RequestKind, request_kind};
use crate::pages::{ErrorCode, Missing};
use crate::snapshot::Snapshot;

const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const X_ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const X_ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");

/// Asks for a 302 in place of 401, for proxies that hand our answer to the visitor (Traefik, Caddy).
const REDIRECT: &str = "redirect=1";

/// The request that is asked about.
#[derive(Debug, PartialEq, Eq)]
struct Original {
    method: Method,
    host: String,
    path_and_query: String,
}

/// 200 with identity headers, 401 with the login address in `Location`, 302 where asked for, 403 or 503.
pub(super) async fn answer(
    shared: &Shared,
    snapshot: &Snapshot,
    header: &RequestHeader,
    target: &gate::Target<'_>,
    context: &mut Context,
) -> Answer {
    context.decision = "auth_refused";
    if !context.client.trusted_peer {
        let detail = "only the proxies listed in server.trusted_proxies may ask";
        return context.error(header, ErrorCode::Forbidden, Some(detail));
    }
    let Some(original) = Original::read(header, &context.host) else {
        return context.error(header, ErrorCode::Forbidden, Some("the request asked about cannot be read"));
    };
    context.host.clone_from(&original.host);
    context.kind = request_kind(&original.method, &header.headers);
    let Some(access) = route(snapshot, &original) else {
        return context.error(header, ErrorCode::Forbidden, Some("no route leads there"));
    };
    let Some(route) = access else {
        // Our own pages are for everybody; the other proxy sends them here.
        context.decision = "auth_own";
        return Answer::new(StatusCode::OK);
    };
    let inquiry = Inquiry { sessions: &shared.sessions, snapshot, host: &original.host, now: context.now };
    let (seen, _) = inquiry.look(&header.headers, route.access).await;
    let verdict = gate::decide(route, seen.as_gate(), context.kind);
    context.decision = word(&verdict);
    match verdict {
        Decision::Forward(None) => Answer::new(StatusCode::OK),
        Decision::Forward(Some(_)) => known(shared, snapshot, seen, context),
        refused => {
            let redirect = target.query.is_some_and(|query| query.split('&').any(|part| part == REDIRECT));
            let wanted = Wanted::elsewhere(snapshot, &original.host, &original.path_and_query);
            let expired = matches!(seen, Seen::Expired);
            refuse(context, header, route, refused, wanted, (redirect, expired))
        }
    }
}

/// The no. Where a page of ours can turn it into a yes, it is 401 with that page as `Location`, or a redirect there:
/// asking proxies send visitors on at 401, and at 403 they do not.
fn refuse(
    context: &Context,
    header: &RequestHeader,
    route: &gate::Route,
    verdict: Decision<'_>,
    wanted: Wanted<'_>,
    (redirect, expired): (bool, bool),
) -> Answer {
    let to = context.addressee(header);
    let send = |address: String, answer: Answer| {
        if redirect && context.kind == RequestKind::Navigation {
            return Answer::redirect(StatusCode::FOUND, &address);
        }
        match HeaderValue::try_from(address) {
            Ok(address) => answer.with(LOCATION, address),
            Err(_) => answer,
        }
    };
    let lacking = |code, missing: &Missing, address: &str| {
        let answer = Answer::denied(to, code, missing, Some(address));
        Answer { status: StatusCode::UNAUTHORIZED, ..answer }
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    };
    match verdict {
        Decision::RedirectToLogin | Decision::Unauthorized { .. } | Decision::GrpcUnauthenticated => {
            let address = wanted.login();
            let answer = Answer::unauthorized(to, expired, &address);
            send(address, answer)
        }
        Decision::RedirectToOtherMethod => {
            let address = wanted.login();
            let answer = lacking(ErrorCode::LoginMethodRequired, &denied::other_method(route), &address);
            send(address, answer)
        }
        Decision::RedirectToPhone => {
            let address = wanted.phone();
            let answer = lacking(ErrorCode::PhoneRequired, &denied::phone(), &address);
            send(address, answer)
        }
        Decision::Forbidden(refusal) => denied::answer(context, header, route, refusal, wanted),
        Decision::GrpcDenied => context.error(header, ErrorCode::Forbidden, None),
        // A forward is none, and has been seen to.
        Decision::Unavailable | Decision::Forward(_) => context.error(header, ErrorCode::StoreDown, None),
    }
}

/// The route of the original request: `None` if there is none or it cannot be told, `Some(None)` for our own
/// pages.
fn route<'s>(snapshot: &'s Snapshot, original: &Original) -> Option<Option<&'s gate::Route>> {
    let target = gate::target(&original.path_and_query).ok()?;
    if snapshot.site.own_path(&target.decoded).is_some() {
        return Some(None);
    }
    let route = snapshot.routes.find_target(&original.host, &target).ok()??;
    Some(Some(route))
}

fn known(shared: &Shared, snapshot: &Snapshot, seen: Seen, context: &Context) -> Answer {
    let mut answer = Answer::new(StatusCode::OK);
    if let Some(visitor) = seen.into_visitor() {
        let dress = shared.wardrobe.dress(&visitor, snapshot, &context.host, context.now);
        answer.headers.extend(dress.headers.iter().cloned());
    }
    answer
}

impl Original {
    /// Reads the request from the headers that nginx, Traefik, Caddy and others set; `None` if anything about
    /// them is doubtful.
    fn read(header: &RequestHeader, own_host: &str) -> Option<Self> {
        let headers = &header.headers;
        let method = match either(headers, &X_FORWARDED_METHOD, &X_ORIGINAL_METHOD)? {
            Some(text) => Method::from_bytes(text.as_bytes()).ok()?,
            None => header.method.clone(),
        };
        let forwarded_host = single(headers, &X_FORWARDED_HOST).ok()?;
        let named = forwarded_host.map_or_else(|| Some(own_host.to_owned()), host)?;
        let uri = either(headers, &X_FORWARDED_URI, &X_ORIGINAL_URI)?;
        match (uri, single(headers, &X_ORIGINAL_URL).ok()?) {
            (Some(path), None) => Some(Self { method, host: named, path_and_query: path.to_owned() }),
            (None, Some(url)) if url.starts_with('/') => {
                Some(Self { method, host: named, path_and_query: url.to_owned() })
            }
            (None, Some(url)) => Self::of_url(method, url, forwarded_host.map(|_| named)),
            // Two answers to one question, or none.
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// `X-Original-URL` as nginx's examples set it: scheme, host and all.
    fn of_url(method: Method, text: &str, forwarded_host: Option<String>) -> Option<Self> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let name = host(url.host_str()?)?;
        if forwarded_host.is_some_and(|forwarded| forwarded != name) {
            return None;
        }
        // The path as it was written, not as a URL parser tidies it up: the decision must see dot segments.
        let rest = text.split_once("://")?.1;
        let path = rest.find(['/', '?', '#']).map_or("/", |start| &rest[start..]);
        Some(Self { method, host: name, path_and_query: path.to_owned() })
    }
}

/// The value of one of two headers that say the same; `None` if they are doubtful or differ.
fn either<'a>(headers: &'a HeaderMap, one: &HeaderName, other: &HeaderName) -> Option<Option<&'a str>> {
    match (single(headers, one).ok()?, single(headers, other).ok()?) {
        (Some(one), Some(other)) if one != other => None,
        (one, other) => Some(one.or(other)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(lines: &[(&'static str, &'static str)]) -> Option<Original> {
        let mut header = RequestHeader::build("GET", b"/_menshen/auth", None).unwrap();
        for (name, value) in lines {
            header.append_header(*name, *value).unwrap();
        }
        Original::read(&header, "own.example.com")
    }

    fn original(method: Method, host: &str, path_and_query: &str) -> Option<Original> {
        Some(Original { method, host: host.into(), path_and_query: path_and_query.into() })
    }

    #[test]
    fn the_request_is_read_as_traefik_caddy_and_nginx_describe_it() {
        let traefik =
            [("X-Forwarded-Method", "POST"), ("X-Forwarded-Host", "A.example"), ("X-Forwarded-Uri", "/x?y")];
        assert_eq!(read(&traefik), original(Method::POST, "a.example", "/x?y"));
        let nginx = [("X-Original-Method", "PUT"), ("X-Original-URL", "https://a.example:8443/x/../y?z")];
        assert_eq!(read(&nginx), original(Method::PUT, "a.example", "/x/../y?z"));
        assert_eq!(read(&[("X-Original-URI", "/x")]), original(Method::GET, "own.example.com", "/x"));
    }

    #[rstest::rstest]
    #[case(&[])]
    #[case(&[("X-Forwarded-Uri", "/a"), ("X-Forwarded-Uri", "/b")])]
    #[case(&[("X-Forwarded-Uri", "/a"), ("X-Original-URI", "/b")])]
    #[case(&[("X-Forwarded-Uri", "/a"), ("X-Original-URL", "http://a/a")])]
    #[case(&[("X-Forwarded-Uri", "/a"), ("X-Forwarded-Host", "a b")])]
    #[case(&[("X-Forwarded-Uri", "/a"), ("X-Forwarded-Method", "G T")])]
    #[case(&[("X-Original-URL", "ftp://a/a")])]
    #[case(&[("X-Original-URL", "http://a/x"), ("X-Forwarded-Host", "b")])]
    fn a_doubtful_description_is_not_read(#[case] lines: &[(&'static str, &'static str)]) {
        assert_eq!(read(lines), None);
    }
}
