//! Networks that fail while a code is shown: no network, no stream, a gateway that restarts, a page nobody looks at.

use menshen::simulator::DEMO_SERVICE_APP_ID as ACCOUNT;
use serde_json::json;

use crate::chromium::Browser;
use crate::house::{Follow, House};
use crate::look::Look;
use crate::panel::STATUS;

async fn house() -> House {
    let house = House::with_follow(Follow::default()).await;
    house.wechat.follow(ACCOUNT, "zhang").unwrap();
    house
}

impl Browser {
    async fn offline(&self, offline: bool) {
        self.cdp("Network.enable", json!({})).await;
        let conditions =
            json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.cdp("Network.emulateNetworkConditions", conditions).await;
    }

    /// The clocks of pages that are opened from now on run ten times as fast.
    async fn hurry(&self) {
        let source = "const slow = window.setTimeout;
            window.setTimeout = (work, wait, ...all) => slow(work, wait / 10, ...all);";
        self.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    }

    /// How often the page has asked for what ends so.
    async fn asked(&self, path: &str) -> i64 {
        let count = format!(
            "return performance.getEntriesByType('resource').filter(entry => entry.name.includes('{path}')).length"
        );
        self.js(&count).await.as_i64().unwrap()
    }
}

/// Acceptance: M5b.
#[tokio::test]
async fn a_scan_while_the_computer_is_offline_counts_once_it_is_back() {
    let house = house().await;
    let mut browser = Browser::open(Look::DESKTOP).await;
    browser.expect_console("ERR_INTERNET_DISCONNECTED");
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    browser.offline(true).await;
    browser.read(STATUS, "连接已断开").await;
    browser.inspect_everywhere("connection-1-offline").await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    house.wechat.settled().await;
    browser.stage("waiting").await;
    browser.offline(false).await;
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    browser.close().await;
    house.close().await;
}

/// What was said of the network goes away with the trouble.
#[tokio::test]
async fn a_computer_that_is_back_waits_on() {
    let house = house().await;
    let mut browser = Browser::open(Look::DESKTOP.english()).await;
    browser.expect_console("ERR_INTERNET_DISCONNECTED");
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    browser.offline(true).await;
    browser.read(STATUS, "The connection is lost").await;
    browser.offline(false).await;
    browser.hold("document.querySelector('[data-scan-status]').textContent === ''").await;
    browser.stage("waiting").await;
    assert!(browser.is_the_same_page().await);
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    browser.arrive(&house.at("/page?x=1")).await;
    browser.close().await;
    house.close().await;
}

/// Acceptance: M5b.
#[tokio::test]
async fn where_streams_are_blocked_the_page_asks_again_and_again() {
    let house = house().await;
    let mut browser = Browser::open(Look::DESKTOP).await;
    browser.expect_console("ERR_BLOCKED_BY_CLIENT");
    browser.cdp("Network.enable", json!({})).await;
    browser.cdp("Network.setBlockedURLs", json!({ "urls": ["*/flow/events*"] })).await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    browser
        .until("two looks at the flow's state", async || {
            (browser.asked("/flow/state?flow=").await > 1).then_some(())
        })
        .await;
    browser.stage("waiting").await;
    assert_eq!(browser.js("return document.querySelector('[data-scan-status]').textContent").await, "");
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    browser.close().await;
    house.close().await;
}

/// Something on the way takes the stream and hands nothing on, as proxies that collect whole answers do.
///
/// Acceptance: M5b.
#[tokio::test]
async fn a_stream_that_brings_nothing_is_given_up_for_good() {
    let house = house().await;
    let browser = Browser::open(Look::DESKTOP).await;
    browser.hurry().await;
    let silent = "window.opened = 0;
        window.EventSource = class extends EventTarget {
            static CLOSED = 2;
            constructor() { super(); window.opened += 1; }
            close() {}
        };";
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": silent })).await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    browser
        .until("a look at the flow's state", async || {
            (browser.asked("/flow/state?flow=").await > 0).then_some(())
        })
        .await;
    // Looking at the page again does not open another stream.
    browser.js("dispatchEvent(new Event('online'))").await;
    assert_eq!(browser.js("return opened").await, 1);
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    browser.arrive(&house.at("/page?x=1")).await;
    browser.close().await;
    house.close().await;
}

