//! Against WeChat's published vector, one computed beside, and whatever a visitor may bring instead.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use rstest::rstest;

const APP_ID: &str = "wx0123456789abcdef";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";
const IV: &str = "EBESExQVFhcYGRobHB0eHw==";
/// When the computed vector was made.
const MADE: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const PHONE: &str = r#"{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86","watermark":{"timestamp":1700000000,"appid":"wx0123456789abcdef"}}"#;
const PHONE_SEALED: &str = "aLhedzo+Z6es5zW+YHo9sgkoobhypSEeViQBPmmCx3fmcZGKbataj/52/+U/sVY3AiF2KzOGsSF26s6H1VwLALPpPqvznm6/Yrci88llVSl0bwplNsmm05X71JB++CQvJzbBSec5x9Ip5jxEBDmsJsMfZ0Be7LqhIPaOJEbqpMrPbB+9rzCO90Xb4t32L8Z9gaA4CnUOCaRFsDKgpto7ng==";

/// WeChat's own sample of 2016.
const SAMPLE_KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";
const SAMPLE_IV: &str = "r7BXXKkLb8qrSNn05n0qiA==";
const SAMPLE_MADE: Timestamp = Timestamp::from_millis(1_477_314_187_000);
const SAMPLE: &str = "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==";

fn key(text: &str) -> SessionKey {
    SessionKey::parse(&Secret::new(text)).unwrap()
}

/// Encrypts `plain` as it is; its length must be a multiple of 16.
fn sealed_blocks(plain: &[u8]) -> String {
    let iv = STANDARD.decode(IV).unwrap();
    let mut crypter = Crypter::new(Cipher::aes_128_cbc(), Mode::Encrypt, &key(KEY).0, Some(&iv)).unwrap();
    crypter.pad(false);
    let mut out = vec![0; plain.len() + BLOCK];
    let mut written = crypter.update(plain, &mut out).unwrap();
    written += crypter.finalize(&mut out[written..]).unwrap();
    STANDARD.encode(&out[..written])
}

fn padded(plain: &[u8]) -> Vec<u8> {
    let pad = BLOCK - plain.len() % BLOCK;
    [plain, &vec![u8::try_from(pad).unwrap(); pad]].concat()
}

fn open(plain: impl AsRef<[u8]>) -> Result<Opened, DecryptError> {
    key(KEY).open(APP_ID, &sealed_blocks(&padded(plain.as_ref())), IV, MADE)
}

