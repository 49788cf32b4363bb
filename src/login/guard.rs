//! Against guessing passwords: tries are counted by login name and by client network, and too many must wait.
//!
//! The counts are notes of the store, so all processes share them. A try is counted before it is checked, so many at
//! once are no more tries than one after another, and taken back where it was right. The rule is `guard/attempts.rs`.

mod attempts;

use std::sync::Arc;

use crate::domain::PoolId;
use crate::ground::{Clock, TokenDigest, network_of};
use crate::store::{Note, Store, StoreError};

use self::attempts::{Attempts, Counted, FORGOTTEN_AFTER, NAME, NETWORK, Rule};

/// How often a count that lost a race is tried again. Of those who race for one count, one wins each round, and there
/// are no more rounds to win than tries that are free.
const ROUNDS: usize = 64;

/// Counts tries to log in with a password.
#[derive(Clone)]
pub struct Guard {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

/// One try that was admitted and counted. Say how it ended with [`Guard::passed`], or with [`Guard::unchecked`] where
/// nobody found out; a wrong password stays counted without a word.
#[derive(Debug)]
#[must_use = "a try that was right is taken back"]
pub struct Try {
    name: (String, Counted),
    network: (String, Counted),
}

/// Why there is no try now.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// Too many wrong ones before.
    #[error("too many tries; the next is possible in {seconds} seconds")]
    Locked {
        /// Until the next one, rounded up.
        seconds: u64,
    },
    /// The store gave no answer, so nobody is let in.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Guard {
    /// A guard that shares its counts through `store`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Counts one more try on `name` of `pool`, whether or not there is such an account, by a client at `ip`.
    ///
    /// `name` is what the visitor's login name means (a phone number in E.164, an email address or a user name in its
    /// one form), so that writing it in another way gives no more tries.
    pub async fn admit(&self, pool: &PoolId, name: &str, ip: Option<&str>) -> Result<Try, NotAdmitted> {
        // Digests: neither phone numbers nor addresses stand in the keys.
        let name = format!("guard:name:{}", TokenDigest::of_text(&format!("{pool} {name}")).text());
        let network = format!("guard:net:{}", TokenDigest::of_text(&network_of(ip).to_string()).text());
        // Who is locked out writes nothing, however often they come.
        let (_, of_name) = self.read(&name).await?;
        self.free(&of_name)?;
        let of_network = self.count(&network, &NETWORK).await?;
        match self.count(&name, &NAME).await {
            Ok(of_name) => Ok(Try { name: (name, of_name), network: (network, of_network) }),
            Err(refused) => {
                // Others were faster with this name: a try that there is not does not count for the network.
                self.take_back(&network, &NETWORK, of_network).await?;
                Err(refused)
            }
        }
    }

    /// The password was right: the name begins again, and the network loses this one try.
    pub async fn passed(&self, attempt: Try) -> Result<(), StoreError> {
        let (name, _) = attempt.name;
        self.change(&name, |_| Attempts::default()).await?;
        let (network, counted) = attempt.network;
        self.take_back(&network, &NETWORK, counted).await
    }

    /// Nobody found out whether the password was right: there was no try.
    pub async fn unchecked(&self, attempt: Try) -> Result<(), StoreError> {
        let (name, counted) = attempt.name;
        self.take_back(&name, &NAME, counted).await?;
        let (network, counted) = attempt.network;
        self.take_back(&network, &NETWORK, counted).await
    }

    fn free(&self, attempts: &Attempts) -> Result<(), NotAdmitted> {
        attempts.wait(self.clock.now()).map_or(Ok(()), |seconds| Err(NotAdmitted::Locked { seconds }))
    }

    async fn count(&self, note: &str, rule: &Rule) -> Result<Counted, NotAdmitted> {
        for _ in 0..ROUNDS {
            let (version, before) = self.read(note).await?;
            self.free(&before)?;
            let (after, counted) = before.one_more(rule, self.clock.now());
            if self.write(note, version, &after).await? {
                return Ok(counted);
            }
        }
        Err(StoreError::Conflict { doing: "counting a try that many make at once" }.into())
    }

    async fn take_back(&self, note: &str, rule: &Rule, counted: Counted) -> Result<(), StoreError> {
        self.change(note, |there| there.one_less(rule, counted)).await
    }

    /// Changes what is there; nothing is left to change where it was forgotten meanwhile.
    async fn change(&self, note: &str, change: impl Fn(&Attempts) -> Attempts) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let (version, there) = self.read(note).await?;
            let Some(after) = Some(change(&there)).filter(|after| version > 0 && *after != there) else {
                return Ok(());
            };
            if self.write(note, version, &after).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict { doing: "taking back a try that many make at once" })
    }

    /// The count and its version; nothing has version 0.
    async fn read(&self, name: &str) -> Result<(u64, Attempts), StoreError> {
        let Some(note) = self.store.note(name).await? else { return Ok((0, Attempts::default())) };
        let attempts = Attempts::parse(&note.text).unwrap_or_else(|| {
            tracing::warn!("a count of wrong passwords cannot be read; it is begun again");
            Attempts::default()
        });
        Ok((note.version, attempts))
    }

    async fn write(&self, name: &str, version: u64, attempts: &Attempts) -> Result<bool, StoreError> {
        let note = Note { version: version + 1, text: attempts.text() };
        self.store.swap_note(name, &note, FORGOTTEN_AFTER).await
    }
}

#[cfg(test)]
mod tests;
