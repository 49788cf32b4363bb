//! Everything a test needs, started on free ports and ended with it: gateways, WeChat, an app, a clock.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use menshen::config::Config;
use menshen::domain::{Account, AccountId, AppId, IdentityKey, IdentityRow, OpenId, PoolId, UnionId};
use menshen::ground::{Clock, ManualClock, Span, SystemClock};
use menshen::server::{self, Running};
use menshen::simulator::{self, Handle, Simulator};
use menshen::store::Store;
use reqwest::Url;

use crate::agent;
use crate::app::App;
use crate::browser::Browser;

/// What a test changes of the usual world; every text is more TOML for its section.
pub(crate) struct Setup {
    pub(crate) store: String,
    pub(crate) store_more: String,
    pub(crate) server: String,
    pub(crate) session: String,
    pub(crate) wechat: String,
    pub(crate) headers: String,
    /// Pools, apps and methods.
    pub(crate) directory: String,
    pub(crate) routes: String,
    pub(crate) gateways: usize,
    pub(crate) people: fn(&mut simulator::Config),
}

/// One website app and one service account of one pool, one method each.
pub(crate) const DIRECTORY: &str = r#"
[[pools]]
id = "people"

[[apps]]
id = "website"
kind = "website"
app_id = "wx0de0000000000001"
secret = "5ec2e7000000000000000000000000a1"
pool = "people"

[[apps]]
id = "service"
kind = "official_account"
app_id = "wx0de0000000000002"
secret = "5ec2e7000000000000000000000000b2"
pool = "people"

[[methods]]
id = "scan"
kind = "website_qr"
app = "website"

[[methods]]
id = "wechat"
kind = "official_account_web"
app = "service"
"#;

/// The website's AppID.
pub(crate) const WEBSITE: &str = simulator::DEMO_WEBSITE_APP_ID;
/// The service account's AppID.
pub(crate) const SERVICE: &str = simulator::DEMO_SERVICE_APP_ID;

pub(crate) const ROUTES: &str = r#"
[[routes]]
path = "/"
upstream = "app"

[[routes]]
path = "/public"
upstream = "app"
access = "public"

[[routes]]
path = "/optional"
upstream = "app"
access = "optional"

[[routes]]
path = "/small"
upstream = "app"
max_body = 1000
"#;

/// The call that spends a code.
pub(crate) const EXCHANGE: &str = "/sns/oauth2/access_token";
/// The call that reads a profile.
pub(crate) const PROFILE: &str = "/sns/userinfo";

impl Default for Setup {
    fn default() -> Self {
        Self {
            store: "embedded:memory".into(),
            store_more: String::new(),
            server: String::new(),
            session: String::new(),
            wechat: String::new(),
            headers: String::new(),
            directory: DIRECTORY.into(),
            routes: ROUTES.into(),
            gateways: 1,
            people: |_| {},
        }
    }
}

