//! Rows and accounts while others write: whoever waits at whichever step, an account keeps a way in, and no row leads to
//! an account that does not list it.

use std::sync::Arc;

use menshen::domain::{
    Account, AccountId, AppId, Binding, Handover, Hosts, Identity, IdentityKey, IdentityRow, MethodId,
    OnConflict, OpenId, Phone, Policy, PoolId, Profile, Registration, ReturnTo, Session, UnionId,
};
use menshen::ground::{ManualClock, Span, SystemClock, Timestamp, Token};
use menshen::login::account_links::{Attached, attach, keep_phone};
use menshen::login::account_of::{Rules, account_of};
use menshen::login::detach::{Detached, detach};
use menshen::login::{Login, Outcome, SessionConfig, SessionRules, Sessions, Visit};
use menshen::store::{self, Store, StoreError};

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
        store.claim_identity(&key, &IdentityRow::settled(ann())).await.unwrap();
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

/// What becomes of `slow` after the call that it was held at.
#[derive(Clone, Copy, Debug)]
enum Then {
    GoesOn,
    /// After so many more calls.
    Dies(usize),
}

/// Runs `slow` over a store that holds its `call`-th call while `meanwhile` runs; `None` where it has fewer calls.
async fn held_then<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    inner: &Arc<dyn Store>,
    call: usize,
    slow: impl FnOnce(Arc<FaultyStore>) -> F,
    meanwhile: impl AsyncFnOnce(),
    then: Then,
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
    if let Then::Dies(calls) = then {
        // Before the other task runs.
        faulty.die_at(call + 1 + calls, Fails::Before);
    }
    Some(run.await.unwrap())
}

async fn held<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    inner: &Arc<dyn Store>,
    call: usize,
    slow: impl FnOnce(Arc<FaultyStore>) -> F,
    meanwhile: impl AsyncFnOnce(),
) -> Option<T> {
    held_then(inner, call, slow, meanwhile, Then::GoesOn).await
}

async fn remove(store: Arc<dyn Store>, id: &str) -> Result<Detached, StoreError> {
    let sessions = Sessions::new(Arc::clone(&store), Arc::new(SystemClock), 0);
    detach(&*store, &sessions, &ann(), id, &|_| true, NOW).await
}

fn rules() -> SessionRules {
    SessionConfig::default().rules().unwrap()
}

fn method() -> MethodId {
    MethodId::new("method").unwrap()
}

/// Ann's session by `identity`.
fn session(identity: &Identity) -> Session {
    Session {
        account: ann(),
        pool: identity.pool.clone(),
        login_id: "login".into(),
        method: method(),
        app_id: identity.app_id.clone(),
        open_id: identity.open_id.clone(),
        host: "app.example.com".into(),
        created_at: NOW,
        last_seen_at: NOW,
        ip: None,
        user_agent: None,
    }
}

fn login(store: Arc<dyn Store>) -> Login {
    let clock = Arc::new(ManualClock::new(NOW));
    Login::new(Arc::clone(&store), Arc::new(Sessions::new(store, Arc::clone(&clock) as _, 0)), clock)
}

/// A whole login of `identity`: whose account it is, and whether there is a session.
async fn log_in(store: Arc<dyn Store>, identity: &Identity, policy: Policy) -> Option<(AccountId, bool)> {
    let account_rules = Rules { policy, on_conflict: OnConflict::Choose };
    let outcome = account_of(&*store, identity, &method(), account_rules, NOW).await.unwrap();
    let Outcome::Account(account) = outcome else { return None };
    let session = Session { account: account.id.clone(), ..session(identity) };
    let digest = Token::generate(&mut rand::rng()).digest();
    let opened = login(store).open_session(&digest, &session, identity, &rules()).await.unwrap();
    Some((account.id, opened))
}

