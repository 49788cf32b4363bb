#![allow(clippy::unwrap_used)]
use super::super::testing::{principal, route};
use super::*;
use crate::domain::MethodId;
use crate::gate::Require;
use http::Request;

/// A decision without the principal's insides, to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    AsNobody,
    AsVisitor,
    Redirect,
    Unauthorized,
    UnauthorizedExpired,
    Grpc,
    OtherMethod,
    Phone,
    Forbidden,
    ForbiddenMethod,
    ForbiddenLacking,
    GrpcDenied,
    Unavailable,
}

fn said(decision: Decision<'_>) -> Said {
    match decision {
        Decision::Forward(None) => Said::AsNobody,
        Decision::Forward(Some(principal)) => {
            assert_eq!(principal.account_id(), "a1");
            Said::AsVisitor
        }
        Decision::RedirectToLogin => Said::Redirect,
        Decision::Unauthorized { expired: false } => Said::Unauthorized,
        Decision::Unauthorized { expired: true } => Said::UnauthorizedExpired,
        Decision::GrpcUnauthenticated => Said::Grpc,
        Decision::RedirectToOtherMethod => Said::OtherMethod,
        Decision::RedirectToPhone => Said::Phone,
        Decision::Forbidden(Refusal::Closed) => Said::Forbidden,
        Decision::Forbidden(Refusal::Method) => Said::ForbiddenMethod,
        Decision::Forbidden(Refusal::Lacks(..)) => Said::ForbiddenLacking,
        Decision::GrpcDenied => Said::GrpcDenied,
        Decision::Unavailable => Said::Unavailable,
    }
}

/// In the order of the columns below.
const KINDS: [RequestKind; 6] = [
    RequestKind::Navigation,
    RequestKind::Fetch,
    RequestKind::Api,
    RequestKind::WebSocket,
    RequestKind::Grpc,
    RequestKind::Preflight,
];

