//! What remembering sessions takes: a near cache filled with people as they are, in a process of its own.
//!
//! The store makes every person up when asked and holds nothing, so the growth of the process is the cache.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use menshen::domain::{Account, AccountId, Flow, FlowId, IdentityKey, IdentityRow, Session};
use menshen::ground::{Clock as _, Span, SystemClock, Timestamp, TokenDigest};
use menshen::login::{Presence, SessionConfig, Sessions};
use menshen::store::{Note, OnceKey, Store, StoreError, StoreEvent};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::candidates::App;
use crate::process::{LOAD_CORE, pinned, resident_of};
use crate::{Fault, planted};

/// The target's number of sessions.
pub(crate) const ENTRIES: usize = 100_000;
const HOST: &str = "app.example.com";

/// What a filled near cache is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct NearCache {
    /// Sessions looked up.
    pub(crate) entries: usize,
    /// Sessions that the cache still knew in the end.
    pub(crate) held: usize,
    /// Growth of resident memory.
    pub(crate) bytes: u64,
}

/// Measures in a new process, whose memory nothing else has used.
pub(crate) fn measure(folder: &Path, app: &App) -> Result<NearCache, Fault> {
    let output = pinned(LOAD_CORE, &app.programs.roles)
        .args(["near-cache", &ENTRIES.to_string()])
        .current_dir(folder)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("filling the near cache ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Fills a near cache with `entries` sessions and prints what came of it as JSON.
pub(crate) fn run(entries: usize) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(fill(entries))?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

async fn fill(entries: usize) -> Result<NearCache, Fault> {
    let clock = Arc::new(SystemClock);
    let now = clock.now();
    let config = SessionConfig { near_cache: entries, ..SessionConfig::default() };
    let rules = config.rules().map_err(|problems| format!("{problems:?}"))?;
    let before = resident_of("self", "VmRSS:")?;
    let store = Arc::new(MadeUp { news: broadcast::Sender::new(1), now });
    let sessions = Arc::new(Sessions::new(store, clock, config.near_cache));
    for number in 0..entries {
        let presence = sessions.find(&digest(number), HOST, &rules, now).await;
        if !matches!(presence, Presence::Known(_)) {
            return Err(format!("session {number} is not known: {presence:?}").into());
        }
    }
    let bytes = resident_of("self", "VmRSS:")?.saturating_sub(before);
    let known = |number: &usize| sessions.near(&digest(*number), HOST, &rules, now).is_some();
    Ok(NearCache { entries, held: (0..entries).filter(known).count(), bytes })
}

/// A digest as random as they are, with the person's number in front.
fn digest(number: usize) -> TokenDigest {
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (index % 8 * 8)) as u8;
    }
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    TokenDigest::from_bytes(bytes)
}

/// A store in which everybody is logged in.
struct MadeUp {
    news: broadcast::Sender<StoreEvent>,
    now: Timestamp,
}

impl MadeUp {
    fn person(&self, number: usize) -> Result<(Account, Session), StoreError> {
        planted::person(number, HOST, self.now)
            .map_err(|source| StoreError::Corrupt { doing: "making a person up", source })
    }

    fn nothing<T>() -> Result<T, StoreError> {
        Err(StoreError::Conflict { doing: "asking for what looking a session up never asks for" })
    }
}

#[async_trait]
impl Store for MadeUp {
    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        let mut number = [0; 8];
        number.copy_from_slice(&digest.bytes()[..8]);
        Ok(Some(self.person(u64::from_le_bytes(number) as usize)?.1))
    }

    async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Option<Account>>, StoreError> {
        let number = |id: &AccountId| id.as_str().trim_start_matches('a').parse().unwrap_or_default();
        ids.iter().map(|id| Ok(Some(self.person(number(id))?.0))).collect()
    }

    fn events(&self) -> broadcast::Receiver<StoreEvent> {
        self.news.subscribe()
    }

    fn events_flow(&self) -> bool {
        true
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn identities(&self, _: &[IdentityKey]) -> Result<Vec<Option<IdentityRow>>, StoreError> {
        Self::nothing()
    }

    async fn claim_identity(&self, _: &IdentityKey, _: &IdentityRow) -> Result<IdentityRow, StoreError> {
        Self::nothing()
    }

    async fn remove_identity(&self, _: &IdentityKey, _: &IdentityRow) -> Result<bool, StoreError> {
        Self::nothing()
    }

    async fn swap_identity(
        &self,
        _: &IdentityKey,
        _: &IdentityRow,
        _: &IdentityRow,
    ) -> Result<bool, StoreError> {
        Self::nothing()
    }

    async fn create_account(&self, _: &Account) -> Result<bool, StoreError> {
        Self::nothing()
    }

    async fn update_account(&self, _: &Account) -> Result<bool, StoreError> {
        Self::nothing()
    }

    async fn put_session(&self, _: &TokenDigest, _: &Session, _: Span) -> Result<(), StoreError> {
        Self::nothing()
    }

    async fn touch_session(&self, _: &TokenDigest, _: Timestamp, _: Span) -> Result<bool, StoreError> {
        Self::nothing()
    }

    async fn delete_sessions(&self, _: &[TokenDigest]) -> Result<(), StoreError> {
        Self::nothing()
    }

    async fn sessions_of(&self, _: &AccountId) -> Result<Vec<(TokenDigest, Session)>, StoreError> {
        Self::nothing()
    }

    async fn put_flow(&self, _: &Flow, _: Span) -> Result<(), StoreError> {
        Self::nothing()
    }

    async fn flow(&self, _: &FlowId) -> Result<Option<Flow>, StoreError> {
        Self::nothing()
    }

    async fn swap_flow(&self, _: &Flow, _: Span) -> Result<bool, StoreError> {
        Self::nothing()
    }

    async fn put_once(&self, _: &OnceKey, _: &str, _: Span) -> Result<(), StoreError> {
        Self::nothing()
    }

    async fn once(&self, _: &OnceKey) -> Result<Option<String>, StoreError> {
        Self::nothing()
    }

    async fn take_once(&self, _: &OnceKey) -> Result<Option<String>, StoreError> {
        Self::nothing()
    }

    async fn keep(&self, _: &str, _: &str) -> Result<String, StoreError> {
        Self::nothing()
    }

    async fn note(&self, _: &str) -> Result<Option<Note>, StoreError> {
        Self::nothing()
    }

    async fn swap_note(&self, _: &str, _: &Note, _: Span) -> Result<bool, StoreError> {
        Self::nothing()
    }
}
