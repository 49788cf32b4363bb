//! The server tokens of official accounts: one for each account, fetched by one process at a time, shared by all.
//!
//! The usual call costs nothing but a look into this process's memory. A fault is shared like a token, so that
//! WeChat is asked once and not once for every visitor. Without a store nobody asks WeChat.

mod entry;
mod error;
mod lease;
mod row;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;

use self::entry::{Entry, Landing};
use self::error::Failure;
use self::row::{Ask, Met, Next, Row};
use super::App;
use super::token_source::TokenSource;
use crate::ground::{Clock, Secret, Timestamp, random_id};
use crate::store::{Store, StoreError, StoreEvent};
use crate::wechat::{self, ServerToken, VisitorKind};

pub use self::error::TokenError;
pub(super) use self::error::shared;

/// Under which name all processes share the row of an app.
fn row_name(app: &App) -> String {
    format!("server_token/{}/{}", app.app_id, app.server_token.mark(&app.secret))
}

/// The server token that the running processes share, if they have one that still lives at `now`.
///
/// Asks nobody for a new one and writes nothing.
///
/// # Errors
/// If the store cannot be read.
pub async fn shared_token(
    store: &dyn Store,
    app: &App,
    now: Timestamp,
) -> Result<Option<Secret>, StoreError> {
    let Some(note) = store.note(&row_name(app)).await? else { return Ok(None) };
    let held = Row::parse(&note.text).and_then(|row| row.token);
    Ok(held.filter(|held| now < held.expires_at).map(|held| held.text))
}

/// How long a caller waits for a token.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long this process goes on looking when its callers have given up: past the lease of a holder that died.
const LOOK_LIMIT: Duration = Duration::from_secs(15);
/// How many rows this process remembers. More than any config has apps; reloads add those of changed secrets.
const MOST_ENTRIES: usize = 256;

/// The server tokens of all accounts. One for the process; cheap to clone.
#[derive(Clone)]
pub struct ServerTokens(Arc<Keeper>);

struct Keeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// This process in the rows; new with every start.
    me: String,
    entries: Mutex<HashMap<String, Arc<Entry>>>,
    /// Read by every caller before it trusts a copy.
    news: Mutex<broadcast::Receiver<StoreEvent>>,
}

/// Whom to ask for one account's token, and how.
struct Job {
    wechat: wechat::Client,
    app: String,
    app_id: String,
    secret: Secret,
    source: TokenSource,
}

impl Job {
    fn of(wechat: &wechat::Client, app: &App) -> Self {
        Self {
            wechat: wechat.clone(),
            app: app.id.clone(),
            app_id: app.app_id.to_string(),
            secret: app.secret.clone(),
            source: app.server_token.clone(),
        }
    }

    async fn ask(&self, force: bool) -> Result<ServerToken, wechat::Error> {
        match &self.source {
            TokenSource::Stable => self.wechat.stable_token(&self.app_id, &self.secret, force).await,
            TokenSource::Classic => self.wechat.classic_token(&self.app_id, &self.secret).await,
            TokenSource::Endpoint { url, secret } => {
                self.wechat.endpoint_token(url, secret.as_ref(), &self.app_id, force).await
            }
        }
    }

    /// Writes the one log line of a fault.
    fn report(&self, error: &wechat::Error) -> Met {
        let (app, hint) = (&self.app, error.operator_hint());
        match error.visitor_kind() {
            VisitorKind::Misconfigured => {
                tracing::error!(%app, %error, hint, "no server token: a WeChat setting is wrong");
            }
            _ => tracing::warn!(%app, %error, hint, "no new server token"),
        }
        Met {
            action: error.action(),
            code: error.code(),
            message: error.to_string(),
            hint,
            visitor: error.visitor_kind(),
        }
    }
}

