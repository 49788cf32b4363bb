//! Writes one account and then the rows that lead to it.
//!
//! Gateways may log people in on the same store meanwhile, and this process may die between any two steps. No row is
//! claimed before the account is there: a claim that stayed behind would lead into the account of whoever gets its id
//! later. An account whose rows are missing gets them by the next run.

use std::collections::HashMap;

use futures_util::future::try_join_all;

use super::Problem;
use super::entry::{Entry, key_name};
use crate::domain::{Account, AccountId, Email, IdentityKey, IdentityRow, Phone};
use crate::store::{Store, StoreError};

/// How often a write that lost a race is tried again.
const ROUNDS: usize = 8;

/// What became of an account.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the store, or with a dry run could be.
    Imported,
    /// It was there before.
    There,
    /// It is not imported as the line has it.
    Refused(Vec<Problem>),
}

/// The store, and in a dry run what would be in it besides.
pub(super) struct Writer<'s> {
    store: &'s dyn Store,
    dry_run: bool,
    planned_rows: HashMap<String, AccountId>,
    planned: HashMap<AccountId, Account>,
}

/// What a key leads to now.
struct Found {
    row: Option<IdentityRow>,
    accounts: Vec<Account>,
}

impl Found {
    /// The account that holds the key and is not `id`.
    fn holder(&self, key: &IdentityKey, id: &AccountId) -> Option<&AccountId> {
        let row = self.row.as_ref()?;
        let others = || self.accounts.iter().filter(|account| account.id != *id);
        match key {
            // Numbers, addresses and names are free again when their owner has let them go.
            IdentityKey::Phone { .. } | IdentityKey::Email { .. } | IdentityKey::Username { .. } => {
                others().find(|account| account.answers_to(key)).map(|account| &account.id)
            }
            // A settled row has an account, or a login is about to write it.
            IdentityKey::OpenId { .. } | IdentityKey::UnionId { .. } => {
                let settled = || row.accounts.iter().find(|there| row.settled && *there != id);
                others().next().map(|account| &account.id).or_else(settled)
            }
        }
    }
}

impl<'s> Writer<'s> {
    pub(super) fn new(store: &'s dyn Store, dry_run: bool) -> Self {
        Self { store, dry_run, planned_rows: HashMap::new(), planned: HashMap::new() }
    }

    /// Imports an account, unless it is there or something of it belongs to another one.
    pub(super) async fn take(&mut self, entry: Entry) -> Result<Outcome, StoreError> {
        let Entry { mut account, has_id, keys } = entry;
        let found = self.find(&keys).await?;
        let there = if has_id { self.account(&account.id).await? } else { twin(&account, &keys, &found) };
        if let Some(there) = &there {
            account.id = there.id.clone();
            let differs = differences(there, &account, &keys);
            if !differs.is_empty() {
                let message = format!(
                    "the account `{}` is there and differs in {}; an import changes no account: take the line out",
                    there.id,
                    differs.join(", ")
                );
                return Ok(Outcome::Refused(vec![Problem::new("id", message)]));
            }
        }
        let taken: Vec<Problem> = keys
            .iter()
            .zip(&found)
            .filter_map(|(key, found)| found.holder(key, &account.id).map(|holder| taken(key, holder)))
            .chain(self.shadow(&keys, &account.id).await?)
            .collect();
        if !taken.is_empty() {
            return Ok(Outcome::Refused(taken));
        }
        if self.dry_run {
            if there.is_some() {
                return Ok(Outcome::There);
            }
            self.plan(account, &keys);
            return Ok(Outcome::Imported);
        }
        self.write(account, &keys, there.is_some()).await
    }

    /// What is wrong with a user name that reads as the verified phone or email of another account: whoever types it is
    /// taken for that one, so the password of this one would never be right.
    async fn shadow(&self, keys: &[IdentityKey], id: &AccountId) -> Result<Option<Problem>, StoreError> {
        let read = keys.iter().find_map(|key| match key {
            IdentityKey::Username { pool, username } => Some((pool, username.as_str())),
            _ => None,
        });
        let Some((pool, name)) = read else { return Ok(None) };
        let phone = Phone::typed(name).map(|phone| IdentityKey::Phone { pool: pool.clone(), phone });
        let email = Email::parse(name).map(|email| IdentityKey::Email { pool: pool.clone(), email });
        let readings: Vec<IdentityKey> = phone.into_iter().chain(email).collect();
        let found = self.find(&readings).await?;
        let holder = readings.iter().zip(&found).find_map(|(key, found)| found.holder(key, id));
        Ok(holder.map(|holder| {
            let message = format!(
                "this user name reads as the verified phone or email of the account `{holder}`, and nobody could log in \
                 with it; give another one"
            );
            Problem::new("username", message)
        }))
    }

    fn plan(&mut self, account: Account, keys: &[IdentityKey]) {
        for key in keys {
            self.planned_rows.insert(key.storage_key(), account.id.clone());
        }
        self.planned.insert(account.id.clone(), account);
    }

