//! Mail and SMS over real sockets: mail through a server that others wrote, SMS through a service of the test.
//!
//! Every test also checks that no receiver, code or secret got into an error or a log line.

#![allow(clippy::unwrap_used)]

#[path = "wechat_client/fake.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod fake;
#[path = "support/log.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod log;
#[path = "notify/mail.rs"]
mod mail;
#[path = "notify/sms.rs"]
mod sms;
#[path = "support/smtp_server.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use more of it")]
mod smtp_server;
#[path = "support/webhook.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use more of it")]
mod webhook;

use menshen::notify::{Config, Notify, NotifyError};

use log::{chain, log};

/// What nobody may read in a log: the person's address and number, the code, the secrets of the config.
const HIDDEN: [&str; 7] = [
    "person@",
    "refused@",
    "13580006666",
    "135790",
    smtp_server::PASSWORD,
    "wrong-p@ssword",
    webhook::SECRET,
];

/// What a config with these tables can send with.
fn notify(tables: &str) -> Notify {
    log();
    let tables = tables.replace("[notify.", "[");
    Notify::new(&toml::from_str::<Config>(&tables).unwrap()).unwrap()
}

/// The error, which names nobody; nor does anything that was logged.
fn error(outcome: Result<(), NotifyError>) -> NotifyError {
    let error = outcome.unwrap_err();
    tracing::warn!(error = %menshen::ground::with_causes(&error), "not sent");
    assert_nothing_leaks(&chain(&error));
    error
}

fn assert_nothing_leaks(shown: &str) {
    for text in [shown, &log()] {
        let leaked: Vec<_> = HIDDEN.iter().filter(|hidden| text.contains(**hidden)).collect();
        assert!(leaked.is_empty(), "{leaked:?} in: {text}");
    }
}
