//! URL links and schemes.

use super::*;

fn link(address: &str) -> Step {
    json(format!(r#"{{"errcode":0,"errmsg":"ok","url_link":"{address}"}}"#))
}

fn scheme(address: &str) -> Step {
    json(format!(r#"{{"errcode":0,"errmsg":"ok","openlink":"{address}"}}"#))
}

#[rstest]
#[case("https://wxaurl.cn/Abc123", "https://wxaurl.cn/Abc123")]
#[case(r"https:\/\/wxmpurl.cn\/Abc123", "https://wxmpurl.cn/Abc123")]
#[tokio::test]
async fn an_address_that_opens_the_mini_program_is_made(#[case] answered: &str, #[case] expected: &str) {
    let fake = Fake::start([link(answered)]).await;
    assert_eq!(url_link(&client(&fake)).await.unwrap(), expected);
    let request = &fake.requests()[0];
    assert!(request.starts_with(&format!("POST /wxa/generate_urllink?access_token={TOKEN} HTTP/1.1\r\n")));
    assert_eq!(
        body_of(request),
        serde_json::json!({
            "path": format!("/{PAGE}"), "query": QUERY, "env_version": "release",
            "is_expire": true, "expire_type": 1, "expire_interval": 30,
        })
    );
}

/// A simulated WeChat has no TLS, and visitors are sent to its pages anyway.
#[tokio::test]
async fn an_address_at_the_configured_wechat_needs_no_tls() {
    let fake = Fake::start([]).await;
    let link_to = |host: &str| link(&format!("http://{host}/wxaurl/Abc123"));
    for (host, fine) in [(fake.host.clone(), true), (format!("{}0", fake.host), false)] {
        let wechat = Fake::start([link_to(&host)]).await;
        let config = Config { open: fake.url(), ..config(&wechat.url(), "") };
        assert_eq!(url_link(&client_of(&config)).await.is_ok(), fine, "{host}");
    }
}

#[tokio::test]
async fn a_scheme_that_opens_the_mini_program_is_made() {
    let fake = Fake::start([scheme("weixin://dl/business/?t=Abc123")]).await;
    assert_eq!(url_scheme(&client(&fake)).await.unwrap(), "weixin://dl/business/?t=Abc123");
    let request = &fake.requests()[0];
    assert!(request.starts_with(&format!("POST /wxa/generatescheme?access_token={TOKEN} HTTP/1.1\r\n")));
    assert_eq!(
        body_of(request),
        serde_json::json!({
            "jump_wxa": { "path": format!("/{PAGE}"), "query": QUERY, "env_version": "release" },
            "is_expire": true, "expire_type": 1, "expire_interval": 30,
        })
    );
}

#[rstest]
#[case::no_permission(40002, Action::ConfigFault)]
#[case::banned(40013, Action::ConfigFault)]
#[case::a_bad_page(40165, Action::ConfigFault)]
#[case::a_bad_query(40212, Action::ConfigFault)]
#[case::not_published(85079, Action::ConfigFault)]
#[case::a_bad_life(85401, Action::ConfigFault)]
#[case::a_bad_version(85402, Action::ConfigFault)]
#[case::permission_taken(85407, Action::ConfigFault)]
#[case::links_banned(85408, Action::ConfigFault)]
#[case::a_dead_token(42001, Action::RefreshToken)]
#[case::too_many_a_second(44990, Action::RateLimit { wait: Span::from_secs(1) })]
#[case::too_many_a_day(44993, Action::RateLimit { wait: Span::from_secs(600) })]
#[case::opened_too_often(85406, Action::RateLimit { wait: Span::from_secs(600) })]
#[tokio::test]
async fn every_refusal_of_a_link_says_who_has_to_act(#[case] number: i64, #[case] action: Action) {
    let refusal = || code(number, &format!("invalid query {QUERY} {TOKEN}"));
    let fake = Fake::start([refusal(), refusal()]).await;
    let client = client(&fake);
    for error in [url_link(&client).await.unwrap_err(), url_scheme(&client).await.unwrap_err()] {
        assert_eq!((error.code(), error.action()), (Some(number), action));
        assert_eq!(error.operator_hint().is_some(), action != Action::RefreshToken, "{error}");
    }
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn a_busy_wechat_is_asked_again() {
    let ok = || link("https://wxaurl.cn/Abc123");
    let fake = Fake::start([code(-1, "system error"), Step::Drop, ok()]).await;
    url_link(&client(&fake)).await.unwrap();
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn a_slow_answer_ends_with_the_time_for_the_call() {
    let fake = Fake::start([Step::Hang(b""), Step::Hang(b"HTTP/1.1")]).await;
    let client = hasty(&fake);
    assert!(matches!(url_link(&client).await.unwrap_err().kind(), Kind::Timeout));
    assert!(matches!(url_scheme(&client).await.unwrap_err().kind(), Kind::Timeout));
}

#[rstest]
#[case::another_scheme("javascript:alert(1)")]
#[case::no_tls("http://wxaurl.cn/Abc123")]
#[case::capitals("HTTPS://wxaurl.cn/Abc123")]
#[case::no_host("https://")]
#[case::a_name_before_the_host("https://wxaurl.cn@evil.example/")]
#[case::an_open_attribute("https://wxaurl.cn/'onclick='alert(1)")]
#[case::a_tag("https://wxaurl.cn/<script>")]
#[case::a_space("https://wxaurl.cn/a b")]
#[case::chinese("https://wxaurl.cn/门")]
#[case::nothing("")]
#[case::a_scheme("weixin://dl/business/?t=Abc123")]
#[case::far_too_long(&format!("https://wxaurl.cn/{}", "a".repeat(2048)))]
#[tokio::test]
async fn what_is_no_address_of_a_page_is_not_passed_on(#[case] address: &str) {
    let fake = Fake::start([link(address)]).await;
    let error = url_link(&client(&fake)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreadable(_)), "{error}");
}

#[rstest]
#[case::an_address("https://wxaurl.cn/Abc123")]
#[case::another_part_of_wechat("weixin://dl/scan")]
#[case::a_longer_name("weixin://dl/businesses")]
#[case::capitals("WEIXIN://dl/business/?t=Abc123")]
#[case::an_open_attribute("weixin://dl/business/?t='onclick='alert(1)")]
#[case::nothing("")]
#[tokio::test]
async fn what_is_no_scheme_of_wechat_is_not_passed_on(#[case] address: &str) {
    let fake = Fake::start([scheme(address)]).await;
    let error = url_scheme(&client(&fake)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreadable(_)), "{error}");
}

#[rstest]
#[case("<html>captive portal</html>")]
#[case("")]
#[case(r#"{"errcode":0,"errmsg":"ok"}"#)]
#[case(r#"{"url_link":7,"openlink":["weixin://dl/business/?t=a"]}"#)]
#[tokio::test]
async fn garbage_is_no_link(#[case] body: &str) {
    let fake = Fake::start([json(body), json(body)]).await;
    let client = client(&fake);
    for error in [url_link(&client).await.unwrap_err(), url_scheme(&client).await.unwrap_err()] {
        assert!(matches!(error.kind(), Kind::Unreadable(_)), "{error}");
    }
}

#[rstest]
#[case::a_query_behind_the_page("pages/index/index?a=b", QUERY, 30)]
#[case::chinese(PAGE, "t=门", 30)]
#[case::a_quote(PAGE, "t=\"", 30)]
#[case::a_long_query(PAGE, &"a".repeat(1025), 30)]
#[case::no_life(PAGE, QUERY, 0)]
#[case::a_long_life(PAGE, QUERY, 31)]
#[tokio::test]
async fn what_wechat_would_refuse_is_never_sent(#[case] page: &str, #[case] query: &str, #[case] days: u32) {
    let fake = Fake::start([link("https://wxaurl.cn/Abc123")]).await;
    let target = LinkTarget { page, query, days, ..TARGET };
    let (client, token) = (client(&fake), Secret::new(TOKEN));
    let errors = [client.url_link(&token, &target).await, client.url_scheme(&token, &target).await];
    for error in errors.map(Result::unwrap_err) {
        assert!(matches!(error.kind(), Kind::Input(_)), "{error}");
    }
    assert!(fake.requests().is_empty());
}

#[test]
fn a_target_does_not_print_its_query() {
    assert!(!format!("{TARGET:?}").contains("ticket"));
}
