//! What WeChat pushes to us: who sent it, what it says, what is answered.
//!
//! Pure: no clock, no network, no store. A push is believed only if it is signed with the account's Token, fresh and,
//! where a key is configured, encrypted with it for our AppID. No error says what a push held.

mod crypto;
mod fields;
mod message;
mod reply;

use std::fmt;

use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use self::crypto::AesKey;
use self::fields::Fields;
use crate::ground::{Secret, Span, Timestamp};

pub use fields::Malformed;
pub use message::{Event, Message};
pub use reply::Reply;

/// How far the time that a push names may lie from ours, in either direction. WeChat publishes no rule.
pub const FRESH: Span = Span::from_mins(5);
/// The largest push that is read, in bytes. WeChat names no limit; real ones are a few KiB.
pub const MAX_BODY: usize = 1024 * 1024;

const MAX_QUERY_LEN: usize = 16 * 1024;
const MAX_PARAMETER_LEN: usize = 512;
const MAX_APP_ID_LEN: usize = 64;

/// What an account's pushes are proved and hidden with. Prints neither.
#[derive(Clone)]
pub struct PushKeys {
    app_id: String,
    token: Secret,
    aes_key: Option<AesKey>,
}

/// A key that cannot be the one of WeChat's console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {advice}")]
pub struct InvalidPushKeys {
    /// `app_id`, `token` or `encoding_aes_key`.
    pub key: &'static str,
    /// What it must be.
    pub advice: &'static str,
}

/// The parameters that WeChat adds to the address of a push, unchecked. Others are ignored; what is there twice or
/// longer than 512 bytes counts as absent.
#[derive(Clone, Default)]
pub struct PushQuery {
    signature: Option<String>,
    msg_signature: Option<String>,
    timestamp: Option<String>,
    nonce: Option<String>,
    echostr: Option<String>,
}

