//! What is read of a push, and what makes one unreadable.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn read(text: &str) -> Result<Vec<(&'static str, String)>, Malformed> {
    Fields::parse(text.as_bytes()).map(|fields| fields.texts.into_iter().collect())
}

fn event(text: &str) -> Option<String> {
    Fields::parse(text.as_bytes()).unwrap().get("Event").map(Into::into)
}

#[rstest]
#[case::cdata("<xml><Event><![CDATA[SCAN]]></Event></xml>", "SCAN")]
#[case::text("<xml><Event>SCAN</Event></xml>", "SCAN")]
#[case::blanks("\n <xml>\n <Event>\n <![CDATA[SCAN]]> \n</Event>\n</xml>\n ", "SCAN")]
#[case::a_mark_before_it("\u{feff}<xml><Event>SCAN</Event></xml>", "SCAN")]
#[case::a_declaration("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml><Event>SCAN</Event></xml>", "SCAN")]
#[case::attributes("<xml a='1'><Event b='<2'>SCAN</Event></xml>", "SCAN")]
#[case::entities("<xml><Event>&lt;a&amp;b&gt; &quot;&apos;</Event></xml>", "<a&b> \"'")]
#[case::divided_sections("<xml><Event><![CDATA[a]]]]><![CDATA[>b]]></Event></xml>", "a]]>b")]
#[case::an_entity_in_a_section("<xml><Event><![CDATA[a&lt;b&x;]]></Event></xml>", "a&lt;b&x;")]
#[case::nodes_inside_others("<xml><Info><Event>no</Event><a/></Info><Event>SCAN</Event><x/></xml>", "SCAN")]
#[case::json(r#"{"Event":"SCAN"}"#, "SCAN")]
#[case::json_with_others(r#" {"List":[{"Event":"no"}],"Event":"\u626b\/","x":{"y":null}} "#, "扫/")]
#[case::a_json_number(r#"{"Event":17}"#, "17")]
fn a_field_is_read(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(event(text).as_deref(), Some(expected));
}

#[rstest]
#[case("<xml/>")]
#[case("<xml><Event/></xml>")]
#[case("<xml><Event></Event></xml>")]
#[case("<xml><Event><![CDATA[]]></Event></xml>")]
#[case("<xml><event>SCAN</event><a:Event>SCAN</a:Event></xml>")]
#[case("{}")]
#[case(r#"{"Event":""}"#)]
#[case(r#"{"Event":null,"event":"SCAN"}"#)]
fn an_absent_field_is_none(#[case] text: &str) {
    assert_eq!(event(text), None);
}

/// Ten entities of ten each: ten levels would be ten thousand million words.
const LAUGHS: &str = "<?xml version=\"1.0\"?><!DOCTYPE xml [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">\
    <!ENTITY c \"&b;&b;&b;&b;&b;&b;\">]><xml><Event>&c;</Event></xml>";
const EXTERNAL: &str =
    "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><xml><Event>&x;</Event></xml>";

#[rstest]
#[case::laughs(LAUGHS)]
#[case::external(EXTERNAL)]
#[case::a_document_type("<!DOCTYPE xml><xml><Event>SCAN</Event></xml>")]
#[case::an_external_document_type("<!DOCTYPE xml SYSTEM 'http://a.example/x.dtd'><xml/>")]
#[case::a_late_document_type("<xml><!DOCTYPE xml><Event>SCAN</Event></xml>")]
#[case::an_entity("<xml><Event>&x;</Event></xml>")]
#[case::an_entity_elsewhere("<xml><Other>&x;</Other></xml>")]
#[case::a_character_number("<xml><Event>&#83;CAN</Event></xml>")]
#[case::a_comment("<xml><Event>SC<!-- -->AN</Event></xml>")]
#[case::an_instruction("<xml><?php x ?></xml>")]
#[case::a_style("<?xml-stylesheet href='x'?><xml/>")]
#[case::a_late_declaration("<xml><?xml version=\"1.0\"?></xml>")]
fn xml_that_wechat_never_sends_is_forbidden(#[case] text: &str) {
    assert!(matches!(read(text), Err(Malformed::Forbidden { .. })), "{:?}", read(text));
}

