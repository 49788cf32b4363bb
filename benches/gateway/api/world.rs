//! A gateway that a mini program logs in at and confirms logins of browsers for, and the simulated WeChat it asks.
//!
//! The gateway is a process of its own on the test core; the simulator lives in this program, on the load core.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use menshen::ground::Span;
use menshen::simulator::{Config, DEMO_MINI_APP_ID, DEMO_MINI_SECRET, Person, Simulator};

use crate::process::{Process, TEST_CORE, free_address};
use crate::scan::client::Connection;
use crate::{Fault, Programs};

/// Everybody who has WeChat.
pub(crate) const PEOPLE: usize = 3100;

const JS_SESSION: &str = "/sns/jscode2session";
/// One address may call 1,200 times a minute, and its login pages have 60 codes at once.
const PER_ADDRESS: usize = 50;

/// Gateway and WeChat; both end with it.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) gateway: Process,
    wechat: Simulator,
}

impl World {
    /// `store`: `None` is a file of its own.
    pub(crate) async fn start(
        folder: &Path,
        programs: &Programs,
        name: &str,
        store: Option<&str>,
    ) -> Result<Self, Fault> {
        let people = (0..PEOPLE).map(|number| Person::new(&id(number), "Somebody")).collect();
        let mut config = Config { people, ..Config::demo() };
        // The demo's members are people of the demo.
        config.mini_programs.values_mut().for_each(|program| program.members.clear());
        let wechat = Simulator::start(config).await?;
        let address = free_address()?;
        let file = folder.join(format!("{name}.redb"));
        let store = store.map_or_else(|| format!("embedded:{}", file.display()), str::to_owned);
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, text(address, &store, wechat.base_url()))?;
        let args = ["run", "--config", &config.display().to_string()];
        let gateway = Process::start(name, folder, TEST_CORE, &programs.menshen, args)?;
        // Blocks the simulator too, of which nothing is asked before the first login.
        let gateway = gateway.ready(address, "/_menshen/ping")?;
        Ok(Self { address, gateway, wechat })
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

    /// A fresh code of `wx.login` on the phone of person `number`.
    pub(crate) fn code(&self, number: usize) -> Result<String, Fault> {
        Ok(self.wechat.handle().login_code(DEMO_MINI_APP_ID, &id(number))?)
    }

    /// The scene of the mini program code that was made last and not told before.
    pub(crate) async fn next_scene(&self) -> Result<String, Fault> {
        Ok(self.wechat.handle().next_mini_code(Span::from_secs(5)).await?.scene)
    }

    /// How often WeChat was asked who holds a code.
    pub(crate) fn asked(&self) -> usize {
        self.wechat.handle().calls(JS_SESSION)
    }

    /// A call of the API from the phone of person `number`.
    pub(crate) fn call(&self, path: &str, number: usize, body: &str) -> Result<Vec<u8>, Fault> {
        let ip = Ipv4Addr::from(0x0A00_0001 + u32::try_from(number / PER_ADDRESS)?);
        let (host, length) = (self.address, body.len());
        let request = format!(
            "POST /_menshen/api/{path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {ip}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        Ok(request.into_bytes())
    }

    /// A connection to WeChat that stays open.
    pub(crate) async fn to_wechat(&self) -> Result<Connection, Fault> {
        Connection::open(self.wechat.addr(), None).await
    }

    /// Asks WeChat who holds a fresh code of person `number`, as the gateway does.
    pub(crate) async fn ask_wechat(&self, wechat: &mut Connection, number: usize) -> Result<(), Fault> {
        let (code, host) = (self.code(number)?, self.wechat.addr());
        let request = format!(
            "GET {JS_SESSION}?appid={DEMO_MINI_APP_ID}&secret={DEMO_MINI_SECRET}&js_code={code}\
             &grant_type=authorization_code HTTP/1.1\r\nHost: {host}\r\n\r\n"
        );
        let answer = wechat.ask(request.as_bytes()).await?;
        let known = answer.status == 200 && answer.body.contains("\"unionid\"");
        if known { Ok(()) } else { Err(format!("WeChat does not know its user: {}", answer.body).into()) }
    }
}

fn id(number: usize) -> String {
    format!("p{number}")
}

/// The config; what is not named has its default.
fn text(address: SocketAddr, store: &str, wechat: &str) -> String {
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
id = "mini"
kind = "mini_program"
app_id = "{DEMO_MINI_APP_ID}"
secret = "{DEMO_MINI_SECRET}"
pool = "people"
[[methods]]
id = "mini"
kind = "mini_program"
app = "mini"
[[methods]]
id = "scan"
kind = "mini_program_scan"
app = "mini"
lifetime = "10m"
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