    async fn write(
        &self,
        account: Account,
        keys: &[IdentityKey],
        is_there: bool,
    ) -> Result<Outcome, StoreError> {
        if !is_there && !self.store.create_account(&account).await? {
            let message =
                "an account with this id was made at this moment, by another import or a first login";
            return Ok(Outcome::Refused(vec![Problem::new("id", message)]));
        }
        let pointed = try_join_all(keys.iter().map(|key| self.point(key, &account.id))).await?;
        let lost: Vec<IdentityKey> =
            keys.iter().zip(pointed).filter(|(_, pointed)| !pointed).map(|(key, _)| key.clone()).collect();
        if !lost.is_empty() {
            self.take_off(&account.id, &lost).await?;
            let message = "went to another account at this moment; the account is imported without it";
            let problems = lost.iter().map(|key| Problem::new(key_name(key), message)).collect();
            return Ok(Outcome::Refused(problems));
        }
        Ok(if is_there { Outcome::There } else { Outcome::Imported })
    }

    /// Points a row at `id`, which is there; `false` if another account has it meanwhile.
    async fn point(&self, key: &IdentityKey, id: &AccountId) -> Result<bool, StoreError> {
        let ours = IdentityRow::settled(id.clone());
        for _ in 0..ROUNDS {
            let there = self.store.claim_identity(key, &ours).await?;
            if there.settled && there.accounts.contains(id) {
                return Ok(true);
            }
            if self.behind(Some(there.clone())).await?.holder(key, id).is_some() {
                return Ok(false);
            }
            if self.store.swap_identity(key, &there, &ours).await? {
                return Ok(true);
            }
        }
        Err(StoreError::Conflict { doing: "pointing a row that is changing hands all the time" })
    }

    /// Takes what leads elsewhere off an account.
    async fn take_off(&self, id: &AccountId, lost: &[IdentityKey]) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let Some(mut account) = self.account(id).await? else { return Ok(()) };
            for key in lost {
                match key {
                    IdentityKey::Phone { .. } => account.phone = None,
                    IdentityKey::Email { .. } => account.email = None,
                    IdentityKey::Username { .. } => account.username = None,
                    IdentityKey::OpenId { .. } | IdentityKey::UnionId { .. } => {
                        account.identities.retain(|there| there != key);
                    }
                }
            }
            account.version += 1;
            if self.store.update_account(&account).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict { doing: "correcting an account that is changing all the time" })
    }

    async fn find(&self, keys: &[IdentityKey]) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        let rows = if keys.is_empty() { Vec::new() } else { self.store.identities(keys).await? };
        for (key, row) in keys.iter().zip(rows) {
            let planned = self.planned_rows.get(&key.storage_key()).cloned().map(IdentityRow::settled);
            found.push(self.behind(planned.or(row)).await?);
        }
        Ok(found)
    }

    async fn behind(&self, row: Option<IdentityRow>) -> Result<Found, StoreError> {
        let mut accounts = Vec::new();
        for id in row.iter().flat_map(|row| &row.accounts) {
            accounts.extend(self.account(id).await?);
        }
        Ok(Found { row, accounts })
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        if let Some(planned) = self.planned.get(id) {
            return Ok(Some(planned.clone()));
        }
        Ok(self.store.accounts(std::slice::from_ref(id)).await?.into_iter().flatten().next())
    }
}

fn taken(key: &IdentityKey, holder: &AccountId) -> Problem {
    let what = match key {
        IdentityKey::OpenId { .. } => "this OpenID",
        IdentityKey::UnionId { .. } => "this UnionID",
        IdentityKey::Phone { .. } => "this verified phone number",
        IdentityKey::Email { .. } => "this verified email address",
        IdentityKey::Username { .. } => "this user name",
    };
    let message = format!("{what} leads to the account `{holder}` already; take it out of this line");
    Problem::new(key_name(key), message)
}

/// The account that a line without an id made before: all that leads to the one leads to the other.
fn twin(account: &Account, keys: &[IdentityKey], found: &[Found]) -> Option<Account> {
    let candidates = found.iter().flat_map(|found| &found.accounts);
    let is_it = |there: &&Account| there.pool == account.pool && keys.iter().all(|key| there.answers_to(key));
    candidates.into_iter().find(is_it).cloned()
}

/// Whether the account has the hash of the line, or one of today's in place of it. (That of another password cannot be
/// told from it then.)
fn same_password(there: &Account, wanted: &Account) -> bool {
    match (&there.password, &wanted.password) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(there), Some(wanted)) => there == wanted || there.is_current(),
    }
}

/// In what an account is another one than the line says. What logins change (name, picture, the hash of the same
/// password) may differ, and more may lead to it by now.
fn differences(there: &Account, wanted: &Account, keys: &[IdentityKey]) -> Vec<&'static str> {
    let mut differs = Vec::new();
    if there.pool != wanted.pool {
        differs.push("pool");
    } else {
        differs.extend(keys.iter().filter(|key| !there.answers_to(key)).map(key_name));
    }
    differs.dedup();
    let facts = [
        ("groups", there.groups == wanted.groups),
        ("attributes", there.attributes == wanted.attributes),
        ("disabled", there.status == wanted.status),
        ("password_hash", same_password(there, wanted)),
    ];
    differs.extend(facts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name));
    differs
}
