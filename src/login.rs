//! The use cases of logging in: begin, come back from WeChat, hand over to another host, leave.
//!
//! Knows accounts, flows and WeChat; knows nothing of HTTP servers, cookies' names or pages.

pub mod account_links;
pub mod account_of;
pub mod app_launch;
pub mod attach;
pub mod binding;
pub mod callback;
pub mod choice;
pub mod client;
pub mod code_limits;
pub mod detach;
pub mod directory;
pub mod finish;
pub mod guard;
pub mod handover;
pub mod mini_program;
pub mod mini_program_scan;
pub mod mobile_app;
pub mod official_account_scan;
pub mod official_account_web;
pub mod open_session;
pub mod passwords;
pub mod progress;
pub mod question;
pub mod replies;
pub mod self_service;
pub mod server_tokens;
pub mod session_config;
pub mod sessions;
pub mod ticket;
pub mod token_source;
pub mod verify_phone;
pub mod waiting_room;
pub mod watch;
pub mod website_qr;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use self::official_account_scan::Cooldown;
use crate::domain::{AccountId, Flow, FlowId, Handover, Origin, ReturnTo};
use crate::ground::{Clock, Span, Timestamp, Token, TokenDigest, random_id};
use crate::store::{Store, StoreError};
use crate::wechat::{self, QrLang};

pub use account_of::Outcome;
pub use directory::{
    App, AppConfig, AppKind, Directory, Method, MethodConfig, MethodKind, PoolConfig, ScanOptions, Scope,
};
pub use finish::{Context, Ending, Visit};
pub use guard::{Guard, NotAdmitted};
pub use official_account_scan::{PushOutcome, Scene};
pub use passwords::{Busy, Checked, Passwords};
pub use progress::{Progress, Seen};
pub use replies::Replies;
pub use server_tokens::{ServerTokens, TokenError, shared_token};
pub use session_config::{SessionConfig, SessionRules};
pub use sessions::{Known, Presence, Sessions};
pub use token_source::{TokenSource, TokenSourceName};
pub use waiting_room::{STEP_ASIDE, WaitingRoom};
pub use watch::{FlowWatch, NotWatching, Watching};

/// How long a visitor has to finish a login at WeChat.
pub const FLOW_LIFETIME: Span = Span::from_mins(10);
/// How long a finished flow is kept, so that a callback delivered twice gets the same answer.
pub const FLOW_MEMORY: Span = Span::from_mins(2);

/// The login service: one for the process, shared by all requests.
#[derive(Clone)]
pub struct Login {
    store: Arc<dyn Store>,
    sessions: Arc<Sessions>,
    tokens: Arc<ServerTokens>,
    watch: Arc<FlowWatch>,
    room: Arc<WaitingRoom>,
    cooldown: Arc<Cooldown>,
    pace: Arc<client::Pace>,
    guard: Guard,
    passwords: Arc<Passwords>,
    /// Work that goes on after its request was answered.
    after: TaskTracker,
    /// Logins that are being finished.
    begun: TaskTracker,
    clock: Arc<dyn Clock>,
}

/// Why a login with a code could not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// WeChat gave no code to scan.
    #[error("WeChat gave no code to scan")]
    Wechat(#[source] TokenError),
}

impl From<TokenError> for BeginError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Store(error) => Self::Store(server_tokens::shared(error)),
            other => Self::Wechat(other),
        }
    }
}

impl Login {
    /// A login service over a store.
    pub fn new(store: Arc<dyn Store>, sessions: Arc<Sessions>, clock: Arc<dyn Clock>) -> Self {
        let tokens = Arc::new(ServerTokens::new(Arc::clone(&store), Arc::clone(&clock)));
        Self {
            guard: Guard::new(Arc::clone(&store), Arc::clone(&clock)),
            passwords: Arc::new(Passwords::new()),
            store,
            sessions,
            tokens,
            watch: FlowWatch::new(),
            room: WaitingRoom::new(),
            cooldown: Arc::default(),
            pace: Arc::default(),
            after: TaskTracker::new(),
            begun: TaskTracker::new(),
            clock,
        }
    }

    /// The sessions this service opens.
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// Who waits for which flow.
    pub fn watch(&self) -> &Arc<FlowWatch> {
        &self.watch
    }

