//! The website QR page: what it refuses, what it shows, how it learns what the phone did.

use menshen::ground::Span;
use rstest::rstest;
use serde_json::Value;

use crate::bench::{Bench, CALLBACK, MINI_PROGRAM, MOBILE, SERVICE, WEBSITE, between, qrconnect};

/// Item 6.
#[rstest]
#[case(&format!("appid=wxffffffffffffffff&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_login"), "AppID 参数错误")]
#[case(&format!("redirect_uri={CALLBACK}&response_type=code&scope=snsapi_login"), "AppID 参数错误")]
#[case(&format!("appid={SERVICE}&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_login"), "Scope 参数错误或没有 Scope 权限")]
#[case(&format!("appid={MOBILE}&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_login"), "Scope 参数错误或没有 Scope 权限")]
#[case(&format!("appid={MINI_PROGRAM}&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_login"), "Scope 参数错误或没有 Scope 权限")]
#[case(&format!("appid={WEBSITE}&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_userinfo"), "Scope 参数错误或没有 Scope 权限")]
#[case(&format!("appid={WEBSITE}&redirect_uri={CALLBACK}&response_type=code"), "Scope 参数错误或没有 Scope 权限")]
#[case(&format!("appid={WEBSITE}&redirect_uri={CALLBACK}&response_type=token&scope=snsapi_login"), "response_type 参数错误")]
#[case(&format!("appid={WEBSITE}&redirect_uri={CALLBACK}&scope=snsapi_login"), "response_type 参数错误")]
#[case(&format!("appid={WEBSITE}&response_type=code&scope=snsapi_login"), "redirect_uri 参数错误")]
#[case(&format!("appid={WEBSITE}&redirect_uri=https%3A%2F%2Fwww.app.test%2F&response_type=code&scope=snsapi_login"), "redirect_uri 参数错误")]
#[case(&format!("appid={WEBSITE}&redirect_uri=https%253A%252F%252Fapp.test%252F&response_type=code&scope=snsapi_login"), "redirect_uri 参数错误")]
#[tokio::test]
async fn a_wrong_request_gets_an_error_page_and_no_redirect(#[case] query: &str, #[case] text: &str) {
    let bench = Bench::start().await;
    let response = bench.get(&format!("/connect/qrconnect?{query}")).await;
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = response.text().await.unwrap();
    assert!(page.contains(text), "{page}");
    assert!(bench.handle.waiting().is_empty());
}

/// Item 7: 408 while nothing happens, 404 scanned, 405 with the code; one confirmation.
#[tokio::test]
async fn a_code_is_scanned_confirmed_and_exchanged() {
    let bench = Bench::start_with(|config| config.long_poll = Span::from_millis(1)).await;
    let uuid = bench.show_qr().await;
    assert_eq!(bench.poll(&uuid, "").await, (408, String::new()));
    bench.handle.scan(&uuid, "zhang").unwrap();
    assert_eq!(bench.poll(&uuid, "").await.0, 404);
    bench.handle.confirm(&uuid).unwrap();
    let (number, code) = bench.poll(&uuid, "404").await;
    assert_eq!(number, 405);
    assert_eq!(code.len(), 32);
    assert!(bench.handle.confirm(&uuid).is_err());

    let token = bench.exchange(WEBSITE, &code).await;
    assert_eq!(token["openid"], Value::from(bench.handle.openid(WEBSITE, "zhang")));
    assert_eq!(token["scope"], "snsapi_login");
    assert_eq!(token["unionid"], Value::from(bench.handle.unionid(WEBSITE, "zhang")));
}

/// Item 7: the waiting poll is answered at once when the phone acts; it would otherwise be held for 20 s.
#[tokio::test]
async fn a_waiting_poll_wakes_on_every_step() {
    let bench = Bench::start().await;
    let uuid = bench.show_qr().await;
    let scanned = async {
        bench.handle.scan(&uuid, "zhang").unwrap();
    };
    assert_eq!(tokio::join!(bench.poll(&uuid, ""), scanned).0.0, 404);
    let refused = async { bench.handle.refuse(&uuid).unwrap() };
    assert_eq!(tokio::join!(bench.poll(&uuid, "404"), refused).0.0, 403);

    let uuid = bench.show_qr().await;
    let expired = async { bench.handle.expire(&uuid).unwrap() };
    assert_eq!(tokio::join!(bench.poll(&uuid, ""), expired).0.0, 402);
}

#[tokio::test]
async fn advancing_the_time_wakes_a_waiting_poll() {
    let bench = Bench::start().await;
    let uuid = bench.show_qr().await;
    let later = async { bench.handle.advance(Span::from_mins(5)) };
    assert_eq!(tokio::join!(bench.poll(&uuid, ""), later).0.0, 402);
}

/// Item 7: a code ends by itself after about five minutes.
#[tokio::test]
async fn a_code_nobody_scans_expires() {
    let bench = Bench::start().await;
    let uuid = bench.show_qr().await;
    bench.clock.advance(Span::from_mins(5));
    assert_eq!(bench.poll(&uuid, "").await.0, 402);
    assert!(bench.handle.scan(&uuid, "zhang").is_err());
    assert_eq!(bench.poll("0nosuchcode", "").await.0, 402);
}

