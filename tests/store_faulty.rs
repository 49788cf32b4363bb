//! The failing store of the tests does what it says, or the tests that use it prove nothing.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/faulty_store.rs"]
#[allow(unreachable_pub)]
mod faulty_store;
#[path = "support/rows.rs"]
#[allow(dead_code, unreachable_pub)]
mod rows;

use std::sync::Arc;

use faulty_store::{Fails, FaultyStore};
use menshen::ground::SystemClock;
use menshen::store::{self, Config, Store as _, StoreError, StoreUrl};
use rows::{account, account_id};

async fn faulty() -> FaultyStore {
    let config = Config { url: StoreUrl::new("embedded:memory"), ..Config::default() };
    FaultyStore::new(store::open(&config, Arc::new(SystemClock)).await.unwrap())
}

fn failed<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable { .. }))
}

#[tokio::test]
async fn a_call_that_fails_before_leaves_nothing_and_one_that_fails_after_leaves_its_work() {
    for (fails, left) in [(Fails::Before, false), (Fails::After, true)] {
        let store = faulty().await;
        store.fail_at(1, fails);
        assert!(store.create_account(&account("a")).await.unwrap());
        assert!(failed(&store.create_account(&account("b")).await));
        let found = store.accounts(&[account_id("b")]).await.unwrap();
        assert_eq!(found[0].is_some(), left, "{fails:?}");
        assert_eq!(store.calls(), 3);
        assert_eq!(store.created().len(), if left { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_call_that_stalls_never_ends_and_says_that_it_has_begun() {
    for (fails, left) in [(Fails::StallsBefore, false), (Fails::StallsAfter, true)] {
        let store = faulty().await;
        let account = account("a");
        store.fail_at(0, fails);
        tokio::select! {
            _ = store.create_account(&account) => panic!("it has an end"),
            () = store.stalled() => {}
        }
        let found = store.accounts(&[account_id("a")]).await.unwrap();
        assert_eq!(found[0].is_some(), left, "{fails:?}");
    }
}

#[tokio::test]
async fn a_dead_process_reaches_the_store_no_more_until_it_is_healed() {
    let store = faulty().await;
    store.die_at(1, Fails::After);
    assert!(store.ping().await.is_ok());
    assert!(failed(&store.create_account(&account("a")).await));
    assert!(failed(&store.create_account(&account("b")).await));
    store.heal();
    let found = store.accounts(&[account_id("a"), account_id("b")]).await.unwrap();
    assert_eq!((found[0].is_some(), found[1].is_some()), (true, false));
}

#[tokio::test]
async fn a_call_that_waits_lets_others_in_between_and_goes_on_when_healed() {
    let store = Arc::new(faulty().await);
    store.fail_at(0, Fails::Waits);
    let slow = Arc::clone(&store);
    let waiting = tokio::spawn(async move { slow.create_account(&account("ann")).await });
    store.stalled().await;
    assert_eq!(store.accounts(&[account_id("ann")]).await.unwrap(), [None]);
    store.heal();
    assert!(waiting.await.unwrap().unwrap());
    assert!(store.accounts(&[account_id("ann")]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn calls_at_the_same_time_are_one_round_trip() {
    let store = faulty().await;
    let (ann, bob) = (account("ann"), account("bob"));
    let (one, other) = tokio::join!(store.create_account(&ann), store.create_account(&bob));
    assert!(one.unwrap() && other.unwrap());
    assert_eq!((store.calls(), store.round_trips()), (2, 1));
    // Two after one another beside a single one: as many as the longer way.
    let ids = [account_id("ann")];
    let twice = async {
        store.ping().await.unwrap();
        store.accounts(&ids).await.unwrap();
    };
    let (once, ()) = tokio::join!(store.ping(), twice);
    assert!(once.is_ok());
    assert_eq!((store.calls(), store.round_trips()), (5, 3));
    assert_eq!(store.calls_since(2), ["ping", "ping", "accounts"]);
}
