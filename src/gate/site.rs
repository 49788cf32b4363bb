//! What the gate knows of this installation: its hosts, its own prefix, its cookies and headers.
//!
//! Addresses of our own pages are made here and nowhere else.

use url::form_urlencoded::byte_serialize;

use super::verification::VerificationFiles;
use super::{Cookies, IdentityHeaders, Trust};
use crate::domain::{Hosts, ReturnTo};

/// One installation, as the gate sees it.
#[derive(Clone, Debug)]
pub struct Site {
    /// The hosts we serve; the public one does the logins.
    pub hosts: Hosts,
    /// Under which path our own pages live on every host: `/_menshen`, no trailing slash.
    pub prefix: String,
    /// Our cookies.
    pub cookies: Cookies,
    /// Whose forwarding headers are believed.
    pub trust: Trust,
    /// The identity headers.
    pub headers: IdentityHeaders,
    /// Files that prove that our hosts are ours.
    pub verification: VerificationFiles,
    /// Most bytes that the header of a request may have.
    pub max_header_bytes: usize,
}

/// The prefix when the config does not give one.
pub const DEFAULT_PREFIX: &str = "/_menshen";

impl Site {
    /// What follows our prefix in a decoded path (`login`, `callback/x`; empty for the prefix itself), or
    /// `None` if the path is not ours.
    pub fn own_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.prefix.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// The login page on the visitor's own host, remembering where the visitor wants to go.
    pub fn login_path(&self, return_to: &ReturnTo) -> String {
        self.path_with("login", return_to)
    }

    /// The login page for somebody who is logged in and wants to be somebody else.
    pub fn other_login_path(&self, return_to: &ReturnTo) -> String {
        format!("{}&other=1", self.login_path(return_to))
    }

    /// The page on which a visitor verifies a phone number.
    pub fn phone_path(&self, return_to: &ReturnTo) -> String {
        self.path_with("phone", return_to)
    }

    fn path_with(&self, own: &str, return_to: &ReturnTo) -> String {
        let mut path = format!("{}/{own}?rt=", self.prefix);
        path.extend(byte_serialize(return_to.location().as_bytes()));
        path
    }

    /// The absolute address of one of our pages (`callback/x`) on the public host.
    pub fn url(&self, own: &str) -> String {
        format!("{}{}/{own}", self.hosts.public_origin(), self.prefix)
    }
}

/// What is wrong with a configured prefix, if anything.
pub fn prefix_problem(prefix: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let fits = prefix.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|segment| {
            !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(plain)
        })
    });
    (!fits).then_some("write a path of letters, digits, - _ . ~ without a trailing slash, like /_menshen")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::HeadersConfig;
    use super::super::cookies::DEFAULT_NAME;
    use super::*;

    fn site() -> Site {
        Site {
            hosts: Hosts::new(&"https://login.example.com:8443".parse().unwrap(), ["app.example.com"]),
            prefix: DEFAULT_PREFIX.into(),
            cookies: Cookies::new(DEFAULT_NAME, true),
            trust: Trust::default(),
            headers: IdentityHeaders::new(&HeadersConfig::default()).unwrap(),
            verification: VerificationFiles::default(),
            max_header_bytes: 32 * 1024,
        }
    }

    #[rstest::rstest]
    #[case("/_menshen", Some(""))]
    #[case("/_menshen/", Some(""))]
    #[case("/_menshen/login", Some("login"))]
    #[case("/_menshen/callback/x", Some("callback/x"))]
    #[case("/_menshen/login/", Some("login/"))]
    #[case("/_menshenx/login", None)]
    #[case("/_menshen.js", None)]
    #[case("/_menshen;x/login", None)]
    #[case("/_MENSHEN/login", None)]
    #[case("/a/_menshen/login", None)]
    #[case("/", None)]
    #[case("", None)]
    fn our_paths_end_at_a_segment_boundary(#[case] path: &str, #[case] own: Option<&str>) {
        assert_eq!(site().own_path(path), own);
    }

    #[test]
    fn the_login_page_remembers_where_the_visitor_wants_to_go() {
        let site = site();
        let wanted = ReturnTo::of_request("app.example.com", "/a?b=c&rt=d#e 名", &site.hosts).unwrap();
        let path = site.login_path(&wanted);
        let (page, query) = path.split_once('?').unwrap();
        assert_eq!(page, "/_menshen/login");
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].0, "rt");
        assert_eq!(ReturnTo::parse(&pairs[0].1, &site.hosts).unwrap(), wanted);
    }

    #[test]
    fn our_addresses_stand_on_the_public_host() {
        assert_eq!(site().url("callback/x"), "https://login.example.com:8443/_menshen/callback/x");
    }

    #[rstest::rstest]
    #[case("/_menshen", true)]
    #[case("/a/b-c_d.e~f", true)]
    #[case("", false)]
    #[case("_menshen", false)]
    #[case("/", false)]
    #[case("/_menshen/", false)]
    #[case("//x", false)]
    #[case("/a/../b", false)]
    #[case("/.", false)]
    #[case("/a b", false)]
    #[case("/a%20b", false)]
    #[case("/a;b", false)]
    #[case("/a?b", false)]
    fn a_prefix_is_a_plain_path(#[case] prefix: &str, #[case] fits: bool) {
        assert_eq!(prefix_problem(prefix).is_none(), fits);
    }
}
