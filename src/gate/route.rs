//! The routes: which host and path belong to which upstream, and who may use them.
//!
//! Looking one up costs a few hash lookups, however many routes there are, and never scans them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::path::{PathProblem, Target, other_readings, target};
use super::{Access, Preflight, Require};
use crate::domain::MethodId;
use crate::ground::Span;

/// One configured route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name in logs, metrics and messages.
    pub id: String,
    /// Host names without port; `*.example.com` is every name below it. Empty means any host.
    pub hosts: Vec<String>,
    /// Path prefix, matched on whole segments: `/app` covers `/app`, `/app/` and `/app/x`, never `/apple`.
    /// Begins with `/`; a trailing slash means nothing.
    pub path: String,
    /// The id of the upstream.
    pub upstream: String,
    /// Who may use it.
    pub access: Access,
    /// The login methods it offers and, on a `login` route, takes; empty means all.
    pub methods: Vec<MethodId>,
    /// What it asks of the accounts of known visitors.
    pub require: Option<Require>,
    /// What happens to CORS preflights.
    pub preflight: Preflight,
    /// Longest wait for the next byte of an ordinary answer.
    pub read_timeout: Span,
    /// Longest silence on a WebSocket or an event stream.
    pub stream_timeout: Span,
    /// Largest request body in bytes; `None` is unlimited.
    pub max_body: Option<u64>,
    /// `Host` sent to the upstream; `None` is the visitor's.
    pub upstream_host: Option<String>,
}

impl Route {
    /// Whether it takes a session that was opened by `method`.
    pub fn takes(&self, method: &str) -> bool {
        self.access != Access::Login
            || self.methods.is_empty()
            || self.methods.iter().any(|taken| taken.as_str() == method)
    }
}

/// All routes, arranged for lookup.
///
/// Of the routes that fit host and path, an exact host goes before the longest wildcard before any host, and
/// then the longest path prefix wins. Of two routes with the same host and path the first one counts.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<Arc<Route>>,
    places: Places,
    /// The same, with all prefixes folded: what an app finds that does not tell letters by their case.
    folded: Places,
}

/// Longest host name that DNS allows; longer ones fit no configured name.
const MAX_HOST: usize = 253;

impl RouteTable {
    /// Arranges `routes`.
    pub fn new(routes: Vec<Route>) -> Self {
        let mut table = Self { routes: routes.into_iter().map(Arc::new).collect(), ..Self::default() };
        for route in &table.routes {
            let key = prefix_key(&route.path);
            table.folded.add(route, &fold(&key));
            table.places.add(route, &key);
        }
        table
    }

    /// The route for a decoded path on `host` (any case, with or without port).
    pub fn find(&self, host: &str, path: &str) -> Option<&Arc<Route>> {
        self.places.find(&host_name(host), path)?.first()
    }

    /// The route for a request target. If the app behind could read the path in another way (without
    /// `;parameters`, decoded once more, or whatever the case of its letters), that reading must lead to the same route.
    pub fn find_target(&self, host: &str, target: &Target<'_>) -> Result<Option<&Arc<Route>>, PathProblem> {
        let host = host_name(host);
        let found = self.places.find(&host, &target.decoded).and_then(|routes| routes.first());
        let is_found = |routes: &[Arc<Route>]| {
            found.is_some_and(|found| routes.iter().any(|route| Arc::ptr_eq(route, found)))
        };
        let others = other_readings(&target.decoded)?;
        for reading in others.iter().map(String::as_str).chain([&*target.decoded]) {
            let exact =
                self.places.find(&host, reading).map_or(found.is_none(), |routes| is_found(&routes[..1]));
            // Of routes that differ in nothing but case, each is what the operator wrote.
            let folded = self.folded.find(&host, &fold(reading)).map_or(found.is_none(), is_found);
            if !(exact && folded) {
                return Err(PathProblem::Ambiguous);
            }
        }
        Ok(found)
    }

    /// Whether a visitor of `host` may log in by `method`: some route that can be reached there offers it, or there is
    /// none to say so.
    pub fn offers(&self, host: &str, method: &MethodId) -> bool {
        let host = host_name(host);
        let host = host.get(..MAX_HOST).unwrap_or(&host);
        let places = &self.places;
        let parents = host.match_indices('.').filter_map(|(at, _)| places.below.get(&host[at + 1..]));
        let mut asked = false;
        for prefixes in places.exact.get(host).into_iter().chain(parents).chain([&places.any]) {
            for route in prefixes.routes.values().filter_map(|routes| routes.first()) {
                if route.methods.is_empty() || route.methods.contains(method) {
                    return true;
                }
                asked = true;
            }
            // A route for every path leaves nothing to those that fit less closely.
            if prefixes.routes.contains_key("") {
                break;
            }
        }
        !asked
    }

    /// All routes in the order of the config.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter()
    }

    /// The host names and patterns of all routes, with repetitions.
    pub fn host_patterns(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().flat_map(|route| route.hosts.iter().map(String::as_str))
    }
}

