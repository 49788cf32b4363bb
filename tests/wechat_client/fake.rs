//! A server of raw bytes: it does with each connection what the test scripted, and remembers what it was asked.
//!
//! Listens on an ephemeral loopback port and ends with its test.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with one connection, after it has read the request.
pub(crate) enum Step {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Closes without an answer.
    Drop,
    /// Sends these bytes, then nothing, and keeps the connection open.
    Hang(&'static [u8]),
}

pub(crate) fn http(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Step {
    let body = body.as_ref();
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    Step::Send([head.as_bytes(), body].concat())
}

pub(crate) fn json(body: impl AsRef<[u8]>) -> Step {
    http("200 OK", "Content-Type: text/plain\r\n", body)
}

pub(crate) fn code(code: i64, message: &str) -> Step {
    json(format!(r#"{{"errcode":{code},"errmsg":"{message}"}}"#))
}

/// A server on an ephemeral port that ends with its test.
pub(crate) struct Fake {
    pub(crate) host: String,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Fake {
    /// One step per connection; later connections are closed at once.
    pub(crate) async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (requests, steps) = (seen.clone(), steps.into_iter().collect::<Vec<_>>());
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            let mut steps = steps.into_iter();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                requests.lock().unwrap().push(request);
                match steps.next() {
                    // The client may close first, which is its right.
                    Some(Step::Send(bytes)) => drop(stream.write_all(&bytes).await),
                    Some(Step::Hang(bytes)) => {
                        stream.write_all(bytes).await.unwrap();
                        held.push(stream);
                    }
                    Some(Step::Drop) | None => {}
                }
            }
        });
        Self { host, seen, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The head and the body that it announces. Bytes that are not UTF-8 become the characters of their numbers.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => break,
        }
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.unwrap();
    request.extend(body);
    String::from_utf8(request)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect())
}

/// A loopback address where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
