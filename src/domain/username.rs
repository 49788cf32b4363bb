//! The operator's name for a person, in the one form in which two names can be compared.
//!
//! Never a nickname: what somebody calls themselves at WeChat is no name here.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// A user name in lower case and in the compatibility form of Unicode (NFKC), 1 to 128 characters of any script.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(String);

/// A text that is no user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name has 1 to 128 characters and no line breaks")]
pub struct NotAUsername;

impl Username {
    /// From what somebody typed; the case of letters and blanks at the ends mean nothing.
    pub fn parse(text: &str) -> Result<Self, NotAUsername> {
        let name = text.nfkc().collect::<String>().trim().to_lowercase();
        let fits = (1..=128).contains(&name.chars().count()) && !name.contains(char::is_control);
        if fits { Ok(Self(name)) } else { Err(NotAUsername) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Username {
    type Error = NotAUsername;
    fn try_from(text: String) -> Result<Self, NotAUsername> {
        Self::parse(&text)
    }
}

impl From<Username> for String {
    fn from(name: Username) -> Self {
        name.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_compared_without_case_and_blanks_at_its_ends() {
        assert_eq!(Username::parse(" ZhangSan "), Username::parse("zhangsan"));
        // Full-width letters, and an accent of its own.
        assert_eq!(Username::parse("ａｎｎ"), Username::parse("ann"));
        assert_eq!(Username::parse("ann\u{e9}e"), Username::parse("anne\u{301}e"));
        assert_eq!(Username::parse("张三 丰").unwrap().as_str(), "张三 丰");
        for bad in ["", "  ", "a\nb", &"x".repeat(129)] {
            assert_eq!(Username::parse(bad), Err(NotAUsername), "{bad:?}");
        }
    }
}
