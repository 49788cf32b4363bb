//! Mails over SMTP, one connection each: codes are rare, and servers drop idle connections.
//!
//! Never sends in clear but to this machine, and never repeats what a server writes: it quotes the receiver.

use std::path::Path;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use openssl::x509::X509;
use tokio::time::timeout;

use super::config::{SmtpConfig, SmtpTls, host, is_this_machine, timeout_problem};
use super::error::NotifyError;
use crate::ground::random_id;

const NO_SUCH_ADDRESS: NotifyError = NotifyError::Unsendable("no mail can go to such an address");

/// A mail, without its receiver.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    /// One line.
    pub subject: &'a str,
    /// Plain text.
    pub text: &'a str,
}

/// A mail server, and the sender.
#[derive(Clone)]
pub(super) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    limit: Duration,
}

impl Mail {
    /// Checks a config; problems are (key, what to do).
    pub(super) fn new(config: &SmtpConfig) -> Result<Self, Vec<(&'static str, String)>> {
        let mut problems = Vec::new();
        let mut problem = |key, message: String| problems.push((key, message));
        let host = host(&config.host);
        if host.is_none() {
            let message = "must be the name or address of a mail server, as in \"smtp.example.com\"; its port has \
                           a key of its own";
            problem("host", message.into());
        }
        if config.tls == SmtpTls::None && host.is_some_and(|host| !is_this_machine(&host)) {
            let message = "\"none\" is only for a server on this machine: codes would travel in clear; use \
                           \"implicit\" or \"starttls\"";
            problem("tls", message.into());
        }
        if config.port == Some(0) {
            problem("port", "must be a port from 1 to 65535, or left out".into());
        }
        match (config.username.is_empty(), config.password.is_empty()) {
            (false, true) => {
                let message =
                    "is missing; set password, password_file or password_credential, or remove username";
                problem("password", message.into());
            }
            (true, false) => problem("username", "is missing: a password alone opens nothing".into()),
            _ => {}
        }
        let from = sender(&config.from);
        if from.is_none() {
            let message = "must be an address in ASCII, as in \"login@example.com\" or \"Example \
                           <login@example.com>\"";
            problem("from", message.into());
        }
        if let Some(message) = timeout_problem(config.timeout) {
            problem("timeout", message);
        }
        if config.ca_file.is_some() && config.tls == SmtpTls::None {
            problem("ca_file", "is not used without TLS; remove it".into());
        }
        let tls = tls(config).map_err(|(key, message)| problem(key, message)).ok();
        match (from, tls) {
            (Some(from), Some(tls)) if problems.is_empty() => {
                Ok(Self { transport: transport(config, tls), from, limit: config.timeout.duration() })
            }
            _ => Err(problems),
        }
    }

    pub(super) async fn send(&self, to: &str, letter: &Letter<'_>) -> Result<(), NotifyError> {
        let message = self.message(to, letter)?;
        match timeout(self.limit, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            // Only some servers know letters beyond ASCII in addresses, and this one does not.
            Ok(Err(error)) if error.is_client() && !to.is_ascii() => Err(NO_SUCH_ADDRESS),
            Ok(Err(error)) => Err(failure(error)),
            Err(_) => Err(NotifyError::Timeout),
        }
    }

    /// The mail as it goes out; `Date` is added when it is built.
    fn message(&self, to: &str, letter: &Letter<'_>) -> Result<Message, NotifyError> {
        let to = address(to).ok_or(NO_SUCH_ADDRESS)?;
        let id = format!("<{}@{}>", random_id(&mut rand::rng(), 26), self.from.email.domain());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(letter.subject))
            .message_id(Some(id))
            // No answering machine answers a program, RFC 3834.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.to_owned())
            .map_err(|_| NotifyError::Unsendable("no mail can be made of this"))
    }
}

/// An address that means one mailbox, however it is read: no quoted parts, no comments, nothing that could end a header
/// or a command.
fn address(text: &str) -> Option<Address> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "\"\\<>()[],;:".contains(c);
    if text.len() > 254 || text.contains(odd) {
        return None;
    }
    text.parse().ok()
}

/// An address, or a name and an address in angle brackets.
fn sender(text: &str) -> Option<Mailbox> {
    let (name, text) = match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"'), address),
        None => ("", text.trim()),
    };
    let name = Some(name).filter(|name| !name.is_empty()).map(str::to_owned);
    let fits = text.is_ascii() && !name.iter().any(|name| name.contains(char::is_control));
    address(text).filter(|_| fits).map(|address| Mailbox::new(name, address))
}

/// Without what could begin another header.
fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn transport(config: &SmtpConfig, tls: Tls) -> AsyncSmtpTransport<Tokio1Executor> {
    let port = config.port.unwrap_or(match config.tls {
        SmtpTls::Implicit => 465,
        SmtpTls::Starttls => 587,
        SmtpTls::None => 25,
    });
    // `dangerous` because the builder alone speaks in clear; what it speaks is said here.
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
        .port(port)
        .tls(tls)
        .timeout(Some(config.timeout.duration()));
    let builder = match config.username.as_str() {
        "" => builder,
        name => builder.credentials(Credentials::new(name.into(), config.password.reveal().into())),
    };
    builder.build()
}

fn tls(config: &SmtpConfig) -> Result<Tls, (&'static str, String)> {
    if config.tls == SmtpTls::None {
        return Ok(Tls::None);
    }
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(file) = &config.ca_file {
        builder = builder.certificate_store(CertificateStore::None);
        for authority in authorities(file).map_err(|message| ("ca_file", message))? {
            builder = builder.add_root_certificate(authority);
        }
    }
    let parameters = builder.build().map_err(|error| ("tls", format!("TLS is unusable: {error}")))?;
    Ok(if config.tls == SmtpTls::Implicit { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

/// The certificates in a PEM file.
fn authorities(file: &Path) -> Result<Vec<Certificate>, String> {
    let pem = std::fs::read(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    let none = || format!("`{}` holds no certificate in PEM", file.display());
    let found = X509::stack_from_pem(&pem).map_err(|_| none())?;
    if found.is_empty() {
        return Err(none());
    }
    let ders = found.iter().map(|certificate| certificate.to_der().ok());
    ders.map(|der| der.and_then(|der| Certificate::from_der(der).ok()).ok_or_else(none)).collect()
}

fn failure(error: lettre::transport::smtp::Error) -> NotifyError {
    match error.status() {
        Some(code) => NotifyError::Refused(code.into()),
        None if error.is_timeout() => NotifyError::Timeout,
        None if error.is_response() => NotifyError::BadAnswer("not as SMTP has it"),
        // No text of the server's: what the network, TLS or lettre itself says.
        None => NotifyError::Unreachable(error.into()),
    }
}

#[cfg(test)]
mod tests;
