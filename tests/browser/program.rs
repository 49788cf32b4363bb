//! A mini program's code on a computer, and the phone that scans it: what their visitors see.

use menshen::simulator::DEMO_MINI_APP_ID as MINI;
use serde_json::json;

use crate::chromium::Browser;
use crate::house::{House, Programs};
use crate::look::Look;
use crate::panel::STATUS;

/// A red dot, which no code has.
const LOGO: &str = "logo = \"data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAg\
                    MCAyIDIiPjxjaXJjbGUgY3g9IjEiIGN5PSIxIiByPSIxIiBmaWxsPSJyZWQiLz48L3N2Zz4=\"";

/// Acceptance: M4a, M4d, M4e.
#[tokio::test]
async fn who_scans_the_mini_programs_code_and_confirms_there_arrives_on_the_computer() {
    let house = House::with_programs(Programs { scan: "ask_phone = true", ..Programs::default() }).await;
    let browser = Browser::open(Look::DESKTOP).await;
    let scene = house.ask_with_program(&browser, "/page?x=1").await;
    let computer = browser.tab().await;
    browser.stage("waiting").await;
    browser.inspect_everywhere("program-1-waiting").await;

    let phone = house.phone_of(&browser, "zhang").await;
    house.scan_program(&browser, &scene).await;
    assert_eq!(browser.text("#host").await, "localhost");
    assert!(browser.text("#browser").await.contains("Windows"));
    assert_eq!(browser.text("#ip").await, "127.0.0.1");
    assert!(browser.has("#begun").await);
    browser.inspect("program-2-phone-asks").await;

    browser.switch(&computer).await;
    browser.stage("scanned").await;
    assert_eq!(browser.text(STATUS).await, "已扫描，请在手机上确认");
    browser.inspect_everywhere("program-3-scanned").await;

    browser.switch(&phone).await;
    browser.click("#confirm").await;
    browser.read("main", "请回到电脑").await;
    browser.inspect("program-4-phone-confirmed").await;
    browser.close_tab(&computer).await;
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    assert_eq!(browser.header("X-User-OpenID").await, Some(house.wechat.openid(MINI, "zhang")));
    assert_eq!(browser.header("X-User-Phone").await.as_deref(), Some("+8613580006666"));
    assert_eq!(browser.header("X-User-Method").await.as_deref(), Some("mini-scan"));
    assert_eq!(browser.stages().await, json!(["waiting", "scanned", "approved"]));
    browser.close().await;
    house.close().await;
}

/// Acceptance: M4a: nickname and picture of a known account, and nothing else of anybody.
#[tokio::test]
async fn the_computer_is_shown_the_nickname_of_who_scanned_and_nothing_else() {
    let house = House::with_programs(Programs::default()).await;
    let browser = Browser::open(Look::DESKTOP).await;
    house.phone_of(&browser, "lina").await;
    browser.go(&house.wechat_at("/phone/app")).await;
    browser.click("#app-login").await;
    browser.see("#outcome").await;
    for (person, shown) in [("lina", "李娜🌸\n重新扫码"), ("maria", "重新扫码")] {
        let scene = house.ask_with_program(&browser, "/page").await;
        let computer = browser.tab().await;
        house.phone_of(&browser, person).await;
        house.scan_program(&browser, &scene).await;
        browser.close_tab(&computer).await;
        browser.stage("scanned").await;
        assert_eq!(browser.text("[data-cover=scanned]").await, shown);
        browser.inspect(&format!("program-5-scanned-by-{person}")).await;
    }
    browser.close().await;
    house.close().await;
}

/// Acceptance: M4b.
#[tokio::test]
async fn who_declines_on_the_phone_leaves_a_computer_that_offers_another_code() {
    let house = House::with_programs(Programs::default()).await;
    let mut browser = Browser::open(Look::DESKTOP).await;
    let old = house.ask_with_program(&browser, "/page").await;
    let computer = browser.tab().await;
    let phone = house.phone_of(&browser, "zhang").await;
    house.scan_program(&browser, &old).await;
    browser.click("#reject").await;
    browser.see("#rejected").await;
    browser.inspect("program-6-phone-rejected").await;

    browser.switch(&computer).await;
    browser.stage("refused").await;
    assert_eq!(browser.text(STATUS).await, "您在手机上拒绝了这次登录");
    browser.inspect_everywhere("program-7-refused").await;
    browser.click("[data-cover=refused] [data-renew]").await;
    browser.stage("waiting").await;
    assert!(browser.is_the_same_page().await);
    let fresh = browser.program_code(&house).await;
    assert_ne!(fresh, old);

    browser.switch(&phone).await;
    house.scan_program(&browser, &old).await;
    browser.see(".problem").await;
    browser.inspect("program-8-phone-old-code").await;
    house.scan_program(&browser, &fresh).await;
    browser.click("#confirm").await;
    browser.see("#confirmed").await;
    browser.expect_console("status of 409");
    browser.close_tab(&computer).await;
    browser.arrive(&house.at("/page")).await;
    browser.close().await;
    house.close().await;
}

