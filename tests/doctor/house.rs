//! A simulated WeChat, a config, and a gateway that runs with it or does not.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use menshen::config::Config;
use menshen::doctor::{self, Finding, Outcome, Report};
use menshen::ground::{Clock, Secret, SystemClock};
use menshen::server::{self, Running};
use menshen::simulator::{
    self, DEMO_MINI_SECRET, DEMO_MOBILE_SECRET, DEMO_PUSH_AES_KEY, DEMO_PUSH_TOKEN, DEMO_SERVICE_APP_ID,
    DEMO_SERVICE_SECRET, DEMO_WEBSITE_APP_ID, DEMO_WEBSITE_SECRET, Handle, Simulator,
};
use menshen::wechat::{self, Transport};
use tempfile::TempDir;

/// The call that makes a new token and ends the one before.
pub(crate) const CLASSIC_TOKEN: &str = "/cgi-bin/token";
/// The verification file of the usual config.
pub(crate) const FILE: &str = "MP_verify_doctor.txt";

pub(crate) struct House {
    pub(crate) wechat: Simulator,
    pub(crate) folder: TempDir,
    pub(crate) public: String,
    /// What the doctor and a gateway read.
    pub(crate) text: String,
    listener: Option<TcpListener>,
    gateway: Option<Running>,
}

impl House {
    /// The usual house: a website and a service account with every method, and a gateway that runs.
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await.serve().await
    }

    /// A house at a WeChat that is made otherwise; no gateway runs yet.
    pub(crate) async fn with(change: impl FnOnce(&mut simulator::Config)) -> Self {
        let mut config = simulator::Config::demo();
        change(&mut config);
        let wechat = Simulator::start(config).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let public = format!("http://{}", listener.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let text = config_text(&public, wechat.base_url(), folder.path());
        Self { wechat, folder, public, text, listener: Some(listener), gateway: None }
    }

    /// Lets a gateway run with the config as it is now.
    pub(crate) async fn serve(mut self) -> Self {
        let listener = self.listener.take().into_iter().collect();
        let running = server::start_with(self.config(), Arc::new(SystemClock), listener).await.unwrap();
        self.gateway = Some(running);
        self
    }

    /// Closes the port that no gateway took.
    pub(crate) fn close(mut self) -> Self {
        self.listener = None;
        self
    }

    /// Changes what the doctor reads from now on.
    pub(crate) fn edit(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "{from} in:\n{}", self.text);
        self.text = self.text.replace(from, to);
    }

    pub(crate) fn config(&self) -> Config {
        let file = self.folder.path().join("menshen.toml");
        Config::parse(&file, &self.text, []).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn hand(&self) -> Handle {
        self.wechat.handle()
    }

    /// The account's token as another program at the same WeChat gets it.
    pub(crate) async fn stable_token(&self) -> Secret {
        let config = self.config().wechat;
        let client = wechat::Client::new(Transport::new(&config).unwrap(), &config).unwrap();
        let secret = Secret::new(DEMO_SERVICE_SECRET);
        client.stable_token(DEMO_SERVICE_APP_ID, &secret, false).await.unwrap().token
    }

    pub(crate) async fn examine(&self) -> Report {
        self.examine_at(Arc::new(SystemClock)).await
    }

    /// Examines by another clock; nothing that was found may hold a secret.
    pub(crate) async fn examine_at(&self, clock: Arc<dyn Clock>) -> Report {
        let report = doctor::examine(&self.config(), None, clock).await.unwrap();
        for finding in &report.findings {
            assert_no_secret(&finding.json());
            assert_no_secret(&finding.to_string());
        }
        report
    }
}

pub(crate) fn assert_no_secret(text: &str) {
    let apps = [DEMO_WEBSITE_SECRET, DEMO_SERVICE_SECRET, DEMO_MINI_SECRET, DEMO_MOBILE_SECRET];
    for secret in apps.into_iter().chain([DEMO_PUSH_TOKEN, DEMO_PUSH_AES_KEY]) {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!text.contains("signature="), "{text}");
}

/// The one finding of a check about a subject.
pub(crate) fn found<'r>(report: &'r Report, check: &str, subject: &str) -> &'r Finding {
    let mut same = report.findings.iter().filter(|one| one.check == check && one.subject == subject);
    let first = same.next().unwrap_or_else(|| panic!("no {check} {subject} in {report:#?}"));
    assert!(same.next().is_none(), "{check} {subject} twice in {report:#?}");
    first
}

/// Asserts how a check ended and what message and cure say together.
pub(crate) fn assert_found(report: &Report, check: &str, subject: &str, outcome: Outcome, says: &str) {
    let finding = found(report, check, subject);
    assert_eq!(finding.verdict.outcome, outcome, "{finding}");
    assert!(finding.to_string().contains(says), "`{says}` in {finding}");
}

/// The checks and subjects of everything that is a problem.
pub(crate) fn problems(report: &Report) -> Vec<(&str, &str)> {
    let problems = report.findings.iter().filter(|one| one.verdict.outcome == Outcome::Problem);
    problems.map(|one| (one.check, one.subject.as_str())).collect()
}

fn config_text(public: &str, wechat: &str, folder: &Path) -> String {
    format!(
        r#"
[server]
listen = ["127.0.0.1:0"]
public_url = "{public}"
drain_timeout = "1s"
[server.verification_files]
"{FILE}" = "doctor-content"
[store]
url = "embedded:{folder}/store.redb"
[wechat]
api = "{wechat}"
api_backup = ""
open = "{wechat}"
mp = "{wechat}"
[log]
access = false
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
token = "{DEMO_PUSH_TOKEN}"
encoding_aes_key = "{DEMO_PUSH_AES_KEY}"
server_token = "stable"
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
id = "app"
servers = ["http://127.0.0.1:9"]
[[routes]]
path = "/"
upstream = "app"
"#,
        folder = folder.display(),
    )
}
