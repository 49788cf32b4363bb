//! Who gets through, and what everybody else is told.

use std::sync::Arc;

use super::faulty_store::{Fails, FaultyStore};
use super::gateway::{Gateway, Options, routes};
use super::raw_client::Raw;
use super::upstream::{App, header};
use menshen::ground::{Span, SystemClock};
use menshen::store::embedded::Embedded;

fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n")
}

#[tokio::test]
async fn a_stranger_is_told_in_the_form_that_suits_the_request() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let ask = async |path: &str, lines: &str| Raw::ask(gateway.address, &get(path, lines)).await;

    let page =
        ask("/a/b?c=d", "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n")
            .await;
    assert_eq!((page.status, page.header("cache-control")), (303, Some("no-store")));
    assert_eq!(page.header("location"), Some("/_menshen/login?rt=http%3A%2F%2Fapp.test%2Fa%2Fb%3Fc%3Dd"));
    assert_eq!(page.header("connection"), Some("keep-alive"));

    let fetch = ask("/a", "Accept: */*\r\nSec-Fetch-Mode: cors\r\n").await;
    assert_eq!((fetch.status, fetch.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(fetch.json()["error"], "login_required");
    assert_eq!(fetch.json()["login"], "http://app.test/_menshen/login");
    assert_eq!(fetch.json()["request_id"].as_str(), fetch.header("x-request-id"));

    let socket = ask("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n").await;
    assert_eq!(socket.status, 401);
    let grpc = ask("/g", "Content-Type: application/grpc\r\n").await;
    assert_eq!((grpc.status, grpc.header("grpc-status")), (200, Some("16")));
    let denied = ask("/deny", "Accept: text/html\r\n").await;
    assert_eq!((denied.status, denied.header("content-type")), (403, Some("text/html; charset=utf-8")));
    assert!(denied.header("content-security-policy").is_some());
    let preflight = "OPTIONS /a HTTP/1.1\r\nHost: app.test\r\nOrigin: https://o.test\r\n\
                     Access-Control-Request-Method: PUT\r\n\r\n";
    assert_eq!(Raw::ask(gateway.address, preflight).await.status, 401);
    assert_eq!(app.heads().len(), 0);
}

/// Every value of `Upgrade` is decided like any other request.
#[rstest::rstest]
#[case("x")]
#[case("websocket")]
#[case("WebSocket")]
#[case("h2c")]
#[tokio::test]
async fn an_upgrade_is_no_way_around_the_login(#[case] value: &str) {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    for lines in [format!("Upgrade: {value}\r\n"), format!("Connection: Upgrade\r\nUpgrade: {value}\r\n")] {
        assert_eq!(Raw::ask(gateway.address, &get("/x", &lines)).await.status, 401, "{lines}");
    }
    assert_eq!(app.heads().len(), 0);
}

#[tokio::test]
async fn broken_tokens_are_answered_like_none() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let without = Raw::ask(gateway.address, &get("/x", "")).await;
    for token in ["", "x", &"A".repeat(43), &"A".repeat(5000), "\"quoted\"", "\u{e9}"] {
        let answer = Raw::ask(gateway.address, &get("/x", &format!("Cookie: menshen={token}\r\n"))).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (without.status, &without.json()["error"]),
            "{token}"
        );
    }
}

/// Acceptance: U3.
#[tokio::test]
async fn an_ended_session_is_refused_at_the_next_request() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    let request = get("/x", &format!("Cookie: menshen={token}\r\n"));
    assert_eq!(Raw::ask(gateway.address, &request).await.status, 200);
    gateway.end_sessions("ada").await;
    let begun = tokio::time::Instant::now();
    while Raw::ask(gateway.address, &request).await.status != 401 {
        assert!(begun.elapsed() < super::raw_client::LIMIT, "still let in");
    }
}

