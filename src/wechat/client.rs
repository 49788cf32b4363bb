//! The calls to WeChat's server API that a login makes, with their retries and their deadline.
//!
//! Each call writes one log line: its name, the host, WeChat's code, the time it took. Never an argument.

use std::sync::Arc;

use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::authorize::is_valid_code;
use super::codes::{Action, Call, Credential};
use super::config::{Config, Endpoints, InvalidConfig};
use super::error::{Error, Kind, Refusal};
use super::hosts::Hosts;
use super::transport::{Backoff, Transport};
use super::wire::{Answer, Unreadable};
use crate::ground::{Secret, Span};

/// How often one call is tried at most.
const MAX_TRIES: u32 = 3;

static EXCHANGE_CODE: Call =
    Call { name: "sns/oauth2/access_token", credential: Credential::AppSecret, spends_code: true };
static USER_INFO: Call = Call { name: "sns/userinfo", credential: Credential::UserToken, spends_code: false };

/// Asks WeChat. Cheap to clone; a reload makes a new one on the same [`Transport`].
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hosts: Hosts,
    open: String,
    mp: String,
    timeout: Span,
    backoff: Backoff,
}

/// What a user's authorization gives: who they are, and a token that speaks for them.
#[derive(Clone, Debug)]
pub struct SnsToken {
    /// The user within the app that asked.
    pub openid: String,
    /// The user within the Open Platform account; absent for `snsapi_base` and for apps that are not bound to one.
    pub unionid: Option<String>,
    /// Opens `sns/userinfo` for this user.
    pub access_token: Secret,
    /// Renews `access_token`.
    pub refresh_token: Option<Secret>,
    /// The scopes that the user granted.
    pub scopes: Vec<String>,
    /// Whether WeChat shows the visitor a snapshot page: all identifiers are then virtual and must be discarded.
    pub snapshot: bool,
    /// How long `access_token` lives; documented as two hours.
    pub expires_in: Span,
}

/// A user's profile. Texts are free of control characters, at most 256 characters, and say nothing about identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    /// The same as the token's.
    pub openid: String,
    /// The user within the Open Platform account, if the app is bound to one.
    pub unionid: Option<String>,
    /// Chosen by the user, neither unique nor stable.
    pub nickname: Option<String>,
    /// Address of the avatar (http or https); dies when the user changes it.
    pub avatar: Option<String>,
    /// No longer given to service accounts since 2021-10-20.
    pub sex: Option<Sex>,
    /// The user's language, for example `zh_CN`.
    pub language: Option<String>,
    /// Usually absent.
    pub city: Option<String>,
    /// Usually absent.
    pub province: Option<String>,
    /// Usually absent.
    pub country: Option<String>,
    /// Whether WeChat marked the profile as that of a snapshot page.
    pub snapshot: bool,
}

/// `sex` 1 or 2; 0 is "unknown" and reads as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// 1.
    Male,
    /// 2.
    Female,
}

/// The language of region names in a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// Simplified Chinese.
    #[default]
    ZhCn,
    /// Traditional Chinese.
    ZhTw,
    /// English.
    En,
}

impl Lang {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ZhCn => "zh_CN",
            Self::ZhTw => "zh_TW",
            Self::En => "en",
        }
    }
}

