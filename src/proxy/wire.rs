//! The connection under a request, with three powers pingora lacks: a deadline for a whole request header, an
//! end from outside, and a life after pingora, for answers that go on while nothing happens.
//!
//! pingora limits single reads only, so a client that drips one byte a minute would keep its connection for
//! ever; and a tunnel is never looked at again once it is open. [`Wire`] wraps the stream below pingora and
//! [`Line`] is what the phases and the wire tell each other. Never looks into the bytes.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, IO, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufWriter, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A response header and a small body leave in one packet.
const WRITE_BUFFER: usize = 4096;

/// Why a stream is there: only `drop` takes it.
const TAKEN: &str = "only dropping takes the stream";

/// No byte of the next request has come.
const IDLE: u8 = 0;
/// The header of a request has begun and is not whole.
const HEADER: u8 = 1;
/// A request is being served.
const REQUEST: u8 = 2;
/// The connection is a tunnel or an event stream that may be ended from outside.
const TUNNEL: u8 = 3;
/// An HTTP/2 connection that has had its first request; from here on HTTP/2 has limits of its own.
const MANY: u8 = 4;

/// What one connection and the requests on it tell each other.
#[derive(Debug)]
pub(super) struct Line {
    state: AtomicU8,
    /// Whether requests share the connection (HTTP/2), so that the end of one says nothing about the others.
    shared: bool,
    end: CancellationToken,
    /// What goes on when pingora is done.
    after: Mutex<After>,
}

/// What becomes of a connection when pingora lets go of it.
#[derive(Default)]
enum After {
    /// It is closed.
    #[default]
    Nothing,
    /// It carries the rest of an answer.
    Rest(BoxStream<'static, Bytes>),
    /// Here it is, and what it carries.
    Freed(Stream, BoxStream<'static, Bytes>),
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Rest(_) => "Rest",
            Self::Freed(..) => "Freed",
        })
    }
}

impl Line {
    fn new(shared: bool) -> Self {
        // pingora waits for the beginning of HTTP/2 without a limit: the deadline runs at once.
        let state = AtomicU8::new(if shared { HEADER } else { IDLE });
        Self { state, shared, end: CancellationToken::new(), after: Mutex::default() }
    }

    /// The header of a request is whole.
    pub(super) fn request_begins(&self) {
        self.state.store(if self.shared { MANY } else { REQUEST }, Ordering::Relaxed);
    }

    /// The request is answered; the next may come.
    pub(super) fn request_ends(&self) {
        if !self.shared {
            self.state.store(IDLE, Ordering::Relaxed);
        }
    }

    /// From now on [`Line::end`] closes the connection, if this request has it for itself.
    pub(super) fn tunnel_begins(&self) {
        if !self.shared {
            self.state.store(TUNNEL, Ordering::Relaxed);
        }
    }

    /// Whether [`Line::carry_on`] is possible: the request has the connection for itself.
    pub(super) const fn can_carry_on(&self) -> bool {
        !self.shared
    }

    /// When pingora is done with the connection it is not closed, but carries `rest`.
    pub(super) fn carry_on(&self, rest: BoxStream<'static, Bytes>) {
        *self.after() = After::Rest(rest);
    }

    /// The connection and what it carries, once pingora has let go of it.
    pub(super) fn freed(&self) -> Option<(Stream, BoxStream<'static, Bytes>)> {
        match std::mem::take(&mut *self.after()) {
            After::Freed(stream, rest) => Some((stream, rest)),
            _ => None,
        }
    }

    fn carries_on(&self) -> bool {
        matches!(*self.after(), After::Rest(_))
    }

    fn after(&self) -> MutexGuard<'_, After> {
        // Every change is one assignment.
        self.after.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connection if it is a tunnel.
    pub(super) fn end(&self) {
        self.end.cancel();
    }
}

/// A stream that pingora serves.
#[derive(Debug)]
pub(super) struct Wire<S: IO + 'static> {
    /// Gone only when this is dropped.
    io: Option<BufWriter<S>>,
    line: Arc<Line>,
    digest: Arc<ProxyDigest>,
    header_limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    ended: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl<S: IO + 'static> Wire<S> {
    /// Wraps `io`; a request header must be whole `header_limit` after its first byte.
    pub(super) fn new(io: S, header_limit: Duration) -> pingora::Result<Self> {
        let line = Arc::new(Line::new(io.selected_alpn_proto() == Some(ALPN::H2)));
        // The only place of a connection that carries something of ours up to the phases; the response
        // header beside it is for CONNECT proxies and means nothing here.
        let unused = pingora::http::ResponseHeader::build(200, Some(0))?;
        let digest = ProxyDigest::new(Box::new(unused), Some(Box::new(line.clone())));
        Ok(Self {
            io: Some(BufWriter::with_capacity(WRITE_BUFFER, io)),
            line,
            digest: Arc::new(digest),
            header_limit,
            deadline: None,
            ended: None,
        })
    }

    /// What this connection and its requests tell each other.
    pub(super) fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }

    fn io(&mut self) -> &mut BufWriter<S> {
        self.io.as_mut().expect(TAKEN)
    }

    fn inner(&self) -> &S {
        self.io.as_ref().expect(TAKEN).get_ref()
    }
}

