//! Reading WeChat's answers: JSON that is not always quite JSON.
//!
//! Ignores content types, tolerates broken UTF-8, raw control characters and numbers in quotes, but never guesses at
//! an identifier: an OpenID that is not one is an error, not a cleaned-up other person.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::str::Chars;

use serde_json::{Map, Value};
use url::Url;

use crate::ground::Secret;

/// The largest answer that is read, in bytes; real ones stay below 4 KiB.
pub(super) const MAX_BODY: usize = 256 * 1024;
const MAX_TEXT_CHARS: usize = 256;
const MAX_ID_LEN: usize = 128;
const MAX_NUMBER_LEN: usize = 64;
const MAX_WORD_LEN: usize = 4096;
const MAX_URL_LEN: usize = 2048;
const MAX_MESSAGE_CHARS: usize = 300;

/// Why an answer is not understood. Names fields, never their values.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// More than is read: 256 KiB, of a mini program code 1 MiB.
    #[error("larger than it may be")]
    TooLarge,
    /// Not JSON.
    #[error("not JSON")]
    Json(#[source] serde_json::Error),
    /// JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// JSON where a file is expected, or no file of the expected kind.
    #[error("not the expected file")]
    NotAFile,
    /// A documented field is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field holds what it cannot.
    #[error("`{0}` is not what it should be")]
    Impossible(&'static str),
    /// The answer is about somebody else.
    #[error("`{0}` is not the one asked about")]
    SomebodyElse(&'static str),
}

/// A JSON object from WeChat.
pub(super) struct Answer(Map<String, Value>);

impl Answer {
    /// Reads `bytes` as UTF-8 JSON.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        match serde_json::from_str(&tidy(bytes)).map_err(Unreadable::Json)? {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(Unreadable::NotAnObject),
        }
    }

    /// Reads `bytes` as what the standard calls JSON, with nothing tidied away.
    pub(super) fn parse_strictly(bytes: &[u8]) -> Result<Self, Unreadable> {
        match serde_json::from_slice(bytes).map_err(Unreadable::Json)? {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(Unreadable::NotAnObject),
        }
    }

    /// An object inside this one.
    pub(super) fn object(&self, key: &'static str) -> Result<Self, Unreadable> {
        match self.0.get(key) {
            Some(Value::Object(fields)) => Ok(Self(fields.clone())),
            None | Some(Value::Null) => Err(Unreadable::Missing(key)),
            Some(_) => Err(Unreadable::Impossible(key)),
        }
    }

    /// Whether a field is there at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// A whole number as it is written, or a text of at most 64 bytes; `None` if absent.
    pub(super) fn number_text(&self, key: &'static str) -> Result<Option<String>, Unreadable> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
            Some(Value::String(text)) if text.len() <= MAX_NUMBER_LEN => Ok(Some(text.clone())),
            Some(_) => Err(Unreadable::Impossible(key)),
        }
    }

    /// `errcode`; 0 when absent, as in the success answers of `/sns/*`.
    pub(super) fn code(&self) -> Result<i64, Unreadable> {
        match self.0.get("errcode") {
            None => Ok(0),
            Some(value) => integer(value).ok_or(Unreadable::Impossible("errcode")),
        }
    }

    /// `errmsg` as it came; only [`scrub`] may make something to show of it.
    pub(super) fn message(&self) -> &str {
        self.0.get("errmsg").and_then(Value::as_str).unwrap_or_default()
    }

    /// A whole number, quoted or not.
    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        self.0.get(key).and_then(integer)
    }

    /// Whether a field is 1 or true.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| value.as_bool().unwrap_or_else(|| integer(value) == Some(1)))
    }

    /// A text to show: no control characters, at most 256 characters; `None` if nothing is left.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let clean: String = self.0.get(key)?.as_str()?.chars().filter(|c| is_shown(*c)).collect();
        let text: String = clean.trim().chars().take(MAX_TEXT_CHARS).collect();
        (!text.is_empty()).then_some(text)
    }

    /// An OpenID or UnionID, exactly as it came; `None` if absent or empty.
    pub(super) fn id(&self, key: &'static str) -> Result<Option<String>, Unreadable> {
        let text = match self.0.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => return Err(Unreadable::Impossible(key)),
        };
        if is_id(text) { Ok(Some(text.clone())) } else { Err(Unreadable::Impossible(key)) }
    }

    /// A token; `None` if absent or empty.
    pub(super) fn secret(&self, key: &'static str) -> Result<Option<Secret>, Unreadable> {
        Ok(self.word(key)?.map(Secret::new))
    }

    /// Visible ASCII, exactly as it came; `None` if absent or empty.
    pub(super) fn word(&self, key: &'static str) -> Result<Option<String>, Unreadable> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text))
                if text.len() <= MAX_WORD_LEN && text.bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                Ok(Some(text.clone()))
            }
            Some(_) => Err(Unreadable::Impossible(key)),
        }
    }

    /// An http or https address of at most 2048 bytes; anything else counts as none, for it ends up in pages.
    pub(super) fn web_address(&self, key: &str) -> Option<String> {
        let text = self.0.get(key)?.as_str()?;
        let url = Url::parse(text).ok()?;
        (text.len() <= MAX_URL_LEN && matches!(url.scheme(), "http" | "https")).then(|| url.into())
    }
}

