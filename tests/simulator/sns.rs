//! `sns/*` over the wire: layouts, numbers, headers.

use menshen::ground::Span;
use menshen::simulator::{DEMO_SERVICE_SECRET, Trace, WrongSecret};
use rstest::rstest;
use serde_json::{Value, json};

use crate::bench::{Bench, MOBILE, SERVICE, UNBOUND, WEBSITE};

/// Item 1: status 200, `text/plain` without charset, slashes escaped, keys in WeChat's order, no errcode.
#[tokio::test]
async fn answers_look_like_wechats() {
    let bench = Bench::start().await;
    let code = bench.handle.code_for(SERVICE, "lina", "snsapi_userinfo").unwrap();
    let token = bench.exchange(SERVICE, &code).await;
    let keys: Vec<_> = token.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["access_token", "expires_in", "openid", "refresh_token", "scope", "unionid"]);
    assert_eq!(token["expires_in"], 7200);

    let (access, openid) = (token["access_token"].as_str().unwrap(), token["openid"].as_str().unwrap());
    let response = bench.get(&format!("/sns/userinfo?access_token={access}&openid={openid}")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/plain");
    let body = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
    let picture = format!("{}/mmopen/vi_32/lina/132", bench.simulator.base_url()).replace('/', "\\/");
    let unionid = bench.handle.unionid(SERVICE, "lina").unwrap();
    let expected = format!(
        r#"{{"openid":"{openid}","nickname":"李娜🌸","sex":0,"language":"","city":"","province":"","country":"","headimgurl":"{picture}","privilege":[],"unionid":"{unionid}"}}"#
    );
    assert_eq!(body, expected);
}

