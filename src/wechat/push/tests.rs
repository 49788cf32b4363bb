//! Which pushes are believed: published and computed vectors, and what an attacker may try.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use rstest::rstest;

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(super) const PLAIN_QUERY: &str =
    "signature=ee0843455eb31b87dbf6d6890273a3ab976bd56e&timestamp=1700000000&nonce=nonce123";
pub(super) const SCAN_QUERY: &str = "signature=ee0843455eb31b87dbf6d6890273a3ab976bd56e&timestamp=1700000000\
    &nonce=nonce123&openid=oABCDEFGHIJKLMNOPQRSTUVWXYZ0&encrypt_type=aes\
    &msg_signature=900892c4e7e8c4356fd7334556ac1aad0ce632f6";
pub(super) const SCAN: &str = "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>\
    <FromUserName><![CDATA[oABCDEFGHIJKLMNOPQRSTUVWXYZ0]]></FromUserName><CreateTime>1700000000</CreateTime>\
    <MsgType><![CDATA[event]]></MsgType><Event><![CDATA[SCAN]]></Event><EventKey><![CDATA[login_abc123]]></EventKey>\
    <Ticket><![CDATA[TICKET]]></Ticket></xml>";
pub(super) const SCAN_SEALED: &str = "Q3stYC6hdFzMh9T8HCvyDAkU3dQFBEXZgML7ONMDT/Eo9V7kkeOhGaX4deHcLBaA4G1aoIeBCBUMh\
    3tOkketEMhEG9aLsuH3Bmp3FHsqcf7w+tmqLJJNwY0eo/tTBxgK4s159fg+lxS2mNUqV96aj0TNe7WEeXpog+QgcgoInTi6gUu11q+6eqo0aZv32\
    Pzhqqp56aQcZpqSfLyMZQyvD390uHszhaWwMCdVg7qfxvN2UC74SxEci6SeouPLXjp7ZfHAqleuitfEUgngVFrCZDhTdyqP050TM5eT+6tqvwTq8\
    GIq4eOHpOew7/N2PsaCc7AFw/gBQzHLTLXHXIRiOcIiAQeBzErfY88g7JO6Ooudkm18kcEa8hHIscl8THnAo0TylXtf5e9K3wbeKkxvB0Ritul9C\
    8DoOKgeOLGwO6+qF6t5j2WY79imeec+DdgvrM/UDdaJhFUTSlf114zb7ZBDAxOtEg5IReq+qv4bcGhh2KgdxFuMzYHpbVvaSWNz";
const PUBLISHED: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcv\
    ZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFI\
    ZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";

const TOKEN: &str = "testtoken";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const APP_ID: &str = "wx0123456789abcdef";

/// Of an account with a key.
pub(super) fn keys() -> PushKeys {
    PushKeys::new(APP_ID, &Secret::new(TOKEN), Some(&Secret::new(AES_KEY))).unwrap()
}

/// Of an account without.
pub(super) fn open_keys() -> PushKeys {
    PushKeys::new(APP_ID, &Secret::new(TOKEN), None).unwrap()
}

fn published_keys() -> PushKeys {
    let key = Secret::new("A".repeat(43));
    PushKeys::new("wxba5fad812f8e6fb9", &Secret::new("AAAAA"), Some(&key)).unwrap()
}

fn secure(encrypt: &str) -> String {
    format!("<xml><ToUserName>gh_0123456789ab</ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>")
}

fn open(keys: &PushKeys, query: &str, body: &str) -> Result<Message, PushError> {
    keys.open(&PushQuery::parse(query), body.as_bytes(), NOW)
}

/// A query that signs `encrypt` for this moment.
fn signed(keys: &PushKeys, encrypt: &str) -> String {
    format!("timestamp=1700000000&nonce=n&msg_signature={}", keys.sign("1700000000", "n", Some(encrypt)))
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_millis(secs * 1000)
}

