//! The one request the simulator makes itself: fetching a callback before the visitor's browser does.
//!
//! Loopback and plain http only, one request line, two seconds at most; sends no cookies.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use url::{Position, Url};

const LIMIT: Duration = Duration::from_secs(2);

/// Why a prefetch did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum PrefetchError {
    #[error("only plain http addresses on this machine are fetched")]
    NotHere,
    #[error("no answer within two seconds")]
    Late,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Fetches `target` and answers the status line.
pub(super) async fn fetch(target: &str) -> Result<String, PrefetchError> {
    tokio::time::timeout(LIMIT, try_fetch(target)).await.map_err(|_| PrefetchError::Late)?
}

async fn try_fetch(target: &str) -> Result<String, PrefetchError> {
    let url = Url::parse(target).ok().filter(|url| url.scheme() == "http").ok_or(PrefetchError::NotHere)?;
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(PrefetchError::NotHere);
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addr = lookup_host((bare, port)).await?.find(|addr| addr.ip().is_loopback());
    let mut stream = TcpStream::connect(addr.ok_or(PrefetchError::NotHere)?).await?;
    let path = &url[Position::BeforePath..Position::AfterQuery];
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Mozilla/5.0 MicroMessenger/8.0.49 prefetch\r\n\
         Accept: text/html\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // The rest is read and dropped, so that the other side is not cut off in the middle of its answer.
    stream.take(64 * 1024).read_to_end(&mut answer).await?;
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}