#[rstest]
#[case::another_root("<html></html>")]
#[case::two_roots("<xml></xml><xml></xml>")]
#[case::text_behind("<xml></xml>x")]
#[case::a_section_behind("<xml></xml><![CDATA[x]]>")]
#[case::an_open_end("<xml><Event>SCAN</Event>")]
#[case::an_open_field("<xml><Event>SCAN")]
#[case::an_open_section("<xml><Event><![CDATA[SCAN</Event></xml>")]
#[case::crossed("<xml><Event></xml></Event>")]
#[case::an_end_too_many("<xml></xml></xml>")]
#[case::only_a_declaration("<?xml version=\"1.0\"?>")]
#[case::a_lonely_sign("<")]
#[case::a_lonely_ampersand("<xml><Event>a & b</Event></xml>")]
fn broken_xml_is_refused(#[case] text: &str) {
    assert!(matches!(read(text), Err(Malformed::Xml { .. })), "{:?}", read(text));
}

#[rstest]
#[case("<xml><Event>SCAN</Event><Event>subscribe</Event></xml>")]
#[case("<xml><Event/><Event>SCAN</Event></xml>")]
#[case(r#"{"Event":"SCAN","Event":"subscribe"}"#)]
#[case(r#"{"Event":null,"Event":"SCAN"}"#)]
#[case(r#"{"Event":"SCAN","Ev\u0065nt":"SCAN"}"#)]
fn a_field_that_is_there_twice_is_refused(#[case] text: &str) {
    assert_eq!(read(text), Err(Malformed::Twice("Event")));
}

#[rstest]
#[case("<xml><Event><a>SCAN</a></Event></xml>")]
#[case(r#"{"Event":["SCAN"]}"#)]
#[case(r#"{"Event":{}}"#)]
#[case(r#"{"Event":true}"#)]
fn a_field_that_is_no_text_is_refused(#[case] text: &str) {
    assert_eq!(read(text), Err(Malformed::Impossible("Event")));
}

#[rstest]
#[case("{")]
#[case("{}}")]
#[case(r#"{"Event":"SCAN""#)]
#[case(r#"{Event:"SCAN"}"#)]
fn broken_json_is_refused(#[case] text: &str) {
    assert!(matches!(read(text), Err(Malformed::Json { line: 1, .. })), "{:?}", read(text));
}

#[rstest]
#[case("")]
#[case(" \n")]
#[case("success")]
#[case("[{}]")]
#[case("a=b")]
fn what_is_neither_xml_nor_json_is_refused(#[case] text: &str) {
    assert_eq!(read(text), Err(Malformed::NoFormat));
}

#[test]
fn nesting_has_a_bound() {
    let nested = |depth: usize| format!("<xml>{}{}</xml>", "<a>".repeat(depth - 1), "</a>".repeat(depth - 1));
    assert_eq!(read(&nested(MAX_DEPTH)), Ok(vec![]));
    assert_eq!(read(&nested(MAX_DEPTH + 1)), Err(Malformed::TooDeep));
    assert_eq!(read(&"<xml>".repeat(200_000)), Err(Malformed::TooDeep));
    let json = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let _ = read(&json);
    let known = format!("{{\"Event\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&known).is_err());
}

#[test]
fn no_error_says_what_was_there() {
    for text in ["<xml><S3CRET></xml>", "{\"Event\":s3cret}", "s3cret", "<xml><Event>&s3cret;</Event></xml>"]
    {
        let error = read(text).unwrap_err();
        assert!(!format!("{error} {error:?}").to_lowercase().contains("s3cret"), "{error:?}");
    }
}

proptest! {
    #[test]
    fn reading_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Fields::parse(&bytes);
        let _ = Fields::parse(&[b"<xml>", &bytes[..]].concat());
        let _ = Fields::parse(&[b"{\"", &bytes[..]].concat());
    }

    #[test]
    fn reading_anything_like_xml_never_panics(text in "(<|>|/|xml|Event|<!\\[CDATA\\[|\\]\\]>|&|;|!|\\?|-| |'|a){0,60}") {
        let _ = read(&text);
        let _ = read(&format!("<xml>{text}</xml>"));
    }
}
