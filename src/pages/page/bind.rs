//! The page for somebody whom no account answers to: prove one that is theirs, or have one made.
//!
//! Says nothing about which accounts exist: a code that was never sent is announced in the same words.

use serde::Serialize;

use crate::pages::ErrorCode;

/// Asks for an account of theirs. The form posts `flow`, `do` (`new`, `password`, `email_code`, `sms_code` or `code`) and
/// what that needs: `name` and `password`, `to`, or `code`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bind {
    /// Where the forms go: a path of our own.
    pub action: String,
    /// Names the question; goes along with the answer.
    pub flow: String,
    /// Whether a new account may be made.
    pub may_create: bool,
    /// How an account may be proven, in the order in which it is offered, by the names in the config.
    pub proofs: Vec<&'static str>,
    /// Which of them is open.
    pub open: Option<&'static str>,
    /// Where a code was sent, with its middle hidden, if it can still be typed in.
    pub sent_to: Option<String>,
    /// The name that was typed.
    pub name: String,
    /// The address that was typed.
    pub to: String,
    /// What was wrong with the last answer.
    pub trouble: Option<ErrorCode>,
    /// In how many seconds the next is possible, where that is the trouble.
    pub wait_secs: Option<u64>,
    /// Leaves without a login.
    pub again_href: String,
}
