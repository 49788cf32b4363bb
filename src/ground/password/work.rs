//! What is computed to verify a password, and how much of it at most. The primitives are those of published crates; only
//! phpass's loop is ours.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::error::NotAPasswordHash;

/// The most memory that one verification takes, in MiB.
pub const MOST_MEMORY_MIB: u32 = 256;
/// How often that memory may be filled, in KiB: about a second.
const MOST_FILLED_KIB: u64 = 4 * MOST_MEMORY_MIB as u64 * 1024;
/// About two seconds. Sites use 8 to 14.
const MOST_BCRYPT: u32 = 15;
/// About two seconds. Werkzeug and Django write a million.
const MOST_PBKDF2: u64 = 4_000_000;
/// As a power of two. Sites use 8 to 15.
const MOST_PHPASS: u32 = 20;

/// The bytes that bcrypt reads of a password and the NUL at its end.
const BCRYPT_READS: usize = 72;

/// One way to make a digest from a password and a salt, with its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Argon2 { algorithm: Algorithm, version: Version, memory_kib: u32, passes: u32, lanes: u32 },
    Bcrypt { cost: u32, prepared: Prepared },
    Pbkdf2 { hash: Hash, rounds: u32 },
    Scrypt { log_n: u8, r: u32, p: u32 },
    Phpass { log_rounds: u32 },
}

/// What bcrypt is given: it reads no more than 72 bytes, so some hash the password first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prepared {
    /// The password itself.
    Plain,
    /// Django: SHA-256 as hex.
    Sha256Hex,
    /// WordPress: HMAC-SHA-384 as base64, of the password without white space around it.
    WordPress,
}

/// Which hash PBKDF2 repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    /// PBKDF2 does all its rounds again for each such block of its result.
    fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// Parameters that the primitive does not take; a hash that was opened has none.
#[derive(Debug)]
pub(super) struct OutOfBounds;

impl Work {
    /// Refuses what costs too much for a result of `len` bytes.
    pub(super) fn affordable(&self, len: usize) -> Result<(), NotAPasswordHash> {
        let refuse = |scheme, cost, most| Err(NotAPasswordHash::TooCostly { scheme, cost, most });
        match *self {
            Self::Argon2 { memory_kib, passes, .. } => {
                let memory = u64::from(memory_kib);
                if memory > u64::from(MOST_MEMORY_MIB) * 1024 || memory * u64::from(passes) > MOST_FILLED_KIB
                {
                    let cost = format!("{} MiB, {passes} passes", memory_kib / 1024);
                    return refuse("argon2", cost, "256 MiB, and 1 GiB over all passes");
                }
            }
            Self::Bcrypt { cost, .. } if cost > MOST_BCRYPT => {
                return refuse("bcrypt", format!("2^{cost} rounds"), "2^15 rounds");
            }
            Self::Pbkdf2 { hash, rounds } => {
                let blocks = len.div_ceil(hash.bytes()) as u64;
                if u64::from(rounds) * blocks > MOST_PBKDF2 {
                    return refuse("PBKDF2", format!("{rounds} rounds, {blocks} times"), "4000000 rounds");
                }
            }
            Self::Scrypt { log_n, r, p } => {
                // N blocks that are filled p times, and p blocks beside them; in bytes, N below 2^64.
                let block = 128 * u128::from(r);
                let filled = (block << log_n).saturating_mul(u128::from(p));
                let memory = (block << log_n) + block * u128::from(p);
                if memory > u128::from(MOST_MEMORY_MIB + 1) << 20
                    || filled > u128::from(MOST_FILLED_KIB) << 10
                {
                    let cost = format!("{} MiB, {p} times", memory >> 20);
                    return refuse("scrypt", cost, "256 MiB, and 1 GiB in all");
                }
            }
            Self::Phpass { log_rounds } if log_rounds > MOST_PHPASS => {
                return refuse("phpass", format!("2^{log_rounds} rounds"), "2^20 rounds");
            }
            Self::Bcrypt { .. } | Self::Phpass { .. } => {}
        }
        Ok(())
    }

