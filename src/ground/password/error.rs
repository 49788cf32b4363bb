//! Why a text is no password hash that can be used. Names parts and numbers, never the text itself.

/// A text that is no password hash that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPasswordHash {
    /// Nothing that this version knows.
    #[error(
        "this is no password hash that is understood; understood are argon2, bcrypt, scrypt and PBKDF2 as PHC, \
         passlib, Django and Werkzeug write them, phpass, and WordPress's"
    )]
    Unknown,
    /// What other systems write where nobody can log in with a password.
    #[error("this marks an account without a usable password: leave the hash out")]
    Unusable,
    /// Longer than any hash is.
    #[error("this is too long for a password hash: more than 512 bytes")]
    TooLong,
    /// A known scheme with a part that is wrong.
    #[error("{scheme}: {what}")]
    Malformed {
        /// Which scheme.
        scheme: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// Verifying it would let one login take too much of the machine.
    #[error(
        "{scheme}: its cost ({cost}) is more than this gateway spends on one login (at most {most}); let its owner \
         set a new password"
    )]
    TooCostly {
        /// Which scheme.
        scheme: &'static str,
        /// Its cost in words.
        cost: String,
        /// The bound in words.
        most: &'static str,
    },
}
