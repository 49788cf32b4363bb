//! Checks passwords away from the threads that serve: as many at once as there are cores, a bounded queue behind them.
//!
//! An account that does not exist, or has no password, costs what one of ours costs. Never says why a password is wrong.
//!
//! Memory: a check of a hash of ours takes 19 MiB, one of another site's at most [`MOST_MEMORY_MIB`]; so the process takes
//! at most that, times its cores, for all logins together.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ground::{PasswordHash, Secret};

pub use crate::ground::password::{LONGEST_PASSWORD, MOST_MEMORY_MIB};

/// Checks that wait for each core: what one of our cost does in about a second.
const WAITING_FOR_EACH: usize = 32;
/// How long a check waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// What stands in for the hash of an account that has none: ours, of a password that nobody knows.
static NOBODYS: LazyLock<PasswordHash> = LazyLock::new(|| {
    let text =
        "$argon2id$v=19$m=19456,t=2,p=1$SWdub3JhbmNlQmxpc3MhIQ$wD8mJ0h0cm5PZ2x4ZTVhVnQ3bFhrQmZ1V3pRc0RnTnI";
    PasswordHash::parse(text).expect("a constant in the form of argon2")
});

/// What a password turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The one that the hash was made from.
    Right {
        /// A hash of today's to write in place of an outdated one that took the whole password.
        rehash: Option<PasswordHash>,
    },
    /// Another one, or there is no hash.
    Wrong,
}

/// More passwords wait to be checked than this machine can check soon; nothing was found out about this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

/// Checks and makes password hashes: one for the process.
#[derive(Debug)]
pub struct Passwords {
    /// One for each hash that is computed or waits for it.
    places: Arc<Semaphore>,
    /// One for each core.
    cores: Arc<Semaphore>,
}

