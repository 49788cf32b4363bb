//! The names of keys in Redis, and the numbered rows under them.
//!
//! One row is one key; no two kinds of row share a beginning.

use super::super::row::{RowError, decode, encode};
use super::super::{Note, OnceKey, StoreError};
use crate::domain::{AccountId, FlowId, IdentityKey};
use crate::ground::{Secret, TokenDigest};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Makes names under one prefix.
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.into() }
    }

    pub(super) fn identity(&self, key: &IdentityKey) -> String {
        format!("{}identity:{}", self.prefix, key.storage_key())
    }

    pub(super) fn account(&self, id: &AccountId) -> String {
        format!("{}account:{id}", self.prefix)
    }

    pub(super) fn session(&self, digest: &TokenDigest) -> String {
        format!("{}session:{}", self.prefix, digest.text())
    }

    pub(super) fn sessions_of(&self, account: &AccountId) -> String {
        format!("{}sessions-of:{account}", self.prefix)
    }

    pub(super) fn flow(&self, id: &FlowId) -> String {
        format!("{}flow:{id}", self.prefix)
    }

    pub(super) fn once(&self, key: &OnceKey) -> String {
        // The digest has a fixed length, so no purpose can imitate another.
        format!("{}once:{}:{}", self.prefix, key.purpose, key.digest.text())
    }

    pub(super) fn kept(&self, name: &str) -> String {
        format!("{}kept:{name}", self.prefix)
    }

    pub(super) fn note(&self, name: &str) -> String {
        format!("{}note:{name}", self.prefix)
    }

    /// The channel of the news.
    pub(super) fn events(&self) -> String {
        format!("{}events", self.prefix)
    }
}

/// A row with a number before it that a script compares or moves without reading the JSON.
pub(super) fn encode_numbered<T: Serialize>(number: u64, row: &T) -> Vec<u8> {
    let mut bytes = format!("{number} ").into_bytes();
    bytes.extend(encode(row));
    bytes
}

/// Reads what [`encode_numbered`] wrote.
pub(super) fn decode_numbered<T: DeserializeOwned>(
    doing: &'static str,
    bytes: &[u8],
) -> Result<(u64, T), StoreError> {
    let (number, json) = split(bytes).ok_or_else(|| RowError::Prefix.corrupt(doing))?;
    Ok((number, decode(doing, json)?))
}

/// A note as a row: its text is no JSON of ours.
pub(super) fn encode_note(note: &Note) -> Vec<u8> {
    format!("{} {}", note.version, note.text.reveal()).into_bytes()
}

/// Reads what [`encode_note`] wrote.
pub(super) fn decode_note(doing: &'static str, bytes: &[u8]) -> Result<Note, StoreError> {
    let (version, text) = split(bytes).ok_or_else(|| RowError::Prefix.corrupt(doing))?;
    let text = std::str::from_utf8(text).map_err(|_| RowError::Kind.corrupt(doing))?;
    Ok(Note { version, text: Secret::new(text) })
}

fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b' ')?;
    let number = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    Some((number, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_numbered_row_is_read_back() {
        let bytes = encode_numbered(17, &"a b");
        assert_eq!(bytes, br#"17 "a b""#);
        assert_eq!(decode_numbered::<String>("reading", &bytes).unwrap(), (17, "a b".to_owned()));
    }

    #[rstest::rstest]
    #[case(b"")]
    #[case(b"17")]
    #[case(b"x \"a\"")]
    #[case(b"17 {")]
    #[case(b"\xff\xff 1")]
    fn what_is_not_a_numbered_row_is_corrupt(#[case] bytes: &[u8]) {
        let read = decode_numbered::<String>("reading", bytes);
        assert!(matches!(read, Err(StoreError::Corrupt { doing: "reading", .. })), "{read:?}");
    }
}
