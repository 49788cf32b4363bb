//! Signatures and encryption of pushes, written from the message push page: SHA-1, AES-256-CBC, padding to 32.
//!
//! Pure; randomness is an argument.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use openssl::sha::sha1;
use openssl::symm::{Cipher, Crypter, Mode};

/// The console makes keys of any letters, so the last one often has bits that nobody needs.
const KEY_TEXT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);
/// Messages are padded to a multiple of this, though the cipher's blocks have 16 bytes.
const BLOCK: usize = 32;

/// Lower-case hex of the SHA-1 of the sorted parts.
pub(crate) fn signature(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    sha1(parts.concat().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An EncodingAESKey, ready for use.
#[derive(Clone)]
pub(crate) struct AesKey([u8; 32]);

impl AesKey {
    /// From the 43 letters and digits of the console; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        KEY_TEXT.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Encrypts `message` for `app_id`; base64.
    pub(crate) fn seal(&self, random: [u8; 16], message: &[u8], app_id: &str) -> String {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut full = [&random[..], &length, message, app_id.as_bytes()].concat();
        let pad = BLOCK - full.len() % BLOCK;
        full.resize(full.len() + pad, u8::try_from(pad).unwrap_or_default());
        let sealed = self.run(Mode::Encrypt, &full).expect("whole blocks, a key of 32 bytes and an IV of 16");
        STANDARD.encode(sealed)
    }

    /// Decrypts to the message and the app it is for.
    pub(crate) fn open(&self, sealed: &str) -> Result<(String, String), &'static str> {
        let sealed = STANDARD.decode(sealed).map_err(|_| "Encrypt is not base64")?;
        if sealed.is_empty() || sealed.len() % 16 != 0 {
            return Err("Encrypt is not whole blocks");
        }
        let full = self.run(Mode::Decrypt, &sealed).ok_or("Encrypt cannot be decrypted")?;
        let pad = full.last().copied().map(usize::from).unwrap_or_default();
        let kept = full
            .len()
            .checked_sub(pad)
            .filter(|_| (1..=BLOCK).contains(&pad))
            .ok_or("the padding is wrong")?;
        if full[kept..].iter().any(|byte| usize::from(*byte) != pad) {
            return Err("the padding is wrong");
        }
        let rest = full[..kept].get(16..).ok_or("the decrypted text is too short")?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or("the decrypted text is too short")?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (message, app_id) = rest.split_at_checked(length).ok_or("the length inside is wrong")?;
        let text =
            |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "the decrypted text is not UTF-8");
        Ok((text(message)?, text(app_id)?))
    }

    fn run(&self, mode: Mode, text: &[u8]) -> Option<Vec<u8>> {
        let mut crypter = Crypter::new(Cipher::aes_256_cbc(), mode, &self.0, Some(&self.0[..16])).ok()?;
        crypter.pad(false);
        let mut out = vec![0; text.len() + BLOCK];
        let mut written = crypter.update(text, &mut out).ok()?;
        written += crypter.finalize(&mut out[written..]).ok()?;
        out.truncate(written);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

    /// The published vectors of the message push page.
    #[test]
    fn the_published_vectors_come_out() {
        assert_eq!(
            signature(&["AAAAA", "1714036504", "1514711492"]),
            "f464b24fc39322e44b38aa78f5edd27bd1441696"
        );
        let key = AesKey::parse(&"A".repeat(43)).unwrap();
        let encrypt = key.seal(*b"707722b803182950", br#"{"demo_resp":"good luck"}"#, "wxba5fad812f8e6fb9");
        assert_eq!(
            encrypt,
            "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
        );
        assert_eq!(
            signature(&["AAAAA", "1713424427", "415670741", &encrypt]),
            "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
        );
        let (message, app_id) = key.open(
            "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=",
        ).unwrap();
        assert_eq!((message.len(), app_id.as_str()), (167, "wxba5fad812f8e6fb9"));
    }

    #[test]
    fn a_key_with_a_tail_that_is_not_canonical_works() {
        let key = AesKey::parse(KEY).unwrap();
        assert_eq!(
            key.seal(*b"0123456789abcdef", "你好".as_bytes(), "wx0123456789abcdef"),
            "Q3stYC6hdFzMh9T8HCvyDD6bk351pauf9UoCzfaJglYfpiPkyuVHm+h6rOrEyFtPlOcqztd2veQKl+XcHuYAeQ=="
        );
        for wrong in ["", &KEY[1..], &format!("{KEY}a"), &KEY.replace('a', "+")] {
            assert!(AesKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_again(message in ".{0,200}", random: [u8; 16]) {
            let key = AesKey::parse(KEY).unwrap();
            let sealed = key.seal(random, message.as_bytes(), "wx1");
            prop_assert_eq!(key.open(&sealed), Ok((message, "wx1".to_owned())));
        }

        #[test]
        fn opening_any_text_never_panics(text in "[A-Za-z0-9+/]{0,256}={0,2}") {
            let _ = AesKey::parse(KEY).unwrap().open(&text);
        }
    }
}
