//! Puts the house together: store, sessions, login, portal, proxy, listeners; then serves until told to stop.
//!
//! The only place where all rooms meet. `start` consumes a config and returns something that runs, with its
//! addresses known; tests and the demo use the same `start` as `run` does.

mod early;
mod hop;
mod notify;
mod sockets;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{self, Config, ConfigError, Inputs};
use crate::gate::assertion::{AssertionError, Signer};
use crate::ground::{Clock, Secret, SystemClock};
use crate::login::{Login, Sessions};
use crate::portal::Portal;
use crate::proxy::{AccessLog, BindError, Certificates, Listener, Parts, Proxy, ServeLimits};
use crate::reload::{Reloader, certificates_of, tls_problem};
use crate::snapshot::{Live, Snapshot};
use crate::store::{self, OpenError, Store, StoreError};
use crate::wechat::{Transport, TransportError};

pub use early::EarlySignals;

/// Why a gateway could not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The config has problems.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address to listen on cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Store(#[from] OpenError),
    /// The store was opened and then failed.
    #[error("the store failed while starting")]
    StoreFailed(#[from] StoreError),
    /// No HTTP client for WeChat could be made.
    #[error("no connection to WeChat can be made")]
    Transport(#[from] TransportError),
    /// The key for identity assertions cannot be made or read.
    #[error("the key for identity assertions cannot be used")]
    Signer(#[from] AssertionError),
    /// The access log cannot be written.
    #[error("the access log cannot be started")]
    AccessLog(#[source] std::io::Error),
    /// Signals cannot be received.
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
}

/// A gateway that runs.
pub struct Running {
    addresses: Vec<SocketAddr>,
    reloader: Arc<Reloader>,
    live: Arc<Live>,
    store: Arc<dyn Store>,
    shutdown: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
    following: [JoinHandle<()>; 2],
    login: Login,
    drain: Duration,
}

impl Running {
    /// Where it listens, in the order of `server.listen`.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Changes its config.
    pub fn reloader(&self) -> &Arc<Reloader> {
        &self.reloader
    }

    /// The config in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.live.load_full()
    }

    /// Its store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Stops: nothing new is accepted, requests under way end within `server.drain_timeout`, the rest is cut.
    pub async fn stop(self) {
        // Fails only if serving has ended by itself, which is what is wanted.
        let _ = self.shutdown.send(true);
        // Pages that wait for a scan would wait till the end; let go, they ask the next process.
        self.login.stop(self.drain).await;
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "serving ended with an error"),
            Err(error) => tracing::error!(%error, "serving ended in a panic"),
        }
        self.following.iter().for_each(JoinHandle::abort);
    }
}

/// Everything a config can be checked for without starting anything.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    let problem = |message: String| {
        ConfigError(vec![config::Problem {
            source: config.file.display().to_string(),
            key: String::new(),
            message,
        }])
    };
    let transport = Transport::new(&config.wechat).map_err(|error| problem(error.to_string()))?;
    let signer = Signer::generate().map_err(|error| problem(error.to_string()))?;
    config::build(config, Inputs { transport, signer: Arc::new(signer), generation: 1 })?;
    if !config.server.tls.is_empty() {
        Certificates::load(&certificates_of(config)).map_err(|error| tls_problem(config, &error))?;
    }
    Ok(())
}

/// Starts a gateway on the machine's clock.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with(config, Arc::new(SystemClock), Vec::new()).await
}

