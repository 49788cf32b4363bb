//! `menshen simulator`: the simulator as a command, until Ctrl-C.
//!
//! Prints what an operator has to copy into a config: address, AppIDs, invented secrets.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::de::DeserializeOwned;

use super::config::{
    App, AppKind, Config, DEMO_MINI_APP_ID, DEMO_PUSH_AES_KEY, DEMO_PUSH_TOKEN, DEMO_SERVICE_APP_ID, UnionId,
};
use super::control::HELP;
use super::error::SimError;
use super::push::{Push, PushFormat, PushMode};
use super::server::Simulator;
use crate::ground::Span;

/// Imitates WeChat on this machine, so that logins can be tried without any WeChat account.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP.replace("{base}", "http://127.0.0.1:9880"))]
pub struct Args {
    /// Where to listen; port 0 takes a free one. Whoever reaches it can be anybody: keep it on loopback.
    #[arg(long, default_value = "127.0.0.1:9880")]
    pub listen: SocketAddr,
    /// The address browsers reach it at, if it is not `http://` plus the listening address.
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// The authorised callback domain of the demo apps: the bare host of the gateway's public address.
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    pub domain: String,
    /// One more app, as `key=value` pairs with commas between: kind (website, service, unverified_service,
    /// subscription, mobile, mini_program), app_id, secret, and optionally id, name, domain, platform
    /// (`platform=` for none; the demo apps are on `main`). May be given again.
    #[arg(long = "app", value_name = "KEY=VALUE,…")]
    pub apps: Vec<AppArg>,
    /// How long the QR page's poll is held.
    #[arg(long, default_value = "25s", value_name = "TIME")]
    pub long_poll: Span,
    /// How long a QR code can be scanned.
    #[arg(long, default_value = "5m", value_name = "TIME")]
    pub qr_life: Span,
    /// A person who is logged in to WeChat on the desktop, so that QR pages offer fast login.
    #[arg(long, value_name = "PERSON")]
    pub fast_login: Option<String>,
    /// Where the demo mini program and the demo mobile app send their requests, for the phone page: the gateway's
    /// address and prefix, for example `http://127.0.0.1:8080/_menshen`.
    #[arg(long, value_name = "URL")]
    pub request_address: Option<String>,
    /// The demo service account.
    #[command(flatten)]
    pub service: Box<ServiceArgs>,
}

/// What can be said of the demo service account.
#[derive(Clone, Debug, clap::Args)]
pub struct ServiceArgs {
    /// Where messages to the demo service account are pushed: `http://…`. It is asked for the echostr once at the
    /// start, and used whatever it answers.
    #[arg(long, value_name = "URL")]
    pub push_url: Option<String>,
    /// The Token that pushes are signed with.
    #[arg(long, default_value = DEMO_PUSH_TOKEN, value_name = "TOKEN")]
    pub push_token: String,
    /// The EncodingAESKey that pushes are encrypted with: 43 letters and digits.
    #[arg(long, default_value = DEMO_PUSH_AES_KEY, value_name = "KEY")]
    pub push_aes_key: String,
    /// Whether pushes are encrypted: plain, compatible or secure.
    #[arg(long, default_value = "secure", value_name = "MODE", value_parser = named::<PushMode>)]
    pub push_mode: PushMode,
    /// How pushes are written: xml or json.
    #[arg(long, default_value = "xml", value_name = "FORMAT", value_parser = named::<PushFormat>)]
    pub push_format: PushFormat,
    /// From where the demo service account's server tokens may be asked for: addresses or networks with commas
    /// between. Without it, from everywhere.
    #[arg(long, value_name = "IP,…", value_delimiter = ',', value_parser = network)]
    pub ip_whitelist: Vec<IpNet>,
    /// A person who follows the demo service account at the start. May be given again.
    #[arg(long = "follower", value_name = "PERSON")]
    pub followers: Vec<String>,
}

/// Reads a value by the name it has in JSON.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(text.into())
}

/// An address stands for itself alone.
fn network(text: &str) -> Result<IpNet, ipnet::AddrParseError> {
    text.parse().or_else(|error| text.parse().map(|ip: IpAddr| IpNet::from(ip)).map_err(|_| error))
}

