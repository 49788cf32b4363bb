//! WeChat's own browser: no code, one question at most, and what happens when the answer is no.

use menshen::simulator::{DEMO_SERVICE_APP_ID, DenyVariant};
use rstest::rstest;

use crate::chromium::Browser;
use crate::house::{House, Plan};
use crate::look::Look;

/// Acceptance: M0, M6a.
#[tokio::test]
async fn the_first_page_view_logs_in_silently() {
    let house = House::built(Plan { scope: "snsapi_base", ..Plan::default() }).await;
    let browser = Browser::open(Look::WECHAT).await;
    browser.go(&house.at("/page?x=1")).await;
    let address = browser.arrive(&house.at("/page")).await;
    // The `#wechat_redirect` of WeChat's page is not handed on to the app.
    assert_eq!(address.as_str(), house.at("/page?x=1#"));
    assert_eq!(browser.js("return location.hash").await, "");
    let openid = house.wechat.openid(DEMO_SERVICE_APP_ID, "zhang");
    assert_eq!(browser.header("X-User-OpenID").await, Some(openid));
    assert_eq!(house.wechat.calls("/sns/userinfo"), 0);
    browser.close().await;
    house.close().await;
}

/// Acceptance: M6a, M6b, M6d.
#[tokio::test]
async fn consent_leads_to_the_page_with_the_name() {
    let house = House::start().await;
    let browser = Browser::open(Look::WECHAT).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.arrive(&house.wechat_at("/connect/oauth2/authorize")).await;
    browser.inspect("wechat-1-consent").await;
    browser.click("[name=answer][value=allow]").await;
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1#"));
    assert_eq!(browser.text("h1").await, "Hello, 张伟!");
    assert_eq!(browser.js("return document.referrer").await, "");
    browser.inspect("wechat-2-app").await;
    browser.close().await;
    house.close().await;
}

/// A visitor who says no is told so and not asked again by itself.
///
/// Acceptance: M6b.
#[rstest]
#[case(DenyVariant::AuthDeny)]
#[case(DenyVariant::StateOnly)]
#[tokio::test]
async fn a_refused_consent_leads_to_a_page_with_a_button(#[case] variant: DenyVariant) {
    let house = House::start().await;
    house.wechat.set_deny(variant);
    let browser = Browser::open(Look::WECHAT).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.click("[name=answer][value=deny]").await;
    browser.arrive(&house.at("/_menshen/login")).await;
    browser.read(".notice", "您在微信中取消了登录").await;
    browser.inspect("wechat-3-denied").await;
    browser.click("a.button").await;
    browser.click("[name=answer][value=allow]").await;
    let address = browser.arrive(&house.at("/")).await;
    browser.see("#identity").await;
    if variant == DenyVariant::StateOnly {
        // With `authdeny` WeChat sends no state back, so nobody knows where the visitor wanted to go.
        assert_eq!(address.as_str(), house.at("/page?x=1#"));
    }
    browser.close().await;
    house.close().await;
}

/// Acceptance: M6b.
#[tokio::test]
async fn a_snapshot_page_tells_which_button_to_tap() {
    let house = House::start().await;
    house.wechat.set_snapshot(true);
    let mut browser = Browser::open(Look::WECHAT).await;
    browser.expect_console("status of 403");
    browser.go(&house.at("/page?x=1")).await;
    browser.arrive(&house.at("/_menshen/callback/service")).await;
    browser.read("main", "使用完整服务").await;
    browser.inspect("wechat-4-snapshot").await;
    browser.close().await;
    house.close().await;
}
