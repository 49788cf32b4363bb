//! Requests that two programs could read in two ways, and connections after an answer of ours.

use super::gateway::Gateway;
use super::raw_client::Raw;
use super::upstream::{App, headers};

/// A request line and `Host`, then these lines.
fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n")
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_never_reach_the_app() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let long = format!("X-Long: {}\r\n", "x".repeat(40_000));
    let many = "X-Many: 1\r\n".repeat(120);
    let cases: Vec<(&str, String, u16)> = vec![
        ("no host", "GET /public HTTP/1.1\r\n\r\n".into(), 400),
        ("no host in 1.0", "GET /public HTTP/1.0\r\n\r\n".into(), 400),
        ("two hosts", get("/public", "Host: app.test\r\n"), 400),
        ("two different hosts", get("/public", "Host: other.test\r\n"), 400),
        ("a host that is none", "GET /public HTTP/1.1\r\nHost: a/b\r\n\r\n".into(), 400),
        ("an empty host", "GET /public HTTP/1.1\r\nHost:\r\n\r\n".into(), 400),
        ("absolute form", "GET http://app.test/public HTTP/1.1\r\nHost: app.test\r\n\r\n".into(), 400),
        ("asterisk form", "OPTIONS * HTTP/1.1\r\nHost: app.test\r\n\r\n".into(), 400),
        ("connect", "CONNECT app.test:443 HTTP/1.1\r\nHost: app.test\r\n\r\n".into(), 405),
        ("length and coding", get("/public", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400),
        ("coding and length", get("/public", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), 400),
        ("two lengths", get("/public", "Content-Length: 3\r\nContent-Length: 4\r\n"), 400),
        ("a length that is none", get("/public", "Content-Length: +3\r\n"), 400),
        (
            "coding in 1.0",
            "POST /public HTTP/1.0\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            400,
        ),
        ("a list of codings", get("/public", "Transfer-Encoding: gzip, chunked\r\n"), 400),
        ("the last coding is not chunked", get("/public", "Transfer-Encoding: chunked, identity\r\n"), 400),
        ("coding twice", get("/public", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400),
        ("an unknown coding", get("/public", "Transfer-Encoding: xchunked\r\n"), 400),
        (
            "upgrade with a length",
            get("/public", "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\n"),
            400,
        ),
        (
            "upgrade with a coding",
            get("/public", "Upgrade: x\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n"),
            400,
        ),
        ("a folded line", get("/public", "X-A: 1\r\n 2\r\n"), 400),
        ("a blank before the colon", get("/public", "X-A : 1\r\n"), 400),
        ("dot segments", get("/public/../deny", ""), 400),
        ("encoded dot segments", get("/public/%2e%2e/deny", ""), 400),
        ("an encoded slash", get("/public%2fx", ""), 400),
        ("a backslash", get("/public\\x", ""), 400),
        ("two slashes", get("/public//x", ""), 400),
        ("parameters that change the route", get("/public/..;/deny", ""), 400),
        ("a NUL", get("/public/%00", ""), 400),
        ("not UTF-8", get("/public/%ff", ""), 400),
        ("a long header", get("/public", &long), 431),
        ("many lines", get("/public", &many), 431),
        ("nomination of a forwarding header", get("/public", "Connection: X-Forwarded-For\r\n"), 400),
    ];
    for (what, request, status) in cases {
        let mut client = Raw::connect(gateway.address).await;
        client.send(&request).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_eq!(app.heads(), Vec::<String>::new(), "{what} reached the app");
    }
}

#[tokio::test]
async fn a_refusal_closes_the_connection_so_that_nothing_hides_behind_it() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let mut client = Raw::connect(gateway.address).await;
    let hidden = get("/public", "");
    client
        .send(format!("{}{hidden}", get("/public", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")))
        .await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    assert_eq!(answer.json()["error"], "bad_request");
    client.closed().await;
    assert_eq!(app.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn equal_lengths_reach_the_app_as_one() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let request =
        "POST /public HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(Raw::ask(gateway.address, request).await.status, 200);
    assert_eq!(headers(&app.heads()[0], "content-length"), ["3"]);
}

/// A body that was not read when the answer was given is not taken for the next request.
#[tokio::test]
async fn after_401_to_a_request_with_a_body_the_connection_goes_on_with_the_next_request() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let mut client = Raw::connect(gateway.address).await;
    let smuggled = "GET /public/smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";
    let post =
        format!("POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len());
    client.send(&post).await;
    let refused = client.answer().await;
    assert_eq!((refused.status, refused.header("connection")), (401, Some("keep-alive")));
    client.send(get("/public/second", "")).await;
    let second = client.answer().await;
    assert_eq!(second.status, 200);
    let heads = app.heads();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with("GET /public/second "), "{heads:?}");
}

#[tokio::test]
async fn a_second_request_sent_along_with_a_refused_body_is_answered_for_itself_or_not_at_all() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let mut client = Raw::connect(gateway.address).await;
    let post = "POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello";
    client.send(format!("{post}{}", get("/", ""))).await;
    assert_eq!(client.answer().await.status, 401);
    client.send(get("/public/third", "")).await;
    // The second is a stranger's on a login route: whatever happens to it, the app never sees it.
    let mut rest = String::new();
    let read = tokio::io::AsyncReadExt::read_to_string(&mut client.stream, &mut rest);
    let _ = tokio::time::timeout(std::time::Duration::from_millis(300), read).await;
    assert!(app.heads().iter().all(|head| !head.starts_with("GET / ")), "{:?}", app.heads());
}

#[tokio::test]
async fn a_strangers_large_upload_gets_its_401_and_no_reset() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let mut client = Raw::connect(gateway.address).await;
    let size = 8 * 1024 * 1024;
    client.send(format!("POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: {size}\r\n\r\n")).await;
    client.send(vec![b'x'; size]).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (401, Some("close")));
    client.closed().await;
}

#[tokio::test]
async fn whoever_waits_for_100_is_refused_before_sending_anything() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let request =
        "POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n";
    let mut client = Raw::connect(gateway.address).await;
    client.send(request).await;
    assert!(client.head().await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn a_short_http_1_0_request_is_answered_and_closed() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let mut client = Raw::connect(gateway.address).await;
    client.send("GET /public HTTP/1.0\r\nHost: app.test\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    client.closed().await;
}

#[tokio::test]
async fn a_body_over_the_routes_limit_is_refused_announced_or_not() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let announced = "POST /small HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1001\r\n\r\n";
    let mut client = Raw::connect(gateway.address).await;
    client.send(announced).await;
    client.send(vec![b'x'; 1001]).await;
    assert_eq!(client.answer().await.status, 413);
    assert_eq!(app.heads().len(), 0);

    let mut client = Raw::connect(gateway.address).await;
    client.send("POST /small HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.send(format!("400\r\n{}\r\n", "x".repeat(1024))).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (413, Some("too_large")));

    let fits =
        format!("POST /small HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1000));
    assert_eq!(Raw::ask(gateway.address, &fits).await.status, 200);
}
