//! A small app behind the gateway: plain HTTP/1.1 on a socket, so that a test sees the very bytes.
//!
//! Answers by path (see [`answer`]); everything else is echoed. Ends with the test's runtime.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;

/// Size of the large bodies.
pub const LARGE: usize = 64 * 1024 * 1024;

/// The app and what it has seen.
#[derive(Clone, Default)]
pub struct App {
    heads: Arc<Mutex<Vec<String>>>,
    /// Lets waiting answers (`/…/sse`, `/…/wait`) go on.
    pub go_on: Arc<Notify>,
    /// Says that such an answer has begun to wait.
    pub waiting: Arc<Notify>,
    /// Says that a tunnel or event stream was closed by the gateway.
    pub closed: Arc<Notify>,
}

impl App {
    /// Serves on a free port of 127.0.0.1.
    pub async fn tcp() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Self::default();
        let serving = app.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        (app, address)
    }

    /// Serves on a Unix socket.
    pub async fn unix(path: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let app = Self::default();
        let serving = app.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        app
    }

    /// The headers of all requests so far, as they came.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Serves one connection.
    pub async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut buffer = Vec::new();
        while let Some(head) = read_head(&mut stream, &mut buffer).await {
            self.heads.lock().unwrap().push(head.clone());
            if !self.answer(&head, &mut stream, &mut buffer).await {
                return;
            }
        }
    }

    /// Answers one request; says whether the connection can be used again.
    async fn answer<S>(&self, head: &str, stream: &mut S, buffer: &mut Vec<u8>) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let path = head.split(' ').nth(1).unwrap();
        let last = path.split('?').next().unwrap().rsplit('/').next().unwrap();
        match last {
            "ws" => return self.tunnel(stream, buffer).await,
            "sse" => return self.events(stream).await,
            "aside" => return self.step_aside(head, stream).await,
            "never" => {
                // Until the gateway gives up.
                let _ = stream.read(&mut [0; 1]).await;
                return false;
            }
            "wait" => {
                self.waiting.notify_one();
                self.go_on.notified().await;
            }
            "large" => return download(stream).await,
            "tossed" => {
                let cookies = "Set-Cookie: menshen=evil\r\nSet-Cookie: own=1\r\n";
                return reply(stream, cookies, b"tossed").await;
            }
            "trailers" => {
                let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                            5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
                return stream.write_all(text.as_bytes()).await.is_ok();
            }
            "continue" => stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap(),
            _ => {}
        }
        let (size, sum) = read_body(head, stream, buffer).await;
        let body =
            if head.starts_with("HEAD ") { String::new() } else { format!("{head}size={size} sum={sum:x}") };
        reply(stream, "", body.as_bytes()).await
    }

    /// Says 101 and sends every byte back.
    async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S, early: &[u8]) -> bool {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(early).await.unwrap();
        let mut chunk = [0; 1024];
        while let Ok(size @ 1..) = stream.read(&mut chunk).await {
            stream.write_all(&chunk[..size]).await.unwrap();
        }
        self.closed.notify_one();
        false
    }

    /// Answers as our own page does that leaves what comes later for the connection to carry; a query has it wait
    /// in the middle of what it sends itself.
    async fn step_aside<S: AsyncRead + AsyncWrite + Unpin>(&self, head: &str, stream: &mut S) -> bool {
        let text = "HTTP/1.1 200 OK\r\nX-Menshen-Step-Aside: 1\r\nContent-Length: 10\r\n\r\nfirst";
        stream.write_all(text.as_bytes()).await.unwrap();
        if head.contains("?wait") {
            self.go_on.notified().await;
        }
        stream.write_all(b"-then").await.is_ok()
    }

    /// Sends one event, waits, sends another and ends; or notices that nobody listens any more.
    async fn events<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S) -> bool {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(b"d\r\ndata: first\n\n\r\n").await.unwrap();
        let mut byte = [0];
        tokio::select! {
            () = self.go_on.notified() => {}
            _ = stream.read(&mut byte) => {
                self.closed.notify_one();
                return false;
            }
        }
        stream.write_all(b"e\r\ndata: second\n\n\r\n0\r\n\r\n").await.is_ok()
    }
}

/// The `index`-th byte of every large body.
pub const fn large_byte(index: usize) -> u8 {
    (index % 251) as u8
}

/// Adds bytes to a checksum.
pub fn add(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

async fn download<S: AsyncWrite + Unpin>(stream: &mut S) -> bool {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut chunk = vec![0; 251 * 1024];
    for (index, byte) in chunk.iter_mut().enumerate() {
        *byte = large_byte(index);
    }
    let mut left = LARGE;
    while left > 0 {
        let size = left.min(chunk.len());
        if stream.write_all(&chunk[..size]).await.is_err() {
            return false;
        }
        left -= size;
    }
    true
}

async fn reply<S: AsyncWrite + Unpin>(stream: &mut S, lines: &str, body: &[u8]) -> bool {
    let head = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes).await.is_ok()
}

/// Reads up to the blank line; what follows stays in `buffer`.
pub async fn read_head<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = buffer.drain(..end + 4).collect();
            return Some(String::from_utf8_lossy(&head).into_owned());
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// The value of a header line, by its exact name without regard to case.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    headers(head, name).into_iter().next()
}

/// All values of a header.
pub fn headers<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let line = |line: &'a str| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    };
    head.lines().skip(1).filter_map(line).collect()
}

/// Reads a body to its end; answers its size and checksum.
pub async fn read_body<S: AsyncRead + Unpin>(
    head: &str,
    stream: &mut S,
    buffer: &mut Vec<u8>,
) -> (usize, u64) {
    let (mut size, mut sum) = (0, 0);
    if header(head, "transfer-encoding").is_some() {
        loop {
            let line = read_line(stream, buffer).await;
            let length = usize::from_str_radix(line.split(';').next().unwrap().trim(), 16).unwrap();
            if length == 0 {
                while !read_line(stream, buffer).await.is_empty() {}
                return (size, sum);
            }
            sum = take(length, sum, stream, buffer).await;
            size += length;
            read_line(stream, buffer).await;
        }
    }
    if let Some(length) = header(head, "content-length") {
        size = length.parse().unwrap();
        sum = take(size, sum, stream, buffer).await;
    }
    (size, sum)
}

async fn take<S: AsyncRead + Unpin>(
    mut left: usize,
    mut sum: u64,
    stream: &mut S,
    buffer: &mut Vec<u8>,
) -> u64 {
    while left > 0 {
        if buffer.is_empty() && stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            return sum;
        }
        let size = left.min(buffer.len());
        sum = add(sum, &buffer[..size]);
        buffer.drain(..size);
        left -= size;
    }
    sum
}

async fn read_line<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> String {
    loop {
        if let Some(end) = buffer.windows(2).position(|two| two == b"\r\n") {
            let line: Vec<u8> = buffer.drain(..end + 2).collect();
            return String::from_utf8_lossy(&line[..end]).into_owned();
        }
        if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            return String::new();
        }
    }
}
