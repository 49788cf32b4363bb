//! All that a login needs on this machine: gateway, simulated WeChat and the demo's sample app, in-process.
//!
//! The gateway is on `localhost` and WeChat on `127.0.0.1`, which are two sites to a browser, as in real life.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use menshen::config::Config;
use menshen::demo::sample_app::{self, SampleApp};
use menshen::ground::{Span, SystemClock};
use menshen::server::{self, Running};
use menshen::simulator::{
    self, DEMO_MINI_APP_ID, DEMO_MINI_ORIGINAL_ID, DEMO_MINI_SECRET, DEMO_MOBILE_APP_ID, DEMO_MOBILE_SECRET,
    DEMO_PUSH_AES_KEY, DEMO_PUSH_TOKEN, DEMO_SERVICE_APP_ID, DEMO_SERVICE_SECRET, DEMO_WEBSITE_APP_ID,
    DEMO_WEBSITE_SECRET, Handle, Push, PushFormat, PushMode, Simulator,
};
use menshen::store::Store;
use tempfile::TempDir;

/// What differs between gateways.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) presentation: &'static str,
    pub(crate) scope: &'static str,
    /// The method that shows the service account's code, and stands before the others.
    pub(crate) follow: Option<Follow>,
    /// The methods of a mini program and a native app; the one with a code stands before the others.
    pub(crate) programs: Option<Programs>,
    /// More settings of the pool.
    pub(crate) pool: &'static str,
    /// More TOML at the end: routes, services.
    pub(crate) more: String,
}

/// The method `follow`.
#[derive(Clone)]
pub(crate) struct Follow {
    pub(crate) lifetime: &'static str,
    pub(crate) confirm: bool,
    pub(crate) picture: &'static str,
}

/// The methods `mini-scan`, `mini`, `app` and `launch`.
#[derive(Clone)]
pub(crate) struct Programs {
    pub(crate) lifetime: &'static str,
    /// More settings of `mini-scan`.
    pub(crate) scan: &'static str,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            presentation: "embedded",
            scope: "snsapi_userinfo",
            follow: None,
            programs: None,
            pool: "",
            more: String::new(),
        }
    }
}

impl Default for Programs {
    fn default() -> Self {
        Self { lifetime: "3m", scan: "" }
    }
}

impl Default for Follow {
    fn default() -> Self {
        Self { lifetime: "3m", confirm: false, picture: "drawn" }
    }
}

pub(crate) struct House {
    /// The gateway's address without a trailing slash.
    pub(crate) site: String,
    /// What people do on their phones, and what WeChat gets wrong.
    pub(crate) wechat: Handle,
    config: String,
    port: u16,
    /// None while it is down.
    gateway: Option<Running>,
    simulator: Simulator,
    app: SampleApp,
    _data: TempDir,
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::built(Plan::default()).await
    }

    /// One that shows the service account's code first. Nobody follows the account.
    pub(crate) async fn with_follow(follow: Follow) -> Self {
        Self::built(Plan { follow: Some(follow), ..Plan::default() }).await
    }

    /// One with a mini program and a native app, which send their requests here.
    pub(crate) async fn with_programs(programs: Programs) -> Self {
        let house = Self::built(Plan { programs: Some(programs), ..Plan::default() }).await;
        house.wechat.set_request_address(DEMO_MINI_APP_ID, &house.at("/_menshen")).unwrap();
        house.wechat.set_own_links(true);
        house
    }

    pub(crate) async fn built(plan: Plan) -> Self {
        let config = simulator::Config {
            // A browser that is killed while it polls must not keep a test from ending.
            long_poll: Span::from_secs(5),
            ..simulator::Config::demo().with_domain("localhost")
        };
        let simulator = Simulator::start(config).await.unwrap();
        let app = sample_app::start(simulator.base_url()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let data = tempfile::tempdir().unwrap();
        let store = data.path().join("menshen.redb").display().to_string();
        let store = if plan.follow.is_some() { &store } else { "memory" };
        let config = config_text(&plan, port, store, simulator.base_url(), &app.address.to_string());
        let site = format!("http://localhost:{port}");
        let wechat = simulator.handle();
        let mut house = Self { site, wechat, config, port, gateway: None, simulator, app, _data: data };
        house.open_gateway(listener).await;
        if plan.follow.is_some() {
            let push = Push {
                url: house.at("/_menshen/push/service"),
                token: DEMO_PUSH_TOKEN.into(),
                encoding_aes_key: Some(DEMO_PUSH_AES_KEY.into()),
                mode: PushMode::Secure,
                format: PushFormat::Xml,
            };
            house.wechat.set_push(DEMO_SERVICE_APP_ID, Some(push)).await.unwrap();
        }
        house
    }

    async fn open_gateway(&mut self, listener: TcpListener) {
        let config = Config::parse(Path::new("browser-test.toml"), &self.config, []).unwrap();
        let clock = Arc::new(SystemClock);
        self.gateway = Some(server::start_with(config, clock, vec![listener]).await.unwrap());
    }

    /// The gateway ends; what it stored stays.
    pub(crate) async fn stop_gateway(&mut self) {
        self.gateway.take().unwrap().stop().await;
    }

    /// The gateway is back where it was.
    pub(crate) async fn restart_gateway(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        self.open_gateway(listener).await;
    }

    /// What the gateway has stored.
    pub(crate) fn store(&self) -> &dyn Store {
        &**self.gateway.as_ref().unwrap().store()
    }

    /// An address of the gateway.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.site)
    }

    /// An address of the simulated WeChat.
    pub(crate) fn wechat_at(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.base_url())
    }

    pub(crate) async fn close(self) {
        if let Some(gateway) = self.gateway {
            gateway.stop().await;
        }
        self.app.stop().await;
        self.simulator.stop().await;
    }
}

