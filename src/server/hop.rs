//! The portal's end of the in-process hop: hyper over a pipe in memory.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::DuplexStream;
use tower::Service;

use crate::proxy::LocalUpstream;

/// How much may wait in the pipe, each way.
const PIPE_BYTES: usize = 64 * 1024;

/// Longest time for a request's header, which the proxy sends in one piece.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves each connection that the proxy opens with a clone of one service.
pub(super) struct InProcess<S, B> {
    service: S,
    body: PhantomData<fn() -> B>,
}

impl<S, B> InProcess<S, B>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
{
    pub(super) fn new(service: S) -> Self {
        Self { service, body: PhantomData }
    }
}

impl<S, B> LocalUpstream for InProcess<S, B>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    fn open(&self) -> DuplexStream {
        let (proxy, portal) = tokio::io::duplex(PIPE_BYTES);
        let service = TowerToHyperService::new(self.service.clone());
        tokio::spawn(async move {
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(portal), service)
                .await;
            if let Err(error) = served {
                // Mostly a visitor who left while a page was being made.
                tracing::debug!(%error, "the in-process connection ended early");
            }
        });
        proxy
    }
}
