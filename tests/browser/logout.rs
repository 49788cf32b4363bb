//! Leaving: with the keyboard alone, and from everywhere at once.

use fantoccini::key::Key;

use crate::chromium::Browser;
use crate::house::House;
use crate::look::Look;

/// Tab until the element has the focus; at most as often as a page of ours has controls.
async fn tab_to(browser: &Browser, css: &str) {
    let focused = format!("return !!document.activeElement && document.activeElement.matches('{css}')");
    for _ in 0..12 {
        browser.press(Key::Tab).await;
        if browser.js(&focused).await == true {
            return;
        }
    }
    panic!("Tab never reaches {css}");
}

/// Acceptance: U3.
#[tokio::test]
async fn a_visitor_logs_out_by_keyboard_alone_and_has_to_log_in_again() {
    let house = House::start().await;
    let browser = Browser::open(Look::DESKTOP.english()).await;
    house.ask_for(&browser, "/page?x=1").await;
    browser.log_in_as("zhang").await;
    browser.arrive(&house.at("/page?x=1")).await;
    tab_to(&browser, "a[href*=logout]").await;
    browser.press(Key::Enter).await;
    browser.arrive(&house.at("/_menshen/logout")).await;
    browser.see("button[value=here]").await;
    browser.inspect("logout-1-question").await;
    tab_to(&browser, "button[value=here]").await;
    browser.shoot("logout-2-focus").await;
    browser.press(Key::Enter).await;
    browser.read("h1", "You have signed out").await;
    browser.inspect("logout-3-done").await;
    tab_to(&browser, "a.button").await;
    browser.press(Key::Enter).await;
    browser.arrive(&house.at("/_menshen/login")).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.arrive(&house.at("/_menshen/login")).await;
    browser.see(".frame").await;
    browser.close().await;
    house.close().await;
}

/// Acceptance: U3.
#[tokio::test]
async fn logging_out_everywhere_ends_the_session_in_another_browser() {
    let house = House::start().await;
    let computer = Browser::open(Look::DESKTOP).await;
    house.ask_for(&computer, "/page").await;
    computer.log_in_as("zhang").await;
    computer.arrive(&house.at("/page")).await;
    let phone = Browser::open(Look::WECHAT).await;
    phone.go(&house.at("/page")).await;
    phone.click("[name=answer][value=allow]").await;
    phone.arrive(&house.at("/page")).await;
    assert_eq!(phone.header("X-User-ID").await, computer.header("X-User-ID").await);

    phone.go(&house.at("/_menshen/logout")).await;
    phone.inspect("logout-4-on-a-phone").await;
    phone.click("button[value=everywhere]").await;
    phone.read("h1", "您已退出登录").await;
    computer.go(&house.at("/page")).await;
    computer.arrive(&house.at("/_menshen/login")).await;
    computer.see(".frame").await;
    phone.close().await;
    computer.close().await;
    house.close().await;
}
