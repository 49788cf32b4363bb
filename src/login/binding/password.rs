//! The password of an account proves it: one that was imported, or one that the legacy site itself checks.
//!
//! An unknown name costs what a known one costs, and is answered no sooner.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::BindError;
use crate::domain::{Account, AccountId, Email, IdentityKey, Phone, PoolId, Username};
use crate::ground::{PasswordHash, Secret};
use crate::login::Login;
use crate::login::account_links::account_now;
use crate::login::directory::Pool;
use crate::login::finish::Visit;
use crate::login::passwords::Checked;
use crate::notify::Webhook;

/// Answers about passwords come at whole multiples of this, so that neither the rows that were read nor the kind of a
/// hash shows. (A hash that takes longer still shows as slow: of the common ones none does where a core is free, but a
/// site may have chosen a higher cost, up to about two seconds.)
const BEAT: Duration = Duration::from_millis(1500);

/// The names under which somebody may have an account: what they typed can be read as more than one. A phone number comes
/// before an email address before a user name.
struct Names(Vec<IdentityKey>);

impl Names {
    fn of(pool: &PoolId, typed: &str) -> Self {
        let pool = || pool.clone();
        // For all readings alike: where only one of them took wide letters for the common ones, the same name could be
        // written in ways that differ in the reading that is first, each with tries of its own.
        let typed: &str = &typed.nfkc().collect::<String>();
        let phone = Phone::typed(typed).map(|phone| IdentityKey::Phone { pool: pool(), phone });
        let email = Email::parse(typed).map(|email| IdentityKey::Email { pool: pool(), email });
        let name = Username::parse(typed).map(|username| IdentityKey::Username { pool: pool(), username });
        Self(phone.into_iter().chain(email).chain(name).collect())
    }

    /// One mark for however a name is written, so that each has its tries once.
    fn mark(&self) -> Option<String> {
        self.0.first().map(IdentityKey::storage_key)
    }
}

/// What the legacy site is asked.
#[derive(Serialize)]
struct Ask<'a> {
    pool: &'a str,
    name: &'a str,
    password: &'a str,
}

/// What it answers: the id of the account, or none.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    account: Option<AccountId>,
}

/// The first whole beat, at least one, that is not before `elapsed`.
fn next_beat(elapsed: Duration) -> Duration {
    let beats = elapsed.as_millis().div_ceil(BEAT.as_millis()).max(1);
    BEAT * u32::try_from(beats).unwrap_or(u32::MAX)
}

impl Login {
    /// The account that name and password prove.
    pub(super) async fn by_password(
        &self,
        pool: Option<&Pool>,
        id: &PoolId,
        name: &str,
        password: &Secret,
        visit: &Visit,
    ) -> Result<Account, BindError> {
        let names = Names::of(id, name);
        let mark = names.mark().ok_or(BindError::Wrong)?;
        let attempt = self.guard.admit(id, &mark, visit.ip.as_deref()).await?;
        let check = async {
            match pool.and_then(|pool| pool.proof_webhook.as_ref()) {
                Some(site) => self.told_by(site, id, name, password).await,
                None => self.by_hash(&names, password).await,
            }
        };
        let begun = tokio::time::Instant::now();
        let checked = check.await;
        tokio::time::sleep_until(begun + next_beat(begun.elapsed())).await;
        match checked {
            Ok(Some(account)) => {
                self.guard.passed(attempt).await?;
                Ok(account)
            }
            Ok(None) => Err(BindError::Wrong),
            Err(error) => {
                // It says nothing about the password.
                self.guard.unchecked(attempt).await?;
                Err(error)
            }
        }
    }

    async fn by_hash(&self, names: &Names, password: &Secret) -> Result<Option<Account>, BindError> {
        let account = self.who_answers(&names.0).await?;
        let hash = account.as_ref().and_then(|account| account.password.as_ref());
        match self.passwords.check(hash, password).await? {
            Checked::Wrong => Ok(None),
            Checked::Right { rehash } => {
                if let (Some(account), Some(hash)) = (&account, rehash) {
                    self.keep_hash(account.clone(), hash);
                }
                Ok(account)
            }
        }
    }

    /// Writes a hash of today in place of a legacy one, after the answer. If others write at the same moment the old one
    /// stays, and the next login tries again.
    fn keep_hash(&self, mut account: Account, hash: PasswordHash) {
        let store = Arc::clone(&self.store);
        self.after.spawn(async move {
            account.password = Some(hash);
            account.version += 1;
            let id = account.id.clone();
            match store.update_account(&account).await {
                Ok(true) => tracing::info!(target: "audit", event = "password_rehashed", account = %id),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(account = %id, error = &error as &dyn std::error::Error, "a password hash was not renewed");
                }
            }
        });
    }

    /// The account that the legacy site says these prove.
    async fn told_by(
        &self,
        site: &Webhook,
        pool: &PoolId,
        name: &str,
        password: &Secret,
    ) -> Result<Option<Account>, BindError> {
        let ask = Ask { pool: pool.as_str(), name: name.trim(), password: password.reveal() };
        let told: Told = site.ask(&ask).await.map_err(BindError::Unavailable)?;
        let Some(id) = told.account else { return Ok(None) };
        let account = account_now(&*self.store, &id).await?.filter(|account| account.pool == *pool);
        if account.is_none() {
            tracing::error!(account = %id, "the site that checks passwords names an account that is not here; import it");
        }
        Ok(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_waits_for_the_next_whole_beat() {
        for (elapsed, answered) in
            [(0, 1500), (1, 1500), (1499, 1500), (1500, 1500), (1501, 3000), (3900, 4500)]
        {
            assert_eq!(
                next_beat(Duration::from_millis(elapsed)),
                Duration::from_millis(answered),
                "{elapsed}"
            );
        }
    }

    #[test]
    fn however_a_name_is_written_it_has_one_mark() {
        let pool = PoolId::new("people").expect("a good id");
        let mark = |typed: &str| Names::of(&pool, typed).mark();
        for (one, other) in [
            ("13580006666", "+86 135-8000-6666"),
            ("Ann@Example.com", " ann@example.com"),
            ("ANN", "ann "),
            ("ａｎｎ", "ann"),
            ("ａnn@example.com", "ann@example.com"),
            ("Ann＠example．com", "ann@example.com"),
            ("１３５８０００６６６６", "13580006666"),
        ] {
            assert_eq!(mark(one), mark(other), "{one} {other}");
        }
        assert_eq!(mark(" "), None);
    }
}
