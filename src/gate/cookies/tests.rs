#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn token(byte: u8) -> Token {
    Token::parse(text(byte).as_bytes()).unwrap()
}

fn text(byte: u8) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([byte; 32])
}

fn cookies() -> Cookies {
    Cookies::new(DEFAULT_NAME, true)
}

fn found(headers: &[&str]) -> Vec<String> {
    let headers = headers.iter().map(|header| header.as_bytes());
    cookies().session_tokens(headers).iter().map(Token::reveal).collect()
}

fn stripped(headers: &[&str]) -> Option<String> {
    let kept = cookies().strip_own(headers.iter().map(|header| header.as_bytes()));
    kept.map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn a_session_cookie_is_bound_to_its_host_on_https() {
    let cookies = cookies();
    let value = cookies.set_session(&token(1), Span::from_days(14));
    let expected =
        format!("__Host-menshen={}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1209600", text(1));
    assert_eq!(value.to_str().unwrap(), expected);
    assert!(value.is_sensitive(), "a token never prints");
    let browser = cookies.set_browser(&token(2));
    assert!(browser.to_str().unwrap().starts_with("__Host-menshen-browser="));
    assert!(browser.to_str().unwrap().contains("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400"));
}

#[test]
fn a_session_cookie_is_taken_back() {
    let value = cookies().clear_session();
    let text = value.to_str().unwrap();
    assert!(text.starts_with("__Host-menshen=;"), "{text}");
    assert!(text.contains("Max-Age=0"), "{text}");
    assert!(text.contains("Expires=Thu, 01 Jan 1970 00:00:00 GMT"), "{text}");
    assert!(text.contains("Path=/") && text.contains("Secure"), "{text}");
}

#[test]
fn on_plain_http_the_cookies_have_plain_names() {
    let cookies = Cookies::new("sid", false);
    assert_eq!((cookies.session_name(), cookies.browser_name()), ("sid", "sid-browser"));
    assert!(!cookies.set_session(&token(1), Span::from_secs(1)).to_str().unwrap().contains("Secure"));
}

#[rstest::rstest]
#[case("__Host-mine", "__Host-mine")]
#[case("mine", "__Host-mine")]
#[case("", "__Host-menshen")]
#[case("a b", "__Host-menshen")]
#[case("a;Domain=x", "__Host-menshen")]
#[case("名", "__Host-menshen")]
fn an_unusable_cookie_name_is_replaced(#[case] given: &str, #[case] used: &str) {
    assert_eq!(Cookies::new(given, true).session_name(), used);
}

/// A broken cookie is no cookie, and a cookie planted by a sibling host does not hide the real one.
#[test]
fn every_well_formed_candidate_is_found_in_order() {
    let (a, b) = (text(1), text(2));
    assert_eq!(found(&[&format!("x=1; __Host-menshen={a}; y=2")]), [a.as_str()]);
    assert_eq!(found(&[&format!("__Host-menshen=\"{a}\"")]), [a.as_str()]);
    assert_eq!(found(&[&format!(" __Host-menshen = {a} ;")]), [a.as_str()]);
    assert_eq!(found(&["x=1", &format!("__Host-menshen={a}")]), [a.as_str()], "split into lines by h2");
    let planted = format!("__Host-menshen=junk; __Host-menshen={b}; __Host-menshen={a}; __Host-menshen={b}");
    assert_eq!(found(&[&planted]), [b, a]);
}

#[rstest::rstest]
#[case("")]
#[case("__Host-menshen")]
#[case("__Host-menshen=")]
#[case("__Host-menshen=\"")]
#[case("__Host-menshen=AAAA")]
#[case("__host-menshen=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")]
#[case("menshen=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")]
#[case("__Host-menshen=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF")]
#[case("__Host-menshen=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEx")]
#[case("__Host-menshen=\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")]
#[case("__Host-menshen=%41QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")]
fn a_malformed_cookie_is_no_cookie(#[case] header: &str) {
    assert_eq!(found(&[header]), [""; 0]);
}

#[test]
fn candidates_are_bounded_in_count_and_size() {
    let many: Vec<_> = (0..100).map(|n| format!("__Host-menshen={}", text(n))).collect();
    assert_eq!(found(&[&many.join("; ")]).len(), MAX_CANDIDATES);
    let far = format!("{}; __Host-menshen={}", "x=1; ".repeat(20_000), text(1));
    assert_eq!(found(&[&far]).len(), 0);
}

#[test]
fn the_browser_token_is_the_first_well_formed_one() {
    let header =
        format!("__Host-menshen-browser=x; __Host-menshen-browser={}; __Host-menshen={}", text(1), text(2));
    let found = cookies().browser_token([header.as_bytes()].into_iter()).unwrap();
    assert_eq!(found.reveal(), text(1));
}

#[rstest::rstest]
#[case(&["a=1; b=2"], Some("a=1; b=2"))]
#[case(&["__Host-menshen=x"], None)]
#[case(&["__Host-menshen=x; __Host-menshen-browser=y"], None)]
#[case(&[" __Host-menshen=x ; "], None)]
#[case(&["__Host-menshen"], None)]
#[case(&["a=1; __Host-menshen=x; b=2"], Some("a=1; b=2"))]
#[case(&["__Host-menshen=x; a=1"], Some("a=1"))]
#[case(&["a=1; __Host-menshen=x"], Some("a=1"))]
#[case(&["a=1;__Host-menshen=x;b=2;"], Some("a=1;b=2"))]
#[case(&["a=1;;  b=\"2 3\" ;c"], Some("a=1;;  b=\"2 3\" ;c"))]
#[case(&["a=1", "__Host-menshen=x", "b=2"], Some("a=1; b=2"))]
#[case(&["__Host-menshen=x", "b=2"], Some("b=2"))]
#[case(&["a=__Host-menshen=x"], Some("a=__Host-menshen=x"))]
#[case(&["__Host-menshen2=x; menshen=y"], Some("__Host-menshen2=x; menshen=y"))]
#[case(&[""], None)]
#[case(&[], None)]
fn our_cookies_never_reach_the_upstream(#[case] headers: &[&str], #[case] kept: Option<&str>) {
    assert_eq!(stripped(headers).as_deref(), kept);
}

#[rstest::rstest]
#[case(&["Bearer TOKEN"], true)]
#[case(&["bearer   TOKEN "], true)]
#[case(&["Bearer TOKEN", "Bearer TOKEN"], false)]
#[case(&["Bearer TOKEN", "Basic eDp5"], false)]
#[case(&["Bearer"], false)]
#[case(&["Bearer "], false)]
#[case(&["BearerTOKEN"], false)]
#[case(&["Basic TOKEN"], false)]
#[case(&["Bearer TOKEN, Bearer TOKEN"], false)]
#[case(&["Bearer eyJhbGciOiJFUzI1NiJ9.e30.x"], false)]
#[case(&[], false)]
fn one_bearer_of_our_shape_is_a_token(#[case] lines: &[&str], #[case] taken: bool) {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, HeaderValue::try_from(line.replace("TOKEN", &text(7))).unwrap());
    }
    assert_eq!(bearer(&headers).map(|token| token.reveal()), taken.then(|| text(7)));
}

