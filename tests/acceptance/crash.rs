//! A process dies between any two steps of a login, or many run at once: one person stays one account.

use std::sync::Arc;

use menshen::domain::{
    Account, AccountId, AppId, Binding, Contact, Email, Identity, IdentityKey, IdentityRow, MethodId,
    OnConflict, OpenId, Policy, PoolId, Profile, Registration, UnionId,
};
use menshen::ground::{SystemClock, Timestamp};
use menshen::login::account_links::{Attached, attach};
use menshen::login::account_of::{Outcome, Rules, ToAsk, account_of};
use menshen::store::{self, Store, StoreError};
use proptest::prelude::*;
use rstest::rstest;

use crate::faulty_store::{Fails, FaultyStore};

/// No login asks a store this often.
const MANY_CALLS: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    app: &'static str,
    with_union: bool,
}

const WEBSITE: Seen = Seen { app: "wxwebsite", with_union: true };
const SERVICE: Seen = Seen { app: "wxservice", with_union: true };
const WEBSITE_ALONE: Seen = Seen { app: "wxwebsite", with_union: false };
const SERVICE_ALONE: Seen = Seen { app: "wxservice", with_union: false };

impl Seen {
    fn identity(self) -> Identity {
        Identity {
            pool: PoolId::new("people").unwrap(),
            app_id: AppId::new(self.app).unwrap(),
            open_id: OpenId::new(format!("open-{}", self.app)).unwrap(),
            union_id: self.with_union.then(|| UnionId::new("union").unwrap()),
            profile: Profile::default(),
            phone: None,
            email: None,
        }
    }
}

async fn store() -> Arc<FaultyStore> {
    let url = store::StoreUrl::new("embedded:memory");
    let config = store::Config { url, ..store::Config::default() };
    Arc::new(FaultyStore::new(store::open(&config, Arc::new(SystemClock)).await.unwrap()))
}

async fn log_in(store: &dyn Store, seen: Seen) -> Result<Outcome, StoreError> {
    let rules = Rules { policy: Policy::default(), on_conflict: OnConflict::Choose };
    let method = MethodId::new("method").unwrap();
    account_of(store, &seen.identity(), &method, rules, Timestamp::from_millis(1_700_000_000_000)).await
}

async fn account(store: &dyn Store, seen: Seen) -> Account {
    match log_in(store, seen).await.unwrap() {
        Outcome::Account(account) => *account,
        other => panic!("{other:?}"),
    }
}

/// Every row that these logins have is settled for `id`, and the account knows them all.
async fn is_whole(store: &dyn Store, logins: &[Seen], id: &AccountId) {
    let keys: Vec<IdentityKey> = logins.iter().flat_map(|seen| seen.identity().keys()).collect();
    let stored = store.accounts(std::slice::from_ref(id)).await.unwrap().remove(0).unwrap();
    for (key, row) in keys.iter().zip(store.identities(&keys).await.unwrap()) {
        let row = row.unwrap();
        assert!(row.settled, "{key:?}: {row:?}");
        assert_eq!(row.accounts, std::slice::from_ref(id), "{key:?}");
        assert!(stored.identities.contains(key), "{key:?} in {stored:?}");
    }
}

/// Lets a login die at every store call in turn, then others follow; answers how many deaths there were.
async fn die_everywhere(before: &[Seen], dying: Seen, after: &[Seen]) -> usize {
    let mut deaths = 0;
    for fails in [Fails::Before, Fails::After] {
        for call in 0.. {
            assert!(call < MANY_CALLS, "the login never succeeds");
            let store = store().await;
            for seen in before {
                account(&*store, *seen).await;
            }
            store.die_at(store.calls() + call, fails);
            let outcome = log_in(&*store, dying).await;
            store.heal();
            let mut id = None;
            for seen in after {
                let found = account(&*store, *seen).await.id;
                assert_eq!(
                    *id.get_or_insert(found.clone()),
                    found,
                    "death at {call} {fails:?}, then {seen:?}"
                );
            }
            let id = id.unwrap();
            assert_eq!(store.created(), std::slice::from_ref(&id), "death at {call} {fails:?}");
            let logins: Vec<Seen> = before.iter().chain(after).copied().collect();
            is_whole(&*store, &logins, &id).await;
            if let Ok(outcome) = outcome {
                assert!(matches!(outcome, Outcome::Account(account) if account.id == id));
                break;
            }
            deaths += 1;
        }
    }
    deaths
}

