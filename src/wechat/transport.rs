//! One request to WeChat over the process's one HTTP client.
//!
//! Never follows a redirect, never uses a proxy from the environment, never reads more than it is told to, and never
//! lets an address out of its hands: WeChat puts secrets into queries.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, USER_AGENT};
use url::Url;

use super::config::Config;
use crate::ground::{Secret, Span};

/// Connections to WeChat; built once for the process, shared by every [`super::Client`], outlives reloads.
#[derive(Clone, Debug)]
pub struct Transport {
    http: reqwest::Client,
}

/// The HTTP client could not be built: the system's TLS library is unusable.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for WeChat could not be built")]
pub struct TransportError(#[source] reqwest::Error);

/// A server gave no answer. Names no address.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// No connection; nothing was sent.
    #[error("no connection")]
    Connect(#[source] reqwest::Error),
    /// The connection broke after the request may have been sent.
    #[error("the connection broke before the answer was complete")]
    Lost(#[source] reqwest::Error),
    /// No complete answer within the limit.
    #[error("no answer in time")]
    Timeout,
    /// A longer answer than is read.
    #[error("the answer is too large")]
    TooLarge,
}

/// Unused connections are closed before WeChat closes them: a request on a connection that is just being closed is
/// lost, and a lost code exchange must not be repeated.
const IDLE: Duration = Duration::from_secs(20);
const IDLE_CONNECTIONS: usize = 16;

impl Transport {
    /// Builds the client; of `config` only `connect_timeout` is used.
    ///
    /// # Errors
    /// If the TLS library cannot be initialised.
    pub fn new(config: &Config) -> Result<Self, TransportError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("menshen/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .min_tls_version(reqwest::tls::Version::TLS_1_2)
            .connect_timeout(config.connect_timeout.duration())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build()
            .map_err(|error| TransportError(error.without_url()))?;
        Ok(Self { http })
    }

    /// Sends one request; answers as soon as the head of the answer is there. The caller bounds the time.
    pub(super) async fn send(&self, outgoing: Outgoing<'_>) -> Result<Arriving, NoAnswer> {
        let Outgoing { url, body, content_type, bearer, user_agent } = outgoing;
        let mut request = match body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).body(body),
        };
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some(user_agent) = user_agent {
            request = request.header(USER_AGENT, user_agent);
        }
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer.reveal());
        }
        request.send().await.map(Arriving).map_err(failure)
    }
}

/// One request: a POST if it has a body, else a GET.
pub(super) struct Outgoing<'a> {
    pub(super) url: Url,
    pub(super) body: Option<Bytes>,
    pub(super) content_type: Option<&'a str>,
    pub(super) bearer: Option<&'a Secret>,
    /// In place of our own.
    pub(super) user_agent: Option<&'a str>,
}

/// An answer whose body is still on its way.
pub(super) struct Arriving(reqwest::Response);

impl Arriving {
    pub(super) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    pub(super) fn content_type(&self) -> Option<String> {
        self.header(CONTENT_TYPE)
    }

    /// A header of the answer, if it is text.
    pub(super) fn header(&self, name: HeaderName) -> Option<String> {
        Some(self.0.headers().get(name)?.to_str().ok()?.to_owned())
    }

    /// The body, or its first `limit` bytes if it is longer.
    pub(super) async fn beginning(&mut self, limit: usize) -> Result<Vec<u8>, NoAnswer> {
        let mut body = Vec::new();
        while body.len() < limit {
            let Some(chunk) = self.0.chunk().await.map_err(failure)? else { break };
            body.extend_from_slice(&chunk[..chunk.len().min(limit - body.len())]);
        }
        Ok(body)
    }

    /// The whole body, if it is not longer than `limit` bytes.
    pub(super) async fn body(&mut self, limit: usize) -> Result<Vec<u8>, NoAnswer> {
        let mut body = Vec::new();
        while let Some(chunk) = self.0.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > limit {
                return Err(NoAnswer::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn failure(error: reqwest::Error) -> NoAnswer {
    // The address holds the AppSecret or a token, and the error prints it.
    let error = error.without_url();
    if error.is_connect() { NoAnswer::Connect(error) } else { NoAnswer::Lost(error) }
}

/// How long to wait between the tries of one call: doubling from a first wait.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Span,
}

impl Backoff {
    /// Waits `first`, then twice as long each time. Zero is for tests.
    pub const fn from(first: Span) -> Self {
        Self { first }
    }

    /// The wait after the `tries`-th try failed, counted from 1.
    pub(super) fn after(self, tries: u32) -> Duration {
        self.first.duration().saturating_mul(2u32.saturating_pow(tries.saturating_sub(1)))
    }
}

impl Default for Backoff {
    /// One second, two, four: what WeChat's own SDK advice and the public SDKs do about error −1.
    fn default() -> Self {
        Self::from(Span::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_one_second() {
        let waits = [1, 2, 3].map(|tries| Backoff::default().after(tries).as_secs());
        assert_eq!(waits, [1, 2, 4]);
        assert_eq!(Backoff::from(Span::from_secs(0)).after(3), Duration::ZERO);
        assert!(Backoff::default().after(u32::MAX) > Duration::from_secs(4));
    }
}
