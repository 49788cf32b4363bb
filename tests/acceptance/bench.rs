//! What the portal has for a message, over a store that fails when told to and without a portal.

use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use menshen::config::{Config, Inputs, build};
use menshen::domain::{AccountId, AppId, FlowId, MethodId, OpenId, Origin, PoolId, ReturnTo, Session};
use menshen::gate::Signer;
use menshen::ground::{Clock as _, ManualClock, Span, SystemClock, Token};
use menshen::login::official_account_scan::PushContext;
use menshen::login::{Login, MethodKind, PushOutcome, Sessions, Start};
use menshen::simulator::{self, Simulator};
use menshen::snapshot::Snapshot;
use menshen::store::{self, StoreError, StoreUrl};
use menshen::wechat::Transport;
use menshen::wechat::push::{Message, PushQuery};
use tokio::time::Instant;

use crate::faulty_store::FaultyStore;
use crate::letters::{Pen, event, scan_event};
use crate::scanning::{PATIENCE, setup_with};
use crate::world::{SERVICE, config};

fn login(store: &Arc<FaultyStore>, clock: &Arc<ManualClock>) -> Login {
    let sessions = Arc::new(Sessions::new(Arc::clone(store) as _, Arc::clone(clock) as _, 100));
    Login::new(Arc::clone(store) as _, sessions, Arc::clone(clock) as _)
}

/// What the portal has, over a store that fails when told to.
pub(crate) struct Bench {
    pub(crate) simulator: Simulator,
    pub(crate) snapshot: Snapshot,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) login: Login,
}

impl Bench {
    pub(crate) async fn start(method: &str) -> Self {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let mut wechat = simulator::Config::demo();
        wechat.clock = Arc::clone(&clock) as _;
        wechat.followers.insert(SERVICE.into(), vec!["zhang".into()]);
        let simulator = Simulator::start(wechat).await.unwrap();
        let public = "http://127.0.0.1:1".parse().unwrap();
        let text = config(&setup_with("", method), &public, simulator.base_url(), ([127, 0, 0, 1], 1).into());
        let config = Config::parse(Path::new("test.toml"), &text, []).unwrap();
        let transport = Transport::new(&config.wechat).unwrap();
        let inputs = Inputs { transport, signer: Arc::new(Signer::generate().unwrap()), generation: 1 };
        let snapshot = build(&config, inputs).unwrap();
        let url = StoreUrl::new("embedded:memory");
        let memory = store::Config { url, ..store::Config::default() };
        let inner = store::open(&memory, Arc::clone(&clock) as _).await.unwrap();
        let store = Arc::new(FaultyStore::new(inner));
        let login = login(&store, &clock);
        Self { simulator, snapshot, clock, store, login }
    }

    /// The login service of another process.
    pub(crate) fn login(&self) -> Login {
        login(&self.store, &self.clock)
    }

    /// Begins a login; answers its flow and the scene in its code.
    pub(crate) async fn begin(&self) -> (FlowId, String) {
        let Snapshot { directory, site, wechat, .. } = &self.snapshot;
        let method = directory.method(&MethodId::new("follow").unwrap()).unwrap();
        let MethodKind::OfficialAccountScan(options) = &method.kind else { panic!("not a code to scan") };
        let start = Start {
            way: options,
            method,
            app: directory.app("service").unwrap(),
            browser: &Token::generate(&mut rand::rng()),
            return_to: ReturnTo::home(&site.hosts),
            handover: None,
            attach_to: None,
            origin: Origin::default(),
        };
        let (flow, _) = self.login.begin_code(start, wechat).await.unwrap();
        let code = self.simulator.handle().next_scene_code(Span::from_secs(5)).await.unwrap();
        (flow.id, code.scene)
    }

    /// The message of zhang's scan as the `n`-th try of WeChat's.
    pub(crate) fn message(&self, scene: &str, n: usize) -> Message {
        self.open(n, &scan_event(&self.simulator.handle(), "zhang", scene))
    }

    /// The message that zhang follows no more, as the `n`-th try of WeChat's.
    pub(crate) fn unfollow(&self, n: usize) -> Message {
        self.open(n, &event(&self.simulator.handle(), "zhang", "<Event><![CDATA[unsubscribe]]></Event>"))
    }

    fn open(&self, n: usize, text: &str) -> Message {
        let wechat = self.simulator.handle();
        let letter = Pen { nonce: n.to_string(), ..Pen::of(&wechat) }.sealed(text);
        let keys = self.snapshot.directory.app("service").unwrap().push.as_ref().unwrap();
        keys.open(&PushQuery::parse(&letter.query), &letter.body, self.clock.now()).unwrap()
    }

    /// A session that was opened through the service account.
    pub(crate) fn session(&self, account: &AccountId, open_id: &str) -> Session {
        let now = self.clock.now();
        Session {
            account: account.clone(),
            pool: PoolId::new("people").unwrap(),
            login_id: "l".into(),
            method: MethodId::new("follow").unwrap(),
            app_id: AppId::new(SERVICE).unwrap(),
            open_id: OpenId::new(open_id).unwrap(),
            host: "127.0.0.1".into(),
            created_at: now,
            last_seen_at: now,
            ip: None,
            user_agent: None,
        }
    }

    /// Hands a message over as the portal does, whose patience ends at once where the store stalls.
    pub(crate) async fn push(&self, message: &Message) -> Result<PushOutcome, StoreError> {
        let context = PushContext {
            directory: &self.snapshot.directory,
            wechat: &self.snapshot.wechat,
            app: self.snapshot.directory.app("service").unwrap(),
            site: "site",
            confirm_url: &|token| format!("http://127.0.0.1:1/confirm?t={}", token.reveal()),
            answer_by: Instant::now() + PATIENCE,
        };
        let mut pushed = std::pin::pin!(self.login.pushed(context, message));
        tokio::select! {
            outcome = &mut pushed => return outcome,
            () = self.store.stalled() => {}
        }
        tokio::time::pause();
        tokio::time::advance(2 * PATIENCE).await;
        let outcome = pushed.now_or_never();
        tokio::time::resume();
        outcome.unwrap_or_else(|| {
            let doing = "being cut short";
            Err(StoreError::Unavailable { doing, source: "the store stalls".into() })
        })
    }
}
