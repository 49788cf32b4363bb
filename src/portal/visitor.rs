//! Who asks: read once from the request and the proxy's own headers, handed to every page.
//!
//! The proxy sets `x-menshen-client-ip`, `x-menshen-scheme`, `x-menshen-request-id` and `x-menshen-step-aside` after
//! removing every client copy, and strips nothing else: cookies, `User-Agent` and `Accept-Language` are the visitor's.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Portal, answer};
use crate::gate::client::{ClientKind, client_kind};
use crate::gate::route::host_name;
use crate::ground::{Timestamp, Token, TokenDigest};
use crate::login::{Context, Presence, STEP_ASIDE, Visit};
use crate::pages::Lang;
use crate::snapshot::Snapshot;

/// The visitor of one request.
#[derive(Clone)]
pub(super) struct Visitor {
    /// The config this request is answered by, from its first byte to its last.
    pub(super) snapshot: Arc<Snapshot>,
    /// The host asked for: lower case, no port.
    pub(super) host: String,
    /// The visitor's address, if known.
    pub(super) ip: Option<String>,
    /// Names the request in logs and on pages.
    pub(super) request_id: String,
    /// The language of the answer.
    pub(super) lang: Lang,
    /// What kind of browser it is.
    pub(super) client: ClientKind,
    /// Whether the rest of a long answer may be carried without us.
    pub(super) may_step_aside: bool,
    /// Whether a page is wanted rather than JSON.
    pub(super) wants_page: bool,
    /// The browser's own secret.
    pub(super) browser: Option<Token>,
    /// The login method chosen last in this browser.
    pub(super) chosen: Option<String>,
    /// Candidates for a session, as the cookies came.
    pub(super) tokens: Vec<Token>,
    user_agent: Option<String>,
    /// When the request came.
    pub(super) now: Timestamp,
}

impl Visitor {
    fn read(portal: &Portal, headers: &HeaderMap) -> Self {
        let snapshot = portal.live.load_full();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let user_agent = text("user-agent").unwrap_or_default();
        let cookies = || headers.get_all(header::COOKIE).iter().map(|value| value.as_bytes());
        let site = &snapshot.site;
        let mut tokens = site.cookies.session_tokens(cookies());
        tokens.extend(crate::gate::cookies::bearer(headers));
        Self {
            host: host_name(text("host").unwrap_or_default()).to_ascii_lowercase(),
            ip: text("x-menshen-client-ip").map(str::to_owned),
            request_id: text("x-menshen-request-id").unwrap_or("-").to_owned(),
            lang: snapshot.pages.lang(text("accept-language").unwrap_or_default()),
            client: client_kind(user_agent),
            may_step_aside: headers.contains_key(STEP_ASIDE),
            wants_page: text("accept").is_some_and(|accept| accept.contains("text/html")),
            browser: site.cookies.browser_token(cookies()),
            chosen: site.cookies.chosen_method(cookies()).map(str::to_owned),
            tokens,
            user_agent: Some(user_agent).filter(|text| !text.is_empty()).map(str::to_owned),
            now: portal.login.now(),
            snapshot,
        }
    }

    /// The live session of this visitor, with the digest of its token.
    pub(super) async fn session(&self, portal: &Portal) -> (Presence, Option<TokenDigest>) {
        let mut last = Presence::Stranger;
        for token in &self.tokens {
            let digest = token.digest();
            let rules = &self.snapshot.sessions;
            let presence = portal.login.sessions().find(&digest, &self.host, rules, self.now).await;
            match presence {
                Presence::Known(_) => return (presence, Some(digest)),
                Presence::Stranger => {}
                Presence::Expired | Presence::StoreDown => last = presence,
            }
        }
        (last, None)
    }

    /// Whether this is the host that logins happen on.
    pub(super) fn on_public_host(&self) -> bool {
        self.host == self.snapshot.site.hosts.public_host()
    }

    /// What a login notes about this visitor.
    pub(super) fn visit(&self) -> Visit {
        Visit {
            browser: self.browser.clone(),
            former: self.tokens.iter().map(Token::digest).collect(),
            ip: self.ip.clone(),
            user_agent: self.user_agent.clone(),
        }
    }

    /// What the use cases of logins work with.
    pub(super) fn context(&self) -> Context<'_> {
        let snapshot = &self.snapshot;
        Context {
            directory: &snapshot.directory,
            wechat: &snapshot.wechat,
            rules: &snapshot.sessions,
            host: &self.host,
        }
    }

    /// The address of an own page on this host.
    pub(super) fn own(&self, path: &str) -> String {
        format!("{}/{path}", self.snapshot.site.prefix)
    }
}

/// Set by [`prepare`] on every request.
impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let visitor = parts.extensions.get::<Self>().cloned();
        Ok(visitor.expect("`prepare` is a layer around every route of the portal"))
    }
}

/// Reads the visitor, takes the prefix off the path, and puts our headers on the answer.
pub(super) async fn prepare(State(portal): State<Portal>, mut request: Request, next: Next) -> Response {
    let mut visitor = Visitor::read(&portal, request.headers());
    // Whoever calls the API reads JSON, whatever their HTTP library says that it accepts.
    visitor.wants_page &= !request.uri().path().starts_with("/api/");
    request.extensions_mut().insert(visitor.clone());
    let mut response = next.run(request).await;
    answer::seal(response.headers_mut(), &visitor);
    response
}

/// Takes the configured prefix off the path, for the router; a path without it leads nowhere.
pub(super) fn take_prefix_off(mut request: Request, prefix: &str) -> Request {
    *request.uri_mut() = without_prefix(request.uri(), prefix).unwrap_or(Uri::from_static("/nothing/here"));
    request
}

fn without_prefix(uri: &Uri, prefix: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(prefix)?;
    let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    Some(Uri::from(rest.parse::<PathAndQuery>().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_prefix_is_taken_off_and_the_query_kept() {
        let off = |target: &str| without_prefix(&target.parse().unwrap(), "/_menshen").map(|u| u.to_string());
        assert_eq!(off("/_menshen/login?rt=%2Fa"), Some("/login?rt=%2Fa".into()));
        assert_eq!(off("/_menshen"), Some("/".into()));
        assert_eq!(off("/other/login"), None);
    }
}
