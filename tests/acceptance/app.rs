//! The app behind the gateway: answers every request with what it got, as JSON, and remembers it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A request as the app got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case, as often as they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body_bytes: usize,
}

impl Received {
    /// The value of a header that came at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} came twice: {self:?}");
        value
    }

    /// Headers that tell an app who somebody is, by any spelling.
    pub(crate) fn identity(&self) -> Vec<(String, String)> {
        let folded = |name: &str| -> String { name.chars().filter(char::is_ascii_alphanumeric).collect() };
        self.headers.iter().filter(|(name, _)| folded(name).starts_with("xuser")).cloned().collect()
    }
}

pub(crate) struct App {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Received>>>,
    _stop: DropGuard,
}

impl App {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, Arc::clone(&log), stop.clone()));
        Self { address, log, _stop: stop.drop_guard() }
    }

    /// Everything that reached the app so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.log.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, log: Arc<Mutex<Vec<Received>>>, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted.unwrap().0,
        };
        let (log, stop) = (Arc::clone(&log), stop.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &log));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                // A gateway that hangs up is what some tests are about.
                _ = connection => {}
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    log: &Mutex<Vec<Received>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body_bytes = body.collect().await.map_or(0, |body| body.to_bytes().len());
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let received = Received {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts.headers.iter().map(header).collect(),
        body_bytes,
    };
    let json = serde_json::to_vec(&received).unwrap();
    log.lock().unwrap().push(received);
    Ok(Response::builder().header("content-type", "application/json").body(json.into()).unwrap())
}
