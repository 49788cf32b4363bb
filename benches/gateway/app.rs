//! The app behind every candidate: the smallest HTTP/1.1 server that keeps connections alive.
//!
//! One thread, no parsing beyond the target and the body's length, so that the core it shares with the load
//! stays with the load. Streams are generated, never stored. Not a server for anything else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Fault;

/// Bytes of the usual answer's body.
const SMALL: usize = 1024;
/// Longest request header; a proxy may add to what the client sent.
const LONGEST_HEADER: usize = 16 * 1024;
const PIECE: usize = 64 * 1024;

/// Serves until the process is ended.
///
/// A target ending in `/echo` is answered with the request's header as it came, `/count` with the number of
/// requests so far (itself and `/auth`, a 204, excluded), `/stream/N` with N bytes; everything else with 1 KiB. Request bodies are
/// read and forgotten; their length is the answer.
pub(crate) fn run(listen: SocketAddr) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        let count = Arc::new(AtomicU64::new(0));
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let count = count.clone();
            tokio::spawn(async move {
                // A connection that breaks is the other side's news, and shows in the figures there.
                let _ = serve(stream, &count).await;
            });
        }
    })
}

async fn serve(mut stream: TcpStream, count: &AtomicU64) -> std::io::Result<()> {
    let mut small = answer_head(SMALL as u64);
    small.resize(small.len() + SMALL, b'm');
    let mut piece = vec![b'm'; PIECE];
    let mut buffer: Vec<u8> = Vec::with_capacity(LONGEST_HEADER);
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if buffer.len() >= LONGEST_HEADER || stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let target = head.split(' ').nth(1).unwrap_or_default();
        let length = content_length(&head);
        let mut left = length - length.min((buffer.len() - end) as u64);
        buffer.drain(..(end as u64 + length - left) as usize);
        while left > 0 {
            let most = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
            match stream.read(&mut piece[..most]).await? {
                0 => return Ok(()),
                read => left -= read as u64,
            }
        }
        if target.ends_with("/count") {
            let text = count.load(Ordering::Relaxed).to_string();
            // Asked directly, by somebody who waits for the end.
            return stream.write_all(&whole(text.as_bytes())).await;
        }
        if target == "/auth" {
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            continue;
        }
        count.fetch_add(1, Ordering::Relaxed);
        if target.ends_with("/echo") {
            stream.write_all(&whole(head.as_bytes())).await?;
        } else if let Some(bytes) = target.rsplit_once("/stream/").and_then(|(_, text)| text.parse().ok()) {
            stream.write_all(&answer_head(bytes)).await?;
            let mut left: u64 = bytes;
            while left > 0 {
                let most = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
                stream.write_all(&piece[..most]).await?;
                left -= most as u64;
            }
        } else if length > 0 {
            stream.write_all(&whole(length.to_string().as_bytes())).await?;
        } else {
            stream.write_all(&small).await?;
        }
    }
}

/// Bodies without a length are not understood; none of the candidates sends one here.
fn content_length(head: &str) -> u64 {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}

fn answer_head(length: u64) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\r\n")
        .into_bytes()
}

fn whole(body: &[u8]) -> Vec<u8> {
    let mut answer = answer_head(body.len() as u64);
    answer.extend_from_slice(body);
    answer
}
