//! An email address, in the one form in which two addresses can be compared.
//!
//! Never prints itself: an address is personal data and has no place in a log.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Host;

/// An email address in lower case, its host as DNS has it (`xn--…` for other scripts); at most 254 bytes.
///
/// Strictly a mail server may tell `Ann@` from `ann@`. None in use does, and people type both.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// A text that is no email address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an email address")]
pub struct NotAnEmail;

impl Email {
    /// From what somebody typed: `name@host`, without a display name.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let (local, host) = text.trim().rsplit_once('@').ok_or(NotAnEmail)?;
        // Quoted local parts are legal and used by nobody but those who try what a parser does with them.
        let odd = |c: char| c.is_whitespace() || c.is_control() || "\"(),:;<>@[\\]".contains(c);
        if local.is_empty() || local.len() > 64 || local.contains(odd) {
            return Err(NotAnEmail);
        }
        let Ok(Host::Domain(host)) = Host::parse(host) else { return Err(NotAnEmail) };
        let address = format!("{}@{host}", local.to_lowercase());
        let fits = host.contains('.') && !host.ends_with('.') && address.len() <= 254;
        if fits { Ok(Self(address)) } else { Err(NotAnEmail) }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its owner recognises and nobody else learns: `z***@example.com`.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// Hides the part before the `@` but for its first letter, whatever form the address has.
pub fn mask(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, host)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}***@{host}")
        }
        None => "***".to_owned(),
    }
}

impl TryFrom<String> for Email {
    type Error = NotAnEmail;
    fn try_from(text: String) -> Result<Self, NotAnEmail> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_compared_in_one_form_however_it_was_written() {
        let address = Email::parse("zhang.san+a@example.com").unwrap();
        for same in ["Zhang.San+A@Example.COM", " zhang.san+a@example.com\n"] {
            assert_eq!(Email::parse(same), Ok(address.clone()), "{same}");
        }
        assert_eq!(Email::parse("李@例子.中国").unwrap().as_str(), "李@xn--fsqu00a.xn--fiqs8s");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "x".repeat(65));
        for bad in [
            "",
            "@",
            "a@",
            "@example.com",
            "a b@example.com",
            "a@localhost",
            "a@example.com.",
            "a@127.0.0.1",
            "a@b@example.com",
            "\"a\"@example.com",
            "A <a@example.com>",
            "a@example.com\r\nBcc: b@example.com",
            &long,
        ] {
            assert_eq!(Email::parse(bad), Err(NotAnEmail), "{bad:?}");
        }
    }

    #[test]
    fn an_address_shows_its_first_letter_and_its_host() {
        for (whole, shown) in [
            ("zhang@example.com", "z***@example.com"),
            ("@b", "***@b"),
            ("张@b.cn", "张***@b.cn"),
            ("x", "***"),
        ] {
            assert_eq!(mask(whole), shown);
        }
        let address = Email::parse("zhang@example.com").unwrap();
        assert_eq!(format!("{address:?}"), "Email(z***@example.com)");
    }
}
