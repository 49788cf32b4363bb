//! Every form that WeChat's phone numbers have been seen in.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn read(country: &str, national: &str) -> Result<PhoneNumber, Unreadable> {
    let json = format!(r#"{{"countryCode":{country},"purePhoneNumber":{national}}}"#);
    PhoneNumber::read(&Answer::parse(json.as_bytes()).unwrap())
}

#[rstest]
#[case::text(r#""86""#, r#""13580006666""#, ("86", "13580006666"))]
#[case::number("86", "13580006666", ("86", "13580006666"))]
#[case::plus(r#""+86""#, r#""135 8000-6666""#, ("86", "13580006666"))]
#[case::zeros(r#""0086""#, r#""(135) 8000.6666""#, ("86", "13580006666"))]
#[case::a_national_zero_stays(r#""39""#, r#""0612345678""#, ("39", "0612345678"))]
#[case::four_digits(r#""1684""#, r#""6331234""#, ("1684", "6331234"))]
fn a_number_is_read_as_digits(#[case] country: &str, #[case] national: &str, #[case] expected: (&str, &str)) {
    let number = read(country, national).unwrap();
    assert_eq!((number.country_code.as_str(), number.national.as_str()), expected);
}

#[rstest]
#[case::no_country("null", r#""13580006666""#)]
#[case::an_empty_country(r#""""#, r#""13580006666""#)]
#[case::only_zeros(r#""00""#, r#""13580006666""#)]
#[case::a_long_country("12345", r#""13580006666""#)]
#[case::a_negative_number("86", "-1.5")]
#[case::no_number("86", "null")]
#[case::a_short_number("86", r#""110""#)]
#[case::a_long_number("86", r#""1234567890123456""#)]
#[case::letters("86", r#""1358000666O""#)]
#[case::other_digits("86", r#""１３５８０００６６６６""#)]
#[case::a_list("86", "[13580006666]")]
fn what_is_no_number_is_refused(#[case] country: &str, #[case] national: &str) {
    assert!(read(country, national).is_err());
}

#[test]
fn a_number_never_prints_itself() {
    assert_eq!(format!("{:?}", read("86", "13580006666").unwrap()), "PhoneNumber(…)");
}

proptest! {
    #[test]
    fn whatever_is_read_is_digits_alone(country in ".{0,8}", national in ".{0,20}") {
        let json = serde_json::json!({ "countryCode": country, "purePhoneNumber": national }).to_string();
        if let Ok(number) = PhoneNumber::read(&Answer::parse(json.as_bytes()).unwrap()) {
            prop_assert!((number.country_code + &number.national).bytes().all(|byte| byte.is_ascii_digit()));
        }
    }
}