/// Acceptance: M4b.
#[tokio::test]
async fn a_mini_programs_code_that_ran_out_is_renewed_in_place() {
    let house = House::with_programs(Programs { lifetime: "10s", ..Programs::default() }).await;
    let mut browser = Browser::open(Look::DESKTOP).await;
    let old = house.ask_with_program(&browser, "/page").await;
    let computer = browser.tab().await;
    browser.stage("expired").await;
    assert_eq!(browser.text(STATUS).await, "二维码已过期");
    browser.inspect_everywhere("program-9-expired").await;
    house.phone_of(&browser, "zhang").await;
    house.scan_program(&browser, &old).await;
    browser.see(".problem").await;
    browser.inspect("program-10-phone-expired").await;
    browser.expect_console("status of 409");
    browser.close_tab(&computer).await;
    browser.click("[data-cover=expired] [data-renew]").await;
    browser.stage("waiting").await;
    assert_ne!(browser.program_code(&house).await, old);
    assert!(browser.is_the_same_page().await);
    browser.close().await;
    house.close().await;
}

/// Acceptance: M4f.
#[tokio::test]
async fn the_operators_picture_is_in_the_centre_of_the_code() {
    let house = House::with_programs(Programs { scan: LOGO, ..Programs::default() }).await;
    let browser = Browser::open(Look::DESKTOP).await;
    house.ask_with_program(&browser, "/page").await;
    browser.hold("document.querySelector('[data-code] .centre').naturalWidth > 0").await;
    // It covers the mini program's own, in the middle, and leaves the corners by which a phone finds the code.
    let places = browser
        .js("const box = css => document.querySelector(css).getBoundingClientRect();
            const code = box('[data-code] > img:not(.centre)'), logo = box('.centre');
            const middle = rect => [rect.x + rect.width / 2, rect.y + rect.height / 2].map(Math.round);
            return [middle(code), middle(logo), Math.round(100 * logo.width / code.width)];")
        .await;
    assert_eq!((&places[0], &places[2]), (&places[1], &json!(45)), "{places}");
    browser.inspect_everywhere("program-11-logo").await;
    browser.close().await;
    house.close().await;
}

/// Two mini programs side by side, each on the sites that the operator chose.
///
/// Acceptance: U7.
#[tokio::test]
async fn several_methods_of_one_kind_stand_side_by_side_where_they_are_allowed() {
    let other = "label = \"员工小程序\"\n\n[[methods]]\nid = \"guests\"\nkind = \"mini_program_scan\"\napp = \"mini\"\n\
                 label = \"访客小程序\"\nversion = \"trial\"\n\n[[routes]]\npath = \"/guests\"\nupstream = \"sample\"\n\
                 access = \"login\"\nmethods = [\"guests\"]\n";
    let house = House::with_programs(Programs { scan: other, ..Programs::default() }).await;
    let browser = Browser::open(Look::DESKTOP).await;
    house.ask_with_program(&browser, "/page").await;
    let tabs = "return Array.from(document.querySelectorAll('.methods a'), tab => tab.innerText)";
    assert_eq!(browser.js(tabs).await, json!(["员工小程序", "访客小程序", "扫码登录"]));
    browser.click(".methods li:nth-child(2) a").await;
    browser.arrive(&house.at("/_menshen/login?")).await;
    browser.hold("location.search.includes('method=guests')").await;
    browser.program_code(&house).await;
    assert_eq!(house.wechat.mini_codes()[0].version.text(), "trial");
    browser.inspect_everywhere("program-17-two").await;

    house.ask_with_program(&browser, "/guests").await;
    assert_eq!(browser.js(tabs).await, json!([]));
    assert_eq!(house.wechat.mini_codes()[0].version.text(), "trial");
    browser.close().await;
    house.close().await;
}
