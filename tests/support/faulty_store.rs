//! A store that fails at a chosen call, for tests of what is left when a process dies between two steps.
//!
//! It notes every call of the trait that may fail, counted from zero, and how many had to wait for one another. A failed
//! call says `Unavailable`, like a real outage, or nothing for ever; whether the inner store carried it out is the test's
//! choice, as it would be chance in an outage.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use menshen::domain::{Account, AccountId, Flow, FlowId, IdentityKey, IdentityRow, Session};
use menshen::ground::{Span, Timestamp, TokenDigest};
use menshen::store::{Note, OnceKey, Store, StoreError, StoreEvent};
use tokio::sync::{Notify, broadcast, watch};

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// Before the inner store hears of it.
    Before,
    /// After the inner store has carried it out: the answer is lost.
    After,
    /// As `Before`, but there is never an answer.
    StallsBefore,
    /// As `After`, but there is never an answer.
    StallsAfter,
    /// Not at all, but it waits until the store is healed: others get in between.
    Waits,
}

#[derive(Clone, Copy)]
struct Plan {
    call: usize,
    fails: Fails,
    for_good: bool,
}

/// A [`Store`] over another one.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    calls: Mutex<Vec<&'static str>>,
    /// The longest chain so far of calls that ended before the next began.
    chain: AtomicUsize,
    plan: Mutex<Option<Plan>>,
    stalled: watch::Sender<bool>,
    healed: Notify,
    created: Mutex<Vec<AccountId>>,
}

impl FaultyStore {
    /// Passes everything on until told otherwise.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            calls: Mutex::default(),
            chain: AtomicUsize::new(0),
            plan: Mutex::new(None),
            stalled: watch::Sender::default(),
            healed: Notify::new(),
            created: Mutex::default(),
        }
    }

    /// The call with this number, counted from zero since [`FaultyStore::new`], fails; later ones work.
    pub fn fail_at(&self, call: usize, fails: Fails) {
        self.set(Some(Plan { call, fails, for_good: false }));
    }

    /// The call with this number fails and every later one does not reach the store: the process has died.
    pub fn die_at(&self, call: usize, fails: Fails) {
        self.set(Some(Plan { call, fails, for_good: true }));
    }

    /// Passes everything on again.
    pub fn heal(&self) {
        self.set(None);
        self.healed.notify_one();
    }

    /// Waits until a call stalls.
    pub async fn stalled(&self) {
        let _ = self.stalled.subscribe().wait_for(|stalled| *stalled).await;
        self.stalled.send_replace(false);
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What was called, by the names of the trait, beginning with the call of this number.
    pub fn calls_since(&self, call: usize) -> Vec<&'static str> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)[call..].to_vec()
    }

    /// How many calls there were one after the other: those that are under way at the same time are one round trip.
    pub fn round_trips(&self) -> usize {
        self.chain.load(Ordering::SeqCst)
    }

    /// The accounts that were created through this store, whether or not the caller heard of it.
    pub fn created(&self) -> Vec<AccountId> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn create_and_note(&self, account: &Account) -> Result<bool, StoreError> {
        let created = self.inner.create_account(account).await;
        if matches!(created, Ok(true)) {
            self.created.lock().unwrap_or_else(PoisonError::into_inner).push(account.id.clone());
        }
        created
    }

    async fn wait(&self) {
        self.stalled.send_replace(true);
        let healed = self.healed.notified();
        healed.await;
    }

    async fn stall<T>(&self) -> T {
        self.stalled.send_replace(true);
        std::future::pending().await
    }

    fn set(&self, plan: Option<Plan>) {
        self.stalled.send_replace(false);
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// Counts a call and says how it fails, if it does.
    fn next(&self, name: &'static str) -> Option<Fails> {
        let call = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push(name);
            calls.len() - 1
        };
        let plan = (*self.plan.lock().unwrap_or_else(PoisonError::into_inner))?;
        match call.cmp(&plan.call) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(plan.fails),
            std::cmp::Ordering::Greater => plan.for_good.then_some(Fails::Before),
        }
    }
}

fn injected() -> StoreError {
    StoreError::Unavailable { doing: "an injected failure", source: "injected by the test".into() }
}

