//! Who is behind this token: a near cache in front of the store, and the rules of a session's life.
//!
//! Answers "known", "stranger", "expired" and "the store is down" as four things. A revocation is heard within
//! a second; while no news arrive, every answer is checked with the store; while the store is down, a session
//! this process knew goes on for the outage grace and nobody new gets in.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use quick_cache::sync::Cache;
use tokio::sync::broadcast::error::RecvError;

use super::session_config::SessionRules;
use crate::domain::{AccountId, NotAdmitted, Principal, Session, SessionPolicy};
use crate::ground::{Clock, Timestamp, TokenDigest};
use crate::store::{MAX_SESSIONS_LISTED, Store, StoreError, StoreEvent};

/// What is known about a token.
#[derive(Clone, Debug)]
pub enum Presence {
    /// A live session of an active account.
    Known(Arc<Known>),
    /// No such session, one for another host, or one whose account is disabled or gone.
    Stranger,
    /// A session that has run out.
    Expired,
    /// Unknown, because the store gave no answer.
    StoreDown,
}

/// A known visitor and when that was last confirmed.
#[derive(Debug)]
pub struct Known {
    principal: Principal,
    account: Arc<AccountNews>,
    /// When the store last confirmed it.
    checked_at: AtomicU64,
    /// When it was last used, here.
    seen_at: AtomicU64,
    /// When its idle clock was last written to the store.
    written_at: AtomicU64,
    ended: AtomicBool,
}

impl Known {
    /// The visitor.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether the session was ended since; long streams look here.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

impl std::ops::Deref for Known {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

/// When an account was last heard to have changed; shared by its remembered sessions.
#[derive(Debug, Default)]
struct AccountNews(AtomicU64);

/// Rounds of listing and deleting when all sessions of an account end.
const MAX_ROUNDS: usize = 100;

/// How many ended sessions are remembered; far more than can end while one look-up is under way.
const ENDED_REMEMBERED: usize = 10_000;

/// The sessions of this process and, through the store, of all.
pub struct Sessions {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    near: Option<Cache<TokenDigest, Arc<Known>>>,
    /// By a hash of the account's id: two accounts that share one are rechecked together, which harms nobody.
    accounts: Mutex<HashMap<u64, Weak<AccountNews>>>,
    hashes: RandomState,
    /// Sessions that ended lately: an answer of the store that was on its way then must not be remembered.
    ended: Cache<TokenDigest, ()>,
    /// Entries confirmed before this moment are looked up again.
    trusted_since: AtomicU64,
    capacity: usize,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Sessions over a store, remembering at most `capacity` of them.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self {
            store,
            clock,
            near: (capacity > 0).then(|| Cache::new(capacity)),
            accounts: Mutex::default(),
            hashes: RandomState::new(),
            ended: Cache::new(ENDED_REMEMBERED),
            trusted_since: AtomicU64::new(0),
            capacity,
        }
    }

