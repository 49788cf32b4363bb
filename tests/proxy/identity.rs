//! What an app is told about a visitor, and that nobody else can tell it.

use super::gateway::Gateway;
use super::raw_client::Raw;
use super::upstream::{App, header, headers};

/// Every spelling that some app might fold into `X-User-UnionID`, `X-User-ID` and the like, and forwarding headers.
const FORGED: &[&str] = &[
    "X-User-ID",
    "x-user-id",
    "X_User_ID",
    "X.User.ID",
    "XUserID",
    "X-User_Id",
    "X-User-UnionID",
    "X_User_UnionID",
    "X-User-OpenID",
    "X-User-AppID",
    "X-User-Name",
    "X!User#Name",
    "X-User-Groups",
    "X-User-Phone",
    "X~User~Email",
    "X-User-Assertion",
    "X_User_Assertion",
    "X-Menshen-Client-IP",
    "X_Menshen_Scheme",
    "X-Forwarded-User",
    "X-Forwarded-Prefix",
    "Forwarded",
    "X-Original-URL",
    "X_Original_URI",
    "X-Rewrite-URL",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X_Real_IP",
    "X_Forwarded_For",
    "X_Request_Id",
];

fn forged() -> String {
    FORGED.iter().map(|name| format!("{name}: forged\r\n")).collect()
}

fn assert_clean(head: &str) {
    assert!(!head.contains("forged"), "{head}");
}

/// Acceptance: U8.
#[tokio::test]
async fn forged_identity_reaches_no_app_on_any_kind_of_route() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    let cookie = format!("Cookie: menshen={token}\r\n");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n";
    let preflight = "Origin: https://other.test\r\nAccess-Control-Request-Method: POST\r\n";
    for (method, path, lines) in [
        ("GET", "/public", String::new()),
        ("HEAD", "/public", String::new()),
        ("OPTIONS", "/public", preflight.into()),
        ("OPTIONS", "/preflight", preflight.into()),
        ("GET", "/optional", String::new()),
        ("GET", "/public/ws", upgrade.into()),
        ("GET", "/x", cookie.clone()),
        ("HEAD", "/x", cookie.clone()),
        ("OPTIONS", "/x", cookie.clone()),
        ("GET", "/x/ws", format!("{cookie}{upgrade}")),
        (
            "GET",
            "/x",
            format!("{cookie}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n"),
        ),
    ] {
        let mut client = Raw::connect(gateway.address).await;
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: app.test\r\n{}{lines}\r\n", forged())).await;
        let answer = client.answer_to(method).await;
        assert!(matches!(answer.status, 200 | 101), "{method} {path}: {answer:?}");
        let head = app.heads().pop().unwrap();
        assert!(head.starts_with(&format!("{method} {path} ")), "{head}");
        assert_clean(&head);
        let known = lines.contains("menshen=");
        assert_eq!(headers(&head, "x-user-id"), if known { vec!["ada"] } else { vec![] }, "{method} {path}");
    }
    let login = format!("GET /_menshen/login HTTP/1.1\r\nHost: app.test\r\n{}\r\n", forged());
    assert_eq!(Raw::ask(gateway.address, &login).await.status, 200);
    assert_clean(&gateway.portal.heads()[0]);
}

/// Acceptance: U8, U1.
#[tokio::test]
async fn a_known_visitor_is_named_once_and_what_is_not_known_is_left_out() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    let request = format!(
        "GET /x HTTP/1.1\r\nHost: app.test\r\nCookie: menshen={token}\r\nX-User-Phone: 1\r\nX-User-Groups: root\r\n\r\n"
    );
    assert_eq!(Raw::ask(gateway.address, &request).await.status, 200);
    let head = app.heads().pop().unwrap();
    assert_eq!(headers(&head, "x-user-id"), ["ada"]);
    assert_eq!(headers(&head, "x-user-unionid"), ["u-ada"]);
    assert_eq!(headers(&head, "x-user-name"), ["%E9%97%A8%E7%A5%9E"]);
    assert_eq!(headers(&head, "x-user-phone"), Vec::<&str>::new());
    assert_eq!(headers(&head, "x-user-groups"), Vec::<&str>::new());
}

#[tokio::test]
async fn a_client_cannot_have_our_headers_dropped_by_nominating_them() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    let request = format!(
        "GET /x HTTP/1.1\r\nHost: app.test\r\nCookie: menshen={token}\r\n\
         Connection: X-User-ID, X-User-UnionID, X-Real-IP, keep-alive\r\n\r\n"
    );
    assert_eq!(Raw::ask(gateway.address, &request).await.status, 200);
    let head = app.heads().pop().unwrap();
    assert_eq!(header(&head, "x-user-id"), Some("ada"));
    assert_eq!(header(&head, "x-real-ip"), Some("127.0.0.1"));
    assert_eq!(header(&head, "connection"), None);
}

