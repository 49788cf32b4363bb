//! `menshen simulator`: the simulator as a command, until Ctrl-C.
//!
//! Prints what an operator has to copy into a config: address, AppIDs, invented secrets.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::str::FromStr;

use super::config::{App, AppKind, Config, UnionId};
use super::control::HELP;
use super::error::SimError;
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
    /// The authorised callback domain of the two demo apps: the bare host of the gateway's public address.
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
}

/// Starts the simulator, says where it is, and serves until Ctrl-C or a termination signal.
///
/// # Errors
/// [`SimError::Listen`] if the address is taken, [`SimError::Config`] if ids clash, [`SimError::UnknownPerson`].
pub async fn run(args: Args) -> Result<(), SimError> {
    let fast_login = args.fast_login.clone();
    let config = args.into_config();
    let (apps, people) = (config.apps.clone(), config.people.clone());
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
    text.push_str("People\n");
    for person in &people {
        let unionid = if person.unionid == UnionId::Absent { "  (no UnionID)" } else { "" };
        let _ = writeln!(text, "  {:<10} {}{unionid}", person.id, person.name);
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
        config.apps.extend(self.apps.into_iter().map(|arg| arg.into_app(&self.domain)));
        config
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
