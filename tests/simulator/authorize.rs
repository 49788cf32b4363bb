//! `oauth2/authorize`: login inside WeChat's browser.

use menshen::simulator::{Consent, DenyVariant, DoubleCallback};
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bench::{
    Bench, CALLBACK, MINI_PROGRAM, MOBILE, SERVICE, UNVERIFIED, WEBSITE, WECHAT, authorize, between,
    location, param,
};

/// Item 6.
#[rstest]
#[case(&format!("appid={SERVICE}&redirect_uri=https%3A%2F%2Fevil.test%2F&response_type=code&scope=snsapi_base&state=s"), "错误码：10003")]
#[case(&format!("appid={SERVICE}&redirect_uri=https%3A%2F%2Fwww.app.test%2F&response_type=code&scope=snsapi_base&state=s"), "错误码：10003")]
#[case(&authorize(SERVICE, "snsapi_login", ""), "错误码：10005")]
#[case(&authorize(SERVICE, "snsapi_privateinfo", ""), "错误码：10005")]
#[case(&authorize(UNVERIFIED, "snsapi_base", ""), "错误码：10005")]
#[case(&authorize(MINI_PROGRAM, "snsapi_base", ""), "错误码：10005")]
#[case(&authorize(SERVICE, "", ""), "错误码：10010")]
#[case(&format!("appid={SERVICE}&redirect_uri=&response_type=code&scope=snsapi_base&state=s"), "错误码：10011")]
#[case(&authorize("", "snsapi_base", ""), "错误码：10012")]
#[case(&format!("appid={SERVICE}&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_base&state="), "错误码：10013")]
#[case(&authorize(WEBSITE, "snsapi_base", ""), "错误码：10016")]
#[case(&authorize(MOBILE, "snsapi_base", ""), "错误码：10016")]
#[case(&authorize("wxffffffffffffffff", "snsapi_base", ""), "AppID 参数错误")]
#[case(&format!("appid={SERVICE}&redirect_uri={CALLBACK}&response_type=token&scope=snsapi_base&state=s"), "response_type 参数错误")]
#[case(&format!("appid={SERVICE}&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_base&state=a-b"), "state 参数错误")]
#[case(&format!("appid={SERVICE}&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_base&state={}", "a".repeat(129)), "state 参数错误")]
#[case(&format!("redirect_uri={CALLBACK}&appid={SERVICE}&response_type=code&scope=snsapi_base&state=s"), "该链接无法访问")]
#[case(&format!("appid={SERVICE}&redirect_uri={CALLBACK}&scope=snsapi_base&response_type=code&state=s"), "该链接无法访问")]
#[tokio::test]
async fn a_wrong_request_gets_an_error_page_and_no_redirect(#[case] query: &str, #[case] text: &str) {
    let bench = Bench::start().await;
    let response = bench.authorize(query, WECHAT, None).await;
    assert_eq!(response.status(), 200);
    let page = response.text().await.unwrap();
    assert!(page.contains(text), "{page}");
}

/// Item 6: WeChat only, and WeCom is not WeChat.
#[rstest]
#[case(
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)]
#[case(
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_0 like Mac OS X) Mobile/15E148 wxwork/4.0.8 MicroMessenger/7.0.1 Language/zh"
)]
#[case("Mozilla/5.0 (Windows NT 10.0; WOW64) Language/zh wxwork/4.0.19 (MicroMessenger/6.2) WindowsWechat")]
#[tokio::test]
async fn other_browsers_are_sent_to_wechat(#[case] agent: &str) {
    let bench = Bench::start().await;
    let response = bench.authorize(&authorize(SERVICE, "snsapi_base", ""), agent, None).await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.unwrap().contains("请在微信客户端打开链接"));
}

/// Items 8, 9: base is silent, and its exchange gives no UnionID.
#[tokio::test]
async fn the_base_scope_is_silent() {
    let bench = Bench::start().await;
    let target = location(&bench.in_wechat(SERVICE, "snsapi_base", "").await);
    assert!(target.starts_with("https://app.test/cb?code="), "{target}");
    assert_eq!(param(&target, "state").as_deref(), Some("s1"));
    let token = bench.exchange(SERVICE, &param(&target, "code").unwrap()).await;
    assert_eq!(token["openid"], bench.handle.openid(SERVICE, "zhang"));
    assert_eq!(token["scope"], "snsapi_base");
    assert!(token.get("unionid").is_none());
}

#[tokio::test]
async fn the_longest_state_comes_back_unchanged() {
    let bench = Bench::start().await;
    let state = "Z9".repeat(64);
    let query =
        format!("appid={SERVICE}&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_base&state={state}");
    let target = location(&bench.authorize(&query, WECHAT, None).await);
    assert_eq!(param(&target, "state"), Some(state));
}

/// The cookie decides whose WeChat it is, else the current person.
#[tokio::test]
async fn the_person_comes_from_the_cookie_or_is_the_current_one() {
    let bench = Bench::start().await;
    bench.handle.set_current_person("lina").unwrap();
    let query = authorize(SERVICE, "snsapi_base", "");
    for (cookie, person) in
        [(None, "lina"), (Some("a=b; sim_person=maria"), "maria"), (Some("sim_person=nobody"), "lina")]
    {
        let target = location(&bench.authorize(&query, WECHAT, cookie).await);
        let token = bench.exchange(SERVICE, &param(&target, "code").unwrap()).await;
        assert_eq!(token["openid"], bench.handle.openid(SERVICE, person));
    }
    assert!(bench.handle.set_current_person("nobody").is_err());
}

