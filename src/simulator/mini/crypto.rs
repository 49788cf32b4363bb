//! Signatures with session keys and data encrypted under them: HMAC-SHA-256 and AES-128-CBC.
//!
//! Pure; written from the pages on checking and decrypting open data.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use openssl::symm::{Cipher, encrypt};
use serde::Serialize;
use sha2::Sha256;

/// What a button of a mini program gives instead of plain data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Encrypted {
    /// Base64 of the encrypted JSON.
    pub encrypted_data: String,
    /// Base64 of the 16 bytes the encryption began with.
    pub iv: String,
}

/// Hex of the HMAC of nothing. The key is the session key's text as it was given, not its decoded bytes.
pub(crate) fn signature(session_key: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(session_key.as_bytes()).expect("an HMAC takes a key of any length");
    mac.update(b"");
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Encrypts `plain`; `None` if the key is no base64 of 16 bytes.
pub(crate) fn seal(session_key: &str, iv: [u8; 16], plain: &[u8]) -> Option<Encrypted> {
    let key: [u8; 16] = STANDARD.decode(session_key).ok()?.try_into().ok()?;
    let sealed = encrypt(Cipher::aes_128_cbc(), &key, Some(&iv), plain).ok()?;
    Some(Encrypted { encrypted_data: STANDARD.encode(sealed), iv: STANDARD.encode(iv) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";

    /// Item 13: the vector of the reference.
    #[test]
    fn the_vector_of_encrypted_data_comes_out() {
        let plain = r#"{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86","watermark":{"timestamp":1700000000,"appid":"wx0123456789abcdef"}}"#;
        let iv: [u8; 16] = STANDARD.decode("EBESExQVFhcYGRobHB0eHw==").unwrap().try_into().unwrap();
        let sealed = seal(KEY, iv, plain.as_bytes()).unwrap();
        assert_eq!(
            sealed.encrypted_data,
            "aLhedzo+Z6es5zW+YHo9sgkoobhypSEeViQBPmmCx3fmcZGKbataj/52/+U/sVY3AiF2KzOGsSF26s6H1VwLALPpPqvznm6/Yrci88llVSl0bwplNsmm05X71JB++CQvJzbBSec5x9Ip5jxEBDmsJsMfZ0Be7LqhIPaOJEbqpMrPbB+9rzCO90Xb4t32L8Z9gaA4CnUOCaRFsDKgpto7ng=="
        );
        assert_eq!(sealed.iv, "EBESExQVFhcYGRobHB0eHw==");
        assert_eq!(seal("short", iv, b"x"), None);
    }

    /// Item 11: the vector of the reference.
    #[test]
    fn the_vector_of_checksession_comes_out() {
        assert_eq!(signature(KEY), "75c022993d64e3ac224c1c9d6f2b4c6eb53f22f6c7aa6be94428577d11d12fd5");
    }
}