impl Passwords {
    /// As wide as this machine.
    pub fn new() -> Self {
        Self::of_cores(std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn of_cores(cores: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(cores * (1 + WAITING_FOR_EACH))),
            cores: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Whether `password` is that of `hash`; without a hash it never is, and takes as long to find out.
    pub async fn check(&self, hash: Option<&PasswordHash>, password: &Secret) -> Result<Checked, Busy> {
        let (hash, known) = (hash.unwrap_or(&NOBODYS).clone(), hash.is_some());
        let password = password.clone();
        self.compute(move || {
            // Nobody's hash is computed all the same, and is never right.
            if !(hash.verify(password.reveal()) & known) {
                return Checked::Wrong;
            }
            // Where the old scheme left a part of it out, its owner may type another one next time.
            let outdated = !hash.is_current() && hash.is_exact(password.reveal());
            Checked::Right {
                rehash: outdated.then(|| PasswordHash::new(password.reveal(), &mut rand::rng())),
            }
        })
        .await
    }

    /// A fresh hash of a new password, which is at most [`LONGEST_PASSWORD`] bytes.
    pub async fn hash(&self, password: &Secret) -> Result<PasswordHash, Busy> {
        let password = password.clone();
        self.compute(move || PasswordHash::new(password.reveal(), &mut rand::rng())).await
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let turn = self.turn().await?;
        let done = tokio::task::spawn_blocking(move || {
            // Given back when the work is done, not when nobody waits for it any more.
            let _turn = turn;
            work()
        });
        // A thread that is gone has found out nothing; the process is stopping, or the panic is in the log.
        done.await.map_err(|_| Busy)
    }

    async fn turn(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let core = Arc::clone(&self.cores).acquire_owned();
        match tokio::time::timeout(PATIENCE, core).await {
            Ok(Ok(core)) => Ok((place, core)),
            // Too late; nobody closes the semaphore.
            Ok(Err(_)) | Err(_) => Err(Busy),
        }
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    /// bcrypt of "legacy", made by bcrypt 5.0.0 for Python.
    fn legacy() -> PasswordHash {
        PasswordHash::parse("$2b$04$2Ox8UDLAXyahqfT5SU1dme7SzNIkX7ZKaRlzLdm.DjzK8BbHfo4SG").unwrap()
    }

    #[tokio::test]
    async fn a_right_password_of_an_outdated_scheme_yields_a_hash_of_today() {
        let passwords = Passwords::of_cores(1);
        let checked = passwords.check(Some(&legacy()), &secret("legacy")).await.unwrap();
        let Checked::Right { rehash: Some(rehash) } = checked else { panic!("{checked:?}") };
        assert!(rehash.is_current());
        let again = passwords.check(Some(&rehash), &secret("legacy")).await.unwrap();
        assert_eq!(again, Checked::Right { rehash: None });
    }

    /// Its owner types 80 letters here and perhaps the 72 that the older site kept there.
    #[tokio::test]
    async fn a_password_of_which_the_old_scheme_left_out_a_part_keeps_its_hash() {
        let passwords = Passwords::of_cores(1);
        let hash =
            PasswordHash::parse("$2b$04$ZmwBwfePTmgf2YLdMrATp.eKfrRc9WXQRoLywVZAsFa1T.RzOt//.").unwrap();
        let checked = passwords.check(Some(&hash), &secret(&"a".repeat(80))).await;
        assert_eq!(checked, Ok(Checked::Right { rehash: None }));
    }

    #[tokio::test]
    async fn a_wrong_password_is_wrong_and_so_is_every_password_of_nobody() {
        let passwords = Passwords::of_cores(1);
        assert_eq!(passwords.check(Some(&legacy()), &secret("Legacy")).await, Ok(Checked::Wrong));
        assert_eq!(passwords.check(None, &secret("legacy")).await, Ok(Checked::Wrong));
        assert_eq!(passwords.check(None, &secret("")).await, Ok(Checked::Wrong));
    }

    #[test]
    fn somebody_unknown_costs_what_a_hash_of_ours_costs() {
        assert!(NOBODYS.is_current());
        let cost = |hash: &PasswordHash| {
            let text = serde_json::to_string(hash).unwrap();
            (text.len(), text.split('$').nth(3).map(str::to_owned))
        };
        assert_eq!(cost(&NOBODYS), cost(&PasswordHash::new("x", &mut rand::rng())));
    }

    #[tokio::test]
    async fn a_new_password_is_hashed_as_today() {
        let passwords = Passwords::of_cores(1);
        let hash = passwords.hash(&secret("new")).await.unwrap();
        assert_eq!(passwords.check(Some(&hash), &secret("new")).await, Ok(Checked::Right { rehash: None }));
    }

    #[tokio::test]
    async fn where_the_queue_is_full_nobody_is_told_right_or_wrong() {
        let passwords = Passwords::of_cores(1);
        let places = u32::try_from(1 + WAITING_FOR_EACH).unwrap();
        let all = Arc::clone(&passwords.places).try_acquire_many_owned(places).unwrap();
        assert_eq!(passwords.check(Some(&legacy()), &secret("legacy")).await, Err(Busy));
        drop(all);
        assert!(passwords.check(Some(&legacy()), &secret("legacy")).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_for_a_core_is_sent_away_and_leaves_the_queue() {
        let passwords = Passwords::of_cores(1);
        let core = Arc::clone(&passwords.cores).try_acquire_owned().unwrap();
        assert_eq!(passwords.check(None, &secret("legacy")).await, Err(Busy));
        assert_eq!(passwords.places.available_permits(), 1 + WAITING_FOR_EACH);
        drop(core);
    }

    #[tokio::test]
    async fn who_leaves_while_it_is_computed_frees_no_core_for_another() {
        let passwords = Passwords::of_cores(1);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let work = passwords.compute(move || {
            let _ = begun.send(());
            let _ = wait.recv();
        });
        // The caller leaves as soon as the work has begun.
        tokio::select! {
            _ = work => panic!("it cannot be done"),
            _ = begins => {}
        }
        assert_eq!(passwords.cores.available_permits(), 0);
        drop(go);
        let core = Arc::clone(&passwords.cores).acquire_owned();
        assert!(tokio::time::timeout(Duration::from_secs(20), core).await.is_ok());
    }
}
