#![allow(clippy::unwrap_used)]
use super::super::testing::principal;
use super::*;
use jsonwebtoken::{DecodingKey, Validation, decode};
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::Public;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use serde_json::Value;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_999);

fn claims() -> Claims {
    Claims::of(
        &principal(|account| account.groups = vec!["staff".into()]),
        "https://login.example",
        "app.example",
        NOW,
    )
}

fn part(token: &str, index: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()
}

/// The public key as an app would take it from the key set, without any code of ours.
fn published(signer: &Signer) -> EcKey<Public> {
    let set: Value = serde_json::from_str(&signer.jwks()).unwrap();
    let key = &set["keys"][0];
    let number = |member: &str| {
        BigNum::from_slice(&URL_SAFE_NO_PAD.decode(key[member].as_str().unwrap()).unwrap()).unwrap()
    };
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    EcKey::from_public_key_affine_coordinates(&group, &number("x"), &number("y")).unwrap()
}

/// Verifies with OpenSSL alone.
fn verifies(token: &str, key: &EcKey<Public>) -> bool {
    let (message, _) = token.rsplit_once('.').unwrap();
    let signature = part(token, 2);
    assert_eq!(signature.len(), 64, "r and s, 32 bytes each (RFC 7518, 3.4)");
    let (r, s) = signature.split_at(32);
    let (r, s) = (BigNum::from_slice(r).unwrap(), BigNum::from_slice(s).unwrap());
    EcdsaSig::from_private_components(r, s).unwrap().verify(&Sha256::digest(message), key).unwrap()
}

/// Acceptance: U8.
#[test]
fn an_app_can_verify_an_assertion_with_the_published_key() {
    let signer = Signer::generate().unwrap();
    for _ in 0..20 {
        let token = signer.sign(&claims()).unwrap();
        assert!(verifies(&token, &published(&signer)));
    }
    let other = Signer::generate().unwrap();
    assert!(!verifies(&signer.sign(&claims()).unwrap(), &published(&other)));
}

#[test]
fn an_assertion_says_who_for_whom_and_how_long() {
    let signer = Signer::generate().unwrap();
    let token = signer.sign(&claims()).unwrap();
    let header: Value = serde_json::from_slice(&part(&token, 0)).unwrap();
    assert_eq!(header, json!({"typ": "JWT", "alg": "ES256", "kid": signer.kid()}));
    let said: Value = serde_json::from_slice(&part(&token, 1)).unwrap();
    let expected = json!({
        "iss": "https://login.example", "aud": "app.example", "sub": "a1", "iat": 1_800_000_000_u64,
        "exp": 1_800_000_300_u64, "unionid": "u1", "openid": "o1", "appid": "wx1", "name": "Ann",
        "groups": ["staff"], "method": "qr", "sid": "l1",
    });
    assert_eq!(said, expected);
}

#[test]
fn an_unknown_fact_is_not_asserted() {
    let bare = principal(|account| {
        account.identities.clear();
        account.profile.nickname = None;
    });
    let said = serde_json::to_value(Claims::of(&bare, "i", "a", NOW)).unwrap();
    assert!(said.get("unionid").is_none() && said.get("name").is_none());
}

#[test]
fn a_tampered_assertion_fails() {
    let signer = Signer::generate().unwrap();
    let token = signer.sign(&claims()).unwrap();
    let key = published(&signer);
    let forged = Claims { sub: "root".into(), ..claims() };
    let forged = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&forged).unwrap());
    let parts: Vec<_> = token.split('.').collect();
    assert!(!verifies(&[parts[0], &forged, parts[2]].join("."), &key));
    let mut signature = part(&token, 2);
    signature[40] ^= 1;
    assert!(!verifies(&[parts[0], parts[1], &URL_SAFE_NO_PAD.encode(signature)].join("."), &key));
}

