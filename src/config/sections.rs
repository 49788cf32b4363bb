//! The sections that belong to no single room: where to listen, what goes where, what is logged.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::MethodId;
use crate::gate::access::{Access, Preflight};
use crate::ground::Span;

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Addresses to listen on. Default `["0.0.0.0:8080"]`. Changing it needs a restart.
    #[serde(default = "listen")]
    pub listen: Vec<String>,
    /// The address visitors use for logins, registered at WeChat: scheme and host, no path. Required.
    pub public_url: String,
    /// Where our own pages live on every host. Default `"/_menshen"`.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// Proxies in front whose `X-Forwarded-*` headers are believed: addresses or networks. Default: nobody.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// Lets `public_url` be http:// on a host that is not this machine: cookies then travel in clear. Default
    /// false.
    #[serde(default)]
    pub insecure_http: bool,
    /// Certificates; with at least one, every listening address speaks TLS.
    #[serde(default)]
    pub tls: Vec<TlsConfig>,
    /// Files by which WeChat checks that a host is yours, by name. Answered at the root of every host.
    #[serde(default)]
    pub verification_files: BTreeMap<String, String>,
    /// A directory with such files. Read at the start and at every reload.
    #[serde(default)]
    pub verification_dir: Option<PathBuf>,
    /// Worker threads; 0 is one for each processor. Default 0. Changing it needs a restart.
    #[serde(default)]
    pub threads: usize,
    /// Most connections at a time; whoever waits for their code to be scanned holds one. Default 20000. Changing it
    /// needs a restart.
    #[serde(default = "max_connections")]
    pub max_connections: usize,
    /// Most bytes that the header of a request may have. Default 32768.
    #[serde(default = "max_header_bytes")]
    pub max_header_bytes: usize,
    /// How long a stop waits for requests under way. Default `"20s"`. Changing it needs a restart.
    #[serde(default = "drain_timeout")]
    pub drain_timeout: Span,
}

/// `[[server.tls]]`: one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The host it is for, or `*` for every host without one of its own.
    pub host: String,
    /// PEM file with the certificate and its chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

fn listen() -> Vec<String> {
    vec!["0.0.0.0:8080".to_owned()]
}

fn prefix() -> String {
    "/_menshen".to_owned()
}

fn max_connections() -> usize {
    20_000
}

fn max_header_bytes() -> usize {
    32 * 1024
}

fn drain_timeout() -> Span {
    Span::from_secs(20)
}

/// `[log]`. Goes to standard error. Changing the format or the level needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `json` (default) or `text`.
    pub format: LogFormat,
    /// What is logged, as `tracing` filters: `"info"` (default), `"warn"`, `"menshen=debug"`.
    pub level: String,
    /// One line for each request, on standard output. Default true.
    pub access: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: "info".to_owned(), access: true }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

/// `[[routes]]`: which requests go to which upstream, and who may pass.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Name in logs. Default: its place in the list.
    #[serde(default)]
    pub id: Option<String>,
    /// A host name, or `*.example.com`. Default: any host.
    #[serde(default)]
    pub host: Option<String>,
    /// Beginning of the path, in whole segments. Default `"/"`.
    #[serde(default = "root")]
    pub path: String,
    /// The upstream, by its id.
    pub upstream: String,
    /// `login` (default), `optional` (known visitors are named, others pass), `public`, `deny`.
    #[serde(default = "login")]
    pub access: Access,
    /// Login methods offered here and, on a `login` route, taken here, by their ids. Default: all.
    #[serde(default)]
    pub methods: Vec<MethodId>,
    /// What the account of a known visitor must have, on a `login` route. Default: nothing.
    #[serde(default)]
    pub require: Option<RequireConfig>,
    /// CORS preflights on a `login` route, which never carry a session: `refuse` (default) or `forward`
    /// (without identity).
    #[serde(default = "refuse")]
    pub preflight: Preflight,
    /// Longest silence of the app before and inside an answer. Default `"60s"`.
    #[serde(default = "read_timeout")]
    pub read_timeout: Span,
    /// Longest silence on a WebSocket or an event stream. Default `"1h"`.
    #[serde(default = "stream_timeout")]
    pub stream_timeout: Span,
    /// Longest request body in bytes. Default: no limit.
    #[serde(default)]
    pub max_body: Option<u64>,
    /// The `Host` that the app is sent. Default: the visitor's.
    #[serde(default)]
    pub upstream_host: Option<String>,
}

/// `[routes.require]`: what a route asks of accounts, all of it together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequireConfig {
    /// Membership in at least one of these groups.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// For each of these attributes the value, or one of several.
    #[serde(default)]
    pub attributes: Option<BTreeMap<String, OneOrSeveral>>,
    /// A verified phone number, which visitors without one are asked for. Default false.
    #[serde(default)]
    pub phone: bool,
}

/// `"a"` or `["a", "b"]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "write a text, or a list of texts")]
pub enum OneOrSeveral {
    /// One value.
    One(String),
    /// Any of these.
    Several(Vec<String>),
}

impl OneOrSeveral {
    /// The values.
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

fn root() -> String {
    "/".to_owned()
}

fn login() -> Access {
    Access::Login
}

fn refuse() -> Preflight {
    Preflight::Refuse
}

fn read_timeout() -> Span {
    Span::from_secs(60)
}

fn stream_timeout() -> Span {
    Span::from_mins(60)
}