    /// Fills `out` with the digest of `password`.
    pub(super) fn derive(&self, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), OutOfBounds> {
        match *self {
            Self::Argon2 { algorithm, version, memory_kib, passes, lanes } => {
                let params =
                    Params::new(memory_kib, passes, lanes, Some(out.len())).map_err(|_| OutOfBounds)?;
                Argon2::new(algorithm, version, params)
                    .hash_password_into(password, salt, out)
                    .map_err(|_| OutOfBounds)?;
            }
            Self::Bcrypt { cost, prepared } => bcrypt_into(cost, &prepared.key(password), salt, out)?,
            Self::Pbkdf2 { hash, rounds } => match hash {
                Hash::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, rounds, out),
                Hash::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, rounds, out),
                Hash::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, rounds, out),
            },
            Self::Scrypt { log_n, r, p } => {
                let params = scrypt::Params::new(log_n, r, p).map_err(|_| OutOfBounds)?;
                scrypt::scrypt(password, salt, &params, out).map_err(|_| OutOfBounds)?;
            }
            Self::Phpass { log_rounds } => {
                let mut digest = Md5::new().chain_update(salt).chain_update(password).finalize();
                for _ in 0..1_u64 << log_rounds {
                    digest = Md5::new().chain_update(digest).chain_update(password).finalize();
                }
                copy(&digest, out)?;
            }
        }
        Ok(())
    }

    /// Whether the primitive takes these parameters, a salt of `salt` bytes and a result of `len`; computes nothing.
    pub(super) fn possible(&self, salt: usize, len: usize) -> bool {
        match *self {
            Self::Argon2 { memory_kib, passes, lanes, .. } => {
                salt >= argon2::MIN_SALT_LEN && Params::new(memory_kib, passes, lanes, Some(len)).is_ok()
            }
            Self::Bcrypt { cost, .. } => cost >= 4 && salt == 16 && len == 23,
            Self::Pbkdf2 { rounds, .. } => rounds > 0,
            Self::Scrypt { log_n, r, p } => log_n > 0 && scrypt::Params::new(log_n, r, p).is_ok(),
            Self::Phpass { log_rounds } => log_rounds >= 7,
        }
    }
}

impl Work {
    /// What WordPress makes of a password before it hashes it, where that is another one: PHP's `addslashes`. (phpBB and
    /// others that write phpass do not; one more text that is right does no harm.)
    pub(super) fn slashed(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let of_wordpress =
            matches!(self, Self::Phpass { .. } | Self::Bcrypt { prepared: Prepared::WordPress, .. });
        let special = |byte: &u8| matches!(byte, b'\'' | b'"' | b'\\' | 0);
        if !of_wordpress || !password.iter().any(special) {
            return None;
        }
        let mut slashed = Zeroizing::new(Vec::with_capacity(2 * password.len()));
        for byte in password {
            if special(byte) {
                slashed.push(b'\\');
            }
            slashed.push(if *byte == 0 { b'0' } else { *byte });
        }
        Some(slashed)
    }

    /// Whether no part of `password` is left out, and no other form of it is right too.
    pub(super) fn is_exact(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt { prepared: Prepared::Plain, .. } => password.len() < BCRYPT_READS,
            Self::Bcrypt { prepared: Prepared::WordPress, .. } => {
                php_trim(password) == password && self.slashed(password).is_none()
            }
            Self::Phpass { .. } => self.slashed(password).is_none(),
            _ => true,
        }
    }
}

impl Prepared {
    fn key(self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Plain => password.to_vec(),
            Self::Sha256Hex => {
                Sha256::digest(password).iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
            }
            Self::WordPress => {
                let mut mac =
                    <Hmac<Sha384>>::new_from_slice(b"wp-sha384").expect("HMAC takes a key of any length");
                mac.update(php_trim(password));
                STANDARD.encode(mac.finalize().into_bytes()).into_bytes()
            }
        })
    }
}

/// PHP's `trim`: space, tab, newline, carriage return, vertical tab and NUL.
fn php_trim(mut text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0);
    while let [first, rest @ ..] = text
        && blank(first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && blank(last)
    {
        text = rest;
    }
    text
}

/// bcrypt reads the password with the NUL at its end, and of both no more than 72 bytes: so it was when the hash was made.
fn bcrypt_into(cost: u32, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), OutOfBounds> {
    let salt = salt.try_into().map_err(|_| OutOfBounds)?;
    let mut key = Zeroizing::new([password, &[0]].concat());
    key.truncate(BCRYPT_READS);
    // The last of its 24 bytes is never written down.
    copy(&bcrypt::bcrypt(cost, salt, &key)[..23], out)
}

fn copy(digest: &[u8], out: &mut [u8]) -> Result<(), OutOfBounds> {
    if digest.len() != out.len() {
        return Err(OutOfBounds);
    }
    out.copy_from_slice(digest);
    Ok(())
}