impl ServerTokens {
    /// A keeper over a store. Processes that share the store share the tokens.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let news = Mutex::new(store.events());
        let me = random_id(&mut rand::rng(), 16);
        Self(Arc::new(Keeper { store, clock, me, entries: Mutex::default(), news }))
    }

    /// The app's server token; it works for some seconds at least.
    ///
    /// # Errors
    /// After about 8 s at the latest.
    pub async fn token(&self, wechat: &wechat::Client, app: &App) -> Result<Secret, TokenError> {
        self.token_but(wechat, app, None).await
    }

    /// Runs `call` with the app's server token. If WeChat says that the token is dead, gets another one and runs
    /// `call` once more.
    ///
    /// # Errors
    /// [`TokenError::Wechat`] if `call` failed, otherwise why there is no token.
    pub async fn call<T, F, Fut>(&self, wechat: &wechat::Client, app: &App, call: F) -> Result<T, TokenError>
    where
        F: Fn(Secret) -> Fut,
        Fut: Future<Output = Result<T, wechat::Error>>,
    {
        let token = self.token(wechat, app).await?;
        match call(token.clone()).await {
            Err(error) if error.wants_new_token() => {
                tracing::info!(app = %app.id, code = error.code(), "WeChat says that the server token is dead");
                let token = self.token_but(wechat, app, Some(token)).await?;
                call(token).await.map_err(TokenError::Wechat)
            }
            outcome => outcome.map_err(TokenError::Wechat),
        }
    }

    /// A token that is not the one that WeChat has refused.
    async fn token_but(
        &self,
        wechat: &wechat::Client,
        app: &App,
        dead: Option<Secret>,
    ) -> Result<Secret, TokenError> {
        let keeper = &self.0;
        let entry = keeper.entry(row_name(app));
        keeper.hear_news();
        // While no news arrive, nothing that was read earlier is trusted unseen.
        if keeper.store.events_flow()
            && let Some(token) = entry.fresh(keeper.clock.now(), dead.as_ref())
        {
            return Ok(token);
        }
        let (keeper, job, unwanted) = (keeper.clone(), Job::of(wechat, app), dead.clone());
        // A task of its own: it goes on when the visitor who began it is gone.
        let flight = entry.flight(dead.as_ref(), move |landing| {
            tokio::spawn(keeper.look(Arc::new(job), landing, unwanted))
        });
        match tokio::time::timeout(PATIENCE, flight).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(Failure::Late.into()),
        }
    }
}

impl Keeper {
    /// The entry of a row's name.
    fn entry(&self, name: String) -> Arc<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST_ENTRIES && !entries.contains_key(&name) {
            // Those nobody uses just now; what they forget is in the store.
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        entries.entry(name.clone()).or_insert_with(|| Arc::new(Entry::new(name))).clone()
    }