#[test]
fn the_published_push_is_believed_and_read() {
    let query = "signature=6c5c811b55cc85e0e1b54100749188c20beb3f5d&timestamp=1714112445&nonce=415670741\
        &openid=o9AgO5Kd5ggOC-bXrbNODIiE3bGY&encrypt_type=aes&msg_signature=046e02f8204d34f8ba5fa3b1db94908f3df2e9b3";
    let body = format!(r#"{{"ToUserName":"gh_97417a04a28d","Encrypt":"{PUBLISHED}"}}"#);
    let message =
        published_keys().open(&PushQuery::parse(query), body.as_bytes(), at(1_714_112_445)).unwrap();
    assert_eq!(message.signature, "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3");
    assert_eq!(
        (message.to.as_str(), message.from.as_str()),
        ("gh_97417a04a28d", "o9AgO5Kd5ggOC-bXrbNODIiE3bGY")
    );
    assert!(matches!(message.event, Event::Other { .. }));
    let plain = PushKeys { aes_key: None, ..published_keys() };
    assert!(
        plain
            .check(
                "signature",
                PushQuery::parse(query).signature.as_deref(),
                &PushQuery::parse(query),
                None,
                at(1_714_112_445)
            )
            .is_ok()
    );
}

#[test]
fn the_published_address_check_is_answered_exactly() {
    let query = "signature=f464b24fc39322e44b38aa78f5edd27bd1441696&echostr=4375120948345356249&timestamp=1714036504\
        &nonce=1514711492";
    let check = |query: &str, now| published_keys().check_address(&PushQuery::parse(query), at(now));
    assert_eq!(check(query, 1_714_036_504).unwrap(), "4375120948345356249");
    assert_eq!(check(query, 1_714_036_805), Err(PushError::Stale));
    assert_eq!(check(&query.replace("f464", "f465"), 1_714_036_504), Err(PushError::Signature));
    assert_eq!(check(&query.replace("echostr", "x"), 1_714_036_504), Err(PushError::Missing("echostr")));
    assert_eq!(check(&query.replace("4375", "%0d%0a"), 1_714_036_504), Err(PushError::Missing("echostr")));
    assert_eq!(check(&query.replace("signature", "x"), 1_714_036_504), Err(PushError::Missing("signature")));
}

#[rstest]
#[case::secure(secure(SCAN_SEALED))]
#[case::compatible(SCAN.replace("</xml>", &format!("<Encrypt>{SCAN_SEALED}</Encrypt></xml>")))]
#[case::json(format!(r#"{{"ToUserName":"gh_0","Encrypt":"{}"}}"#, SCAN_SEALED.replace('/', "\\/")))]
fn an_encrypted_push_is_believed(#[case] body: String) {
    let message = open(&keys(), SCAN_QUERY, &body).unwrap();
    assert_eq!(message.event, Event::Scan { scene: "login_abc123".into() });
    assert_eq!(message.from, "oABCDEFGHIJKLMNOPQRSTUVWXYZ0");
    assert_eq!(message.signature, "900892c4e7e8c4356fd7334556ac1aad0ce632f6");
}

#[test]
fn of_the_compatible_mode_only_the_encrypted_part_is_believed() {
    let forged = SCAN.replace("oABC", "oEVE").replace("login_abc123", "login_of_eve");
    let body = forged.replace("</xml>", &format!("<Encrypt>{SCAN_SEALED}</Encrypt></xml>"));
    let message = open(&keys(), SCAN_QUERY, &body).unwrap();
    assert_eq!(message.from, "oABCDEFGHIJKLMNOPQRSTUVWXYZ0");
    assert_eq!(message.event, Event::Scan { scene: "login_abc123".into() });
}

#[test]
fn with_a_key_a_push_in_the_clear_is_refused() {
    for query in [SCAN_QUERY, PLAIN_QUERY] {
        assert_eq!(open(&keys(), query, SCAN), Err(PushError::NotEncrypted));
        // A stranger is told nothing of the mode.
        assert_eq!(open(&keys(), &query.replace("ee08", "ee09"), SCAN), Err(PushError::Signature));
    }
    assert_eq!(open(&keys(), PLAIN_QUERY, &secure(SCAN_SEALED)), Err(PushError::Missing("msg_signature")));
}

#[test]
fn without_a_key_a_push_in_the_clear_is_believed_if_it_is_signed() {
    let message = open(&open_keys(), PLAIN_QUERY, SCAN).unwrap();
    assert_eq!(message.event, Event::Scan { scene: "login_abc123".into() });
    assert_eq!(
        open(&open_keys(), &PLAIN_QUERY.replace("nonce123", "nonce124"), SCAN),
        Err(PushError::Signature)
    );
    assert_eq!(open(&open_keys(), SCAN_QUERY, &secure(SCAN_SEALED)), Err(PushError::Undecryptable));
}

#[test]
fn a_push_for_another_app_is_refused() {
    let foreign = PushKeys { app_id: "wxfedcba9876543210".into(), ..keys() };
    assert_eq!(open(&foreign, SCAN_QUERY, &secure(SCAN_SEALED)), Err(PushError::ForeignApp));
    for app_id in ["", "wx0123456789abcde", "wx0123456789abcdef0"] {
        let sealed = keys().aes_key.unwrap().seal([0; 16], SCAN, app_id);
        assert_eq!(open(&keys(), &signed(&keys(), &sealed), &secure(&sealed)), Err(PushError::ForeignApp));
    }
}

#[test]
fn a_push_encrypted_with_another_key_is_refused() {
    let sealed = published_keys().aes_key.unwrap().seal([0; 16], SCAN, APP_ID);
    let error = open(&keys(), &signed(&keys(), &sealed), &secure(&sealed)).unwrap_err();
    assert!(matches!(error, PushError::Undecryptable | PushError::ForeignApp), "{error}");
    for sealed in ["AAAA", "!"] {
        assert_eq!(open(&keys(), &signed(&keys(), sealed), &secure(sealed)), Err(PushError::Undecryptable));
    }
}

#[rstest]
#[case(1_700_000_000 - 300, true)]
#[case(1_700_000_000 + 300, true)]
#[case(1_700_000_000 - 301, false)]
#[case(1_700_000_000 + 301, false)]
#[case(0, false)]
fn a_push_is_of_now_or_refused(#[case] now: u64, #[case] fresh: bool) {
    let query = PushQuery::parse(SCAN_QUERY);
    let stale = [
        keys().open(&query, secure(SCAN_SEALED).as_bytes(), at(now)).map(|_| ()),
        open_keys().open(&query, SCAN.as_bytes(), at(now)).map(|_| ()),
    ];
    assert_eq!(stale, [if fresh { Ok(()) } else { Err(PushError::Stale) }; 2]);
}

#[rstest]
#[case("")]
#[case("soon")]
#[case("+1700000000")]
#[case("1700000000000")]
#[case("99999999999999999999999")]
fn a_signed_time_that_is_none_is_stale(#[case] time: &str) {
    let signature = open_keys().sign(time, "n", None);
    let query = PushQuery {
        signature: Some(signature),
        timestamp: Some(time.into()),
        nonce: Some("n".into()),
        ..PushQuery::default()
    };
    assert_eq!(open_keys().open(&query, SCAN.as_bytes(), NOW), Err(PushError::Stale));
}

#[test]
fn a_signature_is_complete_and_in_lower_case() {
    for wrong in [&PLAIN_QUERY.replace("ee084345", ""), &PLAIN_QUERY.replace("ee084345", "EE084345")] {
        assert_eq!(open(&open_keys(), wrong, SCAN), Err(PushError::Signature));
    }
    assert_eq!(
        open(&open_keys(), "signature=&timestamp=1700000000&nonce=n", SCAN),
        Err(PushError::Signature)
    );
}

#[test]
fn a_parameter_that_is_there_twice_is_not_there() {
    for twice in ["signature=x", "nonce=nonce123", "timestamp=1700000000"] {
        let name = twice.split('=').next().unwrap();
        let error = open(&open_keys(), &format!("{PLAIN_QUERY}&{twice}"), SCAN).unwrap_err();
        assert!(matches!(error, PushError::Missing(missing) if missing == name), "{error}");
    }
    assert!(open(&open_keys(), &format!("own=1&own=2&{PLAIN_QUERY}"), SCAN).is_ok());
}

#[test]
fn what_is_too_large_is_not_read() {
    let body = [b' '; MAX_BODY + 1];
    assert_eq!(keys().open(&PushQuery::parse(SCAN_QUERY), &body, NOW), Err(PushError::TooLarge));
    let query = format!("{PLAIN_QUERY}&x={}", "y".repeat(MAX_QUERY_LEN));
    assert_eq!(open(&open_keys(), &query, SCAN), Err(PushError::Missing("signature")));
    let long = format!("signature={}&timestamp=1&nonce=1", "a".repeat(MAX_PARAMETER_LEN + 1));
    assert_eq!(open(&open_keys(), &long, SCAN), Err(PushError::Missing("signature")));
}

#[rstest]
#[case("<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><xml><Encrypt>&x;</Encrypt></xml>")]
#[case("<!DOCTYPE xml [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><xml><Encrypt>&b;</Encrypt></xml>")]
fn documents_with_entities_are_refused_in_and_outside_of_the_ciphertext(#[case] document: &str) {
    let forbidden = |outcome: Result<Message, PushError>| {
        matches!(outcome, Err(PushError::Unreadable(Malformed::Forbidden { .. })))
    };
    assert!(forbidden(open(&keys(), SCAN_QUERY, document)));
    assert!(forbidden(open(&open_keys(), PLAIN_QUERY, document)));
    let sealed = keys().aes_key.unwrap().seal([0; 16], document, APP_ID);
    assert!(forbidden(open(&keys(), &signed(&keys(), &sealed), &secure(&sealed))));
}

#[rstest]
#[case("", TOKEN, None, "app_id")]
#[case("wx 1", TOKEN, None, "app_id")]
#[case(APP_ID, "ab", None, "token")]
#[case(APP_ID, "with-a-sign", None, "token")]
#[case(APP_ID, "a12345678901234567890123456789012", None, "token")]
#[case(APP_ID, TOKEN, Some("s3cret"), "encoding_aes_key")]
#[case(APP_ID, TOKEN, Some(""), "encoding_aes_key")]
fn a_key_that_cannot_be_right_is_named(
    #[case] app_id: &str,
    #[case] token: &str,
    #[case] aes_key: Option<&str>,
    #[case] key: &str,
) {
    let error = PushKeys::new(app_id, &Secret::new(token), aes_key.map(Secret::new).as_ref()).unwrap_err();
    assert_eq!(error.key, key);
    assert!(error.to_string().contains("WeChat's console") || key == "app_id", "{error}");
    assert!(!error.to_string().contains("s3cret"));
}

#[test]
fn neither_keys_nor_queries_print_what_they_hold() {
    let text = format!("{:?} {:?} {:?}", keys(), open_keys(), PushQuery::parse(SCAN_QUERY));
    for secret in [TOKEN, "abcdefg", "900892", "ee0843", "nonce123"] {
        assert!(!text.contains(secret), "{text}");
    }
}

proptest! {
    #[test]
    fn opening_any_bytes_never_panics(query: String, body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = keys().open(&PushQuery::parse(&query), &body, NOW);
        let _ = open_keys().open(&PushQuery::parse(&query), &body, NOW);
        let _ = open_keys().open(&PushQuery::parse(PLAIN_QUERY), &body, NOW);
    }

    #[test]
    fn opening_any_sealed_text_never_panics(text in "\\PC{0,200}") {
        let sealed = keys().aes_key.unwrap().seal([0; 16], &text, APP_ID);
        let _ = open(&keys(), &signed(&keys(), &sealed), &secure(&sealed));
    }

    #[test]
    fn one_changed_byte_of_the_ciphertext_is_refused(at in 0..SCAN_SEALED.len(), change in 1..=255u8) {
        let mut sealed = SCAN_SEALED.as_bytes().to_vec();
        sealed[at] ^= change;
        let body = [b"<xml><Encrypt>", &sealed[..], b"</Encrypt></xml>"].concat();
        let outcome = keys().open(&PushQuery::parse(SCAN_QUERY), &body, NOW);
        prop_assert!(matches!(outcome, Err(PushError::Signature | PushError::Unreadable(_))), "{outcome:?}");
    }

    #[test]
    fn one_changed_byte_of_the_signature_is_refused(at in 0..40usize, change in 1..=127u8) {
        let mut query = PushQuery::parse(SCAN_QUERY);
        let mut signature = query.msg_signature.take().unwrap().into_bytes();
        signature[at] ^= change;
        query.msg_signature = Some(String::from_utf8(signature).unwrap());
        let outcome = keys().open(&query, secure(SCAN_SEALED).as_bytes(), NOW);
        prop_assert_eq!(outcome.unwrap_err(), PushError::Signature);
    }
}
