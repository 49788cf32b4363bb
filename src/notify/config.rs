//! The `[notify]` section: the mail server, and the service that sends SMS.
//!
//! Only holds what was written; `mail.rs` and `webhook.rs` check what they use. No secret prints.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use url::Host;

use crate::ground::{Secret, Span};

/// The `[notify]` section. Without a table in it nothing can be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[notify.smtp]`.
    pub smtp: Option<SmtpConfig>,
    /// `[notify.sms]`.
    pub sms: Option<SmsConfig>,
}

/// `[notify.smtp]`: the server that takes our mails.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Name or address of the server. Required.
    pub host: String,
    /// Its port. Default: 465, 587 or 25, as `tls` says.
    #[serde(default)]
    pub port: Option<u16>,
    /// `implicit` (default), `starttls`, `none` (for a server on this machine only).
    #[serde(default)]
    pub tls: SmtpTls,
    /// Who we are to the server. Default: nobody, and no password.
    #[serde(default)]
    pub username: String,
    /// The user's password; or `password_file`, `password_credential`.
    #[serde(default)]
    pub password: Secret,
    /// The sender: an address, or `Name <address>`. Required.
    pub from: String,
    /// File with the certificates (PEM) that vouch for the server, instead of the system's. Default: none.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How long one mail may take, from the connection to the server's word that it has it. Default `"10s"`.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// TLS from the first byte.
    #[default]
    Implicit,
    /// TLS after STARTTLS; a server without it gets no mail.
    Starttls,
    /// In clear.
    None,
}

/// `[notify.sms]`: the operator's service that sends SMS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsConfig {
    /// Its address. Required.
    pub webhook: String,
    /// What our requests to it are signed with; or `secret_file`, `secret_credential`. Required.
    #[serde(default)]
    pub secret: Secret,
    /// How long one request may take. Default `"5s"`.
    #[serde(default = "five_seconds")]
    pub timeout: Span,
}

fn ten_seconds() -> Span {
    Span::from_secs(10)
}

fn five_seconds() -> Span {
    Span::from_secs(5)
}

const TIMEOUT_MIN: Span = Span::from_millis(100);
const TIMEOUT_MAX: Span = Span::from_secs(60);

/// What is wrong with a limit, if anything. A visitor waits for what it bounds.
pub(super) fn timeout_problem(timeout: Span) -> Option<String> {
    let fits = (TIMEOUT_MIN..=TIMEOUT_MAX).contains(&timeout);
    (!fits).then(|| format!("must lie between \"{TIMEOUT_MIN}\" and \"{TIMEOUT_MAX}\""))
}

/// Whether what is sent to this host stays on this machine.
pub(super) fn is_this_machine<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref() == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

/// A name or an address, an IPv6 address without brackets.
pub(super) fn host(text: &str) -> Option<Host> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => Some(Host::Ipv4(ip)),
        Ok(IpAddr::V6(ip)) => Some(Host::Ipv6(ip)),
        Err(_) => Host::parse(text).ok().filter(|host| matches!(host, Host::Domain(_))),
    }
}
