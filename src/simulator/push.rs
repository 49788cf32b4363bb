//! Pushes to accounts: where they go, in which mode and format, and what became of them.
//!
//! Written from the message push pages alone; shares nothing with the side that receives.

mod crypto;
mod deliver;
mod message;
mod reply;
mod state;
mod xml;

use serde::{Deserialize, Serialize};
use url::Url;

use super::error::SimError;
use crate::ground::Span;

pub(super) use deliver::{replay, start, verify};
pub(super) use message::{Event, Kind};
pub(super) use state::{Pushes, Sending};

/// The server settings of an account's console.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// Where messages go: `http://…`. Any port is accepted, though WeChat knows 80 and 443 only; the journal tells.
    pub url: String,
    /// The Token: 3 to 32 letters and digits.
    pub token: String,
    /// The EncodingAESKey: 43 letters and digits. The compatible and secure modes need it.
    #[serde(default)]
    pub encoding_aes_key: Option<String>,
    /// Whether messages are encrypted.
    #[serde(default)]
    pub mode: PushMode,
    /// XML or JSON.
    #[serde(default)]
    pub format: PushFormat,
}

/// Whether messages are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushMode {
    /// 明文模式: not at all.
    Plain,
    /// 兼容模式: every message holds both forms.
    Compatible,
    /// 安全模式: encrypted alone; answers too.
    #[default]
    Secure,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushFormat {
    /// As official accounts have it.
    #[default]
    Xml,
    /// As mini programs may choose it.
    Json,
}

impl Push {
    /// The settings as the console takes them: the address and the key for the modes that need one.
    fn check(&self) -> Result<(Url, Option<crypto::AesKey>), SimError> {
        let wrong = |what: &str| SimError::BadPush { what: what.into() };
        let url = Url::parse(&self.url).map_err(|_| wrong("the URL is no address"))?;
        if url.scheme() != "http" || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("the URL must begin with http:// (the simulator speaks no TLS)"));
        }
        let in_shape = (3..=32).contains(&self.token.len());
        if !in_shape || !self.token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(wrong("the Token must be 3 to 32 letters and digits"));
        }
        let key = match &self.encoding_aes_key {
            Some(text) => Some(
                crypto::AesKey::parse(text)
                    .ok_or_else(|| wrong("the EncodingAESKey must be exactly 43 letters and digits"))?,
            ),
            None if self.mode == PushMode::Plain => None,
            None => return Err(wrong("the compatible and secure modes need an EncodingAESKey")),
        };
        Ok((url, key))
    }

    /// A port that WeChat would not accept.
    pub(super) fn odd_port(&self) -> Option<u16> {
        Url::parse(&self.url).ok()?.port().filter(|port| ![80, 443].contains(port))
    }
}

/// What goes wrong with pushes while it is switched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushTrouble {
    /// How often every message is sent, all at once; 1 to 16.
    pub copies: u32,
    /// Signed with another Token.
    pub wrong_signature: bool,
    /// Encrypted for another AppID.
    pub wrong_app_id: bool,
    /// The query's timestamp lies this far in the past; its signature is right.
    pub stale: Option<Span>,
    /// Sent in plain text whatever the mode, as a forger without the key would.
    pub unencrypted: bool,
    /// The Content-Type instead of `text/xml` or `application/json`.
    pub content_type: Option<String>,
}

impl Default for PushTrouble {
    fn default() -> Self {
        Self {
            copies: 1,
            wrong_signature: false,
            wrong_app_id: false,
            stale: None,
            unencrypted: false,
            content_type: None,
        }
    }
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushRecord {
    /// Counts all pushes of the simulator.
    pub number: u64,
    /// `SCAN`, `subscribe`, `unsubscribe`, `CLICK`, `text`, or `replay of …`.
    pub event: String,
    /// Whose message it was.
    pub person: String,
    /// How often it was posted so far, at most three times.
    pub attempts: u32,
    /// How it ended.
    pub outcome: PushOutcome,
    /// How long the last attempt took until its answer was there.
    pub answered_after: Option<Span>,
}

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PushOutcome {
    /// Not yet.
    UnderWay,
    /// Answered with nothing or `success`.
    Handled,
    /// Answered with this text, which the person now sees.
    Replied(String),
    /// Answered with a message of this kind that is no text.
    RepliedOther(String),
    /// Answered with something WeChat cannot use: why.
    Invalid(String),
    /// Never answered with status 200 in three attempts: why.
    Failed(String),
    /// Not sent: after too many failures WeChat pauses for a minute.
    Paused,
}

/// How an account's server is doing in WeChat's eyes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PushHealth {
    /// Answers that could not be used.
    pub invalid_responses: u64,
    /// Failures since the last good answer; 20 of them bring the pause.
    pub failures_in_row: u32,
    /// Whether WeChat pushes nothing at present.
    pub paused: bool,
    /// The latest thing that went wrong.
    pub last_problem: Option<String>,
}
