//! A map that forgets its oldest entries instead of growing: everything the simulator remembers lives in one.
//!
//! Entries are never removed singly, so the order of insertion is the order of leaving.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map of at most `limit` entries; inserting one more drops the oldest.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    /// An empty map for up to `limit` entries.
    pub(super) fn new(limit: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), limit: limit.max(1) }
    }

    /// Inserts or replaces. Replacing keeps the entry's age.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key)
    }

    pub(super) fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key)
    }

    /// The entry of `key`, made by `make` if there was none.
    pub(super) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key) {
            self.insert(key.clone(), make());
        }
        self.entries.get_mut(&key).expect("just inserted, and an insert drops only the oldest other entry")
    }

    /// All entries, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.order.iter().filter_map(|key| self.entries.get_key_value(key))
    }

    /// All values for changing, in no particular order.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_leaves_first_and_the_size_never_exceeds_the_limit() {
        let mut map = Bounded::new(3);
        for n in 0..10 {
            map.insert(n, n * n);
        }
        assert_eq!(map.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(map.get(&6), None);
    }

    #[test]
    fn replacing_an_entry_adds_none() {
        let mut map = Bounded::new(2);
        map.insert("a", 1);
        map.insert("b", 2);
        map.insert("a", 3);
        *map.entry("b", || 0) += 5;
        assert_eq!(map.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [3, 7]);
    }

    #[test]
    fn a_limit_of_one_still_holds_the_newest() {
        let mut map = Bounded::new(0);
        map.insert(1, ());
        map.entry(2, || ());
        assert_eq!(map.iter().count(), 1);
        assert!(map.get(&2).is_some());
    }
}
