//! The operator's own message server: takes what is relayed, remembers the very bytes, answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How the server answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// With this status, type and text.
    Answer(u16, &'static str, &'static str),
    /// Never, and keeps the connection.
    Hang,
    /// By closing the connection.
    HangUp,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relayed {
    /// The request line.
    pub(crate) line: String,
    /// The header lines, in lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct OwnServer {
    pub(crate) address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    log: Arc<Mutex<Vec<Relayed>>>,
    _stop: DropGuard,
}

impl OwnServer {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manner, log) = (Arc::new(Mutex::new(manner)), Arc::<Mutex<Vec<Relayed>>>::default());
        let stop = CancellationToken::new();
        let (shared, kept, token) = (Arc::clone(&manner), Arc::clone(&log), stop.clone());
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = token.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap().0,
                };
                let (shared, kept, token) = (Arc::clone(&shared), Arc::clone(&kept), token.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = token.cancelled() => {}
                        () = serve(stream, &shared, &kept) => {}
                    }
                });
            }
        });
        Self { address, manner, log, _stop: stop.drop_guard() }
    }

    /// The line of an account whose other messages go here.
    pub(crate) fn config(&self) -> String {
        format!("relay_to = \"http://{}/hook?key=1\"", self.address)
    }

    pub(crate) fn answers(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Everything that came so far.
    pub(crate) fn relayed(&self) -> Vec<Relayed> {
        self.log.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, manner: &Mutex<Manner>, log: &Mutex<Vec<Relayed>>) {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut body = bytes.split_off(end + 4);
    let (line, head) = head.split_once("\r\n").unwrap();
    let (line, head) = (line.to_owned(), format!("{}\r\n", head.to_ascii_lowercase()));
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        if stream.read_buf(&mut body).await.unwrap_or(0) == 0 {
            return;
        }
    }
    log.lock().unwrap().push(Relayed { line, head, body });
    let manner = *manner.lock().unwrap();
    match manner {
        Manner::Answer(status, kind, text) => {
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        // Until the other side gives up.
        Manner::Hang => while stream.read_buf(&mut bytes).await.unwrap_or(0) > 0 {},
        Manner::HangUp => {}
    }
}