async fn answer_consent(bench: &Bench, answer: &str) -> reqwest::Response {
    let page = bench.in_wechat(SERVICE, "snsapi_userinfo", "").await.text().await.unwrap();
    let ticket = between(&page, "name=\"ticket\" value=\"", "\"");
    let form = [("ticket", ticket), ("answer", answer)];
    bench.client.post(bench.url("/connect/oauth2/consent")).form(&form).send().await.unwrap()
}

/// Item 8.
#[tokio::test]
async fn userinfo_asks_and_allowing_brings_a_code() {
    let bench = Bench::start().await;
    let target = location(&answer_consent(&bench, "allow").await);
    let token = bench.exchange(SERVICE, &param(&target, "code").unwrap()).await;
    assert_eq!(bench.userinfo(&token).await["nickname"], "张伟");
}

#[tokio::test]
async fn a_consent_page_is_answered_once() {
    let bench = Bench::start().await;
    let page = bench.in_wechat(SERVICE, "snsapi_userinfo", "").await.text().await.unwrap();
    let form = [("ticket", between(&page, "name=\"ticket\" value=\"", "\"")), ("answer", "allow")];
    let press = || bench.client.post(bench.url("/connect/oauth2/consent")).form(&form).send();
    assert_eq!(press().await.unwrap().status(), 302);
    assert_eq!(press().await.unwrap().status(), 200);
}

/// Item 8: the three ways a refusal has been seen.
#[tokio::test]
async fn refusing_has_three_variants() {
    let bench = Bench::start().await;
    let target = location(&answer_consent(&bench, "deny").await);
    assert_eq!(param(&target, "code").as_deref(), Some("authdeny"));
    assert_eq!(param(&target, "state").as_deref(), Some(""));
    assert!(param(&target, "reason").is_some());

    bench.handle.set_deny(DenyVariant::StateOnly);
    let target = location(&answer_consent(&bench, "deny").await);
    assert_eq!(target, "https://app.test/cb?state=s1");

    bench.handle.set_deny(DenyVariant::NoCallback);
    assert_eq!(answer_consent(&bench, "deny").await.status(), 200);
}

#[tokio::test]
async fn consent_can_be_silent_unless_the_pop_up_is_forced() {
    let bench = Bench::start().await;
    bench.handle.set_consent(Consent::Silent);
    location(&bench.in_wechat(SERVICE, "snsapi_userinfo", "").await);
    let forced = bench.in_wechat(SERVICE, "snsapi_userinfo", "&forcePopup=true").await;
    assert!(forced.text().await.unwrap().contains("允许"));
}

/// Item 8: virtual ids, the flag, and no userinfo.
#[tokio::test]
async fn a_snapshot_page_gets_virtual_ids() {
    let bench = Bench::start().await;
    bench.handle.set_snapshot(true);
    let target = location(&bench.in_wechat(SERVICE, "snsapi_userinfo", "").await);
    let token = bench.exchange(SERVICE, &param(&target, "code").unwrap()).await;
    assert_eq!(token["is_snapshotuser"], 1);
    assert_ne!(token["openid"], bench.handle.openid(SERVICE, "zhang"));
    assert!(token["unionid"].is_string());
    assert_ne!(token["unionid"].as_str(), bench.handle.unionid(SERVICE, "zhang").as_deref());
    assert_eq!(bench.userinfo(&token).await["errcode"], 48001);

    let target = location(&bench.in_wechat(SERVICE, "snsapi_base", "").await);
    let token = bench.exchange(SERVICE, &param(&target, "code").unwrap()).await;
    assert!(token.get("is_snapshotuser").is_none(), "the base scope avoids the snapshot");

    bench.handle.set_snapshot(false);
    let target = location(&bench.in_wechat(SERVICE, "snsapi_userinfo", "&forceSnapShot=true").await);
    assert_eq!(bench.exchange(SERVICE, &param(&target, "code").unwrap()).await["is_snapshotuser"], 1);
}

/// Item 8: the same code delivered twice, once by a prefetch without cookies.
#[tokio::test]
async fn a_prefetch_delivers_the_code_before_the_browser_does() {
    let site = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let redirect_uri = format!("http%3A%2F%2F127.0.0.1%3A{}%2Fcb", site.local_addr().unwrap().port());
    let bench = Bench::start_with(|config| *config = config.clone().with_domain("127.0.0.1")).await;
    bench.handle.set_double_callback(DoubleCallback::Prefetch);
    let query =
        format!("appid={SERVICE}&redirect_uri={redirect_uri}&response_type=code&scope=snsapi_base&state=s1");
    let visited = async {
        let (mut stream, _) = site.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
        String::from_utf8(request[..length].to_vec()).unwrap()
    };
    let (response, request) = tokio::join!(bench.authorize(&query, WECHAT, None), visited);
    let code = param(&location(&response), "code").unwrap();
    assert!(request.starts_with(&format!("GET /cb?code={code}&state=s1 HTTP/1.1\r\n")), "{request}");
    assert!(!request.to_lowercase().contains("cookie:"));
}

#[tokio::test]
async fn a_browser_can_be_made_to_deliver_twice_unless_connect_redirect_is_set() {
    let bench = Bench::start().await;
    bench.handle.set_double_callback(DoubleCallback::Browser);
    let page = bench.in_wechat(SERVICE, "snsapi_base", "").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("fetch(target"));
    location(&bench.in_wechat(SERVICE, "snsapi_base", "&connect_redirect=1").await);
}
