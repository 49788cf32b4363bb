//! From a config to a snapshot: every section checked, and the sections checked against each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::{Config, ConfigError, Problem, RouteConfig, policy};
use crate::domain::{Hosts, Proof};
use crate::gate;
use crate::gate::assertion::Signer;
use crate::gate::cookies::Cookies;
use crate::gate::forwarded::Trust;
use crate::gate::headers::IdentityHeaders;
use crate::gate::route::{Route, RouteTable};
use crate::gate::site::{self, Site};
use crate::gate::verification::VerificationFiles;
use crate::ground::nearest;
use crate::login::Directory;
use crate::notify::Notify;
use crate::pages::Pages;
use crate::snapshot::{Snapshot, Upstream};
use crate::wechat;

/// What a snapshot needs besides the config; lives as long as the process.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Connections to WeChat.
    pub transport: wechat::Transport,
    /// Signs identity assertions.
    pub signer: Arc<Signer>,
    /// Counts reloads, from 1.
    pub generation: u64,
}

/// Checks and compiles a config.
pub fn build(config: &Config, inputs: Inputs) -> Result<Snapshot, ConfigError> {
    let mut builder = Builder { config, problems: Vec::new() };
    let snapshot = builder.snapshot(config, inputs);
    match snapshot {
        Some(snapshot) if builder.problems.is_empty() => Ok(snapshot),
        _ => Err(ConfigError(builder.problems)),
    }
}

/// Everything that is wrong with a config that could be read.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let inputs = wechat::Transport::new(&config.wechat).ok().zip(Signer::generate().ok());
    // Without them there is nothing more to find out.
    let Some((transport, signer)) = inputs else { return Vec::new() };
    let inputs = Inputs { transport, signer: Arc::new(signer), generation: 0 };
    build(config, inputs).map_or_else(|error| error.0, |_| Vec::new())
}

