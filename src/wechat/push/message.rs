//! A push, understood: from whom, when, what happened.
//!
//! Knows the events of a login; everything else is only named.

use std::fmt;

use super::super::wire;
use super::Proof;
use super::fields::{Fields, Format, Malformed};

const MAX_TO_LEN: usize = 128;
const MAX_MSG_ID_LEN: usize = 64;
const MAX_KIND_CHARS: usize = 64;
const SCENE_PREFIX: &str = "qrscene_";

/// A message or event that WeChat has pushed, proved and readable.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// `ToUserName`: the account's original id (`gh_…`); at most 128 visible ASCII characters.
    pub to: String,
    /// `FromUserName`: an OpenID of the account, in the form of one.
    pub from: String,
    /// `CreateTime`: seconds since the Unix epoch.
    pub created_at: u64,
    /// What happened.
    pub event: Event,
    /// The same for each repetition of the same push: made of the `MsgId` of a message, or of sender, time, name and key
    /// of an event. Unique within the account only.
    pub id: String,
    /// The signature that was checked.
    pub signature: String,
    pub(super) nonce: String,
    pub(super) format: Format,
    /// Whether it came encrypted, so that the signature covers all of it.
    pub encrypted: bool,
}

/// What a push reports. Source: official page "接收事件推送".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody follows from now on; with a scene if a parametric QR code led them here.
    Subscribe {
        /// The one that the code was made with; not empty.
        scene: Option<String>,
    },
    /// Somebody who follows already has scanned a parametric QR code.
    Scan {
        /// The one that the code was made with; not empty.
        scene: String,
    },
    /// Somebody follows no more.
    Unsubscribe,
    /// Anything else.
    Other {
        /// In lower case, at most 64 characters: `text`, `image`, …, or `event:` and the event's name.
        kind: String,
    },
}

impl Message {
    pub(super) fn read(fields: &Fields, proof: Proof, encrypted: bool) -> Result<Self, Malformed> {
        let text = |name| fields.get(name).ok_or(Malformed::Missing(name));
        let checked = |name, fine: &dyn Fn(&str) -> bool| match text(name)? {
            text if fine(text) => Ok(text.to_owned()),
            _ => Err(Malformed::Impossible(name)),
        };
        let visible =
            |text: &str| text.len() <= MAX_TO_LEN && text.bytes().all(|byte| byte.is_ascii_graphic());
        let from = checked("FromUserName", &wire::is_id)?;
        let created_at = text("CreateTime")?.parse().map_err(|_| Malformed::Impossible("CreateTime"))?;
        let event = Event::read(fields)?;
        let id = match fields.get("MsgId") {
            Some(id) if fields.get("Event").is_none() && id.len() <= MAX_MSG_ID_LEN => {
                format!("message {id}")
            }
            _ => {
                let name = fields.get("Event").map(str::to_lowercase).unwrap_or_default();
                let key = fields.get("EventKey").unwrap_or_default();
                format!("event {from} {created_at} {name} {key}")
            }
        };
        let Proof { signature, nonce } = proof;
        let to = checked("ToUserName", &visible)?;
        Ok(Self { to, from, created_at, event, id, signature, nonce, format: fields.format, encrypted })
    }
}

impl Event {
    fn read(fields: &Fields) -> Result<Self, Malformed> {
        let kind = fields.get("MsgType").ok_or(Malformed::Missing("MsgType"))?.to_lowercase();
        if kind != "event" {
            return Ok(Self::other(&kind));
        }
        let name = fields.get("Event").ok_or(Malformed::Missing("Event"))?.to_lowercase();
        let key = fields.get("EventKey");
        Ok(match (name.as_str(), key) {
            ("subscribe", key) => {
                // A scene may itself begin so: one prefix is WeChat's. Other keys tell other ways of following.
                let scene = key.and_then(|key| key.strip_prefix(SCENE_PREFIX));
                Self::Subscribe { scene: scene.filter(|scene| !scene.is_empty()).map(Into::into) }
            }
            ("scan", Some(scene)) => Self::Scan { scene: scene.into() },
            ("unsubscribe", _) => Self::Unsubscribe,
            _ => Self::other(&format!("event:{name}")),
        })
    }

    fn other(kind: &str) -> Self {
        Self::Other { kind: kind.chars().filter(|c| !c.is_control()).take(MAX_KIND_CHARS).collect() }
    }
}

impl fmt::Debug for Message {
    // A signature is good for another five minutes, a scene for a login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("to", &self.to)
            .field("from", &self.from)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
