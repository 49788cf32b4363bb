//! Why a message or a question did not get through.
//!
//! Holds numbers and our own words, and what the network or TLS says. Never what the other side wrote: a mail server's
//! refusal quotes the receiver.

use std::error::Error;

/// Why nothing was sent, or nobody knows whether it was.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The config has no way to do this.
    #[error("not configured")]
    NotConfigured,
    /// Nothing was sent: what was given cannot be.
    #[error("{0}")]
    Unsendable(&'static str),
    /// No connection, or one that broke: the network, a name that is not known, a certificate nobody vouches for.
    #[error("cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// Not done within the limit.
    #[error("no answer in time")]
    Timeout,
    /// The other side does not want it: the code of SMTP or the status of HTTP.
    #[error("refused with {0}")]
    Refused(u16),
    /// An answer that means nothing.
    #[error("a bad answer: {0}")]
    BadAnswer(&'static str),
}
