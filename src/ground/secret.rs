//! Secrets and what is derived from them: bearer tokens, their digests, random identifiers.
//!
//! A [`Token`] never prints itself; a store only ever sees its [`TokenDigest`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::CryptoRng;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// 256 random bits in a visitor's hands: a session cookie, a bearer token, a browser binding.
///
/// As text it is 43 characters of unpadded URL-safe base64.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Length of a token as text.
pub const TOKEN_TEXT_LEN: usize = 43;

impl Token {
    /// A new token nobody has seen.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads a token from text a visitor sent; `None` for anything but 43 URL-safe base64 characters.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != TOKEN_TEXT_LEN {
            return None;
        }
        let mut bytes = [0; 32];
        let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (written == bytes.len()).then_some(Self(bytes))
    }

    /// The text for its owner; the only way to see the token.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What may be stored and compared.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0).into())
    }

    /// A token that only somebody holding `self` can compute again, for the same `purpose` and `salt`.
    ///
    /// Lets an answer be repeated without the token ever having been stored.
    #[must_use]
    pub fn derive(&self, purpose: &str, salt: &[u8]) -> Self {
        derive(&self.0, purpose, salt)
    }
}

fn derive(key: &[u8], purpose: &str, salt: &[u8]) -> Token {
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    mac.update(salt);
    Token(mac.finalize().into_bytes().into())
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a [`Token`]; safe to store and to use as a key, useless to present.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest as bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// SHA-256 of any text: a ticket that is no [`Token`], the mark of a message that was handled.
    ///
    /// Hides the text only as well as the text is hard to guess.
    pub fn of_text(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// A digest that was stored as bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest as 43 characters of unpadded URL-safe base64.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Eight characters tell two digests apart in a log; the whole would be a key into the store.
    pub fn brief(&self) -> String {
        self.text().chars().take(8).collect()
    }

    /// Reads what [`TokenDigest::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Token::parse(text.as_bytes()).map(|same_shape| Self(same_shape.0))
    }

    /// Whether `token` is the one this digest was made from, in constant time.
    pub fn matches(&self, token: &Token) -> bool {
        self.0.ct_eq(&token.digest().0).into()
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenDigest({}…)", self.brief())
    }
}

impl Serialize for TokenDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for TokenDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a token digest"))
    }
}

/// A configured secret (an AppSecret, a password). Prints as `[hidden]`, compares in constant time.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// A token that only somebody holding this text can compute again; it is as hard to guess as the text is.
    #[must_use]
    pub fn derive(&self, purpose: &str, salt: &[u8]) -> Token {
        derive(self.reveal().as_bytes(), purpose, salt)
    }

    /// Whether nothing is configured.
    pub fn is_empty(&self) -> bool {
        self.reveal().is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.reveal().as_bytes().ct_eq(other.reveal().as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Letters and digits of [`random_id`]: survives every URL, file name and WeChat `state`.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A random identifier of `len` lower-case letters and digits, five bits each.
pub fn random_id(rng: &mut impl CryptoRng, len: usize) -> String {
    let mut bytes = vec![0; len];
    rng.fill_bytes(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_survives_its_text_and_never_prints() {
        let token = Token::generate(&mut rand::rng());
        let again = Token::parse(token.reveal().as_bytes()).unwrap();
        assert_eq!(token.digest(), again.digest());
        assert!(!format!("{token:?}").contains(&token.reveal()));
        assert_eq!(TokenDigest::parse(&token.digest().text()), Some(token.digest()));
    }

    #[test]
    fn the_digest_of_a_text_is_its_sha_256() {
        let empty = TokenDigest::of_text("");
        assert_eq!(empty.bytes()[..4], [0xe3, 0xb0, 0xc4, 0x42]);
        assert_ne!(empty, TokenDigest::of_text("a"));
    }

    #[test]
    fn derived_tokens_differ_by_purpose_and_salt_and_repeat_exactly() {
        let token = Token::generate(&mut rand::rng());
        let one = token.derive("session", b"salt").digest();
        assert_eq!(one, token.derive("session", b"salt").digest());
        assert_ne!(one, token.derive("session", b"other").digest());
        assert_ne!(one, token.derive("other", b"salt").digest());
        assert_ne!(one, token.digest());
    }

    #[test]
    fn a_secret_prints_as_hidden() {
        assert_eq!(format!("{:?}", Secret::new("abc")), "[hidden]");
    }

    proptest! {
        #[test]
        fn parsing_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Token::parse(&bytes);
        }
    }
}