macro_rules! pass {
    ($self:ident.$name:ident($($argument:expr),*)) => {
        pass!($self, $name, $self.inner.$name($($argument),*))
    };
    ($self:ident, $name:ident, $call:expr) => {{
        let place = $self.chain.load(Ordering::SeqCst) + 1;
        let fails = $self.next(stringify!($name));
        // No store across a network answers at once: whoever asks for several things at the same time has begun the
        // others before this one ends.
        tokio::task::yield_now().await;
        let answer = match fails {
            None => $call.await,
            Some(Fails::Before) => Err(injected()),
            Some(Fails::After) => $call.await.and(Err(injected())),
            Some(Fails::Waits) => {
                $self.wait().await;
                $call.await
            }
            Some(Fails::StallsBefore) => $self.stall().await,
            Some(Fails::StallsAfter) => {
                let _ = $call.await;
                $self.stall().await
            }
        };
        $self.chain.fetch_max(place, Ordering::SeqCst);
        answer
    }};
}

#[async_trait]
impl Store for FaultyStore {
    async fn identities(&self, keys: &[IdentityKey]) -> Result<Vec<Option<IdentityRow>>, StoreError> {
        pass!(self.identities(keys))
    }

    async fn claim_identity(&self, key: &IdentityKey, row: &IdentityRow) -> Result<IdentityRow, StoreError> {
        pass!(self.claim_identity(key, row))
    }

    async fn swap_identity(
        &self,
        key: &IdentityKey,
        expected: &IdentityRow,
        row: &IdentityRow,
    ) -> Result<bool, StoreError> {
        pass!(self.swap_identity(key, expected, row))
    }

    async fn remove_identity(&self, key: &IdentityKey, expected: &IdentityRow) -> Result<bool, StoreError> {
        pass!(self.remove_identity(key, expected))
    }

    async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Option<Account>>, StoreError> {
        pass!(self.accounts(ids))
    }

    async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        pass!(self, create_account, self.create_and_note(account))
    }

    async fn update_account(&self, account: &Account) -> Result<bool, StoreError> {
        pass!(self.update_account(account))
    }

    async fn put_session(
        &self,
        digest: &TokenDigest,
        session: &Session,
        ttl: Span,
    ) -> Result<(), StoreError> {
        pass!(self.put_session(digest, session, ttl))
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        pass!(self.session(digest))
    }

    async fn touch_session(
        &self,
        digest: &TokenDigest,
        seen: Timestamp,
        ttl: Span,
    ) -> Result<bool, StoreError> {
        pass!(self.touch_session(digest, seen, ttl))
    }

    async fn delete_sessions(&self, digests: &[TokenDigest]) -> Result<(), StoreError> {
        pass!(self.delete_sessions(digests))
    }

    async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(TokenDigest, Session)>, StoreError> {
        pass!(self.sessions_of(account))
    }

    async fn put_flow(&self, flow: &Flow, ttl: Span) -> Result<(), StoreError> {
        pass!(self.put_flow(flow, ttl))
    }

    async fn flow(&self, id: &FlowId) -> Result<Option<Flow>, StoreError> {
        pass!(self.flow(id))
    }

    async fn swap_flow(&self, flow: &Flow, ttl: Span) -> Result<bool, StoreError> {
        pass!(self.swap_flow(flow, ttl))
    }

    async fn put_once(&self, key: &OnceKey, value: &str, ttl: Span) -> Result<(), StoreError> {
        pass!(self.put_once(key, value, ttl))
    }

    async fn once(&self, key: &OnceKey) -> Result<Option<String>, StoreError> {
        pass!(self.once(key))
    }

    async fn take_once(&self, key: &OnceKey) -> Result<Option<String>, StoreError> {
        pass!(self.take_once(key))
    }

    async fn keep(&self, name: &str, candidate: &str) -> Result<String, StoreError> {
        pass!(self.keep(name, candidate))
    }

    async fn note(&self, name: &str) -> Result<Option<Note>, StoreError> {
        pass!(self.note(name))
    }

    async fn swap_note(&self, name: &str, note: &Note, ttl: Span) -> Result<bool, StoreError> {
        pass!(self.swap_note(name, note, ttl))
    }

    fn events(&self) -> broadcast::Receiver<StoreEvent> {
        self.inner.events()
    }

    fn events_flow(&self) -> bool {
        self.inner.events_flow()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        pass!(self.ping())
    }
}
