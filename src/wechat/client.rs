//! How a call to WeChat is made: its request, its tries on the hosts, its deadline.
//!
//! Each call writes one log line: its name, the host, WeChat's code, the time it took. Never an argument. The calls
//! themselves stand in the files beside.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::codes::{Action, Call};
use super::config::{Config, Endpoints, InvalidConfig};
use super::error::{Error, Kind, Refusal};
use super::hosts::{Hosts, Which};
use super::transport::{Backoff, Outgoing, Transport};
use super::wire::{Answer, MAX_BODY, Unreadable};
use crate::ground::{Secret, Span};

/// How often one call is tried at most.
const MAX_TRIES: u32 = 3;

/// Asks WeChat. Cheap to clone; a reload makes a new one on the same [`Transport`].
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) transport: Transport,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hosts: Hosts,
    open: String,
    mp: Url,
    timeout: Span,
    backoff: Backoff,
}

/// One call's request. `hidden` are the values that must not be shown should the answer repeat them.
pub(super) struct Request<'a> {
    pub(super) call: &'static Call,
    pub(super) to: To<'a>,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// With a body the request is a POST of `application/json`, else a GET.
    pub(super) json: Option<Bytes>,
    pub(super) bearer: Option<&'a Secret>,
    pub(super) hidden: &'a [&'a str],
    /// Whether a second one would do harm once the first may have arrived.
    pub(super) once: bool,
    /// The largest answer that is read, in bytes.
    pub(super) max_body: usize,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub(super) enum To<'a> {
    /// This path on the API's hosts.
    Api(&'static str),
    /// Exactly this address; the call's query is added to the address's own.
    Address(&'a Url),
}

impl Request<'_> {
    /// A GET of `path` on the API's hosts.
    pub(super) const fn get(call: &'static Call, path: &'static str) -> Self {
        Self {
            call,
            to: To::Api(path),
            query: &[],
            json: None,
            bearer: None,
            hidden: &[],
            once: false,
            max_body: MAX_BODY,
        }
    }

    fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let To::Api(path) = self.to {
            url.set_path(path);
        }
        // Even without a pair this would leave a `?`.
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        url
    }

    /// Reads an answer in JSON: without an error code and with HTTP status 200 it is a success.
    fn answer(&self, status: u16, body: &[u8]) -> Result<Answer, Kind> {
        let answer = match Answer::parse(body) {
            Ok(answer) => answer,
            Err(_) if status != 200 => return Err(Kind::Status(status)),
            Err(unreadable) => return Err(Kind::Unreadable(unreadable)),
        };
        match answer.code().map_err(Kind::Unreadable)? {
            0 if status == 200 => Ok(answer),
            0 => Err(Kind::Status(status)),
            code => Err(Kind::Refused(Refusal::new(code, answer.message(), self.hidden))),
        }
    }
}

impl Client {
    /// A client of the addresses in `config`, with waits of 1 s and 2 s between tries.
    ///
    /// # Errors
    /// If `config` is not valid; the error lists every problem.
    pub fn new(transport: Transport, config: &Config) -> Result<Self, InvalidConfig> {
        Self::with_backoff(transport, config, Backoff::default())
    }

    /// As [`Client::new`], with other waits between tries.
    ///
    /// # Errors
    /// If `config` is not valid; the error lists every problem.
    pub fn with_backoff(
        transport: Transport,
        config: &Config,
        backoff: Backoff,
    ) -> Result<Self, InvalidConfig> {
        let Endpoints { api, api_backup, open, mp } = config.endpoints()?;
        let hosts = Hosts::new(api, api_backup, std::time::Instant::now());
        let shared = Shared { hosts, open, mp, timeout: config.timeout, backoff };
        Ok(Self { transport, shared: Arc::new(shared) })
    }

    /// Origin of the pages that browsers are sent to, without a slash at its end.
    pub fn open(&self) -> &str {
        &self.shared.open
    }

    /// Origin of the pictures of parametric QR codes, without a slash at its end.
    pub fn mp(&self) -> &str {
        self.mp_url().as_str().trim_end_matches('/')
    }

    pub(super) fn mp_url(&self) -> &Url {
        &self.shared.mp
    }