/// Starts the simulator, says where it is, and serves until Ctrl-C or a termination signal.
///
/// # Errors
/// [`SimError::Listen`] if the address is taken, [`SimError::Config`] if ids clash, [`SimError::UnknownPerson`].
pub async fn run(args: Args) -> Result<(), SimError> {
    let fast_login = args.fast_login.clone();
    let config = args.into_config();
    let (apps, people) = (config.apps.clone(), config.people.clone());
    let minis = config.mini_programs.clone();
    let push = config.pushes.get(DEMO_SERVICE_APP_ID).cloned();
    let simulator = Simulator::start(config).await?;
    simulator.handle().set_fast_login(fast_login.as_deref())?;

    let mut text = format!("Simulated WeChat at {}\n", simulator.base_url());
    if !simulator.addr().ip().is_loopback() {
        text.push_str("Warning: it listens beyond this machine, and whoever reaches it can be anybody.\n");
    }
    let _ = writeln!(text, "  phone    {}/phone", simulator.base_url());
    let _ = writeln!(text, "  control  {}/_sim/", simulator.base_url());
    text.push_str("Apps\n");
    for app in &apps {
        let _ = writeln!(
            text,
            "  {:<10} app_id {}  secret {}  domain {}  platform {}",
            app.id,
            app.app_id,
            app.secret,
            app.domain,
            app.open_platform.as_deref().unwrap_or("none")
        );
    }
    for (app_id, mini) in &minis {
        let _ = writeln!(text, "Mini program {app_id}\n  original_id {}", mini.original_id);
        let _ = writeln!(text, "  requests to {}", mini.request_address.as_deref().unwrap_or("nowhere yet"));
    }
    text.push_str("People\n");
    for person in &people {
        let unionid = if person.unionid == UnionId::Absent { "  (no UnionID)" } else { "" };
        let _ = writeln!(text, "  {:<10} {}{unionid}", person.id, person.name);
    }
    if let Some(push) = push {
        let _ = writeln!(text, "Pushes to service\n  url {}  token {}", push.url, push.token);
        if let Some(key) = &push.encoding_aes_key {
            let _ = writeln!(text, "  encoding_aes_key {key}");
        }
        let verified = simulator.handle().verify_push(DEMO_SERVICE_APP_ID).await;
        let _ =
            writeln!(text, "  {}", verified.map_or_else(|error| error.to_string(), |()| "verified".into()));
    }
    print(&text);

    stopped().await;
    simulator.stop().await;
    Ok(())
}

/// A closed standard output is no reason to stop serving.
fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

impl Args {
    fn into_config(self) -> Config {
        let mut config = Config::demo().with_domain(&self.domain);
        config.listen = self.listen;
        config.base_url = self.base_url;
        config.long_poll = self.long_poll;
        config.qr_life = self.qr_life;
        self.service.apply(&mut config);
        if let Some(mini) = config.mini_programs.get_mut(DEMO_MINI_APP_ID) {
            mini.request_address = self.request_address;
        }
        config.apps.extend(self.apps.into_iter().map(|arg| arg.into_app(&self.domain)));
        config
    }
}

impl ServiceArgs {
    fn apply(self, config: &mut Config) {
        let service = DEMO_SERVICE_APP_ID.to_owned();
        if let Some(url) = self.push_url {
            let push = Push {
                url,
                token: self.push_token,
                encoding_aes_key: Some(self.push_aes_key),
                mode: self.push_mode,
                format: self.push_format,
            };
            config.pushes.insert(service.clone(), push);
        }
        if !self.ip_whitelist.is_empty() {
            config.ip_whitelists.insert(service.clone(), self.ip_whitelist);
        }
        if !self.followers.is_empty() {
            config.followers.insert(service, self.followers);
        }
    }
}

/// One app as written on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppArg {
    id: Option<String>,
    name: Option<String>,
    kind: AppKind,
    app_id: String,
    secret: String,
    domain: Option<String>,
    platform: Option<String>,
}

impl AppArg {
    fn into_app(self, domain: &str) -> App {
        let id = self.id.unwrap_or_else(|| self.app_id.clone());
        App {
            name: self.name.unwrap_or_else(|| id.clone()),
            id,
            kind: self.kind,
            app_id: self.app_id,
            secret: self.secret,
            open_platform: self.platform.filter(|platform| !platform.is_empty()),
            domain: self.domain.unwrap_or_else(|| domain.into()),
        }
    }
}

