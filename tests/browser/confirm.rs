//! The question on the phone: who scanned says yes or no in WeChat, and the computer hears it.

use fantoccini::key::Key;
use menshen::simulator::DEMO_SERVICE_APP_ID as ACCOUNT;
use serde_json::json;

use crate::chromium::Browser;
use crate::house::{Follow, House};
use crate::look::Look;
use crate::panel::STATUS;

/// A house that asks, a computer that shows a code, and the phone of a follower who scanned it, at the question.
async fn asked(look: Look, phone: Look) -> (House, Browser, Browser) {
    let house = House::with_follow(Follow { confirm: true, ..Follow::default() }).await;
    house.wechat.follow(ACCOUNT, "lina").unwrap();
    house.wechat.set_current_person("lina").unwrap();
    let browser = Browser::open(look).await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    house.wechat.scan_scene(&code.ticket, "lina").unwrap();
    browser.stage("scanned").await;
    let phone = Browser::open(phone).await;
    take_the_link(&house, &phone).await;
    (house, browser, phone)
}

/// From the chat with the account to the question.
pub(crate) async fn take_the_link(house: &House, phone: &Browser) {
    house.wechat.settled().await;
    phone.go(&house.wechat_at(&format!("/phone/account/{ACCOUNT}"))).await;
    phone.click(".chat li:last-child .bubble a").await;
    phone.arrive(&house.at("/_menshen/confirm?t=")).await;
}

/// Acceptance: M0, M5b.
#[tokio::test]
async fn a_yes_on_the_phone_lets_the_computer_go_on() {
    let (house, browser, mut phone) = asked(Look::DESKTOP, Look::WECHAT).await;
    browser.read(STATUS, "请在手机上确认").await;
    browser.inspect_everywhere("confirm-1-computer-scanned").await;
    phone.read("h1", "在 localhost 登录").await;
    let facts = phone.text(".facts").await;
    assert!(facts.contains("Chrome, Windows") && facts.contains("127.0.0.1"), "{facts}");
    phone.inspect_everywhere("confirm-2-phone-question").await;
    let question = phone.address().await;
    phone.click("[name=answer][value=yes]").await;
    phone.read("h1", "已确认登录").await;
    phone.inspect_everywhere("confirm-3-phone-confirmed").await;

    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    assert_eq!(browser.header("X-User-OpenID").await, Some(house.wechat.openid(ACCOUNT, "lina")));
    assert_eq!(browser.stages().await, json!(["waiting", "scanned", "approved"]));

    // The answer was given; the link is worth nothing any more and signs nobody in on the phone.
    phone.expect_console("status of 4");
    phone.go(question.as_str()).await;
    assert!(!phone.has("[name=answer]").await);
    phone.inspect_everywhere("confirm-4-phone-too-late").await;
    assert_eq!(phone.js("return document.cookie").await, "");
    phone.close().await;
    browser.close().await;
    house.close().await;
}

/// Acceptance: M0, M5b.
#[tokio::test]
async fn a_no_on_the_phone_is_told_on_the_computer_and_the_next_code_works() {
    let (house, browser, phone) = asked(Look::DESKTOP.english(), Look::WECHAT.english()).await;
    browser.read(STATUS, "Please confirm on your phone").await;
    phone.read("h1", "Sign in to localhost?").await;
    phone.inspect("confirm-5-phone-question-english").await;
    phone.click("[name=answer][value=no]").await;
    phone.read("h1", "You have declined").await;
    phone.inspect("confirm-6-phone-declined").await;

    browser.stage("refused").await;
    browser.read(STATUS, "You declined").await;
    assert!(browser.has_focus("[data-cover=refused] [data-renew]").await);
    browser.inspect_everywhere("confirm-7-computer-refused").await;
    // Where it was: nothing was loaded anew, and Enter is enough.
    browser.press(Key::Enter).await;
    browser.stage("waiting").await;
    assert!(browser.is_the_same_page().await);
    let fresh = browser.code(&house).await;
    house.wechat.scan_scene(&fresh.ticket, "lina").unwrap();
    browser.stage("scanned").await;
    take_the_link(&house, &phone).await;
    phone.click("[name=answer][value=yes]").await;
    phone.read("h1", "You have confirmed").await;
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    assert_eq!(
        browser.stages().await,
        json!(["waiting", "scanned", "refused", "waiting", "scanned", "approved"])
    );
    phone.close().await;
    browser.close().await;
    house.close().await;
}

/// Whoever opened the link asks for the computer that shows the code: the phone's own browser is signed in nowhere.
///
/// Acceptance: M5b.
#[tokio::test]
async fn a_yes_signs_the_phones_browser_in_nowhere() {
    let (house, browser, phone) = asked(Look::DESKTOP, Look::PHONE).await;
    phone.click("[name=answer][value=yes]").await;
    phone.read("h1", "已确认登录").await;
    phone.go(&house.at("/page?x=1")).await;
    phone.arrive(&house.at("/_menshen/login")).await;
    browser.arrive(&house.at("/page?x=1")).await;
    phone.close().await;
    browser.close().await;
    house.close().await;
}
