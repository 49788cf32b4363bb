//! A code of six digits that was sent to a phone or a mailbox, and how often it may be tried.
//!
//! The code is nowhere stored: it follows from a secret that only who asked for it holds and a salt that only the
//! store holds, so neither a copy of the store nor a guess at the browser's side yields it. Never prints where it went.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::phone::half_width;
use super::{Email, IdentityKey, Phone, PoolId, Proof};
use crate::ground::{Span, Timestamp, Token};

/// How long a code can be typed in.
pub const LIFETIME: Span = Span::from_mins(10);
/// How long after one code another may be sent to the same place.
pub const AGAIN: Span = Span::from_mins(1);
/// How many guesses a code stands: five of a million.
pub const TRIES: u8 = 5;

/// Digits of a code.
const LEN: usize = 6;
/// What a code is derived for, so that no other token of the same secret can be one.
const PURPOSE: &str = "one-time code";

/// Where a code was sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeTarget {
    /// By SMS.
    Phone(Phone),
    /// By email.
    Email(Email),
}

/// A code that was sent. What it is follows from a secret of who asked and `salt`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTimeCode {
    /// Where it went.
    pub to: CodeTarget,
    /// Random, and nowhere but in the store.
    pub salt: String,
    /// When it went.
    pub sent_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
    /// How many guesses are left.
    pub tries_left: u8,
}

/// Why a code can no longer be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeSpent {
    /// It is too old.
    #[error("the code has expired")]
    Expired,
    /// It was guessed at too often.
    #[error("the code was tried too often")]
    NoTries,
}

impl CodeTarget {
    /// The number or the address.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.as_str(),
            Self::Email(email) => email.as_str(),
        }
    }

    /// What its owner recognises and nobody else learns.
    pub fn masked(&self) -> String {
        match self {
            Self::Phone(phone) => phone.masked(),
            Self::Email(email) => email.masked(),
        }
    }

    /// What a code that was sent there proves an account by.
    pub const fn proof(&self) -> Proof {
        match self {
            Self::Phone(_) => Proof::SmsCode,
            Self::Email(_) => Proof::EmailCode,
        }
    }

    /// The row that leads to who holds the number or the address in `pool`.
    pub fn key(&self, pool: &PoolId) -> IdentityKey {
        let pool = pool.clone();
        match self {
            Self::Phone(phone) => IdentityKey::Phone { pool, phone: phone.clone() },
            Self::Email(email) => IdentityKey::Email { pool, email: email.clone() },
        }
    }
}

impl OneTimeCode {
    /// A code for `to`, sent `now`; `salt` is fresh and random.
    pub fn new(to: CodeTarget, salt: String, now: Timestamp) -> Self {
        Self { to, salt, sent_at: now, expires_at: now.plus(LIFETIME), tries_left: TRIES }
    }

    /// When another may be sent.
    pub fn next_at(&self) -> Timestamp {
        self.sent_at.plus(AGAIN)
    }

    /// The six digits, for the message and for the comparison; `secret` is the asker's own and is not in the store.
    ///
    /// They are the remainder of 64 random bits, and nothing is drawn anew to make all codes equally likely: the
    /// likeliest exceeds the least likely by one part in 2^64 / 10^6, about 10^13, where a guess hits one in 10^6.
    pub fn digits(&self, secret: &Token) -> String {
        // The target is part of it: a record whose number was exchanged has another code.
        let derived = secret.derive(PURPOSE, format!("{}\0{}", self.salt, self.to.as_str()).as_bytes());
        let digest = derived.digest();
        let (first, _) = digest.bytes().split_first_chunk::<8>().expect("a SHA-256 has 32 bytes");
        format!("{:06}", u64::from_be_bytes(*first) % 1_000_000)
    }

    /// Whether a guess is left at `now`.
    pub fn can_be_tried(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.tries_left > 0
    }

    /// The code with one guess less. To be written by compare-and-set before the guess is looked at, or guesses that
    /// come at once would count as one.
    pub fn try_once(self, now: Timestamp) -> Result<Self, CodeSpent> {
        if now >= self.expires_at {
            return Err(CodeSpent::Expired);
        }
        let tries_left = self.tries_left.checked_sub(1).ok_or(CodeSpent::NoTries)?;
        Ok(Self { tries_left, ..self })
    }

