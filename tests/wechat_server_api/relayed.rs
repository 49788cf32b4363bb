//! Pushes passed on to the operator's own server.

use std::time::Duration;

use bytes::Bytes;
use menshen::wechat::{NoAnswer, Relayed};
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use super::fake::{Fake, Step, http, json, nobody};
use super::log::{chain, log};
use super::{assert_nothing_leaks, client_of, config, parts};

/// As WeChat would push it; the address of the operator's server is a secret.
async fn relay(to: &str, body: &'static [u8], limit: Duration) -> Result<Relayed, NoAnswer> {
    log();
    let to = Url::parse(to).unwrap();
    let query = "signature=ab&timestamp=1700000000&nonce=%2b1&openid_=o%20O&&x";
    let client = client_of(&config("http://127.0.0.1:1", ""));
    let outcome = client.relay(&to, query, Some("text/xml"), Bytes::from_static(body), limit).await;
    let shown = outcome.as_ref().err().map(|error| chain(error)).unwrap_or_default();
    assert_nothing_leaks(&(shown + &format!("{outcome:?}")));
    outcome
}

const LONG: Duration = Duration::from_secs(5);

#[rstest]
#[case("/s3cret", "/s3cret?")]
#[case("/s3cret?", "/s3cret?")]
#[case("/a?key=s3cret&b", "/a?key=s3cret&b&")]
#[tokio::test]
async fn a_push_is_relayed_byte_for_byte(#[case] path: &str, #[case] expected: &str) {
    let fake = Fake::start([http("203 Odd", "Content-Type: text/xml; x\r\n", "<xml>\u{1F6AA}</xml>")]).await;
    let answer = relay(&(fake.url() + path), b"<xml>\xFF\0 \r\n</xml>", LONG).await.unwrap();
    assert_eq!((answer.status, answer.content_type.as_deref()), (203, Some("text/xml; x")));
    assert_eq!(answer.body, "<xml>\u{1F6AA}</xml>");
    let request = &fake.requests()[0];
    let (line, head, body) = parts(request);
    let query = "signature=ab&timestamp=1700000000&nonce=%2b1&openid_=o%20O&&x";
    assert_eq!(line, format!("POST {expected}{query} HTTP/1.1"));
    assert!(head.contains("content-type: text/xml\r\n"), "{head}");
    assert_eq!(body, "<xml>\u{FF}\0 \r\n</xml>");
}

#[tokio::test]
async fn a_relayed_push_is_sent_once_and_nowhere_else() {
    let other = Fake::start([json("{}")]).await;
    let fake = Fake::start([http("302 Found", &format!("Location: {}/x\r\n", other.url()), "moved")]).await;
    assert_eq!(relay(&fake.url(), b"x", LONG).await.unwrap().status, 302);
    assert!(other.requests().is_empty());
    let fake = Fake::start([Step::Drop, json("{}")]).await;
    let address = fake.url().replace("http://", "http://user:s3cret@") + "/s3cret";
    assert!(matches!(relay(&address, b"x", LONG).await, Err(NoAnswer::Lost(_))));
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_comes_back_at_once_gets_the_push_that_found_it_gone() {
    let address = nobody().await;
    let back = async {
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        std::future::pending::<()>().await;
    };
    // The first try finds nobody, because it is polled first.
    let relayed = tokio::select! {
        biased;
        relayed = relay(&address, b"x", LONG) => relayed,
        () = back => unreachable!("it never ends"),
    };
    assert_eq!(relayed.unwrap().body, "ok");
}

#[tokio::test]
async fn a_server_that_is_not_there_slow_or_endless_is_no_answer() {
    let nobody = nobody().await + "/s3cret";
    assert!(matches!(relay(&nobody, b"x", LONG).await, Err(NoAnswer::Connect(_))));
    let fake = Fake::start([Step::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")]).await;
    let address = fake.url() + "/s3cret";
    assert!(matches!(relay(&address, b"x", Duration::from_millis(300)).await, Err(NoAnswer::Timeout)));
    let body = |length: usize| [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b'a'; length]].concat();
    let fake = Fake::start([Step::Send(body(1 << 20)), Step::Send(body((1 << 20) + 1))]).await;
    assert_eq!(relay(&fake.url(), b"x", LONG).await.unwrap().body.len(), 1 << 20);
    assert!(matches!(relay(&fake.url(), b"x", LONG).await, Err(NoAnswer::TooLarge)));
}