/// Acceptance: A13 (a process that dies half-way).
#[rstest]
#[case::new_with_unionid(&[], WEBSITE, &[WEBSITE])]
#[case::new_without(&[], WEBSITE_ALONE, &[WEBSITE_ALONE])]
#[case::known_unionid_new_openid(&[WEBSITE], SERVICE, &[SERVICE])]
#[case::backfill(&[WEBSITE_ALONE], WEBSITE, &[WEBSITE])]
#[case::returning(&[WEBSITE], WEBSITE, &[WEBSITE])]
#[case::then_through_the_other_app(&[], WEBSITE, &[SERVICE, WEBSITE, SERVICE])]
#[case::then_without_unionid(&[], WEBSITE, &[WEBSITE_ALONE, WEBSITE, SERVICE])]
#[case::then_with_unionid(&[], WEBSITE_ALONE, &[WEBSITE, SERVICE, WEBSITE_ALONE])]
#[case::backfill_then_other_app(&[WEBSITE_ALONE], WEBSITE, &[WEBSITE, SERVICE])]
#[case::joined_then_alone(&[WEBSITE], SERVICE, &[WEBSITE, SERVICE, SERVICE_ALONE])]
#[tokio::test]
async fn a_login_that_died_anywhere_is_completed_by_the_next_into_one_account(
    #[case] before: &[Seen],
    #[case] dying: Seen,
    #[case] after: &[Seen],
) {
    assert!(die_everywhere(before, dying, after).await >= 4);
}

/// Acceptance: A13 (two deaths in a row, at all places).
#[tokio::test]
async fn two_logins_that_died_anywhere_are_completed_by_the_next() {
    for first in 0..8 {
        for second in 0..8 {
            for dying in [WEBSITE, SERVICE, WEBSITE_ALONE] {
                let store = store().await;
                store.die_at(first, Fails::After);
                let _ = log_in(&*store, WEBSITE).await;
                store.heal();
                store.die_at(store.calls() + second, Fails::After);
                let _ = log_in(&*store, dying).await;
                store.heal();
                let id = account(&*store, WEBSITE).await.id;
                let context = format!("{first}, {second}, {dying:?}");
                assert_eq!(account(&*store, SERVICE).await.id, id, "{context}");
                assert_eq!(store.created(), std::slice::from_ref(&id), "{context}");
                is_whole(&*store, &[WEBSITE, SERVICE], &id).await;
            }
        }
    }
}

