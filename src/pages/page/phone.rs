//! The pages that a phone shows in WeChat after it scanned a code of ours.
//!
//! They sign nobody in on the phone itself; they only ask about, and tell of, the login on the computer.

use serde::Serialize;

/// Asks on the phone whether a login on a computer may go on. The form posts `token` and `answer=yes` or `answer=no`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confirm {
    /// The host the computer signs in to.
    pub site_host: String,
    /// The computer's browser in a few words ("Chrome, Windows"), if known.
    pub browser: Option<String>,
    /// The computer's address, if known.
    pub ip: Option<String>,
    /// How long ago the login page was opened.
    pub began_secs_ago: u64,
    /// Whether a yes adds the person's WeChat to the account that the computer is signed in to.
    pub adding: bool,
    /// Where the form goes: a path of our own.
    pub action: String,
    /// Stands for the question; goes along with the answer.
    pub token: String,
}

/// Tells the phone that its answer has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// Whether the answer was yes.
    pub approved: bool,
    /// Whether it was about adding the person's WeChat to an account, and not about signing in.
    pub adding: bool,
}