impl<S: IO + 'static> Drop for Wire<S> {
    fn drop(&mut self) {
        let mut after = self.line.after();
        if let (After::Rest(_), Some(io)) = (&*after, self.io.take())
            && let After::Rest(rest) = std::mem::take(&mut *after)
        {
            // What was not flushed is lost with the buffer; `shutdown` has flushed it.
            *after = After::Freed(Box::new(io.into_inner()), rest);
        }
    }
}

impl<S: IO + 'static> Wire<S> {
    /// Fails once the header deadline has passed or the tunnel was ended.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.line.state.load(Ordering::Relaxed) {
            HEADER => {
                let limit = self.header_limit;
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                if deadline.as_mut().poll(cx).is_ready() {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the request header took too long"));
                }
            }
            TUNNEL => {
                let line = &self.line;
                let ended = self.ended.get_or_insert_with(|| Box::pin(line.end.clone().cancelled_owned()));
                if ended.as_mut().poll(cx).is_ready() {
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the session has ended"));
                }
            }
            _ => self.deadline = None,
        }
        Ok(())
    }
}

impl<S: IO + 'static> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Err(error) = this.poll_limits(cx) {
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        let polled = Pin::new(this.io()).poll_read(cx, buf);
        if buf.filled().len() > before {
            let state = &this.line.state;
            // The usual header comes in one read and is whole before the next: no timer is ever made for it.
            let _ = state.compare_exchange(IDLE, HEADER, Ordering::Relaxed, Ordering::Relaxed);
        }
        polled
    }
}

impl<S: IO + 'static> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.io()).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.io()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // pingora closes by either way, this one or the one of its own below.
        if self.line.carries_on() {
            return Pin::new(self.io()).poll_flush(cx);
        }
        Pin::new(self.io()).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.io()).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(BufWriter::is_write_vectored)
    }
}

#[async_trait]
impl<S: IO + 'static> Shutdown for Wire<S> {
    async fn shutdown(&mut self) {
        // The visitor may be gone already; there is nobody to tell.
        let _ = self.io().flush().await;
        if !self.line.carries_on() {
            self.io().get_mut().shutdown().await;
        }
    }
}

impl<S: IO + 'static> UniqueID for Wire<S> {
    fn id(&self) -> UniqueIDType {
        self.inner().id()
    }
}

impl<S: IO + 'static> Ssl for Wire<S> {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner().get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner().get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner().selected_alpn_proto()
    }
}

impl<S: IO + 'static> GetTimingDigest for Wire<S> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner().get_timing_digest()
    }
}

impl<S: IO + 'static> GetProxyDigest for Wire<S> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(self.digest.clone())
    }
}

impl<S: IO + 'static> GetSocketDigest for Wire<S> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner().get_socket_digest()
    }
}

impl<S: IO + 'static> Peek for Wire<S> {}

/// The line of the connection that a request came on; `None` for streams that [`Wire`] does not wrap.
pub(super) fn line(digest: Option<&pingora::protocols::Digest>) -> Option<&Arc<Line>> {
    digest?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::AsyncReadExt as _;

    const LIMIT: Duration = Duration::from_secs(30);

    fn wire() -> (Wire<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64);
        (Wire::new(ours, LIMIT).unwrap(), theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_drips_is_cut_at_the_deadline() {
        let (mut wire, mut client) = wire();
        let drip = tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let mut seen = Vec::new();
        let error = wire.read_to_end(&mut seen).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((29..=31).contains(&seen.len()), "{} bytes", seen.len());
        drop(wire);
        drip.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_take_as_long_as_it_likes() {
        let (mut wire, mut client) = wire();
        client.write_all(b"h").await.unwrap();
        wire.read_u8().await.unwrap();
        wire.line.request_begins();
        let slow = tokio::spawn(async move {
            tokio::time::sleep(LIMIT * 3).await;
            client.write_all(b"b").await.unwrap();
        });
        assert_eq!(wire.read_u8().await.unwrap(), b'b');
        slow.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_shared_connection_has_a_deadline_for_its_first_request_only() {
        let (mut wire, mut client) = wire();
        wire.line = Arc::new(Line::new(true));
        assert_eq!(wire.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        wire.line.request_begins();
        wire.line.request_ends();
        client.write_all(b"a window update").await.unwrap();
        wire.read_u8().await.unwrap();
        tokio::time::advance(LIMIT * 3).await;
        assert_eq!(wire.read_u8().await.unwrap(), b' ');
    }

    #[tokio::test]
    async fn a_tunnel_ends_when_it_is_told_to_and_a_plain_request_does_not() {
        let (mut wire, mut client) = wire();
        wire.line.request_begins();
        let line = wire.line.clone();
        client.write_all(b"b").await.unwrap();
        line.end();
        assert_eq!(wire.read_u8().await.unwrap(), b'b');
        line.tunnel_begins();
        assert_eq!(wire.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
