//! Browser addresses byte for byte, and every form of callback that has been seen.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use rstest::rstest;
use url::Url;

const OPEN: &str = "https://open.weixin.qq.com";
const BACK: &str = "https://auth.example.com/_menshen/callback/site?a=b&c=门";
const BACK_ENCODED: &str =
    "https%3A%2F%2Fauth.example.com%2F_menshen%2Fcallback%2Fsite%3Fa%3Db%26c%3D%E9%97%A8";

#[test]
fn the_full_qr_page_has_the_documented_order() {
    let url = qrconnect_url(OPEN, "wx01", BACK, "s1", QrOptions::default());
    let expected = format!(
        "{OPEN}/connect/qrconnect?appid=wx01&redirect_uri={BACK_ENCODED}&response_type=code&scope=snsapi_login\
         &state=s1#wechat_redirect"
    );
    assert_eq!(url, expected);
    let english =
        qrconnect_url(OPEN, "wx01", BACK, "s1", QrOptions { lang: QrLang::En, ..QrOptions::default() });
    assert!(english.ends_with("&state=s1&lang=en#wechat_redirect"), "{english}");
}

#[test]
fn the_embedded_qr_page_is_what_wechats_script_asks_for() {
    let plain = QrOptions { embedded: true, ..QrOptions::default() };
    let begin = format!(
        "{OPEN}/connect/qrconnect?appid=wx01&scope=snsapi_login&redirect_uri={BACK_ENCODED}&state=s1\
         &login_type=jssdk&self_redirect="
    );
    let url = qrconnect_url(OPEN, "wx01", BACK, "s1", plain);
    assert_eq!(url, format!("{begin}default&styletype=&sizetype=&bgcolor=&rst=#wechat_redirect"));
    let all = QrOptions {
        embedded: true,
        self_redirect: Some(true),
        stylelite: true,
        no_fast_login: true,
        style: Some(QrStyle::White),
        href: Some("https://x.example/a.css"),
        lang: QrLang::En,
    };
    let expected = format!(
        "{begin}true&styletype=&sizetype=&bgcolor=&rst=&style=white&href=https%3A%2F%2Fx.example%2Fa.css&lang=en\
         &stylelite=1&fast_login=0#wechat_redirect"
    );
    assert_eq!(qrconnect_url(OPEN, "wx01", BACK, "s1", all), expected);
}

#[test]
fn the_address_inside_wechat_has_the_checked_order_and_fragment() {
    let url =
        oauth2_authorize_url("https://open.weixin.qq.com/", "wx01", BACK, OAuthScope::Base, "s1", false);
    let begin =
        format!("{OPEN}/connect/oauth2/authorize?appid=wx01&redirect_uri={BACK_ENCODED}&response_type=code");
    assert_eq!(url, format!("{begin}&scope=snsapi_base&state=s1#wechat_redirect"));
    let popup = oauth2_authorize_url(OPEN, "wx01", BACK, OAuthScope::UserInfo, "s1", true);
    assert_eq!(popup, format!("{begin}&scope=snsapi_userinfo&state=s1&forcePopup=true#wechat_redirect"));
}

#[rstest]
#[case("a", true)]
#[case("Az09", true)]
#[case("", false)]
#[case("a-b", false)]
#[case("a_b", false)]
#[case("é", false)]
#[case("a b", false)]
fn a_state_is_letters_and_digits(#[case] state: &str, #[case] valid: bool) {
    assert_eq!(is_valid_state(state), valid);
}

#[test]
fn a_state_has_at_most_128_bytes_and_a_code_512() {
    assert!(is_valid_state(&"a".repeat(128)) && !is_valid_state(&"a".repeat(129)));
    assert!(is_valid_code(&"a".repeat(512)) && !is_valid_code(&"a".repeat(513)));
}

fn agreed(code: &str, state: &str) -> CallbackAnswer {
    CallbackAnswer::Code { code: Secret::new(code), state: state.into() }
}

fn denied(state: Option<&str>) -> CallbackAnswer {
    CallbackAnswer::Denied { state: state.map(Into::into) }
}