/// Starts a gateway on `clock`, on `handed_over` sockets instead of its own if there are any.
pub async fn start_with(
    config: Config,
    clock: Arc<dyn Clock>,
    handed_over: Vec<std::net::TcpListener>,
) -> Result<Running, StartError> {
    // Everything that can be wrong is found before anything is opened.
    let transport = Transport::new(&config.wechat)?;
    let candidate = Arc::new(Signer::generate()?);
    let inputs = Inputs { transport: transport.clone(), signer: Arc::clone(&candidate), generation: 1 };
    let mut snapshot = config::build(&config, inputs)?;
    let certificates = match config.server.tls.as_slice() {
        [] => None,
        _ => {
            let loaded = Certificates::load(&certificates_of(&config));
            Some(Arc::new(loaded.map_err(|error| tls_problem(&config, &error))?))
        }
    };
    let bound = sockets::bind(&config.server.listen, handed_over)?;
    let addresses = bound.iter().map(crate::proxy::Bound::address).collect();
    let store = store::open(&config.store, Arc::clone(&clock)).await?;
    let signer = Arc::new(signer(&*store, &candidate).await?);
    snapshot.signer = Arc::clone(&signer);
    let live = Arc::new(Live::from_pointee(snapshot));
    let sessions = Arc::new(Sessions::new(Arc::clone(&store), Arc::clone(&clock), config.session.near_cache));
    let login = Login::new(Arc::clone(&store), Arc::clone(&sessions), Arc::clone(&clock));
    let following = [
        tokio::spawn(Arc::clone(&sessions).follow_news()),
        tokio::spawn(Arc::clone(login.watch()).follow_news(Arc::clone(&store))),
    ];
    let portal = Portal::new(Arc::clone(&live), login.clone());
    let proxy = Proxy::new(Parts {
        live: Arc::clone(&live),
        sessions,
        clock,
        portal: Arc::new(hop::InProcess::new(portal.service())),
        waiting_room: Arc::clone(login.waiting_room()),
        // Whether lines are wanted is asked at each request, because a reload may change it.
        access_log: AccessLog::to(std::io::stdout()).map_err(StartError::AccessLog)?,
        threads: tokio::runtime::Handle::current().metrics().num_workers(),
    });
    let drain = config.server.drain_timeout.duration();
    let limits = ServeLimits {
        max_connections: config.server.max_connections,
        grace: drain,
        ..ServeLimits::default()
    };
    let listeners = bound.into_iter().map(|bound| Listener { bound, tls: certificates.clone() }).collect();
    let (shutdown, told) = watch::channel(false);
    let serving = tokio::spawn(async move { proxy.serve(listeners, told, limits).await });
    let reloader = Arc::new(Reloader::new(config, Arc::clone(&live), transport, signer, certificates));
    Ok(Running { addresses, reloader, live, store, shutdown, serving, following, login, drain })
}

/// The key for identity assertions: the first process's candidate, kept in the store, shared by all.
async fn signer(store: &dyn Store, candidate: &Signer) -> Result<Signer, StartError> {
    let kept = store.keep("assertion_key", candidate.to_pem()?.reveal()).await?;
    Ok(Signer::from_pem(&Secret::new(kept))?)
}

/// `menshen run`: starts, reloads on SIGHUP, stops on SIGTERM or SIGINT; a second one stops at once.
pub async fn run(config: Config, early: EarlySignals) -> Result<(), StartError> {
    let mut hangup = signal(SignalKind::hangup()).map_err(StartError::Signals)?;
    let mut stop = StopSignals::listen().map_err(StartError::Signals)?;
    let file = config.file.clone();
    let starting = start_with(config, Arc::new(SystemClock), sockets::from_systemd());
    let running = tokio::select! {
        started = starting => started?,
        () = stop.next() => return Ok(()),
    };
    let addresses: Vec<String> = running.addresses().iter().map(ToString::to_string).collect();
    tracing::info!(addresses = addresses.join(", "), config = %file.display(), "serving");
    // One that came while the process was starting counts too: the file may have changed since it was read.
    // Asked before anybody is told to be ready: a later one is heard once, by `hangup`.
    let hung_up = early.take_hangup();
    notify::ready();
    let reloader = Arc::clone(running.reloader());
    if hung_up {
        reload(&reloader).await;
    }
    loop {
        tokio::select! {
            () = stop.next() => break,
            _ = hangup.recv() => reload(&reloader).await,
        }
    }
    tracing::info!("stopping");
    notify::stopping();
    tokio::select! {
        () = running.stop() => {}
        () = stop.next() => tracing::warn!("told to stop a second time: stopping at once"),
    }
    Ok(())
}

async fn reload(reloader: &Arc<Reloader>) {
    notify::reloading();
    let reloader = Arc::clone(reloader);
    // Compiling templates and reading files is no work for the threads that carry requests.
    match tokio::task::spawn_blocking(move || reloader.reload()).await {
        Ok(Ok(done)) => {
            tracing::info!(generation = done.generation, "the new config is in force");
            for key in &done.need_restart {
                tracing::warn!(key, "this key changed and needs a restart to take effect");
            }
            notify::reloaded(&format!("config {} in force", done.generation));
        }
        Ok(Err(error)) => {
            for problem in &error.0 {
                tracing::error!(%problem, "the new config is refused; the old one stays in force");
            }
            let count = error.0.len();
            notify::reloaded(&format!(
                "the last reload was refused ({count} problems); the old config stays"
            ));
        }
        Err(error) => {
            tracing::error!(%error, "a reload ended in a panic; the old config stays in force");
            notify::reloaded("the last reload failed; the old config stays");
        }
    }
}

/// SIGTERM and SIGINT, from the moment of listening on: none is missed between two waits.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Takes both signals over from the default, which ends the process at once.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