/// The fields, with our watermark of now.
fn marked(fields: &str) -> String {
    format!(r#"{{{fields},"watermark":{{"timestamp":1700000000,"appid":"{APP_ID}"}}}}"#)
}

fn number() -> PhoneNumber {
    PhoneNumber { country_code: "86".into(), national: "13580006666".into() }
}

#[test]
fn the_computed_phone_number_opens() {
    assert_eq!(
        sealed_blocks(&padded(PHONE.as_bytes())),
        PHONE_SEALED,
        "the tests seal as the vector's maker did"
    );
    assert_eq!(key(KEY).open(APP_ID, PHONE_SEALED, IV, MADE).unwrap(), Opened::Phone(number()));
}

#[test]
fn the_published_profile_opens() {
    let opened = key(SAMPLE_KEY).open("wx4f4bc4dec97d474b", SAMPLE, SAMPLE_IV, SAMPLE_MADE).unwrap();
    let Opened::User { open_id, union_id, nickname, avatar } = opened else { panic!("{opened:?}") };
    assert_eq!(open_id.as_deref(), Some("oGZUI0egBJY1zhBYw2KhdUfwVJJE"));
    assert_eq!(union_id.as_deref(), Some("ocMvos6NjeKLIBqg5Mr9QjxrP1FA"));
    assert_eq!(nickname.as_deref(), Some("Band"));
    assert!(avatar.unwrap().starts_with("http://wx.qlogo.cn/mmopen/"));
}

#[test]
fn a_profile_without_an_openid_is_a_profile() {
    let opened = open(marked(r#""nickName":"微信用户","avatarUrl":"javascript:alert(1)""#)).unwrap();
    let nickname = Some("微信用户".to_owned());
    assert_eq!(opened, Opened::User { open_id: None, union_id: None, nickname, avatar: None });
}

#[test]
fn a_number_from_abroad_opens_without_its_country() {
    let fields = r#""phoneNumber":"+12025550123","purePhoneNumber":"2025550123","countryCode":1"#;
    let expected = PhoneNumber { country_code: "1".into(), national: "2025550123".into() };
    assert_eq!(open(marked(fields)).unwrap(), Opened::Phone(expected));
}

#[rstest]
#[case::now(0, true)]
#[case::ten_minutes_ago(600_000, true)]
#[case::longer_ago(600_001, false)]
#[case::clocks_that_differ(-600_000, true)]
#[case::the_future(-600_001, false)]
fn encrypted_data_counts_for_ten_minutes(#[case] age: i64, #[case] fresh: bool) {
    let now = Timestamp::from_millis(MADE.millis().saturating_add_signed(age));
    let outcome = key(KEY).open(APP_ID, PHONE_SEALED, IV, now);
    assert!(if fresh { outcome.is_ok() } else { matches!(outcome, Err(DecryptError::Stale)) }, "{outcome:?}");
}

#[test]
fn what_is_another_mini_programs_is_refused_even_if_it_is_stale() {
    let outcome = key(KEY).open("wxfedcba9876543210", PHONE_SEALED, IV, Timestamp::from_millis(0));
    assert!(matches!(outcome, Err(DecryptError::ForeignApp)), "{outcome:?}");
}

#[test]
fn another_sessions_key_opens_nothing() {
    let outcome = key(SAMPLE_KEY).open(APP_ID, PHONE_SEALED, IV, MADE);
    assert!(matches!(outcome, Err(DecryptError::Undecryptable)), "{outcome:?}");
}

#[rstest]
#[case::nothing("", IV)]
#[case::no_base64("not base64", IV)]
#[case::half_a_block("AAECAwQFBgc=", IV)]
#[case::url_safe_base64("aLhedzo-Z6es5zW-YHo9sg==", IV)]
#[case::no_iv(PHONE_SEALED, "")]
#[case::a_short_iv(PHONE_SEALED, "AAECAwQFBgc=")]
#[case::a_long_iv(PHONE_SEALED, "EBESExQVFhcYGRobHB0eHxAR")]
#[case::a_monstrous_iv(PHONE_SEALED, PHONE_SEALED)]
#[case::another_iv(PHONE_SEALED, KEY)]
#[case::a_cut(&PHONE_SEALED[..64], IV)]
#[case::too_much(&"A".repeat(MAX_ENCRYPTED_LEN + 4), IV)]
fn what_does_not_open_is_undecryptable(#[case] data: &str, #[case] iv: &str) {
    let outcome = key(KEY).open(APP_ID, data, iv, MADE);
    assert!(matches!(outcome, Err(DecryptError::Undecryptable)), "{outcome:?}");
}

#[rstest]
#[case::no_padding([PHONE.as_bytes(), &[b' '; 16]].concat(), 16)]
#[case::a_pad_of_zero(PHONE.into(), 0)]
#[case::a_pad_beyond_the_block(PHONE.into(), 17)]
#[case::a_pad_beyond_the_text(vec![], 255)]
fn a_pad_is_1_to_16(#[case] mut plain: Vec<u8>, #[case] pad: u8) {
    let count = BLOCK - plain.len() % BLOCK;
    plain.resize(plain.len() + count, pad);
    let outcome = key(KEY).open(APP_ID, &sealed_blocks(&plain), IV, MADE);
    assert!(matches!(outcome, Err(DecryptError::Undecryptable)), "{outcome:?}");
}

#[test]
fn an_uneven_pad_is_refused() {
    let mut plain = padded(PHONE.as_bytes());
    assert!(*plain.last().unwrap() > 1);
    let at = plain.len() - 2;
    plain[at] ^= 1;
    let outcome = key(KEY).open(APP_ID, &sealed_blocks(&plain), IV, MADE);
    assert!(matches!(outcome, Err(DecryptError::Undecryptable)), "{outcome:?}");
}

#[test]
fn nothing_but_padding_is_undecryptable() {
    assert!(matches!(open(""), Err(DecryptError::Undecryptable)));
}

#[rstest]
#[case::no_object("[]".into())]
#[case::no_watermark(r#"{"purePhoneNumber":"13580006666","countryCode":"86"}"#.into())]
#[case::a_strange_watermark(r#"{"watermark":"wx0123456789abcdef"}"#.into())]
#[case::no_app(r#"{"watermark":{"timestamp":1700000000}}"#.into())]
#[case::no_time(format!(r#"{{"watermark":{{"appid":"{APP_ID}"}}}}"#))]
#[case::a_time_before_all_time(format!(r#"{{"watermark":{{"timestamp":-1,"appid":"{APP_ID}"}}}}"#))]
#[case::the_end_of_time(format!(r#"{{"watermark":{{"timestamp":{},"appid":"{APP_ID}"}}}}"#, i64::MAX))]
#[case::neither_number_nor_profile(marked(r#""openGId":"tGABC""#))]
#[case::no_country(marked(r#""phoneNumber":"13580006666","purePhoneNumber":"13580006666""#))]
#[case::only_the_whole_number(marked(r#""phoneNumber":"13580006666","countryCode":"86""#))]
#[case::numbers_that_differ(marked(
    r#""phoneNumber":"13580006667","purePhoneNumber":"13580006666","countryCode":"86""#
))]
#[case::only_the_national_number(marked(r#""purePhoneNumber":"13580006666","countryCode":"86""#))]
#[case::an_openid_that_is_none(marked(r#""openId":"oAlice oBob""#))]
fn what_opens_but_is_not_as_documented_is_unreadable(#[case] plain: String) {
    let outcome = open(plain);
    assert!(matches!(outcome, Err(DecryptError::Unreadable(_))), "{outcome:?}");
}

