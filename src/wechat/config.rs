//! The `[wechat]` section: where WeChat answers and how long to wait for it.
//!
//! Checks itself as a whole and reports every problem at once; never opens a connection.

use serde::Deserialize;
use url::{Host, Url};

use crate::ground::Span;

/// The `[wechat]` section. The defaults are WeChat's own addresses; change them only for a simulator, an access
/// point nearer to the machine, or an egress relay.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Base address of the server API. Default `https://api.weixin.qq.com`.
    pub api: String,
    /// Base address used while `api` cannot be reached; empty for none. Default `https://api2.weixin.qq.com`.
    pub api_backup: String,
    /// Base address of the pages that visitors' browsers are sent to. Default `https://open.weixin.qq.com`.
    pub open: String,
    /// Base address of the pictures of parametric QR codes. Default `https://mp.weixin.qq.com`.
    pub mp: String,
    /// How long one call may take, with all its tries. From `"100ms"` to `"60s"`; default `"5s"`.
    pub timeout: Span,
    /// How long opening one connection may take; less than `timeout`. Default `"2s"`. A change takes effect at a
    /// restart, because connections outlive a reload.
    pub connect_timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api: "https://api.weixin.qq.com".into(),
            api_backup: "https://api2.weixin.qq.com".into(),
            open: "https://open.weixin.qq.com".into(),
            mp: "https://mp.weixin.qq.com".into(),
            timeout: Span::from_secs(5),
            connect_timeout: Span::from_secs(2),
        }
    }
}

/// One thing wrong in `[wechat]`: the key inside the section, and what to do about it.
pub type Problem = (&'static str, String);

/// A `[wechat]` section that cannot be used; [`Config::validate`] lists what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("[wechat] is not usable: {}", list(.0))]
pub struct InvalidConfig(pub Vec<Problem>);

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|(key, message)| format!("`{key}` {message}")).collect::<Vec<_>>().join("; ")
}

/// The base addresses, checked. Each is an origin: scheme, host and port, nothing behind.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub(super) api: Url,
    pub(super) api_backup: Option<Url>,
    pub(super) open: String,
    pub(super) mp: Url,
}

const TIMEOUT_MIN: Span = Span::from_millis(100);
const TIMEOUT_MAX: Span = Span::from_secs(60);
const CONNECT_TIMEOUT_MIN: Span = Span::from_millis(10);

impl Config {
    /// Everything wrong with this section; empty if nothing is.
    pub fn validate(&self) -> Vec<Problem> {
        self.endpoints().err().map(|invalid| invalid.0).unwrap_or_default()
    }

    pub(super) fn endpoints(&self) -> Result<Endpoints, InvalidConfig> {
        let mut problems = Vec::new();
        let mut base = |key, text: &str| base_url(text).map_err(|message| problems.push((key, message))).ok();
        let api = base("api", &self.api);
        let backup = if self.api_backup.is_empty() {
            Some(None)
        } else {
            base("api_backup", &self.api_backup).map(Some)
        };
        let open = base("open", &self.open);
        let mp = base("mp", &self.mp);
        self.check_timeouts(&mut problems);
        match (api, backup, open, mp) {
            (Some(api), Some(api_backup), Some(open), Some(mp)) if problems.is_empty() => {
                Ok(Endpoints { api, api_backup, open: origin(&open), mp })
            }
            _ => Err(InvalidConfig(problems)),
        }
    }

