//! A code that runs out while it is shown: the page says so and takes a new one, without being loaded again.

use fantoccini::key::Key;
use menshen::ground::Span;
use menshen::simulator::{DEMO_SERVICE_APP_ID as ACCOUNT, Fault, SceneScan};
use serde_json::json;

use crate::chromium::Browser;
use crate::house::{Follow, House};
use crate::look::Look;
use crate::panel::STATUS;

/// As short as a code's life may be.
const SHORT: &str = "10s";

/// Acceptance: M5b.
#[tokio::test]
async fn a_code_that_ran_out_is_covered_and_a_new_one_takes_its_place() {
    let house = House::with_follow(Follow { lifetime: SHORT, ..Follow::default() }).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    let browser = Browser::open(Look::DESKTOP).await;
    let old = house.ask_with_code(&browser, "/page?x=1").await;
    browser.stage("expired").await;
    browser.read(STATUS, "二维码已过期").await;
    assert!(browser.has_focus("[data-cover=expired] [data-renew]").await);
    browser.inspect_everywhere("expiry-1-expired").await;
    // Nobody can see what is below the cover, let alone scan it.
    let covered = "const box = document.querySelector('[data-code] svg').getBoundingClientRect();
        const at = (x, y) => document.elementFromPoint(box.left + x * box.width, box.top + y * box.height);
        return [at(0.02, 0.02), at(0.5, 0.5), at(0.98, 0.98)].every(node => node.closest('[data-cover=expired]'))";
    assert_eq!(browser.js(covered).await, true);

    browser.press(Key::Enter).await;
    browser.stage("waiting").await;
    browser.read(STATUS, "二维码已刷新").await;
    assert!(browser.has_focus("[data-code]").await);
    assert!(browser.is_the_same_page().await);
    let fresh = browser.code(&house).await;
    assert_ne!(fresh.ticket, old.ticket);
    browser.inspect_everywhere("expiry-2-renewed").await;

    assert_eq!(house.wechat.scan_scene(&old.ticket, "zhang").unwrap(), SceneScan::Expired);
    house.wechat.fault("/cgi-bin/user/info", Fault::Slow(Span::from_millis(1000)), 1);
    house.wechat.scan_scene(&fresh.ticket, "zhang").unwrap();
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    assert_eq!(browser.header("X-User-OpenID").await, Some(house.wechat.openid(ACCOUNT, "zhang")));
    assert_eq!(browser.stages().await, json!(["waiting", "expired", "waiting", "scanned", "approved"]));
    browser.close().await;
    house.close().await;
}

/// The first code still works at WeChat, but no page waits for it any more.
///
/// Acceptance: M5b.
#[tokio::test]
async fn a_code_that_was_replaced_moves_the_page_no_more() {
    let house = House::with_follow(Follow { confirm: true, ..Follow::default() }).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    house.wechat.follow(ACCOUNT, "lina").unwrap();
    let browser = Browser::open(Look::DESKTOP).await;
    let old = house.ask_with_code(&browser, "/").await;
    house.wechat.scan_scene(&old.ticket, "zhang").unwrap();
    browser.stage("scanned").await;
    browser.click("[data-cover=scanned] [data-renew]").await;
    browser.stage("waiting").await;
    assert_eq!(house.wechat.scan_scene(&old.ticket, "lina").unwrap(), SceneScan::Chat);
    house.wechat.settled().await;
    assert_eq!(house.wechat.chat(ACCOUNT, "lina"), ["二维码已失效，请在电脑上刷新后重新扫描。"]);
    browser.stage("waiting").await;
    assert!(browser.is_the_same_page().await);
    browser.close().await;
    house.close().await;
}