/// What is wrong with an `--app`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppArgError {
    /// A part without `=`.
    #[error("`{0}` is not key=value")]
    NoPair(String),
    /// A key nobody knows.
    #[error("unknown key `{0}`; the keys are kind, app_id, secret, id, name, domain, platform")]
    UnknownKey(String),
    /// A kind nobody knows.
    #[error(
        "unknown kind `{0}`; the kinds are website, service, unverified_service, subscription, mobile, mini_program"
    )]
    UnknownKind(String),
    /// A key that must be there.
    #[error("`{0}=` is missing")]
    Missing(&'static str),
}

impl FromStr for AppArg {
    type Err = AppArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut kind, mut app_id, mut secret) = (None, None, None);
        let (mut id, mut name, mut domain, mut platform) = (None, None, None, Some("main".to_owned()));
        for part in text.split(',') {
            let (key, value) = part.split_once('=').ok_or_else(|| AppArgError::NoPair(part.into()))?;
            let place = match key.trim() {
                "kind" => &mut kind,
                "app_id" => &mut app_id,
                "secret" => &mut secret,
                "id" => &mut id,
                "name" => &mut name,
                "domain" => &mut domain,
                "platform" => &mut platform,
                unknown => return Err(AppArgError::UnknownKey(unknown.into())),
            };
            *place = Some(value.trim().to_owned());
        }
        let kind = match kind.ok_or(AppArgError::Missing("kind"))?.as_str() {
            "website" => AppKind::Website,
            "service" => AppKind::ServiceAccount { verified: true },
            "unverified_service" => AppKind::ServiceAccount { verified: false },
            "subscription" => AppKind::SubscriptionAccount,
            "mobile" => AppKind::Mobile,
            "mini_program" => AppKind::MiniProgram,
            unknown => return Err(AppArgError::UnknownKind(unknown.into())),
        };
        let app_id = app_id.ok_or(AppArgError::Missing("app_id"))?;
        let secret = secret.ok_or(AppArgError::Missing("secret"))?;
        Ok(Self { id, name, kind, app_id, secret, domain, platform })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rstest::rstest;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn an_app_is_read_from_the_command_line() {
        use clap::Parser as _;
        let line =
            ["simulator", "--domain", "sso.test", "--app", "kind=mobile,app_id=wx9,secret=s,platform="];
        let config = Command::try_parse_from(line).unwrap().args.into_config();
        let app = config.apps.last().unwrap();
        assert_eq!((app.id.as_str(), app.kind, app.domain.as_str()), ("wx9", AppKind::Mobile, "sso.test"));
        assert_eq!(app.open_platform, None);
        assert!(config.apps.iter().all(|app| app.domain == "sso.test"));
    }

    #[test]
    fn pushes_whitelist_and_followers_are_read_from_the_command_line() {
        use clap::Parser as _;
        let line = "simulator --push-url http://127.0.0.1:9/p --push-mode compatible --push-format json \
                    --ip-whitelist 10.0.0.0/8,127.0.0.1 --follower zhang --follower lina";
        let config = Command::try_parse_from(line.split_whitespace()).unwrap().args.into_config();
        let push = &config.pushes[DEMO_SERVICE_APP_ID];
        assert_eq!((push.mode, push.format), (PushMode::Compatible, PushFormat::Json));
        assert_eq!(push.encoding_aes_key.as_deref(), Some(DEMO_PUSH_AES_KEY));
        let list = config.ip_whitelists[DEMO_SERVICE_APP_ID].iter().map(ToString::to_string);
        assert_eq!(list.collect::<Vec<_>>(), ["10.0.0.0/8", "127.0.0.1/32"]);
        assert_eq!(config.followers[DEMO_SERVICE_APP_ID], ["zhang", "lina"]);
        let line = ["simulator", "--request-address", "http://127.0.0.1:8080/_menshen"];
        let mini = &Command::try_parse_from(line).unwrap().args.into_config().mini_programs[DEMO_MINI_APP_ID];
        assert_eq!(mini.request_address.as_deref(), Some("http://127.0.0.1:8080/_menshen"));
        let plain = Command::try_parse_from(["simulator"]).unwrap().args.into_config();
        assert!(plain.pushes.is_empty() && plain.ip_whitelists.is_empty() && plain.followers.is_empty());
    }

    #[rstest]
    #[case("kind=website", "`app_id=` is missing")]
    #[case("website", "`website` is not key=value")]
    #[case("kind=shop,app_id=a,secret=b", "unknown kind `shop`")]
    #[case("kind=website,appid=a", "unknown key `appid`")]
    fn a_wrong_app_is_refused_with_the_reason(#[case] text: &str, #[case] reason: &str) {
        let error = text.parse::<AppArg>().unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
}