    /// Whether `typed` is the code, in constant time. Blanks do not count, and digits may be full-width ones, as an
    /// input method for Chinese writes them.
    pub fn matches(&self, secret: &Token, typed: &str) -> bool {
        // More would be no code: what is looked at has a bound.
        let typed: String =
            typed.chars().filter(|c| !c.is_whitespace()).take(LEN + 1).map(half_width).collect();
        self.digits(secret).as_bytes().ct_eq(typed.as_bytes()).into()
    }
}

impl fmt::Debug for CodeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Phone(_) => "Phone(…)",
            Self::Email(_) => "Email(…)",
        })
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeCode")
            .field("to", &self.to)
            .field("sent_at", &self.sent_at)
            .field("tries_left", &self.tries_left)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn secret() -> Token {
        Token::parse("A".repeat(43).as_bytes()).unwrap()
    }

    fn code(to: &str, salt: &str) -> OneTimeCode {
        OneTimeCode::new(CodeTarget::Phone(Phone::parse(to).unwrap()), salt.into(), NOW)
    }

    #[test]
    fn the_code_follows_from_secret_salt_and_number_and_is_not_in_the_record() {
        let (one, other) = (Token::generate(&mut rand::rng()), secret());
        let sent = code("+8613580006666", "s1");
        let digits = sent.digits(&one);
        assert!(digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()), "{digits}");
        assert_eq!(sent.digits(&one), digits, "it can be computed again");
        let stored = serde_json::to_string(&sent).unwrap();
        assert!(!stored.contains(&digits));
        assert_eq!(serde_json::from_str::<OneTimeCode>(&stored).unwrap(), sent);
        // Fixed secrets: these three are known to differ.
        let others = [code("+8613580006666", "s2"), code("+8613580006667", "s1")];
        assert!(others.iter().all(|code| code.digits(&other) != sent.digits(&other)));
    }

    #[rstest::rstest]
    #[case::as_sent("{}", true)]
    #[case::with_blanks(" {} \u{3000}", true)]
    #[case::more("{}0", false)]
    #[case::nothing("", false)]
    #[case::letters("abcdef", false)]
    fn what_is_typed_is_compared_without_its_blanks(#[case] shape: &str, #[case] fits: bool) {
        let (secret, sent) = (secret(), code("+8613580006666", "s1"));
        assert_eq!(sent.matches(&secret, &shape.replace("{}", &sent.digits(&secret))), fits);
    }

    #[test]
    fn blanks_in_the_middle_and_full_width_digits_are_read() {
        let (secret, sent) = (secret(), code("+8613580006666", "s1"));
        let digits = sent.digits(&secret);
        let wide: String = digits.chars().map(|c| char::from_u32(u32::from(c) + 0xFEE0).unwrap()).collect();
        assert!(sent.matches(&secret, &wide));
        assert!(sent.matches(&secret, &format!("{} {}", &digits[..3], &digits[3..])));
        let wrong = format!("{:06}", (digits.parse::<u32>().unwrap() + 1) % 1_000_000);
        assert!(!sent.matches(&secret, &wrong));
    }

    #[test]
    fn a_code_stands_five_guesses_and_ten_minutes() {
        let mut sent = code("+8613580006666", "s1");
        assert_eq!(sent.clone().try_once(NOW.plus(LIFETIME)), Err(CodeSpent::Expired));
        for left in (0..TRIES).rev() {
            sent = sent.try_once(NOW).unwrap();
            assert_eq!(sent.tries_left, left);
        }
        assert_eq!(sent.clone().try_once(NOW), Err(CodeSpent::NoTries));
        assert_eq!(sent.next_at(), NOW.plus(AGAIN));
    }

    #[test]
    fn neither_number_nor_salt_is_printed() {
        let shown = format!("{:?}", code("+8613580006666", "verysalty"));
        assert!(!shown.contains("6666") && !shown.contains("salty"), "{shown}");
        let mail = CodeTarget::Email(Email::parse("ann@example.com").unwrap());
        assert!(!format!("{mail:?}").contains("ann"));
        assert_eq!(mail.masked(), "a***@example.com");
    }

    proptest! {
        #[test]
        fn whatever_is_typed_does_not_panic(typed in ".{0,40}") {
            let _ = code("+8613580006666", "s1").matches(&secret(), &typed);
        }
    }
}
