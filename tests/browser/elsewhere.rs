//! Browsers in which no login works, and how our pages look in other languages, colours and widths.

use rstest::rstest;

use crate::chromium::Browser;
use crate::house::House;
use crate::look::Look;
use crate::phone::FRAME;

/// Acceptance: M0.
#[tokio::test]
async fn a_phones_own_browser_gets_the_address_to_copy_into_wechat() {
    let house = House::start().await;
    let browser = Browser::open(Look::PHONE).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.read("main", "请在微信里打开下面的地址").await;
    assert_eq!(browser.js("return document.getElementById('address').value").await, house.at("/page?x=1"));
    browser.inspect("phone-1-open-in-wechat").await;
    browser.click("[data-copy]").await;
    browser.read("[data-copy-status]", "复制").await;
    browser.inspect("phone-2-copied").await;
    browser.close().await;
    house.close().await;
}

/// Acceptance: M0.
#[tokio::test]
async fn wecom_is_not_taken_for_wechat() {
    let house = House::start().await;
    let browser = Browser::open(Look::WECOM.english()).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.read("main", "cannot sign in with WeChat").await;
    assert_eq!(browser.js("return document.getElementById('address').value").await, house.at("/page?x=1"));
    assert_eq!(house.wechat.calls("/connect/oauth2/authorize"), 0);
    browser.inspect("wecom").await;
    browser.close().await;
    house.close().await;
}

#[rstest]
#[case(Look::DESKTOP, "zh-CN", "微信登录")]
#[case(Look::DESKTOP.english(), "en", "Sign in with WeChat")]
#[tokio::test]
async fn a_page_speaks_the_browsers_language(#[case] look: Look, #[case] lang: &str, #[case] heading: &str) {
    let house = House::start().await;
    let mut browser = Browser::open(look).await;
    house.ask_for(&browser, "/").await;
    assert_eq!(browser.js("return document.documentElement.lang").await, lang);
    assert_eq!(browser.text("h1").await, heading);
    browser.inspect(&format!("login-{lang}")).await;
    browser.expect_console("status of 404");
    browser.expect_console("status of 400");
    browser.go(&house.at("/_menshen/nothing")).await;
    browser.inspect(&format!("not-found-{lang}")).await;
    browser.go(&house.at("/_menshen/callback/website?code=0&state=unknown")).await;
    browser.inspect(&format!("unknown-state-{lang}")).await;
    browser.close().await;
    house.close().await;
}

/// Our pages in the dark and in a narrow window: readable, and nothing sticks out at the side.
#[rstest]
#[case("dark", Look::DESKTOP.dark())]
#[case("narrow", Look { size: (360, 740), ..Look::DESKTOP })]
#[case("narrow-dark-english", Look { size: (320, 640), ..Look::DESKTOP.dark().english() })]
#[tokio::test]
async fn a_page_fits_the_window_and_its_colours(#[case] name: &str, #[case] look: Look) {
    let house = House::start().await;
    let mut browser = Browser::open(look.clone()).await;
    browser.expect_console("status of 404");
    house.ask_for(&browser, "/").await;
    let dark = browser.js("return matchMedia('(prefers-color-scheme: dark)').matches").await;
    assert_eq!(dark, look.dark);
    browser.enter(FRAME).await;
    browser.hold("document.querySelector('.qrcode').naturalWidth > 0").await;
    browser.hold("document.documentElement.scrollWidth <= innerWidth").await;
    browser.hold("document.documentElement.scrollHeight <= innerHeight").await;
    browser.leave().await;
    browser.inspect(&format!("{name}-login")).await;
    browser.go(&house.at("/_menshen/logout")).await;
    browser.inspect(&format!("{name}-logout")).await;
    browser.go(&house.at("/_menshen/nothing")).await;
    browser.inspect(&format!("{name}-not-found")).await;
    browser.go(&house.at("/public")).await;
    browser.inspect(&format!("{name}-app")).await;
    browser.go(&house.wechat_at("/phone")).await;
    browser.inspect(&format!("{name}-phone")).await;
    browser.close().await;
    house.close().await;
}
