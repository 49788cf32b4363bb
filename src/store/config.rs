//! The `[store]` section: where the store is and how patient to be with it.
//!
//! No password leaves this module as text: addresses print without it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use crate::ground::{Secret, Span};

/// The `[store]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where accounts, sessions and flows live: `embedded:PATH`, `embedded:memory` (lost at the end of the
    /// process), `redis://[user[:password]@]host[:port][/db]`, or `rediss://…` for TLS. Default:
    /// `"embedded:menshen.redb"`.
    pub url: StoreUrl,
    /// The password for Redis; better in a file or a credential of its own than in `url`. Also
    /// `password_file = "path"` or `password_credential = "name"` (systemd). Default: none.
    pub password: Option<Secret>,
    /// What every key and the events' channel begin with in Redis, so that several installations can share a
    /// server. Default: `"menshen:"`.
    pub key_prefix: String,
    /// Longest time that one operation may take, reconnecting included. Default: `"2s"`.
    pub timeout: Span,
    /// File with the certificates (PEM) that vouch for a `rediss://` server, instead of the system's. Default:
    /// none.
    pub ca_file: Option<PathBuf>,
    /// How many replicas of Redis must have an account or identity before it is acknowledged. Default: `0`.
    pub wait_replicas: u32,
    /// How long to wait for them; must be shorter than `timeout`. Default: `"500ms"`.
    pub wait_timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: StoreUrl::new("embedded:menshen.redb"),
            password: None,
            key_prefix: "menshen:".into(),
            timeout: Span::from_secs(2),
            ca_file: None,
            wait_replicas: 0,
            wait_timeout: Span::from_millis(500),
        }
    }
}

impl Config {
    /// Everything wrong with the section, as (key, message).
    pub fn validate(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let target = match self.url.target() {
            Ok(target) => Some(target),
            Err(message) => {
                problems.push(("url", message));
                None
            }
        };
        let redis = match &target {
            Some(Target::Redis(redis)) => Some(redis),
            _ => None,
        };
        let separate = self.password.is_some();
        if separate && redis.is_some_and(|redis| redis.password.is_some()) {
            problems.push(("url", "a password is given in `url` and by its own key; keep one".into()));
        }
        if separate && target.is_some() && redis.is_none() {
            problems.push(("password", "the embedded store has no password".into()));
        }
        if self.ca_file.is_some() && target.is_some() && !redis.is_some_and(|redis| redis.tls) {
            problems.push(("ca_file", "only used with a `rediss://` address".into()));
        }
        if self.key_prefix.is_empty() || !self.key_prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            problems.push(("key_prefix", "must be visible ASCII characters, at least one".into()));
        }
        if self.timeout < Span::from_millis(50) || self.timeout > Span::from_secs(60) {
            problems.push(("timeout", "must be between 50ms and 60s".into()));
        }
        if self.wait_replicas > 0 && self.wait_timeout >= self.timeout {
            problems.push(("wait_timeout", "must be shorter than `timeout`".into()));
        }
        if self.wait_replicas > 0 && self.wait_timeout.millis() == 0 {
            problems.push(("wait_timeout", "must not be zero, which means for ever to Redis".into()));
        }
        if self.wait_replicas > 0 && target.is_some() && redis.is_none() {
            problems.push(("wait_replicas", "the embedded store has no replicas".into()));
        }
        problems
    }
}

/// A store's address as configured. Prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(Secret);

/// What an address means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// In this process's memory, gone with it.
    Memory,
    /// One file of this machine.
    File(PathBuf),
    /// A Redis server.
    Redis(RedisTarget),
}

/// A Redis server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisTarget {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
    /// Database number.
    pub db: u32,
    /// ACL user; `None` is `default`.
    pub user: Option<String>,
    /// Password from the address.
    pub password: Option<Secret>,
}

impl StoreUrl {
    /// Wraps an address, unread.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// Reads the address; an error says what is wrong, without the password.
    pub fn target(&self) -> Result<Target, String> {
        let text = self.0.reveal();
        if let Some(path) = text.strip_prefix("embedded:") {
            return match path {
                "" => Err("write a file after `embedded:`, for example `embedded:menshen.redb`".into()),
                "memory" => Ok(Target::Memory),
                path => Ok(Target::File(path.into())),
            };
        }
        let url = url::Url::parse(text).map_err(|error| {
            format!("not a store's address ({error}); write `embedded:PATH` or `redis://host:port`")
        })?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            scheme @ ("redis+sentinel" | "redis+cluster") => {
                return Err(format!(
                    "`{scheme}://` is not supported yet; name the primary with `redis://` or `rediss://`"
                ));
            }
            scheme => {
                return Err(format!(
                    "unknown kind of store `{scheme}`; use `embedded:`, `redis://` or `rediss://`"
                ));
            }
        };
        redis_target(&url, tls).map(Target::Redis)
    }
}