#[test]
fn the_usual_library_accepts_ours_and_no_other_algorithm() {
    let signer = Signer::generate().unwrap();
    let token = signer.sign(&claims()).unwrap();
    let key = DecodingKey::from_ec_components(&signer.x, &signer.y).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&["app.example"]);
    rules.set_issuer(&["https://login.example"]);
    assert_eq!(decode::<Claims>(&token, &key, &rules).unwrap().claims, claims());

    rules.set_audience(&["other.example"]);
    assert!(decode::<Claims>(&token, &key, &rules).is_err());
    let (message, _) = token.rsplit_once('.').unwrap();
    rules.set_audience(&["app.example"]);
    for broken in [format!("{message}."), format!("{message}.AAAA"), format!("{message}.{}", "A".repeat(86))]
    {
        assert!(decode::<Claims>(&broken, &key, &rules).is_err(), "{broken}");
    }
    let secret = DecodingKey::from_secret(b"x");
    assert!(decode::<Claims>(&token, &secret, &rules).is_err());
    let weak =
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(b"x"));
    assert!(weak.is_err(), "the process can sign with nothing but ES256");
}

#[test]
fn a_key_survives_its_pem_and_never_prints() {
    let signer = Signer::generate().unwrap();
    let pem = signer.to_pem().unwrap();
    assert!(pem.reveal().starts_with("-----BEGIN PRIVATE KEY-----"));
    let again = Signer::from_pem(&pem).unwrap();
    assert_eq!((again.kid(), again.jwks()), (signer.kid(), signer.jwks()));
    assert!(verifies(&again.sign(&claims()).unwrap(), &published(&signer)));
    assert_eq!(format!("{signer:?}"), format!("Signer({})", signer.kid()));
    assert!(!signer.jwks().contains("\"d\""), "no private member is published");
}

#[test]
fn the_older_pem_form_is_read_too() {
    let signer = Signer::generate().unwrap();
    let pem = signer.key.ec_key().unwrap().private_key_to_pem().unwrap();
    let pem = Secret::new(String::from_utf8(pem).unwrap());
    assert_eq!(Signer::from_pem(&pem).unwrap().kid(), signer.kid());
}

#[test]
fn other_keys_are_refused() {
    let pem = |pem: Vec<u8>| Signer::from_pem(&Secret::new(String::from_utf8(pem).unwrap()));
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap().private_key_to_pem_pkcs8().unwrap();
    assert!(matches!(pem(rsa), Err(AssertionError::Curve)));
    let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
    let wide = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    assert!(matches!(pem(wide.private_key_to_pem_pkcs8().unwrap()), Err(AssertionError::Curve)));
    let key = Signer::generate().unwrap().key;
    let locked = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"pw").unwrap();
    assert!(matches!(pem(locked), Err(AssertionError::Key(_))));
    assert!(matches!(pem(b"nonsense".to_vec()), Err(AssertionError::Key(_))));
}

/// The P-256 key of RFC 7515, A.3; its thumbprint was computed with OpenSSL and coreutils.
#[test]
fn a_key_is_named_by_its_thumbprint() {
    let number = |text: &str| BigNum::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    let (x, y) =
        ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let public = EcKey::from_public_key_affine_coordinates(&group, &number(x), &number(y)).unwrap();
    let secret = number("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    let key = EcKey::from_private_components(&group, &secret, public.public_key()).unwrap();
    let signer = Signer::of(PKey::from_ec_key(key).unwrap()).unwrap();
    assert_eq!((signer.x.as_str(), signer.y.as_str()), (x, y));
    assert_eq!(signer.kid(), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

#[test]
fn a_key_set_holds_the_old_and_the_new_key() {
    let (old, new) = (Signer::generate().unwrap(), Signer::generate().unwrap());
    let set: Value = serde_json::from_str(&jwks([&new, &old])).unwrap();
    let kids: Vec<_> =
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids, [new.kid(), old.kid()]);
}
