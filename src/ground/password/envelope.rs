//! The texts in which sites write a hash: which scheme, what cost, which salt, which digest.
//!
//! Reads only what its scheme can have; the cost is bounded before anybody computes anything.

use argon2::{Algorithm, Version};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::LONGEST_HASH;
use super::error::NotAPasswordHash;
use super::work::{Hash, Prepared, Work};

/// Some writers pad and some do not, and some leave stray bits in the last letter.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BCRYPT64: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, LENIENT);
/// The letters of phpass, which packs bits the other way round.
const ITOA64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The fewest bytes of a digest: a shorter one is met by chance, and an empty one by every password.
const SHORTEST_DIGEST: usize = 16;

/// A hash taken apart.
pub(super) struct Envelope {
    pub(super) work: Work,
    pub(super) salt: Vec<u8>,
    pub(super) digest: Vec<u8>,
}

impl Envelope {
    /// Takes a hash apart; refuses what cannot be verified or costs too much.
    pub(super) fn open(text: &str) -> Result<Self, NotAPasswordHash> {
        if text.len() > LONGEST_HASH {
            return Err(NotAPasswordHash::TooLong);
        }
        let (scheme, envelope) = read(text)?;
        let Self { work, salt, digest } = &envelope;
        work.affordable(digest.len())?;
        if salt.is_empty() || digest.len() < SHORTEST_DIGEST || !work.possible(salt.len(), digest.len()) {
            let what = "its parameters, its salt or its digest are smaller than the scheme allows";
            return Err(NotAPasswordHash::Malformed { scheme, what });
        }
        Ok(envelope)
    }
}

