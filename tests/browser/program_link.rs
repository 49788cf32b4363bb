//! A phone's own browser opens the mini program by a link and comes back to a page that was gone meanwhile.

use menshen::simulator::DEMO_MINI_APP_ID as MINI;

use crate::chromium::Browser;
use crate::house::{House, Programs};
use crate::look::Look;

const LINKS: &str = "open = \"url_link\"";

/// A phone whose owner comes back to the browser finds that the login went on, though its page was gone meanwhile.
///
/// Acceptance: M4a, M4b.
#[tokio::test]
async fn a_phones_browser_opens_the_mini_program_and_is_logged_in_when_it_comes_back() {
    let house = House::with_programs(Programs { scan: LINKS, ..Programs::default() }).await;
    let mut browser = Browser::open(Look::PHONE).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.see("[data-open]").await;
    browser.inspect_everywhere("program-12-link").await;
    browser.click("[data-open]").await;
    browser.see("#confirm").await;
    browser.inspect("program-13-link-phone-asks").await;

    // Too early: the login is not lost by looking.
    browser.js("history.back()").await;
    browser.read("h1", "登录尚未确认").await;
    browser.inspect("program-14-link-too-early").await;
    browser.expect_console("status of 409");
    browser.js("history.forward()").await;
    browser.click("#confirm").await;
    browser.read("main", "请回到浏览器").await;
    browser.inspect("program-15-link-phone-confirmed").await;
    browser.js("history.go(-2)").await;
    let address = browser.arrive(&house.at("/page")).await;
    assert_eq!(address.as_str(), house.at("/page?x=1"));
    assert_eq!(browser.header("X-User-OpenID").await, Some(house.wechat.openid(MINI, "zhang")));
    assert!(house.wechat.mini_codes().is_empty(), "nobody can scan the screen they hold");
    browser.close().await;
    house.close().await;
}

/// Acceptance: M4b.
#[tokio::test]
async fn a_phones_browser_learns_that_its_owner_declined() {
    let house = House::with_programs(Programs { scan: LINKS, ..Programs::default() }).await;
    let browser = Browser::open(Look::PHONE.english()).await;
    browser.go(&house.at("/page?x=1")).await;
    browser.click("[data-open]").await;
    browser.click("#reject").await;
    browser.see("#rejected").await;
    browser.js("history.go(-2)").await;
    browser.read(".notice", "You cancelled").await;
    browser.see("[data-open]").await;
    browser.inspect("program-16-link-declined").await;
    browser.close().await;
    house.close().await;
}