#[test]
fn every_access_visitor_and_kind_has_one_decision() {
    use Said::*;
    let principal = principal(|_| ());
    let known = Visitor::Known(&principal);
    let (stranger, expired, down) = (Visitor::Stranger, Visitor::Expired, Visitor::StoreDown);
    let (refuse, forward) = (Preflight::Refuse, Preflight::Forward);
    let (u, x) = (Unauthorized, UnauthorizedExpired);
    let table: [(Access, Preflight, Visitor<'_>, [Said; 6]); 20] = [
        // access, preflight, visitor → navigation, fetch, api, websocket, grpc, preflight
        (Access::Public, refuse, stranger, [AsNobody, AsNobody, AsNobody, AsNobody, AsNobody, AsNobody]),
        (Access::Public, refuse, expired, [AsNobody, AsNobody, AsNobody, AsNobody, AsNobody, AsNobody]),
        (Access::Public, refuse, known, [AsNobody, AsNobody, AsNobody, AsNobody, AsNobody, AsNobody]),
        (Access::Public, refuse, down, [AsNobody, AsNobody, AsNobody, AsNobody, AsNobody, AsNobody]),
        (Access::Optional, refuse, stranger, [AsNobody, AsNobody, AsNobody, AsNobody, AsNobody, AsNobody]),
        (Access::Optional, refuse, expired, [AsNobody, AsNobody, AsNobody, AsNobody, AsNobody, AsNobody]),
        (Access::Optional, refuse, known, [AsVisitor, AsVisitor, AsVisitor, AsVisitor, AsVisitor, AsVisitor]),
        (
            Access::Optional,
            refuse,
            down,
            [Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable],
        ),
        (Access::Login, refuse, stranger, [Redirect, u, Unauthorized, Unauthorized, Grpc, Unauthorized]),
        (
            Access::Login,
            refuse,
            expired,
            [Redirect, x, UnauthorizedExpired, UnauthorizedExpired, Grpc, UnauthorizedExpired],
        ),
        (Access::Login, refuse, known, [AsVisitor, AsVisitor, AsVisitor, AsVisitor, AsVisitor, AsVisitor]),
        (
            Access::Login,
            refuse,
            down,
            [Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable],
        ),
        (
            Access::Login,
            forward,
            stranger,
            [Redirect, Unauthorized, Unauthorized, Unauthorized, Grpc, AsNobody],
        ),
        (
            Access::Login,
            forward,
            expired,
            [Redirect, UnauthorizedExpired, UnauthorizedExpired, UnauthorizedExpired, Grpc, AsNobody],
        ),
        (Access::Login, forward, known, [AsVisitor, AsVisitor, AsVisitor, AsVisitor, AsVisitor, AsVisitor]),
        (
            Access::Login,
            forward,
            down,
            [Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable],
        ),
        (
            Access::Deny,
            forward,
            stranger,
            [Forbidden, Forbidden, Forbidden, Forbidden, GrpcDenied, Forbidden],
        ),
        (Access::Deny, forward, expired, [Forbidden, Forbidden, Forbidden, Forbidden, GrpcDenied, Forbidden]),
        (Access::Deny, forward, known, [Forbidden, Forbidden, Forbidden, Forbidden, GrpcDenied, Forbidden]),
        (Access::Deny, forward, down, [Forbidden, Forbidden, Forbidden, Forbidden, GrpcDenied, Forbidden]),
    ];
    for (access, preflight, visitor, expected) in table {
        let route = Route { preflight, ..route("r", &[], "/", access) };
        let got = KINDS.map(|kind| said(decide(&route, visitor, kind)));
        assert_eq!(got, expected, "{access:?} {preflight:?} {visitor:?}");
        assert_eq!(
            said(decide(&route, visitor, RequestKind::Form)),
            got[2],
            "a form is never sent elsewhere"
        );
    }
}

/// What a route asks of its known visitors, each against one who has it and one who does not. A phone number is asked
/// for where it is all that is missing; the method goes before everything.
#[test]
fn a_known_visitor_must_have_all_that_a_login_route_asks_for() {
    use Said::*;
    let bare = principal(|_| ());
    let member = principal(|account| account.groups = vec!["staff".into()]);
    let groups = Require { groups: vec!["staff".into()], ..Require::default() };
    let phone = Require { phone: true, ..Require::default() };
    let both = Require { phone: true, ..groups.clone() };
    let (refuse, forward) = (Preflight::Refuse, Preflight::Forward);
    let (pass, lacking) = ([AsVisitor; 6], ForbiddenLacking);
    let denied = [lacking, lacking, lacking, lacking, GrpcDenied, lacking];
    let asked = [Phone, lacking, lacking, lacking, GrpcDenied, lacking];
    let method = ForbiddenMethod;
    let other = [OtherMethod, method, method, method, GrpcDenied, method];
    // require, the methods it takes (the session is of `qr`), preflight, visitor → as above
    type Row<'a> = (Option<&'a Require>, &'a [&'a str], Preflight, &'a Principal, [Said; 6]);
    let table: [Row<'_>; 11] = [
        (None, &[], refuse, &bare, pass),
        (None, &["web", "qr"], refuse, &bare, pass),
        (None, &["web"], refuse, &bare, other),
        (Some(&groups), &["web"], refuse, &bare, other),
        (Some(&groups), &["qr"], refuse, &bare, denied),
        (Some(&groups), &[], refuse, &member, pass),
        (Some(&phone), &[], refuse, &bare, asked),
        (Some(&both), &[], refuse, &bare, denied),
        (Some(&both), &[], refuse, &member, asked),
        (Some(&groups), &[], forward, &bare, [lacking, lacking, lacking, lacking, GrpcDenied, AsNobody]),
        (None, &["web"], forward, &bare, [OtherMethod, method, method, method, GrpcDenied, AsNobody]),
    ];
    for (require, methods, preflight, visitor, expected) in table {
        let methods: Vec<_> = methods.iter().map(|id| MethodId::new(*id).unwrap()).collect();
        let asks = |access| Route {
            preflight,
            methods: methods.clone(),
            require: require.cloned(),
            ..route("r", &[], "/", access)
        };
        let got = KINDS.map(|kind| said(decide(&asks(Access::Login), Visitor::Known(visitor), kind)));
        assert_eq!(got, expected, "{require:?} {methods:?} {preflight:?}");
        let form = said(decide(&asks(Access::Login), Visitor::Known(visitor), RequestKind::Form));
        assert_eq!(form, got[2]);
        // Of a stranger nothing is asked but a login, and no other kind of route asks anything.
        let plain = Route { preflight, ..route("r", &[], "/", Access::Login) };
        for kind in KINDS {
            let stranger = |route: &Route| said(decide(route, Visitor::Stranger, kind));
            assert_eq!(stranger(&asks(Access::Login)), stranger(&plain));
            let optional = asks(Access::Optional);
            assert_eq!(said(decide(&optional, Visitor::Known(visitor), kind)), AsVisitor);
        }
    }
}

