//! An app behind the gateway, as configured: addresses, timeouts, TLS. Plain data; resolving names and
//! keeping connections is the proxy's.

use std::path::PathBuf;

use serde::Deserialize;

use crate::ground::Span;

/// `[[upstreams]]`: an app behind the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Name; routes refer to it.
    pub id: String,
    /// `http://host:port`, `https://host:port` or `unix:/path/to.sock`; several are used in turn.
    pub servers: Vec<String>,
    /// Longest time to connect to one address. Default `"3s"`.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
    /// Longest time the app may take to accept more of a request. Default `"30s"`.
    #[serde(default = "write_timeout")]
    pub write_timeout: Span,
    /// How long an unused connection to the app is kept; shorter than the app keeps it. Default `"50s"`.
    #[serde(default = "idle_timeout")]
    pub idle_timeout: Span,
    /// The name the app's certificate must carry; default: the host of the server's address.
    #[serde(default)]
    pub tls_name: Option<String>,
    /// Certificates to trust instead of the system's, as a PEM file.
    #[serde(default)]
    pub tls_ca_file: Option<PathBuf>,
    /// Whether the app's certificate is checked. Default true.
    #[serde(default = "yes")]
    pub tls_verify: bool,
}

fn connect_timeout() -> Span {
    Span::from_secs(3)
}

fn write_timeout() -> Span {
    Span::from_secs(30)
}

fn idle_timeout() -> Span {
    Span::from_secs(50)
}

fn yes() -> bool {
    true
}

/// A checked upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name in config.
    pub id: String,
    /// At least one server.
    pub servers: Vec<Server>,
    /// Longest time to connect to one address.
    pub connect_timeout: Span,
    /// Longest time the app may take to accept more of a request.
    pub write_timeout: Span,
    /// How long an unused connection is kept.
    pub idle_timeout: Span,
    /// Whether certificates are checked.
    pub tls_verify: bool,
    /// PEM text of the certificates to trust instead of the system's.
    pub tls_ca: Option<String>,
}

/// One server of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it listens.
    pub address: ServerAddress,
    /// The name its certificate must carry, if it speaks TLS; never empty.
    pub tls_name: Option<String>,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// A host name or an IP address, and a port.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl UpstreamConfig {
    /// Checks the upstream; problems are (key, message).
    pub fn check(&self) -> Result<Upstream, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let mut servers = Vec::new();
        if self.servers.is_empty() {
            problems.push(("servers".to_owned(), "at least one server is needed".to_owned()));
        }
        for (index, text) in self.servers.iter().enumerate() {
            match self.server(text) {
                Ok(server) => servers.push(server),
                Err(message) => problems.push((format!("servers[{index}]"), message)),
            }
        }
        for (key, span) in [
            ("connect_timeout", self.connect_timeout),
            ("write_timeout", self.write_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            if span.millis() == 0 {
                problems.push((key.to_owned(), "must be longer than nothing".to_owned()));
            }
        }
        let tls_ca = self.tls_ca_file.as_ref().and_then(|path| match std::fs::read_to_string(path) {
            Ok(pem) => Some(pem),
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", path.display());
                problems.push(("tls_ca_file".to_owned(), message));
                None
            }
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Upstream {
            id: self.id.clone(),
            servers,
            connect_timeout: self.connect_timeout,
            write_timeout: self.write_timeout,
            idle_timeout: self.idle_timeout,
            tls_verify: self.tls_verify,
            tls_ca,
        })
    }

    fn server(&self, text: &str) -> Result<Server, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Server { address: ServerAddress::Unix(path.into()), tls_name: None })
            } else {
                Err(format!("`{text}`: a socket needs an absolute path, as in \"unix:/run/app.sock\""))
            };
        }
        let help = "write \"http://host:port\", \"https://host:port\" or \"unix:/path\"";
        let url = url::Url::parse(text).map_err(|error| format!("`{text}`: {error}; {help}"))?;
        let bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(format!("`{text}` names no host; {help}"));
        };
        if !bare {
            return Err(format!("`{text}`: only scheme, host and port belong here; {help}"));
        }
        // IPv6 addresses are written in brackets in an address, and without when connecting.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        match url.scheme() {
            "http" => Ok(Server { address: ServerAddress::Tcp(host, port), tls_name: None }),
            "https" => {
                let name = self.tls_name.clone().filter(|name| !name.is_empty());
                let tls_name = name.unwrap_or_else(|| host.clone());
                Ok(Server { address: ServerAddress::Tcp(host, port), tls_name: Some(tls_name) })
            }
            other => Err(format!("`{text}`: the scheme `{other}` is not known; {help}")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config(server: &str) -> UpstreamConfig {
        toml::from_str(&format!("id = \"app\"\nservers = [{server:?}]")).unwrap()
    }

    #[rstest::rstest]
    #[case("http://127.0.0.1:3000", ServerAddress::Tcp("127.0.0.1".into(), 3000), None)]
    #[case("http://[::1]:3000/", ServerAddress::Tcp("::1".into(), 3000), None)]
    #[case("https://app.internal", ServerAddress::Tcp("app.internal".into(), 443), Some("app.internal"))]
    #[case("unix:/run/app.sock", ServerAddress::Unix("/run/app.sock".into()), None)]
    fn a_server_is_read(#[case] text: &str, #[case] address: ServerAddress, #[case] name: Option<&str>) {
        let upstream = config(text).check().unwrap();
        assert_eq!(upstream.servers, [Server { address, tls_name: name.map(str::to_owned) }]);
    }

    #[rstest::rstest]
    #[case("127.0.0.1:3000")]
    #[case("ftp://x:21")]
    #[case("http://x:1/path")]
    #[case("http://me@x:1")]
    #[case("unix:app.sock")]
    #[case("")]
    fn another_text_is_refused_with_a_word_on_what_to_write(#[case] text: &str) {
        let problems = config(text).check().unwrap_err();
        assert_eq!(problems[0].0, "servers[0]");
        assert!(problems[0].1.contains("unix:/"), "{}", problems[0].1);
    }
}
