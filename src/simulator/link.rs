//! The addresses that authorisation pages read and write: raw queries, redirect_uri, callbacks.
//!
//! Pure text work; decides nothing about apps or people.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Url, form_urlencoded};

/// What may stand in a query value unescaped.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A decoded query whose order is kept, because WeChat checks it.
#[derive(Debug)]
pub(super) struct RawQuery(Vec<(String, String)>);

impl RawQuery {
    pub(super) fn parse(raw: Option<&str>) -> Self {
        Self(form_urlencoded::parse(raw.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The first value of `key`, also an empty one.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The first value of `key`; absent and empty are the same.
    pub(super) fn filled(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|value| !value.is_empty())
    }

    /// Whether `keys` come first and in this order. Some may be absent; the rest must come after them.
    pub(super) fn is_ordered(&self, keys: &[&str]) -> bool {
        let rank = |name: &String| keys.iter().position(|key| key == name).unwrap_or(keys.len());
        self.0.iter().map(|(name, _)| rank(name)).is_sorted()
    }
}

/// Why a redirect_uri is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadRedirect {
    /// Not an absolute http or https address.
    NotAnAddress,
    /// Its host is not the configured one.
    ForeignHost,
}

/// Checks a decoded redirect_uri against the app's domain: hosts must be equal, subdomains are not covered.
///
/// `Ok(Some(port))` if it names a port; WeChat knows 80 and 443 only, the simulator lets all pass and reports.
pub(super) fn check_redirect(redirect_uri: &str, domain: &str) -> Result<Option<u16>, BadRedirect> {
    if redirect_uri.chars().any(|c| c.is_control() || c == ' ') {
        return Err(BadRedirect::NotAnAddress);
    }
    let url = Url::parse(redirect_uri).map_err(|_| BadRedirect::NotAnAddress)?;
    let plain =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    match url.host_str() {
        Some(host) if plain && host.eq_ignore_ascii_case(domain) => Ok(url.port()),
        Some(_) if plain => Err(BadRedirect::ForeignHost),
        _ => Err(BadRedirect::NotAnAddress),
    }
}

/// Where a visitor goes back to, and with which state.
#[derive(Clone, Debug)]
pub(super) struct Callback {
    pub(super) redirect_uri: String,
    pub(super) state: String,
}

impl Callback {
    /// `redirect_uri?code=CODE&state=STATE`
    pub(super) fn with_code(&self, code: &str) -> String {
        format!("{}code={code}&state={}", self.beginning(), self.escaped_state())
    }

    /// `redirect_uri?state=STATE`: refused on the phone.
    pub(super) fn state_only(&self) -> String {
        format!("{}state={}", self.beginning(), self.escaped_state())
    }

    /// `redirect_uri?state=&code=authdeny&reason=…`: refused in WeChat's browser.
    pub(super) fn denied(&self) -> String {
        format!("{}state=&code=authdeny&reason=user%20deny", self.beginning())
    }

    /// Appends to the whole text, so an existing query is kept and a fragment ends up in front, as WeChat does.
    pub(super) fn beginning(&self) -> String {
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{joint}", self.redirect_uri)
    }

    pub(super) fn escaped_state(&self) -> String {
        utf8_percent_encode(&self.state, UNRESERVED).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const ORDER: [&str; 5] = ["appid", "redirect_uri", "response_type", "scope", "state"];

    #[rstest]
    #[case("appid=1&redirect_uri=2&response_type=3&scope=4&state=5", true)]
    #[case("appid=1&redirect_uri=2&response_type=3&scope=4&state=5&forcePopup=true", true)]
    #[case("appid=1&redirect_uri=2&response_type=3&scope=4", true)]
    #[case("redirect_uri=2&appid=1&response_type=3&scope=4&state=5", false)]
    #[case("appid=1&redirect_uri=2&scope=4&response_type=3&state=5", false)]
    #[case("forcePopup=true&appid=1&redirect_uri=2&response_type=3&scope=4&state=5", false)]
    #[case("appid=1&redirect_uri=2&response_type=3&scope=4&connect_redirect=1&state=5", false)]
    fn the_order_of_parameters_is_checked(#[case] query: &str, #[case] ordered: bool) {
        assert_eq!(RawQuery::parse(Some(query)).is_ordered(&ORDER), ordered);
    }

    #[rstest]
    #[case("https://example.com/cb", Ok(None))]
    #[case("http://EXAMPLE.com/cb?a=1", Ok(None))]
    #[case("http://example.com:8080/cb", Ok(Some(8080)))]
    #[case("https://www.example.com/cb", Err(BadRedirect::ForeignHost))]
    #[case("https://example.com.evil.test/cb", Err(BadRedirect::ForeignHost))]
    #[case("https://example.com@evil.test/cb", Err(BadRedirect::NotAnAddress))]
    #[case("https%3A%2F%2Fexample.com%2Fcb", Err(BadRedirect::NotAnAddress))]
    #[case("javascript:alert(1)", Err(BadRedirect::NotAnAddress))]
    #[case("/cb", Err(BadRedirect::NotAnAddress))]
    fn redirect_hosts_must_be_equal(#[case] uri: &str, #[case] expected: Result<Option<u16>, BadRedirect>) {
        assert_eq!(check_redirect(uri, "example.com"), expected);
    }

    #[rstest]
    #[case("https://a.test/cb", "https://a.test/cb?code=C&state=s-1")]
    #[case("https://a.test/cb?x=1", "https://a.test/cb?x=1&code=C&state=s-1")]
    #[case("https://a.test/#/login?name=t", "https://a.test/#/login?name=t&code=C&state=s-1")]
    fn an_existing_query_is_kept(#[case] uri: &str, #[case] expected: &str) {
        let callback = Callback { redirect_uri: uri.into(), state: "s-1".into() };
        assert_eq!(callback.with_code("C"), expected);
    }

    proptest! {
        #[test]
        fn every_state_comes_back_unchanged(state in ".{0,64}") {
            let callback = Callback { redirect_uri: "https://a.test/cb".into(), state: state.clone() };
            let url = callback.state_only();
            let query = RawQuery::parse(url.split_once('?').map(|(_, query)| query));
            prop_assert_eq!(query.get("state"), Some(state.as_str()));
        }

        #[test]
        fn checking_any_text_never_panics(text in ".{0,200}") {
            let _ = check_redirect(&text, "example.com");
        }
    }
}
