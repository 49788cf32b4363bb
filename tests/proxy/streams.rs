//! WebSockets, event streams, trailers, and what ends them.

use super::gateway::{Gateway, Options, routes};
use super::raw_client::{LIMIT, Raw};
use super::rows::account;
use super::upstream::App;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n";

async fn before() -> (App, Gateway, String) {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let token = gateway.visitor("ada").await;
    (app, gateway, format!("Cookie: menshen={token}\r\n"))
}

async fn open(gateway: &Gateway, path: &str, lines: &str) -> Raw {
    let mut client = Raw::connect(gateway.address).await;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n")).await;
    client
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_and_closes_on_both_sides() {
    let (app, gateway, cookie) = before().await;
    let mut client = open(&gateway, "/ws", &format!("{cookie}{UPGRADE}")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("upgrade")), (101, Some("websocket")));
    for text in ["hello", "and again"] {
        client.send(text).await;
        assert_eq!(client.exactly(text.len()).await, text.as_bytes());
    }
    client.stream.shutdown().await.unwrap();
    timeout(LIMIT, app.closed.notified()).await.unwrap();
    client.closed().await;
}

#[tokio::test]
async fn an_upgrade_the_app_does_not_take_stays_a_request_and_the_next_is_asked_anew() {
    let (app, gateway, cookie) = before().await;
    let mut client = open(&gateway, "/plain", &format!("{cookie}{UPGRADE}")).await;
    assert_eq!(client.answer().await.status, 200);
    // Were the connection a tunnel now, the app would see this without a decision.
    let next = "GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n";
    if client.stream.write_all(next.as_bytes()).await.is_ok() {
        let mut rest = String::new();
        let read = tokio::io::AsyncReadExt::read_to_string(&mut client.stream, &mut rest);
        let _ = timeout(std::time::Duration::from_millis(300), read).await;
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 401 "), "{rest}");
    }
    assert_eq!(app.heads().len(), 1);
}

#[tokio::test]
async fn an_event_arrives_before_the_stream_ends() {
    let (app, gateway, cookie) = before().await;
    let mut client = open(&gateway, "/sse", &format!("{cookie}Accept: text/event-stream\r\n")).await;
    assert!(client.head().await.contains("text/event-stream"));
    assert_eq!(client.chunk().await.unwrap(), b"data: first\n\n");
    app.go_on.notify_one();
    assert_eq!(client.chunk().await.unwrap(), b"data: second\n\n");
    assert_eq!(client.chunk().await, None);
}

#[tokio::test]
async fn the_app_notices_when_nobody_listens_any_more() {
    let (app, gateway, cookie) = before().await;
    let mut client = open(&gateway, "/sse", &format!("{cookie}Accept: text/event-stream\r\n")).await;
    client.head().await;
    drop(client);
    timeout(LIMIT, app.closed.notified()).await.unwrap();
}

/// Acceptance: U3.
#[tokio::test]
async fn open_streams_end_with_their_session_though_nobody_says_a_word() {
    let (app, gateway, cookie) = before().await;
    let mut socket = open(&gateway, "/ws", &format!("{cookie}{UPGRADE}")).await;
    assert_eq!(socket.answer().await.status, 101);
    let mut events = open(&gateway, "/sse", &format!("{cookie}Accept: text/event-stream\r\n")).await;
    events.head().await;
    events.chunk().await.unwrap();
    let stranger = "/public/ws";
    let mut public = open(&gateway, stranger, UPGRADE).await;
    assert_eq!(public.answer().await.status, 101);
    gateway.end_sessions("ada").await;
    socket.closed().await;
    events.closed().await;
    timeout(LIMIT, app.closed.notified()).await.unwrap();
    public.send("still here").await;
    assert_eq!(public.exactly(10).await, b"still here");
}

/// Acceptance: A14, U3. What a route asks is asked of those who listen already, too, as the account and the config are now.
#[tokio::test]
async fn open_streams_end_when_their_visitor_would_no_longer_be_let_in() {
    let (_app, address) = App::tcp().await;
    let staff = "[[routes]]\nid = \"staff\"\npath = \"/staff\"\nupstream = \"app\"\nrequire = { groups = [\"staff\"] }\n";
    let tables = routes(address) + staff;
    let gateway = Gateway::start(Options { tables: tables.clone(), ..Options::default() }).await;
    let mut account = account("ada");
    account.groups = vec!["staff".into()];
    assert!(gateway.store.create_account(&account).await.unwrap());
    let cookie = format!("Cookie: menshen={}\r\n", gateway.visitor("ada").await);
    let mut inner = open(&gateway, "/staff/ws?a=b", &format!("{cookie}{UPGRADE}")).await;
    assert_eq!(inner.answer().await.status, 101);
    let mut outer = open(&gateway, "/ws", &format!("{cookie}{UPGRADE}")).await;
    assert_eq!(outer.answer().await.status, 101);
    account.groups.clear();
    account.version += 1;
    assert!(gateway.store.update_account(&account).await.unwrap());
    inner.closed().await;
    outer.send("still here").await;
    assert_eq!(outer.exactly(10).await, b"still here");
    gateway.reload(&tables.replacen(
        "path = \"/\"\n",
        "path = \"/\"\nrequire = { groups = [\"staff\"] }\n",
        1,
    ));
    outer.closed().await;
}

#[tokio::test]
async fn trailers_do_not_disturb_the_connection() {
    let (_app, gateway, cookie) = before().await;
    let mut client = open(&gateway, "/trailers", &cookie).await;
    assert_eq!(client.answer().await.body, b"hello");
    let post = format!(
        "POST /x HTTP/1.1\r\nHost: app.test\r\n{cookie}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
    );
    client.send(post).await;
    assert!(client.answer().await.text().contains("size=3 "));
    client.send(format!("GET /y HTTP/1.1\r\nHost: app.test\r\n{cookie}\r\n")).await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn a_100_continue_of_the_app_reaches_the_client() {
    let (_app, gateway, cookie) = before().await;
    let lines = format!("{cookie}Expect: 100-continue\r\nContent-Length: 5\r\n");
    let mut client = Raw::connect(gateway.address).await;
    client.send(format!("POST /continue HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 100 "));
    client.send("hello").await;
    assert!(client.answer().await.text().contains("size=5 "));
}
