//! From a WeChat identity to an account, through a store in which others write at the same moment.
//!
//! Rows are claimed widest first (the UnionID, then the OpenID), settled, and only then is the account written,
//! under the id of the claim. Whoever meets a claim without an account completes it, so neither a race nor a
//! process that died half-way leaves two accounts for one person.

use super::account_links::{Attached, attach_matched};
use super::detach::take_rows;
use crate::domain::{
    Account, AccountId, Identity, IdentityKey, IdentityRow, MethodId, OnConflict, Policy, Refusal,
    Resolution, Stage,
    account::LastLogin,
    resolve::{Found, resolve},
};
use crate::ground::{Timestamp, random_id};
use crate::store::{Store, StoreError};

/// How often a login that lost a race looks again before it reports the store as too busy.
const ROUNDS: usize = 16;

/// How an identity resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This account, new or known.
    Account(Box<Account>),
    /// Nobody is signed in before they have answered this.
    Asks(ToAsk),
    /// No login.
    Refused(Refusal),
}

/// What somebody is asked before they are signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToAsk {
    /// Which of these accounts it is to be.
    Which(Vec<AccountId>),
    /// To prove an account of theirs.
    Whose {
        /// Or to ask for a new one.
        may_create: bool,
    },
}

impl ToAsk {
    /// The stage of a flow that keeps the question for `identity`.
    pub fn of(self, identity: Identity) -> Stage {
        let identity = Box::new(identity);
        match self {
            Self::Which(accounts) => Stage::Choosing { identity, accounts },
            Self::Whose { may_create } => Stage::Binding { identity, may_create, code: None },
        }
    }
}

/// What a pool and a method allow.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What unknown people may do.
    pub policy: Policy,
    /// What happens where OpenID and UnionID disagree.
    pub on_conflict: OnConflict,
}

/// Finds or makes the account of `identity`, and notes the login on it.
pub async fn account_of(
    store: &dyn Store,
    identity: &Identity,
    method: &MethodId,
    rules: Rules,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    for _ in 0..ROUNDS {
        let seen = Seen::read(store, identity, rules.policy).await?;
        if seen.complete_abandoned(store, identity, now).await? {
            continue;
        }
        if seen.drop_removed(store, identity).await? {
            continue;
        }
        if seen.was_cut_short() {
            // Whoever made this account died before writing it: it is completed, whatever strangers may do.
            if let Some(account) = register(store, identity, method, now).await? {
                return Ok(Outcome::Account(Box::new(account)));
            }
            continue;
        }
        let found = Found {
            by_open_id: &seen.by_open_id,
            by_union_id: &seen.by_union_id,
            by_contact: &seen.by_contact,
            chosen: seen.open_row().and_then(|row| row.chosen.as_ref()),
        };
        match resolve(identity, found, rules.policy, rules.on_conflict) {
            Resolution::Refused(reason) => return Ok(Outcome::Refused(reason)),
            Resolution::Choose(accounts) => return Ok(Outcome::Asks(ToAsk::Which(accounts))),
            Resolution::Ask { may_create } => return Ok(Outcome::Asks(ToAsk::Whose { may_create })),
            Resolution::Bind(account) => {
                // Whether it was added or somebody else was first: the rule looks again, and finds what is there.
                if let Attached::Done(account) = attach_matched(store, &account, identity, now).await? {
                    tracing::info!(target: "audit", event = "bound", by = "match", account = %account.id, %method);
                }
            }
            Resolution::Create => {
                if let Some(account) = register(store, identity, method, now).await? {
                    return Ok(Outcome::Account(Box::new(account)));
                }
            }
            Resolution::SignIn { account, add } => {
                let linked = link(store, &account, &add).await?;
                if let Some(account) = seen.account(&account).filter(|_| linked)
                    && let Some(account) =
                        note_login(store, account, identity, &seen, &add, method, now).await?
                {
                    return Ok(Outcome::Account(Box::new(account)));
                }
            }
        }
    }
    Err(StoreError::Conflict { doing: "resolving an account that is changing all the time" })
}

/// What the store holds about an identity, read in two round trips.
struct Seen {
    keys: Vec<IdentityKey>,
    rows: Vec<Option<IdentityRow>>,
    by_open_id: Vec<Account>,
    by_union_id: Vec<Account>,
    /// Those that the verified contacts of the identity lead to; none where the policy does not match by them.
    by_contact: Vec<Account>,
}

