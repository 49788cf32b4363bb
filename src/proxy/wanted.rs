//! What a visitor wanted to see, and the addresses of our own pages that lead there in the end.
//!
//! On the visitor's own host if it is ours, else on the public one. Made only for answers of our own: a request that
//! is forwarded never comes here.

use http::header::{HeaderMap, REFERER};
use pingora::http::RequestHeader;

use crate::domain::ReturnTo;
use crate::snapshot::Snapshot;

/// Where a path that is too long is cut; encoded it may become three times as long.
const LONGEST_PATH: usize = 1024;

/// A page of an app, and for whom the addresses are.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    snapshot: &'a Snapshot,
    host: &'a str,
    path_and_query: &'a str,
    /// Whether the visitor is on another server's connection, to whom a path would mean something else.
    elsewhere: bool,
}

impl<'a> Wanted<'a> {
    /// What a request that came here is for.
    pub(super) fn here(snapshot: &'a Snapshot, host: &'a str, header: &'a RequestHeader) -> Self {
        let path_and_query = std::str::from_utf8(header.raw_path()).unwrap_or("/");
        Self { snapshot, host, path_and_query, elsewhere: false }
    }

    /// What a request is for that came to another server, which asks.
    pub(super) fn elsewhere(snapshot: &'a Snapshot, host: &'a str, path_and_query: &'a str) -> Self {
        Self { snapshot, host, path_and_query, elsewhere: true }
    }

    /// The login page with the way back.
    pub(super) fn login(&self) -> String {
        self.address(self.snapshot.site.login_path(&self.return_to()))
    }

    /// The login page for somebody else, with the way back.
    pub(super) fn other_login(&self) -> String {
        self.address(self.snapshot.site.other_login_path(&self.return_to()))
    }

    /// The page that verifies a phone number, with the way back.
    pub(super) fn phone(&self) -> String {
        self.address(self.snapshot.site.phone_path(&self.return_to()))
    }

    /// The page that signs out.
    pub(super) fn logout(&self) -> String {
        self.address(format!("{}/logout", self.snapshot.site.prefix))
    }

    /// Where the visitor came from, if that is another page of the same host, else the front page, unless it is this.
    pub(super) fn back(&self, headers: &HeaderMap) -> Option<String> {
        let hosts = &self.snapshot.site.hosts;
        let here = self.return_to();
        let referer = headers.get(REFERER).and_then(|value| value.to_str().ok());
        let from = referer.and_then(|text| ReturnTo::parse(text, hosts));
        let front = || ReturnTo::of_request(self.host, "/", hosts);
        let differs = |page: &ReturnTo| page.host() == here.host() && *page != here;
        let page = from.filter(differs).or_else(|| front().filter(differs))?;
        Some(page.location().to_owned())
    }

    /// The absolute address of one of our pages, for programs; they add `?rt=` themselves.
    pub(super) fn page(&self, own: &str) -> String {
        let site = &self.snapshot.site;
        format!("{}{}/{own}", site.hosts.origin_of(self.host).origin().ascii_serialization(), site.prefix)
    }

    /// What was asked for. Of an address that is too long to be remembered the query is left out, then the path from
    /// its end: another page would not ask for what this one asks, and whoever is sent to log in would be sent on.
    fn return_to(&self) -> ReturnTo {
        let hosts = &self.snapshot.site.hosts;
        let of = |path: &str| ReturnTo::of_request(self.host, path, hosts);
        let path = self.path_and_query.split(['?', '#']).next().unwrap_or_default();
        let cut = || {
            let mut boundaries = path.match_indices('/').map(|(at, _)| at).filter(|at| *at < LONGEST_PATH);
            boundaries.next_back().and_then(|at| of(&path[..at.max(1)]))
        };
        of(self.path_and_query).or_else(|| of(path)).or_else(cut).unwrap_or_else(|| ReturnTo::home(hosts))
    }

    fn address(&self, path: String) -> String {
        let hosts = &self.snapshot.site.hosts;
        match (self.elsewhere, hosts.contains(self.host)) {
            (false, true) => path,
            (false, false) => format!("{}{path}", hosts.public_origin()),
            (true, _) => format!("{}{path}", hosts.origin_of(self.host).origin().ascii_serialization()),
        }
    }
}
