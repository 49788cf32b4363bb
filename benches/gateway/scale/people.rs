//! The people of a store: any number of them, each always the same, and none near their neighbour in the store.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use menshen::domain::{Account, AccountId, Identity, IdentityRow, MethodId, account::LastLogin};
use menshen::ground::{Clock as _, SystemClock, Timestamp};
use menshen::store::Store;
use tokio::task::JoinSet;

use crate::Fault;
use crate::planted::{METHOD, identity};

/// How many accounts are written at the same time, three rows each: enough for writes that share a transaction.
const AT_ONCE: usize = 256;

/// What WeChat tells about somebody. The ids are as scattered as WeChat's are, so that each lies anywhere in the store.
pub(crate) fn person(number: usize) -> Result<Identity, Fault> {
    let [open, union, _] = scattered(number);
    identity(number, format!("o6_bmjrPTlm6{open:016x}"), format!("oR5GjjgEhCMJ{union:016x}"))
}

/// People drawn among the first `of`; another `draw` draws others.
pub(crate) fn drawn(draw: usize, count: usize, of: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |number| (scrambled((draw << 32 | number) as u64) % of.max(1) as u64) as usize)
}

/// Writes the accounts of these people, as logins would have left them; says how long that took.
pub(crate) async fn fill(store: &Arc<dyn Store>, people: Range<usize>) -> Result<Duration, Fault> {
    let (began, now) = (Instant::now(), SystemClock.now());
    let next = Arc::new(AtomicUsize::new(people.start));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, next, end) = (store.clone(), next.clone(), people.end);
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok::<_, Fault>(());
                }
                write(&*store, number, now).await?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(began.elapsed())
}

async fn write(store: &dyn Store, number: usize, now: Timestamp) -> Result<(), Fault> {
    let identity = person(number)?;
    let id = AccountId::new(format!("a000{:016x}", scattered(number)[2]))?;
    let mut account = Account::new(id.clone(), &identity, now);
    account.last_login = Some(LastLogin { at: now, method: MethodId::new(METHOD)? });
    let row = IdentityRow::settled(id);
    let keys = identity.keys();
    let [union, open] = keys.as_slice() else { return Err("a person has two identities".into()) };
    let (one, other, created) = tokio::try_join!(
        store.claim_identity(union, &row),
        store.claim_identity(open, &row),
        store.create_account(&account)
    )?;
    if one == row && other == row && created { Ok(()) } else { Err("somebody is there already".into()) }
}

/// Three numbers for one, all far from those of its neighbours; no two people share one.
fn scattered(number: usize) -> [u64; 3] {
    [0, 1, 2].map(|which| scrambled(which << 60 | number as u64))
}

/// A permutation of all numbers (the finish of SplitMix64).
fn scrambled(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
