//! The use cases of logging in: begin, come back from WeChat, hand over to another host, leave.
//!
//! Knows accounts, flows and WeChat; knows nothing of HTTP servers, cookies' names or pages.

pub mod account_of;
pub mod callback;
pub mod directory;
pub mod handover;
pub mod official_account_web;
pub mod server_tokens;
pub mod session_config;
pub mod sessions;
pub mod token_source;
pub mod website_qr;

use std::sync::Arc;

use crate::domain::{Flow, FlowId, Handover, ReturnTo};
use crate::ground::{Clock, Span, Timestamp, Token, random_id};
use crate::store::{Store, StoreError};
use crate::wechat::{self, QrLang};

pub use account_of::Outcome;
pub use callback::{Ending, Visit};
pub use directory::{App, AppConfig, AppKind, Directory, Method, MethodConfig, MethodKind, PoolConfig};
pub use server_tokens::{ServerTokens, TokenError};
pub use session_config::{SessionConfig, SessionRules};
pub use sessions::{Known, Presence, Sessions};
pub use token_source::{TokenSource, TokenSourceName};

/// How long a visitor has to finish a login at WeChat.
pub const FLOW_LIFETIME: Span = Span::from_mins(10);
/// How long a finished flow is kept, so that a callback delivered twice gets the same answer.
pub const FLOW_MEMORY: Span = Span::from_mins(2);

/// The login service: one for the process, shared by all requests.
#[derive(Clone)]
pub struct Login {
    store: Arc<dyn Store>,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
}

/// A flow that has begun: where the browser goes next.
#[derive(Debug)]
pub struct Begun {
    /// The flow.
    pub flow: Flow,
    /// WeChat's page for it.
    pub wechat_page: String,
}

impl Login {
    /// A login service over a store.
    pub fn new(store: Arc<dyn Store>, sessions: Arc<Sessions>, clock: Arc<dyn Clock>) -> Self {
        Self { store, sessions, clock }
    }

    /// The sessions this service opens.
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins a login with `method` for the browser that holds `browser`.
    pub async fn begin(
        &self,
        start: Start<'_>,
        wechat: &wechat::Client,
        callback_url: &str,
    ) -> Result<Begun, StoreError> {
        let now = self.clock.now();
        let flow = start.flow(now);
        self.store.put_flow(&flow, FLOW_LIFETIME).await?;
        let wechat_page = match &start.method.kind {
            MethodKind::WebsiteQr(options) => website_qr::page(wechat, options, callback_url, &flow, &start),
            MethodKind::OfficialAccountWeb(options) => {
                official_account_web::page(wechat, start.app, options, callback_url, &flow)
            }
        };
        Ok(Begun { flow, wechat_page })
    }
}

/// What a login begins with.
#[derive(Debug)]
pub struct Start<'a> {
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
    /// Whether WeChat's page is shown inside ours.
    pub embedded: bool,
    /// The language of WeChat's page, where it can be chosen.
    pub lang: QrLang,
}

impl Start<'_> {
    fn flow(&self, now: Timestamp) -> Flow {
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
            salt: random_id(&mut rng, 26),
            created_at: now,
            expires_at: now.plus(FLOW_LIFETIME),
            stage: crate::domain::Stage::Waiting,
        }
    }
}
