//! A browser that keeps no cookies: it cannot log in, is told why, and is not sent round in circles.

use crate::chromium::Browser;
use crate::house::{House, Plan};
use crate::look::Look;

/// Acceptance: M3b.
#[tokio::test]
async fn a_computer_without_cookies_gets_the_page_that_explains() {
    let house = House::start().await;
    let mut browser = Browser::open(Look::DESKTOP.english().without_cookies()).await;
    browser.expect_console("status of 403");
    browser.go(&house.at("/page")).await;
    browser.see(".frame.loaded").await;
    let uuid = house.wechat.next_waiting(menshen::ground::Span::from_secs(30)).await.unwrap();
    house.wechat.scan(&uuid, "zhang").unwrap();
    house.wechat.confirm(&uuid).unwrap();
    browser.read("main", "allow cookies for this site").await;
    browser.inspect("without-cookies").await;
    // WeChat was not asked for anybody: the code is worth nothing in this browser.
    assert_eq!(house.wechat.calls("/sns/oauth2/access_token"), 0);
    browser.close().await;
    house.close().await;
}

/// In WeChat nothing waits for a finger, so a loop would never end.
///
/// Acceptance: M6a.
#[tokio::test]
async fn wechats_browser_without_cookies_does_not_go_round_in_circles() {
    let house = House::built(Plan { scope: "snsapi_base", ..Plan::default() }).await;
    let mut browser = Browser::open(Look::WECHAT.without_cookies()).await;
    browser.expect_console("status of 403");
    browser.go(&house.at("/page")).await;
    browser.read("main", "请允许本站使用 Cookie").await;
    browser.inspect("without-cookies-in-wechat").await;
    assert_eq!(house.wechat.calls("/connect/oauth2/authorize"), 1);
    browser.close().await;
    house.close().await;
}