type Read = Result<(&'static str, Envelope), NotAPasswordHash>;

fn read(text: &str) -> Read {
    let fields: Vec<&str> = text.split('$').collect();
    match fields.as_slice() {
        [first, ..] if first.starts_with(['!', '*']) => Err(NotAPasswordHash::Unusable),
        // Of Spring's prefixes those behind which the parameters are written down.
        ["{argon2}" | "{argon2@SpringSecurity_v5_8}" | "argon2" | "", kind, rest @ ..]
            if kind.starts_with("argon2") =>
        {
            argon2(kind, rest)
        }
        ["{bcrypt}" | "", kind @ ("2a" | "2b" | "2y" | "2x"), rest @ ..] => {
            bcrypt(kind, rest, Prepared::Plain)
        }
        ["bcrypt", "", kind, rest @ ..] => bcrypt(kind, rest, Prepared::Plain),
        ["bcrypt_sha256", "", kind, rest @ ..] => bcrypt(kind, rest, Prepared::Sha256Hex),
        ["", "wp", kind @ "2y", rest @ ..] => bcrypt(kind, rest, Prepared::WordPress),
        ["", kind, rest @ ..] if kind.starts_with("pbkdf2") => pbkdf2_mcf(kind, rest),
        ["", "scrypt", parameters, salt, digest] => scrypt_mcf(parameters, salt, digest),
        ["", "P" | "H", rest] => phpass(rest),
        ["scrypt", n, salt, r, p, digest] => {
            scrypt_of("Django's scrypt", [n, r, p], salt, BASE64.decode(digest).ok())
        }
        [kind @ ("pbkdf2_sha256" | "pbkdf2_sha1"), rounds, salt, digest] => {
            let (scheme, hash) =
                ("Django's PBKDF2", if *kind == "pbkdf2_sha1" { Hash::Sha1 } else { Hash::Sha256 });
            pbkdf2(scheme, hash, rounds, salt.as_bytes().to_vec(), BASE64.decode(digest).ok())
        }
        [method, salt, digest] => werkzeug(method, salt, digest),
        _ => Err(NotAPasswordHash::Unknown),
    }
}

fn malformed<T>(scheme: &'static str, what: &'static str) -> Result<T, NotAPasswordHash> {
    Err(NotAPasswordHash::Malformed { scheme, what })
}

/// A number in digits alone, as every writer writes it.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The values of `m=…,t=…,p=…`, by these names in this order.
fn parameters<const N: usize>(text: &str, names: [&str; N]) -> Option<[u32; N]> {
    let mut values = [0; N];
    let mut parts = text.split(',');
    for (name, value) in names.into_iter().zip(&mut values) {
        *value = number(parts.next()?.strip_prefix(name)?.strip_prefix('=')?)?;
    }
    parts.next().is_none().then_some(values)
}

/// `$argon2id$v=19$m=65536,t=3,p=4$salt$digest`; without a version it is the first one.
fn argon2(kind: &str, rest: &[&str]) -> Read {
    let scheme = "argon2";
    let Ok(algorithm) = Algorithm::new(kind) else {
        return malformed(scheme, "there are `argon2id`, `argon2i` and `argon2d`");
    };
    let (version, rest) = match rest {
        ["v=19", rest @ ..] => (Version::V0x13, rest),
        ["v=16", rest @ ..] => (Version::V0x10, rest),
        rest => (Version::V0x10, rest),
    };
    let [costs, salt, digest] = rest else {
        return malformed(scheme, "expected `$argon2id$v=19$m=…,t=…,p=…$salt$digest`");
    };
    let Some([memory_kib, passes, lanes]) = parameters(costs, ["m", "t", "p"]) else {
        return malformed(
            scheme,
            "its parameters are not `m=…,t=…,p=…` (key ids and data are not understood)",
        );
    };
    let (Ok(salt), Ok(digest)) = (BASE64.decode(salt), BASE64.decode(digest)) else {
        return malformed(scheme, "its salt or its digest is not base64");
    };
    Ok((
        scheme,
        Envelope { work: Work::Argon2 { algorithm, version, memory_kib, passes, lanes }, salt, digest },
    ))
}

/// `$2b$12$` and 53 letters: 22 of salt, 31 of digest. The kinds differ in faults that their makers had long ago.
fn bcrypt(kind: &str, rest: &[&str], prepared: Prepared) -> Read {
    let scheme = "bcrypt";
    match kind {
        "2a" | "2b" | "2y" => {}
        "2x" => {
            return malformed(scheme, "`$2x$` has a fault for letters outside ASCII and is not understood");
        }
        _ => return malformed(scheme, "expected `$2a$`, `$2b$` or `$2y$`"),
    }
    let [cost, letters] = rest else { return malformed(scheme, "expected `$2b$12$` and 53 letters") };
    let (Some(cost), 53, true) = (number(cost), letters.len(), letters.is_ascii()) else {
        return malformed(scheme, "expected `$2b$12$` and 53 letters");
    };
    let (salt, digest) = letters.split_at(22);
    let (Ok(salt), Ok(digest)) = (BCRYPT64.decode(salt), BCRYPT64.decode(digest)) else {
        return malformed(scheme, "its salt or its digest is not in bcrypt's letters");
    };
    Ok((scheme, Envelope { work: Work::Bcrypt { cost, prepared }, salt, digest }))
}

/// `$pbkdf2-sha256$i=260000,l=32$salt$digest`, or `$pbkdf2-sha256$29000$salt$digest` in passlib's base64.
fn pbkdf2_mcf(kind: &str, rest: &[&str]) -> Read {
    let scheme = "PBKDF2";
    let hash = match kind {
        "pbkdf2" | "pbkdf2-sha1" => Hash::Sha1,
        "pbkdf2-sha256" => Hash::Sha256,
        "pbkdf2-sha512" => Hash::Sha512,
        _ => return malformed(scheme, "its hash is none of sha1, sha256 and sha512"),
    };
    let [cost, salt, digest] = rest else {
        return malformed(scheme, "expected `$pbkdf2-sha256$rounds$salt$digest`");
    };
    // passlib writes a dot for the plus.
    let decode = |text: &str| BASE64.decode(text.replace('.', "+")).ok();
    let (Some(salt), Some(digest)) = (decode(salt), decode(digest)) else {
        return malformed(scheme, "its salt or its digest is not base64");
    };
    let rounds = match parameters(cost, ["i", "l"]) {
        Some([_, len]) if len as usize != digest.len() => {
            return malformed(scheme, "its digest has not the length that `l` says");
        }
        Some([rounds, _]) => rounds.to_string(),
        None => cost.strip_prefix("i=").unwrap_or(cost).to_owned(),
    };
    pbkdf2(scheme, hash, &rounds, salt, Some(digest))
}

fn pbkdf2(scheme: &'static str, hash: Hash, rounds: &str, salt: Vec<u8>, digest: Option<Vec<u8>>) -> Read {
    let Some(rounds) = number(rounds) else { return malformed(scheme, "its number of rounds is none") };
    let Some(digest) = digest else {
        return malformed(scheme, "its digest is not in the letters of its scheme");
    };
    Ok((scheme, Envelope { work: Work::Pbkdf2 { hash, rounds }, salt, digest }))
}

/// `$scrypt$ln=16,r=8,p=1$salt$digest`.
fn scrypt_mcf(costs: &str, salt: &str, digest: &str) -> Read {
    let scheme = "scrypt";
    let Some([log_n, r, p]) = parameters(costs, ["ln", "r", "p"]) else {
        return malformed(scheme, "its parameters are not `ln=…,r=…,p=…`");
    };
    // A cost that cannot be counted in 64 bits is no cost.
    let Some(log_n) = u8::try_from(log_n).ok().filter(|log_n| *log_n < 64) else {
        return malformed(scheme, "its `ln` is 64 or more");
    };
    let (Ok(salt), Ok(digest)) = (BASE64.decode(salt), BASE64.decode(digest)) else {
        return malformed(scheme, "its salt or its digest is not base64");
    };
    Ok((scheme, Envelope { work: Work::Scrypt { log_n, r, p }, salt, digest }))
}

/// With N written out, and the salt as the text it is.
fn scrypt_of(scheme: &'static str, costs: [&str; 3], salt: &str, digest: Option<Vec<u8>>) -> Read {
    let [n, r, p] = costs;
    let (Some(n), Some(r), Some(p)) = (number::<u64>(n), number(r), number(p)) else {
        return malformed(scheme, "its parameters are no numbers");
    };
    if !n.is_power_of_two() {
        return malformed(scheme, "its N is no power of two");
    }
    // The logarithm of a u64 is at most 63.
    let log_n = n.trailing_zeros() as u8;
    let Some(digest) = digest else {
        return malformed(scheme, "its digest is not in the letters of its scheme");
    };
    Ok((scheme, Envelope { work: Work::Scrypt { log_n, r, p }, salt: salt.as_bytes().to_vec(), digest }))
}

/// `pbkdf2:sha256:260000$salt$hex` and `scrypt:32768:8:1$salt$hex`.
fn werkzeug(method: &str, salt: &str, digest: &str) -> Read {
    let method: Vec<&str> = method.split(':').collect();
    let digest = hex(digest);
    match method.as_slice() {
        ["scrypt", n, r, p] => scrypt_of("Werkzeug's scrypt", [n, r, p], salt, digest),
        ["pbkdf2", hash, rounds] => {
            let scheme = "Werkzeug's PBKDF2";
            let hash = match *hash {
                "sha1" => Hash::Sha1,
                "sha256" => Hash::Sha256,
                "sha512" => Hash::Sha512,
                _ => return malformed(scheme, "its hash is none of sha1, sha256 and sha512"),
            };
            pbkdf2(scheme, hash, rounds, salt.as_bytes().to_vec(), digest)
        }
        _ => Err(NotAPasswordHash::Unknown),
    }
}

/// `$P$B` and 30 letters: one says how many rounds, 8 are the salt as they stand, 22 the digest.
fn phpass(rest: &str) -> Read {
    let scheme = "phpass";
    let value = |letter: &u8| ITOA64.iter().position(|known| known == letter).map(|value| value as u32);
    let letters: Option<Vec<u32>> = rest.as_bytes().iter().map(value).collect();
    let (Some(letters), 31) = (letters, rest.len()) else {
        return malformed(scheme, "expected `$P$` and 31 letters");
    };
    let mut digest = Vec::with_capacity(18);
    for four in letters[9..].chunks(4) {
        let bits = four.iter().rev().fold(0, |bits, six| bits << 6 | six);
        digest.extend_from_slice(&bits.to_le_bytes()[..3]);
    }
    // 22 letters hold 16 bytes and 4 bits over.
    digest.truncate(16);
    let work = Work::Phpass { log_rounds: letters[0] };
    Ok((scheme, Envelope { work, salt: rest.as_bytes()[1..9].to_vec(), digest }))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let value = |letter: &u8| char::from(*letter).to_digit(16).map(|value| value as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(value(high)? << 4 | value(low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}
