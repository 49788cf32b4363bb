//! A simulated WeChat for one script and, where it wants one, a gateway: one account with a key, one without.

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
    pub(crate) fn environment(&self) -> [(&'static str, &str); 11] {
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
    let account = |id: &str, app_id: &str, secret: &str, key: &str| {
        format!(
            "[[apps]]\nid = \"{id}\"\nkind = \"official_account\"\napp_id = \"{app_id}\"\nsecret = \"{secret}\"\n\
             pool = \"people\"\ntoken = \"{token}\"\n{key}\n[apps.replies]\nfollow = {follow}\n",
            token = simulator::DEMO_PUSH_TOKEN,
            follow = quoted(FOLLOW_TEXT),
        )
    };
    let key = format!("encoding_aes_key = \"{}\"", simulator::DEMO_PUSH_AES_KEY);
    let (service, secret) = (simulator::DEMO_SERVICE_APP_ID, simulator::DEMO_SERVICE_SECRET);
    [
        format!("[server]\nlisten = [\"127.0.0.1:0\"]\npublic_url = \"{address}\"\ndrain_timeout = \"1s\"\n"),
        "[store]\nurl = \"embedded:memory\"\n[log]\naccess = false\n[[pools]]\nid = \"people\"\n".into(),
        format!("[wechat]\napi = \"{wechat}\"\napi_backup = \"\"\nopen = \"{wechat}\"\nmp = \"{wechat}\"\n"),
        account("service", service, secret, &key),
        account("plain", PLAIN_APP_ID, PLAIN_SECRET, ""),
        "[[methods]]\nid = \"follow\"\nkind = \"official_account_scan\"\napp = \"service\"\n".into(),
        // Nobody opens the app itself; the port of the simulator answers for it.
        format!("[[upstreams]]\nid = \"app\"\nservers = [\"{wechat}\"]\n"),
        "[[routes]]\npath = \"/\"\nupstream = \"app\"\n".into(),
    ]
    .concat()
}
