//! Makes clients and looks at the server before it is trusted with accounts.
//!
//! Its errors say what the operator can change, and never contain a password.

use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, RedisConnectionInfo, RedisError};

use super::super::config::{Config, RedisTarget};
use super::super::{OpenError, StoreError};
use super::link::{Again, Link};
use crate::ground::Secret;

/// The oldest version with `GETDEL` and `ZADD … GT`.
const OLDEST: (u32, u32) = (6, 2);

/// A client for the server; does not connect.
pub(super) async fn client(
    server: &RedisTarget,
    password: Option<&Secret>,
    config: &Config,
) -> Result<Client, OpenError> {
    let mut login = RedisConnectionInfo::default().set_db(server.db.into()).set_skip_set_lib_name();
    if let Some(user) = &server.user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(password.reveal());
    }
    // A peer that vanished without a word is noticed by unanswered data, not after the system's 15 minutes.
    let patience = config.timeout.duration().max(Duration::from_secs(1));
    let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(patience);
    let (host, port) = (server.host.clone(), server.port);
    let address = if server.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let unusable =
        |source: RedisError| OpenError::Unreachable { server: server.to_string(), source: Box::new(source) };
    let info = address.into_connection_info().map_err(unusable)?;
    let info = info.set_redis_settings(login).set_tcp_settings(tcp);
    let Some(path) = &config.ca_file else { return Client::open(info).map_err(unusable) };
    let file =
        |source: Box<dyn std::error::Error + Send + Sync>| OpenError::File { path: path.clone(), source };
    let root_cert = tokio::fs::read(path).await.map_err(|source| file(source.into()))?;
    let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(root_cert) };
    Client::build_with_tls(info, certificates).map_err(|source| file(source.into()))
}

/// Connects, and refuses a server that cannot do what is needed.
pub(super) async fn examine(link: &Link, server: &RedisTarget) -> Result<(), OpenError> {
    let mut info = redis::cmd("INFO");
    info.arg("server");
    let told = link.begin("asking for the server's version").ask::<String>(info, Again::Yes).await;
    match told {
        Ok(info) => check_version(&info, server)?,
        // An ACL user need not be allowed to ask.
        Err(error) if denied(&error) => {}
        Err(error) => return Err(open_error(error, server)),
    }
    let mut memory = redis::cmd("INFO");
    memory.arg("memory");
    let told = link.begin("asking for the eviction policy").ask::<String>(memory, Again::Yes).await;
    if let Some(policy) = told.as_deref().ok().and_then(|info| field(info, "maxmemory_policy")) {
        warn_of_eviction(policy, server);
    }
    link.begin("asking the store")
        .ask::<()>(redis::cmd("PING"), Again::Yes)
        .await
        .map_err(|error| open_error(error, server))
}

/// What a failure at the start means to the operator.
pub(super) fn open_error(error: StoreError, server: &RedisTarget) -> OpenError {
    let server = server.to_string();
    match error {
        StoreError::Unavailable { source, .. } => match source.downcast::<RedisError>() {
            Ok(source) if refuses_login(&source) => OpenError::Credentials { server, source },
            Ok(source) => OpenError::Unreachable { server, source },
            Err(source) => OpenError::Unreachable { server, source },
        },
        error => OpenError::Broken(error),
    }
}

fn refuses_login(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
}

fn denied(error: &StoreError) -> bool {
    let StoreError::Unavailable { source, .. } = error else { return false };
    source.downcast_ref::<RedisError>().is_some_and(|error| error.code() == Some("NOPERM"))
}

fn check_version(info: &str, server: &RedisTarget) -> Result<(), OpenError> {
    let found = field(info, "redis_version").unwrap_or("of unknown version");
    let mut parts = found.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(()),
        _ => Err(OpenError::TooOld { server: server.to_string(), found: found.into() }),
    }
}

fn warn_of_eviction(policy: &str, server: &RedisTarget) {
    if policy.starts_with("allkeys") {
        tracing::warn!(
            %server,
            policy,
            "this Redis deletes accounts when its memory is full; set maxmemory-policy to noeviction"
        );
    }
}

/// A field of the answer to `INFO`.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::{StoreUrl, Target};
    use super::*;

    fn server() -> RedisTarget {
        match StoreUrl::new("redis://:geheim@cache").target() {
            Ok(Target::Redis(server)) => server,
            other => panic!("{other:?}"),
        }
    }

    #[rstest::rstest]
    #[case("6.2.0", true)]
    #[case("7.0.15", true)]
    #[case("10.1.0-rc1", true)]
    #[case("6.0.16", false)]
    #[case("5.0.7", false)]
    #[case("unstable", false)]
    fn a_server_older_than_6_2_is_refused_by_name(#[case] version: &str, #[case] good: bool) {
        let info = format!("# Server\r\nredis_version:{version}\r\nredis_mode:standalone\r\n");
        match check_version(&info, &server()) {
            Ok(()) => assert!(good),
            Err(error) => {
                assert!(!good);
                let says = format!("redis://cache:6379/0 is Redis {version}; at least 6.2 is needed");
                assert_eq!(error.to_string(), says);
            }
        }
    }
}
