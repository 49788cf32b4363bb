//! The life of a session between the near cache and the store, on a clock that is moved by hand.
#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code, unreachable_pub)]
#[path = "support/faulty_store.rs"]
mod faulty_store;
#[allow(dead_code, unreachable_pub)]
#[path = "support/rows.rs"]
mod rows;

use std::sync::Arc;
use std::time::Duration;

use menshen::domain::{Account, Status};
use menshen::ground::{Clock, ManualClock, Span, Timestamp, TokenDigest};
use menshen::login::{Presence, SessionConfig, SessionRules, Sessions};
use menshen::store::{self, MAX_SESSIONS_LISTED, Store};

use faulty_store::{Fails, FaultyStore};

const HOST: &str = "app.example.com";

struct World {
    clock: Arc<ManualClock>,
    store: Arc<FaultyStore>,
    sessions: Arc<Sessions>,
    rules: SessionRules,
}

impl World {
    async fn new(near_cache: usize) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_760_000_000_000)));
        let config = store::Config { url: store::StoreUrl::new("embedded:memory"), ..Default::default() };
        let inner = store::open(&config, clock.clone()).await.unwrap();
        let store = Arc::new(FaultyStore::new(inner));
        let sessions = Arc::new(Sessions::new(store.clone(), clock.clone(), near_cache));
        tokio::spawn(sessions.clone().follow_news());
        // Let the task subscribe to the news before anything happens.
        tokio::task::yield_now().await;
        Self { clock, store, sessions, rules: SessionConfig::default().rules().unwrap() }
    }

    /// An account with one session, unused so far.
    async fn logged_in(&self, name: &str) -> (Account, TokenDigest) {
        let mut account = rows::account(name);
        account.created_at = self.clock.now();
        self.store.create_account(&account).await.unwrap();
        let digest = rows::digest();
        let session = rows::session(name, self.clock.now().millis());
        self.store.put_session(&digest, &session, Span::from_days(30)).await.unwrap();
        (account, digest)
    }

    async fn find(&self, digest: &TokenDigest) -> Presence {
        self.sessions.find(digest, HOST, &self.rules, self.clock.now()).await
    }

    /// Store calls that `find` makes.
    async fn calls_of_find(&self, digest: &TokenDigest) -> usize {
        let before = self.store.calls();
        self.find(digest).await;
        self.store.calls() - before
    }

    /// Waits until `find` says so, as news travel on their own task.
    async fn eventually(&self, digest: &TokenDigest, wanted: fn(&Presence) -> bool) {
        let waiting = async {
            while !wanted(&self.find(digest).await) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("the news never arrived");
    }

    /// Waits until the store says that the session was used just now, as that is written on a task of its own:
    /// a clock that runs ahead of it would let the session grow old.
    async fn seen_now(&self, digest: &TokenDigest) {
        let written = async {
            while self.store.session(digest).await.unwrap().unwrap().last_seen_at != self.clock.now() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), written)
            .await
            .expect("the idle clock was never written");
    }
}

fn known(presence: &Presence) -> bool {
    matches!(presence, Presence::Known(_))
}

fn stranger(presence: &Presence) -> bool {
    matches!(presence, Presence::Stranger)
}

#[tokio::test]
async fn a_remembered_session_costs_no_store_call() {
    let world = World::new(100).await;
    let (_, digest) = world.logged_in("ann").await;
    assert_eq!(world.calls_of_find(&digest).await, 2, "session and account");
    assert_eq!(world.calls_of_find(&digest).await, 0);
    assert!(world.sessions.near(&digest, HOST, &world.rules, world.clock.now()).is_some());
}

#[tokio::test]
async fn without_a_near_cache_every_request_asks_the_store() {
    let world = World::new(0).await;
    let (_, digest) = world.logged_in("ann").await;
    assert_eq!(world.calls_of_find(&digest).await, 2);
    assert_eq!(world.calls_of_find(&digest).await, 2);
    assert!(known(&world.find(&digest).await));
}

#[tokio::test]
async fn a_remembered_session_is_looked_up_again_after_the_recheck_time() {
    let world = World::new(100).await;
    let (_, digest) = world.logged_in("ann").await;
    world.find(&digest).await;
    world.clock.advance(world.rules.recheck);
    assert_eq!(world.calls_of_find(&digest).await, 2);
}

