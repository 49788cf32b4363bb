//! Takes a WeChat off an account: all rows of that person, so that their next login brings none of them back.
//!
//! The account says first that it gives the WeChat up. From then on no row and no session of it counts, and of two
//! removals at once the later one no longer relies on it: the version decides. Then its rows go, its sessions end, and
//! the account is written without it. Cut short anywhere, it can be done again from the beginning.

use super::account_links::{ROUNDS, account_now};
use super::sessions::Sessions;
use crate::domain::{Account, AccountId, IdentityKey, IdentityRow, Session, Status, Wechat};
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
        /// How many sessions of it have ended.
        ended: usize,
    },
    /// It stays: nobody at WeChat could log in to the account without it.
    Last,
    /// The account has no such WeChat.
    Unknown,
    /// The account is disabled or gone.
    NoAccount,
}

/// Whether a row lets anybody in, as the directory has it.
pub type LeadsIn<'a> = &'a (dyn Fn(&IdentityKey) -> bool + Sync);

/// Takes the WeChat named `id` (see [`Wechat::id`]) off an account whose owner is logged in.
pub async fn detach(
    store: &dyn Store,
    sessions: &Sessions,
    account: &AccountId,
    id: &str,
    leads_in: LeadsIn<'_>,
    now: Timestamp,
) -> Result<Detached, StoreError> {
    let mut ended = 0;
    for _ in 0..ROUNDS {
        let there = account_now(store, account).await?;
        let Some(there) = there.filter(|account| account.status == Status::Active) else {
            return Ok(Detached::NoAccount);
        };
        let Some(wechat) = there.wechats().into_iter().find(|wechat| wechat.id() == id) else {
            return Ok(Detached::Unknown);
        };
        if !leads_here(store, &there, &wechat, leads_in).await? {
            return Ok(Detached::Last);
        }
        let Some(given_up) = give_up(store, there, &wechat, now).await? else { continue };
        let Some(rest) = given_up.without(&wechat) else { return Ok(Detached::Last) };
        if !take_rows(store, account, wechat.keys()).await? {
            continue;
        }
        // Before the account is written: who tries again after an error still finds the WeChat.
        let opened =
            |session: &Session| rest.opened_by(&wechat, session.app_id.as_str(), session.open_id.as_str());
        ended += sessions.end_where(account, opened).await?;
        let left = Account { updated_at: now, version: rest.version + 1, ..rest };
        if store.update_account(&left).await? {
            return Ok(Detached::Done { wechat, account: Box::new(left), ended });
        }
    }
    Err(StoreError::Conflict { doing: "taking a WeChat off an account that is changing all the time" })
}

/// Whether anybody at WeChat can log in to `account` without `gone`: a row, and not only the account, has to say so, and
/// a method has to use it. What is being taken off at the same time, or was not to its end, does not count.
async fn leads_here(
    store: &dyn Store,
    account: &Account,
    gone: &Wechat,
    leads_in: LeadsIn<'_>,
) -> Result<bool, StoreError> {
    let others = account.wechats().into_iter().filter(|other| other != gone && !account.gives_up(other));
    let keys: Vec<IdentityKey> =
        others.flat_map(|wechat| wechat.keys().to_vec()).filter(|key| leads_in(key)).collect();
    if keys.is_empty() {
        return Ok(false);
    }
    let rows = store.identities(&keys).await?;
    Ok(rows.into_iter().flatten().any(|row| row.accounts.contains(&account.id)))
}

/// Writes that `account` gives `wechat` up, unless it says so of all its rows already; none if somebody else wrote meanwhile.
async fn give_up(
    store: &dyn Store,
    mut account: Account,
    wechat: &Wechat,
    now: Timestamp,
) -> Result<Option<Account>, StoreError> {
    let before = account.removed.clone();
    account.give_up(wechat);
    if account.removed == before {
        return Ok(Some(account));
    }
    account.updated_at = now;
    account.version += 1;
    Ok(store.update_account(&account).await?.then_some(account))
}

/// Takes away what leads from `keys` to `account`; `false` if a row changed meanwhile.
pub(super) async fn take_rows(
    store: &dyn Store,
    account: &AccountId,
    keys: &[IdentityKey],
) -> Result<bool, StoreError> {
    let rows = store.identities(keys).await?;
    for (key, row) in keys.iter().zip(rows) {
        let Some(before) = row.filter(|row| row.accounts.contains(account)) else { continue };
        let others: Vec<AccountId> = before.accounts.iter().filter(|id| *id != account).cloned().collect();
        let chosen = before.chosen.clone().filter(|chosen| chosen != account);
        let gone = if others.is_empty() {
            store.remove_identity(key, &before).await?
        } else {
            let after = IdentityRow { accounts: others, chosen, ..before.clone() };
            store.swap_identity(key, &before, &after).await?
        };
        if !gone {
            return Ok(false);
        }
    }
    Ok(true)
}