/// Why a push is not believed or not understood. Never says what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Not signed with the account's Token.
    #[error("the signature is wrong: compare the app's `token` with WeChat's console")]
    Signature,
    /// Signed, but not within [`FRESH`] of our time.
    #[error("more than 5 minutes old or ahead: a repetition by somebody else, or a clock that is wrong")]
    Stale,
    /// Encrypted for another AppID.
    #[error("meant for another AppID: compare the app's `app_id` with WeChat's console")]
    ForeignApp,
    /// Signed, but in the clear although a key is configured: the plain signature does not cover the message.
    #[error(
        "not encrypted: choose the secure mode in WeChat's console, or remove the app's `encoding_aes_key`"
    )]
    NotEncrypted,
    /// Signed, but not encrypted with the configured key.
    #[error("cannot be decrypted: compare the app's `encoding_aes_key` with WeChat's console")]
    Undecryptable,
    /// Not a message as the documents describe it.
    #[error("not understood: {0}")]
    Unreadable(#[from] Malformed),
    /// More than [`MAX_BODY`].
    #[error("larger than 1 MiB")]
    TooLarge,
    /// A parameter of the address is absent, there twice or too long.
    #[error("the parameter `{0}` is missing")]
    Missing(&'static str),
}

impl PushKeys {
    /// The Token and the EncodingAESKey as WeChat's console shows them. Without an `aes_key` pushes in the clear are
    /// believed, with one only encrypted ones.
    ///
    /// # Errors
    /// If one of them cannot be right.
    pub fn new(app_id: &str, token: &Secret, aes_key: Option<&Secret>) -> Result<Self, InvalidPushKeys> {
        let invalid = |key, advice| Err(InvalidPushKeys { key, advice });
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !((1..=MAX_APP_ID_LEN).contains(&app_id.len()) && plain(app_id)) {
            return invalid("app_id", "must be the account's AppID, for example \"wx0123456789abcdef\"");
        }
        if !((3..=32).contains(&token.reveal().len()) && plain(token.reveal())) {
            return invalid("token", "must be 3 to 32 letters or digits, the same as in WeChat's console");
        }
        let aes_key = match aes_key {
            None => None,
            Some(text) => match AesKey::parse(text.reveal()) {
                None => {
                    return invalid(
                        "encoding_aes_key",
                        "must be 43 letters or digits, the same as in WeChat's console",
                    );
                }
                key => key,
            },
        };
        Ok(Self { app_id: app_id.into(), token: token.clone(), aes_key })
    }

    /// Whether pushes in the clear are refused.
    pub const fn is_encrypted(&self) -> bool {
        self.aes_key.is_some()
    }

    /// Checks the GET with which WeChat's console tests the address; gives the text to answer, exactly, as
    /// `text/plain`.
    ///
    /// Source: official page "接入概述".
    ///
    /// # Errors
    /// If the request is not WeChat's or not of now.
    pub fn check_address(&self, query: &PushQuery, now: Timestamp) -> Result<String, PushError> {
        self.check("signature", query.signature.as_deref(), query, None, now)?;
        // The signature does not cover this text; it goes back to whoever asks.
        let fine = |text: &&String| !text.is_empty() && !text.chars().any(char::is_control);
        query.echostr.as_ref().filter(fine).cloned().ok_or(PushError::Missing("echostr"))
    }

    /// The query with which WeChat's console tests the address, as [`PushKeys::check_address`] believes it.
    ///
    /// Source: official page "接入概述".
    pub fn address_check(&self, echostr: &str, nonce: &str, now: Timestamp) -> String {
        let timestamp = now.secs().to_string();
        form_urlencoded::Serializer::new(String::new())
            .append_pair("signature", &self.sign(&timestamp, nonce, None))
            .append_pair("timestamp", &timestamp)
            .append_pair("nonce", nonce)
            .append_pair("echostr", echostr)
            .finish()
    }

    /// Reads a push: the query of its address and its body, in XML or JSON whatever its content type says.
    ///
    /// Source: official page "消息推送" (消息加解密).
    ///
    /// # Errors
    /// If it is not WeChat's, not of now, not for us or not understood.
    pub fn open(&self, query: &PushQuery, body: &[u8], now: Timestamp) -> Result<Message, PushError> {
        if body.len() > MAX_BODY {
            return Err(PushError::TooLarge);
        }
        let plain = || self.check("signature", query.signature.as_deref(), query, None, now);
        let Some(aes_key) = &self.aes_key else {
            let proof = plain()?;
            let fields = Fields::parse(body)?;
            // All there is lies in what we have no key for.
            if fields.get("Encrypt").is_some() && fields.get("MsgType").is_none() {
                return Err(PushError::Undecryptable);
            }
            return Ok(Message::read(&fields, proof, false)?);
        };
        let envelope = Fields::parse(body)?;
        let Some(encrypt) = envelope.get("Encrypt") else {
            // A stranger's noise is not worth a hint about the mode.
            return Err(plain().err().unwrap_or(PushError::NotEncrypted));
        };
        let proof = self.check("msg_signature", query.msg_signature.as_deref(), query, Some(encrypt), now)?;
        let opened = aes_key.open(encrypt).ok_or(PushError::Undecryptable)?;
        if opened.app_id != self.app_id.as_bytes() {
            return Err(PushError::ForeignApp);
        }
        Ok(Message::read(&Fields::parse(&opened.message)?, proof, true)?)
    }

    /// Checks one of the two signatures and then the time that it covers.
    fn check(
        &self,
        name: &'static str,
        given: Option<&str>,
        query: &PushQuery,
        encrypt: Option<&str>,
        now: Timestamp,
    ) -> Result<Proof, PushError> {
        let given = given.ok_or(PushError::Missing(name))?;
        let timestamp = query.timestamp.as_deref().ok_or(PushError::Missing("timestamp"))?;
        let nonce = query.nonce.as_deref().ok_or(PushError::Missing("nonce"))?;
        let right = self.sign(timestamp, nonce, encrypt);
        if !bool::from(right.as_bytes().ct_eq(given.as_bytes())) {
            return Err(PushError::Signature);
        }
        let digits = timestamp.len() <= 12 && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let at = timestamp.parse::<u64>().ok().filter(|_| digits).ok_or(PushError::Stale)?;
        if at.abs_diff(now.secs()) > FRESH.secs() {
            return Err(PushError::Stale);
        }
        Ok(Proof { signature: right, nonce: nonce.into() })
    }

    fn sign(&self, timestamp: &str, nonce: &str, encrypt: Option<&str>) -> String {
        let token = self.token.reveal();
        match encrypt {
            None => crypto::signature([token, timestamp, nonce]),
            Some(encrypt) => crypto::signature([token, timestamp, nonce, encrypt]),
        }
    }
}

/// What a push was proved with.
struct Proof {
    signature: String,
    nonce: String,
}

impl fmt::Debug for PushKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushKeys")
            .field("app_id", &self.app_id)
            .field("encrypted", &self.is_encrypted())
            .finish_non_exhaustive()
    }
}

impl PushQuery {
    /// Reads the query of an address (what stands behind its `?`).
    pub fn parse(query: &str) -> Self {
        let mut read = Self::default();
        if query.len() > MAX_QUERY_LEN {
            return read;
        }
        let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        pairs.sort();
        for same in pairs.chunk_by(|one, other| one.0 == other.0) {
            let [(key, value)] = same else { continue };
            let place = match &**key {
                "signature" => &mut read.signature,
                "msg_signature" => &mut read.msg_signature,
                "timestamp" => &mut read.timestamp,
                "nonce" => &mut read.nonce,
                "echostr" => &mut read.echostr,
                _ => continue,
            };
            *place = (value.len() <= MAX_PARAMETER_LEN).then(|| value.to_string());
        }
        read
    }
}

impl fmt::Debug for PushQuery {
    // A signature is good for another five minutes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushQuery").field("timestamp", &self.timestamp).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "push/tests.rs"]
mod tests;
