//! `menshen demo`: the whole story on one machine, without any WeChat account.
//!
//! A gateway on the embedded store, a sample app that knows nothing of WeChat, and the simulated WeChat, in one
//! process. Not a way to run for real: whoever reaches the simulator can be anybody.

pub mod sample_app;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError};
use crate::server::{self, StartError};
use crate::simulator::{self, SimError, Simulator};

/// Try everything on this machine: a gateway, a sample app and a simulated WeChat.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The port of the gateway: the address to open.
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// The port of the simulated WeChat.
    #[arg(long, default_value_t = 9880, value_parser = clap::value_parser!(u16).range(1..))]
    pub wechat_port: u16,
    /// Where accounts and sessions are kept.
    #[arg(long, default_value = "demo-data", value_name = "FOLDER")]
    pub data: PathBuf,
}

/// Why a demo could not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Both ports are the same.
    #[error("--port and --wechat-port are both {0}; give them different ports")]
    SamePort(u16),
    /// The simulated WeChat could not start.
    #[error("the simulated WeChat could not start (another port: --wechat-port)")]
    Simulator(#[from] SimError),
    /// The sample app could not start.
    #[error("the sample app could not start")]
    SampleApp(#[source] std::io::Error),
    /// The data folder could not be made.
    #[error("cannot make the folder `{folder}`; name another with --data")]
    Data {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The built-in config has a problem; a defect of ours, or a data folder with a strange name.
    #[error("the demo's config has a problem")]
    Config(#[from] ConfigError),
    /// Signals cannot be received.
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    /// The gateway could not start.
    #[error("the gateway could not start (another port: --port)")]
    Gateway(#[from] StartError),
}

/// Starts the three parts and runs until Ctrl-C or a termination signal.
pub async fn run(args: Args) -> Result<(), DemoError> {
    if args.port == args.wechat_port {
        return Err(DemoError::SamePort(args.port));
    }
    let mut stop = server::StopSignals::listen().map_err(DemoError::Signals)?;
    std::fs::create_dir_all(&args.data)
        .map_err(|source| DemoError::Data { folder: args.data.clone(), source })?;
    let simulator = Simulator::start(simulator::Config {
        listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), args.wechat_port),
        ..simulator::Config::demo()
    })
    .await?;
    let app = sample_app::start(simulator.base_url()).await.map_err(DemoError::SampleApp)?;
    let text = config(args.port, simulator.base_url(), app.address, &args.data);
    let config = Config::parse(&args.data.join("demo.toml"), &text, [])?;
    let running = server::start(config).await?;
    // What an operator does in WeChat's console: enter the address; WeChat checks it at once.
    let push = simulator::Push {
        url: format!("http://127.0.0.1:{}/_menshen/push/service", args.port),
        token: simulator::DEMO_PUSH_TOKEN.into(),
        encoding_aes_key: Some(simulator::DEMO_PUSH_AES_KEY.into()),
        mode: simulator::PushMode::Secure,
        format: simulator::PushFormat::Xml,
    };
    simulator.handle().set_push(simulator::DEMO_SERVICE_APP_ID, Some(push)).await?;
    print(&format!(
        "Menshen demo\n\
         \n\
         \x20 Open      http://127.0.0.1:{port}/\n\
         \x20 Phone     {wechat}/phone   (your simulated phone: scan, agree or refuse, as whom you like)\n\
         \x20 Data      {data}   (accounts and sessions; delete it to start over)\n\
         \n\
         \x20 In WeChat's own browser the same address logs in without a code. To see that here, give a private\n\
         \x20 window of your browser the user agent `Mozilla/5.0 (iPhone) MicroMessenger/8.0` (in its developer\n\
         \x20 tools), or start one with it, for example:\n\
         \x20 chromium --incognito --user-agent='Mozilla/5.0 (iPhone) MicroMessenger/8.0' http://127.0.0.1:{port}/\n\
         \n\
         Ctrl-C ends it.\n",
        port = args.port,
        wechat = simulator.base_url(),
        data = args.data.display(),
    ));
    stop.next().await;
    running.stop().await;
    app.stop().await;
    simulator.stop().await;
    Ok(())
}

/// The config of the demo, as an operator would write it.
fn config(port: u16, wechat: &str, app: SocketAddr, data: &Path) -> String {
    let store = data.join("menshen.redb");
    let store = toml::Value::String(format!("embedded:{}", store.display()));
    format!(
        r#"
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://127.0.0.1:{port}"
drain_timeout = "2s"

[store]
url = {store}

[wechat]
api = "{wechat}"
api_backup = ""
open = "{wechat}"
mp = "{wechat}"

[pages]
title = "门神 Menshen Demo"

[log]
format = "text"
level = "warn"
access = false

[[pools]]
id = "people"

[[apps]]
id = "website"
kind = "website"
app_id = "{website}"
secret = "{website_secret}"
pool = "people"

[[apps]]
id = "service"
kind = "official_account"
app_id = "{service}"
secret = "{service_secret}"
pool = "people"
token = "{push_token}"
encoding_aes_key = "{push_key}"

[[methods]]
id = "scan"
kind = "website_qr"
app = "website"

[[methods]]
id = "follow"
kind = "official_account_scan"
app = "service"

[[methods]]
id = "wechat"
kind = "official_account_web"
app = "service"

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

[[routes]]
path = "/optional"
upstream = "sample"
access = "optional"
"#,
        website = simulator::DEMO_WEBSITE_APP_ID,
        website_secret = simulator::DEMO_WEBSITE_SECRET,
        service = simulator::DEMO_SERVICE_APP_ID,
        service_secret = simulator::DEMO_SERVICE_SECRET,
        push_token = simulator::DEMO_PUSH_TOKEN,
        push_key = simulator::DEMO_PUSH_AES_KEY,
    )
}

/// A closed standard output is no reason to stop.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_built_in_config_has_no_problems_even_in_a_folder_with_a_strange_name() {
        let folder = Path::new("my \"data\" 数据");
        let text = config(8080, "http://127.0.0.1:9880", "127.0.0.1:3000".parse().unwrap(), folder);
        let config = Config::parse(&folder.join("demo.toml"), &text, []).unwrap();
        server::check(&config).unwrap();
    }
}