    /// Where the rest of long answers is left for who carries it.
    pub fn waiting_room(&self) -> &Arc<WaitingRoom> {
        &self.room
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Does to its end what spends a code, whether or not who asked stays to listen.
    pub async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Unfinished> {
        if self.begun.len() >= MAX_BEGUN {
            return Err(Unfinished::Crowded);
        }
        self.begun.spawn(work).await.map_err(|_| Unfinished::Broken)
    }

    /// Lets go of the pages that wait, and waits at most `limit` for what is still being done after its answer.
    pub async fn stop(&self, limit: Duration) {
        self.watch.close();
        self.room.clear();
        self.after.close();
        self.begun.close();
        let done = async { tokio::join!(self.after.wait(), self.begun.wait()) };
        if tokio::time::timeout(limit, done).await.is_err() {
            let left = self.after.len() + self.begun.len();
            tracing::warn!(left, "logins were still being finished; people log in again");
        }
    }

    /// Begins a login that goes on at WeChat; answers the address of its page.
    pub async fn begin_page(
        &self,
        start: Start<'_, WechatPage>,
        wechat: &wechat::Client,
        callback_url: &str,
    ) -> Result<(Flow, String), StoreError> {
        let flow = start.flow(self.clock.now(), FLOW_LIFETIME);
        let page = match start.way {
            WechatPage::Qr { embedded, lang } => {
                website_qr::page(wechat, start.app, embedded, lang, callback_url, &flow)
            }
            WechatPage::Consent(scope) => {
                official_account_web::page(wechat, start.app, scope, callback_url, &flow)
            }
        };
        self.store.put_flow(&flow, FLOW_LIFETIME).await?;
        Ok((flow, page))
    }

    /// Begins a login that goes on by scanning a code.
    pub async fn begin_code(
        &self,
        start: Start<'_, &ScanOptions>,
        wechat: &wechat::Client,
    ) -> Result<(Flow, Scene), BeginError> {
        let flow = start.flow(self.clock.now(), start.way.lifetime);
        let scene = self.scene(&flow, start.way, start.app, wechat).await?;
        Ok((flow, scene))
    }
}

/// Why something was not done to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It did not begin: too many logins are being finished.
    Crowded,
    /// A defect of ours stopped it.
    Broken,
}

/// How many logins may be finished at once. WeChat's answers take up to 13 seconds when it is ill, and who asked may be
/// gone.
const MAX_BEGUN: usize = 4096;

/// Names a flow in the log. Its id is the OAuth `state`, and has no place there.
fn flow_mark(id: &FlowId) -> String {
    TokenDigest::of_text(id.as_str()).brief()
}

/// Names somebody in the log: the same in all lines of an app, and neither an OpenID nor a key into the store.
fn person_mark(app: &App, open_id: &str) -> String {
    TokenDigest::of_text(&format!("{} {open_id}", app.app_id)).brief()
}

/// A page of WeChat's on which a login goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WechatPage {
    /// The code of `website_qr`.
    Qr {
        /// Made for a frame in our page.
        embedded: bool,
        /// In which language.
        lang: QrLang,
    },
    /// The consent of `official_account_web`.
    Consent(Scope),
}

/// What a login begins with; `Way` is how it goes on.
#[derive(Debug)]
pub struct Start<'a, Way> {
    /// How it goes on.
    pub way: Way,
    /// The method the visitor uses.
    pub method: &'a Method,
    /// The method's app.
    pub app: &'a App,
    /// The browser the flow is bound to.
    pub browser: &'a Token,
    /// Where the visitor wants to go.
    pub return_to: ReturnTo,
    /// The other host's browser, if the visitor came from another host.
    pub handover: Option<Handover>,
    /// The account that the identity is added to, where who begins this is logged in and wants another WeChat.
    pub attach_to: Option<AccountId>,
    /// Where it begins, for the phone that is asked to approve it.
    pub origin: Origin,
}

impl<Way> Start<'_, Way> {
    fn flow(&self, now: Timestamp, lifetime: Span) -> Flow {
        let mut rng = rand::rng();
        let id = random_id(&mut rng, 26);
        Flow {
            id: FlowId::new(id).expect("a random id is 26 letters and digits"),
            version: 1,
            browser: self.browser.digest(),
            method: self.method.id.clone(),
            pool: self.app.pool.clone(),
            return_to: self.return_to.clone(),
            handover: self.handover.clone(),
            attach_to: self.attach_to.clone(),
            origin: self.origin.clone(),
            salt: random_id(&mut rng, 26),
            created_at: now,
            expires_at: now.plus(lifetime),
            stage: crate::domain::Stage::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;
    use futures_util::{StreamExt as _, stream};

    use super::*;
    use crate::ground::SystemClock;
    use crate::store::embedded::Embedded;

    #[tokio::test]
    async fn a_service_that_stops_lets_go_of_streams_that_nobody_carried() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store: Arc<dyn Store> =
            Arc::new(Embedded::memory(Span::from_secs(5), Arc::clone(&clock)).unwrap());
        let sessions = Arc::new(Sessions::new(Arc::clone(&store), Arc::clone(&clock), 1));
        let login = Login::new(store, sessions, clock);
        let room = Arc::downgrade(login.waiting_room());
        // As the event stream of a page does.
        let held = login.clone();
        let rest = stream::pending().map(move |()| {
            let _ = &held;
            Bytes::new()
        });
        login.waiting_room().leave(rest.boxed(), std::time::Instant::now());
        login.stop(Duration::ZERO).await;
        drop(login);
        assert!(room.upgrade().is_none());
    }
}
