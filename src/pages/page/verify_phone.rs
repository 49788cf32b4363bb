//! The page on which a visitor who is logged in verifies a phone number: the number first, then the code.
//!
//! Shows of a number what its owner recognises and nobody else learns.

use http::StatusCode;
use serde::Serialize;

use super::MethodLabel;

/// Asks for a phone number, or for the code that was sent there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyPhone {
    /// Who is logged in, in a word that they recognise.
    pub account: String,
    /// What is asked for now.
    pub body: VerifyBody,
    /// What was wrong with what was sent, if anything.
    pub trouble: Option<VerifyTrouble>,
    /// Logins by which WeChat tells the number, which fit this browser.
    pub ways: Vec<VerifyWay>,
    /// Where the visitor wants to go, as the forms send it along.
    pub return_to: String,
    /// The login page, for somebody else.
    pub other_href: String,
}

/// A login by which WeChat tells the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyWay {
    /// The words on it.
    pub label: MethodLabel,
    /// The login page with it.
    pub href: String,
}

/// What the page asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VerifyBody {
    /// The number. The form posts `phone` and `rt`.
    Number {
        /// Where the form goes.
        action: String,
        /// What was typed before.
        typed: String,
    },
    /// The code. The form posts `code` and `rt`.
    Code {
        /// Where the form goes.
        action: String,
        /// Where the form goes that asks for another code; it posts `again` and `rt`.
        again_action: String,
        /// After how many seconds there may be another.
        again_in: u64,
        /// The number, masked.
        sent_to: String,
        /// This page, for another number.
        change_href: String,
    },
    /// Nothing: there is nobody to send messages.
    Nothing,
}

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VerifyTrouble {
    /// This is no phone number.
    NoNumber,
    /// A code was sent just now.
    TooSoon {
        /// After how many seconds there may be another.
        seconds: u64,
    },
    /// Too many codes were sent today.
    TooMany {
        /// After how many hours there may be another.
        hours: u64,
    },
    /// The message could not be sent.
    NotSent,
    /// This is not the code.
    Wrong,
    /// The code is too old or was tried too often.
    Spent,
    /// The number belongs to another account.
    Taken,
}

impl VerifyTrouble {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::NoNumber | Self::Wrong | Self::Spent => StatusCode::BAD_REQUEST,
            Self::TooSoon { .. } | Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NotSent => StatusCode::SERVICE_UNAVAILABLE,
            Self::Taken => StatusCode::CONFLICT,
        }
    }

    pub(super) const fn retry_after(self) -> Option<u64> {
        match self {
            Self::TooSoon { seconds } => Some(seconds),
            Self::TooMany { hours } => Some(hours * 60 * 60),
            Self::NoNumber | Self::NotSent | Self::Wrong | Self::Spent | Self::Taken => None,
        }
    }
}
