//! Several methods on one login page: their order, the one that is remembered, and browsers of every kind.

use fantoccini::key::Key;
use menshen::simulator::DEMO_SERVICE_APP_ID as ACCOUNT;
use rstest::rstest;
use serde_json::json;

use crate::chromium::Browser;
use crate::house::{Follow, House};
use crate::look::Look;

const TABS: &str = "return Array.from(document.querySelectorAll('.methods a'), tab => tab.innerText)";
const CURRENT: &str = ".methods [aria-current=page]";

/// Tab until the element has the focus; at most as often as a page of ours has controls.
async fn tab_to(browser: &Browser, css: &str) {
    for _ in 0..12 {
        browser.press(Key::Tab).await;
        if browser.has_focus(css).await {
            return;
        }
    }
    panic!("Tab never reaches {css}");
}

/// Acceptance: M0.
#[rstest]
#[case(Look::DESKTOP, ["公众号扫码", "扫码登录"])]
#[case(Look::DESKTOP.english(), ["Official account", "Scan a code"])]
#[tokio::test]
async fn methods_stand_in_the_operators_order_and_a_choice_is_remembered(
    #[case] look: Look,
    #[case] names: [&str; 2],
) {
    let house = House::with_follow(Follow::default()).await;
    let lang = look.languages;
    let browser = Browser::open(look).await;
    house.ask_with_code(&browser, "/page?x=1").await;
    assert_eq!(browser.js(TABS).await, json!(names));
    assert_eq!(browser.text(CURRENT).await, names[0]);

    // With the keyboard alone.
    tab_to(&browser, ".methods li:nth-child(2) a").await;
    browser.shoot(&format!("methods-1-focus-{}", &lang[..2])).await;
    browser.press(Key::Enter).await;
    browser.see(".frame.loaded").await;
    assert_eq!(browser.text(CURRENT).await, names[1]);
    browser.inspect(&format!("methods-2-other-{}", &lang[..2])).await;
    browser.go(&house.at("/page?x=2")).await;
    browser.see(".frame.loaded").await;
    assert_eq!(browser.text(CURRENT).await, names[1]);

    tab_to(&browser, ".methods li:first-child a").await;
    browser.press(Key::Enter).await;
    browser.code(&house).await;
    browser.go(&house.at("/page?x=3")).await;
    browser.code(&house).await;
    assert_eq!(browser.text(CURRENT).await, names[0]);
    browser.close().await;
    house.close().await;
}

/// The keyboard reaches what a cover offers, and nothing below or beside it that is not there.
#[tokio::test]
async fn the_keyboard_reaches_the_button_of_a_cover() {
    let house = House::with_follow(Follow { confirm: true, ..Follow::default() }).await;
    house.wechat.follow(ACCOUNT, "lina").unwrap();
    let browser = Browser::open(Look::DESKTOP).await;
    let code = house.ask_with_code(&browser, "/").await;
    house.wechat.scan_scene(&code.ticket, "lina").unwrap();
    browser.stage("scanned").await;
    tab_to(&browser, "[data-cover=scanned] [data-renew]").await;
    browser.hold("document.activeElement.matches(':focus-visible')").await;
    browser.shoot("methods-3-focus-in-cover").await;
    browser.press(Key::Enter).await;
    browser.stage("waiting").await;
    assert!(browser.has_focus("[data-code]").await);
    assert!(browser.is_the_same_page().await);
    browser.close().await;
    house.close().await;
}

