//! Rows as JSON, the same in every store.
//!
//! An error of this module never quotes the row: it may hold a phone number.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// A row that is not what its place promises.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    /// Not the JSON of the type.
    #[error("{kind} error at byte {column} of the row")]
    Json {
        /// What serde found: syntax, data or end of input.
        kind: &'static str,
        /// Where.
        column: usize,
    },
    /// The number before the JSON is missing.
    #[error("the row does not begin with its number")]
    Prefix,
    /// Something of another type lies under the key.
    #[error("the key holds a value of another kind")]
    Kind,
}

impl RowError {
    pub(super) fn corrupt(self, doing: &'static str) -> StoreError {
        StoreError::Corrupt { doing, source: Box::new(self) }
    }
}

/// The row as JSON.
pub(super) fn encode<T: Serialize>(row: &T) -> Vec<u8> {
    // The domain's rows are structs, lists and maps with text keys: nothing that JSON cannot hold.
    serde_json::to_vec(row).expect("a row of the domain is always JSON")
}

/// Reads what [`encode`] wrote.
pub(super) fn decode<T: DeserializeOwned>(doing: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => "data",
            serde_json::error::Category::Eof => "end of input",
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => "syntax",
        };
        RowError::Json { kind, column: error.column() }.corrupt(doing)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::error::Error as _;

    use super::*;

    #[test]
    fn an_error_does_not_quote_the_row() {
        let error = decode::<u64>("reading", br#""+8613800000000""#).unwrap_err();
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains("data error"), "{cause}");
        assert!(!cause.contains("138"), "{cause}");
    }
}
