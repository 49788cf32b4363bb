//! One's own account: seen, joined with another WeChat, parted from it again, and logged out elsewhere.

use menshen::simulator::DEMO_SERVICE_APP_ID as ACCOUNT;

use crate::chromium::Browser;
use crate::confirm::take_the_link;
use crate::house::{Follow, House};
use crate::look::Look;

const PAGE: &str = "/_menshen/account";

/// As high as the page, so that all of it is in the picture.
const fn tall(look: Look, height: u32) -> Look {
    Look { size: (look.size.0, height), ..look }
}

/// A person logged in by a code of the service account.
async fn logged_in(house: &House, browser: &Browser, person: &str) {
    house.wechat.follow(ACCOUNT, person).unwrap();
    house.wechat.settled().await;
    let code = house.ask_with_code(browser, "/page").await;
    house.wechat.scan_scene(&code.ticket, person).unwrap();
    browser.arrive(&house.at("/page")).await;
}

/// Acceptance: B19, B15: on a computer, in English and in the light.
#[tokio::test]
async fn somebody_adds_another_wechat_and_removes_it_again() {
    let house = House::with_follow(Follow::default()).await;
    let mut browser = Browser::open(tall(Look::DESKTOP, 1250).english()).await;
    browser.expect_console("Loading the image");
    browser.expect_console("status of 409");
    logged_in(&house, &browser, "zhang").await;
    browser.click("a[href='/_menshen/account']").await;
    browser.read("h1", "My account").await;
    browser.inspect("account-1-desktop").await;
    browser.click("button[value=scan]").await;
    browser.read("h1", "Add another WeChat").await;
    browser.see(".frame.loaded").await;
    browser.inspect("account-2-add").await;
    browser.log_in_as("nemo").await;
    browser.read(".notice", "That WeChat signs in to this account now").await;
    browser.inspect("account-3-added").await;
    browser.click("details summary").await;
    browser.see("details[open] button").await;
    // Focus by the mouse is not drawn, and looking at every control begins with none.
    browser.js("document.activeElement.blur()").await;
    browser.inspect("account-4-asks").await;
    let other = Browser::open(Look::DESKTOP.english()).await;
    other.go(&house.at("/_menshen/login?method=scan&rt=%2Fpage")).await;
    other.see(".frame.loaded").await;
    other.log_in_as("nemo").await;
    other.arrive(&house.at("/page")).await;
    assert_eq!(other.header("X-User-ID").await, {
        browser.go(&house.at("/page")).await;
        browser.header("X-User-ID").await
    });
    browser.go(&house.at(PAGE)).await;
    // The one that this browser is not logged in through.
    browser.click("li:not(:has(.tag)) details summary").await;
    browser.click("li:not(:has(.tag)) details[open] button").await;
    browser.read(".notice", "The WeChat was removed").await;
    browser.inspect("account-5-removed").await;
    other.go(&house.at("/page")).await;
    other.arrive(&house.at("/_menshen/login")).await;
    // What belongs to somebody else is explained.
    other.go(&house.at("/_menshen/login?method=scan&rt=%2Fpage")).await;
    other.see(".frame.loaded").await;
    other.log_in_as("nemo").await;
    other.arrive(&house.at("/page")).await;
    browser.click("button[value=scan]").await;
    browser.see(".frame.loaded").await;
    browser.log_in_as("nemo").await;
    browser.read("h1", "This WeChat belongs to another account").await;
    browser.inspect("account-6-taken").await;
    browser.click("a.button").await;
    browser.read("h1", "My account").await;
    other.close().await;
    browser.close().await;
    house.close().await;
}

/// Acceptance: B19: inside WeChat, in Chinese and in the dark; the phone logs the computer out.
#[tokio::test]
async fn on_a_phone_somebody_sees_where_they_are_logged_in_and_ends_it() {
    let house = House::with_follow(Follow::default()).await;
    let computer = Browser::open(Look::DESKTOP).await;
    logged_in(&house, &computer, "zhang").await;
    let phone = Browser::open(tall(Look::WECHAT, 1250).dark()).await;
    phone.go(&house.at("/page")).await;
    phone.click("[name=answer][value=allow]").await;
    phone.arrive(&house.at("/page")).await;
    phone.act_as_seen(true).await;
    phone.go(&house.at(PAGE)).await;
    phone.read("h1", "我的账号").await;
    phone.inspect("account-7-phone-dark").await;
    phone.click(".rows form button[name=session]").await;
    phone.read(".notice", "已退出该设备的登录").await;
    phone.inspect("account-8-phone-ended").await;
    computer.go(&house.at("/page")).await;
    computer.arrive(&house.at("/_menshen/login")).await;
    phone.close().await;
    computer.close().await;
    house.close().await;
}

/// Acceptance: B19, M4d: a phone that scans such a code is asked about that, and not about a login.
#[tokio::test]
async fn the_phone_is_told_that_its_wechat_is_added_to_an_account() {
    let house = House::with_follow(Follow { confirm: true, ..Follow::default() }).await;
    let browser = Browser::open(tall(Look::DESKTOP, 1100)).await;
    browser.go(&house.at("/_menshen/login?method=scan&rt=%2Fpage")).await;
    browser.see(".frame.loaded").await;
    browser.log_in_as("nemo").await;
    browser.arrive(&house.at("/page")).await;
    browser.go(&house.at(PAGE)).await;
    browser.click("button[value=follow]").await;
    let code = browser.code(&house).await;
    browser.inspect("account-9-add-by-code").await;
    house.wechat.follow(ACCOUNT, "wang").unwrap();
    house.wechat.settled().await;
    house.wechat.scan_scene(&code.ticket, "wang").unwrap();
    browser.stage("scanned").await;
    house.wechat.set_current_person("wang").unwrap();
    let phone = Browser::open(tall(Look::WECHAT, 800)).await;
    take_the_link(&house, &phone).await;
    phone.read("h1", "绑定到").await;
    phone.inspect("account-10-asked").await;
    phone.click("[name=answer][value=yes]").await;
    browser.read(".notice", "该微信现在可以登录").await;
    browser.inspect("account-11-added").await;
    phone.close().await;
    browser.close().await;
    house.close().await;
}
