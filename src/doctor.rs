//! `menshen doctor`: asks WeChat and this machine whether the configured logins can work, and says how to mend what
//! cannot.
//!
//! Changes nothing: it forces no token and opens no store that another process has. What it creates at WeChat nobody sees
//! and no login waits for: a QR code of a minute for an account, codes and links of a day for a mini program. Puts no
//! secret into a finding.

mod account;
mod answer;
mod callback;
mod credentials;
mod finding;
mod machine;
mod place;
mod program;
mod setup;
mod token;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};

use crate::config::{self, Config, ConfigError, Inputs};
use crate::gate::assertion::{AssertionError, Signer};
use crate::gate::site::Site;
use crate::ground::{Clock, nearest};
use crate::login::{App, Directory, MethodKind};
use crate::store::Store;
use crate::wechat::{Client, Transport, TransportError};

use callback::Door;
pub use finding::{Finding, Outcome, Report, Verdict};
use program::Opened;

/// How long the whole examination may take.
const LIMIT: Duration = Duration::from_secs(55);
/// How many apps are examined side by side.
const APPS_AT_ONCE: usize = 16;

/// Why nothing could be examined.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The config has problems.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The app to examine is not in the config.
    #[error("there is no app `{app}`{nearest}")]
    NoSuchApp {
        /// The name that was given.
        app: String,
        /// A name that may have been meant, as a sentence.
        nearest: String,
    },
    /// No HTTP client could be made.
    #[error("no connection to WeChat can be made")]
    Transport(#[from] TransportError),
    /// The config could not be compiled for want of a key.
    #[error("the config cannot be read as the gateway reads it")]
    Signer(#[from] AssertionError),
}

/// Examines a config: what all apps share, then its apps (or only `app`), then its pools. Takes less than a minute.
///
/// # Errors
/// If there is nothing that could be examined.
pub async fn examine(
    config: &Config,
    app: Option<&str>,
    clock: Arc<dyn Clock>,
) -> Result<Report, DoctorError> {
    let deadline = Instant::now() + LIMIT;
    let transport = Transport::new(&config.wechat)?;
    let inputs = Inputs { transport, signer: Arc::new(Signer::generate()?), generation: 0 };
    let snapshot = config::build(config, inputs)?;
    let (site, directory, wechat) = (&snapshot.site, &snapshot.directory, &snapshot.wechat);
    let only = app.map(|id| wanted(directory, id)).transpose()?;
    let ((store_found, store), clock_found, (place_found, reached)) = tokio::join!(
        machine::store(config, Arc::clone(&clock)),
        machine::clock(wechat, &config.wechat.api, &*clock),
        place::ping(wechat, site),
    );
    let patient = Patient { config, site, directory, wechat, store: store.as_ref(), clock: &*clock, reached };
    let (files_found, apps_found) = tokio::join!(patient.files(), patient.apps(only, deadline));
    let mut findings = vec![store_found, clock_found, place_found];
    findings.extend(files_found);
    findings.extend(apps_found);
    findings.extend(setup::pools(directory, only));
    Ok(Report { findings })
}

fn wanted<'d>(directory: &'d Directory, id: &str) -> Result<&'d App, DoctorError> {
    directory.app(id).ok_or_else(|| DoctorError::NoSuchApp {
        app: id.to_owned(),
        nearest: nearest(id, directory.apps().map(|app| app.id.as_str())),
    })
}

/// The installation under examination.
struct Patient<'p> {
    config: &'p Config,
    site: &'p Site,
    directory: &'p Directory,
    wechat: &'p Client,
    /// A store that can be read while gateways run.
    store: Option<&'p Arc<dyn Store>>,
    clock: &'p dyn Clock,
    /// Whether anybody answers at our public address.
    reached: bool,
}

impl Patient<'_> {
    async fn files(&self) -> Vec<Finding> {
        if self.reached {
            return place::files(self.wechat, self.site).await;
        }
        let names = self.site.verification.iter().map(|(name, _)| name);
        names.map(|name| unreached().about("verification_file", name)).collect()
    }

    /// The apps in the order of the config, side by side.
    async fn apps(&self, only: Option<&App>, deadline: Instant) -> Vec<Finding> {
        let chosen = self.config.apps.iter().filter(|app| only.is_none_or(|only| only.id == app.id));
        let apps: Vec<&App> = chosen.filter_map(|app| self.directory.app(&app.id)).collect();
        let examined = stream::iter(apps).map(async |app| {
            timeout_at(deadline, self.app(app)).await.unwrap_or_else(|_| {
                let verdict = Verdict::unknown(
                    "not examined in time",
                    format!("examine it alone: menshen doctor --app {}", app.id),
                );
                vec![verdict.about("credentials", &app.id)]
            })
        });
        examined.buffered(APPS_AT_ONCE).collect::<Vec<_>>().await.concat()
    }

    async fn app(&self, app: &App) -> Vec<Finding> {
        let (credentials, with_token, doors, push) = tokio::join!(
            credentials::check(self.wechat, app),
            self.with_token(app),
            self.doors(app),
            self.push(app),
        );
        let public = url::Url::parse(&self.site.hosts.public_origin()).ok();
        let mut findings = vec![credentials];
        findings.extend(with_token);
        findings.extend(doors);
        findings.extend(push);
        findings.extend(setup::app(self.directory, app, public.as_ref()));
        findings
    }

    /// The server token and what is asked with it, if scanning the account or opening the mini program needs it.
    async fn with_token(&self, app: &App) -> Vec<Finding> {
        let methods = || setup::methods_of(self.directory, app);
        let scanned = methods().any(|method| matches!(method.kind, MethodKind::OfficialAccountScan(_)));
        let opened: Vec<Opened<'_>> = methods().filter_map(program::opened).collect();
        if !scanned && opened.is_empty() {
            return Vec::new();
        }
        let (token, mut findings) = token::check(self.wechat, app, self.store, self.clock.now()).await;
        if scanned {
            findings.push(account::check(self.wechat, app, token.as_ref()).await);
        } else {
            program::soften(&mut findings, &opened);
        }
        findings.extend(program::check(self.wechat, app, token.as_ref(), &opened).await);
        findings
    }

    /// Every login page that the app's methods open, once.
    async fn doors(&self, app: &App) -> Vec<Finding> {
        let callback = self.site.url(&format!("callback/{}", app.id));
        let mut doors: Vec<Door> = Vec::new();
        for method in setup::methods_of(self.directory, app) {
            let door = match method.kind {
                MethodKind::WebsiteQr(_) => Door::Website,
                MethodKind::OfficialAccountWeb(scope) => Door::Account(scope),
                // No page of WeChat's is opened by the others.
                _ => continue,
            };
            if !doors.contains(&door) {
                doors.push(door);
            }
        }
        // At most three: there are no more kinds.
        let asked = doors.into_iter().map(|door| callback::check(self.wechat, app, door, &callback));
        futures_util::future::join_all(asked).await
    }

    /// The address that WeChat pushes to, if it does.
    async fn push(&self, app: &App) -> Vec<Finding> {
        let Some(keys) = &app.push else { return Vec::new() };
        let address = if self.reached {
            place::push(self.wechat, self.site, app, keys, self.clock.now()).await
        } else {
            unreached().about("push_address", &app.id)
        };
        vec![address, setup::console(app, &self.site.url(&format!("push/{}", app.id)))]
    }
}

fn unreached() -> Verdict {
    Verdict::skipped("not asked, because nobody answers at server.public_url")
}
