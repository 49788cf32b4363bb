//! A computer's browser: WeChat's code on our page or on WeChat's, a phone that agrees, refuses or is too late.

use menshen::simulator::DEMO_WEBSITE_APP_ID;

use crate::chromium::Browser;
use crate::house::{Follow, House, Plan};
use crate::look::Look;
use crate::phone::FRAME;

/// Where the pictures of the readme are.
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/pictures");

/// From the first request to the app, with WeChat's code on our page and the phone in another tab. The frame is on
/// another site than our page, so its navigation of the whole tab is one that browsers look at twice.
///
/// Acceptance: M0, M3a, M6d, U8.
#[tokio::test]
async fn a_scan_leads_to_the_page_that_was_asked_for() {
    let house = House::start().await;
    let browser = Browser::open(Look::DESKTOP).await;
    house.ask_for(&browser, "/page?x=1").await;
    let tab = browser.tab().await;
    browser.enter(FRAME).await;
    browser.hold("document.querySelector('.qrcode').naturalWidth > 0").await;
    browser.leave().await;
    browser.inspect("desktop-1-login").await;

    browser.take_the_phone().await;
    browser.inspect("desktop-2-phone").await;
    browser.scan_as("lina").await;
    browser.inspect("desktop-3-phone-scanned").await;
    let phone = browser.tab().await;
    browser.switch(&tab).await;
    browser.enter(FRAME).await;
    browser.see(".status.scanned").await;
    browser.leave().await;
    browser.inspect("desktop-4-login-scanned").await;
    browser.switch(&phone).await;
    browser.click("[id^=confirm-]").await;
    browser.see(".confirmed").await;
    browser.close_tab(&tab).await;

    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    assert_eq!(browser.text("h1").await, "Hello, 李娜🌸!");
    let unionid = house.wechat.unionid(DEMO_WEBSITE_APP_ID, "lina");
    assert_eq!(browser.header("X-User-UnionID").await, unionid);
    let openid = house.wechat.openid(DEMO_WEBSITE_APP_ID, "lina");
    assert_eq!(browser.header("X-User-OpenID").await, Some(openid));
    assert_eq!(browser.js("return document.referrer").await, "");
    assert_eq!(browser.js("return document.cookie").await, "");
    browser.inspect("desktop-5-app").await;
    browser.close().await;
    house.close().await;
}

/// The pictures in the readme are what these tests see. `MENSHEN_PICTURES=1` renews them.
#[tokio::test]
async fn the_pictures_of_the_readme_can_be_taken() {
    let house = House::start().await;
    let browser = Browser::open(Look::DESKTOP.english()).await;
    house.ask_for(&browser, "/").await;
    browser.enter(FRAME).await;
    browser.hold("document.querySelector('.qrcode').naturalWidth > 0").await;
    browser.leave().await;
    let login = browser.shoot("readme-login").await;
    browser.log_in_as("zhang").await;
    browser.arrive(&house.at("/")).await;
    browser.see("#identity").await;
    let app = browser.shoot("readme-app").await;
    browser.close().await;
    house.close().await;

    let house = House::with_follow(Follow::default()).await;
    let browser = Browser::open(Look::DESKTOP.english()).await;
    house.ask_with_code(&browser, "/").await;
    let code = browser.shoot("readme-code").await;
    browser.close().await;
    house.close().await;
    for (name, picture) in
        [("login-desktop.png", login), ("app-after-login.png", app), ("login-official-account.png", code)]
    {
        let file = format!("{PICTURES}/{name}");
        if std::env::var_os("MENSHEN_PICTURES").is_some() {
            std::fs::write(&file, picture).unwrap();
        }
        assert!(std::fs::read(&file).unwrap().starts_with(b"\x89PNG"), "{file}");
    }
}

