//! A signed request to a service of the operator: JSON by POST, signed as the Standard Webhooks specification says.
//!
//! Never follows a redirect, never uses a proxy from the environment, never asks twice and never prints the address: it
//! may hold a secret.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use tokio::time::timeout;
use url::Url;
use zeroize::Zeroizing;

use super::config::{is_this_machine, timeout_problem};
use super::error::NotifyError;
use crate::ground::{Clock as _, Secret, Span, SystemClock, Timestamp, random_id};

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What can be guessed proves nothing.
const MIN_SECRET: usize = 16;

/// How the specification marks a secret whose rest is Base64.
const ENCODED: &str = "whsec_";

/// A service of the operator that believes what we sign.
#[derive(Clone)]
pub struct Webhook {
    http: reqwest::Client,
    url: Url,
    key: Zeroizing<Vec<u8>>,
    limit: Duration,
}

impl Webhook {
    /// Checks the address, the secret and the limit of one request; never opens a connection.
    ///
    /// A secret that begins with `whsec_` is Base64 behind it, as the specification writes keys; any other is taken as
    /// it is.
    ///
    /// # Errors
    /// Everything that is wrong, as (`url`, `secret` or `timeout`, what to do).
    pub fn new(url: &str, secret: &Secret, limit: Span) -> Result<Self, Vec<(&'static str, String)>> {
        let mut problems = Vec::new();
        let mut problem = |key, message| problems.push((key, message));
        let url = address(url).map_err(|message| problem("url", message)).ok();
        let key = key_of(secret).map_err(|message| problem("secret", message)).ok();
        if let Some(message) = timeout_problem(limit) {
            problem("timeout", message);
        }
        let limit = limit.duration();
        let http = client(limit).map_err(|error| problem("url", format!("TLS is unusable: {error}"))).ok();
        match (http, url, key) {
            (Some(http), Some(url), Some(key)) if problems.is_empty() => Ok(Self { http, url, key, limit }),
            _ => Err(problems),
        }
    }

    /// Asks, and reads the answer: status 2xx and JSON of at most 64 KiB.
    ///
    /// # Errors
    /// [`NotifyError::Refused`] with every other status. No error names the address, the question or the answer.
    pub async fn ask<Q: Serialize, A: DeserializeOwned>(&self, question: &Q) -> Result<A, NotifyError> {
        self.limited(async {
            let mut answer = self.post(question).await?;
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(failure)? {
                if body.len() + chunk.len() > MAX_ANSWER {
                    return Err(NotifyError::BadAnswer("larger than 64 KiB"));
                }
                body.extend_from_slice(&chunk);
            }
            // What serde says quotes the answer.
            serde_json::from_slice(&body).map_err(|_| NotifyError::BadAnswer("not the JSON that is expected"))
        })
        .await
    }

    /// Tells, and reads of the answer only whether its status is 2xx.
    ///
    /// # Errors
    /// As [`Webhook::ask`].
    pub async fn tell<Q: Serialize>(&self, message: &Q) -> Result<(), NotifyError> {
        self.limited(async { self.post(message).await.map(drop) }).await
    }

    async fn limited<T>(
        &self,
        asked: impl Future<Output = Result<T, NotifyError>>,
    ) -> Result<T, NotifyError> {
        timeout(self.limit, asked).await.unwrap_or(Err(NotifyError::Timeout))
    }

    /// One request; answers when the head of an answer with status 2xx is there.
    async fn post<Q: Serialize>(&self, message: &Q) -> Result<reqwest::Response, NotifyError> {
        let body = serde_json::to_vec(message)
            .map_err(|_| NotifyError::Unsendable("this cannot be written as JSON"))?;
        let id = format!("msg_{}", random_id(&mut rand::rng(), 26));
        // Not the time of the request that led here: another machine holds it against its own clock.
        let now = SystemClock.now();
        let answer = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", now.secs())
            .header("webhook-signature", signature(&self.key, &id, now, &body))
            .body(body)
            .send()
            .await
            .map_err(failure)?;
        let status = answer.status();
        if status.is_success() { Ok(answer) } else { Err(NotifyError::Refused(status.as_u16())) }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

fn client(limit: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("menshen/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .min_tls_version(reqwest::tls::Version::TLS_1_2)
        .connect_timeout(limit)
        // Few requests, far apart: a connection kept open would mostly be one that the other side just closes.
        .pool_max_idle_per_host(0)
        .build()
}

/// Reads an address. Only this machine may go without TLS: codes and passwords travel there.
fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("is not an address ({error}); write for example \"https://intranet.example.com/menshen\"")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user name or password; requests are signed with the secret".into());
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment (#…), which is never sent".into());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if url.host().is_some_and(|host| is_this_machine(&host)) => Ok(url),
        _ => Err("must begin with https:// (http:// is for loopback addresses only)".into()),
    }
}

fn key_of(secret: &Secret) -> Result<Zeroizing<Vec<u8>>, String> {
    let text = secret.reveal();
    if text.is_empty() {
        return Err("is missing; make one with `echo whsec_$(openssl rand -base64 32)` and give it to the \
                    service as well"
            .into());
    }
    let key = match text.strip_prefix(ENCODED) {
        None => text.as_bytes().to_vec(),
        Some(encoded) => STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).map_err(|_| {
            format!(
                "begins with {ENCODED}, but what follows is not Base64; `openssl rand -base64 32` makes it"
            )
        })?,
    };
    if key.len() < MIN_SECRET {
        return Err(format!(
            "is too short to be safe: at least {MIN_SECRET} characters, better 32 random bytes"
        ));
    }
    Ok(Zeroizing::new(key))
}

/// The value of `webhook-signature`.
fn signature(key: &[u8], id: &str, at: Timestamp, body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{}.", at.secs()).as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn failure(error: reqwest::Error) -> NotifyError {
    // The address may hold a secret, and the error prints it.
    let error = error.without_url();
    if error.is_timeout() { NotifyError::Timeout } else { NotifyError::Unreachable(error.into()) }
}

#[cfg(test)]
mod tests;
