//! Keepers as processes have them: each with its own connection to the store, all with one clock that tests move.

use std::sync::Arc;

use menshen::ground::{Clock, ManualClock, Secret, Span, SystemClock, Timestamp};
use menshen::login::{App, AppConfig, Directory, PoolConfig, ServerTokens, TokenError};
use menshen::store::{self, Store, StoreUrl};
use menshen::wechat::{self, Backoff, Follower, Transport};

use super::token_server::TokenServer;

pub(crate) const APP_SECRET: &str = "5ec2e7aaaabbbbccccddddeeeeffff00";
pub(crate) const BEARER: &str = "BEARER-THAT-NOBODY-MAY-READ";

/// One gateway process as far as server tokens go.
pub(crate) struct Process {
    pub(crate) tokens: ServerTokens,
    pub(crate) wechat: wechat::Client,
    pub(crate) app: App,
}

impl Process {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, api: &str, app: App) -> Self {
        Self { tokens: ServerTokens::new(store, clock), wechat: client(api), app }
    }

    pub(crate) async fn token(&self) -> Result<String, TokenError> {
        let token = self.tokens.token(&self.wechat, &self.app).await;
        token.map(|token| token.reveal().to_owned())
    }

    /// A call that needs the token: what WeChat knows about one follower.
    pub(crate) async fn follower(&self) -> Result<Follower, TokenError> {
        let call = |token: Secret| async move { self.wechat.follower(&token, "oAlice").await };
        self.tokens.call(&self.wechat, &self.app, call).await
    }
}

pub(crate) fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(1_760_000_000_000)))
}

pub(crate) fn client(api: &str) -> wechat::Client {
    let config = wechat::Config { api: api.into(), api_backup: String::new(), ..wechat::Config::default() };
    let no_wait = Backoff::from(Span::from_secs(0));
    wechat::Client::with_backoff(Transport::new(&config).unwrap(), &config, no_wait).unwrap()
}

/// A service account with further lines of config.
pub(crate) fn app(more: &str) -> App {
    let text = format!(
        "id = 'service'\nkind = 'official_account'\napp_id = 'wx0123456789abcdef'\nsecret = '{APP_SECRET}'\n\
         pool = 'people'\n{more}"
    );
    let pool: PoolConfig = toml::from_str("id = 'people'").unwrap();
    let app: AppConfig = toml::from_str(&text).unwrap();
    Directory::build(&[pool], &[app], &[]).unwrap().app("service").unwrap().clone()
}

/// A connection of its own.
pub(crate) async fn connect(url: &str) -> Arc<dyn Store> {
    let config =
        store::Config { url: StoreUrl::new(url), timeout: Span::from_secs(20), ..store::Config::default() };
    store::open(&config, Arc::new(SystemClock)).await.unwrap()
}

/// A process alone with its store in memory.
pub(crate) async fn alone(server: &TokenServer, more: &str) -> (Process, Arc<ManualClock>) {
    let clock = manual_clock();
    let config = store::Config { url: StoreUrl::new("embedded:memory"), ..store::Config::default() };
    let store = store::open(&config, clock.clone()).await.unwrap();
    (Process::new(store, clock.clone(), &server.url, app(more)), clock)
}

/// As many processes on one Redis.
pub(crate) async fn together(
    count: usize,
    redis: &str,
    server: &TokenServer,
) -> (Vec<Arc<Process>>, Arc<ManualClock>) {
    let clock = manual_clock();
    let mut processes = Vec::new();
    for _ in 0..count {
        let store = connect(redis).await;
        processes.push(Arc::new(Process::new(store, clock.clone(), &server.url, app(""))));
    }
    (processes, clock)
}

/// Asks all processes at once, each some times.
pub(crate) async fn all_at_once(processes: &[Arc<Process>], times: usize) -> Vec<Result<String, TokenError>> {
    let asking: Vec<_> = processes
        .iter()
        .flat_map(|process| std::iter::repeat_n(process.clone(), times))
        .map(|process| tokio::spawn(async move { process.token().await }))
        .collect();
    let mut answers = Vec::new();
    for asked in asking {
        answers.push(asked.await.unwrap());
    }
    answers
}