#[tokio::test]
async fn our_tokens_stay_with_us_and_the_apps_own_reach_it() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    let theirs = "A".repeat(43);
    let last = |app: &App| app.heads().pop().unwrap();
    let ask = async |lines: String| {
        let request = format!("GET /optional HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n");
        assert_eq!(Raw::ask(gateway.address, &request).await.status, 200);
        last(&app)
    };
    let head = ask(format!("Cookie: a=1; menshen={token}; b=\"2 ;x\"\r\nCookie: c=3\r\n")).await;
    assert_eq!(headers(&head, "cookie"), ["a=1; b=\"2 ;x\"; c=3"]);
    let head = ask(format!("Cookie: menshen={token}\r\n")).await;
    assert_eq!(header(&head, "cookie"), None);
    let head = ask(format!("Authorization: Bearer {token}\r\n")).await;
    assert_eq!((header(&head, "authorization"), header(&head, "x-user-id")), (None, Some("ada")));
    let head = ask(format!("Authorization: Bearer {theirs}\r\n")).await;
    assert_eq!(header(&head, "authorization"), Some(format!("Bearer {theirs}").as_str()));
    let head = ask("Authorization: Basic eA==\r\n".into()).await;
    assert_eq!(header(&head, "authorization"), Some("Basic eA=="));
    let public = format!("GET /public HTTP/1.1\r\nHost: app.test\r\nAuthorization: Bearer {token}\r\n\r\n");
    assert_eq!(Raw::ask(gateway.address, &public).await.status, 200);
    let head = last(&app);
    assert_eq!((header(&head, "authorization"), header(&head, "x-user-id")), (None, None));
}

#[tokio::test]
async fn a_session_is_found_in_any_of_several_cookies_and_lines() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    let other = "B".repeat(43);
    for lines in [
        format!("Cookie: a=1\r\nCookie: menshen={token}\r\n"),
        format!("Cookie: menshen={other}; menshen={token}\r\n"),
        format!("Cookie: menshen=broken\r\nCookie: menshen={token}; a=1\r\n"),
    ] {
        let request = format!("GET /x HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n");
        assert_eq!(Raw::ask(gateway.address, &request).await.status, 200, "{lines}");
        assert_eq!(header(&app.heads().pop().unwrap(), "x-user-id"), Some("ada"));
    }
}

#[tokio::test]
async fn an_app_learns_where_a_request_came_from_and_only_trusted_proxies_may_say_more() {
    let (app, address) = App::tcp().await;
    let lines = "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\n\
                 X-Request-ID: theirs-0123456789\r\n";
    let request = format!("GET /renamed HTTP/1.1\r\nHost: App.test:80\r\n{lines}\r\n");

    let gateway = Gateway::before(address).await;
    let answer = Raw::ask(gateway.address, &request).await;
    let head = app.heads().pop().unwrap();
    assert_eq!(headers(&head, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(headers(&head, "x-real-ip"), ["127.0.0.1"]);
    assert_eq!(headers(&head, "x-forwarded-proto"), ["http"]);
    assert_eq!(headers(&head, "x-forwarded-host"), ["App.test:80"]);
    assert_eq!(headers(&head, "host"), ["inner.test"]);
    assert_ne!(header(&head, "x-request-id"), Some("theirs-0123456789"));
    assert_eq!(header(&head, "x-request-id"), answer.header("x-request-id"));

    let tables = super::gateway::routes(address);
    let server = "trusted_proxies = [\"127.0.0.0/8\"]";
    let options = super::gateway::Options { server, tables, ..Default::default() };
    let gateway = Gateway::start(options).await;
    assert_eq!(Raw::ask(gateway.address, &request).await.status, 200);
    let head = app.heads().pop().unwrap();
    assert_eq!(headers(&head, "x-forwarded-for"), ["203.0.113.7, 127.0.0.1"]);
    assert_eq!(headers(&head, "x-real-ip"), ["203.0.113.7"]);
    assert_eq!(headers(&head, "x-forwarded-proto"), ["https"]);
    assert_eq!(header(&head, "x-request-id"), Some("theirs-0123456789"));
}

#[tokio::test]
async fn an_app_cannot_set_our_cookie_and_our_pages_can() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let toss = |path: &str| format!("GET {path}/tossed HTTP/1.1\r\nHost: app.test\r\n\r\n");
    let answer = Raw::ask(gateway.address, &toss("/public")).await;
    assert_eq!(headers(&answer.head, "set-cookie"), ["own=1"]);
    let answer = Raw::ask(gateway.address, &toss("/_menshen")).await;
    assert_eq!(headers(&answer.head, "set-cookie"), ["menshen=evil", "own=1"]);
}

#[tokio::test]
async fn our_pages_get_the_visitors_cookies_and_the_facts_of_the_hop() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    let request = format!(
        "POST /_menshen/logout?x=1 HTTP/1.1\r\nHost: app.test\r\nCookie: menshen={token}\r\n\
         X-Menshen-Client-IP: 6.6.6.6\r\nX_Menshen_Client_IP: 6.6.6.6\r\nContent-Length: 2\r\n\r\nhi"
    );
    let answer = Raw::ask(gateway.address, &request).await;
    assert!(answer.text().ends_with(&format!("size=2 sum={:x}", super::upstream::add(0, b"hi"))));
    let head = gateway.portal.heads().pop().unwrap();
    assert!(head.starts_with("POST /_menshen/logout?x=1 "));
    assert_eq!(header(&head, "cookie"), Some(format!("menshen={token}").as_str()));
    assert_eq!(headers(&head, "x-menshen-client-ip"), ["127.0.0.1"]);
    assert_eq!(headers(&head, "x-menshen-scheme"), ["http"]);
    assert_eq!(headers(&head, "x-menshen-request-id").len(), 1);
    assert!(!head.contains("6.6.6.6"));
    assert_eq!(app.heads().len(), 0);
}
