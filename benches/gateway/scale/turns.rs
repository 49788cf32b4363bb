//! Logins into a store of one size, one at a time: people who are known, drawn among all, and people who are new.

use std::time::Instant;

use menshen::domain::{Account, AccountId, Identity, MethodId, OnConflict, Policy};
use menshen::ground::{Clock as _, SystemClock};
use menshen::login::account_of::{Outcome, Rules, account_of};
use menshen::store::Store;
use serde::Serialize;

use super::people::{drawn, person};
use crate::Fault;
use crate::planted::METHOD;
use crate::process::{CpuMark, Process};
use crate::scan::figures::Millis;

/// How many known people log in, and as many are only looked up.
pub(crate) const KNOWN: usize = 3_000;
/// How many new people log in; the store has this many accounts more afterwards.
pub(crate) const NEW: usize = 2_000;
/// Logins that are not counted.
const WARM_UP: usize = 300;

/// What logins cost at one size.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Logins {
    /// The two reads that say whose account it is.
    pub(crate) resolved: Cost,
    /// A whole login of somebody known: the reads, and the write that notes it.
    pub(crate) known: Cost,
    /// The first login of somebody: claims, settlements and a new account.
    pub(crate) new: Cost,
}

/// What one of them took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) took: Millis,
    /// CPU time of this program for each, the store's thread included, in microseconds.
    pub(crate) cpu: f64,
    /// CPU time of Redis for each, in microseconds.
    pub(crate) server_cpu: Option<f64>,
}

/// Measures in `store`, which has the accounts of the first `size` people and of nobody else.
pub(crate) async fn measure(
    store: &dyn Store,
    server: Option<&Process>,
    size: usize,
) -> Result<Logins, Fault> {
    let people =
        |numbers: &mut dyn Iterator<Item = usize>| numbers.map(person).collect::<Result<Vec<_>, _>>();
    let known = people(&mut drawn(size, WARM_UP + 2 * KNOWN, size))?;
    let (warm_up, known) = known.split_at(WARM_UP);
    let (looked_up, known) = known.split_at(KNOWN);
    let new = people(&mut (size..size + NEW))?;
    for identity in warm_up {
        log_in(store, identity, true).await?;
    }
    Ok(Logins {
        resolved: cost(server, looked_up, |identity| resolve(store, identity)).await?,
        known: cost(server, known, |identity| log_in(store, identity, true)).await?,
        new: cost(server, &new, |identity| log_in(store, identity, false)).await?,
    })
}

/// Calls for each of them, one after the other.
async fn cost<'a, F: Future<Output = Result<(), Fault>>>(
    server: Option<&Process>,
    people: &'a [Identity],
    call: impl Fn(&'a Identity) -> F,
) -> Result<Cost, Fault> {
    let mark = CpuMark::own()?;
    let server_mark = server.map(Process::cpu).transpose()?;
    let mut times = Vec::with_capacity(people.len());
    for identity in people {
        let began = Instant::now();
        call(identity).await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let each = |now: CpuMark, before: &CpuMark| now.since(before).as_secs_f64() * 1e6 / people.len() as f64;
    let cpu = each(CpuMark::own()?, &mark);
    let server_cpu = match (server, server_mark) {
        (Some(server), Some(mark)) => Some(each(server.cpu()?, &mark)),
        _ => None,
    };
    Ok(Cost { took: Millis::of(&times), cpu, server_cpu })
}

/// The reads of a login alone.
async fn resolve(store: &dyn Store, identity: &Identity) -> Result<(), Fault> {
    let rows = store.identities(&identity.keys()).await?;
    let mut ids: Vec<AccountId> = rows.into_iter().flatten().flat_map(|row| row.accounts).collect();
    ids.dedup();
    let accounts = store.accounts(&ids).await?;
    match accounts.as_slice() {
        [Some(account)] if is_theirs(account, identity) => Ok(()),
        other => Err(format!("somebody known led to {} accounts", other.len()).into()),
    }
}

async fn log_in(store: &dyn Store, identity: &Identity, known: bool) -> Result<(), Fault> {
    let rules = Rules { policy: Policy::default(), on_conflict: OnConflict::default() };
    let outcome = account_of(store, identity, &MethodId::new(METHOD)?, rules, SystemClock.now()).await?;
    match outcome {
        // The first version is the one that a first login writes.
        Outcome::Account(account) if is_theirs(&account, identity) && (account.version > 1) == known => {
            Ok(())
        }
        _ => {
            Err(format!("a login of somebody {} ended otherwise", if known { "known" } else { "new" }).into())
        }
    }
}

fn is_theirs(account: &Account, identity: &Identity) -> bool {
    identity.keys().iter().all(|key| account.identities.contains(key))
}
