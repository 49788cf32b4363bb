//! A gateway whose login is the scan of a service account's code, and the simulated WeChat it asks.
//!
//! The gateway is a process of its own on the test core; the simulator lives in this program, on the load core. Who
//! pushes is the bench itself: the simulator is never told an address to push to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use menshen::ground::Span;
use menshen::simulator::{Config, DEMO_SERVICE_APP_ID, DEMO_SERVICE_SECRET, Handle, Simulator};
use serde_json::Value;

use super::client::Connection;
use super::sign;
use super::visitors::Visitor;
use crate::process::{Process, TEST_CORE, free_address};
use crate::{Fault, Programs};

/// The account's name in the gateway's config.
pub(crate) const APP: &str = "service";
pub(crate) const APP_ID: &str = DEMO_SERVICE_APP_ID;

const FOLLOWER: &str = "zhang";
const USER_INFO: &str = "/cgi-bin/user/info";

/// Gateway and WeChat; both end with it.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) gateway: Process,
    /// The OpenID of somebody who follows the account.
    pub(crate) open_id: String,
    wechat: Simulator,
}

/// Where the gateway keeps its rows, and how the page shows the code.
pub(crate) struct Settings<'a> {
    pub(crate) name: &'a str,
    /// `None` is a file of its own.
    pub(crate) store: Option<&'a str>,
    /// `drawn` or `wechat`; WeChat's picture tells the ticket in its address.
    pub(crate) picture: &'a str,
}

impl World {
    pub(crate) async fn start(
        folder: &Path,
        programs: &Programs,
        settings: &Settings<'_>,
    ) -> Result<Self, Fault> {
        let followers = BTreeMap::from([(APP_ID.to_owned(), vec![FOLLOWER.to_owned()])]);
        let wechat = Simulator::start(Config { followers, ..Config::demo() }).await?;
        let address = free_address()?;
        let name = settings.name;
        let file = folder.join(format!("{name}.redb"));
        let store = settings.store.map_or_else(|| format!("embedded:{}", file.display()), str::to_owned);
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, text(address, &store, wechat.base_url(), settings.picture))?;
        let args = ["run", "--config", &config.display().to_string()];
        let gateway = Process::start(name, folder, TEST_CORE, &programs.menshen, args)?;
        // Blocks the simulator too, of which nothing is asked before the first login.
        let gateway = gateway.ready(address, "/_menshen/ping")?;
        let open_id = wechat.handle().openid(APP_ID, FOLLOWER);
        Ok(Self { address, gateway, open_id, wechat })
    }

    /// Ends both. The streams' connections, which this runtime closes, must not keep the gateway.
    pub(crate) async fn stop(self) -> Result<(), Fault> {
        self.wechat.stop().await;
        let gateway = self.gateway;
        Ok(tokio::task::spawn_blocking(move || drop(gateway)).await?)
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// A connection to the gateway, as a proxy before it keeps one.
    pub(crate) async fn connect(&self) -> Result<Connection, Fault> {
        Connection::open(self.address, None).await
    }

    /// How often WeChat was asked who somebody is.
    pub(crate) fn asked(&self) -> usize {
        self.wechat.handle().calls(USER_INFO)
    }

    /// The pushes of scans of these visitors' codes, signed now, in the same order.
    pub(crate) fn scans(&self, visitors: &[Visitor]) -> Result<Vec<Vec<u8>>, Fault> {
        let codes = self.wechat.handle().scene_codes();
        let scenes: BTreeMap<&str, &str> =
            codes.iter().map(|code| (code.ticket.as_str(), code.scene.as_str())).collect();
        let host = self.host();
        let one = |visitor: &Visitor| {
            let ticket = visitor.ticket.as_deref().ok_or("the page does not tell the code's ticket")?;
            let scene = scenes.get(ticket).ok_or("WeChat does not know the code of the page")?;
            sign::scan(&host, &self.open_id, scene, ticket)
        };
        visitors.iter().map(one).collect()
    }

    /// The ticket of the code that was made last and not told before.
    pub(crate) async fn next_ticket(&self) -> Result<String, Fault> {
        let handle: Handle = self.wechat.handle();
        Ok(handle.next_scene_code(Span::from_secs(5)).await?.ticket)
    }

    /// Asks WeChat who the follower is, as the gateway does, on a connection that stays open.
    pub(crate) async fn ask_wechat(&self) -> Result<AskWechat, Fault> {
        let mut connection = Connection::open(self.wechat.addr(), None).await?;
        let host = self.wechat.addr();
        let wanted = format!(
            r#"{{"grant_type":"client_credential","appid":"{APP_ID}","secret":"{DEMO_SERVICE_SECRET}"}}"#
        );
        let ask = format!(
            "POST /cgi-bin/stable_token HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{wanted}",
            wanted.len()
        );
        let answer: Value = serde_json::from_str(&connection.ask(ask.as_bytes()).await?.body)?;
        let token = answer["access_token"].as_str().ok_or("WeChat gives no token")?;
        let request = format!(
            "GET {USER_INFO}?access_token={token}&openid={}&lang=zh_CN HTTP/1.1\r\nHost: {host}\r\n\r\n",
            self.open_id
        );
        Ok(AskWechat { connection, request })
    }
}

/// See [`World::ask_wechat`].
pub(crate) struct AskWechat {
    connection: Connection,
    request: String,
}

impl AskWechat {
    pub(crate) async fn once(&mut self) -> Result<(), Fault> {
        let answer = self.connection.ask(self.request.as_bytes()).await?;
        let known = answer.status == 200 && answer.body.contains("\"unionid\"");
        if known { Ok(()) } else { Err(format!("WeChat does not know its follower: {}", answer.body).into()) }
    }
}

/// The config; what is not named has its default.
fn text(address: SocketAddr, store: &str, wechat: &str, picture: &str) -> String {
    let (token, aes_key) = (sign::TOKEN, sign::aes_key());
    format!(
        r#"
[server]
listen = ["{address}"]
public_url = "http://{address}"
threads = 1
trusted_proxies = ["127.0.0.0/8"]
[store]
url = "{store}"
[log]
level = "warn"
[wechat]
api = "{wechat}"
api_backup = ""
open = "{wechat}"
mp = "{wechat}"
[[pools]]
id = "people"
[[apps]]
id = "{APP}"
kind = "official_account"
app_id = "{APP_ID}"
secret = "{DEMO_SERVICE_SECRET}"
pool = "people"
token = "{token}"
encoding_aes_key = "{aes_key}"
[[methods]]
id = "scan"
kind = "official_account_scan"
app = "{APP}"
lifetime = "10m"
picture = "{picture}"
[[upstreams]]
id = "app"
servers = ["http://127.0.0.1:9"]
[[routes]]
id = "guarded"
path = "/"
upstream = "app"
"#
    )
}
