#![allow(clippy::unwrap_used)]
use super::super::testing::principal;
use super::*;
use crate::domain::Account;
use crate::domain::Contact;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

fn config(change: impl FnOnce(&mut HeadersConfig)) -> HeadersConfig {
    let mut config = HeadersConfig::default();
    change(&mut config);
    config
}

fn all_on() -> HeadersConfig {
    config(|config| {
        config.username = "X-User-Username".into();
        config.phone = "X-User-Phone".into();
        config.email = "X-User-Email".into();
        config.avatar = "X-User-Avatar".into();
        config.method = "X-User-Method".into();
    })
}

fn rendered(config: &HeadersConfig, change: impl FnOnce(&mut Account)) -> Vec<(String, String)> {
    let headers = IdentityHeaders::new(config).unwrap();
    let text =
        |(name, value): (HeaderName, HeaderValue)| (name.to_string(), value.to_str().unwrap().to_owned());
    headers.render(&principal(change)).into_iter().map(text).collect()
}

fn value(name: &str, change: impl FnOnce(&mut Account)) -> Option<String> {
    rendered(&all_on(), change).into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

/// Acceptance: U8.
#[test]
fn an_app_gets_what_is_known_and_nothing_else() {
    let expected = pairs(&[
        ("x-user-id", "a1"),
        ("x-user-unionid", "u1"),
        ("x-user-openid", "o1"),
        ("x-user-appid", "wx1"),
        ("x-user-name", "Ann"),
    ]);
    assert_eq!(rendered(&HeadersConfig::default(), |_| ()), expected);
    let bare = rendered(&all_on(), |account| {
        account.identities.clear();
        account.profile.nickname = Some(String::new());
    });
    let expected = pairs(&[
        ("x-user-id", "a1"),
        ("x-user-openid", "o1"),
        ("x-user-appid", "wx1"),
        ("x-user-method", "qr"),
    ]);
    assert_eq!(bare, expected, "an unknown fact gives no header, not an empty one");
}

#[test]
fn every_fact_can_be_sent_under_a_name_of_the_operators() {
    let config = config(|config| {
        *config = all_on();
        config.username = "Remote-User".into();
        config.user_id = String::new();
        config.groups = "Remote_Groups".into();
    });
    let contact = |value: &str| Some(Contact { value: value.into(), verified: true });
    let got = rendered(&config, |account| {
        account.username = Some("ann".into());
        account.groups = vec!["staff".into(), "night shift".into()];
        account.phone = contact("+8613800000000");
        account.email = contact("ann@example.com");
        account.profile.avatar = Some("https://thirdwx.qlogo.cn/x/132".into());
    });
    let expected = pairs(&[
        ("x-user-unionid", "u1"),
        ("x-user-openid", "o1"),
        ("x-user-appid", "wx1"),
        ("x-user-name", "Ann"),
        ("remote-user", "ann"),
        ("remote_groups", "staff,night shift"),
        ("x-user-phone", "+8613800000000"),
        ("x-user-email", "ann@example.com"),
        ("x-user-avatar", "https://thirdwx.qlogo.cn/x/132"),
        ("x-user-method", "qr"),
    ]);
    assert_eq!(got, expected);
}

/// Acceptance: B6 in spirit: what is not verified is worth nothing to an app either.
#[test]
fn an_unverified_phone_or_email_is_never_sent() {
    let contact = || Some(Contact { value: "x".into(), verified: false });
    assert_eq!(value("x-user-phone", |account| account.phone = contact()), None);
    assert_eq!(value("x-user-email", |account| account.email = contact()), None);
}

#[test]
fn phone_and_email_never_print() {
    let headers = IdentityHeaders::new(&all_on()).unwrap();
    let rendered = headers.render(&principal(|account| {
        account.phone = Some(Contact { value: "+8613800000000".into(), verified: true });
    }));
    assert!(!format!("{rendered:?}").contains("138"));
}

/// Acceptance: U1.
#[rstest::rstest]
#[case("张三", "%E5%BC%A0%E4%B8%89")]
#[case("🐼", "%F0%9F%90%BC")]
#[case("100% Ann", "100%25 Ann")]
#[case(" a b ", "%20a b%20")]
#[case(" ", "%20")]
#[case("a\r\nX-User-ID: root", "a%0D%0AX-User-ID: root")]
#[case("a\0\u{7f}\u{85}", "a%00%7F%C2%85")]
#[case("a,b", "a,b")]
#[case("a+b", "a+b")]
fn any_nickname_becomes_a_legal_value(#[case] nickname: &str, #[case] encoded: &str) {
    let got = value("x-user-name", |account| account.profile.nickname = Some(nickname.into())).unwrap();
    assert_eq!(got, encoded);
    assert_eq!(percent_decode_str(&got).decode_utf8().unwrap(), nickname);
}

#[test]
fn without_a_nickname_the_user_name_is_shown() {
    let got = value("x-user-name", |account| {
        account.profile.nickname = None;
        account.username = Some("ann".into());
    });
    assert_eq!(got.as_deref(), Some("ann"));
}

#[test]
fn a_comma_inside_a_group_does_not_make_two_groups() {
    let groups = ["a,b", "", "员工", "c%2C"].map(String::from).to_vec();
    let got = value("x-user-groups", |account| account.groups = groups).unwrap();
    assert_eq!(got, "a%2Cb,%E5%91%98%E5%B7%A5,c%252C");
    let read: Vec<_> =
        got.split(',').map(|group| percent_decode_str(group).decode_utf8().unwrap().into_owned()).collect();
    assert_eq!(read, ["a,b", "员工", "c%2C"]);
}

#[test]
fn long_values_are_cut_where_that_is_harmless_and_left_out_where_not() {
    let long = "名".repeat(5000);
    let name = value("x-user-name", |account| account.profile.nickname = Some(long.clone())).unwrap();
    assert!(name.len() <= MAX_VALUE && name.len() > MAX_VALUE - 9);
    assert!(long.starts_with(&*percent_decode_str(&name).decode_utf8().unwrap()), "whole characters");

    let groups: Vec<_> = (0..2000).map(|n| format!("group-{n}")).collect();
    let value_of_groups = value("x-user-groups", |account| account.groups = groups.clone()).unwrap();
    assert!(value_of_groups.len() <= MAX_VALUE);
    assert!(value_of_groups.split(',').zip(&groups).all(|(got, group)| got == group), "whole groups");

    let endless = Some(format!("https://x/{}", "a".repeat(5000)));
    assert_eq!(value("x-user-avatar", |account| account.profile.avatar = endless), None);
}

/// Every character that HTTP allows in a header name besides letters and digits, and none.
const SEPARATORS: [&str; 16] =
    ["-", "_", ".", "!", "#", "$", "%", "&", "'", "*", "+", "^", "`", "|", "~", ""];

/// All ways of writing a name that a legacy app could take for it.
fn aliases(name: &str) -> Vec<String> {
    let mixed = |text: &str| {
        text.chars()
            .enumerate()
            .map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect::<String>()
    };
    let mut all = Vec::new();
    for separator in SEPARATORS {
        let text = name.replace('-', separator);
        all.extend([text.to_ascii_lowercase(), text.to_ascii_uppercase(), mixed(&text), text.clone()]);
        all.push(format!("{separator}{text}{separator}"));
        all.push(name.replacen('-', separator, 1));
    }
    all
}

/// Acceptance: U8.
#[test]
fn every_alias_of_every_reserved_name_is_taken_from_clients() {
    let config = config(|config| {
        config.user_id = "Remote-User".into();
        config.groups = "Remote-Groups".into();
        config.strip = vec!["X-Legacy-Login".into(), "X_Old_Admin".into(), "Authorization".into()];
    });
    let headers = IdentityHeaders::new(&config).unwrap();
    let own = ["Remote-User", "Remote-Groups", "X-Legacy-Login", "X-Old-Admin", "Authorization"];
    let hop = ["X-Menshen-Client-IP", "X-Menshen-Anything", "X-Menshen"];
    for name in WELL_KNOWN.iter().chain(&own).chain(&hop) {
        for alias in aliases(name) {
            assert!(headers.is_reserved(&alias), "{alias}");
            assert!(
                HeaderName::from_bytes(alias.as_bytes()).is_ok(),
                "{alias} is a name that a client can send"
            );
        }
    }
    let endless = format!("X-Menshen-{}", "x".repeat(300));
    assert!(headers.is_reserved(&endless));
}

#[test]
fn names_that_only_look_alike_pass() {
    let headers = IdentityHeaders::new(&all_on()).unwrap();
    let other = [
        "X-User",
        "X-User-I",
        "X-User-IDs",
        "X-Users-ID",
        "X-User-ID2",
        "User-ID",
        "XX-User-ID",
        "X-User-IP",
        "X-User-Agent",
        "User-Agent",
        "Accept",
        "Cookie",
        "Host",
        "Authorization",
        "Remote-User",
        "X-Request-ID",
        "Menshen",
        "X-Mensh",
        "",
        "-",
    ];
    for name in other {
        assert!(!headers.is_reserved(name), "{name}");
    }
    assert!(!headers.is_reserved(&format!("X-User-ID{}", "x".repeat(300))));
}

#[test]
fn a_header_that_is_off_or_renamed_is_still_taken_from_clients() {
    let config = config(|config| {
        config.user_id = "Remote-User".into();
        config.groups = String::new();
        config.assertion = String::new();
    });
    let headers = IdentityHeaders::new(&config).unwrap();
    assert!(headers.is_reserved("X-User-ID") && headers.is_reserved("x_user_groups"));
    assert!(headers.is_reserved("X-User-Assertion") && headers.is_reserved("X-User-Phone"));
    assert_eq!(headers.assertion_name(), None);
    let default = IdentityHeaders::new(&HeadersConfig::default()).unwrap();
    assert_eq!(default.assertion_name().unwrap(), "x-user-assertion");
}

#[rstest::rstest]
#[case("X User")]
#[case("X-User:")]
#[case("名")]
#[case("X-User\r\nX")]
#[case("---")]
#[case("Host")]
#[case("host_")]
#[case("Cookie")]
#[case("Authorization")]
#[case("Content-Length")]
#[case("content_length")]
#[case("Connection")]
#[case("Transfer-Encoding")]
#[case("Upgrade")]
#[case("TE")]
#[case("X-Forwarded-For")]
#[case("X-Real-IP")]
#[case("X-Menshen-User")]
#[case("X-Request-ID")]
#[case(&"x".repeat(65))]
fn a_name_that_would_break_requests_is_a_problem(#[case] name: &str) {
    let problems = IdentityHeaders::new(&config(|config| config.user_id = name.into())).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].0, "user_id");
    assert!(problems[0].1.contains(name), "{problems:?}");
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = IdentityHeaders::new(&config(|config| {
        config.union_id = "x_user.id".into();
        config.name = "Host".into();
        config.strip = vec!["Content-Length".into(), "X-Fine".into(), "not a name".into()];
    }))
    .unwrap_err();
    let keys: Vec<_> = problems.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["union_id", "name", "strip", "strip"]);
    assert!(problems[0].1.contains("`user_id`"), "{problems:?}");
}