pub(crate) struct World {
    pub(crate) gateways: Vec<Running>,
    pub(crate) app: App,
    pub(crate) wechat: Handle,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) public: Url,
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
    client: reqwest::Client,
    _simulator: Simulator,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        // Redis ages rows by its own clock, so the world begins now and then stands still.
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let mut wechat = simulator::Config::demo();
        wechat.clock = Arc::clone(&clock) as _;
        wechat.long_poll = Span::from_secs(20);
        (setup.people)(&mut wechat);
        let simulator = Simulator::start(wechat).await.unwrap();
        let app = App::start().await;
        let listeners: Vec<TcpListener> =
            (0..setup.gateways).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<SocketAddr> =
            listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let public = Url::parse(&format!("http://127.0.0.1:{}", addresses[0].port())).unwrap();
        let text = config(&setup, &public, simulator.base_url(), app.address);
        let mut gateways = Vec::new();
        for listener in listeners {
            let config = Config::parse(Path::new("test.toml"), &text, []).unwrap();
            let running = server::start_with(config, Arc::clone(&clock) as _, vec![listener]).await;
            gateways.push(running.unwrap());
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .build()
            .unwrap();
        Self {
            gateways,
            app,
            wechat: simulator.handle(),
            clock,
            public,
            addresses: Arc::new(Mutex::new(addresses)),
            client,
            _simulator: simulator,
        }
    }

    /// A browser that says it is `agent`.
    pub(crate) fn browser(&self, agent: &str) -> Browser {
        let (client, wechat) = (self.client.clone(), self.wechat.clone());
        Browser::new(client, wechat, agent, self.public.clone(), Arc::clone(&self.addresses))
    }

    /// A browser on a computer.
    pub(crate) fn desktop(&self) -> Browser {
        self.browser(agent::DESKTOP)
    }

    /// WeChat's browser on a phone.
    pub(crate) fn phone(&self) -> Browser {
        self.browser(agent::WECHAT)
    }

    /// The public address as browsers name it in `Origin`.
    pub(crate) fn origin(&self) -> String {
        self.public.origin().ascii_serialization()
    }

    pub(crate) fn address(&self, gateway: usize) -> SocketAddr {
        self.addresses.lock().unwrap()[gateway]
    }

    /// How many codes were offered to WeChat.
    pub(crate) fn exchanges(&self) -> usize {
        self.wechat.calls(EXCHANGE)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &**self.gateways[0].store()
    }

    /// Time passes, for the gateways and for WeChat.
    pub(crate) fn advance(&self, span: Span) {
        self.clock.advance(span);
        // Wakes what waits in the simulator, whose clock this is too.
        self.wechat.advance(Span::default());
    }

    // What is stored.

    pub(crate) async fn rows(&self, keys: &[IdentityKey]) -> Vec<Option<IdentityRow>> {
        self.store().identities(keys).await.unwrap()
    }

    pub(crate) async fn row(&self, key: &IdentityKey) -> Option<IdentityRow> {
        self.rows(std::slice::from_ref(key)).await.remove(0)
    }

    pub(crate) async fn stored_account(&self, id: &str) -> Option<Account> {
        let id = AccountId::new(id).unwrap();
        self.store().accounts(&[id]).await.unwrap().remove(0)
    }

    /// The row of a simulated person's OpenID at an app of the pool `people`.
    pub(crate) fn open_key(&self, app_id: &str, person: &str) -> IdentityKey {
        open_key("people", app_id, &self.wechat.openid(app_id, person))
    }

    /// The row of a simulated person's UnionID in the pool `people`.
    pub(crate) fn union_key(&self, person: &str) -> IdentityKey {
        union_key("people", &self.wechat.unionid(WEBSITE, person).unwrap())
    }
}

pub(crate) fn open_key(pool: &str, app_id: &str, open_id: &str) -> IdentityKey {
    IdentityKey::OpenId {
        pool: PoolId::new(pool).unwrap(),
        app_id: AppId::new(app_id).unwrap(),
        open_id: OpenId::new(open_id).unwrap(),
    }
}

pub(crate) fn union_key(pool: &str, union_id: &str) -> IdentityKey {
    IdentityKey::UnionId { pool: PoolId::new(pool).unwrap(), union_id: UnionId::new(union_id).unwrap() }
}

/// The config file of a gateway at `public`.
pub(crate) fn config(setup: &Setup, public: &Url, wechat: &str, app: SocketAddr) -> String {
    let Setup { store, store_more, server, session, wechat: wechat_more, headers, directory, routes, .. } =
        setup;
    let public = public.origin().ascii_serialization();
    format!(
        r#"
[server]
listen = ["127.0.0.1:0"]
public_url = "{public}"
drain_timeout = "1s"
{server}

[store]
url = "{store}"
{store_more}

[session]
{session}

[headers]
{headers}

[wechat]
api = "{wechat}"
api_backup = ""
open = "{wechat}"
mp = "{wechat}"
{wechat_more}

[log]
access = false
{directory}
[[upstreams]]
id = "app"
servers = ["http://{app}"]
{routes}
"#
    )
}