/// One GET. `hidden` are the values that must not be shown should WeChat repeat them.
struct Request<'a> {
    call: &'static Call,
    path: &'static str,
    query: &'a [(&'a str, &'a str)],
    hidden: &'a [&'a str],
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
        &self.shared.mp
    }

    /// Exchanges a code that a callback or a native app brought for the user's identity and token.
    ///
    /// A code works once. Source: official page "通过code换取网页授权access_token".
    ///
    /// # Errors
    /// [`Error::is_code_used`] tells a code that was exchanged before; everything else as [`Error::action`] says.
    pub async fn exchange_code(
        &self,
        app_id: &str,
        secret: &Secret,
        code: &Secret,
    ) -> Result<SnsToken, Error> {
        if !is_valid_code(code.reveal()) {
            return Err(Error::new(&EXCHANGE_CODE, Kind::Input("this cannot be a code")));
        }
        let request = Request {
            call: &EXCHANGE_CODE,
            path: "/sns/oauth2/access_token",
            query: &[
                ("appid", app_id),
                ("secret", secret.reveal()),
                ("code", code.reveal()),
                ("grant_type", "authorization_code"),
            ],
            hidden: &[secret.reveal(), code.reveal()],
        };
        self.call(&request, SnsToken::read).await
    }

    /// Fetches the profile of the user whom `token` speaks for; needs `snsapi_userinfo` or `snsapi_login`.
    ///
    /// Source: official page "拉取用户信息".
    ///
    /// # Errors
    /// Also if WeChat's answer is about another user than the token.
    pub async fn user_info(&self, token: &SnsToken, lang: Lang) -> Result<UserInfo, Error> {
        let request = Request {
            call: &USER_INFO,
            path: "/sns/userinfo",
            query: &[
                ("access_token", token.access_token.reveal()),
                ("openid", &token.openid),
                ("lang", lang.as_str()),
            ],
            hidden: &[token.access_token.reveal()],
        };
        self.call(&request, |answer| UserInfo::read(answer, token)).await
    }

    /// Makes a call and writes its log line.
    async fn call<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(&Answer) -> Result<T, Unreadable>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let mut tried = Tried { tries: 0, host: String::new() };
        let outcome = self.try_until(request, begun + self.shared.timeout.duration(), &mut tried).await;
        let outcome = outcome.and_then(|answer| {
            read(&answer).map_err(|unreadable| Error::new(request.call, Kind::Unreadable(unreadable)))
        });
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
    async fn try_until(
        &self,
        request: &Request<'_>,
        deadline: Instant,
        tried: &mut Tried,
    ) -> Result<Answer, Error> {
        loop {
            tried.tries += 1;
            let (which, base) = self.shared.hosts.pick(Instant::now().into_std());
            tried.host = base.authority().to_owned();
            let attempt = timeout_at(deadline, self.attempt(base, request)).await;
            let error = match attempt.unwrap_or(Err(Kind::Timeout)) {
                Ok(answer) => return Ok(answer),
                Err(kind) => Error::new(request.call, kind),
            };
            let other_host = matches!(error.kind(), Kind::Connect(_))
                && self.shared.hosts.unreachable(which, Instant::now().into_std());
            if tried.tries >= MAX_TRIES || !error.may_repeat_now() {
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

    /// One request to one host.
    async fn attempt(&self, base: &Url, request: &Request<'_>) -> Result<Answer, Kind> {
        let mut url = base.clone();
        url.set_path(request.path);
        url.query_pairs_mut().extend_pairs(request.query);
        let (status, body) = self.transport.get(url).await?;
        let answer = match Answer::parse(&body) {
            Ok(answer) => answer,
            Err(_) if status != 200 => return Err(Kind::Status(status)),
            Err(unreadable) => return Err(Kind::Unreadable(unreadable)),
        };
        match answer.code().map_err(Kind::Unreadable)? {
            0 if status == 200 => Ok(answer),
            0 => Err(Kind::Status(status)),
            code => Err(Kind::Refused(Refusal::new(code, answer.message(), request.hidden))),
        }
    }
}

struct Tried {
    tries: u32,
    host: String,
}

impl SnsToken {
    fn read(answer: &Answer) -> Result<Self, Unreadable> {
        let scopes = answer.text("scope").unwrap_or_default();
        Ok(Self {
            openid: answer.id("openid")?.ok_or(Unreadable::Missing("openid"))?,
            unionid: answer.id("unionid")?,
            access_token: answer.secret("access_token")?.ok_or(Unreadable::Missing("access_token"))?,
            refresh_token: answer.secret("refresh_token")?,
            scopes: scopes
                .split(',')
                .map(str::trim)
                .filter(|scope| !scope.is_empty())
                .map(Into::into)
                .collect(),
            snapshot: answer.flag("is_snapshotuser"),
            expires_in: Span::from_secs(seconds(answer.integer("expires_in"))),
        })
    }

    /// Whether the user granted `scope`.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}

/// A life time in seconds: none or a negative one is over at once, none is longer than a year.
fn seconds(number: Option<i64>) -> u64 {
    u64::try_from(number.unwrap_or(0)).unwrap_or(0).min(365 * 86_400)
}

impl UserInfo {
    fn read(answer: &Answer, token: &SnsToken) -> Result<Self, Unreadable> {
        let openid = answer.id("openid")?.ok_or(Unreadable::Missing("openid"))?;
        if openid != token.openid {
            return Err(Unreadable::SomebodyElse("openid"));
        }
        let unionid = answer.id("unionid")?;
        if let (Some(here), Some(there)) = (&unionid, &token.unionid)
            && here != there
        {
            return Err(Unreadable::SomebodyElse("unionid"));
        }
        Ok(Self {
            openid,
            unionid,
            nickname: answer.text("nickname"),
            avatar: answer.web_address("headimgurl"),
            sex: match answer.integer("sex") {
                Some(1) => Some(Sex::Male),
                Some(2) => Some(Sex::Female),
                _ => None,
            },
            language: answer.text("language"),
            city: answer.text("city"),
            province: answer.text("province"),
            country: answer.text("country"),
            snapshot: answer.flag("is_snapshotuser"),
        })
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
