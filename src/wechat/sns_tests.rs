//! How the answers of the login calls are read; the calls themselves are tested over sockets.

#![allow(clippy::unwrap_used)]
use super::*;
use rstest::rstest;

fn token(json: &str) -> Result<SnsToken, Unreadable> {
    SnsToken::read(&Answer::parse(json.as_bytes()).unwrap())
}

fn info(json: &str, token: &SnsToken) -> Result<UserInfo, Unreadable> {
    UserInfo::read(&Answer::parse(json.as_bytes()).unwrap(), token)
}

fn alice() -> SnsToken {
    token(r#"{"access_token":"AT","expires_in":7200,"openid":"oAlice","scope":"snsapi_login","unionid":"uAlice"}"#)
        .unwrap()
}

#[test]
fn a_full_token_answer_is_read() {
    let token = token(
        r#"{"access_token":"AT","expires_in":"7200","refresh_token":"RT","openid":"o-A_1",
            "scope":"snsapi_base,snsapi_userinfo","is_snapshotuser":1,"unionid":"u1","new_field":[{}]}"#,
    )
    .unwrap();
    assert_eq!((token.openid.as_str(), token.unionid.as_deref()), ("o-A_1", Some("u1")));
    assert_eq!((token.access_token.reveal(), token.refresh_token.unwrap().reveal()), ("AT", "RT"));
    assert_eq!(token.scopes, ["snsapi_base", "snsapi_userinfo"]);
    assert!(token.snapshot);
    assert_eq!(token.expires_in, Span::from_secs(7200));
}

#[rstest]
#[case(r#"{"openid":"o1"}"#)]
#[case(r#"{"access_token":"","openid":"o1"}"#)]
#[case(r#"{"access_token":"AT"}"#)]
#[case(r#"{"access_token":"AT","openid":""}"#)]
#[case(r#"{"access_token":"AT","openid":17}"#)]
#[case(r#"{"access_token":"AT","openid":"o 1"}"#)]
#[case(r#"{"access_token":"AT","openid":"o\u00001"}"#)]
#[case(r#"{"access_token":"AT","openid":"o1","unionid":"ü"}"#)]
#[case(r#"{"access_token":["AT"],"openid":"o1"}"#)]
fn an_answer_without_a_sound_identity_or_token_is_refused(#[case] json: &str) {
    assert!(token(json).is_err());
}

#[test]
fn an_empty_unionid_is_none() {
    let token = token(r#"{"access_token":"AT","openid":"o1","unionid":"","is_snapshotuser":0}"#).unwrap();
    assert_eq!(token.unionid, None);
    assert!(!token.snapshot && token.scopes.is_empty() && token.expires_in == Span::from_secs(0));
}

#[test]
fn a_token_never_prints_itself() {
    let text = format!("{:?}", alice());
    assert!(text.contains("oAlice") && !text.contains("\"AT\""), "{text}");
}

#[test]
fn a_real_profile_with_escaped_slashes_and_emoji_is_read() {
    let json = r#"{"openid":"oAlice","nickname":" 爱丽丝👩‍👧\u0007|\"x\" ","sex":0,"language":"","city":"","province":"",
        "country":"","headimgurl":"https:\/\/thirdwx.qlogo.cn\/mmopen\/vi_32\/abc\/132","privilege":[],"unionid":"uAlice"}"#;
    let profile = info(json, &alice()).unwrap();
    assert_eq!(profile.nickname.as_deref(), Some("爱丽丝👩‍👧|\"x\""));
    assert_eq!(profile.avatar.as_deref(), Some("https://thirdwx.qlogo.cn/mmopen/vi_32/abc/132"));
    assert_eq!((profile.sex, profile.language, profile.city), (None, None, None));
}

#[rstest]
#[case("1", Some(Sex::Male))]
#[case("\"2\"", Some(Sex::Female))]
#[case("0", None)]
#[case("\"\"", None)]
#[case("null", None)]
fn sex_is_a_number_or_a_text(#[case] value: &str, #[case] expected: Option<Sex>) {
    assert_eq!(info(&format!(r#"{{"openid":"oAlice","sex":{value}}}"#), &alice()).unwrap().sex, expected);
}

#[test]
fn a_profile_of_somebody_else_is_refused() {
    for json in [r#"{"openid":"oBob"}"#, r#"{"openid":"oalice"}"#, r#"{"openid":"oAlice","unionid":"uBob"}"#]
    {
        assert!(matches!(info(json, &alice()), Err(Unreadable::SomebodyElse(_))), "{json}");
    }
}

#[rstest]
#[case("javascript:alert(1)")]
#[case("data:image/png;base64,AA")]
#[case("/0")]
#[case("")]
fn an_avatar_is_a_web_address_or_none(#[case] address: &str) {
    let profile = info(&format!(r#"{{"openid":"oAlice","headimgurl":"{address}"}}"#), &alice()).unwrap();
    assert_eq!(profile.avatar, None);
}
