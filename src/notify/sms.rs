//! A code by SMS, through the operator's own service: providers differ, and each wants its own templates.

use serde::Serialize;

use super::config::SmsConfig;
use super::error::NotifyError;
use super::webhook::Webhook;
use crate::domain::Phone;

/// What a person is to be told. The service writes the text; providers want it from a template of theirs.
#[derive(Clone, Copy)]
pub struct SmsText<'a> {
    /// The one-time code.
    pub code: &'a str,
    /// What it is good for, as a word for programs.
    pub purpose: &'a str,
    /// The name of the site that it is for.
    pub site: &'a str,
    /// The person's language, as in `zh`.
    pub lang: &'a str,
    /// How long the code works.
    pub minutes: u64,
}

/// The body of the request. Names and meanings are part of the interface with the operator's service.
#[derive(Serialize)]
struct Order<'a> {
    r#type: &'static str,
    phone: &'a str,
    code: &'a str,
    purpose: &'a str,
    site: &'a str,
    lang: &'a str,
    minutes: u64,
}

/// The service of a config; problems are (key, what to do).
pub(super) fn webhook(config: &SmsConfig) -> Result<Webhook, Vec<(&'static str, String)>> {
    Webhook::new(&config.webhook, &config.secret, config.timeout).map_err(|problems| {
        let own = |key| if key == "url" { "webhook" } else { key };
        problems.into_iter().map(|(key, message)| (own(key), message)).collect()
    })
}

pub(super) async fn send(webhook: &Webhook, phone: &Phone, text: &SmsText<'_>) -> Result<(), NotifyError> {
    let SmsText { code, purpose, site, lang, minutes } = *text;
    let order = Order { r#type: "sms_code", phone: phone.as_str(), code, purpose, site, lang, minutes };
    webhook.tell(&order).await
}
