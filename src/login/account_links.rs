//! What is tied to an account outside a first login: a choice between accounts, one more identity, a phone number.
//!
//! Every row is claimed before the account says that it has it, and none is taken from another account.

use super::account_of::link;
use crate::domain::{Account, AccountId, Contact, Identity, IdentityKey, IdentityRow, Phone, Status};
use crate::ground::Timestamp;
use crate::store::{Store, StoreError};

/// How often a write that lost a race is tried again.
pub(super) const ROUNDS: usize = 8;

/// What became of an identity that somebody wants to add to their account.
#[derive(Debug)]
pub enum Attached {
    /// It leads to the account now, or did before.
    Done(Box<Account>),
    /// It leads to another account.
    Taken,
    /// The account has another identity of the same app, or another UnionID.
    HasAnother,
    /// The account is disabled or gone.
    NoAccount,
}

/// Remembers that `identity` means `account`, so that the question is asked once.
pub async fn remember_choice(
    store: &dyn Store,
    identity: &Identity,
    account: &AccountId,
) -> Result<(), StoreError> {
    let key = identity.open_key();
    for _ in 0..ROUNDS {
        let done = match row_of(store, &key).await? {
            Some(row) => {
                let chosen = IdentityRow { chosen: Some(account.clone()), ..row.clone() };
                row == chosen || store.swap_identity(&key, &row, &chosen).await?
            }
            // Only the UnionID led to the accounts: this OpenID is new, and leads to what was chosen.
            None => {
                let row =
                    IdentityRow { chosen: Some(account.clone()), ..IdentityRow::settled(account.clone()) };
                store.claim_identity(&key, &row).await? == row
            }
        };
        if done {
            return Ok(());
        }
    }
    Err(StoreError::Conflict { doing: "remembering which account somebody chose" })
}

/// Adds `identity` to an account whose owner wants that: they are logged in, or have proven it.
pub async fn attach(
    store: &dyn Store,
    account: &AccountId,
    identity: &Identity,
    now: Timestamp,
) -> Result<Attached, StoreError> {
    attach_by(store, account, identity, By::Owner, now).await
}

/// Adds `identity` to an account that has verified the same phone number or email address, unless it was taken off it.
pub(super) async fn attach_matched(
    store: &dyn Store,
    account: &AccountId,
    identity: &Identity,
    now: Timestamp,
) -> Result<Attached, StoreError> {
    attach_by(store, account, identity, By::Match, now).await
}

/// Why an identity is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Owner,
    Match,
}

async fn attach_by(
    store: &dyn Store,
    account: &AccountId,
    identity: &Identity,
    by: By,
    now: Timestamp,
) -> Result<Attached, StoreError> {
    let mut pointed = Vec::new();
    let attached = try_attach(store, account, identity, by, now, &mut pointed).await;
    match &attached {
        Ok(Attached::Taken | Attached::HasAnother | Attached::NoAccount)
        | Err(StoreError::Conflict { .. }) => {
            give_back(store, account, pointed).await?;
        }
        // What is unknown is completed by the next try, or by the next login of that identity.
        Ok(Attached::Done(_)) | Err(_) => {}
    }
    attached
}

/// Gives up rows that were pointed at an account which does not list them, because somebody else was first to add
/// another identity of that app: they would let in whoever was refused.
async fn give_back(store: &dyn Store, id: &AccountId, pointed: Vec<IdentityKey>) -> Result<(), StoreError> {
    if pointed.is_empty() {
        return Ok(());
    }
    let account = account_now(store, id).await?;
    let listed = |key: &IdentityKey| account.as_ref().is_some_and(|account| account.identities.contains(key));
    for key in pointed.iter().filter(|key| !listed(key)) {
        // Where it is another row by now, it is no longer ours to give.
        store.remove_identity(key, &IdentityRow::settled(id.clone())).await?;
    }
    Ok(())
}

/// Adds `identity`; `pointed` is told which rows were pointed at the account for that.
async fn try_attach(
    store: &dyn Store,
    account: &AccountId,
    identity: &Identity,
    by: By,
    now: Timestamp,
    pointed: &mut Vec<IdentityKey>,
) -> Result<Attached, StoreError> {
    for _ in 0..ROUNDS {
        let Some(mut account) = account_now(store, account).await? else { return Ok(Attached::NoAccount) };
        if account.status == Status::Disabled || account.pool != identity.pool {
            return Ok(Attached::NoAccount);
        }
        if by == By::Match && account.has_removed(identity) {
            // Only since the rule looked.
            return Ok(Attached::NoAccount);
        }
        let keys = identity.keys();
        let rows = store.identities(&keys).await?;
        let mut missing = Vec::new();
        for (key, row) in keys.iter().zip(rows) {
            match row {
                Some(row) if row.settled && row.accounts.contains(&account.id) => {}
                // Also where the account is not there yet: a login of that identity completes it.
                Some(row) if row.settled => return Ok(Attached::Taken),
                // Nobody's yet; an open claim is pointed here.
                _ => missing.push(key.clone()),
            }
        }
        if !account.takes(identity) {
            return Ok(Attached::HasAnother);
        }
        if account.forgive(identity) {
            // First of all: a login that finds a row of what was taken off takes the row away.
            account.updated_at = now;
            account.version += 1;
            store.update_account(&account).await?;
            continue;
        }
        pointed.extend(missing.iter().cloned());
        if !link(store, &account.id, &missing).await? {
            continue;
        }
        let learnt = keys.into_iter().map(|key| account.learn(key)).filter(|new| *new).count();
        if !account.unite(identity) && learnt == 0 {
            return Ok(Attached::Done(Box::new(account)));
        }
        account.updated_at = now;
        account.version += 1;
        if store.update_account(&account).await? {
            return Ok(Attached::Done(Box::new(account)));
        }
    }
    Err(StoreError::Conflict { doing: "adding an identity to an account that is changing all the time" })
}