/// Acceptance: M0, M5b.
#[tokio::test]
async fn without_scripts_a_link_goes_on_once_the_phone_is_done() {
    let house = House::with_follow(Follow::default()).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    let mut browser = Browser::open(Look::DESKTOP).await;
    browser.expect_console("status of 409");
    browser.cdp("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.go(&house.at("/page?x=1")).await;
    let code = browser.code(&house).await;
    browser.see("noscript .button").await;
    browser.inspect_everywhere("methods-4-no-script").await;

    // Too early: the way on stays the same.
    browser.click("noscript .button:not(.quiet)").await;
    browser.read("h1", "登录尚未确认").await;
    browser.inspect_everywhere("methods-5-no-script-too-early").await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    house.wechat.settled().await;
    browser
        .until("the login", async || {
            // WeChat has its answer before it has told who scanned.
            if browser.address().await.path() != "/page" {
                browser.click("a.button:not(.quiet)").await;
            }
            (browser.address().await.as_str() == house.at("/page?x=1")).then_some(())
        })
        .await;
    assert_eq!(browser.header("X-User-OpenID").await, Some(house.wechat.openid(ACCOUNT, "zhang")));
    browser.close().await;
    house.close().await;
}

/// Acceptance: M0, M5b.
#[tokio::test]
async fn without_scripts_a_code_that_ran_out_leads_to_another_one() {
    let house = House::with_follow(Follow { lifetime: "10s", ..Follow::default() }).await;
    let mut browser = Browser::open(Look::DESKTOP).await;
    browser.expect_console("status of 409");
    browser.cdp("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.go(&house.at("/page?x=1")).await;
    let old = browser.code(&house).await;
    browser.click("noscript .button.quiet").await;
    let other = browser.until("another code", async || {
        Some(browser.code(&house).await).filter(|code| *code.ticket != old.ticket)
    });
    let other = other.await;
    browser
        .until("the end of the code", async || {
            browser.click("a.button:not(.quiet)").await;
            browser
                .address()
                .await
                .query()
                .is_some_and(|query| query.contains("notice=expired"))
                .then_some(())
        })
        .await;
    browser.read(".notice", "超时").await;
    assert_ne!(browser.code(&house).await.ticket, other.ticket);
    let goal = browser.address().await;
    assert!(goal.query_pairs().any(|(key, value)| key == "rt" && value == house.at("/page?x=1")), "{goal}");
    browser.inspect_everywhere("methods-7-no-script-expired").await;
    browser.close().await;
    house.close().await;
}

/// Acceptance: M0.
#[tokio::test]
async fn wechat_on_a_computer_needs_no_code() {
    let house = House::with_follow(Follow::default()).await;
    let browser = Browser::open(Look::WECHAT_DESKTOP).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.arrive(&house.wechat_at("/connect/oauth2/authorize")).await;
    browser.click("[name=answer][value=allow]").await;
    browser.arrive(&house.at("/page?x=1")).await;
    assert_eq!(browser.header("X-User-OpenID").await, Some(house.wechat.openid(ACCOUNT, "zhang")));
    assert!(house.wechat.scene_codes().is_empty());
    browser.close().await;
    house.close().await;
}

/// WeCom on a computer shows codes like any browser there, and is never sent to WeChat's own login.
///
/// Acceptance: M0, M5b.
#[tokio::test]
async fn wecom_on_a_computer_shows_the_codes_and_not_wechats_own_login() {
    let house = House::with_follow(Follow::default()).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    let browser = Browser::open(Look::WECOM_DESKTOP).await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    assert_eq!(browser.js(TABS).await, json!(["公众号扫码", "扫码登录"]));
    browser.inspect("methods-6-wecom-desktop").await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    browser.arrive(&house.at("/page?x=1")).await;
    assert_eq!(house.wechat.calls("/connect/oauth2/authorize"), 0);
    browser.close().await;
    house.close().await;
}

/// A phone cannot scan its own screen: no code is made for it.
///
/// Acceptance: M0.
#[rstest]
#[case(Look::PHONE, "请在微信里打开下面的地址")]
#[case(Look::WECOM, "无法使用微信登录")]
#[tokio::test]
async fn a_phone_is_shown_no_code(#[case] look: Look, #[case] words: &str) {
    let house = House::with_follow(Follow::default()).await;
    let browser = Browser::open(look).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.read("main", words).await;
    assert!(!browser.has("[data-scan]").await && !browser.has(".methods").await);
    assert!(house.wechat.scene_codes().is_empty());
    browser.close().await;
    house.close().await;
}