fn config_text(plan: &Plan, port: u16, store: &str, wechat: &str, app: &str) -> String {
    let Plan { presentation, scope, follow, programs, pool, more } = plan;
    let follow = follow.as_ref().map(follow_text).unwrap_or_default();
    let programs = programs.as_ref().map(programs_text).unwrap_or_default();
    format!(
        r#"
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://localhost:{port}"
drain_timeout = "1s"

[store]
url = "embedded:{store}"

[wechat]
api = "{wechat}"
api_backup = ""
open = "{wechat}"
mp = "{wechat}"

[pages]
title = "门神 Menshen Demo"

[headers]
phone = "X-User-Phone"
method = "X-User-Method"

[log]
access = false

[[pools]]
id = "people"
{pool}

[[apps]]
id = "website"
kind = "website"
app_id = "{DEMO_WEBSITE_APP_ID}"
secret = "{DEMO_WEBSITE_SECRET}"
pool = "people"

[[apps]]
id = "service"
kind = "official_account"
app_id = "{DEMO_SERVICE_APP_ID}"
secret = "{DEMO_SERVICE_SECRET}"
pool = "people"
token = "{DEMO_PUSH_TOKEN}"
encoding_aes_key = "{DEMO_PUSH_AES_KEY}"
{follow}{programs}
[[methods]]
id = "scan"
kind = "website_qr"
app = "website"
presentation = "{presentation}"

[[methods]]
id = "wechat"
kind = "official_account_web"
app = "service"
scope = "{scope}"

[[upstreams]]
id = "sample"
servers = ["http://{app}"]

[[routes]]
path = "/"
upstream = "sample"
access = "login"

[[routes]]
path = "/public"
upstream = "sample"
access = "public"
{more}"#
    )
}

fn follow_text(follow: &Follow) -> String {
    let Follow { lifetime, confirm, picture } = follow;
    format!(
        r#"
[[methods]]
id = "follow"
kind = "official_account_scan"
app = "service"
lifetime = "{lifetime}"
confirm = {confirm}
picture = "{picture}"
"#
    )
}

fn programs_text(programs: &Programs) -> String {
    let Programs { lifetime, scan } = programs;
    format!(
        r#"
[[apps]]
id = "mini"
kind = "mini_program"
app_id = "{DEMO_MINI_APP_ID}"
secret = "{DEMO_MINI_SECRET}"
pool = "people"
original_id = "{DEMO_MINI_ORIGINAL_ID}"

[[apps]]
id = "mobile"
kind = "mobile"
app_id = "{DEMO_MOBILE_APP_ID}"
secret = "{DEMO_MOBILE_SECRET}"
pool = "people"

[[methods]]
id = "mini-scan"
kind = "mini_program_scan"
app = "mini"
lifetime = "{lifetime}"
{scan}

[[methods]]
id = "mini"
kind = "mini_program"
app = "mini"

[[methods]]
id = "app"
kind = "mobile_app"
app = "mobile"

[[methods]]
id = "launch"
kind = "app_launch"
app = "mini"
"#
    )
}