    fn check_timeouts(&self, problems: &mut Vec<Problem>) {
        if !(TIMEOUT_MIN..=TIMEOUT_MAX).contains(&self.timeout) {
            problems.push(("timeout", format!("must lie between \"{TIMEOUT_MIN}\" and \"{TIMEOUT_MAX}\"")));
        }
        if self.connect_timeout < CONNECT_TIMEOUT_MIN {
            problems.push(("connect_timeout", format!("must be at least \"{CONNECT_TIMEOUT_MIN}\"")));
        }
        if self.connect_timeout >= self.timeout {
            let message = "must be less than `timeout`, or a backup address is never tried".into();
            problems.push(("connect_timeout", message));
        }
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Reads a base address. Only loopback may go without TLS: AppSecrets travel in these requests.
fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("is not an address ({error}); write for example \"https://api.weixin.qq.com\"")
    })?;
    // Printing the address back would print a password in it.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user name or password".into());
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => return Err("must begin with https:// (http:// is for loopback addresses only)".into()),
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("must be scheme and host only, without a path, query or fragment".into());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_defaults_are_wechats_own_hosts_and_valid() {
        let config: Config = toml::from_str("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.validate(), []);
        let endpoints = config.endpoints().unwrap();
        assert_eq!(endpoints.api.as_str(), "https://api.weixin.qq.com/");
        assert_eq!(endpoints.open, "https://open.weixin.qq.com");
    }

    #[test]
    fn unknown_keys_are_refused_and_durations_carry_units() {
        assert!(
            toml::from_str::<Config>("apii = 'https://a.example'").unwrap_err().message().contains("apii")
        );
        assert!(toml::from_str::<Config>("timeout = 5").is_err());
        assert_eq!(toml::from_str::<Config>("timeout = '7s'").unwrap().timeout, Span::from_secs(7));
    }

    #[rstest]
    #[case::trailing_slash("https://api.example.com/", true)]
    #[case::port("https://api.example.com:8443", true)]
    #[case::loopback_name("http://localhost:8080", true)]
    #[case::loopback_v4("http://127.0.0.2:1", true)]
    #[case::loopback_v6("http://[::1]:1", true)]
    #[case::plain_http("http://api.weixin.qq.com", false)]
    #[case::a_name_that_begins_like_loopback("http://localhost.example.com", false)]
    #[case::private_network("http://10.0.0.1", false)]
    #[case::other_scheme("ftp://api.example.com", false)]
    #[case::path("https://api.example.com/wechat", false)]
    #[case::query("https://api.example.com/?a=b", false)]
    #[case::fragment("https://api.example.com/#a", false)]
    #[case::user_name("https://me@api.example.com", false)]
    #[case::password("https://:secret@api.example.com", false)]
    #[case::no_scheme("api.weixin.qq.com", false)]
    #[case::empty("", false)]
    fn base_addresses_are_origins_over_tls(#[case] text: &str, #[case] fine: bool) {
        let config = Config { api: text.into(), ..Config::default() };
        let problems = config.validate();
        assert_eq!(problems.is_empty(), fine, "{problems:?}");
        assert!(problems.iter().all(|(key, message)| *key == "api" && !message.contains("secret")));
    }

    #[test]
    fn an_empty_backup_means_none() {
        let config = Config { api_backup: String::new(), ..Config::default() };
        assert!(config.endpoints().unwrap().api_backup.is_none());
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let config = Config {
            api: "http://a.example".into(),
            api_backup: "nonsense".into(),
            open: "https://o.example/path".into(),
            mp: String::new(),
            timeout: Span::from_secs(61),
            connect_timeout: Span::from_secs(90),
        };
        let keys: Vec<_> = config.validate().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["api", "api_backup", "open", "mp", "timeout", "connect_timeout"]);
        let text = config.endpoints().unwrap_err().to_string();
        assert!(text.contains("`mp`") && text.contains("`timeout`"), "{text}");
    }

    #[rstest]
    #[case(Span::from_millis(99), Span::from_millis(50), "timeout")]
    #[case(Span::from_secs(5), Span::from_millis(9), "connect_timeout")]
    #[case(Span::from_secs(5), Span::from_secs(5), "connect_timeout")]
    fn timeouts_are_bounded(#[case] timeout: Span, #[case] connect_timeout: Span, #[case] key: &str) {
        let problems = Config { timeout, connect_timeout, ..Config::default() }.validate();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].0, key);
    }
}
