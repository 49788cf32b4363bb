//! The calls that speak for an account: its server token.
//!
//! Keeps no token and renews none: who owns the one token of an account is decided elsewhere.

use serde_json::json;
use url::Url;

use super::client::{Client, Request, To, seconds};
use super::codes::{Call, Credential};
use super::error::Error;
use super::wire::{Answer, Unreadable};
use crate::ground::{Secret, Span};

static STABLE_TOKEN: Call =
    Call { name: "cgi-bin/stable_token", credential: Credential::AppSecret, spends_code: false };
static CLASSIC_TOKEN: Call =
    Call { name: "cgi-bin/token", credential: Credential::AppSecret, spends_code: false };
static ENDPOINT_TOKEN: Call =
    Call { name: "token endpoint", credential: Credential::Endpoint, spends_code: false };

/// What speaks for an account in the calls of its server API ("access_token" in WeChat's documents, but not a user's).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerToken {
    /// At most 4096 visible ASCII characters; WeChat asks to reserve 512.
    pub token: Secret,
    /// How long it lives yet, in whole seconds; more than none, documented as two hours at most.
    pub expires_in: Span,
}

impl ServerToken {
    fn read(answer: &Answer) -> Result<Self, Unreadable> {
        let token = answer.secret("access_token")?.ok_or(Unreadable::Missing("access_token"))?;
        match answer.integer("expires_in") {
            None => Err(Unreadable::Missing("expires_in")),
            Some(..=0) => Err(Unreadable::Impossible("expires_in")),
            number => Ok(Self { token, expires_in: Span::from_secs(seconds(number)) }),
        }
    }
}

impl Client {
    /// The account's current token, the same for all who ask; WeChat renews it 5 minutes before its end.
    ///
    /// With `force` WeChat gives a new one and the old one is dead at once: at most 20 times a day and once in 30
    /// seconds. Source: official page "获取稳定版接口调用凭据".
    ///
    /// # Errors
    /// As [`Error::action`] says.
    pub async fn stable_token(
        &self,
        app_id: &str,
        secret: &Secret,
        force: bool,
    ) -> Result<ServerToken, Error> {
        let body = json!({
            "grant_type": "client_credential",
            "appid": app_id,
            "secret": secret.reveal(),
            "force_refresh": force,
        });
        let request = Request {
            json: Some(body.to_string().into()),
            hidden: &[secret.reveal()],
            once: force,
            ..Request::get(&STABLE_TOKEN, "/cgi-bin/stable_token")
        };
        self.call(&request, ServerToken::read).await
    }

    /// A new token of the older kind; the one before it dies within 5 minutes, whoever uses it.
    ///
    /// Source: official page "获取接口调用凭据".
    ///
    /// # Errors
    /// As [`Error::action`] says.
    pub async fn classic_token(&self, app_id: &str, secret: &Secret) -> Result<ServerToken, Error> {
        let request = Request {
            query: &[("grant_type", "client_credential"), ("appid", app_id), ("secret", secret.reveal())],
            hidden: &[secret.reveal()],
            ..Request::get(&CLASSIC_TOKEN, "/cgi-bin/token")
        };
        self.call(&request, ServerToken::read).await
    }

    /// The token that the operator's own token server keeps, asked with `GET {endpoint}?appid=…` and, if `stale`,
    /// `&refresh=1`: WeChat says that the one it gave is dead. It answers as `cgi-bin/token` does.
    ///
    /// # Errors
    /// As [`Error::action`] says; HTTP status 401 and 403 are a fault of the config.
    pub async fn endpoint_token(
        &self,
        endpoint: &Url,
        bearer: Option<&Secret>,
        app_id: &str,
        stale: bool,
    ) -> Result<ServerToken, Error> {
        let query = [("appid", app_id), ("refresh", "1")];
        let request = Request {
            to: To::Address(endpoint),
            query: if stale { &query } else { &query[..1] },
            bearer,
            hidden: &[bearer.map_or("", Secret::reveal)],
            ..Request::get(&ENDPOINT_TOKEN, "")
        };
        self.call(&request, ServerToken::read).await
    }
}