#[rstest]
#[case::broken_utf8(b"{\"nickName\":\"\xF0\x9F\"}")]
#[case::a_raw_control_character(b"{\"nickName\":\"a\x01b\"}")]
#[case::a_tail(b"{} {}")]
#[case::text(b"hello")]
fn nothing_is_tidied_that_came_through_a_visitors_hands(#[case] plain: &[u8]) {
    assert!(matches!(open(plain), Err(DecryptError::Undecryptable)));
}

#[test]
fn neither_a_key_nor_a_number_nor_an_error_prints_what_is_inside() {
    let shown =
        format!("{:?} {:?} {:?}", key(KEY), open(PHONE), open(marked(r#""purePhoneNumber":"1358O""#)));
    assert!(shown.starts_with("SessionKey(…) Ok(Phone(PhoneNumber(…))) Err(Unreadable("), "{shown}");
    assert!(!shown.contains("1358") && !shown.contains("AAEC"), "{shown}");
}

#[rstest]
#[case("")]
#[case("AAECAwQFBgcICQoLDA0O")]
#[case("AAECAwQFBgcICQoLDA0ODxAR")]
#[case("AAECAwQFBgcICQoLDA0ODw")]
#[case("AAECAwQFBgcICQoLDA0ODw==\n")]
#[case("门门门门门门门门")]
fn a_session_key_is_16_bytes(#[case] text: &str) {
    assert!(SessionKey::parse(&Secret::new(text)).is_none());
}

proptest! {
    #[test]
    fn opening_any_text_never_panics(key_text in ".{0,30}", data in ".{0,80}", iv in ".{0,30}", now: u64) {
        let parsed = SessionKey::parse(&Secret::new(key_text)).unwrap_or_else(|| key(KEY));
        prop_assert!(parsed.open(APP_ID, &data, &iv, Timestamp::from_millis(now)).is_err());
    }

    #[test]
    fn opening_any_blocks_never_panics(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200), secret: [u8; 16], iv: [u8; 16],
    ) {
        let (key, iv) = (SessionKey(secret), STANDARD.encode(iv));
        prop_assert!(key.open(APP_ID, &STANDARD.encode(&bytes), &iv, MADE).is_err());
        bytes.truncate(bytes.len() / BLOCK * BLOCK);
        prop_assert!(key.open(APP_ID, &STANDARD.encode(&bytes), &iv, MADE).is_err());
    }

    #[test]
    fn opening_anything_that_was_sealed_never_panics(
        plain in proptest::collection::vec(any::<u8>(), 0..200), json in "\\{[\"a-z:0-9{},\\[\\]]{0,80}\\}",
    ) {
        prop_assert!(open(plain).is_err());
        prop_assert!(open(json).is_err());
    }

    /// Turning any one bit of data or IV opens to nothing, or to the same number.
    #[test]
    fn a_bent_ciphertext_gives_no_other_number(at in 0..192usize * 8, in_iv: bool) {
        let (mut data, mut iv) = (STANDARD.decode(PHONE_SEALED).unwrap(), STANDARD.decode(IV).unwrap());
        let bytes = if in_iv { &mut iv } else { &mut data };
        let byte = at / 8 % bytes.len();
        bytes[byte] ^= 1 << (at % 8);
        let outcome = key(KEY).open(APP_ID, &STANDARD.encode(&data), &STANDARD.encode(&iv), MADE);
        if let Ok(opened) = outcome {
            prop_assert_eq!(opened, Opened::Phone(number()));
        }
    }
}
