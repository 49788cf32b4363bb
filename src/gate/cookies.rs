//! Our cookies and the bearer token: reading them from whatever a client sends, writing them safely, and
//! keeping them from the upstream.
//!
//! A broken cookie is the same as no cookie. Other people's cookies are passed on byte for byte.

use cookie::time::{Duration, OffsetDateTime};
use cookie::{Cookie, SameSite};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::ground::{Span, Token};

/// The session cookie's name when the config does not give one.
pub const DEFAULT_NAME: &str = "menshen";

/// Most session candidates of one request: a sibling host can plant a second cookie of our name, so all are
/// tried, but each may cost a question to the store.
pub const MAX_CANDIDATES: usize = 4;

/// Bytes of `Cookie` headers that are searched for tokens; the proxy's header limit is lower.
const MAX_SEARCHED: usize = 64 * 1024;

/// How long a browser keeps its binding cookie: longer than any login attempt.
const BROWSER_MAX_AGE: Span = Span::from_days(1);

/// How long a browser remembers the login method that was chosen.
const CHOICE_MAX_AGE: Span = Span::from_days(365);

/// The names and attributes of our cookies.
///
/// On https both names carry the `__Host-` prefix: browsers then take them only from this very host, over
/// https and for the whole site.
#[derive(Clone, Debug)]
pub struct Cookies {
    session: String,
    browser: String,
    choice: String,
    secure: bool,
}

impl Cookies {
    /// Cookies named after `session_name`. A text that [`is_cookie_name`] refuses counts as
    /// [`DEFAULT_NAME`]. `secure` is false only where an operator insists on plain http.
    pub fn new(session_name: &str, secure: bool) -> Self {
        let name = session_name.strip_prefix("__Host-").unwrap_or(session_name);
        let name = if is_cookie_name(name) { name } else { DEFAULT_NAME };
        let prefix = if secure { "__Host-" } else { "" };
        Self {
            session: format!("{prefix}{name}"),
            browser: format!("{prefix}{name}-browser"),
            choice: format!("{prefix}{name}-method"),
            secure,
        }
    }

    /// The name of the cookie that holds the session token.
    pub fn session_name(&self) -> &str {
        &self.session
    }

    /// The names of all our cookies.
    pub fn names(&self) -> [&str; 3] {
        [&self.session, &self.browser, &self.choice]
    }

    /// The name of the cookie that binds login attempts to a browser.
    pub fn browser_name(&self) -> &str {
        &self.browser
    }