#[test]
fn the_config_is_read_and_unknown_keys_are_refused() {
    let config: HeadersConfig = toml::from_str("user_id = \"Remote-User\"\nstrip = [\"X-Old\"]").unwrap();
    assert_eq!((config.user_id.as_str(), config.name.as_str()), ("Remote-User", "X-User-Name"));
    assert!(toml::from_str::<HeadersConfig>("userid = \"x\"").is_err());
}

proptest! {
    #[test]
    fn every_value_is_legal_bounded_and_readable(
        nickname in "\\PC{0,40}|(?s).{0,40}", groups in proptest::collection::vec("(?s).{0,12}", 0..6)
    ) {
        let (name, list) = (nickname.clone(), groups.clone());
        let got = rendered(&all_on(), |account| {
            account.profile.nickname = Some(name);
            account.groups = list;
        });
        let find = |name: &str| got.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        for (_, value) in &got {
            prop_assert!(!value.is_empty() && value.len() <= MAX_VALUE && value.trim() == value);
        }
        let read = find("x-user-name").unwrap_or_default();
        prop_assert_eq!(percent_decode_str(&read).decode_utf8().unwrap(), nickname);
        let read: Vec<_> = find("x-user-groups").iter().flat_map(|value| value.split(','))
            .map(|group| percent_decode_str(group).decode_utf8().unwrap().into_owned()).collect();
        let expected: Vec<_> = groups.into_iter().filter(|group| !group.is_empty()).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn a_name_is_reserved_exactly_by_its_letters_and_digits(name in "[xX][-_.~]?[uU]ser[-_.!]{0,2}[a-zA-Z]{0,8}") {
        let headers = IdentityHeaders::new(&HeadersConfig::default()).unwrap();
        let expected = WELL_KNOWN.iter().any(|known| fold(known) == fold(&name));
        prop_assert_eq!(headers.is_reserved(&name), expected);
    }
}
