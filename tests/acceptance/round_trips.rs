//! How often a login asks the store, one time after the other: a person who waits, waits for these.

use std::sync::Arc;

use menshen::domain::{
    AccountId, AppId, Binding, Identity, MethodId, OnConflict, OpenId, Otherwise, Phone, Policy, PoolId,
    Profile, UnionId,
};
use menshen::ground::{SystemClock, Timestamp};
use menshen::login::account_links::keep_phone;
use menshen::login::account_of::{Outcome, Rules, account_of};
use menshen::store::{self, Store};
use rstest::rstest;

use crate::faulty_store::FaultyStore;
use crate::redis_server::RedisServer;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Whoever is unknown is found by the number that WeChat tells, or gets an account.
const MATCH: Policy = Policy {
    binding: Binding::Match,
    otherwise: Otherwise::Create,
    registration: Policy::CREATE.registration,
};

const KNOWN: [&str; 3] = ["identities", "accounts", "update_account"];

/// Ann as WeChat tells her in an app, with what her name here says besides: `union`, `phone` or both.
fn ann(app: &str, with: &str) -> Identity {
    Identity {
        pool: PoolId::new("people").unwrap(),
        app_id: AppId::new(app).unwrap(),
        open_id: OpenId::new(format!("ann-in-{app}")).unwrap(),
        union_id: with.contains("union").then(|| UnionId::new("ann").unwrap()),
        profile: Profile::default(),
        phone: with.contains("phone").then(|| Phone::parse("+8613800000000").unwrap()),
        email: None,
    }
}

async fn open(url: &str) -> Arc<dyn Store> {
    let url = store::StoreUrl::new(url);
    let config = store::Config { url, ..store::Config::default() };
    store::open(&config, Arc::new(SystemClock)).await.unwrap()
}

async fn log_in(store: &dyn Store, identity: &Identity, policy: Policy) -> AccountId {
    let rules = Rules { policy, on_conflict: OnConflict::Choose };
    match account_of(store, identity, &MethodId::new("method").unwrap(), rules, NOW).await.unwrap() {
        Outcome::Account(account) => account.id,
        other => panic!("{other:?}"),
    }
}

/// Somebody known is found by two; a third, a write, notes the login. Somebody new waits for five at most: the row of
/// their OpenID is settled while their account is written. Only who is matched, once in their life, waits for more.
#[rstest]
#[case::known(&[ann("wx1", "union")], ann("wx1", "union"), &KNOWN, 3)]
#[case::known_without_unionid(&[ann("wx1", "")], ann("wx1", ""), &KNOWN, 3)]
#[case::known_by_another_app(
    &[ann("wx1", "union")],
    ann("wx2", "union"),
    &["identities", "accounts", "claim_identity", "update_account"],
    4
)]
#[case::new(
    &[],
    ann("wx1", "union"),
    &["identities", "claim_identity", "claim_identity", "swap_identity", "swap_identity", "create_account"],
    5
)]
#[case::new_without_unionid(
    &[],
    ann("wx1", ""),
    &["identities", "claim_identity", "swap_identity", "create_account"],
    4
)]
#[tokio::test]
async fn somebody_known_waits_for_three_round_trips_and_somebody_new_for_five(
    #[case] before: &[Identity],
    #[case] now: Identity,
    #[case] calls: &[&str],
    #[case] round_trips: usize,
) {
    for policy in [Policy::default(), MATCH] {
        let store = FaultyStore::new(open("embedded:memory").await);
        for identity in before {
            log_in(&store, identity, Policy::default()).await;
        }
        let (called, waited) = (store.calls(), store.round_trips());
        log_in(&store, &now, policy).await;
        assert_eq!(store.calls_since(called), calls);
        assert_eq!(store.round_trips() - waited, round_trips);
    }
}

/// A number that WeChat tells is looked up along with the rest.
#[tokio::test]
async fn a_number_that_leads_nowhere_costs_no_round_trip() {
    for (with, round_trips) in [("union phone", 5), ("phone", 4)] {
        let store = FaultyStore::new(open("embedded:memory").await);
        log_in(&store, &ann("wx1", with), MATCH).await;
        assert_eq!(store.round_trips(), round_trips, "{with}");
    }
}

/// Matched: found, its rows claimed one by one, written on the account, and then signed in as somebody known.
#[rstest]
#[case::with_unionid("union phone", 10)]
#[case::without("phone", 9)]
#[tokio::test]
async fn who_is_matched_waits_once_and_is_known_from_then_on(#[case] with: &str, #[case] round_trips: usize) {
    let store = FaultyStore::new(open("embedded:memory").await);
    let phone = Phone::parse("+8613800000000").unwrap();
    let id = log_in(&store, &ann("wx1", ""), Policy::default()).await;
    let account = store.accounts(std::slice::from_ref(&id)).await.unwrap().remove(0).unwrap();
    keep_phone(&store, account, Some(&phone), NOW).await.unwrap();
    let waited = store.round_trips();
    assert_eq!(log_in(&store, &ann("wx2", with), MATCH).await, id);
    assert_eq!(store.round_trips() - waited, round_trips);
    let (called, waited) = (store.calls(), store.round_trips());
    assert_eq!(log_in(&store, &ann("wx2", with), MATCH).await, id);
    assert_eq!(store.calls_since(called), KNOWN);
    assert_eq!(store.round_trips() - waited, KNOWN.len());
}

/// How many requests the server has had: those that scripts make inside of it do not count.
async fn requests(server: &RedisServer) -> usize {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let told: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = |name: &str| -> usize {
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    };
    // Each script of these logins reads once and writes once; the other write is the command that makes an account.
    assert_eq!(calls("get"), calls("evalsha"), "{told}");
    calls("mget") + calls("evalsha") + (calls("set") - calls("evalsha"))
}

/// What is one call of the store is one request of Redis.
#[tokio::test]
async fn on_redis_a_first_login_is_six_requests_and_a_later_one_three() {
    let server = RedisServer::start(&[]);
    let store = open(&server.url()).await;
    // The server learns the scripts.
    log_in(&*store, &ann("wx1", ""), Policy::default()).await;
    log_in(&*store, &ann("wx1", ""), Policy::default()).await;
    let before = requests(&server).await;
    let id = log_in(&*store, &ann("wx2", "union"), Policy::default()).await;
    let first = requests(&server).await;
    assert_eq!(log_in(&*store, &ann("wx2", "union"), Policy::default()).await, id);
    let later = requests(&server).await;
    assert_eq!((first - before, later - first), (6, 3));
}
