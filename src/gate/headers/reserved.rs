//! The names that are taken from every request, as a set that the hot path asks for every header.

use super::super::fold::{Folded, MAX_FOLDED, first};

/// Names that begin so are the gateway's own, between its rooms.
pub(super) const HOP_PREFIX: &[u8] = b"xmenshen";

/// A set of folded names that answers without allocating, and for most names without comparing.
#[derive(Clone, Debug)]
pub(super) struct Reserved {
    /// Sorted.
    names: Vec<Box<[u8]>>,
    /// By length: which first characters occur.
    shapes: [u64; MAX_FOLDED + 1],
    /// Which first characters occur at all.
    firsts: u64,
}

impl Reserved {
    pub(super) fn new(names: impl Iterator<Item = String>) -> Self {
        let mut names: Vec<Box<[u8]>> = names.map(|name| name.into_bytes().into()).collect();
        names.sort_unstable();
        names.dedup();
        let mut shapes = [0; MAX_FOLDED + 1];
        for name in &names {
            shapes[name.len()] |= first_bit(name);
        }
        let firsts = shapes.iter().fold(first_bit(HOP_PREFIX), |all, bits| all | bits);
        Self { names, shapes, firsts }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        if self.firsts & first_bit(&[first(name)]) == 0 {
            return false;
        }
        let folded = Folded::new(name);
        if folded.start().starts_with(HOP_PREFIX) {
            return true;
        }
        let Some(name) = folded.whole() else { return false };
        self.shapes[name.len()] & first_bit(name) != 0
            && self.names.binary_search_by(|known| known.as_ref().cmp(name)).is_ok()
    }
}

/// One bit for the first character of a folded name (36 occur).
fn first_bit(name: &[u8]) -> u64 {
    name.first().map_or(0, |byte| 1 << (byte % 64))
}