/// Whether `text` has the form of an OpenID or UnionID.
pub(super) fn is_id(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_ID_LEN).contains(&text.len()) && text.bytes().all(fine)
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Control characters garble headers and logs; direction overrides and line separators forge pages. The joiner
/// U+200D stays: emoji are made with it.
fn is_shown(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Makes strict JSON of what WeChat sends: broken UTF-8 and lone surrogate escapes become U+FFFD, raw control
/// characters inside strings become escapes (so that a broken identifier stays broken).
pub(super) fn tidy(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes));
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let mut in_string = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => tidy_escape(&mut chars, &mut out),
            c if in_string && c < ' ' => push_escape(&mut out, u32::from(c)),
            c => {
                in_string ^= c == '"';
                out.push(c);
            }
        }
    }
    out
}

/// What follows a backslash inside a string.
fn tidy_escape(chars: &mut Chars<'_>, out: &mut String) {
    if !chars.as_str().starts_with('u') {
        out.push('\\');
        out.extend(chars.next());
        return;
    }
    let Some(unit) = unicode_escape(chars.as_str()) else {
        out.push('\\');
        return;
    };
    *chars = chars.as_str()[5..].chars();
    let low = chars.as_str().strip_prefix('\\').and_then(unicode_escape).filter(|low| is_low_surrogate(*low));
    match (unit, low) {
        (0xD800..=0xDBFF, Some(low)) => {
            *chars = chars.as_str()[6..].chars();
            push_escape(out, unit);
            push_escape(out, low);
        }
        (0xD800..=0xDFFF, _) => out.push(char::REPLACEMENT_CHARACTER),
        _ => push_escape(out, unit),
    }
}

fn is_low_surrogate(unit: u32) -> bool {
    (0xDC00..=0xDFFF).contains(&unit)
}

/// Reads `uXXXX`.
fn unicode_escape(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('u')?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

fn push_escape(out: &mut String, unit: u32) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\\u{unit:04x}");
}

/// Makes WeChat's `errmsg` fit to be shown to operators: without control characters, cut, the values `hidden` and
/// everything else that could be a credential (24 token characters or more in one piece) replaced.
pub(super) fn scrub(message: &str, hidden: &[&str]) -> String {
    let mut text: String = message.chars().filter(|c| is_shown(*c)).collect();
    // Shorter values are no credentials, and replacing them would only garble the text.
    for value in hidden.iter().filter(|value| value.len() >= 6) {
        text = text.replace(value, "[hidden]");
    }
    let mut out = String::new();
    for piece in text.split_inclusive(|c| !is_token_char(c)) {
        let word = piece.trim_end_matches(|c| !is_token_char(c));
        if word.len() >= 24 && !is_rid(word) {
            out.push_str("[hidden]");
            out.push_str(&piece[word.len()..]);
        } else {
            out.push_str(piece);
        }
    }
    out.trim().chars().take(MAX_MESSAGE_CHARS).collect()
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Three groups of eight hexadecimal digits.
fn is_rid(word: &str) -> bool {
    let group = |group: &str| group.len() == 8 && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    word.split('-').count() == 3 && word.split('-').all(group)
}

/// The identifier of the request inside a scrubbed `errmsg`. Seen: `rid: X`, `req_id: X`, `hint: [X]`.
pub(super) fn request_id(message: &str) -> Option<&str> {
    ["req_id:", "rid:", "hint: ["].iter().find_map(|mark| {
        let rest = message.split_once(mark)?.1.trim_start();
        let end = rest.find(|c| !is_token_char(c)).unwrap_or(rest.len());
        (1..=64).contains(&end).then(|| &rest[..end])
    })
}

/// The first IP address inside `message`.
pub(super) fn first_ip(message: &str) -> Option<IpAddr> {
    message
        .split(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':')))
        .find_map(|word| word.trim_end_matches('.').parse::<IpAddr>().ok())
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