/// Runs logins at once, on threads of their own; answers how each ended.
async fn at_once(store: &Arc<FaultyStore>, logins: &[Seen]) -> Vec<Outcome> {
    let start = Arc::new(tokio::sync::Barrier::new(logins.len()));
    let tasks: Vec<_> = logins
        .iter()
        .map(|seen| {
            let (store, start, seen) = (Arc::clone(store), Arc::clone(&start), *seen);
            tokio::spawn(async move {
                start.wait().await;
                log_in(&*store, seen).await.unwrap()
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

fn on_threads<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(work)
}

fn logins_of(choices: &'static [Seen]) -> impl Strategy<Value = Vec<Seen>> {
    proptest::collection::vec(proptest::sample::select(choices), 2..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Acceptance: A13. All tell the UnionID, through whichever app.
    #[test]
    fn logins_with_unionid_at_once_make_one_account(logins in logins_of(&[WEBSITE, SERVICE])) {
        on_threads(async {
            let store = store().await;
            let outcomes = at_once(&store, &logins).await;
            one_account(&store, &logins, &outcomes).await;
        });
    }

    /// Acceptance: A13. All through one app, with or without the UnionID.
    #[test]
    fn logins_through_one_app_at_once_make_one_account(logins in logins_of(&[WEBSITE, WEBSITE_ALONE])) {
        on_threads(async {
            let store = store().await;
            let outcomes = at_once(&store, &logins).await;
            one_account(&store, &logins, &outcomes).await;
        });
    }

    /// Acceptance: A13. Where the UnionID has joined both apps before, nothing makes a second account.
    #[test]
    fn logins_of_a_known_person_at_once_make_no_account(
        logins in logins_of(&[WEBSITE, SERVICE, WEBSITE_ALONE, SERVICE_ALONE])
    ) {
        on_threads(async {
            let store = store().await;
            account(&*store, WEBSITE).await;
            account(&*store, SERVICE).await;
            let outcomes = at_once(&store, &logins).await;
            one_account(&store, &logins, &outcomes).await;
        });
    }

    /// Without UnionID nothing joins two apps, so two accounts may come to be first; never more, never half ones.
    #[test]
    fn any_logins_at_once_make_at_most_one_account_for_each_app(
        logins in logins_of(&[WEBSITE, SERVICE, WEBSITE_ALONE, SERVICE_ALONE])
    ) {
        on_threads(async {
            let store = store().await;
            let outcomes = at_once(&store, &logins).await;
            let created = store.created();
            assert!((1..=2).contains(&created.len()), "{created:?}");
            for outcome in outcomes {
                match outcome {
                    Outcome::Account(account) => assert!(created.contains(&account.id)),
                    Outcome::Asks(ToAsk::Which(accounts)) => assert_eq!((accounts.len(), created.len()), (2, 2)),
                    other => panic!("{other:?}"),
                }
            }
            let keys: Vec<IdentityKey> = logins.iter().flat_map(|seen| seen.identity().keys()).collect();
            for row in store.identities(&keys).await.unwrap() {
                // A row stays open, or is missing, only where its login ended in a question.
                for id in row.filter(|row| row.settled).into_iter().flat_map(|row| row.accounts) {
                    assert!(created.contains(&id), "{id} in {created:?}");
                }
            }
        });
    }
}

async fn one_account(store: &Arc<FaultyStore>, logins: &[Seen], outcomes: &[Outcome]) {
    let created = store.created();
    assert_eq!(created.len(), 1, "{created:?}");
    for outcome in outcomes {
        assert!(matches!(outcome, Outcome::Account(account) if account.id == created[0]), "{outcome:?}");
    }
    is_whole(&**store, logins, &created[0]).await;
}

/// Acceptance: A13, B2, B8: who asked for a new account and was cut off at any call has it at the next login, though
/// strangers are asked, or refused, by then. Where nothing was final yet, they are asked or refused like anybody.
#[rstest]
#[case::asked(Registration::Open, Binding::Ask)]
#[case::closed(Registration::Closed, Binding::None)]
#[case::matching(Registration::Closed, Binding::Match)]
#[tokio::test]
async fn a_new_account_that_was_cut_short_is_completed_whatever_strangers_may_do(
    #[case] registration: Registration,
    #[case] binding: Binding,
) {
    let later = Rules {
        policy: Policy { registration, binding, ..Policy::default() },
        on_conflict: OnConflict::Choose,
    };
    let method = MethodId::new("method").unwrap();
    let now = Timestamp::from_millis(1_700_000_000_000);
    let (mut completed, mut strangers) = (0, 0);
    for fails in [Fails::Before, Fails::After] {
        for call in 0..6 {
            let store = store().await;
            store.die_at(store.calls() + call, fails);
            let _ = log_in(&*store, WEBSITE).await;
            store.heal();
            let next = account_of(&*store, &WEBSITE.identity(), &method, later, now).await.unwrap();
            match next {
                Outcome::Account(account) => {
                    is_whole(&*store, &[WEBSITE], &account.id).await;
                    completed += 1;
                }
                _ => {
                    assert_eq!(store.created(), [], "an account that is there is signed in to");
                    strangers += 1;
                    // Somebody who proves an account then gets this identity, whatever was claimed.
                    let ann = plant(&*store, "ann").await;
                    let attached = attach(&*store, &ann, &WEBSITE.identity(), now).await.unwrap();
                    assert!(matches!(attached, Attached::Done(_)), "{call} {fails:?}: {attached:?}");
                    is_whole(&*store, &[WEBSITE], &ann).await;
                }
            }
        }
    }
    assert!(completed >= 4 && strangers >= 4, "{completed} {strangers}");
}

async fn plant(store: &dyn Store, id: &str) -> AccountId {
    let id = AccountId::new(id).unwrap();
    let mut account = Account::new(id.clone(), &WEBSITE.identity(), Timestamp::from_millis(1));
    account.identities.clear();
    account.united.clear();
    assert!(store.create_account(&account).await.unwrap());
    id
}

/// Acceptance: B4: a verified email finds its account as a phone number does; no method brings one today, so nothing but
/// the rule and the store is shown here.
#[tokio::test]
async fn a_verified_email_binds_the_account_that_has_verified_it() {
    let store = store().await;
    let email = Email::parse("ann@example.com").unwrap();
    let ann = plant(&*store, "ann").await;
    let mut account = store.accounts(std::slice::from_ref(&ann)).await.unwrap().remove(0).unwrap();
    account.email = Some(Contact { value: email.as_str().into(), verified: true });
    account.version += 1;
    assert!(store.update_account(&account).await.unwrap());
    let identity = Identity { email: Some(email), ..WEBSITE.identity() };
    let key = identity.contact_keys().remove(0);
    store.claim_identity(&key, &IdentityRow::settled(ann.clone())).await.unwrap();
    let policy = Policy { binding: Binding::Match, ..Policy::default() };
    let rules = Rules { policy, on_conflict: OnConflict::Choose };
    let method = MethodId::new("method").unwrap();
    let outcome = account_of(&*store, &identity, &method, rules, Timestamp::from_millis(2)).await.unwrap();
    assert!(matches!(outcome, Outcome::Account(account) if account.id == ann));
    is_whole(&*store, &[WEBSITE], &ann).await;
}
