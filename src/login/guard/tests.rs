//! Counts in a store that several processes share.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::ground::{ManualClock, Span, Timestamp};
use crate::store::{self, Config, StoreUrl};

const HOME: Option<&str> = Some("192.0.2.1");

struct World {
    clock: Arc<ManualClock>,
    store: Arc<dyn Store>,
    pool: PoolId,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_790_000_000_000)));
        let config = Config { url: StoreUrl::new("embedded:memory".to_owned()), ..Config::default() };
        let store = store::open(&config, clock.clone()).await.unwrap();
        Self { clock, store, pool: PoolId::new("people").unwrap() }
    }

    fn guard(&self) -> Guard {
        Guard::new(self.store.clone(), self.clock.clone())
    }

    async fn admit(&self, name: &str, ip: Option<&str>) -> Result<Try, NotAdmitted> {
        self.guard().admit(&self.pool, name, ip).await
    }

    /// Wrong tries until there is none, and how long the next waits.
    async fn exhaust(&self, name: &str, ip: Option<&str>) -> (usize, u64) {
        for tries in 0.. {
            match self.admit(name, ip).await {
                Ok(wrong) => drop(wrong),
                Err(NotAdmitted::Locked { seconds }) => return (tries, seconds),
                Err(NotAdmitted::Store(error)) => panic!("{error}"),
            }
        }
        unreachable!()
    }
}

#[tokio::test]
async fn five_wrong_passwords_for_a_name_and_the_sixth_must_wait_also_from_elsewhere() {
    let world = World::new().await;
    assert_eq!(world.exhaust("alice", HOME).await, (5, 30));
    assert!(matches!(
        world.admit("alice", Some("198.51.100.7")).await,
        Err(NotAdmitted::Locked { seconds: 30 })
    ));
    assert!(world.admit("bob", HOME).await.is_ok(), "another name goes on");
    let elsewhere = PoolId::new("others").unwrap();
    assert!(world.guard().admit(&elsewhere, "alice", HOME).await.is_ok(), "so does the name in another pool");
    world.clock.advance(Span::from_secs(30));
    assert_eq!(world.exhaust("alice", HOME).await, (1, 60));
}

#[tokio::test]
async fn a_network_may_try_twenty_times_whatever_the_names() {
    let world = World::new().await;
    for number in 0..20_u8 {
        let host = format!("2001:db8::{number}");
        assert!(world.admit(&format!("name {number}"), Some(&host)).await.is_ok());
    }
    let refused = world.admit("name 20", Some("2001:db8::ffff")).await;
    assert!(matches!(refused, Err(NotAdmitted::Locked { seconds: 30 })), "{refused:?}");
    assert!(world.admit("name 20", Some("2001:db8:0:1::1")).await.is_ok());
}

/// Also where the network is locked a name loses no try, and the other way round.
#[tokio::test]
async fn a_try_that_is_not_admitted_counts_nowhere() {
    let world = World::new().await;
    assert_eq!(world.exhaust("alice", HOME).await, (5, 30));
    for _ in 0..50 {
        assert!(world.admit("alice", HOME).await.is_err());
    }
    for number in 0..15 {
        assert!(world.admit(&format!("name {number}"), HOME).await.is_ok(), "{number}");
    }
    for _ in 0..50 {
        assert!(world.admit("bob", HOME).await.is_err());
    }
    assert_eq!(world.exhaust("bob", Some("198.51.100.7")).await, (5, 30));
}

#[tokio::test]
async fn a_right_password_clears_the_name_and_takes_back_one_try_of_the_network() {
    let world = World::new().await;
    for _ in 0..4 {
        let _ = world.admit("alice", HOME).await.unwrap();
    }
    let right = world.admit("alice", HOME).await.unwrap();
    assert!(world.admit("alice", HOME).await.is_err(), "counted before it is checked");
    world.guard().passed(right).await.unwrap();
    assert_eq!(world.exhaust("alice", HOME).await, (5, 30));
    // 4 and 5 wrong ones of the network's 20.
    for number in 0..11 {
        assert!(world.admit(&format!("name {number}"), HOME).await.is_ok(), "{number}");
    }
    assert!(world.admit("bob", HOME).await.is_err());
}

/// Somebody with an account of their own in between guesses no more of others'.
#[tokio::test]
async fn own_right_passwords_give_no_more_tries_on_others() {
    let world = World::new().await;
    let mut wrong = 0;
    for number in 0..100 {
        match world.admit("mine", HOME).await {
            Ok(right) => world.guard().passed(right).await.unwrap(),
            Err(_) => break,
        }
        if world.admit(&format!("victim {number}"), HOME).await.is_ok() {
            wrong += 1;
        }
    }
    assert_eq!(wrong, 20);
}

#[tokio::test]
async fn what_nobody_checked_was_no_try() {
    let world = World::new().await;
    for _ in 0..50 {
        let attempt = world.admit("alice", HOME).await.unwrap();
        world.guard().unchecked(attempt).await.unwrap();
    }
    assert_eq!(world.exhaust("alice", HOME).await, (5, 30));
}

#[tokio::test]
async fn after_a_day_of_quiet_all_is_forgotten() {
    let world = World::new().await;
    assert_eq!(world.exhaust("alice", HOME).await, (5, 30));
    world.clock.advance(Span::from_days(1));
    assert_eq!(world.exhaust("alice", HOME).await, (5, 30));
}

/// Two services over one store, each with many requests at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_are_no_more_tries_than_one_after_another() {
    let world = World::new().await;
    let services = [world.guard(), world.guard()];
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..60_usize {
        let (service, pool) = (services[number % 2].clone(), world.pool.clone());
        // Each from a network of its own: only the name holds them.
        let ip = format!("192.0.2.{number}");
        guesses.spawn(async move { service.admit(&pool, "alice", Some(&ip)).await });
    }
    let ended = guesses.join_all().await;
    let admitted = ended.iter().filter(|guess| guess.is_ok()).count();
    let locked = ended.iter().filter(|guess| matches!(guess, Err(NotAdmitted::Locked { .. }))).count();
    assert_eq!((admitted, locked), (5, 55), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_of_one_network_are_no_more_than_it_may_make() {
    let world = World::new().await;
    let services = [world.guard(), world.guard()];
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..60_usize {
        let (service, pool) = (services[number % 2].clone(), world.pool.clone());
        guesses.spawn(async move { service.admit(&pool, &format!("name {number}"), HOME).await });
    }
    let admitted = guesses.join_all().await.iter().filter(|guess| guess.is_ok()).count();
    assert_eq!(admitted, 20);
}
