//! `menshen demo`: the whole story on one machine, without any WeChat account.
//!
//! A gateway on the embedded store, a sample app that knows nothing of WeChat, and the simulated WeChat, in one
//! process. Not a way to run for real: whoever reaches the simulator can be anybody.

pub mod sample_app;
mod start;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

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
    settle_wechat(&simulator, args.port).await?;
    print(&format!(
        "Menshen demo\n\
         \n\
         \x20 Open      http://127.0.0.1:{port}/start   (the seven ways to log in, and how to try each of them here)\n\
         \x20 App       http://127.0.0.1:{port}/   (needs a login)\n\
         \x20 Phone     {wechat}/phone   (your simulated phone: scan, agree or refuse, as whom you like)\n\
         \x20 Data      {data}   (accounts and sessions; delete it to start over)\n\
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

/// What an operator does in WeChat's consoles, and a developer in the mini program and the app.
async fn settle_wechat(simulator: &Simulator, port: u16) -> Result<(), SimError> {
    let gateway = format!("http://127.0.0.1:{port}/_menshen");
    let wechat = simulator.handle();
    wechat.set_request_address(simulator::DEMO_MINI_APP_ID, &gateway)?;
    // No phone here has WeChat to open `https://wxaurl.cn/…`.
    wechat.set_own_links(true);
    let push = simulator::Push {
        url: format!("{gateway}/push/service"),
        token: simulator::DEMO_PUSH_TOKEN.into(),
        encoding_aes_key: Some(simulator::DEMO_PUSH_AES_KEY.into()),
        mode: simulator::PushMode::Secure,
        format: simulator::PushFormat::Xml,
    };
    // WeChat checks the address at once.
    wechat.set_push(simulator::DEMO_SERVICE_APP_ID, Some(push)).await
}

/// The config of the demo, as an operator would write it.
fn config(port: u16, wechat: &str, app: SocketAddr, data: &Path) -> String {
    let store = data.join("menshen.redb");
    let store = toml::Value::String(format!("embedded:{}", store.display())).to_string();
    let logo = BASE64.encode(include_str!("pages/assets/logo.svg"));
    let values: [(&str, &str); 15] = [
        ("port", &port.to_string()),
        ("app", &app.to_string()),
        ("wechat", wechat),
        ("website_id", simulator::DEMO_WEBSITE_APP_ID),
        ("website_secret", simulator::DEMO_WEBSITE_SECRET),
        ("service_id", simulator::DEMO_SERVICE_APP_ID),
        ("service_secret", simulator::DEMO_SERVICE_SECRET),
        ("push_token", simulator::DEMO_PUSH_TOKEN),
        ("push_key", simulator::DEMO_PUSH_AES_KEY),
        ("mini_id", simulator::DEMO_MINI_APP_ID),
        ("mini_secret", simulator::DEMO_MINI_SECRET),
        ("mini_original_id", simulator::DEMO_MINI_ORIGINAL_ID),
        ("mobile_id", simulator::DEMO_MOBILE_APP_ID),
        ("mobile_secret", simulator::DEMO_MOBILE_SECRET),
        ("logo", &format!("data:image/svg+xml;base64,{logo}")),
    ];
    let fill = |text: String, (name, value): (&str, &str)| text.replace(&format!("{{{name}}}"), value);
    let text = values.into_iter().fold(include_str!("demo/demo.toml").to_owned(), fill);
    // Last, because a folder may have any name.
    fill(text, ("store", &store))
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
    use crate::login::directory::MethodKindName;

    #[test]
    fn the_built_in_config_has_no_problems_even_in_a_folder_with_a_strange_name() {
        let folder = Path::new("my \"data\" 数据");
        let text = config(8080, "http://127.0.0.1:9880", "127.0.0.1:3000".parse().unwrap(), folder);
        let config = Config::parse(&folder.join("demo.toml"), &text, []).unwrap();
        server::check(&config).unwrap();
    }

    #[test]
    fn the_demo_has_every_login_method_and_the_names_that_the_phone_asks_for() {
        let text =
            config(8080, "http://127.0.0.1:9880", "127.0.0.1:3000".parse().unwrap(), Path::new("data"));
        let config = Config::parse(Path::new("demo.toml"), &text, []).unwrap();
        let methods: Vec<_> = config.methods.iter().map(|method| (method.id.as_str(), method.kind)).collect();
        let expected = [
            ("scan", MethodKindName::WebsiteQr),
            ("follow", MethodKindName::OfficialAccountScan),
            ("mini-scan", MethodKindName::MiniProgramScan),
            ("wechat", MethodKindName::OfficialAccountWeb),
            ("mini", MethodKindName::MiniProgram),
            ("app", MethodKindName::MobileApp),
            ("launch", MethodKindName::AppLaunch),
        ];
        assert_eq!(methods, expected);
        assert!(!text.contains('{'), "nothing is left to fill in: {text}");
    }
}
