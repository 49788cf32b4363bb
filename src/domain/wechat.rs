//! Which rows of an account belong to one person at WeChat: what an owner sees as "a WeChat", and takes off as one.
//!
//! Taken off in part it would be put back: whoever logs in through a row that is left brings the others along.

use super::{Account, AppId, Identity, IdentityKey, OpenId};
use crate::ground::TokenDigest;

/// How many rows that were taken off an account it remembers: more than anybody takes off in earnest.
const MAX_REMOVED: usize = 50;

/// One person at WeChat who can log in to an account. Made only by [`Account::wechats`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wechat {
    /// Everything of theirs that leads to the account, the UnionID first; never empty.
    keys: Vec<IdentityKey>,
}

impl Wechat {
    /// Names it in forms and calls: the same as long as it is not joined to another, and no OpenID.
    pub fn id(&self) -> String {
        self.keys.first().map(|key| TokenDigest::of_text(&key.storage_key()).text()).unwrap_or_default()
    }

    /// Everything of it that leads to the account.
    pub fn keys(&self) -> &[IdentityKey] {
        &self.keys
    }

    /// The apps it is known in.
    pub fn apps(&self) -> impl Iterator<Item = &AppId> {
        self.keys.iter().filter_map(|key| match key {
            IdentityKey::OpenId { app_id, .. } => Some(app_id),
            _ => None,
        })
    }

    /// Whether this is who logged in as `open_id` of `app_id`.
    pub fn is(&self, app_id: &str, open_id: &str) -> bool {
        self.keys.iter().any(|key| match key {
            IdentityKey::OpenId { app_id: app, open_id: open, .. } => {
                (app.as_str(), open.as_str()) == (app_id, open_id)
            }
            _ => false,
        })
    }
}

impl Account {
    /// The people at WeChat who can log in: the UnionID with its OpenIDs is one, every other OpenID one of its own.
    pub fn wechats(&self) -> Vec<Wechat> {
        let mut wechats: Vec<Wechat> = Vec::new();
        let unions = self.identities.iter().filter(|key| matches!(key, IdentityKey::UnionId { .. }));
        wechats.extend(unions.map(|key| Wechat { keys: vec![key.clone()] }));
        let has_union = !wechats.is_empty();
        for key in self.identities.iter().filter(|key| matches!(key, IdentityKey::OpenId { .. })) {
            match wechats.first_mut() {
                Some(first) if has_union && self.united.contains(key) => first.keys.push(key.clone()),
                _ => wechats.push(Wechat { keys: vec![key.clone()] }),
            }
        }
        wechats
    }

    /// Whether `wechat` is who logged in to this account as `open_id` of `app_id`. An OpenID that the account does not
    /// list leads here by the UnionID.
    pub fn opened_by(&self, wechat: &Wechat, app_id: &str, open_id: &str) -> bool {
        let has_union = wechat.keys.iter().any(|key| matches!(key, IdentityKey::UnionId { .. }));
        wechat.is(app_id, open_id)
            || (has_union && !self.wechats().iter().any(|other| other.is(app_id, open_id)))
    }

    /// The account without `wechat`; none if nobody at WeChat could log in to it then.
    pub fn without(&self, wechat: &Wechat) -> Option<Self> {
        let mut account = self.clone();
        account.identities.retain(|key| !wechat.keys.contains(key));
        account.united.retain(|key| !wechat.keys.contains(key));
        (!account.wechats().is_empty()).then_some(account)
    }

    /// Notes that `wechat` is taken off.
    pub fn give_up(&mut self, wechat: &Wechat) {
        self.removed.retain(|key| !wechat.keys.contains(key));
        // The first key names it, so it is forgotten last.
        self.removed.extend(wechat.keys.iter().rev().cloned());
        self.removed.drain(..self.removed.len().saturating_sub(MAX_REMOVED));
    }

    /// Whether `wechat` is being taken off, or was.
    pub fn gives_up(&self, wechat: &Wechat) -> bool {
        wechat.keys.first().is_some_and(|key| self.removed.contains(key))
    }

    /// Whether `identity` was taken off, and nothing of it was added again.
    pub fn has_removed(&self, identity: &Identity) -> bool {
        let keys = identity.keys();
        let leads_here = |key: &IdentityKey| self.identities.contains(key) && !self.removed.contains(key);
        keys.iter().any(|key| self.removed.contains(key)) && !keys.iter().any(leads_here)
    }

    /// Whether who logged in as `open_id` of `app_id` was taken off, and not added again.
    pub fn has_removed_app(&self, app_id: &AppId, open_id: &OpenId) -> bool {
        self.removed.iter().any(|key| match key {
            IdentityKey::OpenId { app_id: app, open_id: open, .. } => app == app_id && open == open_id,
            _ => false,
        })
    }

    /// Forgets that `identity` was taken off, because the owner wants it here; says whether it was.
    pub fn forgive(&mut self, identity: &Identity) -> bool {
        let before = self.removed.len();
        let keys = identity.keys();
        self.removed.retain(|key| !keys.contains(key));
        self.removed.len() < before
    }

