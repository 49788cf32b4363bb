//! The contract of `menshen::store::Store`, held against every store.
//!
//! Two handles stand for two processes: on Redis two connections of their own, embedded the same handle twice,
//! because an embedded store belongs to one process. What only one of the stores can do is tested in
//! `store_embedded.rs` and `store_redis.rs`.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/redis_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod redis_server;
#[path = "support/rows.rs"]
#[allow(dead_code, unreachable_pub)]
mod rows;

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use menshen::domain::{AccountId, FlowId, IdentityRow, Stage};
use menshen::ground::{Clock as _, ManualClock, Secret, Span, SystemClock, Timestamp, Token};
use menshen::store::{self, Config, Note, OnceKey, Store, StoreError, StoreEvent, StoreUrl};
use redis_server::RedisServer;
use rows::{account, account_id, digest, flow, key, session};
use tempfile::TempDir;
use tokio::sync::broadcast;

/// Longest wait for anything; reached only by a failing test.
const LIMIT: Duration = Duration::from_secs(20);
const LONG: Span = Span::from_mins(10);

/// A store under test.
struct World {
    first: Arc<dyn Store>,
    second: Arc<dyn Store>,
    clock: Option<Arc<ManualClock>>,
    _ground: Ground,
}

#[allow(dead_code)]
enum Ground {
    Memory,
    File(TempDir),
    Redis(RedisServer),
}

impl World {
    async fn embedded(ground: Ground) -> Self {
        let url = match &ground {
            Ground::File(dir) => format!("embedded:{}", dir.path().join("deep/store.redb").display()),
            _ => "embedded:memory".into(),
        };
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_760_000_000_000)));
        let config = Config { url: StoreUrl::new(url), timeout: Span::from_secs(20), ..Config::default() };
        let first = store::open(&config, clock.clone()).await.unwrap();
        Self { second: first.clone(), first, clock: Some(clock), _ground: ground }
    }

    async fn memory() -> Self {
        Self::embedded(Ground::Memory).await
    }

    async fn file() -> Self {
        Self::embedded(Ground::File(tempfile::tempdir().unwrap())).await
    }

    async fn redis() -> Self {
        let server = RedisServer::start(&[]);
        let config =
            Config { url: StoreUrl::new(server.url()), timeout: Span::from_secs(20), ..Config::default() };
        let first = store::open(&config, Arc::new(SystemClock)).await.unwrap();
        let second = store::open(&config, Arc::new(SystemClock)).await.unwrap();
        Self { first, second, clock: None, _ground: Ground::Redis(server) }
    }

    /// The handle of one of two processes.
    fn process(&self, number: usize) -> Arc<dyn Store> {
        if number.is_multiple_of(2) { self.first.clone() } else { self.second.clone() }
    }

    fn now(&self) -> Timestamp {
        self.clock.as_ref().map_or_else(|| SystemClock.now(), |clock| clock.now())
    }

    /// Lets `span` pass on the store's own clock.
    async fn pass(&self, span: Span) {
        if let Some(clock) = &self.clock {
            clock.advance(span);
            return;
        }
        let marker = flow(&format!("marker{}", rand::random::<u32>()));
        self.first.put_flow(&marker, span).await.unwrap();
        eventually(async || self.first.flow(&marker.id).await.unwrap().is_none()).await;
    }
}

/// Asks again until it is so.
async fn eventually(so: impl AsyncFn() -> bool) {
    let wait = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it never came to be so");
}

