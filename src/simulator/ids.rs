//! Identifiers in WeChat's shapes: OpenIDs, UnionIDs, codes, tokens, QR ids, trace ids.
//!
//! Ids of people are derived, so they are the same in every run; everything secret is random.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::CryptoRng;
use sha2::{Digest as _, Sha256};

use crate::ground::Timestamp;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The OpenID of `person` at `app_id`: 28 characters, beginning with `o` and the app's own five.
pub(super) fn openid(app_id: &str, person: &str) -> String {
    format!("o{}{}", &digest(&["app", app_id])[..5], &digest(&["openid", app_id, person])[..22])
}

/// The UnionID of `person` at an Open Platform account: 28 characters, the same for all its apps.
pub(super) fn unionid(open_platform: &str, person: &str) -> String {
    format!(
        "o{}{}",
        &digest(&["platform", open_platform])[..5],
        &digest(&["unionid", open_platform, person])[..22]
    )
}

/// 43 characters of `[A-Za-z0-9_-]` that depend on all of `parts`.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// `len` random characters of `[0-9A-Za-z]`.
pub(super) fn letters(rng: &mut impl CryptoRng, len: usize) -> String {
    let mut text = String::with_capacity(len);
    let mut bytes = [0; 64];
    while text.len() < len {
        rng.fill_bytes(&mut bytes);
        // 62 of 64 values are letters; the other two are thrown again, so every letter is equally likely.
        let fresh = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 63)));
        text.extend(fresh.take(len - text.len()).map(|letter| char::from(*letter)));
    }
    text
}

/// An authorisation code: 32 characters beginning with `0`, as live ones do.
pub(super) fn code(rng: &mut impl CryptoRng) -> String {
    format!("0{}", letters(rng, 31))
}

/// A user-level access or refresh token: about a hundred characters with WeChat's version prefix.
pub(super) fn token(rng: &mut impl CryptoRng) -> String {
    format!("93_{}", letters(rng, 107))
}

/// The id of a website QR code: 16 characters.
pub(super) fn qr_uuid(rng: &mut impl CryptoRng) -> String {
    format!("0{}", letters(rng, 15))
}

/// The ticket of a parametric QR code: 96 characters of base64 beginning with `gQ` and ending with `==`.
pub(super) fn scene_ticket(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0; 70];
    rng.fill_bytes(&mut bytes);
    bytes[0] = 0x81;
    bytes[1] &= 0x0f;
    STANDARD.encode(bytes)
}

/// `len` random decimal digits, the first of them not 0.
pub(super) fn digits(rng: &mut impl CryptoRng, len: usize) -> String {
    let mut bytes = vec![0; len];
    rng.fill_bytes(&mut bytes);
    // Slightly uneven, which does not matter for what only has to differ.
    let digit = |(at, byte): (usize, &u8)| char::from(b'0' + if at == 0 { byte % 9 + 1 } else { byte % 10 });
    bytes.iter().enumerate().map(digit).collect()
}

/// `bytes` random bytes in lower-case hex.
pub(super) fn hex(rng: &mut impl CryptoRng, bytes: usize) -> String {
    let mut random = vec![0; bytes];
    rng.fill_bytes(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A session key of a mini program: 16 random bytes as base64.
pub(super) fn session_key(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    STANDARD.encode(bytes)
}

/// The original id of an account or mini program: `gh_` and twelve hex digits.
pub(super) fn original_id(app_id: &str) -> String {
    let hash = Sha256::digest(app_id.as_bytes());
    format!("gh_{}", hash[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// A trace id: three groups of eight hex digits, the first being the Unix time.
pub(super) fn rid(rng: &mut impl CryptoRng, now: Timestamp) -> String {
    let mut bytes = [0; 8];
    rng.fill_bytes(&mut bytes);
    let (left, right) = bytes.split_at(4);
    let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{:08x}-{}-{}", now.secs(), hex(left), hex(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn openids_have_wechats_shape_and_depend_on_app_and_person() {
        let id = openid("wx1", "zhang");
        assert_eq!(id.len(), 28);
        assert!(id.starts_with('o'));
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
        assert_eq!(id, openid("wx1", "zhang"));
        assert_eq!(id[..6], openid("wx1", "lina")[..6], "people of one app share its prefix");
        let all: HashSet<_> =
            [&id, &openid("wx2", "zhang"), &openid("wx1", "lina"), &unionid("wx1", "zhang")]
                .into_iter()
                .cloned()
                .collect();
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn random_ids_have_their_length_and_do_not_repeat() {
        let rng = &mut rand::rng();
        assert_eq!(code(rng).len(), 32);
        assert!((100..=200).contains(&token(rng).len()));
        assert_eq!(qr_uuid(rng).len(), 16);
        assert_eq!((0..1000).map(|_| code(rng)).collect::<HashSet<_>>().len(), 1000);
    }

    #[test]
    fn tickets_and_original_ids_have_wechats_shape() {
        let ticket = scene_ticket(&mut rand::rng());
        assert!(ticket.len() == 96 && ticket.starts_with("gQ") && ticket.ends_with("=="), "{ticket}");
        assert_eq!(original_id("wx1").len(), 15);
        assert_eq!(digits(&mut rand::rng(), 19).len(), 19);
    }

    #[test]
    fn a_trace_id_begins_with_the_time_in_hex() {
        let rid = rid(&mut rand::rng(), Timestamp::from_millis(1_635_156_704_000));
        assert!(rid.starts_with("617682e0-"), "{rid}");
        assert_eq!(rid.split('-').map(str::len).collect::<Vec<_>>(), [8, 8, 8]);
    }
}
