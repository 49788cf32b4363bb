//! A client that sends the bytes it is told to and reads answers one by one: what no HTTP library lets a test do.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::upstream::{add, header, read_head};

/// Longest wait for anything; reached only by a failing test.
pub const LIMIT: Duration = Duration::from_secs(20);

/// One connection.
pub struct Raw<S = TcpStream> {
    pub stream: S,
    buffer: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Status line and header lines.
    pub head: String,
    pub body: Vec<u8>,
}

impl Raw {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = timeout(LIMIT, TcpStream::connect(address)).await.unwrap().unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Connects, sends, reads one answer.
    pub async fn ask(address: SocketAddr, request: &str) -> Response {
        let mut client = Self::connect(address).await;
        client.send(request).await;
        client.answer().await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Speaks over an open stream.
    pub fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        timeout(LIMIT, self.stream.write_all(bytes.as_ref())).await.unwrap().unwrap();
    }

    /// Reads the header of an answer, informational ones too.
    pub async fn head(&mut self) -> String {
        timeout(LIMIT, read_head(&mut self.stream, &mut self.buffer)).await.unwrap().expect("an answer")
    }

    /// Reads one whole answer, after any informational ones.
    pub async fn answer(&mut self) -> Response {
        self.answer_to("GET").await
    }

    /// As [`Raw::answer`], to a request whose method decides whether there is a body.
    pub async fn answer_to(&mut self, method: &str) -> Response {
        loop {
            let head = self.head().await;
            let status: u16 = head[9..12].parse().unwrap();
            if status < 200 && status != 101 {
                continue;
            }
            let none = method == "HEAD" || matches!(status, 101 | 204 | 304);
            let body = if none { Vec::new() } else { self.body(&head).await };
            return Response { status, head, body };
        }
    }

    async fn body(&mut self, head: &str) -> Vec<u8> {
        let mut body = Vec::new();
        if header(head, "transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await {
                body.extend_from_slice(&chunk);
            }
        } else if let Some(length) = header(head, "content-length") {
            body = self.exactly(length.parse().unwrap()).await;
        } else {
            timeout(LIMIT, self.stream.read_to_end(&mut self.buffer)).await.unwrap().unwrap();
            body.append(&mut self.buffer);
        }
        body
    }

    /// Reads one chunk of a chunked body; `None` at its end.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.until(b"\r\n").await;
        let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).unwrap();
        if size == 0 {
            while self.until(b"\r\n").await.len() > 2 {}
            return None;
        }
        let chunk = self.exactly(size).await;
        self.exactly(2).await;
        Some(chunk)
    }

    /// Reads that many bytes.
    pub async fn exactly(&mut self, size: usize) -> Vec<u8> {
        while self.buffer.len() < size {
            self.more().await;
        }
        self.buffer.drain(..size).collect()
    }

    /// Reads a body of that size without keeping it; answers its checksum.
    pub async fn sum(&mut self, size: usize) -> u64 {
        let (mut left, mut sum) = (size, 0);
        while left > 0 {
            if self.buffer.is_empty() {
                self.more().await;
            }
            let part = left.min(self.buffer.len());
            sum = add(sum, &self.buffer[..part]);
            self.buffer.drain(..part);
            left -= part;
        }
        sum
    }

    /// Waits until the other side closes; fails if it says anything more.
    pub async fn closed(&mut self) {
        assert!(self.buffer.is_empty(), "unread: {:?}", String::from_utf8_lossy(&self.buffer));
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ =
            timeout(LIMIT, self.stream.read_to_end(&mut rest)).await.expect("the connection to be closed");
        assert!(rest.is_empty(), "unexpected: {:?}", String::from_utf8_lossy(&rest));
    }

    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|part| part == end) {
                return self.buffer.drain(..at + end.len()).collect();
            }
            self.more().await;
        }
    }

    async fn more(&mut self) {
        let size = timeout(LIMIT, self.stream.read_buf(&mut self.buffer)).await.unwrap().unwrap();
        assert!(size > 0, "the connection was closed in the middle of an answer");
    }
}

impl Response {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}