#[tokio::test]
async fn a_session_of_another_host_is_a_strangers() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    let request = format!("GET /x HTTP/1.1\r\nHost: other.test\r\nCookie: menshen={token}\r\n\r\n");
    assert_eq!(Raw::ask(gateway.address, &request).await.status, 401);
}

#[tokio::test]
async fn a_broken_store_is_503_for_who_holds_a_token_and_nothing_to_all_others() {
    let (app, address) = App::tcp().await;
    let memory = Embedded::memory(Span::from_secs(5), Arc::new(SystemClock)).unwrap();
    let store = Arc::new(FaultyStore::new(Arc::new(memory)));
    let options = Options { tables: routes(address), store: Some(store.clone()), ..Options::default() };
    let gateway = Gateway::start(options).await;
    let token = gateway.visitor("ada").await;
    store.die_at(store.calls(), Fails::Before);
    let cookie = format!("Cookie: menshen={token}\r\n");
    let answer = Raw::ask(gateway.address, &get("/x", &cookie)).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(answer.json()["error"], "store_down");
    assert_eq!(app.heads().len(), 0);
    assert_eq!(Raw::ask(gateway.address, &get("/public", &cookie)).await.status, 200);
    store.heal();
    assert_eq!(Raw::ask(gateway.address, &get("/x", &cookie)).await.status, 200);
}

#[tokio::test]
async fn no_route_and_a_foreign_host_on_our_own_pages_are_404() {
    let (_app, address) = App::tcp().await;
    let tables = routes(address).replace("path = \"/\"\n", "path = \"/only\"\n");
    let gateway = Gateway::start(Options { tables, ..Options::default() }).await;
    assert_eq!(Raw::ask(gateway.address, &get("/elsewhere", "")).await.status, 404);
    let foreign = "GET /_menshen/login HTTP/1.1\r\nHost: evil.test\r\n\r\n";
    assert_eq!(Raw::ask(gateway.address, foreign).await.status, 404);
    assert_eq!(gateway.portal.heads().len(), 0);
}

#[tokio::test]
async fn each_request_leaves_one_line_that_names_no_query_and_no_token() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    let answer =
        Raw::ask(gateway.address, &get("/x?code=secret", &format!("Cookie: menshen={token}\r\n"))).await;
    Raw::ask(gateway.address, &get("/_menshen/callback/web?code=secret", "")).await;
    Raw::ask(gateway.address, &get("/x/../y", "")).await;
    Raw::ask(gateway.address, &get("/deny", "")).await;
    let lines = gateway.log.wait(4).await;
    assert_eq!(lines.len(), 4);
    let line = &lines[0];
    assert_eq!(line["id"].as_str(), answer.header("x-request-id"));
    for (key, value) in
        [("client", "127.0.0.1"), ("method", "GET"), ("host", "app.test"), ("path", "/x"), ("route", "/")]
    {
        assert_eq!(line[key], value);
    }
    assert_eq!(
        (&line["status"], &line["decision"], &line["account"]),
        (&200.into(), &"known".into(), &"ada".into())
    );
    assert!(line["upstream_us"].is_u64() && line["total_us"].is_u64());
    assert_eq!((&lines[1]["decision"], &lines[2]["decision"]), (&"portal".into(), &"refused".into()));
    assert_eq!((&lines[3]["decision"], &lines[3]["route"]), (&"forbidden".into(), &"/deny".into()));
    let text = format!("{lines:?}");
    assert!(!text.contains("secret") && !text.contains(&token), "{text}");
}

#[tokio::test]
async fn a_reload_changes_routes_for_the_next_request_on_an_open_connection() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let mut client = Raw::connect(gateway.address).await;
    client.send(get("/public", "")).await;
    assert_eq!(client.answer().await.status, 200);
    gateway.reload(&routes(address).replace("access = \"public\"", "access = \"deny\""));
    client.send(get("/public", "")).await;
    assert_eq!(client.answer().await.status, 403);
    assert_eq!(header(&app.heads()[0], "x-forwarded-proto"), Some("http"));
}