/// A cookie of somebody else: no separator, and not ours.
fn foreign() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no separator", |byte| *byte != b';');
    proptest::collection::vec(byte, 1..20)
        .prop_map(|bytes| bytes.trim_ascii().to_vec())
        .prop_filter("not ours, not empty", |part| !part.is_empty() && !cookies().is_own(part))
}

fn own() -> impl Strategy<Value = Vec<u8>> {
    "__Host-menshen(-browser)?(=[a-zA-Z0-9\"=]{0,50})?".prop_map(String::into_bytes)
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(headers in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..80), 0..4
    )) {
        let lines = || headers.iter().map(Vec::as_slice);
        let _ = cookies().session_tokens(lines());
        let _ = cookies().browser_token(lines());
        let _ = cookies().strip_own(lines());
    }

    #[test]
    fn headers_without_ours_are_kept_byte_for_byte(headers in proptest::collection::vec(
        proptest::collection::vec(foreign(), 1..4).prop_map(|parts| parts.join(&b"; "[..])), 1..4
    )) {
        let kept = cookies().strip_own(headers.iter().map(Vec::as_slice)).unwrap();
        prop_assert_eq!(kept, headers.join(&b"; "[..]));
    }

    #[test]
    fn exactly_ours_are_removed(headers in proptest::collection::vec(
        proptest::collection::vec(prop_oneof![
            foreign().prop_map(|part| (part, false)),
            own().prop_map(|part| (part, true)),
        ], 1..6), 1..4
    )) {
        let line = |parts: &Vec<(Vec<u8>, bool)>| {
            parts.iter().map(|(part, _)| part.clone()).collect::<Vec<_>>().join(&b"; "[..])
        };
        let lines: Vec<_> = headers.iter().map(line).collect();
        let rest: Vec<_> =
            headers.iter().flatten().filter(|(_, ours)| !ours).map(|(part, _)| part.clone()).collect();
        let expected = (!rest.is_empty()).then(|| rest.join(&b"; "[..]));
        prop_assert_eq!(cookies().strip_own(lines.iter().map(Vec::as_slice)), expected);
    }
}