/// Acceptance: M9.
#[tokio::test]
async fn a_new_code_that_cannot_be_had_leaves_a_way_on() {
    let house = House::with_follow(Follow { confirm: true, ..Follow::default() }).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    let mut browser = Browser::open(Look::DESKTOP.english()).await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    browser.stage("scanned").await;
    browser.cdp("Network.enable", json!({})).await;
    browser.cdp("Network.setBlockedURLs", json!({ "urls": ["*/_menshen/login*"] })).await;
    browser.expect_console("ERR_BLOCKED_BY_CLIENT");
    browser.click("[data-cover=scanned] [data-renew]").await;
    browser.read(STATUS, "No new code could be had").await;
    browser.see("[data-scan-plain] a").await;
    browser.inspect_everywhere("expiry-3-no-new-code").await;
    browser.cdp("Network.setBlockedURLs", json!({ "urls": [] })).await;
    browser.click("[data-cover=scanned] [data-renew]").await;
    browser.stage("waiting").await;
    assert!(browser.is_the_same_page().await);
    assert!(!browser.see("main").await.text().await.unwrap().contains("Open the sign-in page again"));
    browser.close().await;
    house.close().await;
}

/// Somebody logs in by another tab; the page that the button leads to then is asked for once, and by the browser itself.
#[tokio::test]
async fn a_new_code_for_who_is_signed_in_meanwhile_opens_the_app_and_nothing_is_fetched_from_it() {
    let house = House::with_follow(Follow { lifetime: SHORT, ..Follow::default() }).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    let browser = Browser::open(Look::DESKTOP).await;
    house.ask_with_code(&browser, "/page?x=1").await;
    browser.stage("expired").await;
    let note = "const fetching = window.fetch;
        window.fetch = async (...all) => {
            const answer = await fetching(...all);
            sessionStorage.setItem('fetched', `${answer.type} ${answer.redirected}`);
            return answer;
        };";
    browser.js(note).await;
    let tab = browser.tab().await;
    browser.new_tab().await;
    let code = house.ask_with_code(&browser, "/page?x=2").await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    browser.arrive(&house.at("/page?x=2")).await;
    browser.come_to(&tab).await;
    browser.click("[data-cover=expired] [data-renew]").await;
    browser.arrive(&house.at("/page?x=1")).await;
    assert_eq!(browser.js("return sessionStorage.getItem('fetched')").await, "opaqueredirect false");
    browser.close().await;
    house.close().await;
}

/// The gateway's own limit is high, so the page is handed the answer that somebody above it gets.
#[tokio::test]
async fn too_many_new_codes_are_answered_with_how_long_to_wait() {
    let house = House::with_follow(Follow { confirm: true, ..Follow::default() }).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    let browser = Browser::open(Look::DESKTOP).await;
    let code = house.ask_with_code(&browser, "/").await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    browser.stage("scanned").await;
    browser
        .js("window.fetch = async () => new Response('', { status: 429, headers: { 'Retry-After': '7' } })")
        .await;
    browser.click("[data-cover=scanned] [data-renew]").await;
    browser.read(STATUS, "请等待 7 秒").await;
    browser.inspect_everywhere("expiry-5-too-many").await;
    browser.stage("scanned").await;
    browser.close().await;
    house.close().await;
}

/// While WeChat gives no code, the method is marked, the others work, and the visitor is not left with a broken page.
///
/// Acceptance: M0, M9.
#[tokio::test]
async fn a_page_without_a_code_offers_the_other_methods() {
    let house = House::with_follow(Follow::default()).await;
    house.wechat.fault("/cgi-bin/qrcode/create", Fault::Errcode(45009), 100);
    let browser = Browser::open(Look::DESKTOP).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.read("main", "暂时不可用").await;
    browser.read(".methods .off", "暂不可用").await;
    browser.inspect_everywhere("expiry-4-unavailable").await;
    house.wechat.clear_faults();
    browser.click(".methods li:nth-child(2) a").await;
    browser.see(".frame.loaded").await;
    let uuid = house.wechat.next_waiting(Span::from_secs(30)).await.unwrap();
    house.wechat.scan(&uuid, "zhang").unwrap();
    house.wechat.confirm(&uuid).unwrap();
    browser.arrive(&house.at("/page?x=1")).await;
    browser.close().await;
    house.close().await;
}
