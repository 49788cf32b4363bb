//! Every oddity that WeChat's answers have been seen with, and arbitrary bytes.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn answer(json: &str) -> Answer {
    Answer::parse(json.as_bytes()).unwrap()
}

#[rstest]
#[case(r#"{}"#, Some(0))]
#[case(r#"{"errcode":0,"errmsg":"ok"}"#, Some(0))]
#[case(r#"{"errcode":"0"}"#, Some(0))]
#[case(r#"{"errcode":40029}"#, Some(40029))]
#[case(r#"{"errcode":"40029"}"#, Some(40029))]
#[case(r#"{"errcode":-1}"#, Some(-1))]
#[case(r#"{"errcode":null}"#, None)]
#[case(r#"{"errcode":"no"}"#, None)]
#[case(r#"{"errcode":{}}"#, None)]
fn success_is_no_code_or_zero_and_a_strange_code_is_no_success(
    #[case] json: &str,
    #[case] code: Option<i64>,
) {
    assert_eq!(answer(json).code().ok(), code);
}

#[rstest]
#[case::not_json(b"<html>")]
#[case::empty(b"")]
#[case::cut(b"{\"openid\":\"o")]
#[case::two(b"{}{}")]
#[case::bare_escape(b"{\"a\":\"\\")]
#[case::bad_unicode(b"{\"a\":\"\\uZZZZ\"}")]
fn what_is_not_json_is_refused(#[case] bytes: &[u8]) {
    assert!(matches!(Answer::parse(bytes), Err(Unreadable::Json(_))));
}

#[rstest]
#[case(b"[]")]
#[case(b"null")]
#[case(b"\"{}\"")]
fn what_is_no_object_is_refused(#[case] bytes: &[u8]) {
    assert!(matches!(Answer::parse(bytes), Err(Unreadable::NotAnObject)));
}

#[rstest]
#[case::byte_order_mark(b"\xEF\xBB\xBF{\"n\":\"a\"}", "a")]
#[case::raw_newline(b"{\"n\":\"a\nb\x01\x1fc\"}", "abc")]
#[case::broken_utf8(b"{\"n\":\"a\xF0\x9F\x98\"}", "a\u{fffd}")]
#[case::surrogate_pair(b"{\"n\":\"\\ud83d\\ude00\"}", "\u{1f600}")]
#[case::lone_high(b"{\"n\":\"\\ud83dx\"}", "\u{fffd}x")]
#[case::lone_low(b"{\"n\":\"x\\ude00\"}", "x\u{fffd}")]
#[case::two_high(b"{\"n\":\"\\ud83d\\ud83d\\ude00\"}", "\u{fffd}\u{1f600}")]
#[case::high_then_plain(b"{\"n\":\"\\ud83d\\u0041\"}", "\u{fffd}A")]
#[case::escaped_backslash_before_u(b"{\"n\":\"\\\\ud83d\"}", "\\ud83d")]
#[case::escaped_quote(b"{\"n\":\"\\\"\x02\\\"\"}", "\"\"")]
#[case::escaped_slash(b"{\"n\":\"a\\/b\"}", "a/b")]
#[case::direction_override("{\"n\":\"a\u{202e}b\"}".as_bytes(), "ab")]
#[case::whitespace_between(b"\r\n{\t\"n\" :\n\"a\"}\n", "a")]
fn odd_texts_are_read(#[case] bytes: &[u8], #[case] expected: &str) {
    assert_eq!(Answer::parse(bytes).unwrap().text("n").as_deref(), Some(expected));
}

#[test]
fn a_broken_identifier_stays_broken() {
    for bytes in [b"{\"openid\":\"o\x01a\"}".as_slice(), b"{\"openid\":\"oa\xff\"}", b"{\"openid\":\"oa \"}"]
    {
        assert!(Answer::parse(bytes).unwrap().id("openid").is_err());
    }
    assert!(answer(&format!(r#"{{"openid":"{}"}}"#, "o".repeat(129))).id("openid").is_err());
    assert!(answer(&format!(r#"{{"openid":"{}"}}"#, "o".repeat(128))).id("openid").is_ok());
}

#[test]
fn long_texts_are_cut_and_blank_ones_are_none() {
    let long = answer(&format!(r#"{{"nickname":"{}"}}"#, "门".repeat(1000))).text("nickname").unwrap();
    assert_eq!(long.chars().count(), MAX_TEXT_CHARS);
    for json in [r#"{"n":""}"#, r#"{"n":" \u0000 "}"#, r#"{"n":null}"#, r#"{"n":5}"#, "{}"] {
        assert_eq!(answer(json).text("n"), None, "{json}");
    }
}

#[test]
fn deep_nesting_is_refused_without_harm() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Answer::parse(deep.as_bytes()).is_err());
}

#[rstest]
#[case("invalid code, hints: [ req_id: 1foBSgMre-Hz ]", Some("1foBSgMre-Hz"))]
#[case("code been used, rid: 6206378a-793424c0-2e4091cc", Some("6206378a-793424c0-2e4091cc"))]
#[case("api unauthorized rid: 62fb9bc8-078c24da-4202f278", Some("62fb9bc8-078c24da-4202f278"))]
#[case("invalid credential hint: [AnOVOA0460vr31!]", Some("AnOVOA0460vr31"))]
#[case("ok", None)]
#[case("rid: ", None)]
#[case("rid: [hidden]", None)]
fn the_request_is_named_in_every_form_seen(#[case] message: &str, #[case] expected: Option<&str>) {
    assert_eq!(request_id(&scrub(message, &[])), expected);
}

#[test]
fn whatever_could_be_a_credential_is_hidden() {
    let secret = "0123456789abcdef0123456789abcdef";
    let shown = scrub(
        &format!("bad secret={secret}&code=short-code\u{1b}[31m, rid: 6206378a-793424c0-2e4091cc"),
        &["short-code"],
    );
    assert_eq!(shown, "bad secret=[hidden]&code=[hidden][31m, rid: 6206378a-793424c0-2e4091cc");
    assert_eq!(scrub(&"字 ".repeat(1000), &[]).chars().count(), MAX_MESSAGE_CHARS);
}

#[test]
fn an_address_is_found_only_where_there_is_one() {
    assert_eq!(first_ip("access clientip is not registered"), None);
    assert_eq!(first_ip("invalid ip 1.2.3.4."), "1.2.3.4".parse().ok());
}

proptest! {
    #[test]
    fn reading_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(answer) = Answer::parse(&bytes) {
            let _ = (answer.code(), answer.id("a"), answer.text("a"));
        }
        let text = String::from_utf8_lossy(&bytes);
        let shown = scrub(&text, &["secret-value"]);
        let _ = (request_id(&shown), first_ip(&text));
    }

    #[test]
    fn reading_any_string_value_never_panics(inner in "[\\\\u\"dD8cC0-9a-f\u{0}-\u{1f}😀]{0,60}") {
        let _ = Answer::parse(format!("{{\"n\":\"{inner}\"}}").as_bytes()).map(|answer| answer.text("n"));
    }

    #[test]
    fn valid_json_keeps_its_meaning(text in any::<String>()) {
        let json = serde_json::json!({ "n": text }).to_string();
        let answer = answer(&json);
        prop_assert_eq!(answer.0["n"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_stands(before in ".{0,40}", secret in "[A-Za-z0-9+/=_-]{6,64}", after in ".{0,40}") {
        let shown = scrub(&format!("{before}{secret}{after}"), &[&secret]);
        prop_assume!(!"[hidden]".contains(&secret));
        prop_assert!(!shown.contains(&secret));
    }
}
