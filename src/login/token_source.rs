//! Where the server token of an official account comes from: the keys of `[[apps]]` and what they mean.
//!
//! Never shows an address in a problem: it may hold a password.

use serde::Deserialize;
use url::{Host, Url};

use super::directory::{AppConfig, AppKind};
use crate::ground::{Secret, TokenDigest};

/// `server_token` in `[[apps]]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSourceName {
    /// `cgi-bin/stable_token`: other programs that use it, too, get the same token.
    #[default]
    Stable,
    /// `cgi-bin/token`: for accounts that must; nobody else may fetch it.
    Token,
    /// The operator's own token server.
    Endpoint,
}

/// Where the server token of an app comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenSource {
    /// `cgi-bin/stable_token`.
    #[default]
    Stable,
    /// `cgi-bin/token`.
    Classic,
    /// The operator's own token server.
    Endpoint {
        /// Its address.
        url: Url,
        /// What it wants to see as bearer token.
        secret: Option<Secret>,
    },
}

impl TokenSource {
    /// Eight hexadecimal digits that change with the source and with every secret.
    pub(in crate::login) fn mark(&self, app_secret: &Secret) -> String {
        let text = match self {
            Self::Stable => format!("stable\n{}", app_secret.reveal()),
            Self::Classic => format!("token\n{}", app_secret.reveal()),
            Self::Endpoint { url, secret } => {
                format!("endpoint\n{url}\n{}", secret.as_ref().map_or("", Secret::reveal))
            }
        };
        TokenDigest::of_text(&text).bytes()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reads the three keys of an app; `problem` gets a key and what to do about it.
pub(super) fn check(app: &AppConfig, problem: &mut impl FnMut(&str, String)) -> TokenSource {
    let given = [
        ("server_token", app.server_token.is_some()),
        ("token_endpoint", app.token_endpoint.is_some()),
        ("token_endpoint_secret", app.token_endpoint_secret.is_some()),
    ];
    let mut refuse = |keys: &[(&str, bool)], message: &str| {
        for (key, _) in keys.iter().filter(|(_, given)| *given) {
            problem(key, message.to_owned());
        }
    };
    if !matches!(app.kind, AppKind::OfficialAccount | AppKind::MiniProgram) {
        refuse(&given, "only an official_account or a mini_program has a server token; remove the key");
        return TokenSource::Stable;
    }
    match app.server_token.unwrap_or_default() {
        TokenSourceName::Endpoint => {}
        name => {
            refuse(
                &given[1..],
                "set `server_token = \"endpoint\"` to ask your own token server, or remove the key",
            );
            let classic = name == TokenSourceName::Token;
            return if classic { TokenSource::Classic } else { TokenSource::Stable };
        }
    }
    match app.token_endpoint.as_deref().map(endpoint) {
        None => {
            let message = "is missing; write the address of your token server, for example \
                           \"https://tokens.example.com/wechat\"";
            problem("token_endpoint", message.to_owned());
        }
        Some(Err(message)) => problem("token_endpoint", message),
        Some(Ok(url)) => return TokenSource::Endpoint { url, secret: app.token_endpoint_secret.clone() },
    }
    TokenSource::Stable
}

/// Reads the address of a token server. Only loopback may go without TLS: tokens travel back.
fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("is not an address ({error}); write for example \"https://tokens.example.com/wechat\"")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user name or password; use token_endpoint_secret".into());
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment (#…), which is never sent".into());
    }
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        _ => Err("must begin with https:// (http:// is for loopback addresses only)".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rstest::rstest;

    const ACCOUNT: &str = "id = 'a'\nkind = 'official_account'\napp_id = 'wx1'\nsecret = 's'\npool = 'p'\n";

    fn read(text: &str) -> (TokenSource, Vec<(String, String)>) {
        let mut problems = Vec::new();
        let config: AppConfig = toml::from_str(text).unwrap();
        let source = check(&config, &mut |key: &str, message| problems.push((key.to_owned(), message)));
        (source, problems)
    }

    fn account(more: &str) -> (TokenSource, Vec<(String, String)>) {
        read(&format!("{ACCOUNT}{more}"))
    }

    #[rstest]
    #[case("", TokenSource::Stable)]
    #[case("server_token = 'stable'", TokenSource::Stable)]
    #[case("server_token = 'token'", TokenSource::Classic)]
    fn wechats_own_sources_need_nothing_more(#[case] more: &str, #[case] expected: TokenSource) {
        assert_eq!(account(more), (expected, vec![]));
    }

    #[rstest]
    #[case("https://t.example.com/wechat?key=1", None)]
    #[case("http://127.0.0.1:9000", None)]
    #[case("http://localhost:9000/t", Some("abc"))]
    fn an_endpoint_is_an_address_with_or_without_a_secret(#[case] url: &str, #[case] secret: Option<&str>) {
        let with = secret.map(|secret| format!("token_endpoint_secret = '{secret}'")).unwrap_or_default();
        let read = account(&format!("server_token = 'endpoint'\ntoken_endpoint = '{url}'\n{with}"));
        let url = url.parse().unwrap();
        assert_eq!(read, (TokenSource::Endpoint { url, secret: secret.map(Secret::new) }, vec![]));
    }

    #[rstest]
    #[case::no_address("server_token = 'endpoint'", "token_endpoint", "is missing")]
    #[case::no_tls(
        "server_token = 'endpoint'\ntoken_endpoint = 'http://t.example.com/'",
        "token_endpoint",
        "https"
    )]
    #[case::another_scheme(
        "server_token = 'endpoint'\ntoken_endpoint = 'ftp://127.0.0.1/'",
        "token_endpoint",
        "https"
    )]
    #[case::no_url("server_token = 'endpoint'\ntoken_endpoint = 'tokens'", "token_endpoint", "for example")]
    #[case::a_password(
        "server_token = 'endpoint'\ntoken_endpoint = 'https://u:hidden@t.example.com/'",
        "token_endpoint",
        "token_endpoint_secret"
    )]
    #[case::a_fragment(
        "server_token = 'endpoint'\ntoken_endpoint = 'https://t.example.com/#a'",
        "token_endpoint",
        "fragment"
    )]
    #[case::an_address_for_nothing(
        "token_endpoint = 'https://t.example.com/'",
        "token_endpoint",
        "\"endpoint\""
    )]
    #[case::a_secret_for_nothing(
        "server_token = 'token'\ntoken_endpoint_secret = 'x'",
        "token_endpoint_secret",
        "\"endpoint\""
    )]
    fn what_does_not_fit_together_says_what_to_do(#[case] more: &str, #[case] key: &str, #[case] says: &str) {
        let (_, problems) = account(more);
        assert_eq!(problems.len(), 1, "{problems:?}");
        let (at, message) = &problems[0];
        assert!(at == key && message.contains(says) && !message.contains("hidden"), "{problems:?}");
    }

    #[test]
    fn a_website_app_has_no_server_token() {
        let website = ACCOUNT.replace("official_account", "website");
        let (_, problems) = read(&format!("{website}server_token = 'stable'\ntoken_endpoint_secret = 'x'"));
        let keys: Vec<_> = problems.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["server_token", "token_endpoint_secret"]);
        assert_eq!(read(&website).1, vec![]);
    }

    #[test]
    fn every_source_and_secret_has_a_mark_of_its_own() {
        let url: Url = "https://t.example.com/".parse().unwrap();
        let endpoint = |secret: Option<&str>| TokenSource::Endpoint {
            url: url.clone(),
            secret: secret.map(Secret::new),
        };
        let sources = [TokenSource::Stable, TokenSource::Classic, endpoint(None), endpoint(Some("x"))];
        let mut marks: Vec<_> = sources.iter().map(|source| source.mark(&Secret::new("s"))).collect();
        marks.push(TokenSource::Stable.mark(&Secret::new("t")));
        assert!(marks.iter().all(|mark| mark.len() == 8 && mark.bytes().all(|b| b.is_ascii_hexdigit())));
        marks.sort();
        marks.dedup();
        assert_eq!(marks.len(), 5);
        assert_eq!(TokenSource::Stable.mark(&Secret::new("s")), sources[0].mark(&Secret::new("s")));
    }
}
