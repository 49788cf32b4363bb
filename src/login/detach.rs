//! Takes a WeChat off an account: all rows of that person, so that their next login brings none of them back.
//!
//! The rows go first and the account is written afterwards: who logs in with that WeChat meanwhile is a stranger. The
//! account's version decides between two removals at once, and the later one gives its rows back where it would have
//! been the last. Nobody is ever left without a way in.

use super::account_links::{ROUNDS, account_now};
use crate::domain::{Account, AccountId, IdentityKey, IdentityRow, Status, Wechat};
use crate::ground::Timestamp;
use crate::store::{Store, StoreError};

/// What became of a WeChat that its owner wants to take off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detached {
    /// It leads here no more.
    Done {
        /// What was taken off.
        wechat: Wechat,
        /// The account without it.
        account: Box<Account>,
    },
    /// It stays: nobody at WeChat could log in to the account without it.
    Last,
    /// The account has no such WeChat.
    Unknown,
    /// The account is disabled or gone.
    NoAccount,
}

/// A row that was taken away, or off which the account was taken.
struct Taken {
    key: IdentityKey,
    before: IdentityRow,
    after: Option<IdentityRow>,
}

/// Takes the WeChat named `id` (see [`Wechat::id`]) off an account whose owner is logged in.
pub async fn detach(
    store: &dyn Store,
    account: &AccountId,
    id: &str,
    now: Timestamp,
) -> Result<Detached, StoreError> {
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let there = account_now(store, account).await?;
        let Some(there) = there.filter(|account| account.status == Status::Active) else {
            return Ok(Detached::NoAccount);
        };
        let Some(wechat) = there.wechats().into_iter().find(|wechat| wechat.id() == id) else {
            give_back(store, &there, taken).await?;
            return Ok(Detached::Unknown);
        };
        let rest = match there.without(&wechat) {
            Some(rest) if leads_here(store, &rest).await? => rest,
            _ => {
                give_back(store, &there, taken).await?;
                return Ok(Detached::Last);
            }
        };
        if !take_rows(store, account, &wechat, &mut taken).await? {
            continue;
        }
        let left = Account { updated_at: now, version: rest.version + 1, ..rest };
        if store.update_account(&left).await? {
            return Ok(Detached::Done { wechat, account: Box::new(left) });
        }
    }
    Err(StoreError::Conflict { doing: "taking a WeChat off an account that is changing all the time" })
}

/// Whether anybody at WeChat can log in to `account`: a row, and not only the account, has to say so, because a removal
/// that was cut short leaves an account that lists more than lead to it.
async fn leads_here(store: &dyn Store, account: &Account) -> Result<bool, StoreError> {
    let keys: Vec<IdentityKey> =
        account.wechats().iter().flat_map(|wechat| wechat.keys().iter().cloned()).collect();
    let rows = store.identities(&keys).await?;
    Ok(rows.into_iter().flatten().any(|row| row.accounts.contains(&account.id)))
}

/// Takes away what leads from `wechat` to `account`; `false` if a row changed meanwhile.
async fn take_rows(
    store: &dyn Store,
    account: &AccountId,
    wechat: &Wechat,
    taken: &mut Vec<Taken>,
) -> Result<bool, StoreError> {
    let rows = store.identities(wechat.keys()).await?;
    for (key, row) in wechat.keys().iter().zip(rows) {
        let Some(before) = row.filter(|row| row.accounts.contains(account)) else { continue };
        let others: Vec<AccountId> = before.accounts.iter().filter(|id| *id != account).cloned().collect();
        let chosen = before.chosen.clone().filter(|chosen| chosen != account);
        let after = (!others.is_empty()).then(|| IdentityRow { accounts: others, chosen, ..before.clone() });
        let gone = match &after {
            None => store.remove_identity(key, &before).await?,
            Some(after) => store.swap_identity(key, &before, after).await?,
        };
        if !gone {
            return Ok(false);
        }
        taken.push(Taken { key: key.clone(), before, after });
    }
    Ok(true)
}

/// Puts rows back that the account still lists.
async fn give_back(store: &dyn Store, account: &Account, taken: Vec<Taken>) -> Result<(), StoreError> {
    for row in taken.into_iter().filter(|row| account.identities.contains(&row.key)) {
        let back = match &row.after {
            None => store.claim_identity(&row.key, &row.before).await? == row.before,
            Some(after) => store.swap_identity(&row.key, after, &row.before).await?,
        };
        if !back {
            // That person has logged in within these moments, and has an account of their own now.
            tracing::warn!(target: "audit", event = "wechat_row_lost", account = %account.id);
        }
    }
    Ok(())
}
