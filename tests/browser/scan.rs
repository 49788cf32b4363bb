//! A service account's code on a computer: followers and strangers scan it, in one tab or several.

use menshen::ground::Span;
use menshen::simulator::{DEMO_SERVICE_APP_ID as ACCOUNT, Fault, SceneScan};
use serde_json::json;

use crate::chromium::Browser;
use crate::house::{Follow, House};
use crate::look::Look;
use crate::panel::STATUS;

/// WeChat takes its time to say who somebody is, so that the page is seen in between.
fn slow_wechat(house: &House) {
    house.wechat.fault("/cgi-bin/user/info", Fault::Slow(Span::from_millis(1500)), 1);
}

/// Whom the app sees.
async fn arrived_as(house: &House, browser: &Browser, person: &str) {
    assert_eq!(browser.header("X-User-OpenID").await, Some(house.wechat.openid(ACCOUNT, person)));
    assert_eq!(browser.header("X-User-UnionID").await, house.wechat.unionid(ACCOUNT, person));
}

/// Acceptance: M0, M5a.
#[tokio::test]
async fn somebody_who_follows_through_the_code_arrives_at_the_page_that_was_asked_for() {
    let house = House::with_follow(Follow::default()).await;
    let browser = Browser::open(Look::DESKTOP).await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    browser.inspect_everywhere("scan-1-waiting").await;
    assert_eq!(house.wechat.scan_scene(&code.ticket, "lina").unwrap(), SceneScan::Profile);
    browser.stage("waiting").await;
    slow_wechat(&house);
    house.wechat.follow(ACCOUNT, "lina").unwrap();
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    assert_eq!(browser.text("h1").await, "Hello!");
    arrived_as(&house, &browser, "lina").await;
    assert_eq!(browser.stages().await, json!(["waiting", "scanned", "approved"]));
    // One page load led there, and the app learns of no login in between.
    assert_eq!(browser.js("return document.referrer").await, "");
    let said = house.wechat.chat(ACCOUNT, "lina");
    assert!(said.len() == 1 && said[0].contains("门神 Menshen Demo"), "{said:?}");
    browser.close().await;
    house.close().await;
}

/// Acceptance: M5b.
#[tokio::test]
async fn a_follower_who_scans_arrives_at_the_page_that_was_asked_for() {
    let house = House::with_follow(Follow::default()).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    let browser = Browser::open(Look::DESKTOP.english()).await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    browser.inspect_everywhere("scan-2-waiting-english").await;
    slow_wechat(&house);
    assert_eq!(house.wechat.scan_scene(&code.ticket, "zhang").unwrap(), SceneScan::Chat);
    browser.stage("scanned").await;
    assert_eq!(browser.text(STATUS).await, "Scanned. One moment…");
    browser.shoot("scan-3-scanned").await;
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    arrived_as(&house, &browser, "zhang").await;
    assert_eq!(browser.stages().await, json!(["waiting", "scanned", "approved"]));
    // Known from now on: no code the next time.
    browser.go(&house.at("/page?x=2")).await;
    arrived_as(&house, &browser, "zhang").await;
    browser.close().await;
    house.close().await;
}

/// The browser is gone from the page within milliseconds, so the picture is taken of a page that is told to stay.
#[tokio::test]
async fn the_words_of_an_approved_login_fit_the_page() {
    let house = House::with_follow(Follow::default()).await;
    let browser = Browser::open(Look::DESKTOP).await;
    house.ask_with_code(&browser, "/").await;
    browser
        .js("const panel = document.querySelector('[data-scan]');
            panel.dataset.now = 'approved';
            panel.querySelector('[data-cover=approved]').hidden = false;
            const status = document.querySelector('[data-scan-status]');
            status.textContent = status.dataset.approved;")
        .await;
    browser.inspect_everywhere("scan-4-approved").await;
    browser.close().await;
    house.close().await;
}

/// Each tab shows its own code; a scan of one leaves the other where it is.
///
/// Acceptance: M5b.
#[tokio::test]
async fn two_tabs_with_two_codes_go_their_own_ways() {
    let house = House::with_follow(Follow::default()).await;
    for person in ["zhang", "lina"] {
        house.wechat.follow(ACCOUNT, person).unwrap();
    }
    let browser = Browser::open(Look::DESKTOP).await;
    let first_code = house.ask_with_code(&browser, "/first").await;
    let first = browser.tab().await;
    let second = browser.new_tab().await;
    let second_code = house.ask_with_code(&browser, "/second").await;
    assert_ne!(first_code.ticket, second_code.ticket);

    house.wechat.scan_scene(&second_code.ticket, "lina").unwrap();
    browser.arrive(&house.at("/second")).await;
    arrived_as(&house, &browser, "lina").await;
    browser.switch(&first).await;
    browser.stage("waiting").await;
    assert!(browser.is_the_same_page().await);

    house.wechat.scan_scene(&first_code.ticket, "lina").unwrap();
    browser.arrive(&house.at("/first")).await;
    arrived_as(&house, &browser, "lina").await;
    browser.switch(&second).await;
    browser.go(&house.at("/second?again")).await;
    arrived_as(&house, &browser, "lina").await;
    browser.close().await;
    house.close().await;
}

/// A code is for the browser that asked for it, and for the first phone that scans it.
///
/// Acceptance: M5b.
#[tokio::test]
async fn the_second_phone_at_a_code_learns_that_it_is_taken() {
    let house = House::with_follow(Follow { confirm: true, ..Follow::default() }).await;
    for person in ["zhang", "lina"] {
        house.wechat.follow(ACCOUNT, person).unwrap();
    }
    let browser = Browser::open(Look::DESKTOP).await;
    let code = house.ask_with_code(&browser, "/").await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    browser.stage("scanned").await;
    house.wechat.scan_scene(&code.ticket, "lina").unwrap();
    house.wechat.settled().await;
    assert!(house.wechat.chat(ACCOUNT, "zhang")[0].contains("/_menshen/confirm?t="));
    assert_eq!(house.wechat.chat(ACCOUNT, "lina"), ["二维码已失效，请在电脑上刷新后重新扫描。"]);
    browser.stage("scanned").await;
    // The wrong phone: the page offers another code.
    browser.read(STATUS, "请在手机上确认").await;
    browser.click("[data-cover=scanned] [data-renew]").await;
    browser.stage("waiting").await;
    let fresh = browser.code(&house).await;
    assert_ne!(fresh.ticket, code.ticket);
    assert!(browser.is_the_same_page().await);
    house.wechat.scan_scene(&fresh.ticket, "lina").unwrap();
    browser.stage("scanned").await;
    browser.close().await;
    house.close().await;
}

/// Acceptance: M5b.
#[tokio::test]
async fn wechats_own_picture_of_the_code_is_shown_where_the_operator_wants_it() {
    let house = House::with_follow(Follow { picture: "wechat", ..Follow::default() }).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    let browser = Browser::open(Look::DESKTOP).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.see("[data-code] img").await;
    browser.hold("document.querySelector('[data-code] img').naturalWidth > 0").await;
    browser.inspect_everywhere("scan-5-wechats-picture").await;
    let code = house.wechat.next_scene_code(Span::from_secs(30)).await.unwrap();
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    browser.arrive(&house.at("/page?x=1")).await;
    arrived_as(&house, &browser, "zhang").await;
    browser.close().await;
    house.close().await;
}
