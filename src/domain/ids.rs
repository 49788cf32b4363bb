//! Identifiers as types, so that an OpenID is never taken for an account id.
//!
//! Every one is 1 to 128 visible ASCII characters: it fits a header, a store key and a log line.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that cannot be the identifier it was given as.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} must be 1 to 128 visible ASCII characters without spaces")]
pub struct IdError {
    what: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a text.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                let fits = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
                if fits { Ok(Self(text)) } else { Err(IdError { what: $what }) }
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// A pool of people, as the config names it.
    PoolId = "a pool id";
    /// A login method, as the config names it.
    MethodId = "a method id";
    /// A WeChat AppID (`wx` and 16 characters in every one seen).
    AppId = "an AppID";
    /// What WeChat calls a person in one app. Case-sensitive.
    OpenId = "an OpenID";
    /// What WeChat calls a person across the apps of one Open Platform account. Case-sensitive.
    UnionId = "a UnionID";
    /// The operator's record of a person; never changes, never reused.
    AccountId = "an account id";
    /// One login attempt; also its OAuth `state`, so letters and digits only.
    FlowId = "a flow id";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn empty_blank_long_and_foreign_texts_are_no_identifiers() {
        for bad in ["", " ", "a b", "\n", "名", &"x".repeat(129)] {
            assert!(OpenId::new(bad).is_err(), "{bad:?}");
        }
        assert!(OpenId::new("o6_bmjrPTlm6_2sgVt7hMZOPfL2M").is_ok());
        assert!(serde_json::from_str::<UnionId>("\"\"").is_err());
    }
}
