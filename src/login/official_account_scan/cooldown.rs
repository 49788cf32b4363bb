//! Silence after WeChat gave an account no code: every visitor of the login page would ask again, and wait for it.
//!
//! Per process, account and what was asked for: for a minute, as long as WeChat wants, or for seconds where it did not
//! answer; a changed secret starts afresh.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::super::directory::App;
use super::super::server_tokens::TokenError;
use crate::ground::{Span, Timestamp};
use crate::wechat::{Action, VisitorKind};

/// How long nobody asks after a fault that only the operator can mend.
const AFTER_FAULT: Span = Span::from_mins(1);

/// How long nobody asks a WeChat that does not answer: a page that waits for it takes up to 13 seconds.
const AFTER_SILENCE: Span = Span::from_secs(10);

/// What is given up on, and until when. As many as a config has methods, and those of reloads before.
#[derive(Debug, Default)]
pub(in crate::login) struct Cooldown(Mutex<HashMap<String, Silence>>);

#[derive(Clone, Debug)]
struct Silence {
    until: Timestamp,
    message: String,
    hint: Option<String>,
    visitor: VisitorKind,
}

impl Cooldown {
    /// The fault that `app` met lately when it asked for `what`, if it is too early to ask again.
    pub(in crate::login) fn check(&self, app: &App, what: &str, now: Timestamp) -> Result<(), TokenError> {
        let mut silences = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        silences.retain(|_, silence| now < silence.until);
        match silences.get(&key(app, what)).cloned() {
            None => Ok(()),
            Some(Silence { message, hint, visitor, .. }) => {
                Err(TokenError::Shared { message, hint, visitor })
            }
        }
    }

    /// Notes why `app` did not get `what`.
    pub(in crate::login) fn note(&self, app: &App, what: &str, error: &TokenError, now: Timestamp) {
        // Faults of the token itself are shared by the keeper of tokens already.
        let TokenError::Wechat(fault) = error else { return };
        let wait = match fault.action() {
            Action::ConfigFault => AFTER_FAULT,
            Action::RateLimit { wait } => wait,
            Action::Retry => AFTER_SILENCE,
            _ => return,
        };
        let hint = fault.operator_hint();
        let mut silences = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if silences.get(&key(app, what)).is_some_and(|silence| now < silence.until) {
            // Somebody who asked at the same time has told it.
            return;
        }
        tracing::error!(
            app = %app.id, what, error = %fault, hint, silent_for = %wait,
            "WeChat gives no codes to scan or links to follow; the login page shows the method as unavailable"
        );
        let silence = Silence {
            until: now.plus(wait),
            message: fault.to_string(),
            hint,
            visitor: fault.visitor_kind(),
        };
        silences.insert(key(app, what), silence);
    }
}

fn key(app: &App, what: &str) -> String {
    format!("{} {} {what}", app.app_id, app.server_token.mark(&app.secret))
}