/// The next event that `wanted` accepts.
async fn next_event(
    events: &mut broadcast::Receiver<StoreEvent>,
    wanted: impl Fn(&StoreEvent) -> bool,
) -> StoreEvent {
    let wait = async {
        loop {
            let event = events.recv().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("the event never came")
}

/// Runs 50 calls at once, alternating between the two processes.
async fn at_once<T, F>(world: &World, call: impl Fn(Arc<dyn Store>, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let calls: Vec<_> = (0..50).map(|number| tokio::spawn(call(world.process(number), number))).collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

fn once(digest: menshen::ground::TokenDigest) -> OnceKey {
    OnceKey { purpose: "ticket", digest }
}

fn note(version: u64, text: &str) -> Note {
    Note { version, text: Secret::new(text) }
}

macro_rules! contract {
    ($($(#[$doc:meta])* async fn $name:ident($world:ident: World) $body:block)*) => {
        mod rules {
            use super::*;
            $($(#[$doc])* pub(crate) async fn $name($world: World) $body)*
        }
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::rules::$name(super::World::memory().await).await })*
        }
        mod file {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::rules::$name(super::World::file().await).await })*
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::rules::$name(super::World::redis().await).await })*
        }
    };
}

contract! {
    async fn an_empty_store_answers_nothing_without_an_error(world: World) {
        let store = &world.first;
        store.ping().await.unwrap();
        assert!(store.events_flow());
        assert_eq!(store.identities(&[]).await.unwrap(), []);
        assert_eq!(store.identities(&[key("a"), key("b")]).await.unwrap(), [None, None]);
        assert_eq!(store.accounts(&[]).await.unwrap(), []);
        assert_eq!(store.accounts(&[account_id("a")]).await.unwrap(), [None]);
        assert_eq!(store.session(&digest()).await.unwrap(), None);
        assert_eq!(store.sessions_of(&account_id("a")).await.unwrap(), []);
        assert_eq!(store.flow(&FlowId::new("f").unwrap()).await.unwrap(), None);
        assert_eq!(store.once(&once(digest())).await.unwrap(), None);
        assert_eq!(store.take_once(&once(digest())).await.unwrap(), None);
        assert_eq!(store.note("n").await.unwrap(), None);
        assert!(!store.touch_session(&digest(), world.now(), LONG).await.unwrap());
        store.delete_sessions(&[]).await.unwrap();
        store.delete_sessions(&[digest()]).await.unwrap();
    }

    async fn a_claim_stands_and_later_claims_learn_of_it(world: World) {
        let first = IdentityRow::claim(account_id("a1"));
        let other = IdentityRow::claim(account_id("a2"));
        assert_eq!(world.first.claim_identity(&key("p"), &first).await.unwrap(), first);
        assert_eq!(world.second.claim_identity(&key("p"), &other).await.unwrap(), first);
        let rows = world.second.identities(&[key("q"), key("p")]).await.unwrap();
        assert_eq!(rows, [None, Some(first)]);
    }

    async fn an_identity_is_swapped_only_from_the_row_that_was_read(world: World) {
        let claim = IdentityRow::claim(account_id("a1"));
        let settled = IdentityRow::settled(account_id("a1"));
        assert!(!world.first.swap_identity(&key("p"), &claim, &settled).await.unwrap());
        assert_eq!(world.first.identities(&[key("p")]).await.unwrap(), [None]);
        world.first.claim_identity(&key("p"), &claim).await.unwrap();
        assert!(world.second.swap_identity(&key("p"), &claim, &settled).await.unwrap());
        assert!(!world.first.swap_identity(&key("p"), &claim, &settled).await.unwrap());
        assert_eq!(world.first.identities(&[key("p")]).await.unwrap(), [Some(settled)]);
    }

    /// Acceptance: two first logins of one person at the same moment give one account.
    async fn of_fifty_claims_at_once_one_wins_and_all_learn_which(world: World) {
        let rows = at_once(&world, |store, number| async move {
            let row = IdentityRow::claim(account_id(&format!("a{number}")));
            store.claim_identity(&key("p"), &row).await.unwrap()
        })
        .await;
        assert!(rows.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(world.first.identities(&[key("p")]).await.unwrap(), [Some(rows[0].clone())]);
    }

    async fn of_fifty_swaps_of_an_identity_one_wins(world: World) {
        let claim = IdentityRow::claim(account_id("a"));
        world.first.claim_identity(&key("p"), &claim).await.unwrap();
        let won = at_once(&world, |store, number| {
            let claim = claim.clone();
            async move {
                let row = IdentityRow::settled(account_id(&format!("a{number}")));
                store.swap_identity(&key("p"), &claim, &row).await.unwrap().then_some(row)
            }
        })
        .await;
        let winners: Vec<_> = won.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(world.second.identities(&[key("p")]).await.unwrap(), [winners.first().cloned()]);
    }

    async fn an_identity_is_given_back_only_as_it_was_read_and_may_be_claimed_anew(world: World) {
        let claim = IdentityRow::claim(account_id("a1"));
        let settled = IdentityRow::settled(account_id("a1"));
        assert!(!world.first.remove_identity(&key("p"), &claim).await.unwrap(), "there is nothing");
        world.first.claim_identity(&key("p"), &settled).await.unwrap();
        world.first.claim_identity(&key("q"), &settled).await.unwrap();
        assert!(!world.second.remove_identity(&key("p"), &claim).await.unwrap(), "it is another row");
        assert_eq!(world.first.identities(&[key("p")]).await.unwrap(), [Some(settled.clone())]);
        assert!(world.second.remove_identity(&key("p"), &settled).await.unwrap());
        assert!(!world.first.remove_identity(&key("p"), &settled).await.unwrap(), "once");
        assert_eq!(world.first.identities(&[key("p"), key("q")]).await.unwrap(), [None, Some(settled)]);
        let other = IdentityRow::claim(account_id("a2"));
        assert_eq!(world.first.claim_identity(&key("p"), &other).await.unwrap(), other);
    }

    async fn of_fifty_removals_of_an_identity_one_wins(world: World) {
        let row = IdentityRow::settled(account_id("a"));
        world.first.claim_identity(&key("p"), &row).await.unwrap();
        let won = at_once(&world, |store, _| {
            let row = row.clone();
            async move { store.remove_identity(&key("p"), &row).await.unwrap() }
        })
        .await;
        assert_eq!(won.into_iter().filter(|done| *done).count(), 1);
        assert_eq!(world.second.identities(&[key("p")]).await.unwrap(), [None]);
    }

    async fn an_account_is_created_once(world: World) {
        let one = account("a");
        let mut other = account("a");
        other.username = Some("somebody else".into());
        assert!(world.first.create_account(&one).await.unwrap());
        assert!(!world.second.create_account(&other).await.unwrap());
        let found = world.second.accounts(&[account_id("b"), account_id("a")]).await.unwrap();
        assert_eq!(found, [None, Some(one)]);
    }

    async fn an_account_is_updated_only_from_the_version_before(world: World) {
        let mut row = account("a");
        row.version = 2;
        assert!(!world.first.update_account(&row).await.unwrap(), "there is nothing to update");
        world.first.create_account(&account("a")).await.unwrap();
        row.groups = vec!["staff".into()];
        assert!(world.second.update_account(&row).await.unwrap());
        assert!(!world.first.update_account(&row).await.unwrap(), "version 2 is there already");
        for version in [0, 1, 4] {
            let stale = menshen::domain::Account { version, ..account("a") };
            assert!(!world.first.update_account(&stale).await.unwrap(), "version {version}");
        }
        assert_eq!(world.first.accounts(&[account_id("a")]).await.unwrap(), [Some(row)]);
    }

    async fn of_fifty_updates_of_one_version_one_wins(world: World) {
        world.first.create_account(&account("a")).await.unwrap();
        let won = at_once(&world, |store, number| async move {
            let row = menshen::domain::Account {
                version: 2,
                username: Some(format!("name{number}")),
                ..account("a")
            };
            store.update_account(&row).await.unwrap()
        })
        .await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
    }

    async fn a_written_account_is_announced_to_every_process(world: World) {
        world.first.create_account(&account("a")).await.unwrap();
        let mut news = [world.first.events(), world.second.events()];
        let row = menshen::domain::Account { version: 2, ..account("a") };
        assert!(world.first.update_account(&row).await.unwrap());
        let wanted = StoreEvent::AccountChanged { account: account_id("a") };
        for events in &mut news {
            next_event(events, |event| *event == wanted).await;
        }
    }

    async fn a_session_is_read_back_by_its_digest_alone(world: World) {
        let (one, other) = (digest(), digest());
        let row = session("a", 1000);
        world.first.put_session(&one, &row, LONG).await.unwrap();
        assert_eq!(world.second.session(&one).await.unwrap(), Some(row));
        assert_eq!(world.second.session(&other).await.unwrap(), None);
    }

    async fn a_session_is_gone_when_its_time_is_up(world: World) {
        let (short, long) = (digest(), digest());
        world.first.put_session(&short, &session("a", 1), Span::from_millis(500)).await.unwrap();
        world.first.put_session(&long, &session("a", 2), LONG).await.unwrap();
        world.pass(Span::from_millis(500)).await;
        assert_eq!(world.second.session(&short).await.unwrap(), None);
        assert!(!world.second.touch_session(&short, world.now(), LONG).await.unwrap());
        assert_eq!(world.second.session(&short).await.unwrap(), None);
        let listed = world.second.sessions_of(&account_id("a")).await.unwrap();
        assert_eq!(listed, [(long, session("a", 2))]);
    }

    async fn a_touch_moves_the_idle_clock_and_extends_the_row(world: World) {
        let token = digest();
        world.first.put_session(&token, &session("a", 1000), Span::from_secs(5)).await.unwrap();
        assert!(world.second.touch_session(&token, Timestamp::from_millis(7000), LONG).await.unwrap());
        world.pass(Span::from_secs(5)).await;
        let mut expected = session("a", 1000);
        expected.last_seen_at = Timestamp::from_millis(7000);
        assert_eq!(world.first.session(&token).await.unwrap(), Some(expected.clone()));
        let listed = world.first.sessions_of(&account_id("a")).await.unwrap();
        assert_eq!(listed, [(token, expected)]);
    }

    async fn a_late_touch_does_not_turn_the_idle_clock_back(world: World) {
        let token = digest();
        world.first.put_session(&token, &session("a", 1000), LONG).await.unwrap();
        assert!(world.first.touch_session(&token, Timestamp::from_millis(9000), LONG).await.unwrap());
        assert!(world.second.touch_session(&token, Timestamp::from_millis(8000), LONG).await.unwrap());
        let seen = world.first.session(&token).await.unwrap().unwrap().last_seen_at;
        assert_eq!(seen, Timestamp::from_millis(9000));
    }

    async fn a_deleted_session_never_comes_back_by_a_touch(world: World) {
        let token = digest();
        world.first.put_session(&token, &session("a", 1), LONG).await.unwrap();
        let touches: Vec<_> = (0..20)
            .map(|number| {
                let (store, now) = (world.process(number), world.now());
                tokio::spawn(async move { store.touch_session(&token, now, LONG).await.unwrap() })
            })
            .collect();
        world.first.delete_sessions(&[token]).await.unwrap();
        for touch in touches {
            touch.await.unwrap();
        }
        assert!(!world.second.touch_session(&token, world.now(), LONG).await.unwrap());
        assert_eq!(world.first.session(&token).await.unwrap(), None);
        assert_eq!(world.first.sessions_of(&account_id("a")).await.unwrap(), []);
    }

    async fn deleted_sessions_are_announced_one_by_one_to_every_process(world: World) {
        let digests: HashSet<_> = (0..5).map(|_| digest()).collect();
        for (number, digest) in (0..).zip(&digests) {
            world.first.put_session(digest, &session("a", number), LONG).await.unwrap();
        }
        let mut news = [world.first.events(), world.second.events()];
        let all: Vec<_> = digests.iter().copied().collect();
        world.first.delete_sessions(&all).await.unwrap();
        for events in &mut news {
            let mut missing = digests.clone();
            while !missing.is_empty() {
                if let StoreEvent::SessionEnded { digest } = next_event(events, |_| true).await {
                    missing.remove(&digest);
                }
            }
        }
        assert_eq!(world.second.sessions_of(&account_id("a")).await.unwrap(), []);
    }

    async fn the_sessions_of_an_account_are_listed_newest_first(world: World) {
        let mut expected = Vec::new();
        for created in [3000, 1000, 2000] {
            let token = digest();
            world.first.put_session(&token, &session("a", created), LONG).await.unwrap();
            expected.push((token, session("a", created)));
        }
        world.first.put_session(&digest(), &session("ab", 1), LONG).await.unwrap();
        expected.sort_by_key(|(_, session)| std::cmp::Reverse(session.created_at));
        assert_eq!(world.second.sessions_of(&account_id("a")).await.unwrap(), expected);
        world.second.delete_sessions(&[expected.remove(1).0]).await.unwrap();
        assert_eq!(world.first.sessions_of(&account_id("a")).await.unwrap(), expected);
    }

    async fn a_session_written_again_is_listed_once_and_under_its_new_account(world: World) {
        let token = digest();
        world.first.put_session(&token, &session("a", 1), LONG).await.unwrap();
        world.first.put_session(&token, &session("a", 2), LONG).await.unwrap();
        assert_eq!(world.first.sessions_of(&account_id("a")).await.unwrap(), [(token, session("a", 2))]);
        world.first.put_session(&token, &session("b", 3), LONG).await.unwrap();
        assert_eq!(world.first.sessions_of(&account_id("a")).await.unwrap(), []);
        assert_eq!(world.first.sessions_of(&account_id("b")).await.unwrap(), [(token, session("b", 3))]);
    }

    async fn a_listing_is_bounded(world: World) {
        let begun = world.now();
        let writes = (0..store::MAX_SESSIONS_LISTED as u64 + 5).map(|number| {
            let (store, created) = (world.first.clone(), begun.millis() + number);
            tokio::spawn(async move {
                store.put_session(&digest(), &session("a", created), LONG).await.unwrap();
            })
        });
        for write in writes.collect::<Vec<_>>() {
            write.await.unwrap();
        }
        let listed = world.first.sessions_of(&account_id("a")).await.unwrap();
        assert_eq!(listed.len(), store::MAX_SESSIONS_LISTED);
        assert!(listed.windows(2).all(|pair| pair[0].1.created_at >= pair[1].1.created_at));
    }

    async fn a_flow_id_is_used_once_while_it_lives(world: World) {
        world.first.put_flow(&flow("f"), Span::from_millis(300)).await.unwrap();
        let taken = world.second.put_flow(&flow("f"), LONG).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
        world.pass(Span::from_millis(300)).await;
        assert_eq!(world.second.flow(&flow("f").id).await.unwrap(), None);
        let again = flow("f");
        world.second.put_flow(&again, LONG).await.unwrap();
        assert_eq!(world.first.flow(&again.id).await.unwrap(), Some(again));
    }

    async fn a_swap_keeps_the_flow_for_its_new_time(world: World) {
        let begun = flow("f");
        world.first.put_flow(&begun, Span::from_secs(3)).await.unwrap();
        let taken = begun.begin_exchange(Timestamp::from_millis(1)).unwrap();
        assert!(world.second.swap_flow(&taken, LONG).await.unwrap());
        world.pass(Span::from_secs(3)).await;
        assert_eq!(world.first.flow(&taken.id).await.unwrap(), Some(taken.clone()));
        let done = taken.sign_in(account_id("a")).unwrap();
        assert!(world.first.swap_flow(&done, Span::from_millis(200)).await.unwrap());
        world.pass(Span::from_millis(200)).await;
        assert_eq!(world.first.flow(&done.id).await.unwrap(), None);
        let late = menshen::domain::Flow { version: done.version + 1, ..done };
        assert!(!world.first.swap_flow(&late, LONG).await.unwrap(), "an expired flow does not move on");
    }

    /// Acceptance: a login has one outcome, also when its callback is delivered many times.
    async fn of_fifty_swaps_of_a_flow_one_wins(world: World) {
        let begun = flow("f");
        world.first.put_flow(&begun, LONG).await.unwrap();
        let won = at_once(&world, |store, number| {
            let taken = begun.clone().begin_exchange(Timestamp::from_millis(number as u64)).unwrap();
            async move { store.swap_flow(&taken, LONG).await.unwrap().then_some(taken) }
        })
        .await;
        let winners: Vec<_> = won.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(world.second.flow(&begun.id).await.unwrap(), winners.first().cloned());
    }

    async fn a_flow_that_moves_on_is_announced_to_every_process(world: World) {
        let begun = flow("f");
        world.first.put_flow(&begun, LONG).await.unwrap();
        let mut news = [world.first.events(), world.second.events()];
        let taken = begun.begin_exchange(Timestamp::from_millis(1)).unwrap();
        assert!(world.first.swap_flow(&taken, LONG).await.unwrap());
        for events in &mut news {
            next_event(events, |event| *event == StoreEvent::FlowChanged { flow: taken.id.clone() }).await;
            let read = world.second.flow(&taken.id).await.unwrap().unwrap();
            assert!(matches!(read.stage, Stage::Exchanging { .. }), "announced before it was readable");
        }
    }

    async fn a_one_time_value_is_taken_once_by_one_of_fifty(world: World) {
        let token = digest();
        world.first.put_once(&once(token), "value", LONG).await.unwrap();
        let foreign = OnceKey { purpose: "handover", digest: token };
        assert_eq!(world.first.take_once(&foreign).await.unwrap(), None);
        let taken = at_once(&world, |store, _| async move {
            store.take_once(&once(token)).await.unwrap()
        })
        .await;
        assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), ["value"]);
    }

    async fn reading_a_one_time_value_does_not_take_it(world: World) {
        let key = OnceKey::of_text("scan", "a ticket");
        world.first.put_once(&key, "value", Span::from_millis(300)).await.unwrap();
        for number in 0..3 {
            assert_eq!(world.process(number).once(&key).await.unwrap().as_deref(), Some("value"));
        }
        let foreign = OnceKey::of_text("push", "a ticket");
        assert_eq!(world.first.once(&foreign).await.unwrap(), None);
        world.pass(Span::from_millis(300)).await;
        assert_eq!(world.first.once(&key).await.unwrap(), None, "expired");
        world.first.put_once(&key, "new", LONG).await.unwrap();
        assert_eq!(world.second.take_once(&key).await.unwrap().as_deref(), Some("new"));
        assert_eq!(world.first.once(&key).await.unwrap(), None, "taken");
    }

    async fn a_note_is_replaced_only_from_the_version_that_was_read(world: World) {
        let odd = "{\"a\":1} 7 \n 门神";
        assert!(!world.first.swap_note("n", &note(0, "x"), LONG).await.unwrap());
        assert!(!world.first.swap_note("n", &note(2, "x"), LONG).await.unwrap(), "there is none");
        assert!(world.first.swap_note("n", &note(1, odd), LONG).await.unwrap());
        assert_eq!(world.second.note("n").await.unwrap(), Some(note(1, odd)));
        assert!(!world.second.swap_note("n", &note(1, "x"), LONG).await.unwrap(), "it is there already");
        assert!(world.second.swap_note("n", &note(2, ""), LONG).await.unwrap());
        assert!(!world.first.swap_note("n", &note(2, "x"), LONG).await.unwrap());
        assert!(!world.first.swap_note("n", &note(4, "x"), LONG).await.unwrap());
        assert_eq!(world.first.note("n").await.unwrap(), Some(note(2, "")));
        assert_eq!(world.first.note("m").await.unwrap(), None);
    }

    /// Acceptance: one process at a time renews a server token.
    async fn of_fifty_writers_of_a_note_one_wins(world: World) {
        for version in 1..=2 {
            let won = at_once(&world, |store, number| async move {
                let mine = note(version, &number.to_string());
                store.swap_note("n", &mine, LONG).await.unwrap().then_some(mine)
            })
            .await;
            let winners: Vec<_> = won.into_iter().flatten().collect();
            assert_eq!(winners.len(), 1);
            assert_eq!(world.second.note("n").await.unwrap(), winners.first().cloned());
        }
    }

    async fn a_note_expires_and_begins_again_at_one(world: World) {
        let short = Span::from_millis(300);
        assert!(world.first.swap_note("n", &note(1, "a"), LONG).await.unwrap());
        assert!(world.first.swap_note("n", &note(2, "b"), LONG).await.unwrap());
        assert!(world.first.swap_note("n", &note(3, "c"), short).await.unwrap());
        world.pass(short).await;
        assert_eq!(world.second.note("n").await.unwrap(), None);
        assert!(!world.first.swap_note("n", &note(4, "late"), LONG).await.unwrap(), "its note is gone");
        assert!(world.second.swap_note("n", &note(1, "new"), LONG).await.unwrap());
        assert!(!world.first.swap_note("n", &note(4, "late"), LONG).await.unwrap(), "it is another note");
        assert_eq!(world.first.note("n").await.unwrap(), Some(note(1, "new")));
    }

    async fn a_note_lives_as_long_as_its_last_writer_said(world: World) {
        assert!(world.first.swap_note("n", &note(1, "a"), Span::from_secs(1)).await.unwrap());
        assert!(world.first.swap_note("n", &note(2, "b"), LONG).await.unwrap());
        world.pass(Span::from_secs(1)).await;
        assert_eq!(world.second.note("n").await.unwrap(), Some(note(2, "b")));
    }

    async fn a_written_note_is_announced_to_every_process(world: World) {
        let mut news = [world.first.events(), world.second.events()];
        assert!(!world.first.swap_note("n", &note(2, "x"), LONG).await.unwrap());
        for version in 1..=2 {
            assert!(world.first.swap_note("n", &note(version, "x"), LONG).await.unwrap());
            for events in &mut news {
                let wanted = StoreEvent::NoteChanged { name: "n".into() };
                assert_eq!(next_event(events, |_| true).await, wanted, "and a loser announces nothing");
                let read = world.second.note("n").await.unwrap().unwrap();
                assert!(read.version >= version, "announced before it was readable");
            }
        }
    }

    async fn a_one_time_value_is_written_once_and_expires(world: World) {
        let token = digest();
        world.first.put_once(&once(token), "one", Span::from_millis(300)).await.unwrap();
        let taken = world.second.put_once(&once(token), "two", LONG).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
        world.pass(Span::from_millis(300)).await;
        assert_eq!(world.second.take_once(&once(token)).await.unwrap(), None);
        world.second.put_once(&once(token), "three", LONG).await.unwrap();
        assert_eq!(world.first.take_once(&once(token)).await.unwrap().as_deref(), Some("three"));
        world.first.put_once(&once(token), "four", LONG).await.unwrap();
    }

    async fn a_kept_value_is_the_same_for_all(world: World) {
        let kept = at_once(&world, |store, number| async move {
            store.keep("signing-key", &format!("candidate{number}")).await.unwrap()
        })
        .await;
        assert!(kept.windows(2).all(|pair| pair[0] == pair[1]), "{kept:?}");
        assert_eq!(world.second.keep("signing-key", "late").await.unwrap(), kept[0]);
        assert_eq!(world.second.keep("other", "late").await.unwrap(), "late");
    }

    async fn ids_of_every_allowed_character_stay_apart(world: World) {
        let odd: String = (0x21..0x7f_u8).map(char::from).collect();
        let ids = [odd.clone(), odd.to_lowercase(), odd[1..].to_owned(), format!("{odd}:")];
        for id in &ids {
            let mut row = account("x");
            row.id = AccountId::new(id).unwrap();
            assert!(world.first.create_account(&row).await.unwrap());
            world.first.put_session(&digest(), &session(id, 1), LONG).await.unwrap();
        }
        for id in &ids {
            let found = world.second.accounts(&[account_id(id)]).await.unwrap();
            assert_eq!(found[0].as_ref().unwrap().id.as_str(), id);
            assert_eq!(world.second.sessions_of(&account_id(id)).await.unwrap().len(), 1);
        }
    }

    async fn a_row_with_no_time_to_live_is_gone_at_once(world: World) {
        let token = Token::generate(&mut rand::rng()).digest();
        world.first.put_session(&token, &session("a", 1), Span::from_millis(0)).await.unwrap();
        world.pass(Span::from_millis(5)).await;
        assert_eq!(world.first.session(&token).await.unwrap(), None);
    }
}