#[tokio::test]
async fn the_picture_is_a_jpeg_and_unknown_ones_are_not_found() {
    let bench = Bench::start().await;
    let uuid = bench.show_qr().await;
    let response = bench.get(&format!("/connect/qrcode/{uuid}")).await;
    assert_eq!(response.headers()["content-type"], "image/jpeg");
    assert!(response.bytes().await.unwrap().starts_with(b"\xff\xd8\xff"));
    assert_eq!(bench.get("/connect/qrcode/0nope").await.status(), 404);
    let opened = bench.text(&format!("/connect/confirm?uuid={uuid}")).await;
    assert!(opened.contains(&format!("id=\"scan-{uuid}\"")), "the address in the code opens the phone");
}

/// Item 7: embedded pages may be framed; the script's parameters are honoured.
#[tokio::test]
async fn the_embedded_page_permits_framing_and_honours_its_parameters() {
    let bench = Bench::start().await;
    let embedded = format!(
        "/connect/qrconnect?appid={WEBSITE}&scope=snsapi_login&redirect_uri={CALLBACK}&state=s1&login_type=jssdk\
         &self_redirect=true&styletype=&sizetype=&bgcolor=&rst=&style=white&lang=en&stylelite=1&fast_login=0"
    );
    bench.handle.set_fast_login(Some("zhang")).unwrap();
    let response = bench.get(&embedded).await;
    assert!(response.headers().get("x-frame-options").is_none());
    assert!(response.headers().get("content-security-policy").is_none());
    let page = response.text().await.unwrap();
    assert!(page.contains("class=\"embedded white lite\""), "{page}");
    assert!(page.contains("\"self_redirect\": true"));
    assert!(page.contains("WeChat Login") && !page.contains("id=\"fast\""));
}

#[tokio::test]
async fn the_page_knows_where_to_go_and_keeps_the_query_of_redirect_uri() {
    let bench = Bench::start().await;
    let page = bench
        .text(&format!(
            "/connect/qrconnect?appid={WEBSITE}&redirect_uri={CALLBACK}%3Fa%3D1&response_type=code&scope=snsapi_login&state=a-b_c"
        ))
        .await;
    let script: Value = serde_json::from_str(between(&page, "var page = ", ";\n")).unwrap();
    assert_eq!(script["before_code"], "https://app.test/cb?a=1&code=");
    assert_eq!(script["after_code"], "&state=a-b_c");
    assert_eq!(script["refused"], "https://app.test/cb?a=1&state=a-b_c");
    assert_eq!(script["self_redirect"], false);
}

#[tokio::test]
async fn hostile_values_do_not_break_out_of_the_page() {
    let bench = Bench::start().await;
    let hostile = "%3C%2Fscript%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let page = bench.text(&qrconnect(&format!("&state={hostile}&href=https://a/%22%3E%3Cscript%3E"))).await;
    assert_eq!(page.matches("<script>").count(), 1, "{page}");
}

#[tokio::test]
async fn fast_login_confirms_without_a_phone() {
    let bench = Bench::start().await;
    bench.handle.set_fast_login(Some("lina")).unwrap();
    assert!(bench.text(&qrconnect("")).await.contains("微信快捷登录"));
    let uuid = bench.handle.next_waiting(Span::from_secs(5)).await.unwrap();
    let press = bench.client.post(bench.url("/connect/fast_login")).form(&[("uuid", uuid.as_str())]);
    assert_eq!(press.send().await.unwrap().status(), 204);
    let (number, code) = bench.poll(&uuid, "").await;
    assert_eq!(number, 405);
    assert_eq!(bench.exchange(WEBSITE, &code).await["openid"], bench.handle.openid(WEBSITE, "lina"));
}

#[tokio::test]
async fn the_page_as_xml_holds_the_uuid() {
    let bench = Bench::start().await;
    let response = bench.get(&qrconnect("&f=xml")).await;
    assert_eq!(response.headers()["content-type"], "text/xml");
    let xml = response.text().await.unwrap();
    let uuid = between(&xml, "<uuid><![CDATA[", "]]></uuid>").to_owned();
    assert_eq!(bench.handle.waiting(), [uuid]);
}

/// Item 18: other ports pass, but it is said.
#[tokio::test]
async fn a_port_in_redirect_uri_is_let_through_and_reported() {
    let bench = Bench::start().await;
    let query = format!(
        "/connect/qrconnect?appid={WEBSITE}&redirect_uri=http%3A%2F%2Fapp.test%3A8443%2F&response_type=code&scope=snsapi_login"
    );
    let response = bench.get(&query).await;
    assert_eq!(response.headers()["x-simulator-relaxed"], "port 8443 of redirect_uri");
    assert!(bench.get(&qrconnect("")).await.headers().get("x-simulator-relaxed").is_none());
}

/// Item 7: the script pastes its values raw.
#[tokio::test]
async fn the_script_builds_the_frame_from_this_simulator() {
    let bench = Bench::start().await;
    let script = bench.text("/connect/zh_CN/htmledition/js/wxLogin.js").await;
    assert!(script.contains(&format!("var OPEN = \"{}\"", bench.simulator.base_url())));
    assert!(!script.contains("open.weixin.qq.com") && !script.contains("encodeURIComponent"));
}