impl Seen {
    async fn read(store: &dyn Store, identity: &Identity, policy: Policy) -> Result<Self, StoreError> {
        let keys = identity.keys();
        let contacts = if policy.matches() { identity.contact_keys() } else { Vec::new() };
        let all: Vec<IdentityKey> = keys.iter().chain(&contacts).cloned().collect();
        let mut rows = store.identities(&all).await?;
        let mut ids: Vec<AccountId> = rows.iter().flatten().flat_map(|row| row.accounts.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let accounts: Vec<Account> = if ids.is_empty() {
            Vec::new()
        } else {
            store.accounts(&ids).await?.into_iter().flatten().collect()
        };
        let behind = |wanted: fn(&IdentityKey) -> bool| -> Vec<Account> {
            all.iter()
                .zip(&rows)
                .filter(|(key, _)| wanted(key))
                .filter_map(|(_, row)| row.as_ref())
                .flat_map(|row| &row.accounts)
                .filter_map(|id| accounts.iter().find(|account| account.id == *id).cloned())
                .collect()
        };
        let by_open_id = behind(|key| matches!(key, IdentityKey::OpenId { .. }));
        let by_union_id = behind(|key| matches!(key, IdentityKey::UnionId { .. }));
        let by_contact = behind(|key| matches!(key, IdentityKey::Phone { .. } | IdentityKey::Email { .. }));
        rows.truncate(keys.len());
        Ok(Self { keys, rows, by_open_id, by_union_id, by_contact })
    }

    /// Whether a row is final although no account is there: rows are settled for accounts that are about to be made.
    fn was_cut_short(&self) -> bool {
        let unknown = self.by_open_id.is_empty() && self.by_union_id.is_empty();
        unknown && self.rows.iter().flatten().any(|row| row.settled)
    }

    fn open_row(&self) -> Option<&IdentityRow> {
        self.rows.last().and_then(Option::as_ref)
    }

    fn account(&self, id: &AccountId) -> Option<Account> {
        self.by_open_id.iter().chain(&self.by_union_id).find(|account| account.id == *id).cloned()
    }

    /// Takes away what still leads to an account that this identity was taken off: what a login had pointed there that
    /// ran, or died, at the same time, or what a removal that died has left. Says whether there was any.
    async fn drop_removed(&self, store: &dyn Store, identity: &Identity) -> Result<bool, StoreError> {
        let accounts = self.by_open_id.iter().chain(&self.by_union_id);
        let Some(account) = accounts.into_iter().find(|account| account.has_removed(identity)) else {
            return Ok(false);
        };
        take_rows(store, &account.id, &self.keys).await?;
        tracing::info!(target: "audit", event = "removed_row_dropped", account = %account.id);
        Ok(true)
    }

    /// Writes the account of a settled row whose maker died before writing it, where another row already leads
    /// to an account; says whether there was one. (Where none does, registering completes it.)
    async fn complete_abandoned(
        &self,
        store: &dyn Store,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if self.by_open_id.is_empty() == self.by_union_id.is_empty() {
            return Ok(false);
        }
        let abandoned = self.keys.iter().zip(&self.rows).find_map(|(key, row)| match row {
            Some(row) if row.settled && row.accounts.iter().all(|id| self.account(id).is_none()) => {
                Some((key, row.accounts.first()?))
            }
            _ => None,
        });
        let Some((key, id)) = abandoned else { return Ok(false) };
        let mut account = Account::new(id.clone(), identity, now);
        account.identities = vec![key.clone()];
        account.united.clear();
        store.create_account(&account).await
    }
}

/// Makes the account of an unknown person; `None` if somebody else got in between and all must be read again.
async fn register(
    store: &dyn Store,
    identity: &Identity,
    method: &MethodId,
    now: Timestamp,
) -> Result<Option<Account>, StoreError> {
    let fresh = random_id(&mut rand::rng(), 20);
    let fresh = AccountId::new(fresh).expect("a random id is 20 letters and digits");
    let mut rows = Vec::new();
    let mut id = fresh;
    for (index, key) in identity.keys().into_iter().enumerate() {
        let row = store.claim_identity(&key, &IdentityRow::claim(id.clone())).await?;
        let [there] = row.accounts.as_slice() else { return Ok(None) };
        if index == 0 {
            id = there.clone();
        } else if *there != id {
            // The narrower row was claimed for another account. If that claim is still open it is pointed
            // here; if it is settled, an account exists or is about to, and the rule must look again.
            let ours = IdentityRow::claim(id.clone());
            if row.settled || !store.swap_identity(&key, &row, &ours).await? {
                return settle_for_other(store, identity, &row).await.map(|()| None);
            }
            rows.push((key, ours));
            continue;
        }
        rows.push((key, row));
    }
    let mut account = Account::new(id.clone(), identity, now);
    account.last_login = Some(LastLogin { at: now, method: method.clone() });
    // The widest row first: once it is settled, nobody points it elsewhere and the account id is final. What comes then
    // comes at once: an account whose OpenID is still a claim is found all the same, and the next login settles it.
    let mut rows = rows.into_iter();
    if let Some((key, row)) = rows.next()
        && !settle(store, &key, &row, &id).await?
    {
        return Ok(None);
    }
    let narrower = async {
        match rows.next() {
            Some((key, row)) => settle(store, &key, &row, &id).await,
            None => Ok(true),
        }
    };
    let (settled, created) = tokio::join!(narrower, store.create_account(&account));
    // Where another login of the same person was first, its account does not know these rows yet: look again.
    Ok((settled? && created?).then_some(account))
}

/// Gives up an open claim on the UnionID in favour of the account that the OpenID is settled for.
async fn settle_for_other(
    store: &dyn Store,
    identity: &Identity,
    other: &IdentityRow,
) -> Result<(), StoreError> {
    let Some(union_key) = identity.union_key() else { return Ok(()) };
    let Some(current) = store.identities(std::slice::from_ref(&union_key)).await?.pop().flatten() else {
        return Ok(());
    };
    if !current.settled
        && other.settled
        && let Some(account) = other.accounts.first()
    {
        // Losing this swap is fine: somebody settled the row, and the next round reads how.
        store.swap_identity(&union_key, &current, &IdentityRow::settled(account.clone())).await?;
    }
    Ok(())
}

/// Makes a claim final; `false` if it is no longer the claim it was.
async fn settle(
    store: &dyn Store,
    key: &IdentityKey,
    row: &IdentityRow,
    id: &AccountId,
) -> Result<bool, StoreError> {
    if row.settled || store.swap_identity(key, row, &IdentityRow::settled(id.clone())).await? {
        return Ok(true);
    }
    let now_there = store.identities(std::slice::from_ref(key)).await?.pop().flatten();
    Ok(now_there.is_some_and(|row| row.settled && row.accounts == [id.clone()]))
}

/// Points rows at an account they do not lead to yet; `false` if one was settled for another meanwhile.
pub(super) async fn link(
    store: &dyn Store,
    account: &AccountId,
    add: &[IdentityKey],
) -> Result<bool, StoreError> {
    for key in add {
        let ours = IdentityRow::settled(account.clone());
        let there = store.claim_identity(key, &ours).await?;
        if there == ours {
            continue;
        }
        if there.settled || !store.swap_identity(key, &there, &ours).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes what the login taught: rows, nickname and avatar, time and method. `None` if others kept writing.
async fn note_login(
    store: &dyn Store,
    mut account: Account,
    identity: &Identity,
    seen: &Seen,
    added: &[IdentityKey],
    method: &MethodId,
    now: Timestamp,
) -> Result<Option<Account>, StoreError> {
    let before = account.identities.clone();
    let taken_off = |now: &Account| {
        now.has_removed(identity)
            || seen.keys.iter().any(|key| before.contains(key) && !now.identities.contains(key))
    };
    let leads_here = |row: &Option<IdentityRow>| {
        row.as_ref().is_some_and(|row| row.settled && row.accounts.contains(&account.id))
    };
    let mut learnt: Vec<IdentityKey> = seen
        .keys
        .iter()
        .zip(&seen.rows)
        .filter(|(_, row)| leads_here(row))
        .map(|(key, _)| key.clone())
        .collect();
    learnt.extend(added.iter().cloned());
    // A claim that this login found open is settled now that its account is known to exist.
    for (key, row) in seen.keys.iter().zip(&seen.rows) {
        if let Some(row) = row
            && !row.settled
            && row.accounts == [account.id.clone()]
            && settle(store, key, row, &account.id).await?
        {
            learnt.push(key.clone());
        }
    }
    for _ in 0..4 {
        for key in &learnt {
            account.learn(key.clone());
        }
        account.unite(identity);
        account.profile.refresh(&identity.profile);
        account.last_login = Some(LastLogin { at: now, method: method.clone() });
        account.updated_at = now;
        account.version += 1;
        if store.update_account(&account).await? {
            return Ok(Some(account));
        }
        match store.accounts(std::slice::from_ref(&account.id)).await?.into_iter().flatten().next() {
            Some(current) if current.status == account.status && !taken_off(&current) => account = current,
            // Gone or disabled meanwhile, or this WeChat was taken off it: the rule must look again.
            _ => return Ok(None),
        }
    }
    // The last of many logins at once may go unnoted; a row that the account does not know of may not.
    Ok(learnt.iter().all(|key| account.identities.contains(key)).then_some(account))
}
