//! A simulated WeChat, an app, a folder with config and store, and visitors; gateways are started over them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use menshen::simulator::{
    self, Consent, DEMO_SERVICE_APP_ID, DEMO_SERVICE_SECRET, DEMO_WEBSITE_APP_ID, DEMO_WEBSITE_SECRET,
    Simulator,
};
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;

use super::app::App;
use super::program::{LIMIT, Program, free_port, menshen};

/// WeChat's own browser.
pub(crate) const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1.15 \
                                 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.62(0x18003e33)";

pub(crate) struct Bench {
    pub(crate) wechat: Simulator,
    pub(crate) app: App,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with_domain("127.0.0.1").await
    }

    /// The domain is the one that is registered at WeChat.
    pub(crate) async fn with_domain(domain: &str) -> Self {
        let wechat = Simulator::start(simulator::Config::demo().with_domain(domain)).await.unwrap();
        wechat.handle().set_consent(Consent::Silent);
        let folder = tempfile::tempdir().unwrap();
        Self { wechat, app: App::start().await, folder, port: free_port() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("menshen.toml")
    }

    /// Login on `/`, nobody asked on `/public`.
    pub(crate) fn config(&self) -> String {
        format!(
            r#"
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://127.0.0.1:{port}"
[store]
url = "embedded:{folder}/store.redb"
[wechat]
api = "{wechat}"
api_backup = ""
open = "{wechat}"
mp = "{wechat}"
[log]
level = "info"
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
[[methods]]
id = "wechat"
kind = "official_account_web"
app = "service"
[[upstreams]]
id = "app"
servers = ["http://{app}"]
[[routes]]
path = "/"
upstream = "app"
[[routes]]
path = "/public"
upstream = "app"
access = "public"
"#,
            port = self.port,
            folder = self.folder.path().display(),
            wechat = self.wechat.base_url(),
            app = self.app.address,
        )
    }

    pub(crate) fn write(&self, config: &str) {
        // Moved into its place, so that no reload reads half a file.
        let new = self.folder.path().join("new.toml");
        std::fs::write(&new, config).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    /// `run` or `check` with the config.
    pub(crate) fn command_of(&self, name: &str) -> tokio::process::Command {
        menshen(&[name.as_ref(), "--config".as_ref(), self.file().as_os_str()])
    }

    pub(crate) fn command(&self) -> tokio::process::Command {
        self.command_of("run")
    }

    /// A gateway with the config that was written last, or the usual one.
    pub(crate) async fn start(&self) -> Program {
        if !self.file().exists() {
            self.write(&self.config());
        }
        serving(Program::start(self.command())).await
    }

    /// Logs somebody in inside WeChat's own browser; the account's id, and the browser.
    pub(crate) async fn login(&self, person: &str) -> (String, Client) {
        self.wechat.handle().set_current_person(person).unwrap();
        let client = browser(WECHAT);
        let id = self.whoami(&client).await.expect("a login inside WeChat succeeds");
        (id, client)
    }

    /// Whom the app takes this browser for; `None` if the gateway asks for a login.
    pub(crate) async fn whoami(&self, client: &Client) -> Option<String> {
        let response = client.get(self.url("/me")).header("accept", "text/html").send().await.unwrap();
        let text = response.error_for_status().unwrap().text().await.unwrap();
        let echoed: Value = serde_json::from_str(&text).ok()?;
        echoed["headers"]["x-user-id"][0].as_str().map(str::to_owned)
    }
}

/// Waits until a gateway serves.
pub(crate) async fn serving(mut program: Program) -> Program {
    let err = program.err.clone();
    let ready = tokio::select! {
        line = err.with("\"serving\"") => line,
        status = program.ended() => panic!("ended with {status} instead of serving:\n{}", err.end().await),
    };
    assert!(ready.contains("addresses"), "{ready}");
    program
}

/// A browser with cookies that follows redirects.
pub(crate) fn browser(agent: &str) -> Client {
    builder().user_agent(agent).cookie_store(true).build().unwrap()
}

/// A client that follows nothing and keeps nothing.
pub(crate) fn plain() -> Client {
    builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub(crate) fn builder() -> reqwest::ClientBuilder {
    Client::builder().no_proxy().timeout(LIMIT)
}
