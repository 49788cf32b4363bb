//! Where a visitor goes after a login: only ever a path on a host of ours.
//!
//! Text becomes a [`ReturnTo`] by being parsed as browsers parse it, never by looking at its beginning, and it
//! is written out as an absolute address, so `//evil` and `/\evil` have nothing to attach to.

use serde::{Deserialize, Serialize};
use url::{Origin, Url};

/// The hosts this gateway serves, as visitors address them.
#[derive(Clone, Debug)]
pub struct Hosts {
    public: Url,
    names: Vec<HostPattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Exact(String),
    /// `*.example.com`: any name below it, kept as `.example.com`.
    Below(String),
}

impl Hosts {
    /// The host of `public_url`, and further host names or `*.suffix` patterns from the routes.
    pub fn new<'a>(public_url: &Url, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut public = public_url.clone();
        public.set_path("/");
        public.set_query(None);
        public.set_fragment(None);
        let names = names
            .into_iter()
            .filter(|name| *name != "*")
            .map(|name| match name.strip_prefix('*') {
                Some(suffix) => HostPattern::Below(suffix.to_ascii_lowercase()),
                None => HostPattern::Exact(name.to_ascii_lowercase()),
            })
            .collect();
        Self { public, names }
    }

    /// The public address: scheme, host, port, path `/`. Logins happen there.
    pub fn public(&self) -> &Url {
        &self.public
    }

    /// The origin of the public address, as browsers write it (`https://login.example.com`).
    pub fn public_origin(&self) -> String {
        self.public.origin().ascii_serialization()
    }

    /// The host name of the public address.
    pub fn public_host(&self) -> &str {
        self.public.host_str().unwrap_or_default()
    }

    /// Whether `host` (a name without port, lower case) is one of ours.
    pub fn contains(&self, host: &str) -> bool {
        host == self.public_host()
            || self.names.iter().any(|pattern| match pattern {
                HostPattern::Exact(name) => name == host,
                HostPattern::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            })
    }

    /// The origin of `host`: our scheme and port on that name; the public one if the host is not ours.
    pub fn origin_of(&self, host: &str) -> Url {
        let mut url = self.public.clone();
        if self.contains(host) && url.set_host(Some(host)).is_err() {
            return self.public.clone();
        }
        url
    }
}

/// A path on a host of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReturnTo(Url);

/// Longest address that is remembered across a login; longer ones return to the front page.
const MAX_LEN: usize = 4096;

impl ReturnTo {
    /// The front page of the public host.
    pub fn home(hosts: &Hosts) -> Self {
        Self(hosts.public.clone())
    }

    /// Reads a path (`/a?b=c`) on the public host, or an address on any of our hosts.
    ///
    /// `None` for everything else, however it is dressed up.
    pub fn parse(text: &str, hosts: &Hosts) -> Option<Self> {
        Self::parse_on(text, hosts.public(), hosts)
    }

    /// As [`ReturnTo::parse`], with paths read relative to `base`, one of our origins.
    pub fn parse_on(text: &str, base: &Url, hosts: &Hosts) -> Option<Self> {
        // Browsers drop tabs and newlines and trim blanks before they parse; text that needs it is no path
        // that an honest page sent.
        let clean = text.len() <= MAX_LEN && !text.chars().any(|c| c.is_control() || c == '\\');
        let absolute = text.starts_with("http://") || text.starts_with("https://");
        let path = text.starts_with('/') && !text.starts_with("//");
        if !clean || !(absolute || path) {
            return None;
        }
        Self::admit(base.join(text).ok()?, hosts)
    }

    /// The address of a request that was made to one of our hosts.
    pub fn of_request(host: &str, path_and_query: &str, hosts: &Hosts) -> Option<Self> {
        Self::parse_on(path_and_query, &hosts.origin_of(host), hosts)
    }

    fn admit(url: Url, hosts: &Hosts) -> Option<Self> {
        let plain = url.username().is_empty() && url.password().is_none();
        let ours = url.scheme() == hosts.public.scheme()
            && url.port_or_known_default() == hosts.public.port_or_known_default()
            && url.host_str().is_some_and(|host| hosts.contains(host))
            && matches!(url.origin(), Origin::Tuple(..));
        (plain && ours && url.as_str().len() <= MAX_LEN).then_some(Self(url))
    }

    /// The host name, without port.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The whole address, for a `Location` header: always absolute.
    pub fn location(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it still leads to a host of ours (a reload may have taken one away).
    #[must_use]
    pub fn still_ours(self, hosts: &Hosts) -> Option<Self> {
        Self::admit(self.0, hosts)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn hosts() -> Hosts {
        Hosts::new(&"https://login.example.com".parse().unwrap(), ["app.example.com", "*.wild.example", "*"])
    }

    #[rstest::rstest]
    #[case("/", "https://login.example.com/")]
    #[case("/a/b?c=d&e=%2F#f", "https://login.example.com/a/b?c=d&e=%2F#f")]
    #[case("/%2f%2fevil.com", "https://login.example.com/%2f%2fevil.com")]
    #[case("/.//evil.com", "https://login.example.com//evil.com")]
    #[case("https://app.example.com/x", "https://app.example.com/x")]
    #[case("https://APP.example.com:443/x", "https://app.example.com/x")]
    #[case("https://one.wild.example/x", "https://one.wild.example/x")]
    #[case("/名?q=值", "https://login.example.com/%E5%90%8D?q=%E5%80%BC")]
    fn a_path_on_a_host_of_ours_is_kept(#[case] text: &str, #[case] location: &str) {
        assert_eq!(ReturnTo::parse(text, &hosts()).unwrap().location(), location);
    }

    #[rstest::rstest]
    #[case("")]
    #[case("a")]
    #[case("//evil.com")]
    #[case("///evil.com")]
    #[case("/\\evil.com")]
    #[case("\\\\evil.com")]
    #[case("/\t/evil.com")]
    #[case("/\n/evil.com")]
    #[case(" /x")]
    #[case("https:evil.com")]
    #[case("https:/\\evil.com")]
    #[case("https://evil.com/")]
    #[case("https://login.example.com@evil.com/")]
    #[case("https://me:pw@login.example.com/")]
    #[case("https://login.example.com.evil.com/")]
    #[case("https://login.example.com:8443/")]
    #[case("http://login.example.com/")]
    #[case("https://wild.example/")]
    #[case("https://.wild.example.evil.com/")]
    #[case("javascript:alert(1)")]
    #[case("data:text/html,x")]
    fn everything_else_is_refused(#[case] text: &str) {
        assert_eq!(ReturnTo::parse(text, &hosts()), None);
    }

    #[test]
    fn an_endless_address_is_refused() {
        assert_eq!(ReturnTo::parse(&format!("/{}", "a".repeat(5000)), &hosts()), None);
    }

    proptest! {
        /// Whatever comes in, a browser that follows the result stays on our hosts.
        #[test]
        fn the_result_always_has_an_origin_of_ours(
            text in prop_oneof![".*", "[/\\\\:@.?#a-z%0-9\\t\\n ]{0,30}", "https?:[/\\\\@a-z.:]{0,40}"]
        ) {
            if let Some(return_to) = ReturnTo::parse(&text, &hosts()) {
                let page = Url::parse("https://login.example.com/_menshen/callback").unwrap();
                let followed = page.join(return_to.location()).unwrap();
                prop_assert_eq!(followed.scheme(), "https");
                prop_assert!(hosts().contains(followed.host_str().unwrap()));
                prop_assert_eq!(followed.port_or_known_default(), Some(443));
                prop_assert!(followed.username().is_empty() && followed.password().is_none());
            }
        }
    }
}