/// Routes by host and path prefix.
#[derive(Clone, Debug, Default)]
struct Places {
    exact: HashMap<String, Prefixes>,
    /// `*.example.com`, kept as `example.com`.
    below: HashMap<String, Prefixes>,
    any: Prefixes,
}

impl Places {
    fn add(&mut self, route: &Arc<Route>, key: &str) {
        if route.hosts.is_empty() {
            self.any.add(route, key);
        }
        for host in &route.hosts {
            let host = host_name(host);
            match host.strip_prefix('*') {
                Some("") => self.any.add(route, key),
                Some(suffix) => {
                    let parent = suffix.trim_start_matches('.').to_owned();
                    self.below.entry(parent).or_default().add(route, key);
                }
                None => self.exact.entry(host.into_owned()).or_default().add(route, key),
            }
        }
    }

    /// The routes with the prefix that fits best; never an empty list.
    fn find(&self, host: &str, path: &str) -> Option<&[Arc<Route>]> {
        if host.len() <= MAX_HOST {
            if let Some(routes) = self.exact.get(host).and_then(|prefixes| prefixes.find(path)) {
                return Some(routes);
            }
            let mut rest = host;
            while !self.below.is_empty()
                && let Some((_, parent)) = rest.split_once('.')
            {
                if let Some(routes) = self.below.get(parent).and_then(|prefixes| prefixes.find(path)) {
                    return Some(routes);
                }
                rest = parent;
            }
        }
        self.any.find(path)
    }
}

/// Routes of one host by path prefix (without trailing slash), in the order of the config.
#[derive(Clone, Debug, Default)]
struct Prefixes {
    longest: usize,
    routes: HashMap<String, Vec<Arc<Route>>>,
}

impl Prefixes {
    fn add(&mut self, route: &Arc<Route>, key: &str) {
        self.longest = self.longest.max(key.len());
        self.routes.entry(key.to_owned()).or_default().push(Arc::clone(route));
    }

    fn find(&self, path: &str) -> Option<&[Arc<Route>]> {
        if self.routes.is_empty() {
            return None;
        }
        let mut prefix = path.strip_suffix('/').unwrap_or(path);
        if prefix.len() > self.longest {
            // Straight to the last boundary that a configured prefix can reach, so that a path of thousands of
            // segments costs no more than a short one. A slash is one byte, so cutting there is safe.
            let cut = prefix.as_bytes()[..=self.longest].iter().rposition(|byte| *byte == b'/')?;
            prefix = &prefix[..cut];
        }
        loop {
            if let Some(routes) = self.routes.get(prefix) {
                return Some(routes);
            }
            prefix = &prefix[..prefix.rfind('/')?];
        }
    }
}

/// A path as it is for who does not tell letters by their case; up first, because some letters have two small forms.
fn fold(path: &str) -> Cow<'_, str> {
    if path.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(path.to_uppercase().to_lowercase())
}

/// A configured prefix as paths are compared: decoded if it is written encoded, without trailing slash.
fn prefix_key(path: &str) -> String {
    let decoded = target(path).map_or_else(|_| path.to_owned(), |target| target.decoded.into_owned());
    decoded.trim_end_matches('/').to_owned()
}

/// The name in a `Host` value: lower case, without port and without the root's trailing dot.
pub fn host_name(authority: &str) -> Cow<'_, str> {
    let name = match authority.rfind(':') {
        // The colons of an IPv6 address stand inside brackets.
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// What is wrong with a list of routes: the route's index, its key, and what to write instead.
pub fn problems(routes: &[Route]) -> Vec<(usize, &'static str, String)> {
    let mut found = Vec::new();
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    for (index, route) in routes.iter().enumerate() {
        match target(&route.path) {
            Err(problem) => found.push((index, "path", format!("`{}`: {problem}", route.path))),
            Ok(target) if target.query.is_some() || target.decoded.contains(';') => {
                found.push((index, "path", format!("`{}`: a path has no ? and no ;", route.path)));
            }
            Ok(_) => {}
        }
        for host in route.hosts.iter().filter(|host| !is_host_pattern(host)) {
            let text = format!("`{host}` is no host name; write it without port, or as *.example.com");
            found.push((index, "host", text));
        }
        let any = [String::new()];
        let hosts = if route.hosts.is_empty() { &any[..] } else { &route.hosts };
        for host in hosts {
            let host = if host == "*" { "" } else { host };
            let place = (host_name(host).into_owned(), prefix_key(&route.path));
            match seen.get(&place) {
                Some(first) if *first != index => {
                    let text = format!("route {} already has this host and path", routes[*first].id);
                    found.push((index, "path", text));
                }
                _ => {
                    seen.insert(place, index);
                }
            }
        }
    }
    found
}

fn is_host_pattern(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let address = name.starts_with('[') && name.ends_with(']');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    text == "*"
        || (1..=MAX_HOST).contains(&name.len())
            && !name.starts_with('.')
            && !name.contains("..")
            && (address || name.bytes().all(plain))
}

#[cfg(test)]
mod tests;
