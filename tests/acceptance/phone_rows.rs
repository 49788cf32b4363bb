//! Two accounts bring one phone number: whoever gets in between whichever two steps, one of them has it.

use std::sync::Arc;

use menshen::domain::{
    Account, AccountId, AppId, Contact, Identity, IdentityKey, OpenId, Phone, PoolId, Profile,
};
use menshen::ground::{SystemClock, Timestamp};
use menshen::login::account_links::keep_phone;
use menshen::store::{self, Store};

use crate::faulty_store::{Fails, FaultyStore};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn phone(digit: u8) -> Phone {
    Phone::parse(&format!("+861380013800{digit}")).unwrap()
}

fn key(phone: &Phone) -> IdentityKey {
    IdentityKey::Phone { pool: PoolId::new("people").unwrap(), phone: phone.clone() }
}

async fn account(store: &dyn Store, id: &str) -> Account {
    store.accounts(&[AccountId::new(id).unwrap()]).await.unwrap().remove(0).unwrap()
}

async fn brings(store: &dyn Store, id: &str, number: &Phone) {
    let account = account(store, id).await;
    keep_phone(store, account, Some(number), NOW).await.unwrap();
}

/// Two accounts; `ann` has a number already.
async fn people() -> Arc<dyn Store> {
    let url = store::StoreUrl::new("embedded:memory");
    let config = store::Config { url, ..store::Config::default() };
    let store = store::open(&config, Arc::new(SystemClock)).await.unwrap();
    for id in ["ann", "bob"] {
        let identity = Identity {
            pool: PoolId::new("people").unwrap(),
            app_id: AppId::new("wx1").unwrap(),
            open_id: OpenId::new(id).unwrap(),
            union_id: None,
            profile: Profile::default(),
            phone: None,
            email: None,
        };
        let account = Account::new(AccountId::new(id).unwrap(), &identity, NOW);
        assert!(store.create_account(&account).await.unwrap());
    }
    brings(&*store, "ann", &phone(1)).await;
    store
}

fn holds(account: &Account, number: &Phone) -> bool {
    account.phone == Some(Contact { value: number.as_str().to_owned(), verified: true })
}

/// Acceptance: B7, M4e: one number, one account, and the loser keeps what it had; whoever waits at whichever step.
#[tokio::test]
async fn of_two_accounts_that_bring_one_number_one_has_it_whatever_comes_in_between() {
    let mut steps = 0;
    for (first, second) in [("ann", "bob"), ("bob", "ann")] {
        for call in 0.. {
            let inner = people().await;
            let slow = Arc::new(FaultyStore::new(Arc::clone(&inner)));
            slow.fail_at(call, Fails::Waits);
            let number = phone(2);
            let (mine, wanted) = (Arc::clone(&slow), number.clone());
            let run = tokio::spawn(async move { brings(&*mine, first, &wanted).await });
            tokio::select! {
                () = slow.stalled() => {}
                // It has fewer steps than that.
                () = async { while !run.is_finished() { tokio::task::yield_now().await } } => break,
            }
            brings(&*inner, second, &number).await;
            slow.heal();
            run.await.unwrap();
            let (ann, bob) = (account(&*inner, "ann").await, account(&*inner, "bob").await);
            assert!(holds(&ann, &number) != holds(&bob, &number), "{first} at {call}: {ann:?} {bob:?}");
            let (holder, other) = if holds(&ann, &number) { (&ann, &bob) } else { (&bob, &ann) };
            let row = inner.identities(&[key(&number)]).await.unwrap().remove(0).unwrap();
            assert_eq!(row.accounts, std::slice::from_ref(&holder.id), "{first} at {call}");
            assert!(row.settled, "{first} at {call}");
            if other.id.as_str() == "ann" {
                assert!(holds(other, &phone(1)), "{first} at {call}: {other:?}");
            }
            steps += 1;
        }
    }
    assert!(steps >= 8, "{steps}");
}
