//! One-time codes by mail and by SMS, and questions to the operator's own services.
//!
//! Knows no login and writes no text for people. No receiver, code or secret ever leaves this room in an error, a log
//! line or a `Debug` text, and no request is repeated: a second code by SMS costs money and confuses.

mod config;
mod error;
mod mail;
mod sms;
mod webhook;

use std::fmt;

use crate::domain::Phone;

pub use config::{Config, SmsConfig, SmtpConfig, SmtpTls};
pub use error::NotifyError;
pub use mail::Letter;
pub use sms::SmsText;
pub use webhook::Webhook;

use mail::Mail;

/// The ways to reach people that are configured.
#[derive(Clone, Default)]
pub struct Notify {
    mail: Option<Mail>,
    sms: Option<Webhook>,
}

impl Notify {
    /// Checks the section; never opens a connection.
    ///
    /// # Errors
    /// Everything that is wrong, as (key inside `[notify]`, what to do).
    pub fn new(config: &Config) -> Result<Self, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let mut keep = |table: &str, wrong: Vec<(&'static str, String)>| {
            problems.extend(wrong.into_iter().map(|(key, message)| (format!("{table}.{key}"), message)));
        };
        let mail = config.smtp.as_ref().map(Mail::new).transpose().map_err(|wrong| keep("smtp", wrong));
        let sms = config.sms.as_ref().map(sms::webhook).transpose().map_err(|wrong| keep("sms", wrong));
        match (mail, sms) {
            (Ok(mail), Ok(sms)) => Ok(Self { mail, sms }),
            _ => Err(problems),
        }
    }

    /// Whether mail can be sent.
    pub const fn can_email(&self) -> bool {
        self.mail.is_some()
    }

    /// Whether SMS can be sent.
    pub const fn can_sms(&self) -> bool {
        self.sms.is_some()
    }

    /// Sends a mail to one person; done when the mail server has accepted it.
    ///
    /// # Errors
    /// No error names the receiver.
    pub async fn email(&self, to: &str, letter: &Letter<'_>) -> Result<(), NotifyError> {
        self.mail.as_ref().ok_or(NotifyError::NotConfigured)?.send(to, letter).await
    }

    /// Has the operator's service send a code by SMS; done when it says that it took the order.
    ///
    /// # Errors
    /// No error names the number or the code.
    pub async fn sms(&self, phone: &Phone, text: &SmsText<'_>) -> Result<(), NotifyError> {
        sms::send(self.sms.as_ref().ok_or(NotifyError::NotConfigured)?, phone, text).await
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").field("email", &self.can_email()).field("sms", &self.can_sms()).finish()
    }
}

#[cfg(test)]
mod tests;
