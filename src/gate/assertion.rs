//! The signed assertion: a short-lived JWT (ES256) by which an app can check that an identity came through this
//! gateway and not past it.
//!
//! The private key never prints. Signing uses the system's OpenSSL, the only crypto library of the process.

use std::fmt;
use std::sync::Once;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::domain::Principal;
use crate::ground::{Secret, Span, Timestamp};

mod provider;

/// How long an assertion is good for.
pub const LIFETIME: Span = Span::from_mins(5);

/// Why a key or an assertion could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AssertionError {
    /// OpenSSL refused the key.
    #[error("the signing key cannot be used; it must be an unencrypted PKCS#8 PEM")]
    Key(#[from] ErrorStack),
    /// Not on the curve that ES256 means.
    #[error("the signing key must be an elliptic curve key on P-256 (prime256v1)")]
    Curve,
    /// The token could not be written.
    #[error("the assertion could not be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// What an assertion says. Times are whole seconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The public address of the gateway.
    pub iss: String,
    /// The host the request was made to; an app must check that it is its own.
    pub aud: String,
    /// The account id.
    pub sub: String,
    /// When it was signed.
    pub iat: u64,
    /// When it ends.
    pub exp: u64,
    /// The UnionID, if the account has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unionid: Option<String>,
    /// The OpenID in the app of the login.
    pub openid: String,
    /// The AppID of the login.
    pub appid: String,
    /// The nickname, else the user name: to show, not to recognise by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// The id of the login method.
    pub method: String,
    /// The login this belongs to; the same on all hosts until the visitor logs out.
    pub sid: String,
}

impl Claims {
    /// What is to be said about a visitor from `now` for [`LIFETIME`].
    pub fn of(principal: &Principal, iss: impl Into<String>, aud: impl Into<String>, now: Timestamp) -> Self {
        Self {
            iss: iss.into(),
            aud: aud.into(),
            sub: principal.account_id().to_owned(),
            iat: now.secs(),
            exp: now.plus(LIFETIME).secs(),
            unionid: principal.union_id().map(str::to_owned),
            openid: principal.open_id().to_owned(),
            appid: principal.app_id().to_owned(),
            name: principal.name().or(principal.username()).map(str::to_owned),
            groups: principal.groups().map(str::to_owned).collect(),
            method: principal.method().to_owned(),
            sid: principal.login_id().to_owned(),
        }
    }
}

/// A private key on P-256 and what follows from it.
#[derive(Clone)]
pub struct Signer {
    key: PKey<Private>,
    encoding_key: EncodingKey,
    header: Header,
    kid: String,
    x: String,
    y: String,
}

impl Signer {
    /// A new key.
    pub fn generate() -> Result<Self, AssertionError> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        Self::of(PKey::from_ec_key(EcKey::generate(&group)?)?)
    }

    /// Reads a key from PEM (PKCS#8, or the older `EC PRIVATE KEY`), unencrypted.
    pub fn from_pem(pem: &Secret) -> Result<Self, AssertionError> {
        // Without a callback OpenSSL would ask the terminal for the password of an encrypted key.
        Self::of(PKey::private_key_from_pem_callback(pem.reveal().as_bytes(), |_| Ok(0))?)
    }

    /// The key as PKCS#8 PEM, for [`Signer::from_pem`].
    pub fn to_pem(&self) -> Result<Secret, AssertionError> {
        let pem = self.key.private_key_to_pem_pkcs8()?;
        Ok(Secret::new(String::from_utf8_lossy(&pem)))
    }

    fn of(key: PKey<Private>) -> Result<Self, AssertionError> {
        let ec = key.ec_key().map_err(|_| AssertionError::Curve)?;
        if ec.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
            return Err(AssertionError::Curve);
        }
        ec.check_key()?;
        let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
        let mut context = BigNumContext::new()?;
        ec.public_key().affine_coordinates(ec.group(), &mut x, &mut y, &mut context)?;
        let coordinate =
            |number: &BigNum| Ok::<_, ErrorStack>(URL_SAFE_NO_PAD.encode(number.to_vec_padded(32)?));
        let (x, y) = (coordinate(&x)?, coordinate(&y)?);
        // RFC 7638: the required members in alphabetical order, without blanks.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::ES256) };
        let encoding_key = EncodingKey::from_ec_der(&ec.private_key_to_der()?);
        Ok(Self { key, encoding_key, header, kid, x, y })
    }

    /// The key's name in tokens and in the key set: its RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key set with the public half of this key, as JSON.
    pub fn jwks(&self) -> String {
        jwks([self])
    }

    /// Signs `claims` as a compact JWT.
    pub fn sign(&self, claims: &Claims) -> Result<String, AssertionError> {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            // Fails only if the process has installed a provider already; that one will do as well.
            let _ = provider::OPENSSL.install_default();
        });
        Ok(jsonwebtoken::encode(&self.header, claims, &self.encoding_key)?)
    }
}

/// The public halves of several keys, as JSON: while keys are rotated, the old and the new one are valid.
pub fn jwks<'a>(signers: impl IntoIterator<Item = &'a Signer>) -> String {
    let key = |signer: &Signer| {
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
            "kid": signer.kid, "x": signer.x, "y": signer.y,
        })
    };
    json!({ "keys": signers.into_iter().map(key).collect::<Vec<_>>() }).to_string()
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.kid)
    }
}

#[cfg(test)]
mod tests;
