//! The proxy: pingora's phases, the upstreams, the listeners.
//!
//! Carries requests and decides nothing itself: who a visitor is comes from `login::sessions`, what may happen
//! from `gate`. Never renders a login page (that is the in-process hop's work) and never trusts a header that
//! says who somebody is.

mod serve;
mod service;
mod decide;
mod forward_auth;
mod denied;
mod wanted;
mod failure;
mod outgoing;
mod incoming;
mod answer;
mod admit;
mod tunnel;
mod wardrobe;
mod visitor;
mod context;
mod pools;
mod upstream;
mod downs;
mod resolve;
mod hop;
mod access_log;
mod tls;
mod bind;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pingora::apps::HttpServerOptions;
use pingora::protocols::http::v2::server::default_h2_options;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use tokio::sync::watch;

use crate::ground::Clock;
use crate::login::{Sessions, WaitingRoom};
use crate::snapshot::Live;

use self::service::Service;

pub use self::access_log::AccessLog;
pub use self::bind::{BindError, Bound, bind};
pub use self::hop::LocalUpstream;
pub use self::serve::{Listener, ServeLimits};
pub use self::tls::{Certificate, Certificates, TlsError};
pub use self::upstream::UpstreamError;

/// Attempts at upstreams for one request, all addresses together.
const MAX_ATTEMPTS: usize = 8;
/// How long an HTTP/2 connection without streams is kept.
const H2_IDLE: Duration = Duration::from_secs(60);
/// HTTP/2 windows: the defaults make uploads over long lines crawl.
const H2_STREAM_WINDOW: u32 = 1024 * 1024;
const H2_CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// What a proxy is made of.
pub struct Parts {
    /// The config in force.
    pub live: Arc<Live>,
    /// The sessions of this process.
    pub sessions: Arc<Sessions>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Our own pages.
    pub portal: Arc<dyn LocalUpstream>,
    /// Where our own pages leave the rest of long answers.
    pub waiting_room: Arc<WaitingRoom>,
    /// Where access lines go; each snapshot says whether they are wanted.
    pub access_log: AccessLog,
    /// Worker threads of the runtime that will serve.
    pub threads: usize,
}

/// The proxy, ready to be served.
pub struct Proxy {
    http: Arc<HttpProxy<Service>>,
    tunnels: Arc<tunnel::Tunnels>,
    live: Arc<Live>,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
}

impl Proxy {
    /// Puts a proxy together; starts nothing.
    pub fn new(parts: Parts) -> Self {
        let Parts { live, sessions, clock, portal, waiting_room, access_log, threads } = parts;
        let tunnels = Arc::new(tunnel::Tunnels::default());
        let service = Service {
            live: live.clone(),
            clock: clock.clone(),
            shared: decide::Shared { sessions: sessions.clone(), wardrobe: wardrobe::Wardrobe::new() },
            pools: pools::Pools::default(),
            hop: hop::peer(portal),
            waiting_room,
            tunnels: tunnels.clone(),
            access_log,
        };
        let conf = ServerConf { threads, max_retries: MAX_ATTEMPTS, ..ServerConf::default() };
        let mut http = http_proxy(&Arc::new(conf), service);
        http.server_options = Some(server_options());
        let mut h2 = default_h2_options();
        h2.initial_window_size(H2_STREAM_WINDOW).initial_connection_window_size(H2_CONNECTION_WINDOW);
        http.h2_options = Some(h2);
        Self { http: Arc::new(http), tunnels, live, sessions, clock }
    }

    /// Serves `listeners` until `shutdown` turns true, then ends in order: nothing new is accepted, idle
    /// connections close, running requests finish within `limits.grace`, the rest is cut.
    ///
    /// # Errors
    /// Only if a listener cannot be handed to the runtime, before anything is served.
    pub async fn serve(
        &self,
        listeners: Vec<Listener>,
        shutdown: watch::Receiver<bool>,
        limits: ServeLimits,
    ) -> io::Result<()> {
        tokio::select! {
            served = serve::serve(listeners, self.http.clone(), shutdown, limits) => served,
            () = self.tunnels.watch(&self.sessions, &self.live, &*self.clock) => Ok(()),
        }
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

fn server_options() -> HttpServerOptions {
    // The struct cannot be written out: fields may be added to it.
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(H2_IDLE);
    options
}
