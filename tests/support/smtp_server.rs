//! A mail server that others wrote (aiosmtpd, a library of the second witness), on a port of its own, with a
//! certificate of its own. Keeps what it takes, as Python reads it, where the test can see it.
//!
//! Two receivers are special: `refused@…` is refused with 550, `hang@…` is never answered. Ends with its owner.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;
use tokio::sync::watch;

#[path = "certificates.rs"]
#[allow(clippy::duplicate_mod, reason = "a test that needs both servers has it twice")]
mod certificates;

use certificates::make_certificates;

/// Longer than a start or a mail takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Who the server knows.
pub const USER: &str = "login@example.com";
/// Their password.
pub const PASSWORD: &str = "smtp-p@ssword-that-nobody-may-read";
/// The sender in [`SmtpServer::section`].
pub const FROM: &str = "门神 <login@example.com>";

/// How the server wants to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    Implicit,
    Starttls,
    None,
}

/// A mail that the server took.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// What the envelope says, without names.
    pub from: String,
    pub to: Vec<String>,
    /// Decoded, as all headers here.
    pub subject: String,
    pub text: String,
    pub headers: Vec<(String, String)>,
    /// The bytes that came.
    pub raw: String,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Who sent it.
    pub user: Option<String>,
}

impl Mail {
    /// The values of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The first run of digits of this length in the text: the code in it.
    pub fn code(&self, length: usize) -> String {
        let runs = self.text.split(|c: char| !c.is_ascii_digit());
        let found = runs.into_iter().find(|run| run.len() == length);
        found.unwrap_or_else(|| panic!("no code in: {}", self.text)).to_owned()
    }
}

/// What the server said so far.
#[derive(Default)]
struct Said {
    port: Option<u16>,
    mails: Vec<Mail>,
    ended: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Mail(Box<Mail>),
    Listening { port: u16 },
}

/// The running server.
pub struct SmtpServer {
    child: Child,
    dir: TempDir,
    tls: Tls,
    port: u16,
    said: watch::Receiver<Said>,
}

impl SmtpServer {
    /// Starts a server that takes mails from [`USER`] alone.
    pub async fn start(tls: Tls) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/witness/python/bin/python");
        assert!(
            root.join("target/witness/python/installed").exists(),
            "{} is missing: `make test` installs the libraries that check us (or run .ci/witness)",
            python.display()
        );
        let dir = tempfile::tempdir().unwrap();
        make_certificates(dir.path());
        let mut child = Command::new(&python)
            .args(["-s", "-B"])
            .arg(root.join("tests/witness/python/smtp.py"))
            .args(["--tls", tls.name(), "--user", USER, "--password", PASSWORD])
            .arg("--cert")
            .arg(dir.path().join("server.crt"))
            .arg("--key")
            .arg(dir.path().join("server.key"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, mut said) = watch::channel(Said::default());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                match serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")) {
                    Line::Listening { port } => tell.send_modify(|said| said.port = Some(port)),
                    Line::Mail(mail) => tell.send_modify(|said| said.mails.push(*mail)),
                }
            }
            tell.send_modify(|said| said.ended = true);
        });
        let started = said.wait_for(|said| said.port.is_some() || said.ended);
        let started = tokio::time::timeout(LIMIT, started).await.expect("the mail server starts").unwrap();
        let port = started.port.expect("the mail server listens");
        drop(started);
        Self { child, dir, tls, port, said }
    }

    /// The name in its certificate, and in [`SmtpServer::section`].
    pub fn host(&self) -> &'static str {
        "localhost"
    }

    /// The port of 127.0.0.1 that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate that vouches for it.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    /// `[notify.smtp]` of a config that sends through it.
    pub fn section(&self) -> String {
        let ca_file = match self.tls {
            Tls::None => String::new(),
            _ => format!("ca_file = \"{}\"\n", self.ca_file().display()),
        };
        format!(
            "[notify.smtp]\nhost = \"{}\"\nport = {}\ntls = \"{}\"\nusername = \"{USER}\"\n\
             password = \"{PASSWORD}\"\nfrom = \"{FROM}\"\n{ca_file}",
            self.host(),
            self.port,
            self.tls.name()
        )
    }

    /// Every mail so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.said.borrow().mails.clone()
    }

    /// The `count`-th mail to this address, counted from 1; waits for it.
    pub async fn mail(&self, to: &str, count: usize) -> Mail {
        let find = |said: &Said| {
            said.mails.iter().filter(|mail| mail.to.iter().any(|known| known == to)).nth(count - 1).cloned()
        };
        let mut said = self.said.clone();
        let there = said.wait_for(|said| said.ended || find(said).is_some());
        let there = tokio::time::timeout(LIMIT, there).await.expect("a mail arrives").unwrap();
        find(&there).expect("the mail server runs on")
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tls {
    const fn name(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::Starttls => "starttls",
            Self::None => "none",
        }
    }
}
