//! Codes and the tokens they are exchanged for: the rules of `sns/*`, without HTTP.
//!
//! Pure: time and randomness come as arguments. Every table forgets its oldest rows.

use std::collections::VecDeque;

use rand::CryptoRng;

use super::bounded::Bounded;
use super::errcode::Errcode;
use super::ids;
use super::switches::ExpiredCode;
use crate::ground::{Span, Timestamp};

/// What an authorisation covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Base,
    UserInfo,
    Login,
}

impl Scope {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "snsapi_base" => Some(Self::Base),
            "snsapi_userinfo" => Some(Self::UserInfo),
            "snsapi_login" => Some(Self::Login),
            _ => None,
        }
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Base => "snsapi_base",
            Self::UserInfo => "snsapi_userinfo",
            Self::Login => "snsapi_login",
        }
    }
}

/// Who agreed to what, for which app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consented {
    pub(super) app_id: String,
    pub(super) person: String,
    pub(super) scope: Scope,
    /// Given to a snapshot page: all ids are virtual.
    pub(super) snapshot: bool,
}

impl Consented {
    /// The OpenID the app is told; a virtual one on a snapshot page.
    pub(super) fn openid(&self) -> String {
        if self.snapshot {
            ids::openid(&self.app_id, &format!("snapshot of {}", self.person))
        } else {
            ids::openid(&self.app_id, &self.person)
        }
    }
}

#[derive(Debug)]
struct Code {
    consented: Consented,
    expires: Timestamp,
    used: bool,
}

/// A pair of tokens, alive or not.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) consented: Consented,
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    refresh_expires: Timestamp,
    revoked: bool,
}

#[derive(Clone, Copy, Debug)]
struct AccessToken {
    grant: u64,
    expires: Timestamp,
}

/// How long an access token lives without being refreshed.
pub(super) const ACCESS_LIFE: Span = Span::from_secs(7200);
/// How many `sns` calls one OpenID may cause in a minute (mobile login page, 5.2).
const CALLS_A_MINUTE: usize = 180;

/// All codes and tokens in existence.
#[derive(Debug)]
pub(super) struct Grants {
    codes: Bounded<String, Code>,
    grants: Bounded<u64, Grant>,
    access: Bounded<String, AccessToken>,
    refresh: Bounded<String, u64>,
    calls: Bounded<String, VecDeque<Timestamp>>,
    issued: u64,
}

impl Grants {
    pub(super) fn new() -> Self {
        const ROWS: usize = 100_000;
        Self {
            codes: Bounded::new(ROWS),
            grants: Bounded::new(ROWS),
            access: Bounded::new(ROWS),
            refresh: Bounded::new(ROWS),
            calls: Bounded::new(10_000),
            issued: 0,
        }
    }

    /// A new code for what was agreed to, good for one exchange within `life`.
    pub(super) fn issue(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        consented: Consented,
        life: Span,
    ) -> String {
        let code = ids::code(rng);
        self.codes.insert(code.clone(), Code { consented, expires: now.plus(life), used: false });
        code
    }

    /// Exchanges a code. Only a success uses it up; another app's attempt leaves it as it was.
    pub(super) fn exchange(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        code: &str,
        expired_code: ExpiredCode,
        refresh_life: Span,
    ) -> Result<Grant, Errcode> {
        let row = self.codes.get_mut(code).ok_or(Errcode::INVALID_CODE)?;
        if row.consented.app_id != app_id {
            return Err(Errcode::INVALID_CODE);
        }
        hit(&mut self.calls, now, &row.consented.openid())?;
        if row.used {
            return Err(Errcode::CODE_USED);
        }
        if now >= row.expires {
            return Err(match expired_code {
                ExpiredCode::Invalid => Errcode::INVALID_CODE,
                ExpiredCode::Expired => Errcode::CODE_EXPIRED,
            });
        }
        row.used = true;
        let grant = Grant {
            consented: row.consented.clone(),
            access_token: ids::token(rng),
            refresh_token: ids::token(rng),
            refresh_expires: now.plus(refresh_life),
            revoked: false,
        };
        self.issued += 1;
        let access = AccessToken { grant: self.issued, expires: now.plus(ACCESS_LIFE) };
        self.access.insert(grant.access_token.clone(), access);
        self.refresh.insert(grant.refresh_token.clone(), self.issued);
        self.grants.insert(self.issued, grant.clone());
        Ok(grant)
    }

    /// Prolongs the same access token while it is alive, else gives a new one. The refresh token stays.
    pub(super) fn refresh(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        refresh_token: &str,
    ) -> Result<Grant, Errcode> {
        let number = *self.refresh.get(refresh_token).ok_or(Errcode::INVALID_REFRESH_TOKEN)?;
        let grant = self.grants.get_mut(&number).ok_or(Errcode::INVALID_REFRESH_TOKEN)?;
        if grant.consented.app_id != app_id {
            return Err(Errcode::INVALID_REFRESH_TOKEN);
        }
        hit(&mut self.calls, now, &grant.consented.openid())?;
        if grant.revoked {
            return Err(Errcode::PASSWORD_CHANGED);
        }
        if now >= grant.refresh_expires {
            return Err(Errcode::REFRESH_TOKEN_EXPIRED);
        }
        let alive = self.access.get(&grant.access_token).is_some_and(|access| now < access.expires);
        if !alive {
            grant.access_token = ids::token(rng);
        }
        let access = AccessToken { grant: number, expires: now.plus(ACCESS_LIFE) };
        self.access.insert(grant.access_token.clone(), access);
        Ok(grant.clone())
    }

    /// Whose token this is, if it is alive and belongs to `openid`.
    pub(super) fn check(
        &mut self,
        now: Timestamp,
        access_token: &str,
        openid: &str,
    ) -> Result<Consented, Errcode> {
        let in_shape = access_token.len() >= 16
            && access_token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if !in_shape {
            return Err(Errcode::MALFORMED_TOKEN);
        }
        let access = *self.access.get(access_token).ok_or(Errcode::INVALID_CREDENTIAL)?;
        let grant = self.grants.get(&access.grant).ok_or(Errcode::INVALID_CREDENTIAL)?;
        hit(&mut self.calls, now, &grant.consented.openid())?;
        if grant.revoked {
            return Err(Errcode::PASSWORD_CHANGED);
        }
        if now >= access.expires {
            return Err(Errcode::TOKEN_EXPIRED);
        }
        if grant.consented.openid() != openid {
            return Err(Errcode::INVALID_OPENID);
        }
        Ok(grant.consented.clone())
    }

    /// Kills every token of `person`, as a changed WeChat password does. Answers how many pairs died.
    pub(super) fn revoke(&mut self, person: &str) -> usize {
        let theirs =
            self.grants.values_mut().filter(|grant| grant.consented.person == person && !grant.revoked);
        theirs.map(|grant| grant.revoked = true).count()
    }
}

/// Counts one call of `openid`; refused ones are not counted.
fn hit(
    calls: &mut Bounded<String, VecDeque<Timestamp>>,
    now: Timestamp,
    openid: &str,
) -> Result<(), Errcode> {
    let recent = calls.entry(openid.into(), VecDeque::new);
    while recent.front().is_some_and(|at| now.since(*at) >= Span::from_mins(1)) {
        recent.pop_front();
    }
    if recent.len() >= CALLS_A_MINUTE {
        return Err(Errcode::TOO_OFTEN);
    }
    recent.push_back(now);
    Ok(())
}

#[cfg(test)]
#[path = "grants_tests.rs"]
mod tests;
