//! WeChat's token calls as bytes on a socket: answers as the test scripted, and remembers what it was asked.
//!
//! Listens on an ephemeral loopback port and ends with its test.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// What is answered to one request.
pub(crate) enum Reply {
    /// This JSON at once.
    Now(String),
    /// This JSON when the test says so.
    When(oneshot::Receiver<()>, String),
}

pub(crate) fn token(text: &str) -> Reply {
    Reply::Now(token_json(text, 7200))
}

pub(crate) fn token_json(text: &str, expires_in: u64) -> String {
    format!(r#"{{"access_token":"{text}","expires_in":{expires_in}}}"#)
}

pub(crate) fn code(code: i64, message: &str) -> Reply {
    Reply::Now(format!(r#"{{"errcode":{code},"errmsg":"{message}"}}"#))
}

pub(crate) struct TokenServer {
    pub(crate) url: String,
    requests: watch::Receiver<Vec<String>>,
    task: JoinHandle<()>,
}

impl TokenServer {
    /// `script` gets every request, head and body, in the order of their arrival.
    pub(crate) async fn start(script: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = watch::channel(Vec::new());
        let shared = Arc::new((Mutex::new(script), sender));
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let shared = shared.clone();
                tokio::spawn(async move {
                    let request = read(&mut stream).await;
                    let reply = {
                        let mut script = shared.0.lock().unwrap();
                        let reply = (*script)(&request);
                        shared.1.send_modify(|requests| requests.push(request));
                        reply
                    };
                    let body = match reply {
                        Reply::Now(body) => body,
                        Reply::When(go, body) => {
                            // A test that is over lets it go, too.
                            let _ = go.await;
                            body
                        }
                    };
                    let length = body.len();
                    let head =
                        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
                    // The client may be gone, which is its right.
                    let _ = stream.write_all((head + &body).as_bytes()).await;
                });
            }
        });
        Self { url, requests, task }
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }

    /// Waits until there were `count` requests.
    pub(crate) async fn requested(&self, count: usize) {
        let mut requests = self.requests.clone();
        let wait = requests.wait_for(|requests| requests.len() >= count);
        tokio::time::timeout(super::LIMIT, wait).await.expect("the request never came").unwrap();
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")
                    .map(|length| length.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => return text,
        }
    }
}