/// Items 1, 2: every error is 200 with a number and a traced text.
#[rstest]
#[case("/sns/oauth2/access_token", 41002)]
#[case(&format!("/sns/oauth2/access_token?appid={SERVICE}"), 41004)]
#[case(&format!("/sns/oauth2/access_token?appid={SERVICE}&secret=x"), 41008)]
#[case(&format!("/sns/oauth2/access_token?appid={SERVICE}&secret=x&code=y"), 40002)]
#[case("/sns/oauth2/access_token?appid=wxffff&secret=x&code=y&grant_type=authorization_code", 40013)]
#[case(&format!("/sns/oauth2/access_token?appid={SERVICE}&secret=x&code=y&grant_type=authorization_code"), 40125)]
#[case(&format!("/sns/oauth2/access_token?appid={SERVICE}&secret={DEMO_SERVICE_SECRET}&code=y&grant_type=authorization_code"), 40029)]
#[case("/sns/oauth2/refresh_token", 41002)]
#[case(&format!("/sns/oauth2/refresh_token?appid={SERVICE}"), 41003)]
#[case(&format!("/sns/oauth2/refresh_token?appid={SERVICE}&refresh_token=x"), 40002)]
#[case("/sns/oauth2/refresh_token?appid=wxffff&refresh_token=x&grant_type=refresh_token", 40013)]
#[case(&format!("/sns/oauth2/refresh_token?appid={SERVICE}&refresh_token=x&grant_type=refresh_token"), 40030)]
#[case("/sns/auth", 41001)]
#[case("/sns/auth?access_token=x", 41009)]
#[case("/sns/auth?access_token=x&openid=o", 40014)]
#[case("/sns/userinfo?access_token=93_0123456789012345678901234567890&openid=o", 40001)]
#[tokio::test]
async fn wrong_calls_are_answered_with_their_number(#[case] path: &str, #[case] errcode: i64) {
    let bench = Bench::start().await;
    let answer = bench.json(path).await;
    assert_eq!(answer["errcode"], errcode);
    let errmsg = answer["errmsg"].as_str().unwrap();
    assert!(errmsg.contains(" rid: 6553f100-"), "the trace begins with the time: {errmsg}");
    assert_eq!(answer.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn a_post_is_refused_with_a_number() {
    let bench = Bench::start().await;
    let answer =
        bench.client.post(bench.url("/sns/auth")).send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(answer["errcode"], 43001);
}

/// Item 9.
#[tokio::test]
async fn a_code_is_good_for_one_app_once() {
    let bench = Bench::start().await;
    let code = bench.handle.code_for(WEBSITE, "zhang", "snsapi_login").unwrap();
    assert_eq!(bench.exchange(SERVICE, &code).await["errcode"], 40029);
    assert!(bench.exchange(WEBSITE, &code).await["access_token"].is_string());
    assert_eq!(bench.exchange(WEBSITE, &code).await["errcode"], 40163);
}

/// Item 9: five minutes for a service account, ten for a website or mobile app.
#[rstest]
#[case(SERVICE, "snsapi_userinfo", 5)]
#[case(WEBSITE, "snsapi_login", 10)]
#[case(MOBILE, "snsapi_userinfo", 10)]
#[tokio::test]
async fn codes_expire_by_kind_of_app(#[case] app_id: &str, #[case] scope: &str, #[case] minutes: u64) {
    let bench = Bench::start().await;
    let on_time = bench.handle.code_for(app_id, "zhang", scope).unwrap();
    let late = bench.handle.code_for(app_id, "zhang", scope).unwrap();
    bench.clock.advance(Span::from_secs(minutes * 60 - 1));
    assert!(bench.exchange(app_id, &on_time).await["openid"].is_string());
    bench.handle.advance(Span::from_secs(1));
    assert_eq!(bench.exchange(app_id, &late).await["errcode"], 40029);
    bench.handle.set_expired_code(menshen::simulator::ExpiredCode::Expired);
    assert_eq!(bench.exchange(app_id, &late).await["errcode"], 42003);
}

/// Section 17 of the reference: where a UnionID appears.
#[rstest]
#[case(SERVICE, "zhang", "snsapi_base", false, None)]
#[case(SERVICE, "zhang", "snsapi_userinfo", true, Some(true))]
#[case(SERVICE, "wang", "snsapi_userinfo", false, Some(false))]
#[case(UNBOUND, "zhang", "snsapi_userinfo", false, Some(false))]
#[case(WEBSITE, "zhang", "snsapi_login", true, Some(true))]
#[case(MOBILE, "zhang", "snsapi_userinfo", true, Some(true))]
#[tokio::test]
async fn unionids_appear_where_the_table_says(
    #[case] app_id: &str,
    #[case] person: &str,
    #[case] scope: &str,
    #[case] in_token: bool,
    #[case] in_userinfo: Option<bool>,
) {
    let bench = Bench::start().await;
    let code = bench.handle.code_for(app_id, person, scope).unwrap();
    let token = bench.exchange(app_id, &code).await;
    assert_eq!(token.get("unionid").is_some(), in_token, "{token}");
    let info = bench.userinfo(&token).await;
    match in_userinfo {
        Some(expected) => assert_eq!(info.get("unionid").is_some(), expected, "{info}"),
        None => assert_eq!(info["errcode"], 48001),
    }
    let refresh = token["refresh_token"].as_str().unwrap();
    let path =
        format!("/sns/oauth2/refresh_token?appid={app_id}&grant_type=refresh_token&refresh_token={refresh}");
    let refreshed = bench.json(&path).await;
    assert_eq!(refreshed["access_token"], token["access_token"]);
    assert!(refreshed.get("unionid").is_none());
}

#[tokio::test]
async fn people_share_a_unionid_across_apps_and_it_can_be_changed() {
    let bench = Bench::start().await;
    let of = |app_id| bench.handle.unionid(app_id, "zhang");
    assert!(of(WEBSITE).is_some());
    assert_eq!(of(WEBSITE), of(SERVICE));
    assert_ne!(bench.handle.openid(WEBSITE, "zhang"), bench.handle.openid(SERVICE, "zhang"));
    bench.handle.set_unionid("zhang", Some("oFixed".into())).unwrap();
    assert_eq!(of(WEBSITE).as_deref(), Some("oFixed"));
    bench.handle.set_unionid("zhang", None).unwrap();
    let code = bench.handle.code_for(WEBSITE, "zhang", "snsapi_login").unwrap();
    assert!(bench.exchange(WEBSITE, &code).await.get("unionid").is_none());
}

/// Item 10.
#[tokio::test]
async fn a_token_is_checked_expires_and_is_revoked() {
    let bench = Bench::start().await;
    let code = bench.handle.code_for(WEBSITE, "zhang", "snsapi_login").unwrap();
    let token = bench.exchange(WEBSITE, &code).await;
    let (access, openid) = (token["access_token"].as_str().unwrap(), token["openid"].as_str().unwrap());
    let auth = format!("/sns/auth?access_token={access}&openid={openid}");
    assert_eq!(bench.json(&auth).await, json!({"errcode": 0, "errmsg": "ok"}));
    let other = bench.handle.openid(WEBSITE, "lina");
    assert_eq!(
        bench.json(&format!("/sns/auth?access_token={access}&openid={other}")).await["errcode"],
        40003
    );
    bench.handle.advance(Span::from_secs(7200));
    assert_eq!(bench.json(&auth).await["errcode"], 42001);
    assert_eq!(bench.handle.revoke("zhang").unwrap(), 1);
    assert_eq!(bench.json(&auth).await["errcode"], 42007);
}

/// Item 10: 180 calls a minute for one OpenID.
#[tokio::test]
async fn too_many_calls_for_one_person_are_refused_for_a_while() {
    let bench = Bench::start().await;
    let code = bench.handle.code_for(WEBSITE, "zhang", "snsapi_login").unwrap();
    let token = bench.exchange(WEBSITE, &code).await;
    for _ in 0..179 {
        assert!(bench.userinfo(&token).await["openid"].is_string());
    }
    assert_eq!(bench.userinfo(&token).await["errcode"], 45011);
    let code = bench.handle.code_for(WEBSITE, "lina", "snsapi_login").unwrap();
    assert!(bench.exchange(WEBSITE, &code).await["openid"].is_string(), "another person is not concerned");
    bench.clock.advance(Span::from_mins(1));
    assert!(bench.userinfo(&token).await["openid"].is_string());
}

#[tokio::test]
async fn variants_of_texts_and_secrets_can_be_switched() {
    let bench = Bench::start().await;
    bench.handle.set_trace(Trace::Hints);
    let answer = bench.json("/sns/auth").await;
    assert!(answer["errmsg"].as_str().unwrap().starts_with("access_token missing, hints: [ req_id: "));
    bench.handle.set_wrong_secret(WrongSecret::InvalidCredential);
    let path =
        format!("/sns/oauth2/access_token?appid={SERVICE}&secret=x&code=y&grant_type=authorization_code");
    assert_eq!(bench.json(&path).await["errcode"], 40001);
}

#[tokio::test]
async fn a_person_without_picture_and_name_has_empty_fields() {
    let bench = Bench::start().await;
    let code = bench.handle.code_for(WEBSITE, "nemo", "snsapi_login").unwrap();
    let info = bench.userinfo(&bench.exchange(WEBSITE, &code).await).await;
    assert_eq!((&info["nickname"], &info["headimgurl"]), (&json!(""), &json!("")));
}