#[rstest]
#[case("code=051InR&state=s1", agreed("051InR", "s1"))]
#[case("state=s1&code=051InR", agreed("051InR", "s1"))]
#[case("from=x&code=051InR&state=s1&reason=", agreed("051InR", "s1"))]
#[case("code=a%2Bb%26&state=s1", agreed("a+b&", "s1"))]
fn an_agreement_is_read(#[case] query: &str, #[case] expected: CallbackAnswer) {
    assert_eq!(CallbackAnswer::parse(query), expected);
}

#[rstest]
#[case::website("state=s1", denied(Some("s1")))]
#[case::empty_code("code=&state=s1", denied(Some("s1")))]
#[case::word("code=authdeny&state=s1", denied(Some("s1")))]
#[case::word_without_state("code=authdeny", denied(None))]
#[case::word_with_reason("state=&code=authdeny&reason=cancel", denied(None))]
#[case::empty_state("code=051InR&state=", denied(None))]
#[case::no_state("code=051InR", denied(None))]
#[case::nothing("", denied(None))]
fn every_form_of_refusal_is_a_refusal(#[case] query: &str, #[case] expected: CallbackAnswer) {
    assert_eq!(CallbackAnswer::parse(query), expected);
}

#[rstest]
#[case::two_codes("code=a&code=b&state=s1")]
#[case::the_same_code_twice("code=a&state=s1&code=a")]
#[case::a_disguised_second_code("code=a&state=s1&c%6fde=b")]
#[case::two_states("code=a&state=s1&state=s2")]
#[case::an_empty_second_state("code=a&state=s1&state")]
#[case::a_refusal_and_a_code("code=authdeny&code=a&state=s1")]
#[case::control_characters("code=a%0d%0ab&state=s1")]
#[case::a_space("code=a+b&state=s1")]
#[case::beyond_ascii("code=%E9%97%A8&state=s1")]
#[case::state_beyond_letters("code=a&state=s-1")]
#[case::refusal_with_foreign_state("state=%3Cscript%3E")]
fn what_wechat_never_sends_is_malformed(#[case] query: &str) {
    assert!(matches!(CallbackAnswer::parse(query), CallbackAnswer::Malformed(_)), "{query}");
}

#[test]
fn sizes_are_bounded() {
    for query in
        [format!("code={}&state=s", "a".repeat(513)), format!("state={}", "a".repeat(129)), "&".repeat(9000)]
    {
        assert!(matches!(CallbackAnswer::parse(&query), CallbackAnswer::Malformed(_)));
    }
}

#[test]
fn an_answer_never_prints_its_code() {
    assert!(!format!("{:?}", CallbackAnswer::parse("code=051InRkl&state=s1")).contains("051InRkl"));
}

proptest! {
    #[test]
    fn reading_any_query_never_panics_and_gives_sound_parts(query in "(code|state|[&=%+0-9a-fA-F]|.){0,60}") {
        if let CallbackAnswer::Code { code, state } = CallbackAnswer::parse(&query) {
            prop_assert!(is_valid_code(code.reveal()) && is_valid_state(&state));
        }
    }

    #[test]
    fn addresses_give_back_the_values_they_were_made_of(
        app in "\\PC{1,20}", back in any::<String>(), state in any::<String>(), popup: bool, embedded: bool,
    ) {
        let options = QrOptions { embedded, href: Some(&back), ..QrOptions::default() };
        for text in [
            oauth2_authorize_url(OPEN, &app, &back, OAuthScope::UserInfo, &state, popup),
            qrconnect_url(OPEN, &app, &back, &state, options),
        ] {
            let url = Url::parse(&text).unwrap();
            prop_assert_eq!(url.fragment(), Some("wechat_redirect"));
            prop_assert_eq!(url.as_str(), &text);
            for (name, value) in [("appid", &app), ("redirect_uri", &back), ("state", &state)] {
                let found: Vec<_> = url.query_pairs().filter(|(key, _)| key == name).collect();
                prop_assert_eq!(found.len(), 1);
                prop_assert_eq!(&*found[0].1, value);
            }
        }
    }
}
