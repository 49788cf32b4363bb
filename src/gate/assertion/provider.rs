//! ES256 for the `jsonwebtoken` crate by the system's OpenSSL.
//!
//! Knows this one algorithm; every other is an error, so no token can choose a weaker one.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Private, Public};
use sha2::{Digest as _, Sha256};

/// The provider to install for the process.
pub(super) static OPENSSL: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // Key sets are written by hand; these fail rather than panic.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        compute_digest: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
};

/// A coordinate or a half of a signature on P-256, in bytes.
const HALF: usize = 32;

struct Es256Signer(EcKey<Private>);

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    if *algorithm != Algorithm::ES256 || key.family() != AlgorithmFamily::Ec {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    // The key is handed over as SEC 1 (`ECPrivateKey`): OpenSSL reads it in microseconds and PKCS#8, which it
    // puts through its decoders, in a millisecond.
    let key = EcKey::private_key_from_der(key.as_bytes()).map_err(|_| ErrorKind::InvalidEcdsaKey)?;
    Ok(Box::new(Es256Signer(key)))
}

impl signature::Signer<Vec<u8>> for Es256Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let sign = || -> Result<Vec<u8>, ErrorStack> {
            let signature = EcdsaSig::sign(&Sha256::digest(message), &self.0)?;
            let half = i32::try_from(HALF).unwrap_or(i32::MAX);
            let mut bytes = signature.r().to_vec_padded(half)?;
            bytes.extend(signature.s().to_vec_padded(half)?);
            Ok(bytes)
        };
        sign().map_err(signature::Error::from_source)
    }
}

impl JwtSigner for Es256Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

struct Es256Verifier(EcKey<Public>);

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if *algorithm != Algorithm::ES256 || key.family() != AlgorithmFamily::Ec {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    let read = |point: &[u8]| -> Result<EcKey<Public>, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut context = BigNumContext::new()?;
        let point = EcPoint::from_bytes(&group, point, &mut context)?;
        EcKey::from_public_key(&group, &point)
    };
    Ok(Box::new(Es256Verifier(read(key.try_get_as_bytes()?).map_err(|_| ErrorKind::InvalidEcdsaKey)?)))
}

impl signature::Verifier<Vec<u8>> for Es256Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let fits = signature.len() == 2 * HALF;
        let verify = || -> Result<bool, ErrorStack> {
            let (r, s) = signature.split_at(HALF);
            let signature =
                EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
            signature.verify(&Sha256::digest(message), &self.0)
        };
        match fits.then(verify) {
            Some(Ok(true)) => Ok(()),
            Some(Err(source)) => Err(signature::Error::from_source(source)),
            Some(Ok(false)) | None => Err(signature::Error::new()),
        }
    }
}

impl JwtVerifier for Es256Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}