struct Builder<'c> {
    config: &'c Config,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn problem(&mut self, key: impl AsRef<str>, message: impl Into<String>) {
        let problem = self.config.overrides.problem(&self.config.file, key.as_ref(), message.into());
        self.problems.push(problem);
    }

    /// Keeps the value, or the problems with `section` before their keys.
    fn keep<T>(&mut self, section: &str, result: Result<T, Vec<(String, String)>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problems) => {
                for (key, message) in problems {
                    let path = match (section, key.as_str()) {
                        ("", key) => key.to_owned(),
                        (section, "") => section.to_owned(),
                        (section, key) => format!("{section}.{key}"),
                    };
                    self.problem(path, message);
                }
                None
            }
        }
    }

    fn snapshot(&mut self, config: &Config, inputs: Inputs) -> Option<Snapshot> {
        let public = self.public_url(config);
        let sessions = self.keep("session", config.session.rules());
        let headers = self.keep("headers", IdentityHeaders::new(&config.headers));
        let trust = self.trust(config);
        let pages = self.keep("pages", Pages::new(&config.pages, &config.server.prefix));
        let directory = self.keep("", Directory::build(&config.pools, &config.apps, &config.methods));
        if let Some(directory) = &directory {
            self.proofs(config, directory);
        }
        let upstreams = self.upstreams(config);
        let routes = self.routes(config, directory.as_ref());
        let wechat = self.wechat(config, inputs.transport);
        let notify = self.keep("notify", Notify::new(&config.notify));
        let verification = VerificationFiles::new(
            &config.server.verification_files,
            config.server.verification_dir.as_deref(),
        );
        let verification = self.keep("server", verification);
        self.listeners(config);
        self.log(config);
        self.check_store(config);
        let (public, routes) = (public?, routes);
        let hosts = Hosts::new(&public, config.routes.iter().filter_map(|route| route.host.as_deref()));
        let secure = public.scheme() == "https";
        let site = Site {
            hosts,
            prefix: config.server.prefix.clone(),
            cookies: Cookies::new(&config.session.cookie, secure),
            trust: trust?,
            headers: headers?,
            verification: verification?,
            max_header_bytes: config.server.max_header_bytes,
        };
        Some(Snapshot {
            generation: inputs.generation,
            site,
            routes: RouteTable::new(routes),
            upstreams,
            sessions: sessions?,
            directory: directory?,
            pages: pages?,
            wechat: wechat?,
            notify: notify?,
            signer: inputs.signer,
            access_log: config.log.access,
        })
    }

    fn public_url(&mut self, config: &Config) -> Option<Url> {
        let text = &config.server.public_url;
        let example = "write scheme and host only, as in \"https://login.example.com\"";
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => {
                self.problem("server.public_url", format!("`{text}`: {error}; {example}"));
                return None;
            }
        };
        let bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare || url.host_str().is_none() || !matches!(url.scheme(), "http" | "https") {
            self.problem("server.public_url", format!("`{text}`: {example}"));
            return None;
        }
        if url.scheme() == "http" && !is_this_machine(&url) && !config.server.insecure_http {
            self.problem(
                "server.public_url",
                "http:// sends session cookies in clear; use https://, or set server.insecure_http = true \
                 for a closed test network",
            );
        }
        let prefix = &config.server.prefix;
        if let Some(problem) = site::prefix_problem(prefix) {
            self.problem("server.prefix", format!("`{prefix}`: {problem}"));
        }
        Some(url)
    }

    fn trust(&mut self, config: &Config) -> Option<Trust> {
        match Trust::parse(&config.server.trusted_proxies) {
            Ok(trust) => Some(trust),
            Err(problems) => {
                for problem in problems {
                    self.problem(format!("server.trusted_proxies[{}]", problem.index), problem.to_string());
                }
                None
            }
        }
    }

    fn wechat(&mut self, config: &Config, transport: wechat::Transport) -> Option<wechat::Client> {
        match wechat::Client::new(transport, &config.wechat) {
            Ok(client) => Some(client),
            Err(error) => {
                for problem in error.0 {
                    self.problem(format!("wechat.{}", problem.0), problem.1);
                }
                None
            }
        }
    }

    fn listeners(&mut self, config: &Config) {
        if config.server.listen.is_empty() {
            self.problem("server.listen", "at least one address is needed, as in [\"0.0.0.0:8080\"]");
        }
        for (index, address) in config.server.listen.iter().enumerate() {
            if address.parse::<std::net::SocketAddr>().is_err() {
                let message = format!("`{address}` is not an IP address and a port, as in \"0.0.0.0:8080\"");
                self.problem(format!("server.listen[{index}]"), message);
            }
        }
        for (index, tls) in config.server.tls.iter().enumerate() {
            if config.server.tls[..index].iter().any(|other| other.host.eq_ignore_ascii_case(&tls.host)) {
                let message = format!("there is already a certificate for `{}`", tls.host);
                self.problem(format!("server.tls[{index}].host"), message);
            }
            for (key, path) in [("cert", &tls.cert), ("key", &tls.key)] {
                if let Err(error) = std::fs::File::open(path) {
                    let message = format!("cannot read `{}`: {error}", path.display());
                    self.problem(format!("server.tls[{index}].{key}"), message);
                }
            }
        }
        if config.server.max_connections == 0 {
            self.problem("server.max_connections", "must be at least 1");
        }
    }

    fn log(&mut self, config: &Config) {
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log.level) {
            self.problem("log.level", format!("`{}`: {error}", config.log.level));
        }
    }

    fn check_store(&mut self, config: &Config) {
        for (key, message) in config.store.validate() {
            self.problem(format!("store.{key}"), message);
        }
    }

    /// Whoever is asked for a code must be able to get one.
    fn proofs(&mut self, config: &Config, directory: &Directory) {
        let needed = [
            (Proof::EmailCode, config.notify.smtp.is_none(), "[notify.smtp]"),
            (Proof::SmsCode, config.notify.sms.is_none(), "[notify.sms]"),
        ];
        for (index, method) in directory.methods().iter().enumerate().filter(|(_, m)| m.policy.may_ask()) {
            for (proof, missing, section) in needed {
                if missing && method.proofs.contains(&proof) {
                    let message = format!("\"{}\" needs {section}, which is not set up", proof.as_str());
                    self.problem(format!("methods[{index}].proofs"), message);
                }
            }
        }
    }

    fn upstreams(&mut self, config: &Config) -> BTreeMap<String, Arc<Upstream>> {
        let mut checked = BTreeMap::new();
        for (index, upstream) in config.upstreams.iter().enumerate() {
            let Some(value) = self.keep(&format!("upstreams[{index}]"), upstream.check()) else { continue };
            if checked.insert(upstream.id.clone(), Arc::new(value)).is_some() {
                self.problem(
                    format!("upstreams[{index}].id"),
                    format!("the upstream `{}` is listed twice", upstream.id),
                );
            }
        }
        checked
    }

    fn routes(&mut self, config: &Config, directory: Option<&Directory>) -> Vec<Route> {
        if config.routes.is_empty() {
            self.problem(
                "routes",
                "no request can pass without a route; add [[routes]] with path and upstream",
            );
        }
        let routes: Vec<Route> =
            config.routes.iter().enumerate().map(|(index, route)| compiled(route, index)).collect();
        let misplaced = gate::route::problems(&routes);
        for (index, route) in config.routes.iter().enumerate() {
            for (_, key, message) in misplaced.iter().filter(|(place, ..)| *place == index) {
                self.problem(format!("routes[{index}].{key}"), message.as_str());
            }
            let at = |key: &str| format!("routes[{index}].{key}");
            if !config.upstreams.iter().any(|upstream| upstream.id == route.upstream) {
                let known = nearest(&route.upstream, config.upstreams.iter().map(|u| u.id.as_str()));
                self.problem(at("upstream"), format!("there is no upstream `{}`{known}", route.upstream));
            }
            for (place, method) in route.methods.iter().enumerate() {
                if !config.methods.iter().any(|known| known.id == *method) {
                    let known = nearest(method.as_str(), config.methods.iter().map(|m| m.id.as_str()));
                    self.problem(
                        at(&format!("methods[{place}]")),
                        format!("there is no method `{method}`{known}"),
                    );
                }
            }
            for (key, message) in policy::problems(route, directory, config.notify.sms.is_some()) {
                self.problem(at(&key), message);
            }
            for (key, span) in
                [("read_timeout", route.read_timeout), ("stream_timeout", route.stream_timeout)]
            {
                if span.millis() == 0 {
                    self.problem(at(key), "must be longer than nothing");
                }
            }
        }
        routes
    }
}

fn compiled(route: &RouteConfig, index: usize) -> Route {
    Route {
        id: route.id.clone().unwrap_or_else(|| format!("routes[{index}]")),
        hosts: route.host.iter().map(|host| host.to_ascii_lowercase()).collect(),
        path: route.path.clone(),
        upstream: route.upstream.clone(),
        access: route.access,
        methods: route.methods.clone(),
        require: route.require.as_ref().map(policy::compiled),
        preflight: route.preflight,
        read_timeout: route.read_timeout,
        stream_timeout: route.stream_timeout,
        max_body: route.max_body,
        upstream_host: route.upstream_host.clone(),
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
