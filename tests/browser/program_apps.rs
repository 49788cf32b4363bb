//! The phone's mini program and native app, driven as their user does, against the gateway's JSON API.

use menshen::simulator::{DEMO_MINI_APP_ID as MINI, DEMO_MOBILE_APP_ID as MOBILE};
use rstest::rstest;

use crate::chromium::Browser;
use crate::house::{House, Programs};
use crate::look::Look;

/// Acceptance: M7a, M2a.
#[rstest]
#[case::without_a_number("")]
#[case::with_the_button("code")]
#[case::with_the_older_button("encrypted")]
#[tokio::test]
async fn a_mini_program_logs_its_user_in_again_and_again_as_the_same(#[case] phone: &str) {
    let house = House::with_programs(Programs::default()).await;
    let browser = Browser::open(Look::PHONE).await;
    house.phone_of(&browser, "zhang").await;
    browser.click(&format!("[name=app_id][value={MINI}]")).await;
    let mut accounts = Vec::new();
    for _ in 0..2 {
        browser.click(&format!("[name=phone][value='{phone}']")).await;
        browser.click("#login").await;
        accounts.push(browser.outcome("account").await);
        assert_eq!(browser.outcome("open_id").await, house.wechat.openid(MINI, "zhang"));
        assert_eq!(browser.outcome("method").await, "mini");
        browser
            .inspect(&format!("program-apps-1-mini{}", if phone.is_empty() { "" } else { "-phone" }))
            .await;
        // Ended by its user; the next one is another.
        browser.click("#logout").await;
        browser.hold("!document.querySelector('#outcome')").await;
    }
    assert!(!accounts[0].is_empty() && accounts[0] == accounts[1], "{accounts:?}");
    browser.close().await;
    house.close().await;
}

/// Acceptance: M1a; M4d and M2b for the login that goes through the mini program.
#[tokio::test]
async fn an_app_logs_in_by_wechat_and_through_the_mini_program_as_the_same_account() {
    let house = House::with_programs(Programs::default()).await;
    let browser = Browser::open(Look::PHONE).await;
    house.phone_of(&browser, "lina").await;
    browser.click("[href='/phone/app']").await;
    browser.see("#app-login").await;
    browser.inspect("program-apps-2-app").await;
    browser.click("#app-login").await;
    let account = browser.outcome("account").await;
    assert_eq!(browser.outcome("open_id").await, house.wechat.openid(MOBILE, "lina"));
    assert_eq!(browser.outcome("name").await, "李娜🌸");
    browser.inspect("program-apps-3-app-done").await;

    browser.click("#app-launch").await;
    browser.see("#confirm").await;
    assert_eq!(browser.text("#host").await, "localhost");
    browser.inspect("program-apps-4-launch-asks").await;
    browser.click("#confirm").await;
    browser.see("#return").await;
    browser.inspect("program-apps-5-launch-confirmed").await;
    browser.click("#return").await;
    assert_eq!(browser.outcome("account").await, account);
    assert_eq!(browser.outcome("open_id").await, house.wechat.openid(MINI, "lina"));
    assert_eq!(browser.outcome("method").await, "launch");
    browser.inspect("program-apps-6-launch-done").await;
    browser.close().await;
    house.close().await;
}

/// Acceptance: M2b: who says no in the mini program gives the app nothing to come back with.
#[tokio::test]
async fn an_app_learns_nothing_from_who_declines_in_the_mini_program() {
    let house = House::with_programs(Programs::default()).await;
    let browser = Browser::open(Look::PHONE).await;
    house.phone_of(&browser, "zhang").await;
    browser.go(&house.wechat_at("/phone/app")).await;
    browser.click("#app-launch").await;
    browser.click("#reject").await;
    browser.see("#rejected").await;
    assert!(!browser.has("#return").await);
    browser.inspect("program-apps-8-launch-rejected").await;
    browser.close().await;
    house.close().await;
}
