//! The listener: accepts connections, serves the router, closes connections that a fault wants closed.
//!
//! Plain HTTP/1.1 on a loopback address; a real deployment's TLS is not imitated.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::config::Config;
use super::error::SimError;
use super::fault::HangUp;
use super::handle::Handle;
use super::routes;
use super::shared::Shared;
use crate::ground::Span;

const MAX_CONNECTIONS: usize = 2048;
const HEADER_TIMEOUT: Span = Span::from_secs(60);
const STOP_LIMIT: Span = Span::from_secs(5);

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// A running simulated WeChat; dropping it stops it.
pub struct Simulator {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Simulator {
    /// Binds the listener and begins to serve.
    ///
    /// # Errors
    /// [`SimError::Listen`] if the address cannot be had, [`SimError::Config`] if ids clash.
    pub async fn start(config: Config) -> Result<Self, SimError> {
        let unavailable = |source| SimError::Listen { addr: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(unavailable)?;
        let addr = listener.local_addr().map_err(unavailable)?;
        let base_url = config.base_url.as_deref().map_or_else(|| format!("http://{addr}"), str::to_owned);
        let shared = Arc::new(Shared::new(&config, base_url.trim_end_matches('/').to_owned())?);
        let (stop, tasks) = (shared.stop.clone(), shared.tasks.clone());
        let app = routes::router(Arc::clone(&shared));
        tasks.spawn(accept(listener, app, stop, tasks.clone()));
        tasks.close();
        Ok(Self { addr, shared })
    }

    /// The address browsers see, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// The address it listens on.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A hand on it.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared))
    }

    /// Closes the listener and all connections; returns when the port is free.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        // Every task ends at its next await; the limit only guards against a mistake in that claim.
        let _ = tokio::time::timeout(STOP_LIMIT.duration(), self.shared.tasks.wait()).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

async fn accept(listener: TcpListener, app: Router, stop: CancellationToken, tasks: TaskTracker) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let serve = async {
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let (app, stop) = (app.clone(), stop.clone());
                    tasks.spawn(async move {
                        let _permit = permit;
                        tokio::select! {
                            () = connection(stream, app, Peer(peer.ip())) => {}
                            () = stop.cancelled() => {}
                        }
                    });
                }
                // Out of file descriptors, usually: a pause lets connections end.
                Err(error) => {
                    tracing::warn!(target: "menshen::simulator", %error, "cannot accept");
                    tokio::time::sleep(Span::from_millis(50).duration()).await;
                }
            }
        }
    };
    tokio::select! {
        () = serve => {}
        () = stop.cancelled() => {}
    }
}

async fn connection(stream: TcpStream, app: Router, peer: Peer) {
    let service = service_fn(move |request: Request<Incoming>| answer(app.clone(), request, peer));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT.duration())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(target: "menshen::simulator", %error, "connection ended");
    }
}

/// An error instead of a response makes hyper close the connection without a byte.
async fn answer(app: Router, request: Request<Incoming>, peer: Peer) -> Result<Response<Body>, HungUp> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    let response = app.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    if response.extensions().get::<HangUp>().is_some() { Err(HungUp) } else { Ok(response) }
}

#[derive(Debug, thiserror::Error)]
#[error("a fault closed the connection")]
struct HungUp;
