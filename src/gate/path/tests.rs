#![allow(clippy::unwrap_used)]
use super::PathProblem::*;
use super::*;
use proptest::prelude::*;
use url::Url;

#[rstest::rstest]
#[case("/", "/", None)]
#[case("/a/b", "/a/b", None)]
#[case("/a/b/", "/a/b/", None)]
#[case("/a?b=c", "/a", Some("b=c"))]
#[case("/a?", "/a", Some(""))]
#[case("/a?x=/../b&y=%2f%5c%00//\\", "/a", Some("x=/../b&y=%2f%5c%00//\\"))]
#[case("/a?b?c", "/a", Some("b?c"))]
#[case("/%61dmin", "/admin", None)]
#[case("/%23x%3Fy", "/#x?y", None)]
#[case("/a%20b+c", "/a b+c", None)]
#[case("/%E8%B5%84%E6%96%99", "/资料", None)]
#[case("/资料", "/资料", None)]
#[case("/...", "/...", None)]
#[case("/.well-known/x", "/.well-known/x", None)]
#[case("/a..b/..c/d..", "/a..b/..c/d..", None)]
#[case("/a;v=1/b;x", "/a;v=1/b;x", None)]
#[case("/50%25off", "/50%off", None)]
#[case("/a%2525", "/a%25", None)]
fn an_honest_path_is_read_once(#[case] text: &str, #[case] decoded: &str, #[case] query: Option<&str>) {
    let target = target(text).unwrap();
    assert_eq!(target.decoded, decoded);
    assert_eq!(target.query, query);
    assert!(text.starts_with(target.raw), "the raw path is what came");
}

/// The payloads that walked past other gateways.
#[rstest::rstest]
#[case("", NotAbsolute)]
#[case("*", NotAbsolute)]
#[case("a", NotAbsolute)]
#[case("?a", NotAbsolute)]
#[case("http://app.example.com/a", NotAbsolute)]
#[case("\\a", NotAbsolute)]
#[case("/a#b", Fragment)]
#[case("/a?b#c", Fragment)]
#[case("/public/../admin", DotSegment)]
#[case("/public/..", DotSegment)]
#[case("/..", DotSegment)]
#[case("/.", DotSegment)]
#[case("/./", DotSegment)]
#[case("/a/./b", DotSegment)]
#[case("/public/%2e%2e/admin", DotSegment)]
#[case("/public/%2E./admin", DotSegment)]
#[case("/public/.%2e/admin", DotSegment)]
#[case("/a/%2e", DotSegment)]
#[case("/public/..;/admin", DotSegment)]
#[case("/public/..;x=y/admin", DotSegment)]
#[case("/public/%2e%2e;x/admin", DotSegment)]
#[case("/public/..%3bx/admin", DotSegment)]
#[case("/public/.;/admin", DotSegment)]
#[case("/public/..%2fadmin", EncodedSlash)]
#[case("/public%2Fadmin", EncodedSlash)]
#[case("/public\\..\\admin", Backslash)]
#[case("/public%5c..%5Cadmin", Backslash)]
#[case("/public%255c..%255cadmin", EncodedTwice)]
#[case("/public/%252e%252e/admin", EncodedTwice)]
#[case("/public/%252e./admin", EncodedTwice)]
#[case("/public/%25%32e%25%32e/admin", EncodedTwice)]
#[case("/public/%25252e%25252e/admin", EncodedTwice)]
#[case("/public/%2525252e%2525252e/admin", EncodedTwice)]
#[case("/public%252f..%252fadmin", EncodedTwice)]
#[case("/public%2500", EncodedTwice)]
#[case("/public/..%253bx/admin", EncodedTwice)]
#[case("/%252525252525", EncodedTwice)]
#[case("//", EmptySegment)]
#[case("//evil.com", EmptySegment)]
#[case("/a//b", EmptySegment)]
#[case("/a//", EmptySegment)]
#[case("/;/admin", EmptySegment)]
#[case("/;x=y/admin", EmptySegment)]
#[case("/a/%3b/admin", EmptySegment)]
#[case("/a%00", Control)]
#[case("/a%0d%0aSet-Cookie:x", Control)]
#[case("/a%7f", Control)]
#[case("/a\tb", Control)]
#[case("/a\0b", Control)]
#[case("/a b", Control)]
#[case("/a%c2%85b", Control)]
#[case("/a\u{85}b", Control)]
#[case("/a%", BadEncoding)]
#[case("/a%2", BadEncoding)]
#[case("/a%zz", BadEncoding)]
#[case("/a%2%65", BadEncoding)]
#[case("/a%+1", BadEncoding)]
#[case("/a%u002e", BadEncoding)]
#[case("/a%ff", NotUtf8)]
#[case("/public/%c0%ae%c0%ae/admin", NotUtf8)]
#[case("/public%c0%af..%c0%afadmin", NotUtf8)]
#[case("/a%ed%a0%80", NotUtf8)]
fn a_path_with_two_readings_is_refused(#[case] text: &str, #[case] problem: PathProblem) {
    assert_eq!(target(text).unwrap_err(), problem);
}

#[test]
fn a_refusal_says_what_to_send_instead() {
    assert_eq!(EncodedSlash.to_string(), "send the slash itself in place of %2F");
    assert_eq!(DotSegment.to_string(), "send the path without the segments . and ..");
}

#[test]
fn an_ordinary_path_is_not_copied() {
    assert!(matches!(target("/a/b?c").unwrap().decoded, Cow::Borrowed("/a/b")));
    assert_eq!(other_readings("/a/b").unwrap().capacity(), 0);
}

/// Decodes until nothing changes any more.
fn to_the_end(text: &str) -> String {
    let next = percent_decode(text.as_bytes()).decode_utf8_lossy().into_owned();
    if next == text { next } else { to_the_end(&next) }
}

fn dots(path: &str) -> bool {
    path.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}

proptest! {
    /// Whatever is accepted has no dot segments, and a browser's parser and any further decoding see the same
    /// segments as we do.
    #[test]
    fn what_is_accepted_has_one_reading(
        text in prop_oneof![
            "/[a-z./;%\\\\]{0,30}",
            "(/|\\.|%2e|%2E|%25|2e|%2f|%5c|;|a|%61|%00|\\?|#|%){0,14}",
            "(/|/\\.\\.|%252e|%25252e|%25|32|e|5c|;x|a){1,14}",
            "/\\PC{0,20}",
        ]
    ) {
        if let Ok(target) = target(&text) {
            prop_assert!(!dots(&target.decoded));
            let end = to_the_end(&target.decoded);
            prop_assert!(!dots(&end), "{end}");
            prop_assert!(!end.contains('\\') && !end.contains("//") && !end.chars().any(char::is_control));
            prop_assert_eq!(end.matches('/').count(), target.raw.matches('/').count());

            let browser = Url::parse(&format!("https://h{}", target.raw)).unwrap();
            let seen = percent_decode(browser.path().as_bytes()).decode_utf8().unwrap();
            prop_assert_eq!(&*seen, &*target.decoded);

            let mut again = Url::parse("https://h/").unwrap();
            again.set_path(&target.decoded);
            prop_assert_eq!(to_the_end(again.path()), end);
        }
    }

    #[test]
    fn reading_any_text_never_panics(text in "\\PC{0,60}|[/%0-9a-f;.?#\\\\\\x00-\\x7f]{0,60}") {
        let _ = target(&text);
    }
}