/// Acceptance: M3a.
#[tokio::test]
async fn the_whole_tab_may_show_wechats_page_instead_of_a_frame() {
    let house = House::built(Plan { presentation: "redirect", ..Plan::default() }).await;
    let browser = Browser::open(Look::DESKTOP).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.see("a.button").await;
    assert!(!browser.has("iframe").await);
    browser.inspect("redirect-1-login").await;
    browser.click("a.button").await;
    browser.arrive(&house.wechat_at("/connect/qrconnect")).await;
    browser.shoot("redirect-2-wechat").await;
    let tab = browser.tab().await;
    browser.follow(".simulated a").await;
    browser.scan_as("zhang").await;
    browser.click("[id^=confirm-]").await;
    browser.see(".confirmed").await;
    browser.close_tab(&tab).await;
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    assert_eq!(browser.text("h1").await, "Hello, 张伟!");
    browser.close().await;
    house.close().await;
}

/// Where the frame stays empty, the link below it leads to WeChat's whole page and from there to the same goal.
#[tokio::test]
async fn a_link_below_the_frame_opens_wechats_whole_page() {
    let house = House::start().await;
    let browser = Browser::open(Look::DESKTOP.english()).await;
    house.ask_for(&browser, "/page?x=1").await;
    browser.click("p.aside a").await;
    browser.arrive(&house.wechat_at("/connect/qrconnect")).await;
    let tab = browser.tab().await;
    browser.follow(".simulated a").await;
    browser.scan_as("maria").await;
    browser.click("[id^=confirm-]").await;
    browser.see(".confirmed").await;
    browser.close_tab(&tab).await;
    browser.arrive(&house.at("/page?x=1")).await;
    assert_eq!(browser.text("h1").await, "Hello, María 🦜 García!");
    browser.close().await;
    house.close().await;
}

/// Acceptance: M3d.
#[tokio::test]
async fn a_refusal_on_the_phone_leads_back_to_the_login_page_and_the_next_attempt_works() {
    let house = House::start().await;
    let browser = Browser::open(Look::DESKTOP.english()).await;
    house.ask_for(&browser, "/page?x=1").await;
    let tab = browser.tab().await;
    browser.take_the_phone().await;
    browser.scan_as("zhang").await;
    browser.click("[id^=refuse-]").await;
    browser.see(".refused").await;
    browser.inspect("refused-1-phone").await;
    browser.close_tab(&tab).await;
    browser.read(".notice", "You cancelled").await;
    browser.see(".frame.loaded").await;
    browser.inspect("refused-2-login").await;
    browser.log_in_as("zhang").await;
    browser.arrive(&house.at("/page?x=1")).await;
    assert_eq!(browser.text("h1").await, "Hello, 张伟!");
    browser.close().await;
    house.close().await;
}

/// Acceptance: M3a.
#[tokio::test]
async fn an_expired_code_is_renewed_in_wechats_frame() {
    let house = House::start().await;
    let browser = Browser::open(Look::DESKTOP).await;
    house.ask_for(&browser, "/page?x=1").await;
    let tab = browser.tab().await;
    browser.take_the_phone().await;
    browser.click("[id^=expire-]").await;
    browser.see(".expired").await;
    browser.close_tab(&tab).await;
    browser.enter(FRAME).await;
    browser.see(".status.expired").await;
    browser.leave().await;
    browser.inspect("expired-1-login").await;
    browser.enter(FRAME).await;
    browser.click("#again").await;
    browser.see(".status.waiting").await;
    browser.leave().await;
    browser.log_in_as("zhang").await;
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    browser.close().await;
    house.close().await;
}

/// Each tab has its own goal and its own attempt; one login does not spoil the other.
///
/// Acceptance: M3b.
#[tokio::test]
async fn two_tabs_log_in_at_once_and_both_arrive() {
    let house = House::start().await;
    let browser = Browser::open(Look::DESKTOP).await;
    house.ask_for(&browser, "/first").await;
    let first = browser.tab().await;
    let second = browser.new_tab().await;
    house.ask_for(&browser, "/second").await;
    browser.log_in_as("lina").await;
    browser.arrive(&house.at("/second")).await;
    browser.switch(&first).await;
    browser.log_in_as("lina").await;
    browser.arrive(&house.at("/first")).await;
    assert_eq!(browser.text("h1").await, "Hello, 李娜🌸!");
    // The session of the first arrival still works, or was replaced by the later one.
    browser.switch(&second).await;
    browser.go(&house.at("/second?again")).await;
    assert_eq!(browser.text("h1").await, "Hello, 李娜🌸!");
    browser.close().await;
    house.close().await;
}