/// That nothing of `keys` is left: no row, no listing, no session.
async fn is_gone(store: &dyn Store, keys: &[IdentityKey], what: &str) {
    assert!(!leads(store, keys).await.contains(&true), "{what}");
    let listed = account(store).await.identities;
    assert!(!listed.iter().any(|key| keys.contains(key)), "{what}: {listed:?}");
    assert_eq!(store.sessions_of(&ann()).await.unwrap().len(), 0, "{what}");
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
        let slow = |store: Arc<FaultyStore>| async move { remove(store, &first).await.unwrap() };
        let mut other = None;
        let meanwhile = async || other = Some(remove(Arc::clone(&inner), &second).await.unwrap());
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

/// Acceptance: B19: whichever of two removals dies wherever, somebody at WeChat can log in afterwards.
#[tokio::test]
async fn of_two_removals_at_once_one_may_die_and_locks_nobody_out() {
    let mut died = 0;
    for call in 0.. {
        for more in 0..8 {
            let people = [person("wx1", "o1", None), person("wx2", "x2", None)];
            let inner = with(&people).await;
            let wechats = account(&*inner).await.wechats();
            let (first, second) = (wechats[0].id(), wechats[1].id());
            let slow = |store: Arc<FaultyStore>| async move { remove(store, &first).await };
            let meanwhile = async || {
                let _ = remove(Arc::clone(&inner), &second).await;
            };
            let Some(slow) = held_then(&inner, call, slow, meanwhile, Then::Dies(more)).await else {
                assert!(died >= 5, "{died}");
                return;
            };
            died += usize::from(slow.is_err());
            let mut known = 0;
            for person in &people {
                let closed = Policy { registration: Registration::Closed, ..Policy::default() };
                known += usize::from(log_in(Arc::clone(&inner), person, closed).await == Some((ann(), true)));
            }
            assert!(known >= 1, "held at {call}, died {more} later: {:?}", account(&*inner).await);
        }
    }
}

/// Acceptance: B19: what a removal that died left behind is never taken for a way in, and is removed by trying again,
/// with its sessions.
#[tokio::test]
async fn a_removal_that_was_cut_short_locks_nobody_out_and_can_be_done_again() {
    for fails in [Fails::Before, Fails::After] {
        let mut steps = 0;
        for call in 0.. {
            let people = [person("wx1", "o1", None), person("wx2", "x2", None)];
            let inner = with(&people).await;
            let digest = Token::generate(&mut rand::rng()).digest();
            inner.put_session(&digest, &session(&people[0]), Span::from_days(1)).await.unwrap();
            let wechats = account(&*inner).await.wechats();
            let dying = Arc::new(FaultyStore::new(Arc::clone(&inner)));
            dying.die_at(call, fails);
            if remove(dying, &wechats[0].id()).await.is_ok() {
                break;
            }
            steps += 1;
            let what = format!("{fails:?} {call}");
            let listed = account(&*inner).await;
            if listed.gives_up(&wechats[0]) {
                let other = remove(Arc::clone(&inner), &wechats[1].id()).await.unwrap();
                assert_eq!(other, Detached::Last, "{what}");
            }
            let again = remove(Arc::clone(&inner), &wechats[0].id()).await.unwrap();
            match again {
                Detached::Done { .. } => {}
                Detached::Unknown => assert_eq!(listed.wechats().len(), 1, "{what}"),
                other => panic!("{what}: {other:?}"),
            }
            is_gone(&*inner, wechats[0].keys(), &what).await;
            assert_eq!(leads(&*inner, wechats[1].keys()).await, [true], "{what}");
        }
        // Read, look at the other's row, give up, take the row, end the session, write.
        assert!(steps >= 8, "{fails:?}: {steps}");
    }
}

/// Acceptance: B19: what logs in at the same moment, through an app that is new to the account, is gone like the rest.
#[tokio::test]
async fn a_login_that_runs_during_a_removal_brings_nothing_back() {
    let mut steps = 0;
    let new = person("wx2", "o2", Some("u"));
    for slow_login in [true, false] {
        for call in 0.. {
            let people = [person("wx1", "o1", Some("u")), person("wx3", "x3", None)];
            let inner = with(&people).await;
            let id = account(&*inner).await.wechats()[0].id();
            let what = format!("login held: {slow_login}, at {call}");
            let done = if slow_login {
                let mine = new.clone();
                let slow =
                    |store: Arc<FaultyStore>| async move { log_in(store, &mine, Policy::default()).await };
                let meanwhile = async || {
                    let told = remove(Arc::clone(&inner), &id).await.unwrap();
                    assert!(matches!(told, Detached::Done { .. }), "{what}: {told:?}");
                };
                held(&inner, call, slow, meanwhile).await.is_some()
            } else {
                let slow = |store: Arc<FaultyStore>| async move { remove(store, &id).await.unwrap() };
                let meanwhile = async || {
                    log_in(Arc::clone(&inner), &new, Policy::default()).await;
                };
                let told = held(&inner, call, slow, meanwhile).await;
                assert!(!matches!(&told, Some(told) if !matches!(told, Detached::Done { .. })), "{what}");
                told.is_some()
            };
            if !done {
                break;
            }
            let keys: Vec<IdentityKey> = people[0].keys().into_iter().chain([new.open_key()]).collect();
            is_gone(&*inner, &keys, &what).await;
            steps += 1;
        }
    }
    assert!(steps >= 12, "{steps}");
}

/// Acceptance: B19: a row that a login wrote which died before it noted it on the account leads nowhere after a removal.
#[tokio::test]
async fn a_row_that_the_account_never_heard_of_leads_nowhere_after_a_removal() {
    let people = [person("wx1", "o1", Some("u")), person("wx3", "x3", None)];
    let inner = with(&people).await;
    let new = person("wx2", "o2", Some("u"));
    inner.claim_identity(&new.open_key(), &IdentityRow::settled(ann())).await.unwrap();
    let id = account(&*inner).await.wechats()[0].id();
    assert!(matches!(remove(Arc::clone(&inner), &id).await.unwrap(), Detached::Done { .. }));
    let (stranger, _) = log_in(Arc::clone(&inner), &new, Policy::default()).await.unwrap();
    assert_ne!(stranger, ann());
    is_gone(&*inner, &[people[0].keys(), new.keys()].concat(), "an orphan").await;
}

/// Acceptance: B4, B19: a number that both have verified does not bring back who was taken off, until the owner adds them.
#[tokio::test]
async fn a_shared_number_does_not_bring_back_who_was_taken_off() {
    let phone = Phone::parse("+8613580006666").unwrap();
    let gone = Identity { phone: Some(phone.clone()), ..person("wx1", "o1", Some("u")) };
    let inner = with(&[gone.clone(), person("wx3", "x3", None)]).await;
    keep_phone(&*inner, account(&*inner).await, Some(&phone), NOW).await.unwrap();
    let id = account(&*inner).await.wechats()[0].id();
    assert!(matches!(remove(Arc::clone(&inner), &id).await.unwrap(), Detached::Done { .. }));
    let matching = Policy { binding: Binding::Match, ..Policy::default() };
    for app in ["wx1", "wx2"] {
        let comes = Identity { phone: Some(phone.clone()), ..person(app, "o1", Some("u")) };
        assert_eq!(log_in(Arc::clone(&inner), &comes, matching).await, None, "{app}");
        is_gone(&*inner, &comes.keys(), app).await;
    }
    assert!(matches!(attach(&*inner, &ann(), &gone, NOW).await.unwrap(), Attached::Done(_)));
    assert_eq!(account(&*inner).await.removed.len(), 0);
    assert_eq!(log_in(Arc::clone(&inner), &gone, matching).await, Some((ann(), true)));
}

/// Acceptance: B19: of an app that the site no longer uses nobody comes in, so what is left of it is nobody's way in.
#[tokio::test]
async fn the_last_wechat_that_can_log_in_stays() {
    let inner = with(&[person("wx1", "o1", None), person("old", "x2", None)]).await;
    let sessions = Sessions::new(Arc::clone(&inner), Arc::new(SystemClock), 0);
    let wechats = account(&*inner).await.wechats();
    let leads_in = |key: &IdentityKey| person("wx1", "o1", None).open_key() == *key;
    let last = detach(&*inner, &sessions, &ann(), &wechats[0].id(), &leads_in, NOW).await.unwrap();
    assert_eq!(last, Detached::Last);
    let old = detach(&*inner, &sessions, &ann(), &wechats[1].id(), &leads_in, NOW).await.unwrap();
    assert!(matches!(old, Detached::Done { .. }), "{old:?}");
}

/// Acceptance: B19, A12: a login that is handed over to another host while its account ends all sessions opens none.
#[tokio::test]
async fn no_session_is_handed_over_from_one_that_has_ended() {
    let hosts = Hosts::new(&"https://login.example.com".parse().unwrap(), ["app.example.com"]);
    let return_to = ReturnTo::parse("https://app.example.com/", &hosts).unwrap();
    let mut steps = 0;
    for call in 0.. {
        let inner = with(&[person("wx1", "o1", None)]).await;
        let from = Token::generate(&mut rand::rng()).digest();
        let there = Session { host: "login.example.com".into(), ..session(&person("wx1", "o1", None)) };
        inner.put_session(&from, &there, Span::from_days(1)).await.unwrap();
        let browser = Token::generate(&mut rand::rng());
        let handover = Handover { browser: browser.digest() };
        let ticket = login(Arc::clone(&inner)).hand_over(from, return_to.clone(), &handover).await.unwrap();
        let visit = Visit { browser: Some(browser), ..Visit::default() };
        let of = hosts.clone();
        let slow = |store: Arc<FaultyStore>| async move {
            login(store).enter(&ticket, &visit, "app.example.com", &of, &rules()).await.unwrap()
        };
        let meanwhile = async || {
            let sessions = Sessions::new(Arc::clone(&inner), Arc::new(SystemClock), 0);
            sessions.end_where(&ann(), |_| true).await.unwrap();
        };
        let Some(entered) = held(&inner, call, slow, meanwhile).await else { break };
        assert_eq!(inner.sessions_of(&ann()).await.unwrap().len(), 0, "held at {call}: {entered:?}");
        steps += 1;
    }
    assert!(steps >= 4, "{steps}");
}
