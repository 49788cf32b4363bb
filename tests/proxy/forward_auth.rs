//! `/_menshen/auth`: the answer to another proxy.

use menshen::domain::Session;
use menshen::ground::{Clock as _, Span, SystemClock, Token};

use super::gateway::{Gateway, Options, routes};
use super::raw_client::{Raw, Response};
use super::rows::session;
use super::upstream::{App, headers};

const TRUSTED: &str = "trusted_proxies = [\"127.0.0.1\"]";

async fn trusting(server: &'static str) -> (Gateway, App) {
    let (app, address) = App::tcp().await;
    (Gateway::start(Options { server, tables: routes(address), ..Options::default() }).await, app)
}

async fn ask(gateway: &Gateway, query: &str, lines: &str) -> Response {
    let request = format!("GET /_menshen/auth{query} HTTP/1.1\r\nHost: auth.test\r\n{lines}\r\n");
    Raw::ask(gateway.address, &request).await
}

fn about(path: &str, lines: &str) -> String {
    format!(
        "X-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: app.test\r\nX-Forwarded-Uri: {path}\r\n{lines}"
    )
}

/// Acceptance: U8.
#[tokio::test]
async fn a_known_visitor_is_200_with_identity_and_nobody_on_a_public_route_without() {
    let (gateway, app) = trusting(TRUSTED).await;
    let token = gateway.visitor("ada").await;
    let cookie = format!("Cookie: menshen={token}\r\nX-User-ID: forged\r\n");
    let answer = ask(&gateway, "", &about("/x", &cookie)).await;
    assert_eq!((answer.status, headers(&answer.head, "x-user-id")), (200, vec!["ada"]));
    assert!(answer.header("x-user-assertion").is_some());
    let answer = ask(&gateway, "", &about("/public", &cookie)).await;
    assert_eq!((answer.status, headers(&answer.head, "x-user-id")), (200, vec![]));
    let nginx = format!("X-Original-URL: https://app.test/x?y\r\nX-Original-Method: POST\r\n{cookie}");
    assert_eq!(ask(&gateway, "", &nginx).await.header("x-user-id"), Some("ada"));
    assert_eq!((app.heads().len(), gateway.portal.heads().len()), (0, 0));
}

/// Acceptance: U8. An old cookie does not stand in the way of a token that counts, asked about or sent here.
#[tokio::test]
async fn tokens_are_read_for_another_proxy_as_they_are_read_here() {
    let (gateway, app) = trusting(TRUSTED).await;
    let old = Token::generate(&mut rand::rng());
    let long_ago = SystemClock.now().millis() - 40 * 86_400_000;
    let session = Session { host: "app.test".into(), ..session("ada", long_ago) };
    gateway.store.put_session(&old.digest(), &session, Span::from_days(1)).await.unwrap();
    let token = gateway.visitor("ada").await;
    let lines = format!("Cookie: menshen={}\r\nAuthorization: Bearer {token}\r\n", old.reveal());
    let here = format!("GET /x HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n");
    assert_eq!(Raw::ask(gateway.address, &here).await.status, 200);
    assert_eq!(headers(&app.heads()[0], "x-user-id"), ["ada"]);
    let asked = ask(&gateway, "", &about("/x", &lines)).await;
    assert_eq!((asked.status, asked.header("x-user-id")), (200, Some("ada")));
}

#[tokio::test]
async fn a_stranger_is_401_with_the_login_address_or_302_where_that_is_asked_for() {
    let (gateway, _app) = trusting(TRUSTED).await;
    let page = about("/a?b=c", "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n");
    let address = "http://app.test/_menshen/login?rt=http%3A%2F%2Fapp.test%2Fa%3Fb%3Dc";
    let answer = ask(&gateway, "", &page).await;
    assert_eq!((answer.status, answer.header("location")), (401, Some(address)));
    let answer = ask(&gateway, "?redirect=1", &page).await;
    assert_eq!((answer.status, answer.header("location")), (302, Some(address)));
    let script = about("/a", "Accept: */*\r\nSec-Fetch-Mode: cors\r\n");
    assert_eq!(ask(&gateway, "?redirect=1", &script).await.status, 401);
}

#[tokio::test]
async fn what_cannot_be_read_or_is_denied_is_403() {
    let (gateway, _app) = trusting(TRUSTED).await;
    let token = gateway.visitor("ada").await;
    let cookie = format!("Cookie: menshen={token}\r\n");
    for lines in [
        about("/deny", &cookie),
        about("/public/../x", &cookie),
        about("/public/%2e%2e/x", &cookie),
        about("/public/..;/x", &cookie),
        about("x", &cookie),
        about("/x", &format!("{cookie}X-Forwarded-Uri: /public\r\n")),
        about("/public#/x", &cookie),
        cookie.clone(),
    ] {
        assert_eq!(ask(&gateway, "", &lines).await.status, 403, "{lines}");
    }
}

#[tokio::test]
async fn a_peer_nobody_trusts_is_answered_nothing() {
    let (gateway, _app) = trusting("").await;
    let token = gateway.visitor("ada").await;
    for path in ["/x", "/public"] {
        let answer = ask(&gateway, "", &about(path, &format!("Cookie: menshen={token}\r\n"))).await;
        assert_eq!((answer.status, answer.header("x-user-id")), (403, None));
    }
}
