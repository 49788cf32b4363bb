//! Header names as legacy back ends see them: CGI, PHP and WSGI turn every separator into one and the same
//! character and ignore case, so names are compared by their letters and digits alone.
//!
//! Never compares names in any finer way: each finer rule of other gateways was walked around.

/// Longest folded name that can be reserved; configured names are held to it.
pub(super) const MAX_FOLDED: usize = 64;

/// A header name without its separators and case: letters and digits only, lower case.
pub fn fold(name: &str) -> String {
    folded_bytes(name).map(char::from).collect()
}

fn folded_bytes(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().map(|byte| FOLDED[usize::from(byte)]).filter(|byte| *byte != 0)
}

/// What every byte becomes; zero is dropped.
const FOLDED: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// The first character of the folded name, zero if there is none: enough to tell most names apart.
pub(super) fn first(name: &str) -> u8 {
    folded_bytes(name).next().unwrap_or(0)
}

/// A folded name on the stack, for the hot path.
pub(super) struct Folded {
    bytes: [u8; MAX_FOLDED],
    len: usize,
    cut: bool,
}

impl Folded {
    pub(super) fn new(name: &str) -> Self {
        let mut folded = Self { bytes: [0; MAX_FOLDED], len: 0, cut: false };
        for byte in folded_bytes(name) {
            if folded.len == MAX_FOLDED {
                folded.cut = true;
                break;
            }
            folded.bytes[folded.len] = byte;
            folded.len += 1;
        }
        folded
    }

    /// The whole folded name; `None` if it is longer than any name that can be reserved.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        (!self.cut).then_some(self.start())
    }

    /// The folded name, at most its first [`MAX_FOLDED`] characters; for rules about how names begin.
    pub(super) fn start(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_letters_and_digits_count() {
        assert_eq!(fold("X_User.ID"), "xuserid");
        assert_eq!(fold("!#$%&'*+-.^_`|~"), "");
        assert_eq!(fold("x-用户-1"), "x1");
    }

    proptest! {
        #[test]
        fn folding_on_the_stack_agrees_with_folding_to_text(name in ".{0,90}") {
            let text = fold(&name);
            let folded = Folded::new(&name);
            if text.len() <= MAX_FOLDED {
                prop_assert_eq!(folded.whole().unwrap(), text.as_bytes());
            } else {
                prop_assert_eq!(folded.whole(), None);
                prop_assert!(text.as_bytes().starts_with(folded.start()));
            }
        }
    }
}
