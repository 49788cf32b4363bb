//! Answers of our own pages that the bare connection carries on when pingora is done with them.

use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::gateway::Gateway;
use super::raw_client::{LIMIT, Raw};
use super::upstream::App;

/// One piece, and then nothing for as long as anybody listens. The other end tells when it was let go of.
fn rest() -> (BoxStream<'static, Bytes>, oneshot::Receiver<()>) {
    let (held, gone) = oneshot::channel::<()>();
    let silence = stream::pending().map(move |()| {
        let _ = &held;
        Bytes::new()
    });
    (stream::once(async { Bytes::from_static(b"-later") }).chain(silence).boxed(), gone)
}

/// A connection on which the page's answer has begun, and what was left of it.
async fn begun(query: &str) -> (Gateway, Raw, oneshot::Receiver<()>) {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let (rest, gone) = rest();
    assert_eq!(gateway.waiting_room.leave(rest, Instant::now()), 1, "the page says this number");
    let mut client = Raw::connect(gateway.address).await;
    client.send(format!("GET /_menshen/aside{query} HTTP/1.1\r\nHost: app.test\r\n\r\n")).await;
    let head = client.head().await.to_ascii_lowercase();
    assert!(!head.contains("content-length") && !head.contains("step-aside"), "{head}");
    (gateway, client, gone)
}

async fn let_go(gone: oneshot::Receiver<()>) {
    timeout(LIMIT, gone).await.expect("the stream to be let go of").unwrap_err();
}

#[tokio::test]
async fn what_was_left_for_later_follows_on_the_same_connection() {
    let (gateway, mut client, gone) = begun("").await;
    assert_eq!(client.exactly(16).await, b"first-then-later");
    let line = gateway.log.wait(1).await.remove(0);
    // Written when the stream begins: its size and its time say nothing of the stream.
    assert_eq!((&line["decision"], &line["status"]), (&"stream".into(), &200.into()), "{line}");
    drop(client);
    let_go(gone).await;
}

/// Nothing is asked on a connection whose end is that of its answer; who speaks all the same is not read without end.
#[tokio::test]
async fn who_says_something_while_the_rest_is_carried_loses_the_connection() {
    let (_gateway, mut client, gone) = begun("").await;
    assert_eq!(client.exactly(16).await, b"first-then-later");
    client.send("x").await;
    let_go(gone).await;
    client.closed().await;
}

#[tokio::test]
async fn an_answer_that_broke_off_is_not_carried_on() {
    let (gateway, mut client, gone) = begun("?wait").await;
    assert_eq!(client.exactly(5).await, b"first");
    // pingora gives up a request whose client goes on speaking.
    client.send("x").await;
    client.closed().await;
    let_go(gone).await;
    let line = gateway.log.wait(1).await.remove(0);
    assert_eq!(line["decision"], "portal", "{line}");
}