    /// Every well-formed session token, in the order of the headers, without repetitions, at most
    /// [`MAX_CANDIDATES`].
    pub fn session_tokens<'a>(&self, cookie_headers: impl Iterator<Item = &'a [u8]>) -> Vec<Token> {
        tokens(&self.session, cookie_headers, MAX_CANDIDATES)
    }

    /// The first well-formed browser token.
    pub fn browser_token<'a>(&self, cookie_headers: impl Iterator<Item = &'a [u8]>) -> Option<Token> {
        tokens(&self.browser, cookie_headers, 1).pop()
    }

    /// The login method chosen last in this browser. Any text: it is looked up among those that are offered.
    pub fn chosen_method<'a>(&self, cookie_headers: impl Iterator<Item = &'a [u8]>) -> Option<&'a str> {
        let parts = cookie_headers.flat_map(|header| header.split(|byte| *byte == b';'));
        let (_, value) = parts.map(pair).find(|(name, _)| *name == self.choice.as_bytes())?;
        std::str::from_utf8(value).ok()
    }

    /// All `Cookie` headers as one, joined with `"; "`, without our cookies and otherwise byte for byte;
    /// `None` if nothing is left.
    pub fn strip_own<'a>(&self, cookie_headers: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        for header in cookie_headers {
            let before = all.len();
            let mut removed = false;
            let mut first = true;
            if before > 0 {
                all.extend_from_slice(b"; ");
            }
            let start = all.len();
            for part in header.split(|byte| *byte == b';') {
                if self.is_own(part) {
                    removed = true;
                    continue;
                }
                // Without its predecessor a part needs no blank in front of it.
                let part = if first && removed { part.trim_ascii_start() } else { part };
                if !first {
                    all.push(b';');
                }
                first = false;
                all.extend_from_slice(part);
            }
            if removed {
                // A separator that only led to ours goes with it.
                while all.len() > start && matches!(all.last(), Some(b';' | b' ' | b'\t')) {
                    all.pop();
                }
            }
            if all.len() == start {
                all.truncate(before);
            }
        }
        (!all.is_empty()).then_some(all)
    }

    fn is_own(&self, part: &[u8]) -> bool {
        let (name, _) = pair(part);
        self.names().iter().any(|own| name == own.as_bytes())
    }

    /// `Set-Cookie` that opens a session for `max_age`.
    pub fn set_session(&self, token: &Token, max_age: Span) -> HeaderValue {
        self.set(&self.session, token.reveal(), max_age)
    }

    /// `Set-Cookie` that ends the session in the browser.
    pub fn clear_session(&self) -> HeaderValue {
        self.set(&self.session, String::new(), Span::default())
    }

    /// `Set-Cookie` that binds login attempts to this browser for a day.
    pub fn set_browser(&self, token: &Token) -> HeaderValue {
        self.set(&self.browser, token.reveal(), BROWSER_MAX_AGE)
    }

    /// `Set-Cookie` that remembers the chosen login method; none for a name that a cookie cannot hold.
    pub fn set_chosen_method(&self, method: &str) -> Option<HeaderValue> {
        is_cookie_name(method).then(|| self.set(&self.choice, method.to_owned(), CHOICE_MAX_AGE))
    }

    fn set(&self, name: &str, value: String, max_age: Span) -> HeaderValue {
        let seconds = i64::try_from(max_age.secs()).unwrap_or(i64::MAX);
        let mut cookie = Cookie::build((name, value))
            .path("/")
            .max_age(Duration::seconds(seconds))
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure);
        if seconds == 0 {
            cookie = cookie.expires(OffsetDateTime::UNIX_EPOCH);
        }
        let mut value = HeaderValue::try_from(cookie.to_string())
            .expect("a checked name, a base64 token and fixed attributes are visible ASCII");
        value.set_sensitive(true);
        value
    }
}

/// Whether `name` can name a cookie: 1 to 64 letters, digits, `-`, `_` and `.`.
pub fn is_cookie_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// The token of a request that carries exactly one `Authorization: Bearer` with a token of our shape.
pub fn bearer(headers: &HeaderMap) -> Option<Token> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => bearer_token(value.as_bytes()),
        _ => None,
    }
}

/// The token in the value of one `Authorization` header, if it has our shape.
pub fn bearer_token(value: &[u8]) -> Option<Token> {
    let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") {
        return None;
    }
    Token::parse(rest.trim_ascii())
}

fn tokens<'a>(name: &str, cookie_headers: impl Iterator<Item = &'a [u8]>, most: usize) -> Vec<Token> {
    let mut seen: Vec<&[u8]> = Vec::new();
    let mut found = Vec::new();
    let mut searched = 0;
    for header in cookie_headers {
        searched += header.len();
        if searched > MAX_SEARCHED {
            break;
        }
        for part in header.split(|byte| *byte == b';') {
            let (part_name, value) = pair(part);
            if part_name != name.as_bytes() || seen.contains(&value) {
                continue;
            }
            if let Some(token) = Token::parse(value) {
                seen.push(value);
                found.push(token);
                if found.len() == most {
                    return found;
                }
            }
        }
    }
    found
}

/// Name and value of one part of a `Cookie` header, without blanks around them and without quotes.
fn pair(part: &[u8]) -> (&[u8], &[u8]) {
    let equals = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
    let (name, value) = part.split_at(equals);
    let value = value.strip_prefix(b"=").unwrap_or_default().trim_ascii();
    let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    (name.trim_ascii(), unquoted.unwrap_or(value))
}

#[cfg(test)]
mod tests;
