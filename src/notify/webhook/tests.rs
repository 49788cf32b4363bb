//! The signature, byte for byte.

#![allow(clippy::unwrap_used)]

use rstest::rstest;

use super::*;

/// Computed by the specification's own library for Python; the first is the example of the specification.
#[rstest]
#[case("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]
#[case("sixteen-and-more-characters", "v1,alJoid7YoQNVwDnbqDDit91lH99u/pDCfPmstxurjWc=")]
fn a_request_is_signed_as_the_specification_says(#[case] secret: &str, #[case] expected: &str) {
    let key = key_of(&Secret::new(secret)).unwrap();
    let at = Timestamp::from_millis(1_614_265_330_999);
    let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
    assert_eq!(signed, expected);
}

#[test]
fn an_encoded_secret_is_the_same_with_and_without_padding() {
    let key = |text: &str| key_of(&Secret::new(text)).unwrap().to_vec();
    assert_eq!(key("whsec_c2l4dGVlbiBieXRlcyEhIQ=="), b"sixteen bytes!!!");
    assert_eq!(key("whsec_c2l4dGVlbiBieXRlcyEhIQ"), b"sixteen bytes!!!");
}

#[test]
fn a_printed_webhook_shows_neither_its_address_nor_its_key() {
    let secret = Secret::new("geheim-geheim-geheim");
    let webhook =
        Webhook::new("https://sms.example.com/geheim?a=geheim", &secret, Span::from_secs(1)).unwrap();
    assert_eq!(format!("{webhook:?}"), "Webhook { host: Some(\"sms.example.com\"), .. }");
}
