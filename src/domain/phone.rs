//! A phone number, in the one form in which two numbers can be compared.
//!
//! Never prints itself: a phone number is personal data and has no place in a log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A phone number in E.164: `+`, the country code, the national number; 8 to 15 digits in all.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

/// A text that is no phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a phone number with its country code")]
pub struct NotAPhone;

impl Phone {
    /// From a country code and a national number, both in digits; spaces and hyphens are left out.
    pub fn new(country_code: &str, national: &str) -> Result<Self, NotAPhone> {
        Self::parse(&format!("+{}{}", country_code.trim_start_matches('+'), national))
    }

    /// From what a person types: with `+` or `00` before the country code, or, in China, the eleven digits of a mobile
    /// number alone. Digits and signs may be full-width ones.
    pub fn typed(text: &str) -> Result<Self, NotAPhone> {
        let plain: String = text.trim().chars().take(MAX_TYPED).map(half_width).collect();
        let digits: String = plain.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
        match digits.strip_prefix("00") {
            Some(international) => Self::parse(&format!("+{international}")),
            None if digits.len() == 11 && digits.starts_with('1') => Self::new("86", &digits),
            None => Self::parse(&digits),
        }
    }

    /// From a text that begins with `+` and the country code.
    pub fn parse(text: &str) -> Result<Self, NotAPhone> {
        let rest = text.trim().strip_prefix('+').ok_or(NotAPhone)?;
        let digits: String = rest.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let fits = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        // No country code begins with 0.
        if fits && !digits.starts_with('0') { Ok(Self(format!("+{digits}"))) } else { Err(NotAPhone) }
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its owner recognises and nobody else learns: `+8613*******66`.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// Longest text that is looked at.
const MAX_TYPED: usize = 40;

/// A full-width sign, as an input method for Chinese writes digits and `＋`, as the usual one; the rest as it is.
pub(super) fn half_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '！'..='～' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

/// Hides the middle of a number, whatever form it has.
pub fn mask(number: &str) -> String {
    let chars: Vec<char> = number.chars().collect();
    let (head, tail) = (5.min(chars.len() / 2), 2.min(chars.len() / 4));
    let hidden = chars.len() - head - tail;
    chars[..head].iter().collect::<String>()
        + &"*".repeat(hidden)
        + &chars[chars.len() - tail..].iter().collect::<String>()
}

impl TryFrom<String> for Phone {
    type Error = NotAPhone;
    fn try_from(text: String) -> Result<Self, NotAPhone> {
        Self::parse(&text)
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_number_is_compared_in_one_form_however_it_was_written() {
        let number = Phone::new("86", "13580006666").unwrap();
        assert_eq!(number.as_str(), "+8613580006666");
        for same in ["+8613580006666", "+86 135-8000-6666", " +86 135 8000 6666 "] {
            assert_eq!(Phone::parse(same), Ok(number.clone()), "{same}");
            assert_eq!(Phone::typed(same), Ok(number.clone()), "{same}");
        }
        assert_eq!(Phone::typed("135 8000-6666"), Ok(number));
        for abroad in ["2025550123", "23580006666", "1358000666", "1358000666x"] {
            assert_eq!(Phone::typed(abroad), Err(NotAPhone), "{abroad}");
        }
    }

    #[rstest::rstest]
    #[case("13580006666", Some("+8613580006666"))]
    #[case("135 8000 6666", Some("+8613580006666"))]
    #[case("１３５８０００６６６６", Some("+8613580006666"))]
    #[case("＋86 (135) 8000-6666", Some("+8613580006666"))]
    #[case("008613580006666", Some("+8613580006666"))]
    #[case("+4915112345678", Some("+4915112345678"))]
    #[case("+14155550123", Some("+14155550123"))]
    #[case("1358000666", None)]
    #[case("8613580006666", None)]
    #[case("ann@example.com", None)]
    #[case("", None)]
    fn a_number_is_read_as_people_type_it(#[case] typed: &str, #[case] number: Option<&str>) {
        assert_eq!(Phone::typed(typed).ok().as_ref().map(Phone::as_str), number);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bad in [
            "",
            "+",
            "13580006666",
            "+0123456789",
            "+1234567",
            "+1234567890123456",
            "+86a35800066",
            "+８6135800066",
        ] {
            assert_eq!(Phone::parse(bad), Err(NotAPhone), "{bad}");
        }
    }

    #[test]
    fn a_number_never_prints_whole() {
        let number = Phone::new("86", "13580006666").unwrap();
        assert_eq!(number.masked(), "+8613*******66");
        assert_eq!(format!("{number:?}"), "Phone(+8613*******66)");
        assert_eq!(mask("1"), "*");
        assert_eq!(mask(""), "");
    }
}