/// Each case: method, then header lines as the client sends them.
#[rstest::rstest]
#[case::chrome_page("GET", &["Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-User: ?1", "Sec-Fetch-Dest: document", "Upgrade-Insecure-Requests: 1"], RequestKind::Navigation)]
#[case::chrome_iframe("GET", &["Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"], RequestKind::Navigation)]
#[case::service_worker_page("GET", &["Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"], RequestKind::Navigation)]
#[case::head_of_a_page("HEAD", &["Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], RequestKind::Navigation)]
#[case::chrome_object("GET", &["Accept: */*", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: object"], RequestKind::Fetch)]
#[case::chrome_form("POST", &["Accept: text/html,*/*;q=0.8", "Content-Type: application/x-www-form-urlencoded", "Origin: https://app.example.com", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], RequestKind::Form)]
#[case::chrome_fetch("GET", &["Accept: */*", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"], RequestKind::Fetch)]
#[case::fetch_that_wants_html("GET", &["Accept: text/html", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"], RequestKind::Fetch)]
#[case::chrome_script("GET", &["Accept: */*", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"], RequestKind::Fetch)]
#[case::chrome_image("GET", &["Accept: image/avif,image/webp,*/*;q=0.8", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"], RequestKind::Fetch)]
#[case::chrome_event_source("GET", &["Accept: text/event-stream", "Cache-Control: no-cache", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"], RequestKind::Fetch)]
#[case::old_event_source("GET", &["Accept: text/event-stream", "Cache-Control: no-cache"], RequestKind::Fetch)]
#[case::old_safari_page("GET", &["Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language: zh-CN,zh-Hans;q=0.9"], RequestKind::Navigation)]
#[case::old_safari_form("POST", &["Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Content-Type: multipart/form-data; boundary=x"], RequestKind::Form)]
#[case::android_wechat_page("GET", &["Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/wxpic,image/tpg,image/webp,image/apng,*/*;q=0.8", "X-Requested-With: com.tencent.mm"], RequestKind::Navigation)]
#[case::jquery("GET", &["Accept: text/html, */*; q=0.01", "X-Requested-With: XMLHttpRequest"], RequestKind::Fetch)]
#[case::axios("POST", &["Accept: application/json, text/plain, */*", "X-Requested-With: xmlhttprequest"], RequestKind::Fetch)]
#[case::old_fetch("GET", &["Accept: */*", "Origin: https://app.example.com"], RequestKind::Api)]
#[case::curl("GET", &["User-Agent: curl/8.10.1", "Accept: */*"], RequestKind::Api)]
#[case::nothing("GET", &[], RequestKind::Api)]
#[case::json_client("POST", &["Accept: application/json", "Content-Type: application/json"], RequestKind::Api)]
#[case::html_lookalike("GET", &["Accept: text/html5, x-text/html"], RequestKind::Api)]
#[case::accept_in_two_lines("GET", &["Accept: image/webp", "Accept: TEXT/HTML;level=1"], RequestKind::Navigation)]
#[case::delete("DELETE", &["Accept: text/html"], RequestKind::Api)]
#[case::chrome_web_socket("GET", &["Connection: Upgrade", "Upgrade: websocket", "Origin: https://app.example.com", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"], RequestKind::WebSocket)]
#[case::web_socket_in_a_list("GET", &["Upgrade: h2c, WebSocket"], RequestKind::WebSocket)]
#[case::upgrade_to_nonsense("GET", &["Upgrade: x", "Accept: text/html"], RequestKind::Navigation)]
#[case::upgrade_to_h2c("GET", &["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "Accept: */*"], RequestKind::Api)]
#[case::grpc("POST", &["Content-Type: application/grpc", "TE: trailers"], RequestKind::Grpc)]
#[case::grpc_proto("POST", &["Content-Type: application/grpc+proto", "TE: trailers"], RequestKind::Grpc)]
#[case::grpc_web("POST", &["Content-Type: application/grpc-web-text", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"], RequestKind::Grpc)]
#[case::grpc_lookalike("POST", &["Content-Type: application/grpcish"], RequestKind::Api)]
#[case::grpc_cut_short("POST", &["Content-Type: application/grp"], RequestKind::Api)]
#[case::preflight("OPTIONS", &["Origin: https://spa.example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"], RequestKind::Preflight)]
#[case::options_without_cors("OPTIONS", &["Accept: */*"], RequestKind::Api)]
#[case::options_without_origin("OPTIONS", &["Access-Control-Request-Method: PUT"], RequestKind::Api)]
#[case::preflight_headers_on_get("GET", &["Origin: https://spa.example.com", "Access-Control-Request-Method: PUT"], RequestKind::Api)]
fn a_request_is_known_by_its_headers(
    #[case] method: &str,
    #[case] lines: &[&str],
    #[case] kind: RequestKind,
) {
    let mut request = Request::builder().method(method);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let request = request.body(()).unwrap();
    assert_eq!(request_kind(request.method(), request.headers()), kind);
}

/// An `Upgrade` header walked past the login of another gateway; here no header does.
#[test]
fn no_header_lets_a_stranger_through() {
    let route = route("r", &[], "/", Access::Login);
    for upgrade in ["x", "websocket", "WebSocket", "h2c", "TLS/1.2", ""] {
        for accept in ["text/html", "*/*"] {
            let request =
                Request::builder().header("upgrade", upgrade).header("accept", accept).body(()).unwrap();
            let kind = request_kind(request.method(), request.headers());
            let decision = decide(&route, Visitor::Stranger, kind);
            assert!(!matches!(decision, Decision::Forward(_)), "{upgrade} {accept}");
        }
    }
}

#[test]
fn values_that_are_no_text_are_read_without_harm() {
    let request = Request::builder()
        .header("accept", HeaderValue::from_bytes(b"\xff\xfe,text/html").unwrap())
        .header("upgrade", HeaderValue::from_bytes(b"\x80").unwrap())
        .body(())
        .unwrap();
    assert_eq!(request_kind(request.method(), request.headers()), RequestKind::Navigation);
}
