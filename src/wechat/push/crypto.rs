//! The signature and the cipher of WeChat's pushes.
//!
//! Does not decide what is believed: decrypting proves nothing, the signature over the ciphertext does.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use openssl::error::ErrorStack;
use openssl::sha::Sha1;
use openssl::symm::{Cipher, Crypter, Mode};
use zeroize::Zeroize as _;

/// The console makes the 43 characters at random, so the two bits that no byte needs are often not zero.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);
const ENCODED_LEN: usize = 43;
/// Padding fills blocks of this size; the cipher's own are half of it.
const BLOCK: usize = 32;
const CIPHER_BLOCK: usize = 16;
const RANDOM_LEN: usize = 16;
const LENGTH_LEN: usize = 4;

/// SHA-1 of the sorted parts, in lower-case hexadecimal.
pub(super) fn signature<const N: usize>(mut parts: [&str; N]) -> String {
    parts.sort_unstable();
    let mut sha1 = Sha1::new();
    parts.iter().for_each(|part| sha1.update(part.as_bytes()));
    sha1.finish().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The EncodingAESKey of an account. Never prints itself.
#[derive(Clone)]
pub(super) struct AesKey([u8; 32]);

/// What was inside a ciphertext.
pub(super) struct Opened {
    pub(super) message: Vec<u8>,
    pub(super) app_id: Vec<u8>,
}

impl AesKey {
    /// `None` for anything but 43 letters and digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != ENCODED_LEN || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let mut key = Self([0; 32]);
        let written = LENIENT.decode_slice(text, &mut key.0).ok()?;
        (written == key.0.len()).then_some(key)
    }

    /// AES-256-CBC over `random`, the length of `message`, `message` and `app_id`, in base64.
    pub(super) fn seal(&self, random: [u8; RANDOM_LEN], message: &str, app_id: &str) -> String {
        let length = u32::try_from(message.len()).expect("a reply is shorter than 4 GiB");
        let mut plain = [&random[..], &length.to_be_bytes(), message.as_bytes(), app_id.as_bytes()].concat();
        let pad = BLOCK - plain.len() % BLOCK;
        plain.resize(plain.len() + pad, u8::try_from(pad).expect("a pad is 1 to 32"));
        STANDARD
            .encode(self.run(Mode::Encrypt, &plain).expect("AES takes whole blocks and a key of 32 bytes"))
    }

    /// The reverse of [`AesKey::seal`]; `None` for what cannot have been sealed with this key.
    pub(super) fn open(&self, sealed: &str) -> Option<Opened> {
        let sealed = STANDARD.decode(sealed).ok()?;
        if sealed.is_empty() || sealed.len() % CIPHER_BLOCK != 0 {
            return None;
        }
        let plain = self.run(Mode::Decrypt, &sealed).ok()?;
        let plain = unpad(&plain)?;
        let (length, rest) = plain.get(RANDOM_LEN..)?.split_first_chunk::<LENGTH_LEN>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (message, app_id) = rest.split_at_checked(length)?;
        Some(Opened { message: message.into(), app_id: app_id.into() })
    }

    fn run(&self, mode: Mode, data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let iv = &self.0[..CIPHER_BLOCK];
        let mut crypter = Crypter::new(Cipher::aes_256_cbc(), mode, &self.0, Some(iv))?;
        crypter.pad(false);
        let mut out = vec![0; data.len() + CIPHER_BLOCK];
        let mut written = crypter.update(data, &mut out)?;
        written += crypter.finalize(&mut out[written..])?;
        out.truncate(written);
        Ok(out)
    }
}

/// PKCS#7 for blocks of 32 bytes.
fn unpad(plain: &[u8]) -> Option<&[u8]> {
    let pad = *plain.last()?;
    let at = plain.len().checked_sub(usize::from(pad)).filter(|_| (1..=BLOCK).contains(&usize::from(pad)))?;
    let (plain, padding) = plain.split_at(at);
    padding.iter().all(|byte| *byte == pad).then_some(plain)
}

impl Drop for AesKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
#[path = "crypto_tests.rs"]
mod tests;