    /// Makes a call that is answered in JSON, and writes its log line.
    pub(super) async fn call<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(&Answer) -> Result<T, Unreadable>,
    ) -> Result<T, Error> {
        self.call_raw(request, |status, body| {
            request.answer(status, &body).and_then(|answer| read(&answer).map_err(Kind::Unreadable))
        })
        .await
    }

    /// Makes a call that is answered with a file, or in JSON if WeChat refuses; `read` gets what is not JSON.
    pub(super) async fn call_file<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(Vec<u8>) -> Result<T, Unreadable>,
    ) -> Result<T, Error> {
        self.call_raw(request, |status, body| match request.answer(status, &body) {
            Err(Kind::Unreadable(Unreadable::Json(_))) => read(body).map_err(Kind::Unreadable),
            Ok(_) => Err(Kind::Unreadable(Unreadable::NotAFile)),
            Err(kind) => Err(kind),
        })
        .await
    }

    async fn call_raw<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(u16, Vec<u8>) -> Result<T, Kind>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let mut tried = Tried { tries: 0, host: String::new() };
        let deadline = begun + self.shared.timeout.duration();
        let outcome = self.try_until(request, read, deadline, &mut tried).await;
        let ms = begun.elapsed().as_millis();
        let Tried { tries, host } = tried;
        let call = request.call.name;
        match &outcome {
            Ok(_) => tracing::debug!(call, host, errcode = 0, tries, ms, "WeChat answered"),
            // Visitors bring stale codes all day long; that is nobody's fault.
            Err(error) if matches!((error.action(), error.code()), (Action::AskAgain, Some(_))) => {
                tracing::debug!(
                    call,
                    host,
                    errcode = error.code(),
                    tries,
                    ms,
                    "WeChat refused: {}",
                    error.kind()
                );
            }
            Err(error) => {
                let hint = error.operator_hint();
                tracing::warn!(call, host, errcode = error.code(), tries, ms, hint, "{}", error.kind());
            }
        }
        outcome
    }

    /// Tries until there is an answer, a failure that must not be repeated, no try left or no time.
    async fn try_until<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(u16, Vec<u8>) -> Result<T, Kind>,
        deadline: Instant,
        tried: &mut Tried,
    ) -> Result<T, Error> {
        loop {
            tried.tries += 1;
            let (which, base) = self.pick(request.to);
            tried.host = host(base);
            let attempt = timeout_at(deadline, self.attempt(base, request)).await;
            let answer = attempt.unwrap_or(Err(Kind::Timeout)).and_then(|(status, body)| read(status, body));
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(kind) => Error::new(request.call, kind),
            };
            let other_host = matches!(error.kind(), Kind::Connect(_))
                && which.is_some_and(|which| self.shared.hosts.unreachable(which, Instant::now().into_std()));
            let may_repeat = error.may_repeat_now() && !(request.once && error.may_have_arrived());
            if tried.tries >= MAX_TRIES || !may_repeat {
                return Err(error);
            }
            // Another host is worth asking at once; a host that has just failed gets time to recover.
            if other_host && tried.tries == 1 {
                continue;
            }
            let wait = self.shared.backoff.after(tried.tries);
            if Instant::now() + wait >= deadline {
                return Err(error);
            }
            sleep(wait).await;
        }
    }

    fn pick<'a>(&'a self, to: To<'a>) -> (Option<Which>, &'a Url) {
        match to {
            To::Api(_) => {
                let (which, base) = self.shared.hosts.pick(Instant::now().into_std());
                (Some(which), base)
            }
            To::Address(url) => (None, url),
        }
    }

    /// One request to one host.
    async fn attempt(&self, base: &Url, request: &Request<'_>) -> Result<(u16, Vec<u8>), Kind> {
        let outgoing = Outgoing {
            url: request.url(base),
            body: request.json.clone(),
            content_type: request.json.is_some().then_some("application/json"),
            bearer: request.bearer,
            user_agent: None,
        };
        let mut arriving = self.transport.send(outgoing).await?;
        let body = arriving.body(request.max_body).await?;
        Ok((arriving.status(), body))
    }
}

/// Host and port for a log line: an operator's own address may hold a password before and a token behind.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

struct Tried {
    tries: u32,
    host: String,
}

/// A life time in seconds: none or a negative one is over at once, none is longer than a year.
pub(super) fn seconds(number: Option<i64>) -> u64 {
    u64::try_from(number.unwrap_or(0)).unwrap_or(0).min(365 * 86_400)
}
