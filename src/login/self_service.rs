//! What people do to their own account: see what it is, take a WeChat off it, end sessions.
//!
//! Whoever asks has a live session, and reaches nothing but the account of that session.

use super::account_links::account_now;
use super::detach::{Detached, detach};
use super::directory::{App, Directory};
use super::sessions::Known;
use super::{Login, SessionRules};
use crate::domain::{Account, AccountId, IdentityKey, MethodId, Session, Status, Wechat};
use crate::ground::{Timestamp, TokenDigest};
use crate::store::StoreError;

/// An account as its owner sees it.
#[derive(Clone, Debug)]
pub struct MyAccount {
    /// The account.
    pub account: Account,
    /// Who can log in to it.
    pub wechats: Vec<MyWechat>,
    /// Where it is logged in: the login of who asks, then the others, the latest first.
    pub logins: Vec<MyLogin>,
}

/// A WeChat of an account.
#[derive(Clone, Debug)]
pub struct MyWechat {
    /// The WeChat.
    pub wechat: Wechat,
    /// Whether the session of who asks was opened through it.
    pub current: bool,
    /// Whether nobody at WeChat could log in without it, as the account has it.
    pub last: bool,
}

/// One login, which may have opened sessions on several hosts.
#[derive(Clone, Debug)]
pub struct MyLogin {
    /// Names it, in all its sessions.
    pub id: String,
    /// Whether it is the login of who asks.
    pub current: bool,
    /// The configured method.
    pub method: MethodId,
    /// The hosts it has a session on, in alphabetical order.
    pub hosts: Vec<String>,
    /// The address it came from.
    pub ip: Option<String>,
    /// The browser's own description of itself.
    pub user_agent: Option<String>,
    /// When it happened.
    pub created_at: Timestamp,
    /// When any of its sessions was last used.
    pub last_seen_at: Timestamp,
}

/// Why something was not done to an account.
#[derive(Debug, thiserror::Error)]
pub enum SelfServiceError {
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The account is disabled or gone.
    #[error("the account is disabled or gone")]
    NoAccount,
    /// The account has no such WeChat.
    #[error("the account has no such WeChat")]
    UnknownWechat,
    /// It is the only WeChat of the account.
    #[error("it is the only WeChat of the account")]
    LastWechat,
    /// No login of the account has this name.
    #[error("the account has no such login")]
    UnknownSession,
}

impl Login {
    /// The account of who asks.
    pub async fn my_account(
        &self,
        directory: &Directory,
        known: &Known,
        rules: &SessionRules,
    ) -> Result<MyAccount, SelfServiceError> {
        let id = id_of(known)?;
        let found = account_now(&*self.store, &id).await?;
        let active = found.filter(|account| account.status == Status::Active);
        let account = active.ok_or(SelfServiceError::NoAccount)?;
        let all = account.wechats();
        let leads_in = |wechat: &Wechat| {
            !account.gives_up(wechat) && wechat.keys().iter().any(|key| directory.leads_in(key))
        };
        let wechats = all.iter().map(|wechat| MyWechat {
            current: account.opened_by(wechat, known.app_id(), known.open_id()),
            last: !all.iter().any(|other| other != wechat && leads_in(other)),
            wechat: wechat.clone(),
        });
        let wechats = wechats.collect();
        let sessions = self.store.sessions_of(&id).await?;
        let now = self.now();
        let live = sessions
            .into_iter()
            .map(|(_, session)| session)
            .filter(|session| rules.policy.check(session.created_at, session.last_seen_at, now).is_ok());
        Ok(MyAccount { account, wechats, logins: logins(live, known.login_id()) })
    }

