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
    self, DEMO_SERVICE_APP_ID, DEMO_SERVICE_SECRET, DEMO_WEBSITE_APP_ID, DEMO_WEBSITE_SECRET, Handle,
    Simulator,
};

/// What differs between gateways.
pub(crate) struct Plan {
    pub(crate) presentation: &'static str,
    pub(crate) scope: &'static str,
}

impl Default for Plan {
    fn default() -> Self {
        Self { presentation: "embedded", scope: "snsapi_userinfo" }
    }
}

pub(crate) struct House {
    /// The gateway's address without a trailing slash.
    pub(crate) site: String,
    /// What people do on their phones, and what WeChat gets wrong.
    pub(crate) wechat: Handle,
    gateway: Running,
    simulator: Simulator,
    app: SampleApp,
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::built(Plan::default()).await
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
        let text = config_text(&plan, port, simulator.base_url(), &app.address.to_string());
        let config = Config::parse(Path::new("browser-test.toml"), &text, []).unwrap();
        let gateway = server::start_with(config, Arc::new(SystemClock), vec![listener]).await.unwrap();
        let site = format!("http://localhost:{port}");
        Self { site, wechat: simulator.handle(), gateway, simulator, app }
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
        self.gateway.stop().await;
        self.app.stop().await;
        self.simulator.stop().await;
    }
}

fn config_text(plan: &Plan, port: u16, wechat: &str, app: &str) -> String {
    let Plan { presentation, scope } = plan;
    format!(
        r#"
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://localhost:{port}"
drain_timeout = "1s"

[store]
url = "embedded:memory"

[wechat]
api = "{wechat}"
api_backup = ""
open = "{wechat}"
mp = "{wechat}"

[pages]
title = "门神 Menshen Demo"

[log]
access = false

[[pools]]
id = "people"

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
"#
    )
}