/// A restart, as an upgrade needs it, takes a moment; codes on screens stay good.
///
/// Acceptance: M5b.
#[tokio::test]
async fn a_gateway_that_restarts_leaves_the_code_on_the_screen_good() {
    let mut house = house().await;
    let mut browser = Browser::open(Look::DESKTOP).await;
    expect_restart(&mut browser);
    browser.hurry().await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    house.stop_gateway().await;
    browser.read(STATUS, "连接已断开").await;
    browser.stage("waiting").await;
    house.restart_gateway().await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    browser.close().await;
    house.close().await;
}

/// Asking again and again is for as long as there is no stream to be had, and not for the rest of a code's life.
///
/// Acceptance: M5b.
#[tokio::test]
async fn a_page_that_outlived_a_restart_listens_to_a_stream_again() {
    let mut house = house().await;
    let mut browser = Browser::open(Look::DESKTOP).await;
    expect_restart(&mut browser);
    browser.hurry().await;
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH_STREAMS })).await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    browser.hold("listening() === 1").await;
    house.stop_gateway().await;
    // The stream is given up by now.
    browser.read(STATUS, "连接已断开").await;
    browser.hold("openStreams() === 0").await;
    house.restart_gateway().await;
    browser.hold("listening() === 1").await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    browser.arrive(&house.at("/page?x=1")).await;
    browser.close().await;
    house.close().await;
}

/// What Chromium says of a server that goes away: to a new request, in the middle of an answer, before one.
fn expect_restart(browser: &mut Browser) {
    for error in ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE"] {
        browser.expect_console(error);
    }
}

/// Notes how many streams a page has open whenever it is shown or hidden. Tells it in the tab's own storage, which
/// outlives the page.
const WATCH_STREAMS: &str = "const streams = [], Native = window.EventSource;
    window.EventSource = class extends Native { constructor(...all) { super(...all); streams.push(this); } };
    window.openStreams = () => streams.filter(stream => stream.readyState !== Native.CLOSED).length;
    window.listening = () => streams.filter(stream => stream.readyState === Native.OPEN).length;
    document.addEventListener('visibilitychange', () => {
        const state = document.visibilityState;
        setTimeout(() => {
            const known = JSON.parse(sessionStorage.getItem('seen') ?? '[]');
            sessionStorage.setItem('seen', JSON.stringify([...known, [state, openStreams()]]));
        });
    });";

/// Browsers allow six connections to one host: a tab that nobody looks at holds none of them.
///
/// Acceptance: M5b.
#[tokio::test]
async fn a_tab_in_the_background_holds_no_stream_and_looks_again_when_it_is_seen() {
    let house = house().await;
    let browser = Browser::open(Look::DESKTOP).await;
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH_STREAMS })).await;
    let code = house.ask_with_code(&browser, "/page?x=1").await;
    browser.hold("openStreams() === 1").await;
    let tab = browser.tab().await;
    browser.act_as_seen(false).await;
    browser.new_tab().await;
    browser.go(&house.at("/public")).await;
    house.wechat.scan_scene(&code.ticket, "zhang").unwrap();
    house.wechat.settled().await;
    browser.come_to(&tab).await;
    browser.arrive(&house.at("/page?x=1")).await;
    let seen = browser.js("return JSON.parse(sessionStorage.getItem('seen'))").await;
    // It is hidden once more when it leaves.
    assert_eq!((&seen[0], &seen[1]), (&json!(["hidden", 0]), &json!(["visible", 1])));
    browser.close().await;
    house.close().await;
}
