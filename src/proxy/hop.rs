//! The hop into our own pages: an upstream inside this process.
//!
//! pingora connects to it as to any other server, over a pipe in memory, so that login pages get its framing,
//! limits and keep-alive. What answers at the other end is handed in; this room does not know it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora::connectors::l4::Connect;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora::upstreams::peer::HttpPeer;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Something in this process that speaks HTTP/1.1 at the other end of a pipe.
pub trait LocalUpstream: Send + Sync + 'static {
    /// Opens a connection: the returned end is the client's.
    fn open(&self) -> DuplexStream;
}

/// No server has this address: it names the hop, and stands in a peer until its server is chosen.
pub(super) const NOWHERE: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// The pool key of the hop; upstreams count from 1.
const GROUP: u64 = 0;

/// The peer of the hop, made once and cloned for each request.
pub(super) fn peer(local: Arc<dyn LocalUpstream>) -> HttpPeer {
    let mut peer = HttpPeer::new(NOWHERE, false, String::new());
    peer.group_key = GROUP;
    peer.options.custom_l4 = Some(Arc::new(Hop(local)));
    peer.options.write_timeout = Some(Duration::from_secs(30));
    // pingora keeps only real sockets for reuse; opening a pipe costs less than looking for one.
    peer.options.idle_timeout = Some(Duration::ZERO);
    // Longer than the longest wait of our own pages (their event stream sends a sign of life sooner).
    peer.options.read_timeout = Some(Duration::from_secs(60));
    peer
}

struct Hop(Arc<dyn LocalUpstream>);

impl std::fmt::Debug for Hop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hop")
    }
}

#[async_trait]
impl Connect for Hop {
    async fn connect(&self, _nowhere: &SocketAddr) -> pingora::Result<Stream> {
        Ok(Stream::from(VirtualSocketStream::new(Box::new(Pipe(self.0.open())))))
    }
}

/// A pipe has none of the options of a socket, and needs none.
#[derive(Debug)]
struct Pipe(DuplexStream);

impl VirtualSocket for Pipe {
    fn set_socket_option(&self, _option: VirtualSockOpt) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
