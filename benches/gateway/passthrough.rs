//! The bare framework: a pingora proxy with one upstream and nothing else, the measure for what the gateway adds.
//!
//! Built with the same profile and allocator as the product and never part of it.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use clap::ValueEnum;
use pingora::apps::ServerApp as _;
use pingora::prelude::{HttpPeer, ProxyHttp, Server, Session};
use pingora::protocols::Stream;
use pingora::protocols::l4::stream::Stream as SocketStream;
use pingora::proxy::{http_proxy, http_proxy_service};
use pingora::server::configuration::ServerConf;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::Fault;

/// Who accepts the connections.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Serving {
    /// pingora's own `Server`, as its documentation shows it.
    Server,
    /// An accept loop on a plain tokio runtime, as the gateway has it.
    Loop,
}

struct Bare(SocketAddr);

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(&self, _: &mut Session, _: &mut Self::CTX) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}

/// Proxies until the process is ended.
pub(crate) fn run(listen: SocketAddr, upstream: SocketAddr, serving: Serving) -> Result<(), Fault> {
    // Ended by a signal as soon as it is measured; pingora's default waits five minutes.
    let (grace_period_seconds, graceful_shutdown_timeout_seconds) = (Some(0), Some(0));
    let defaults = ServerConf::default();
    let conf = ServerConf { threads: 1, grace_period_seconds, graceful_shutdown_timeout_seconds, ..defaults };
    match serving {
        Serving::Server => {
            let mut server = Server::new_with_opt_and_conf(None, conf);
            server.bootstrap();
            let mut service = http_proxy_service(&server.configuration, Bare(upstream));
            service.add_tcp(&listen.to_string());
            server.add_service(service);
            server.run_forever()
        }
        Serving::Loop => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            runtime.block_on(async { tokio::spawn(accept(listen, upstream, conf)).await? })
        }
    }
}

async fn accept(listen: SocketAddr, upstream: SocketAddr, conf: ServerConf) -> Result<(), Fault> {
    let proxy = Arc::new(http_proxy(&Arc::new(conf), Bare(upstream)));
    // Kept until the end: a dropped sender would look like a shutdown.
    let (_running, shutdown) = watch::channel(false);
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let stream: Stream = Box::new(SocketStream::from(stream));
        let (proxy, shutdown) = (proxy.clone(), shutdown.clone());
        tokio::spawn(async move { proxy.process_new(stream, &shutdown).await });
    }
}