#[tokio::test]
async fn an_ended_session_is_a_stranger_at_once_here_and_soon_elsewhere() {
    let world = World::new(100).await;
    let elsewhere = Arc::new(Sessions::new(world.store.clone(), world.clock.clone(), 100));
    tokio::spawn(elsewhere.clone().follow_news());
    tokio::task::yield_now().await;
    let (_, digest) = world.logged_in("ann").await;
    let Presence::Known(here) = world.find(&digest).await else { panic!("not known") };
    assert!(known(&elsewhere.find(&digest, HOST, &world.rules, world.clock.now()).await));
    assert_eq!(world.sessions.end(&here, &digest, false).await.unwrap(), 1);
    assert!(stranger(&world.find(&digest).await));
    assert!(here.has_ended());
    let waiting = async {
        while !stranger(&elsewhere.find(&digest, HOST, &world.rules, world.clock.now()).await) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("the other process never heard");
}

#[tokio::test]
async fn ending_everywhere_ends_other_logins_too_and_ending_here_does_not() {
    let world = World::new(100).await;
    let (_, first) = world.logged_in("ann").await;
    let second = rows::digest();
    let mut other_login = rows::session("ann", world.clock.now().millis());
    other_login.login_id = "another".into();
    world.store.put_session(&second, &other_login, Span::from_days(30)).await.unwrap();
    let Presence::Known(here) = world.find(&first).await else { panic!("not known") };
    assert_eq!(world.sessions.end(&here, &first, false).await.unwrap(), 1);
    let Presence::Known(there) = world.find(&second).await else { panic!("the other login ended too") };
    assert_eq!(world.sessions.end(&there, &second, true).await.unwrap(), 1);
    assert!(stranger(&world.find(&second).await));
}

#[tokio::test]
async fn a_session_ends_by_itself_however_many_newer_ones_its_account_has() {
    let world = World::new(100).await;
    let (_, oldest) = world.logged_in("ann").await;
    for n in 1..=MAX_SESSIONS_LISTED as u64 {
        let mut newer = rows::session("ann", world.clock.now().millis() + n);
        newer.login_id = format!("login{n}");
        world.store.put_session(&rows::digest(), &newer, Span::from_days(30)).await.unwrap();
    }
    let Presence::Known(known) = world.find(&oldest).await else { panic!("not known") };
    assert_eq!(world.sessions.end(&known, &oldest, false).await.unwrap(), 1);
    assert!(stranger(&world.find(&oldest).await));
}

/// Acceptance: A14, U3.
#[tokio::test]
async fn a_disabled_account_is_a_stranger_on_its_next_request() {
    let world = World::new(100).await;
    let (mut account, digest) = world.logged_in("ann").await;
    assert!(known(&world.find(&digest).await));
    account.status = Status::Disabled;
    account.version += 1;
    // The clock stands still, as within one millisecond: the change must count all the same.
    assert!(world.store.update_account(&account).await.unwrap());
    world.eventually(&digest, stranger).await;
}

#[tokio::test]
async fn a_token_is_refused_on_a_host_it_was_not_made_for() {
    let world = World::new(100).await;
    let (_, digest) = world.logged_in("ann").await;
    let elsewhere = world.sessions.find(&digest, "other.example.com", &world.rules, world.clock.now()).await;
    assert!(stranger(&elsewhere));
    assert!(known(&world.find(&digest).await));
}

#[tokio::test]
async fn an_unused_session_expires_and_a_used_one_lives_to_its_longest_age() {
    let world = World::new(100).await;
    let (_, idle) = world.logged_in("ann").await;
    let (_, used) = world.logged_in("bob").await;
    world.find(&idle).await;
    for _ in 0..29 {
        world.clock.advance(Span::from_days(1));
        assert!(known(&world.find(&used).await));
        world.seen_now(&used).await;
    }
    assert!(!known(&world.find(&idle).await));
    world.clock.advance(Span::from_days(1));
    assert!(!known(&world.find(&used).await));
}

#[tokio::test]
async fn the_idle_clock_is_written_once_a_tenth_of_the_window_has_passed() {
    let world = World::new(100).await;
    let (_, digest) = world.logged_in("ann").await;
    world.find(&digest).await;
    let before = world.store.calls();
    for _ in 0..100 {
        world.find(&digest).await;
    }
    assert_eq!(world.store.calls(), before, "nothing is written for ordinary requests");
    world.clock.advance(Span::from_millis(world.rules.policy.idle.millis() / 10));
    world.find(&digest).await;
    world.seen_now(&digest).await;
}

#[tokio::test]
async fn in_an_outage_the_known_go_on_for_the_grace_and_nobody_new_gets_in() {
    let world = World::new(100).await;
    let (_, known_here) = world.logged_in("ann").await;
    let (_, unknown_here) = world.logged_in("bob").await;
    assert!(known(&world.find(&known_here).await));
    world.store.die_at(world.store.calls(), Fails::Before);
    assert!(matches!(world.find(&unknown_here).await, Presence::StoreDown));
    assert!(matches!(world.find(&rows::digest()).await, Presence::StoreDown));
    world.clock.advance(world.rules.recheck);
    assert!(known(&world.find(&known_here).await), "the recheck fails and the grace begins");
    world.clock.advance(world.rules.outage_grace);
    assert!(matches!(world.find(&known_here).await, Presence::StoreDown));
    world.store.heal();
    assert!(known(&world.find(&known_here).await), "nobody was logged out");
    assert!(known(&world.find(&unknown_here).await));
}

#[tokio::test]
async fn an_account_that_changed_before_the_outage_gets_no_grace() {
    let world = World::new(100).await;
    let (mut account, digest) = world.logged_in("ann").await;
    assert!(known(&world.find(&digest).await));
    account.status = Status::Disabled;
    account.version += 1;
    assert!(world.store.update_account(&account).await.unwrap());
    // Wait for the news by asking without answering from the store.
    let heard = async {
        while world.sessions.near(&digest, HOST, &world.rules, world.clock.now()).is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), heard).await.expect("the news never arrived");
    world.store.die_at(world.store.calls(), Fails::Before);
    assert!(matches!(world.find(&digest).await, Presence::StoreDown));
}