    /// Follows the store's news until the store is gone. Spawn it once, before the first request.
    pub async fn follow_news(self: Arc<Self>) {
        let mut news = self.store.events();
        loop {
            match news.recv().await {
                Ok(StoreEvent::SessionEnded { digest }) => self.revoke(digest),
                Ok(StoreEvent::AccountChanged { account }) => self.account_changed(&account),
                Ok(StoreEvent::FlowChanged { .. } | StoreEvent::NoteChanged { .. }) => {}
                Ok(StoreEvent::Missed) | Err(RecvError::Lagged(_)) => self.doubt_all(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// What is known about a token without asking anybody: the usual request's whole cost.
    ///
    /// `None` means "ask [`Sessions::find`]".
    pub fn near(
        self: &Arc<Self>,
        digest: &TokenDigest,
        host: &str,
        rules: &SessionRules,
        now: Timestamp,
    ) -> Option<Presence> {
        let known = self.near.as_ref()?.get(digest)?;
        if !self.is_fresh(&known, rules, now) || !self.store.events_flow() {
            return None;
        }
        Some(self.admit(digest, known, host, rules, now))
    }

    /// What is known about a token, asking the store unless it was asked lately.
    pub async fn find(
        self: &Arc<Self>,
        digest: &TokenDigest,
        host: &str,
        rules: &SessionRules,
        now: Timestamp,
    ) -> Presence {
        if let Some(presence) = self.near(digest, host, rules, now) {
            return presence;
        }
        match self.look_up(digest, rules, now).await {
            Ok(Looked::Known(known)) => self.admit(digest, known, host, rules, now),
            Ok(Looked::Stranger) => {
                self.forget(digest);
                Presence::Stranger
            }
            Ok(Looked::Expired) => {
                self.forget(digest);
                Presence::Expired
            }
            Err(error) => self.in_outage(digest, host, rules, now, &error),
        }
    }

    /// The sessions of an account, newest first.
    pub async fn of_account(&self, account: &AccountId) -> Result<Vec<(TokenDigest, Session)>, StoreError> {
        self.store.sessions_of(account).await
    }

    /// Ends the session `digest`, and the login that it belongs to on all hosts, or all logins of its account; says how
    /// many sessions those were.
    pub async fn end(
        &self,
        known: &Known,
        digest: &TokenDigest,
        everywhere: bool,
    ) -> Result<usize, StoreError> {
        // This one by itself: where an account has very many, it may not be among those that are looked at.
        self.store.delete_sessions(std::slice::from_ref(digest)).await?;
        self.revoke(*digest);
        let Ok(account) = AccountId::new(known.account_id()) else { return Ok(1) };
        let which = |session: &Session| everywhere || session.login_id == known.login_id();
        Ok(1 + self.end_where(&account, which).await?)
    }

    /// Ends the sessions of an account that `which` picks; says how many.
    ///
    /// Looks at the newest [`MAX_SESSIONS_LISTED`] of those that are left: behind so many that are not picked, older
    /// ones stay, which is logged.
    pub async fn end_where(
        &self,
        account: &AccountId,
        which: impl Fn(&Session) -> bool,
    ) -> Result<usize, StoreError> {
        let mut ended = 0;
        // A listing has a bound, so an account with very many sessions takes several rounds.
        for _ in 0..MAX_ROUNDS {
            let sessions = self.store.sessions_of(account).await?;
            let all = sessions.len() < MAX_SESSIONS_LISTED;
            let round: Vec<TokenDigest> = sessions
                .into_iter()
                .filter(|(_, session)| which(session))
                .map(|(digest, _)| digest)
                .collect();
            if round.is_empty() {
                if !all {
                    tracing::warn!(%account, "an account has more sessions than are looked at; old ones may stay");
                }
                break;
            }
            self.store.delete_sessions(&round).await?;
            // The news will say so too, but this process must not answer from memory in between.
            for digest in &round {
                self.revoke(*digest);
            }
            ended += round.len();
        }
        Ok(ended)
    }

    fn is_fresh(&self, known: &Known, rules: &SessionRules, now: Timestamp) -> bool {
        let checked = known.checked_at.load(Ordering::Relaxed);
        let doubted = known.account.0.load(Ordering::Relaxed).max(self.trusted_since.load(Ordering::Relaxed));
        checked > doubted && now.millis().saturating_sub(checked) < rules.recheck.millis()
    }

    /// Holds a confirmed session against host and clock, and keeps its idle clock going.
    fn admit(
        self: &Arc<Self>,
        digest: &TokenDigest,
        known: Arc<Known>,
        host: &str,
        rules: &SessionRules,
        now: Timestamp,
    ) -> Presence {
        if !(known.host().is_empty() || known.host() == host) {
            return Presence::Stranger;
        }
        let seen = Timestamp::from_millis(known.seen_at.load(Ordering::Relaxed));
        if rules.policy.check(known.created_at(), seen, now).is_err() {
            self.forget(digest);
            return Presence::Expired;
        }
        known.seen_at.fetch_max(now.millis(), Ordering::Relaxed);
        let written = known.written_at.load(Ordering::Relaxed);
        if rules.policy.touch_due(Timestamp::from_millis(written), now)
            && known
                .written_at
                .compare_exchange(written, now.millis(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.touch(*digest, known.created_at(), rules.policy, now);
        }
        Presence::Known(known)
    }

    /// Writes the idle clock behind the request's back; a lost write costs a tenth of the window at most.
    fn touch(
        self: &Arc<Self>,
        digest: TokenDigest,
        created: Timestamp,
        policy: SessionPolicy,
        now: Timestamp,
    ) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let ttl = policy.time_to_live(created, now, now);
            match this.store.touch_session(&digest, now, ttl).await {
                Ok(true) => {}
                Ok(false) => this.forget(&digest),
                Err(error) => tracing::warn!(%error, "the idle clock of a session was not written"),
            }
        });
    }

    async fn look_up(
        &self,
        digest: &TokenDigest,
        rules: &SessionRules,
        now: Timestamp,
    ) -> Result<Looked, StoreError> {
        // Read before asking: news that arrive while the store answers must win over the answer.
        let asked_at = self.clock.now().max(now);
        let Some(mut session) = self.store.session(digest).await? else { return Ok(Looked::Stranger) };
        let written_at = session.last_seen_at;
        if let Some(remembered) = self.near.as_ref().and_then(|near| near.get(digest)) {
            // What was used here since is written behind the requests' backs, perhaps not yet.
            let seen = Timestamp::from_millis(remembered.seen_at.load(Ordering::Relaxed));
            session.last_seen_at = written_at.max(seen);
        }
        let account_id = session.account.clone();
        let news = self.news_of(&account_id);
        let seen_at = session.last_seen_at;
        let Ok(live) = session.check(rules.policy, now) else { return Ok(Looked::Expired) };
        let account =
            self.store.accounts(std::slice::from_ref(&account_id)).await?.into_iter().flatten().next();
        let Some(account) = account else { return Ok(Looked::Stranger) };
        let principal = match Principal::admit(&live, &account) {
            Ok(principal) => principal,
            Err(NotAdmitted::Disabled | NotAdmitted::WrongAccount | NotAdmitted::Removed) => {
                return Ok(Looked::Stranger);
            }
        };
        let known = Arc::new(Known {
            principal,
            account: news,
            checked_at: AtomicU64::new(asked_at.millis()),
            seen_at: AtomicU64::new(seen_at.millis()),
            written_at: AtomicU64::new(written_at.millis()),
            ended: AtomicBool::new(false),
        });
        if let Some(near) = &self.near {
            near.insert(*digest, Arc::clone(&known));
            if self.ended.get(digest).is_some() {
                self.forget(digest);
                return Ok(Looked::Stranger);
            }
        }
        Ok(Looked::Known(known))
    }

    /// The store is silent: a session this process knew goes on for the grace, nobody else gets in.
    fn in_outage(
        self: &Arc<Self>,
        digest: &TokenDigest,
        host: &str,
        rules: &SessionRules,
        now: Timestamp,
        error: &StoreError,
    ) -> Presence {
        let remembered = self.near.as_ref().and_then(|near| near.get(digest)).filter(|known| {
            let checked = Timestamp::from_millis(known.checked_at.load(Ordering::Relaxed));
            let doubted = Timestamp::from_millis(known.account.0.load(Ordering::Relaxed));
            // An account that changed since (it may have been disabled) gets no grace.
            checked > doubted && now < checked.plus(rules.recheck).plus(rules.outage_grace)
        });
        match remembered {
            Some(known) => self.admit(digest, known, host, rules, now),
            None => {
                tracing::warn!(%error, "a session could not be looked up");
                Presence::StoreDown
            }
        }
    }

    fn revoke(&self, digest: TokenDigest) {
        self.ended.insert(digest, ());
        self.forget(&digest);
    }

    fn forget(&self, digest: &TokenDigest) {
        if let Some((_, known)) = self.near.as_ref().and_then(|near| near.remove(digest)) {
            known.ended.store(true, Ordering::Relaxed);
        }
    }

    /// Has the account's sessions looked up again. Who changes it in this process says so before the news do.
    pub fn account_changed(&self, account: &AccountId) {
        let news = self.accounts().get(&self.hashes.hash_one(account)).and_then(Weak::upgrade);
        if let Some(news) = news {
            news.0.fetch_max(self.clock.now().millis(), Ordering::Relaxed);
        }
    }

    fn doubt_all(&self) {
        self.trusted_since.fetch_max(self.clock.now().millis(), Ordering::Relaxed);
    }

    fn news_of(&self, account: &AccountId) -> Arc<AccountNews> {
        let key = self.hashes.hash_one(account);
        let mut accounts = self.accounts();
        if let Some(news) = accounts.get(&key).and_then(Weak::upgrade) {
            return news;
        }
        // Entries whose sessions are all forgotten are swept when they could be half of the map.
        if accounts.len() >= 2 * self.capacity.max(1024) {
            accounts.retain(|_, news| news.strong_count() > 0);
        }
        let news = Arc::new(AccountNews::default());
        accounts.insert(key, Arc::downgrade(&news));
        news
    }

    fn accounts(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Weak<AccountNews>>> {
        // Nothing that can panic runs while it is held; if it did, the map is still only a hint.
        self.accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

enum Looked {
    Known(Arc<Known>),
    Stranger,
    Expired,
}