    /// Forgets what the news since the last call say is outdated.
    fn hear_news(&self) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let changed = match news.try_recv() {
                Ok(StoreEvent::NoteChanged { name }) => Some(name),
                Ok(StoreEvent::Missed) | Err(TryRecvError::Lagged(_)) => None,
                Ok(
                    StoreEvent::SessionEnded { .. }
                    | StoreEvent::AccountChanged { .. }
                    | StoreEvent::FlowChanged { .. },
                ) => continue,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            };
            let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            match changed {
                Some(name) => entries.get(&name).into_iter().for_each(|entry| entry.forget()),
                None => entries.values().for_each(|entry| entry.forget()),
            }
        }
    }

    /// Looks at the row, and does what is to be done, until there is a token or a failure.
    async fn look(
        self: Arc<Self>,
        job: Arc<Job>,
        landing: Landing,
        dead: Option<Secret>,
    ) -> Result<Secret, Failure> {
        let give_up = Instant::now() + LOOK_LIMIT;
        // Before the first look, so that no change is missed between looking and waiting.
        let mut events = self.store.events();
        let entry = landing.entry();
        while Instant::now() < give_up {
            let (version, row) = self.read(&entry.name).await?;
            let now = self.clock.now();
            match row.next(now, dead.as_ref()) {
                Next::Use(held) => {
                    entry.remember(&held);
                    return Ok(held.text);
                }
                Next::UseAndRenew(held) => {
                    let (keeper, entry) = (self.clone(), entry.clone());
                    // On its own; whoever looks again sees what came of it.
                    tokio::spawn(async move {
                        if let Err(error) = keeper.fetch(&job, &entry.name, version, row, None).await {
                            tracing::warn!(app = %job.app, %error, "the server token was not renewed");
                        }
                    });
                    return Ok(held.text);
                }
                Next::Fault(fault) => return Err(Failure::Fault(fault)),
                Next::Fetch => self.fetch(&job, &entry.name, version, row, dead.as_ref()).await?,
                Next::WaitUntil(until) => {
                    let lease_end = Instant::now() + until.since(now).duration();
                    wait_for_change(&mut events, &entry.name, lease_end.min(give_up)).await;
                }
            }
        }
        Err(Failure::Late)
    }

    /// The row and its version; nothing has version 0.
    async fn read(&self, name: &str) -> Result<(u64, Row), StoreError> {
        let Some(note) = self.store.note(name).await? else { return Ok((0, Row::default())) };
        let row = Row::parse(&note.text).unwrap_or_else(|| {
            tracing::warn!("the row of a server token cannot be read; it is begun again");
            Row::default()
        });
        Ok((note.version, row))
    }

    /// Takes the lease, asks, and writes what came of it. Returns without having done so if somebody else has
    /// the lease or takes over: look again.
    async fn fetch(
        &self,
        job: &Job,
        name: &str,
        version: u64,
        row: Row,
        dead: Option<&Secret>,
    ) -> Result<(), StoreError> {
        let (store, clock) = (&*self.store, &*self.clock);
        let mut ask = row.first_ask(&job.source, dead, clock.now());
        let mut lease = lease::Held { store, clock, name, holder: &self.me, version, row: row.clone() };
        if !lease.keep(&row).await? {
            return Ok(());
        }
        loop {
            match ask {
                Ask::Ordinary => {}
                Ask::Forced => {
                    tracing::warn!(app = %job.app, "replacing a dead server token");
                    let counted = lease.row.counted(clock.now());
                    if !lease.keep(&counted).await? {
                        return Ok(());
                    }
                }
                Ask::NotBefore(then) => {
                    let stuck = lease.row.stuck(&job.source, clock.now(), then);
                    tracing::error!(app = %job.app, hint = stuck.hint(), "a dead server token is replaced too often");
                    lease.release(stuck).await?;
                    return Ok(());
                }
            }
            let Some(answer) = lease.during(job.ask(ask == Ask::Forced)).await else { return Ok(()) };
            let now = clock.now();
            let row = match answer {
                Ok(token) if Some(&token.token) == dead => {
                    ask = lease.row.next_ask(&job.source, ask, now);
                    continue;
                }
                Ok(token) => {
                    tracing::debug!(app = %job.app, expires_in = %token.expires_in, "a new server token");
                    lease.row.renewed(&job.source, token, now)
                }
                Err(error) => lease.row.failed(job.report(&error), now),
            };
            lease.release(row).await?;
            return Ok(());
        }
    }
}

/// Returns when the row may have changed, at the latest at `until`.
async fn wait_for_change(events: &mut broadcast::Receiver<StoreEvent>, name: &str, until: Instant) {
    let change = async {
        loop {
            match events.recv().await {
                Ok(StoreEvent::NoteChanged { name: changed }) if changed == name => return,
                Ok(StoreEvent::Missed) | Err(RecvError::Lagged(_)) => return,
                Ok(_) => {}
                // No more news ever; the end of the lease is left.
                Err(RecvError::Closed) => std::future::pending::<()>().await,
            }
        }
    };
    // Late or changed: in either case the row is looked at again.
    let _ = tokio::time::timeout_at(until, change).await;
}
