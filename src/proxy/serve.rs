//! The accept loops: from a listening socket to a stream that pingora serves, and the orderly end of both.
//!
//! Runs on the caller's tokio runtime; pingora's own `Server` is not used (it binds late, panics in a task on a
//! taken port and sleeps its whole grace period). Never accepts more connections than the limit: further ones
//! wait in the kernel's backlog.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream as SocketStream;
use pingora::protocols::tls::server::handshake;
use pingora::protocols::{GetSocketDigest as _, SocketDigest, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bind::Bound;
use super::tls::Certificates;
use super::wire::{Line, Wire};

/// A door: where connections come in, and whether they speak TLS.
#[derive(Debug)]
pub struct Listener {
    /// The listening socket.
    pub bound: Bound,
    /// The certificates, or `None` for plaintext.
    pub tls: Option<Arc<Certificates>>,
}

/// Longest wait for a visitor to take a piece of an answer that the connection carries.
const CARRY_WRITE: Duration = Duration::from_secs(20);

/// What bounds the connections.
#[derive(Clone, Copy, Debug)]
pub struct ServeLimits {
    /// Most connections at a time, over all listeners.
    pub max_connections: usize,
    /// Longest TLS handshake.
    pub handshake: Duration,
    /// Longest time from the first byte of a request header to its last.
    pub header: Duration,
    /// How long running requests may take to end after a shutdown began.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(20),
            grace: Duration::from_secs(20),
        }
    }
}

/// What all accept loops share.
struct Serving<A> {
    app: Arc<A>,
    limits: ServeLimits,
    permits: Arc<Semaphore>,
    connections: TaskTracker,
    cut: CancellationToken,
    shutdown: watch::Receiver<bool>,
}

/// Serves `listeners` until `shutdown` turns true (or its sender is gone), then ends in order: no new
/// connections, idle ones closed, running requests finished within the grace time, the rest cut.
pub(super) async fn serve<A>(
    listeners: Vec<Listener>,
    app: Arc<A>,
    shutdown: watch::Receiver<bool>,
    limits: ServeLimits,
) -> io::Result<()>
where
    A: ServerApp + Send + Sync + 'static,
{
    let serving = Arc::new(Serving {
        app,
        limits,
        permits: Arc::new(Semaphore::new(limits.max_connections.clamp(1, Semaphore::MAX_PERMITS))),
        connections: TaskTracker::new(),
        cut: CancellationToken::new(),
        shutdown,
    });
    let loops = TaskTracker::new();
    for Listener { bound, tls } in listeners {
        let socket = TcpListener::from_std(bound.into_std())?;
        loops.spawn(accept(socket, tls, serving.clone()));
    }
    loops.close();
    loops.wait().await;
    end(&serving).await;
    Ok(())
}

async fn end<A: ServerApp + Send + Sync>(serving: &Serving<A>) {
    // Wakes connections that wait for their next request; they close at once.
    serving.app.cleanup().await;
    serving.connections.close();
    if timeout(serving.limits.grace, serving.connections.wait()).await.is_err() {
        tracing::warn!(
            connections = serving.connections.len(),
            "cutting connections that are still busy after the grace time"
        );
        serving.cut.cancel();
        serving.connections.wait().await;
    }
}

async fn accept<A>(socket: TcpListener, tls: Option<Arc<Certificates>>, serving: Arc<Serving<A>>)
where
    A: ServerApp + Send + Sync + 'static,
{
    let mut shutdown = serving.shutdown.clone();
    let next = async || {
        let permit = serving.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        (permit, socket.accept().await)
    };
    loop {
        let (permit, accepted) = tokio::select! {
            biased;
            // A dropped sender ends the service like a `true`: nobody is left to ask for it.
            _ = shutdown.wait_for(|down| *down) => return,
            next = next() => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (serving, tls) = (serving.clone(), tls.clone());
                serving.connections.clone().spawn(async move {
                    let cut = serving.cut.clone();
                    let served = connection(stream, peer, tls.as_deref(), &serving);
                    // Its own, small task: this one is as large as serving a request takes.
                    if let Some(Some((stream, rest))) = cut.run_until_cancelled(served).await {
                        let connections = serving.connections.clone();
                        connections.spawn(async move {
                            cut.run_until_cancelled(carry(stream, rest)).await;
                            drop(permit);
                        });
                    }
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// A connection that died in the backlog is no reason to wait; running out of descriptors or memory is.
async fn pause_after(error: &io::Error) {
    let died = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    );
    if !died {
        tracing::error!(%error, "cannot accept connections; is LimitNOFILE high enough?");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Serves one connection; answers with what it carries on, if that is not all.
async fn connection<A>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<&Certificates>,
    serving: &Serving<A>,
) -> Option<(Stream, BoxStream<'static, Bytes>)>
where
    A: ServerApp + Send + Sync + 'static,
{
    match prepare(stream, peer, tls, &serving.limits).await {
        Ok((stream, line)) => {
            serving.app.process_new(stream, &serving.shutdown).await;
            return line.freed();
        }
        // Scanners and plain HTTP on the TLS port; nothing an operator could act on.
        Err(error) => tracing::debug!(%peer, %error, "connection refused before its first request"),
    }
    None
}

/// Writes the rest of an answer, until it ends or the visitor leaves or speaks. The end of the connection is its end.
async fn carry(mut stream: Stream, mut rest: BoxStream<'static, Bytes>) {
    let mut nothing = [0];
    loop {
        tokio::select! {
            piece = rest.next() => {
                let Some(piece) = piece else { break };
                let writing = async {
                    stream.write_all(&piece).await?;
                    stream.flush().await
                };
                if !matches!(timeout(CARRY_WRITE, writing).await, Ok(Ok(()))) {
                    return;
                }
            }
            // The visitor left; or speaks, where nothing can be asked any more, and would be read without end.
            _ = stream.read(&mut nothing) => return,
        }
    }
    let _ = timeout(CARRY_WRITE, stream.shutdown()).await;
}

async fn prepare(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<&Certificates>,
    limits: &ServeLimits,
) -> pingora::Result<(Stream, Arc<Line>)> {
    // Fails only on a dead connection, which the first read reports.
    let _ = stream.set_nodelay(true);
    let mut socket = SocketStream::from(stream);
    let digest = SocketDigest::from_raw_fd(std::os::fd::AsRawFd::as_raw_fd(&socket));
    // Known already: saves a system call for each connection.
    let _ = digest.peer_addr.set(Some(peer.into()));
    socket.set_socket_digest(digest);
    let Some(certificates) = tls else {
        let wire = Wire::new(socket, limits.header)?;
        let line = wire.line();
        return Ok((Box::new(wire), line));
    };
    let acceptor = certificates.acceptor();
    let stream = timeout(limits.handshake, handshake(&acceptor, socket)).await.map_err(|_| {
        pingora::Error::explain(pingora::ErrorType::TLSHandshakeTimedout, "the visitor took too long")
    })??;
    let wire = Wire::new(stream, limits.header)?;
    let line = wire.line();
    Ok((Box::new(wire), line))
}
