//! A phone's own browser opens the mini program by a link and comes back to a page that was gone meanwhile.

use menshen::simulator::DEMO_MINI_APP_ID as MINI;

use crate::chromium::Browser;
use crate::house::{House, Programs};
use crate::look::Look;
use crate::panel::{KEEP_STAGES, STATUS};

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

/// Where the link leaves the page open, as a scheme does, it follows the phone like one with a code.
///
/// Acceptance: M4a, M4b.
#[tokio::test]
async fn a_page_that_stays_open_beside_the_mini_program_follows_it() {
    let house = House::with_programs(Programs { scan: LINKS, ..Programs::default() }).await;
    let browser = Browser::open(Look::PHONE.english()).await;
    browser.go(&house.at("/page?x=1")).await;
    let page = browser.tab().await;
    let mut links = Vec::new();
    for answer in ["#reject", "#confirm"] {
        browser.see("[data-open]").await;
        browser.js(KEEP_STAGES).await;
        let link = browser.js("return document.querySelector('[data-open]').href").await;
        let phone = browser.new_tab().await;
        browser.go(link.as_str().unwrap()).await;
        browser.see("#confirm").await;
        browser.switch(&page).await;
        browser.stage("scanned").await;
        assert_eq!(browser.text(STATUS).await, "Opened in WeChat. Please confirm there.");
        browser.fits("[data-cover=scanned]").await;
        browser.inspect_everywhere("program-18-link-scanned").await;
        browser.switch(&phone).await;
        browser.click(answer).await;
        browser.see("#confirmed, #rejected").await;
        browser.close_tab(&page).await;
        if answer == "#reject" {
            browser.stage("refused").await;
            assert_eq!(browser.text("[data-cover=refused]").await, "Sign in again");
            browser.fits("[data-cover=refused]").await;
            browser.inspect_everywhere("program-19-link-refused").await;
            browser.click("[data-cover=refused] [data-renew]").await;
            browser.stage("waiting").await;
            assert!(browser.is_the_same_page().await);
            assert_eq!(browser.text(STATUS).await, "You can open WeChat again now.");
        }
        links.push(link);
    }
    assert_ne!(links[0], links[1]);
    browser.arrive(&house.at("/page?x=1")).await;
    browser.close().await;
    house.close().await;
}
