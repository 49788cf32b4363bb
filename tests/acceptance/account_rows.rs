//! Rows and accounts while others write: whoever waits at whichever step, an account keeps a way in, and no row leads to
//! an account that does not list it.

use std::sync::Arc;

use menshen::domain::{Account, AccountId, AppId, Identity, IdentityKey, OpenId, PoolId, Profile, UnionId};
use menshen::ground::{SystemClock, Timestamp};
use menshen::login::account_links::{Attached, attach};
use menshen::login::detach::{Detached, detach};
use menshen::store::{self, Store};

use crate::faulty_store::{Fails, FaultyStore};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn person(app: &str, open: &str, union: Option<&str>) -> Identity {
    Identity {
        pool: PoolId::new("people").unwrap(),
        app_id: AppId::new(app).unwrap(),
        open_id: OpenId::new(open).unwrap(),
        union_id: union.map(|union| UnionId::new(union).unwrap()),
        profile: Profile::default(),
        phone: None,
        email: None,
    }
}

fn ann() -> AccountId {
    AccountId::new("ann").unwrap()
}

async fn account(store: &dyn Store) -> Account {
    store.accounts(&[ann()]).await.unwrap().remove(0).unwrap()
}

/// An account with these, one after the other.
async fn with(people: &[Identity]) -> Arc<dyn Store> {
    let url = store::StoreUrl::new("embedded:memory");
    let config = store::Config { url, ..store::Config::default() };
    let store = store::open(&config, Arc::new(SystemClock)).await.unwrap();
    for key in people[0].keys() {
        store.claim_identity(&key, &menshen::domain::IdentityRow::settled(ann())).await.unwrap();
    }
    assert!(store.create_account(&Account::new(ann(), &people[0], NOW)).await.unwrap());
    for more in &people[1..] {
        assert!(matches!(attach(&*store, &ann(), more, NOW).await.unwrap(), Attached::Done(_)));
    }
    store
}

async fn leads(store: &dyn Store, keys: &[IdentityKey]) -> Vec<bool> {
    let rows = store.identities(keys).await.unwrap();
    rows.into_iter().map(|row| row.is_some_and(|row| row.accounts.contains(&ann()))).collect()
}

/// Runs `slow` over a store that holds its `call`-th call while `meanwhile` runs; `None` where it has fewer calls.
async fn held<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    inner: &Arc<dyn Store>,
    call: usize,
    slow: impl FnOnce(Arc<FaultyStore>) -> F,
    meanwhile: impl AsyncFnOnce(),
) -> Option<T> {
    let faulty = Arc::new(FaultyStore::new(Arc::clone(inner)));
    faulty.fail_at(call, Fails::Waits);
    let run = tokio::spawn(slow(Arc::clone(&faulty)));
    tokio::select! {
        () = faulty.stalled() => {}
        () = async { while !run.is_finished() { tokio::task::yield_now().await } } => return None,
    }
    meanwhile().await;
    faulty.heal();
    Some(run.await.unwrap())
}

/// Acceptance: M7d, B16: two devices add two WeChats of one app at once: one is added, and only its row leads here.
#[tokio::test]
async fn of_two_wechats_of_one_app_that_are_added_at_once_one_leads_here() {
    let mut steps = 0;
    for call in 0.. {
        let inner = with(&[person("wx1", "o1", Some("u"))]).await;
        let (one, two) = (person("wx2", "one", None), person("wx2", "two", None));
        let mine = one.clone();
        let slow =
            |store: Arc<FaultyStore>| async move { attach(&*store, &ann(), &mine, NOW).await.unwrap() };
        let meanwhile = async || {
            attach(&*inner, &ann(), &two, NOW).await.unwrap();
        };
        if held(&inner, call, slow, meanwhile).await.is_none() {
            break;
        }
        let listed = account(&*inner).await.identities;
        let keys = [one.open_key(), two.open_key()];
        let expected: Vec<bool> = keys.iter().map(|key| listed.contains(key)).collect();
        assert_eq!(expected.iter().filter(|there| **there).count(), 1, "held at {call}: {listed:?}");
        assert_eq!(leads(&*inner, &keys).await, expected, "held at {call}");
        steps += 1;
    }
    assert!(steps >= 4, "{steps}");
}

/// Acceptance: B19: two removals at once leave one WeChat that logs in, whoever waits where.
#[tokio::test]
async fn two_removals_at_once_leave_one_that_leads_here() {
    let mut lost = 0;
    for call in 0.. {
        let people = [person("wx1", "o1", Some("u")), person("wx2", "x2", None)];
        let inner = with(&people).await;
        let ids: Vec<String> =
            account(&*inner).await.wechats().iter().map(menshen::domain::Wechat::id).collect();
        let (first, second) = (ids[0].clone(), ids[1].clone());
        let slow =
            |store: Arc<FaultyStore>| async move { detach(&*store, &ann(), &first, NOW).await.unwrap() };
        let mut other = None;
        let meanwhile = async || other = Some(detach(&*inner, &ann(), &second, NOW).await.unwrap());
        let Some(one) = held(&inner, call, slow, meanwhile).await else { break };
        let left = account(&*inner).await.wechats();
        assert_eq!(left.len(), 1, "held at {call}: {one:?} {other:?}");
        assert!(leads(&*inner, left[0].keys()).await.iter().all(|leads| *leads), "held at {call}");
        let gone = people.iter().flat_map(Identity::keys).filter(|key| !left[0].keys().contains(key));
        let gone: Vec<IdentityKey> = gone.collect();
        assert!(leads(&*inner, &gone).await.iter().all(|leads| !leads), "held at {call}");
        let done = |told: &Detached| matches!(told, Detached::Done { .. });
        assert_ne!(done(&one), done(other.as_ref().unwrap()), "held at {call}: {one:?} {other:?}");
        lost += usize::from(one == Detached::Last);
    }
    assert!(lost >= 2, "the slow one lost {lost} times");
}

/// Acceptance: B19: what a removal that died left behind is never taken for a way in, and can be removed again.
#[tokio::test]
async fn a_removal_that_was_cut_short_locks_nobody_out() {
    for call in 0.. {
        let people = [person("wx1", "o1", None), person("wx2", "x2", None)];
        let inner = with(&people).await;
        let wechats = account(&*inner).await.wechats();
        let dying = FaultyStore::new(Arc::clone(&inner));
        dying.die_at(call, Fails::After);
        if detach(&dying, &ann(), &wechats[0].id(), NOW).await.is_ok() {
            break;
        }
        // Whether or not its row is gone, the other one stays if nothing else leads here.
        let other = detach(&*inner, &ann(), &wechats[1].id(), NOW).await.unwrap();
        let keys: Vec<IdentityKey> = people.iter().map(Identity::open_key).collect();
        assert!(leads(&*inner, &keys).await.contains(&true), "died at {call}: {other:?}");
        if other == Detached::Last && account(&*inner).await.wechats().len() == 2 {
            let again = detach(&*inner, &ann(), &wechats[0].id(), NOW).await.unwrap();
            assert!(matches!(again, Detached::Done { .. }), "died at {call}: {again:?}");
            assert_eq!(leads(&*inner, &keys).await, [false, true], "died at {call}");
        }
    }
}