    /// Remembers that WeChat vouched for an OpenID of this account together with its UnionID; says whether that is new.
    pub fn unite(&mut self, identity: &Identity) -> bool {
        let key = identity.open_key();
        let new = identity.union_id.is_some()
            && self.union_id() == identity.union_id.as_ref()
            && self.identities.contains(&key)
            && !self.united.contains(&key);
        if new {
            self.united.push(key);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::{AccountId, Phone, PoolId, Profile, UnionId};
    use crate::ground::Timestamp;

    fn person(app: &str, open: &str, union: Option<&str>) -> Identity {
        Identity {
            pool: PoolId::new("people").unwrap(),
            app_id: AppId::new(app).unwrap(),
            open_id: OpenId::new(open).unwrap(),
            union_id: union.map(|union| UnionId::new(union).unwrap()),
            profile: Profile::default(),
            phone: None,
            email: None,
        }
    }

    /// An account that these were attached to, one after the other.
    fn account(people: &[Identity]) -> Account {
        let mut account = Account::new(AccountId::new("a").unwrap(), &people[0], Timestamp::default());
        for person in people {
            for key in person.keys() {
                account.learn(key);
            }
            account.unite(person);
        }
        account
    }

    #[rstest::rstest]
    #[case::one_app(vec![person("wx1", "o1", None)], &[1])]
    #[case::a_union_id_joins_its_apps(vec![person("wx1", "o1", Some("u")), person("wx2", "o2", Some("u"))], &[3])]
    #[case::without_a_union_id_nobody_knows(vec![person("wx1", "o1", None), person("wx2", "o2", None)], &[1, 1])]
    #[case::one_beside_a_union_id(vec![person("wx1", "o1", Some("u")), person("wx2", "x2", None)], &[2, 1])]
    #[case::another_union_id(vec![person("wx1", "o1", Some("u")), person("wx2", "o2", Some("v"))], &[2, 1, 1])]
    #[case::the_union_id_came_later(vec![person("wx1", "o1", None), person("wx1", "o1", Some("u"))], &[2])]
    fn rows_are_told_apart_by_whom_wechat_vouched_for(#[case] people: Vec<Identity>, #[case] rows: &[usize]) {
        let account = account(&people);
        let wechats = account.wechats();
        assert_eq!(wechats.iter().map(|wechat| wechat.keys().len()).collect::<Vec<_>>(), rows);
        let mut ids: Vec<String> = wechats.iter().map(Wechat::id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), rows.len(), "ids are distinct");
        assert!(
            wechats.iter().any(|wechat| wechat.is(people[0].app_id.as_str(), people[0].open_id.as_str()))
        );
    }

    /// Acceptance: B19.
    #[test]
    fn a_wechat_is_taken_off_whole_and_the_last_one_stays() {
        let two = account(&[
            person("wx1", "o1", Some("u")),
            person("wx2", "o2", Some("u")),
            person("wx3", "x3", None),
        ]);
        let wechats = two.wechats();
        let other = two.without(&wechats[0]).unwrap();
        assert_eq!((other.identities.len(), other.united.len()), (1, 0));
        assert_eq!(other.wechats(), [wechats[1].clone()]);
        assert_eq!(other.without(&wechats[1]), None);
        assert!(other.opened_by(&wechats[0], "wx2", "o2") && !other.opened_by(&wechats[0], "wx3", "x3"));
        // An OpenID that another account has too, where the person chose this one.
        assert!(other.opened_by(&wechats[0], "wx4", "o4") && !two.opened_by(&wechats[1], "wx4", "o4"));
        let first = two.without(&wechats[1]).unwrap();
        assert_eq!((first.identities.len(), first.wechats().len()), (3, 1));
    }

    #[test]
    fn what_was_taken_off_is_remembered_until_the_owner_adds_it_again() {
        let gone = person("wx1", "o1", Some("u"));
        let mut account = account(&[gone.clone(), person("wx2", "x2", None)]);
        let wechats = account.wechats();
        account.give_up(&wechats[0]);
        assert!(account.gives_up(&wechats[0]) && !account.gives_up(&wechats[1]));
        assert!(account.has_removed(&gone), "while it is being taken off");
        let mut account = account.without(&wechats[0]).unwrap();
        assert!(account.has_removed(&person("wx9", "o9", Some("u"))), "by another app, too");
        assert!(!account.has_removed(&person("wx2", "x2", Some("u"))), "a WeChat that is still here");
        assert!(!account.has_removed(&person("wx1", "other", None)));
        assert!(account.forgive(&gone) && !account.forgive(&gone));
        assert!(!account.has_removed(&gone) && account.removed.is_empty());
    }

    #[test]
    fn no_more_is_remembered_than_anybody_takes_off() {
        let mut account = account(&[person("wx1", "o1", None)]);
        for index in 0..MAX_REMOVED + 10 {
            let keys = vec![person("wx2", &format!("o{index}"), None).open_key()];
            account.give_up(&Wechat { keys: keys.clone() });
            account.give_up(&Wechat { keys });
        }
        assert_eq!(account.removed.len(), MAX_REMOVED);
        assert!(account.has_removed(&person("wx2", &format!("o{}", MAX_REMOVED + 9), None)));
        assert!(!account.has_removed(&person("wx2", "o9", None)));
    }

    #[test]
    fn a_row_that_is_no_wechat_lets_nobody_in_by_itself() {
        let mut account = account(&[person("wx1", "o1", None)]);
        let phone = Phone::parse("+8613800138000").unwrap();
        account.learn(IdentityKey::Phone { pool: account.pool.clone(), phone });
        let wechats = account.wechats();
        assert_eq!(wechats.len(), 1);
        assert_eq!(account.without(&wechats[0]), None);
    }

    #[test]
    fn an_account_written_before_the_field_was_there_is_read() {
        let account = account(&[person("wx1", "o1", None)]);
        let json = serde_json::to_string(&account).unwrap();
        assert!(!json.contains("united") && !json.contains("removed"), "{json}");
        assert_eq!(serde_json::from_str::<Account>(&json).unwrap(), account);
    }
}
