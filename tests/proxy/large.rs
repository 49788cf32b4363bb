//! Bodies larger than anybody should hold in memory.

use super::gateway::Gateway;
use super::raw_client::Raw;
use super::upstream::{App, LARGE, add, large_byte};

fn pattern() -> Vec<u8> {
    (0..251 * 256).map(large_byte).collect()
}

fn expected() -> u64 {
    let pattern = pattern();
    let (mut sum, mut left) = (0, LARGE);
    while left > 0 {
        let size = left.min(pattern.len());
        sum = add(sum, &pattern[..size]);
        left -= size;
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_download_arrives_whole() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let mut client = Raw::connect(gateway.address).await;
    client.send("GET /public/large HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    assert!(client.head().await.contains(&format!("Content-Length: {LARGE}")));
    assert_eq!(client.sum(LARGE).await, expected());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_upload_arrives_whole_with_a_length_and_in_chunks() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let pattern = pattern();
    for chunked in [false, true] {
        let mut client = Raw::connect(gateway.address).await;
        let framing =
            if chunked { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {LARGE}") };
        client.send(format!("POST /public HTTP/1.1\r\nHost: app.test\r\n{framing}\r\n\r\n")).await;
        let mut left = LARGE;
        while left > 0 {
            let part = &pattern[..left.min(pattern.len())];
            if chunked {
                client.send(format!("{:x}\r\n", part.len())).await;
            }
            client.send(part).await;
            if chunked {
                client.send("\r\n").await;
            }
            left -= part.len();
        }
        if chunked {
            client.send("0\r\n\r\n").await;
        }
        let answer = client.answer().await;
        assert!(answer.text().ends_with(&format!("size={LARGE} sum={:x}", expected())), "{}", answer.text());
    }
}
