//! The proxy as the server would run it, over a memory store, with a stand-in for our own pages.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use menshen::config::{Config, Inputs, build};
use menshen::gate::Signer;
use menshen::ground::{Clock, Span, SystemClock, Token};
use menshen::login::{Sessions, WaitingRoom};
use menshen::proxy::{AccessLog, Certificates, Listener, LocalUpstream, Parts, Proxy, ServeLimits, bind};
use menshen::snapshot::Live;
use menshen::store::Store;
use menshen::store::embedded::Embedded;
use menshen::wechat;
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::rows::{account, account_id, session};
use super::upstream::App;

/// The host that tests speak to.
pub const HOST: &str = "app.test";

/// A running proxy.
pub struct Gateway {
    pub address: SocketAddr,
    pub store: Arc<dyn Store>,
    pub live: Arc<Live>,
    /// Our own pages.
    pub portal: App,
    pub log: Lines,
    pub waiting_room: Arc<WaitingRoom>,
    signer: Arc<Signer>,
    shutdown: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
}

/// How a proxy is started.
#[derive(Default)]
pub struct Options {
    /// Lines of `[server]`.
    pub server: &'static str,
    /// Further tables: routes and upstreams.
    pub tables: String,
    pub limits: ServeLimits,
    pub tls: Option<Arc<Certificates>>,
    /// In place of the memory store.
    pub store: Option<Arc<dyn Store>>,
}

/// Access lines as they were written.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Waits for `count` lines.
    pub async fn wait(&self, count: usize) -> Vec<serde_json::Value> {
        let begun = tokio::time::Instant::now();
        loop {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let lines: Vec<_> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(begun.elapsed() < super::raw_client::LIMIT, "only {lines:?}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

/// Routes of every kind to one app at `app`.
pub fn routes(app: SocketAddr) -> String {
    let mut text = format!("[[upstreams]]\nid = \"app\"\nservers = [\"http://{app}\"]\n");
    for (path, lines) in [
        ("/", ""),
        ("/public", "access = \"public\""),
        ("/optional", "access = \"optional\""),
        ("/deny", "access = \"deny\""),
        ("/preflight", "preflight = \"forward\""),
        ("/small", "access = \"public\"\nmax_body = 1000"),
        ("/hurry", "access = \"public\"\nread_timeout = \"300ms\""),
        ("/renamed", "access = \"public\"\nupstream_host = \"inner.test\""),
    ] {
        text += &format!("[[routes]]\nid = \"{path}\"\npath = \"{path}\"\nupstream = \"app\"\n{lines}\n");
    }
    text
}

fn config(server: &str, tables: &str) -> Config {
    let text = format!(
        "[server]\npublic_url = \"http://{HOST}\"\ninsecure_http = true\n{server}\n\
         [[pools]]\nid = \"people\"\n\
         [[apps]]\nid = \"web\"\nkind = \"website\"\napp_id = \"wx0123456789abcdef\"\nsecret = \"s\"\npool = \"people\"\n\
         [[methods]]\nid = \"qr\"\nkind = \"website_qr\"\napp = \"web\"\n\
         {tables}"
    );
    Config::parse(Path::new("menshen.toml"), &text, []).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

struct Portal(App);

impl LocalUpstream for Portal {
    fn open(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(self.0.clone().serve(theirs));
        ours
    }
}

impl Gateway {
    /// A proxy before one app.
    pub async fn before(app: SocketAddr) -> Self {
        Self::start(Options { tables: routes(app), ..Options::default() }).await
    }

    /// A proxy as described.
    pub async fn start(options: Options) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = options
            .store
            .unwrap_or_else(|| Arc::new(Embedded::memory(Span::from_secs(5), clock.clone()).unwrap()));
        let sessions = Arc::new(Sessions::new(store.clone(), clock.clone(), 1000));
        tokio::spawn(sessions.clone().follow_news());
        let config = config(options.server, &options.tables);
        let signer = Arc::new(Signer::generate().unwrap());
        let transport = wechat::Transport::new(&config.wechat).unwrap();
        let inputs = Inputs { transport, signer: signer.clone(), generation: 1 };
        let snapshot = build(&config, inputs).unwrap_or_else(|error| panic!("{error}"));
        let live: Arc<Live> = Arc::new(ArcSwap::from_pointee(snapshot));
        let (portal, log) = (App::default(), Lines::default());
        let waiting_room = WaitingRoom::new();
        let proxy = Proxy::new(Parts {
            live: live.clone(),
            sessions,
            clock,
            portal: Arc::new(Portal(portal.clone())),
            waiting_room: waiting_room.clone(),
            access_log: AccessLog::to(log.clone()).unwrap(),
            threads: 2,
        });
        let bound = bind("127.0.0.1:0").unwrap();
        let address = bound.address();
        let listeners = vec![Listener { bound, tls: options.tls }];
        let (shutdown, ended) = watch::channel(false);
        let serving = tokio::spawn(async move { proxy.serve(listeners, ended, options.limits).await });
        Self { address, store, live, portal, log, waiting_room, signer, shutdown, serving }
    }

    /// Replaces the config, as a reload does.
    pub fn reload(&self, tables: &str) {
        let config = config("", tables);
        let transport = wechat::Transport::new(&config.wechat).unwrap();
        let generation = self.live.load().generation + 1;
        let inputs = Inputs { transport, signer: self.signer.clone(), generation };
        self.live.store(Arc::new(build(&config, inputs).unwrap_or_else(|error| panic!("{error}"))));
    }

    /// Logs somebody in on [`HOST`], as a finished login would; the answer is the token's text.
    pub async fn visitor(&self, name: &str) -> String {
        let token = Token::generate(&mut rand::rng());
        let _ = self.store.create_account(&account(name)).await.unwrap();
        let now = SystemClock.now();
        let session = menshen::domain::Session { host: HOST.into(), ..session(name, now.millis()) };
        self.store.put_session(&token.digest(), &session, Span::from_days(1)).await.unwrap();
        token.reveal()
    }

    /// Ends all sessions of an account, as an operator would.
    pub async fn end_sessions(&self, name: &str) {
        let sessions = self.store.sessions_of(&account_id(name)).await.unwrap();
        let digests: Vec<_> = sessions.into_iter().map(|(digest, _)| digest).collect();
        self.store.delete_sessions(&digests).await.unwrap();
    }

    /// Begins to end, as on SIGTERM.
    pub fn stop(&self) {
        self.shutdown.send(true).unwrap();
    }

    /// Waits until it has ended.
    pub async fn ended(self) {
        tokio::time::timeout(super::raw_client::LIMIT, self.serving).await.unwrap().unwrap().unwrap();
    }
}