    /// Takes a WeChat off the account of who asks and ends the sessions that were opened through it; says whether the
    /// one of who asks was among them.
    pub async fn remove_wechat(
        &self,
        directory: &Directory,
        known: &Known,
        wechat: &str,
    ) -> Result<bool, SelfServiceError> {
        let id = id_of(known)?;
        let refused = |reason: &'static str| {
            tracing::warn!(target: "audit", event = "detach_refused", account = %id, login = known.login_id(), reason);
        };
        let leads_in = |key: &IdentityKey| directory.leads_in(key);
        let detached = detach(&*self.store, &self.sessions, &id, wechat, &leads_in, self.now()).await?;
        let (gone, left, ended) = match detached {
            Detached::Done { wechat, account, ended } => (wechat, account, ended),
            Detached::Last => {
                refused("the last one");
                return Err(SelfServiceError::LastWechat);
            }
            Detached::Unknown => {
                refused("not one of the account");
                return Err(SelfServiceError::UnknownWechat);
            }
            Detached::NoAccount => return Err(SelfServiceError::NoAccount),
        };
        tracing::info!(target: "audit", event = "detached", account = %id, login = known.login_id(), ended);
        Ok(left.opened_by(&gone, known.app_id(), known.open_id()))
    }

    /// Ends one login of the account of who asks, on all hosts; says whether it was their own.
    pub async fn end_login(
        &self,
        known: &Known,
        token: &TokenDigest,
        login: &str,
    ) -> Result<bool, SelfServiceError> {
        let id = id_of(known)?;
        let own = login == known.login_id();
        let ended = if own {
            self.sessions.end(known, token, false).await?
        } else {
            self.sessions.end_where(&id, |session| session.login_id == login).await?
        };
        if ended == 0 {
            tracing::warn!(target: "audit", event = "end_refused", account = %id, login = known.login_id());
            return Err(SelfServiceError::UnknownSession);
        }
        tracing::info!(target: "audit", event = "sessions_ended", account = %id, login = known.login_id(), own, ended);
        Ok(own)
    }

    /// Ends all logins of the account but the one of who asks; says how many sessions those were.
    pub async fn end_other_logins(&self, known: &Known) -> Result<usize, SelfServiceError> {
        let id = id_of(known)?;
        let ended = self.sessions.end_where(&id, |session| session.login_id != known.login_id()).await?;
        tracing::info!(target: "audit", event = "other_sessions_ended", account = %id, login = known.login_id(), ended);
        Ok(ended)
    }
}

/// The configured apps that `wechat` is known in, in the order in which it came to be.
pub fn apps_of<'a>(directory: &'a Directory, wechat: &Wechat) -> Vec<&'a App> {
    wechat.apps().filter_map(|app_id| directory.apps().find(|app| app.app_id == *app_id)).collect()
}

fn id_of(known: &Known) -> Result<AccountId, SelfServiceError> {
    AccountId::new(known.account_id()).map_err(|_| SelfServiceError::NoAccount)
}

/// Sessions, newest first, as the logins that opened them: the current one, then the others.
fn logins(sessions: impl Iterator<Item = Session>, current: &str) -> Vec<MyLogin> {
    let mut logins: Vec<MyLogin> = Vec::new();
    for session in sessions {
        if let Some(login) = logins.iter_mut().find(|login| login.id == session.login_id) {
            login.created_at = login.created_at.min(session.created_at);
            login.last_seen_at = login.last_seen_at.max(session.last_seen_at);
            login.hosts.push(session.host);
            continue;
        }
        logins.push(MyLogin {
            current: session.login_id == current,
            id: session.login_id,
            method: session.method,
            hosts: vec![session.host],
            ip: session.ip,
            user_agent: session.user_agent,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
        });
    }
    // Stable: the others stay as they were.
    logins.sort_by_key(|login| !login.current);
    for login in &mut logins {
        login.hosts.sort_unstable();
        login.hosts.dedup();
    }
    logins
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::session::tests::session;

    #[test]
    fn the_sessions_of_one_login_are_shown_as_one_and_the_current_one_first() {
        let on = |login: &str, host: &str, created, seen| Session {
            login_id: login.into(),
            host: host.into(),
            ..session(created, seen)
        };
        let sessions = [
            on("new", "b.example.com", 30, 35),
            on("new", "a.example.com", 30, 90),
            on("old", "a.example.com", 10, 20),
        ];
        let logins = logins(sessions.into_iter(), "old");
        let shown: Vec<_> = logins
            .iter()
            .map(|login| (login.id.as_str(), login.current, login.hosts.len(), login.last_seen_at.millis()))
            .collect();
        assert_eq!(shown, [("old", true, 1, 20), ("new", false, 2, 90)]);
        assert_eq!(logins[1].hosts, ["a.example.com", "b.example.com"]);
    }
}
