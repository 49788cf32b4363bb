//! The rule that ends every login: which account, if any, is this WeChat identity?
//!
//! One pure function over what the store knows. It never looks at nicknames and never reads a store.

use serde::Deserialize;

use super::newcomer::{Policy, newcomer};
use super::{Account, AccountId, Identity, IdentityKey, Status};

/// What happens where OpenID and UnionID lead to different accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// The visitor is told; nobody is signed in until one account is chosen.
    #[default]
    Choose,
    /// The UnionID decides silently.
    Unionid,
}

/// How a login ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Sign in to this account, and add these rows that WeChat has vouched for since.
    SignIn {
        /// The account.
        account: AccountId,
        /// Rows that do not lead to it yet.
        add: Vec<IdentityKey>,
    },
    /// Create an account with all rows of the identity.
    Create,
    /// Bind the identity to this account, which WeChat's verified phone or email leads to, and sign in.
    Bind(AccountId),
    /// Nobody is known by this identity: the person proves an account of theirs.
    Ask {
        /// Or has a new one made.
        may_create: bool,
    },
    /// Several accounts fit; nobody is signed in until one is chosen.
    Choose(Vec<AccountId>),
    /// No login.
    Refused(Refusal),
}

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An account that fits is disabled. A second account does not get a suspended person in.
    AccountDisabled,
    /// The person is unknown and the pool takes no newcomers.
    RegistrationClosed,
    /// No account has the phone or email that WeChat has verified, or WeChat gave none.
    NoMatch,
    /// The account that has it belongs to another WeChat.
    MatchTaken,
    /// Phone and email lead to different accounts.
    SeveralMatch,
}

/// What the store knows of an identity. Rows that were claimed but have no account yet count as unknown.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Accounts the OpenID leads to.
    pub by_open_id: &'a [Account],
    /// Accounts the UnionID leads to.
    pub by_union_id: &'a [Account],
    /// Accounts that the identity's verified phone and email lead to, where the policy matches by them; they count only
    /// where nothing else leads anywhere.
    pub by_contact: &'a [Account],
    /// What the person chose the last time several accounts fitted.
    pub chosen: Option<&'a AccountId>,
}

/// Applies the rule of the account system to one identity.
pub fn resolve(identity: &Identity, found: Found<'_>, policy: Policy, on_conflict: OnConflict) -> Resolution {
    let mut fitting: Vec<&Account> = Vec::new();
    for account in found.by_union_id.iter().chain(found.by_open_id) {
        if !fitting.iter().any(|known| known.id == account.id) {
            fitting.push(account);
        }
    }
    if fitting.iter().any(|account| account.status == Status::Disabled) {
        return Resolution::Refused(Refusal::AccountDisabled);
    }
    let remembered = found.chosen.and_then(|id| fitting.iter().find(|account| account.id == *id));
    match (fitting.as_slice(), remembered, found.by_union_id) {
        ([], ..) => newcomer(identity, found.by_contact, policy),
        ([only], ..) => sign_in(only, identity, found),
        (_, Some(chosen), _) => Resolution::SignIn { account: chosen.id.clone(), add: Vec::new() },
        (_, None, [decisive]) if on_conflict == OnConflict::Unionid => {
            Resolution::SignIn { account: decisive.id.clone(), add: Vec::new() }
        }
        (several, ..) => Resolution::Choose(several.iter().map(|account| account.id.clone()).collect()),
    }
}

/// Signs in to the one account that fits and backfills the rows that do not lead to it yet.
fn sign_in(account: &Account, identity: &Identity, found: Found<'_>) -> Resolution {
    let mut add = Vec::new();
    if found.by_union_id.is_empty() {
        // An account that already answers to another UnionID keeps it: WeChat never gives a person two in
        // one pool, so a second one means the app was moved to another Open Platform account.
        add.extend(identity.union_key().filter(|_| account.union_id().is_none()));
    }
    if found.by_open_id.is_empty() {
        add.push(identity.open_key());
    }
    Resolution::SignIn { account: account.id.clone(), add }
}

#[cfg(test)]
mod tests;
