//! What WeChat encrypts for a mini program's server: opened with the user's session key, believed only if it is ours
//! and fresh.
//!
//! The cipher proves nothing by itself: whoever brings a ciphertext may have bent it. So whatever does not fit exactly
//! is refused, and what went wrong in the padding cannot be told from what went wrong behind it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::symm::{Cipher, Crypter, Mode};
use zeroize::{Zeroize as _, Zeroizing};

use super::phone::PhoneNumber;
use super::wire::{Answer, Unreadable};
use crate::ground::{Secret, Span, Timestamp};

/// The most that is opened, in base64; real ones stay below 1 KiB.
const MAX_ENCRYPTED_LEN: usize = 16 * 1024;
const BLOCK: usize = 16;
/// How far the time of encryption may be from now, on either side.
const MAX_AGE: Span = Span::from_mins(10);

/// The key that WeChat shares with a mini program's server for one user. Never prints itself, never leaves here.
#[derive(Clone)]
pub struct SessionKey([u8; BLOCK]);

/// What was encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A phone number (the older button).
    Phone(PhoneNumber),
    /// A user's profile (`getUserInfo`). WeChat gives no real names and avatars in it any more.
    User {
        /// The user within the mini program; must be the one of the session whose key this is.
        open_id: Option<String>,
        /// The user within the Open Platform account.
        union_id: Option<String>,
        /// Chosen by the user or WeChat's stand-in; neither unique nor stable.
        nickname: Option<String>,
        /// Address of the avatar (http or https).
        avatar: Option<String>,
    },
}

/// Why encrypted data is not believed. Operators may see which; whoever sent the data should only learn that it was
/// not believed.
#[derive(Debug, thiserror::Error)]
pub enum DecryptError {
    /// Not encrypted with this key: another session's, damaged, too large or no ciphertext at all.
    #[error("the encrypted data does not open with this session's key")]
    Undecryptable,
    /// WeChat encrypted it for another mini program.
    #[error("the encrypted data is another mini program's")]
    ForeignApp,
    /// WeChat encrypted it more than ten minutes ago, or later than now.
    #[error("the encrypted data is not from the last ten minutes")]
    Stale,
    /// It opens, but is not what the documents describe.
    #[error("the encrypted data is not understood: {0}")]
    Unreadable(#[source] Unreadable),
}

impl From<Unreadable> for DecryptError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

impl SessionKey {
    /// Reads a session key as WeChat writes it: 16 bytes in base64.
    pub fn parse(text: &Secret) -> Option<Self> {
        let mut key = Self([0; BLOCK]);
        let written = STANDARD.decode_slice(text.reveal(), &mut key.0).ok()?;
        (written == BLOCK).then_some(key)
    }

    /// Opens `encrypted_data` with `iv`, both in base64 as the mini program got them.
    ///
    /// Source: official page "开放数据校验与解密".
    ///
    /// # Errors
    /// If it is not this user's, not `app_id`'s, not fresh or not understood.
    pub fn open(
        &self,
        app_id: &str,
        encrypted_data: &str,
        iv: &str,
        now: Timestamp,
    ) -> Result<Opened, DecryptError> {
        let plain = self.decrypt(encrypted_data, iv).ok_or(DecryptError::Undecryptable)?;
        let data = match Answer::parse_strictly(&plain) {
            // Another key's bytes can look padded by chance; what they say then is no JSON.
            Err(Unreadable::Json(_)) => return Err(DecryptError::Undecryptable),
            data => data?,
        };
        let watermark = data.object("watermark")?;
        if watermark.word("appid")?.ok_or(Unreadable::Missing("watermark.appid"))? != app_id {
            return Err(DecryptError::ForeignApp);
        }
        let seconds = watermark.integer("timestamp").ok_or(Unreadable::Missing("watermark.timestamp"))?;
        let millis = u64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000));
        let made = Timestamp::from_millis(millis.ok_or(Unreadable::Impossible("watermark.timestamp"))?);
        if now.since(made) > MAX_AGE || made.since(now) > MAX_AGE {
            return Err(DecryptError::Stale);
        }
        Ok(Opened::read(&data)?)
    }

    fn decrypt(&self, encrypted_data: &str, iv: &str) -> Option<Zeroizing<Vec<u8>>> {
        if encrypted_data.len() > MAX_ENCRYPTED_LEN || iv.len() > 2 * BLOCK {
            return None;
        }
        let iv: [u8; BLOCK] = STANDARD.decode(iv).ok()?.try_into().ok()?;
        let sealed = STANDARD.decode(encrypted_data).ok()?;
        if sealed.is_empty() || sealed.len() % BLOCK != 0 {
            return None;
        }
        let mut crypter = Crypter::new(Cipher::aes_128_cbc(), Mode::Decrypt, &self.0, Some(&iv)).ok()?;
        crypter.pad(false);
        let mut plain = Zeroizing::new(vec![0; sealed.len() + BLOCK]);
        let mut written = crypter.update(&sealed, &mut plain).ok()?;
        written += crypter.finalize(&mut plain[written..]).ok()?;
        let length = unpadded(plain.get(..written)?)?;
        plain.truncate(length);
        Some(plain)
    }
}

/// The length without the PKCS#7 padding for blocks of 16 bytes.
fn unpadded(plain: &[u8]) -> Option<usize> {
    let pad = *plain.last()?;
    let length =
        plain.len().checked_sub(usize::from(pad)).filter(|_| (1..=BLOCK).contains(&usize::from(pad)))?;
    plain[length..].iter().all(|byte| *byte == pad).then_some(length)
}

impl Opened {
    fn read(data: &Answer) -> Result<Self, Unreadable> {
        if ["phoneNumber", "purePhoneNumber"].iter().any(|key| data.has(key)) {
            let number = PhoneNumber::read(data)?;
            // Bending the ciphertext changes one of the two fields, or garbles what stands between them.
            return if number.agrees_with(data) {
                Ok(Self::Phone(number))
            } else {
                Err(Unreadable::Impossible("phoneNumber"))
            };
        }
        if ["openId", "unionId", "nickName", "avatarUrl"].iter().any(|key| data.has(key)) {
            return Ok(Self::User {
                open_id: data.id("openId")?,
                union_id: data.id("unionId")?,
                nickname: data.text("nickName"),
                avatar: data.web_address("avatarUrl"),
            });
        }
        Err(Unreadable::Missing("purePhoneNumber"))
    }
}

impl Drop for SessionKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

#[cfg(test)]
#[path = "session_key_tests.rs"]
mod tests;