fn redis_target(url: &url::Url, tls: bool) -> Result<RedisTarget, String> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("the address names no host")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("nothing may follow the database number in a Redis address".into());
    }
    let db = match url.path().trim_start_matches('/') {
        "" => 0,
        db => db.parse().map_err(|_| "the path of a Redis address is a database number")?,
    };
    let text = |part: &str| {
        percent_encoding::percent_decode_str(part)
            .decode_utf8()
            .map(|decoded| decoded.into_owned())
            .map_err(|_| "user and password must be UTF-8".to_owned())
    };
    let user = Some(url.username()).filter(|user| !user.is_empty()).map(text).transpose()?;
    let password = url.password().map(text).transpose()?.map(Secret::new);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(RedisTarget { host, port: url.port().unwrap_or(6379), tls, db, user, password })
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target() {
            Ok(Target::Memory) => f.write_str("embedded:memory"),
            Ok(Target::File(path)) => write!(f, "embedded:{}", path.display()),
            Ok(Target::Redis(redis)) => redis.fmt(f),
            Err(_) => f.write_str("[unreadable address]"),
        }
    }
}

impl fmt::Display for RedisTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rediss://" } else { "redis://" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') { write!(f, "[{}]", self.host) } else { f.write_str(&self.host) }?;
        write!(f, ":{}/{}", self.port, self.db)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read later, by `validate`, so that a wrong address is reported together with all other problems.
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn problems(toml: &str) -> Vec<(&'static str, String)> {
        toml::from_str::<Config>(toml).unwrap().validate()
    }

    #[test]
    fn the_default_is_a_file_and_has_no_problems() {
        let config = Config::default();
        assert_eq!(config.url.target().unwrap(), Target::File("menshen.redb".into()));
        assert_eq!(config.validate(), []);
    }

    #[rstest::rstest]
    #[case("redis://cache", "redis://cache:6379/0")]
    #[case("rediss://gate:p%40ss@[::1]:6380/3", "rediss://gate@[::1]:6380/3")]
    #[case("redis://:geheim@10.0.0.1", "redis://10.0.0.1:6379/0")]
    #[case("embedded:memory", "embedded:memory")]
    #[case("embedded:/var/lib/menshen/store.redb", "embedded:/var/lib/menshen/store.redb")]
    fn an_address_prints_without_its_password(#[case] text: &str, #[case] shown: &str) {
        let url = StoreUrl::new(text);
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), format!("StoreUrl({shown})"));
    }

    #[test]
    fn user_and_password_are_decoded() {
        let Target::Redis(redis) = StoreUrl::new("redis://ga%3Ate:p%40ss@h").target().unwrap() else {
            panic!("a Redis address");
        };
        assert_eq!(redis.user.as_deref(), Some("ga:te"));
        assert_eq!(redis.password, Some(Secret::new("p@ss")));
    }

    #[rstest::rstest]
    #[case("redis+sentinel://a,b/main", "not supported yet")]
    #[case("redis+cluster://a", "not supported yet")]
    #[case("mysql://a", "unknown kind of store `mysql`")]
    #[case("menshen.redb", "embedded:PATH")]
    #[case("embedded:", "write a file")]
    #[case("redis://:geheim@", "store's address")]
    #[case("redis://:geheim@host/zero", "database number")]
    #[case("redis://:geheim@host/0?x=geheim", "nothing may follow")]
    fn a_wrong_address_says_what_to_write_and_hides_the_password(#[case] url: &str, #[case] says: &str) {
        let found = problems(&format!("url = \"{url}\""));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "url");
        assert!(found[0].1.contains(says), "{}", found[0].1);
        assert!(!found[0].1.contains("geheim"), "{}", found[0].1);
    }

    #[rstest::rstest]
    #[case("password = \"a\"\nurl = \"redis://:b@h\"", "url")]
    #[case("password = \"a\"", "password")]
    #[case("ca_file = \"a\"\nurl = \"redis://h\"", "ca_file")]
    #[case("key_prefix = \"\"", "key_prefix")]
    #[case("key_prefix = \"a b\"", "key_prefix")]
    #[case("timeout = \"0s\"", "timeout")]
    #[case("wait_replicas = 1\nwait_timeout = \"5s\"\nurl = \"redis://h\"", "wait_timeout")]
    #[case("wait_replicas = 1\nwait_timeout = \"0s\"\nurl = \"redis://h\"", "wait_timeout")]
    #[case("wait_replicas = 1", "wait_replicas")]
    fn contradictions_are_found(#[case] toml: &str, #[case] key: &str) {
        let found = problems(toml);
        assert_eq!(found.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [key], "{found:?}");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Config>("adress = \"x\"").is_err());
    }

    #[test]
    fn a_printed_section_hides_passwords() {
        let config: Config = toml::from_str("url = \"redis://u:geheim@h\"\npassword = \"geheim\"").unwrap();
        assert!(!format!("{config:?}").contains("geheim"));
    }
}