/// Writes the phone number that WeChat verified with a login, if it was given, on `account`; says which account it is
/// then. A number that another account holds stays there: nobody loses theirs because somebody else logs in.
///
/// The number's row is claimed, the account written, the row settled. Whoever takes the row over in between finds it
/// changed or changes it, so of two accounts that bring one number at once one keeps it.
pub async fn keep_phone(
    store: &dyn Store,
    mut account: Account,
    phone: Option<&Phone>,
    now: Timestamp,
) -> Result<Account, StoreError> {
    let Some(phone) = phone else { return Ok(account) };
    let contact = Contact { value: phone.as_str().to_owned(), verified: true };
    let key = IdentityKey::Phone { pool: account.pool.clone(), phone: phone.clone() };
    for _ in 0..ROUNDS {
        let row = row_of(store, &key).await?;
        let held = row.is_some_and(|row| row.accounts.contains(&account.id));
        if held && account.phone.as_ref() == Some(&contact) {
            return Ok(account);
        }
        if !claim_phone(store, &key, &contact, &account.id).await? {
            tracing::info!(target: "audit", event = "phone_held_by_another", account = %account.id);
            return Ok(account);
        }
        let before = account.phone.replace(contact.clone());
        account.updated_at = now;
        account.version += 1;
        if store.update_account(&account).await? {
            return settle_phone(store, account, &key, &contact, before).await;
        }
        match account_now(store, &account.id).await? {
            Some(current) => account = current,
            None => return Ok(account),
        }
    }
    Err(StoreError::Conflict { doing: "writing a phone number to an account that is changing all the time" })
}

/// The same for an identity that was added: a number that the account has verified before stays.
pub async fn keep_first_phone(
    store: &dyn Store,
    account: Account,
    phone: Option<&Phone>,
    now: Timestamp,
) -> Result<Account, StoreError> {
    let has_one = account.phone.as_ref().is_some_and(|phone| phone.verified);
    keep_phone(store, account, phone.filter(|_| !has_one), now).await
}

/// Claims the row of a number for `account`, unless the account it leads to still has that number.
async fn claim_phone(
    store: &dyn Store,
    key: &IdentityKey,
    contact: &Contact,
    account: &AccountId,
) -> Result<bool, StoreError> {
    let ours = IdentityRow::claim(account.clone());
    for _ in 0..ROUNDS {
        let there = store.claim_identity(key, &ours).await?;
        if there == ours {
            return Ok(true);
        }
        let others: Vec<AccountId> = there.accounts.iter().filter(|id| *id != account).cloned().collect();
        let holders = store.accounts(&others).await?;
        if holders
            .iter()
            .flatten()
            .any(|holder| holder.phone.as_ref().is_some_and(|phone| phone.value == contact.value))
        {
            return Ok(false);
        }
        // Numbers are given to somebody else when their owner lets them go. Also a row of our own is changed: who has
        // just read it to take it over then finds it so.
        if store.swap_identity(key, &there, &ours).await? {
            return Ok(true);
        }
    }
    Err(StoreError::Conflict { doing: "claiming a phone number that is changing hands all the time" })
}

/// The account as it is once its new number is written: with the one `before`, if somebody else took the row meanwhile.
async fn settle_phone(
    store: &dyn Store,
    mut account: Account,
    key: &IdentityKey,
    contact: &Contact,
    before: Option<Contact>,
) -> Result<Account, StoreError> {
    let claim = IdentityRow::claim(account.id.clone());
    let settled = IdentityRow::settled(account.id.clone());
    if store.swap_identity(key, &claim, &settled).await? || row_of(store, key).await? == Some(settled) {
        tracing::info!(target: "audit", event = "phone_verified", account = %account.id);
        return Ok(account);
    }
    for _ in 0..ROUNDS {
        if account.phone.as_ref() != Some(contact) {
            return Ok(account);
        }
        account.phone.clone_from(&before);
        account.version += 1;
        if store.update_account(&account).await? {
            tracing::info!(target: "audit", event = "phone_held_by_another", account = %account.id);
            return Ok(account);
        }
        match account_now(store, &account.id).await? {
            Some(current) => account = current,
            None => return Ok(account),
        }
    }
    Err(StoreError::Conflict { doing: "taking a phone number off an account that is changing all the time" })
}

async fn row_of(store: &dyn Store, key: &IdentityKey) -> Result<Option<IdentityRow>, StoreError> {
    Ok(store.identities(std::slice::from_ref(key)).await?.pop().flatten())
}

pub(super) async fn account_now(store: &dyn Store, id: &AccountId) -> Result<Option<Account>, StoreError> {
    Ok(store.accounts(std::slice::from_ref(id)).await?.into_iter().flatten().next())
}
