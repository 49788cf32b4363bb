//! A simulated WeChat for one script and, where it wants one, a gateway: one account with a key, one without, a mini
//! program and a mobile app.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use menshen::config::Config;
use menshen::ground::SystemClock;
use menshen::server::{self, Running};
use menshen::simulator::{self, App, AppKind, Simulator};

/// The AppID of the account without a key.
const PLAIN_APP_ID: &str = "wx0de0000000000012";
const PLAIN_SECRET: &str = "5ec2e7000000000000000000000000c3";
/// The methods of the mini program and of the mobile app.
const SCAN: &str = "mini-scan";
const MINI: &str = "mini";
const LAUNCH: &str = "launch";
const MOBILE: &str = "app";
/// What the gateway answers to somebody who follows; every character that XML or JSON could stumble over is in it.
const FOLLOW_TEXT: &str = "谢谢关注 🐉 <a href=\"https://example.com/?a=1&b=2\">门神</a> ]]> \\ 'ok'";

pub(crate) struct World {
    simulator: Simulator,
    gateway: Option<Running>,
    address: String,
}

impl World {
    /// WeChat alone.
    pub(crate) async fn wechat() -> Self {
        let mut wechat = simulator::Config::demo();
        wechat.apps.push(App {
            id: "plain".into(),
            name: "明文号".into(),
            kind: AppKind::ServiceAccount { verified: true },
            app_id: PLAIN_APP_ID.into(),
            secret: PLAIN_SECRET.into(),
            open_platform: None,
            domain: "127.0.0.1".into(),
        });
        let simulator = Simulator::start(wechat).await.unwrap();
        Self { simulator, gateway: None, address: String::new() }
    }

    /// WeChat and a gateway.
    pub(crate) async fn whole() -> Self {
        let Self { simulator, .. } = Self::wechat().await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let text = config(&address, simulator.base_url());
        let config = Config::parse(Path::new("witness.toml"), &text, []).unwrap();
        let gateway = server::start_with(config, Arc::new(SystemClock), vec![listener]).await.unwrap();
        Self { simulator, gateway: Some(gateway), address }
    }

    /// What a script finds in its environment.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 22] {
        [
            ("WITNESS_GATEWAY", &self.address),
            ("WITNESS_WECHAT", self.simulator.base_url()),
            ("WITNESS_APP", "service"),
            ("WITNESS_APP_ID", simulator::DEMO_SERVICE_APP_ID),
            ("WITNESS_SECRET", simulator::DEMO_SERVICE_SECRET),
            ("WITNESS_TOKEN", simulator::DEMO_PUSH_TOKEN),
            ("WITNESS_AES_KEY", simulator::DEMO_PUSH_AES_KEY),
            ("WITNESS_PLAIN_APP", "plain"),
            ("WITNESS_FOLLOW_TEXT", FOLLOW_TEXT),
            ("WITNESS_WEBSITE_APP_ID", simulator::DEMO_WEBSITE_APP_ID),
            ("WITNESS_WEBSITE_SECRET", simulator::DEMO_WEBSITE_SECRET),
            ("WITNESS_MINI_APP_ID", simulator::DEMO_MINI_APP_ID),
            ("WITNESS_MINI_SECRET", simulator::DEMO_MINI_SECRET),
            ("WITNESS_MINI", MINI),
            ("WITNESS_MOBILE", MOBILE),
            ("WITNESS_LAUNCH", LAUNCH),
            // The mini program's own tests take these.
            ("MENSHEN_GATEWAY", &self.address),
            ("MENSHEN_SIMULATOR", self.simulator.base_url()),
            ("MENSHEN_APP_ID", simulator::DEMO_MINI_APP_ID),
            ("MENSHEN_SCAN", SCAN),
            ("MENSHEN_MINI", MINI),
            ("MENSHEN_LAUNCH", LAUNCH),
        ]
    }

    pub(crate) async fn stop(self) {
        if let Some(gateway) = self.gateway {
            gateway.stop().await;
        }
        self.simulator.stop().await;
    }
}

fn config(address: &str, wechat: &str) -> String {
    let quoted = |text: &str| toml::Value::String(text.into());
    let app = |id: &str, kind: &str, app_id: &str, secret: &str| {
        format!(
            "[[apps]]\nid = \"{id}\"\nkind = \"{kind}\"\napp_id = \"{app_id}\"\nsecret = \"{secret}\"\n\
             pool = \"people\"\n"
        )
    };
    let method = |id: &str, kind: &str, app: &str| {
        format!("[[methods]]\nid = \"{id}\"\nkind = \"{kind}\"\napp = \"{app}\"\n")
    };
    let account = |id: &str, app_id: &str, secret: &str, key: &str| {
        format!(
            "{app}token = \"{token}\"\n{key}\n[apps.replies]\nfollow = {follow}\n",
            app = app(id, "official_account", app_id, secret),
            token = simulator::DEMO_PUSH_TOKEN,
            follow = quoted(FOLLOW_TEXT),
        )
    };
    let key = format!("encoding_aes_key = \"{}\"", simulator::DEMO_PUSH_AES_KEY);
    let (service, secret) = (simulator::DEMO_SERVICE_APP_ID, simulator::DEMO_SERVICE_SECRET);
    [
        format!("[server]\nlisten = [\"127.0.0.1:0\"]\npublic_url = \"{address}\"\ndrain_timeout = \"1s\"\n"),
        "[store]\nurl = \"embedded:memory\"\n[log]\naccess = false\n[[pools]]\nid = \"people\"\non_conflict = \"choose\"\n".into(),
        format!("[wechat]\napi = \"{wechat}\"\napi_backup = \"\"\nopen = \"{wechat}\"\nmp = \"{wechat}\"\n"),
        account("service", service, secret, &key),
        account("plain", PLAIN_APP_ID, PLAIN_SECRET, ""),
        app("program", "mini_program", simulator::DEMO_MINI_APP_ID, simulator::DEMO_MINI_SECRET),
        format!("original_id = \"{}\"\n", simulator::DEMO_MINI_ORIGINAL_ID),
        app("mobile", "mobile", simulator::DEMO_MOBILE_APP_ID, simulator::DEMO_MOBILE_SECRET),
        method("follow", "official_account_scan", "service"),
        method(SCAN, "mini_program_scan", "program"),
        method(MINI, "mini_program", "program"),
        method(LAUNCH, "app_launch", "program"),
        method(MOBILE, "mobile_app", "mobile"),
        // Nobody opens the app itself; the port of the simulator answers for it.
        format!("[[upstreams]]\nid = \"app\"\nservers = [\"{wechat}\"]\n"),
        "[[routes]]\npath = \"/\"\nupstream = \"app\"\n".into(),
    ]
    .concat()
}
