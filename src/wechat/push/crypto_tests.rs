//! Against WeChat's published vectors and against ones computed beside.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use rstest::rstest;

/// The tail of this key is not canonical base64: its last character carries bits that no byte needs.
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const APP_ID: &str = "wx0123456789abcdef";

fn key(text: &str) -> AesKey {
    AesKey::parse(text).unwrap()
}

#[test]
fn a_key_with_a_tail_that_is_not_canonical_is_read() {
    let hex: String = key(KEY).0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "69b71d79f8218a39259a7a29aabb2dbafc31cb3d35db7e39ebbf3d0010831051");
}

#[rstest]
#[case::short(&KEY[1..])]
#[case::long("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH")]
#[case::padded("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF=")]
#[case::a_sign("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF+")]
#[case::a_line_break("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF\n")]
#[case::chinese("门门门门门门门门门门门门门门a")]
#[case::nothing("")]
fn a_key_is_43_letters_and_digits(#[case] text: &str) {
    assert!(AesKey::parse(text).is_none());
}

#[test]
fn the_published_signature_of_an_address_check_is_made() {
    assert_eq!(signature(["AAAAA", "1714036504", "1514711492"]), "f464b24fc39322e44b38aa78f5edd27bd1441696");
}

#[rstest]
#[case::a_pad_of_20(
    "你好",
    "Q3stYC6hdFzMh9T8HCvyDD6bk351pauf9UoCzfaJglYfpiPkyuVHm+h6rOrEyFtPlOcqztd2veQKl+XcHuYAeQ=="
)]
#[case::a_full_block_of_padding(crate::wechat::push::tests::SCAN, crate::wechat::push::tests::SCAN_SEALED)]
fn a_computed_vector_opens_and_is_made(#[case] message: &str, #[case] sealed: &str) {
    let opened = key(KEY).open(sealed).unwrap();
    assert_eq!((opened.message, opened.app_id), (message.as_bytes().to_vec(), APP_ID.as_bytes().to_vec()));
    assert_eq!(key(KEY).seal(*b"0123456789abcdef", message, APP_ID), sealed);
}

#[test]
fn the_published_reply_is_made_and_opens() {
    let key = key(&"A".repeat(43));
    let sealed = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==";
    assert_eq!(key.seal(*b"707722b803182950", r#"{"demo_resp":"good luck"}"#, "wxba5fad812f8e6fb9"), sealed);
    assert_eq!(
        signature(["AAAAA", "1713424427", "415670741", sealed]),
        "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
    );
}

/// Seals what [`AesKey::seal`] never would.
fn sealed(plain: &[u8]) -> String {
    STANDARD.encode(key(KEY).run(Mode::Encrypt, plain).unwrap())
}

fn padded(mut plain: Vec<u8>, pad: u8, count: usize) -> Vec<u8> {
    plain.resize(plain.len() + count, pad);
    plain
}

#[rstest]
#[case::no_pad(padded(vec![0; 32], 0, 32))]
#[case::a_pad_beyond_the_block(padded(vec![0; 31], 33, 33))]
#[case::a_pad_beyond_the_text(padded(vec![], 32, 16))]
#[case::uneven_padding(padded(vec![0; 30], 3, 2))]
#[case::no_room_for_the_length(padded(vec![0; 19], 13, 13))]
#[case::a_length_beyond_the_text(padded([&[0; 16][..], &[0, 0, 0, 1]].concat(), 12, 12))]
#[case::a_monstrous_length(padded([&[0; 16][..], &[255; 4], b"x"].concat(), 11, 11))]
fn what_was_not_sealed_so_is_refused(#[case] plain: Vec<u8>) {
    assert!(key(KEY).open(&sealed(&plain)).is_none());
}

#[test]
fn a_message_and_an_app_id_may_be_empty() {
    let opened = key(KEY).open(&sealed(&padded(vec![0; 20], 12, 12))).unwrap();
    assert!(opened.message.is_empty() && opened.app_id.is_empty());
}

#[rstest]
#[case("")]
#[case("AAAA")]
#[case("not base64")]
#[case("Q3stYC6hdFzMh9T8HCvyDA")]
fn what_is_no_ciphertext_is_refused(#[case] text: &str) {
    assert!(key(KEY).open(text).is_none());
}

#[test]
fn another_key_opens_nothing() {
    let sealed = key(KEY).seal([7; 16], "text", APP_ID);
    let opened = key(&"A".repeat(43)).open(&sealed);
    assert!(opened.is_none_or(|opened| opened.app_id != APP_ID.as_bytes()));
}

proptest! {
    #[test]
    fn any_text_survives_sealing(random: [u8; 16], message: String, app_id in "[a-z0-9]{1,64}") {
        let opened = key(KEY).open(&key(KEY).seal(random, &message, &app_id)).unwrap();
        prop_assert_eq!(opened.message, message.as_bytes());
        prop_assert_eq!(opened.app_id, app_id.as_bytes());
    }

    #[test]
    fn opening_any_blocks_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = key(KEY).open(&STANDARD.encode(&bytes));
        bytes.truncate(bytes.len() / 16 * 16);
        let _ = key(KEY).open(&STANDARD.encode(&bytes));
    }
}
