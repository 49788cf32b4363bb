//! Password hashes: our own (argon2id) and those that other sites have made, read and verified, never reversed.
//!
//! Pure and synchronous: one verification may take a second and 256 MiB, so callers keep it off the threads that serve.
//! Neither a hash nor a password ever prints.

mod envelope;
mod error;
mod work;

use std::fmt;

use argon2::{Algorithm, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq as _;

use self::envelope::Envelope;
use self::work::Work;
use super::Secret;

pub use self::error::NotAPasswordHash;
pub use self::work::MOST_MEMORY_MIB;

/// The most bytes of a password; a longer one is wrong before any work. Pages that set passwords refuse it too.
pub const LONGEST_PASSWORD: usize = 1024;

/// The most bytes of a hash as text.
const LONGEST_HASH: usize = 512;

/// Our cost: 19 MiB, two passes, one lane. Source: OWASP Password Storage Cheat Sheet, Argon2id.
const OURS: (u32, u32, u32) = (19 * 1024, 2, 1);

/// A password as it is kept: scheme, cost, salt and digest in one text.
///
/// | scheme | written by |
/// |---|---|
/// | `$argon2id$`, `$argon2i$`, `$argon2d$` | us, PHP, argon2-cffi, passlib; behind `argon2` Django, behind `{argon2}` Spring |
/// | `$2a$`, `$2b$`, `$2y$` | PHP, Rails, many; behind `bcrypt$` or `bcrypt_sha256$` Django, behind `{bcrypt}` Spring |
/// | `$wp$2y$` | WordPress since 6.8 |
/// | `$pbkdf2-sha256$i=…,l=…$`, `$pbkdf2-sha512$`, `$pbkdf2$` | the PHC form, and passlib's with bare rounds |
/// | `pbkdf2_sha256$…`, `pbkdf2_sha1$…`, `scrypt$…` | Django |
/// | `pbkdf2:sha256:…$`, `scrypt:32768:8:1$` | Werkzeug (Flask) |
/// | `$scrypt$ln=…,r=…,p=…$` | passlib and the PHC form |
/// | `$P$`, `$H$` | phpass: WordPress before 6.8, phpBB. Legacy: MD5 in a loop, weak once stolen |
///
/// WordPress hashes a password with a backslash before each quotation mark and backslash, so of its schemes (`$wp$`,
/// `$P$`) that form is right too.
///
/// Everything but argon2id of our cost or more is outdated: see [`PasswordHash::is_current`].
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Secret);

impl PasswordHash {
    /// A hash that [`PasswordHash::verify`] understands and that costs no more than a login may.
    pub fn parse(text: &str) -> Result<Self, NotAPasswordHash> {
        Envelope::open(text).map(|_| Self(Secret::new(text)))
    }

    /// A fresh hash of `password`, which is at most [`LONGEST_PASSWORD`] bytes: of a longer one none is ever right.
    pub fn new(password: &str, rng: &mut impl CryptoRng) -> Self {
        let (memory_kib, passes, lanes) = OURS;
        let work = Work::Argon2 {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            memory_kib,
            passes,
            lanes,
        };
        let (mut salt, mut digest) = ([0; 16], [0; 32]);
        rng.fill_bytes(&mut salt);
        work.derive(password.as_bytes(), &salt, &mut digest).expect("our own parameters are within bounds");
        Self(Secret::new(format!(
            "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(digest)
        )))
    }

    /// Whether `password` is the one that this hash was made from. Slow on purpose.
    pub fn verify(&self, password: &str) -> bool {
        if password.len() > LONGEST_PASSWORD {
            return false;
        }
        // Read from a store, the text may come from another version.
        let Ok(envelope) = Envelope::open(self.reveal()) else { return false };
        let right = |password: &[u8]| {
            let mut digest = vec![0; envelope.digest.len()];
            let derived = envelope.work.derive(password, &envelope.salt, &mut digest);
            derived.is_ok() && bool::from(digest.ct_eq(&envelope.digest))
        };
        let slashed = envelope.work.slashed(password.as_bytes());
        right(password.as_bytes()) || slashed.is_some_and(|slashed| right(&slashed))
    }

    /// Whether the scheme took all of `password` as it is. Where it cut or trimmed it, other texts are right too, and a
    /// new hash of what somebody typed would make them wrong.
    pub fn is_exact(&self, password: &str) -> bool {
        Envelope::open(self.reveal()).is_ok_and(|envelope| envelope.work.is_exact(password.as_bytes()))
    }

    /// Whether it is what [`PasswordHash::new`] makes, or costs more. Anything else is replaced when its owner logs in.
    pub fn is_current(&self) -> bool {
        let Ok(envelope) = Envelope::open(self.reveal()) else { return false };
        match envelope.work {
            Work::Argon2 { algorithm: Algorithm::Argon2id, version, memory_kib, passes, .. } => {
                let strong = memory_kib >= OURS.0 && passes >= OURS.1;
                strong
                    && version == Version::V0x13
                    && envelope.salt.len() >= 16
                    && envelope.digest.len() >= 32
            }
            _ => false,
        }
    }

    /// The text, for the store.
    fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl Serialize for PasswordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.reveal())
    }
}

/// Takes any text: a row of the store was checked when it was written, and an account is not lost because one version
/// cannot read the password that another one wrote. What it does not understand, nobody logs in with.
impl<'de> Deserialize<'de> for PasswordHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
