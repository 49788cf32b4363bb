//! What a route asks of who is logged in, as they see it: what is missing, another method, a phone number.

use crate::chromium::Browser;
use crate::house::{House, Plan, Programs};
use crate::look::Look;
use crate::webhook::WebhookServer;

const ROUTES: &str = r#"
[[routes]]
path = "/editors"
upstream = "sample"
require = { groups = ["editors", "运营部 Operations"], attributes = { level = ["gold", "platinum"] } }

[[routes]]
path = "/chat"
upstream = "sample"
methods = ["wechat", "app"]

[[routes]]
path = "/shop"
upstream = "sample"
require = { phone = true }

"#;

async fn house(service: &WebhookServer) -> House {
    let programs = Programs { scan: "ask_phone = true", ..Programs::default() };
    let more = format!("{ROUTES}{}", service.section());
    House::built(Plan { programs: Some(programs), more, ..Plan::default() }).await
}

async fn types(browser: &Browser, css: &str, text: &str) {
    let field = browser.see(css).await;
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

/// A browser in which `person` has logged in with WeChat's code.
async fn logged_in(house: &House, look: Look, person: &str) -> Browser {
    let browser = Browser::open(look).await;
    browser.go(&house.at("/_menshen/login?method=scan&rt=%2Fpage")).await;
    browser.log_in_as(person).await;
    browser.arrive(&house.at("/page")).await;
    browser
}

/// Acceptance: A14, U9.
#[tokio::test]
async fn a_visitor_reads_what_is_missing_and_finds_a_way_on() {
    let service = WebhookServer::start().await;
    let house = house(&service).await;
    for (look, name, heading) in [
        (Look::DESKTOP, "zh", "您的账号没有访问权限"),
        (Look::DESKTOP.english(), "en", "Your account may not see this"),
        (Look { size: (360, 740), ..Look::DESKTOP }.dark(), "narrow", "您的账号没有访问权限"),
    ] {
        let mut browser = logged_in(&house, look, "zhang").await;
        browser.expect_console("403 (Forbidden)");
        browser.go(&house.at("/editors")).await;
        browser.read("h1", heading).await;
        browser.read(".facts", "运营部 Operations").await;
        browser.inspect(&format!("policy-1-denied-{name}")).await;
        browser.click("a.button[href*='other=1']").await;
        browser.arrive(&house.at("/_menshen/login")).await;
        browser.read(".notice", "张").await;
        browser.inspect(&format!("policy-2-somebody-else-{name}")).await;
        browser.go(&house.at("/chat")).await;
        browser.arrive(&house.at("/_menshen/login")).await;
        browser.inspect(&format!("policy-3-another-method-{name}")).await;
        browser.close().await;
    }
    house.close().await;
}

/// Acceptance: U9.
#[tokio::test]
async fn a_visitor_verifies_a_phone_number_once_and_goes_on() {
    let service = WebhookServer::start().await;
    let house = house(&service).await;
    for (round, (look, name, person)) in [
        (Look::DESKTOP, "zh", "zhang"),
        (Look::DESKTOP.english(), "en", "wang"),
        (Look { size: (360, 740), ..Look::DESKTOP }.dark(), "narrow", "lina"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut browser = logged_in(&house, look, person).await;
        browser.expect_console("400 (Bad Request)");
        browser.go(&house.at("/shop?a=b")).await;
        browser.arrive(&house.at("/_menshen/phone")).await;
        browser.inspect(&format!("phone-1-number-{name}")).await;
        types(&browser, "#phone", "12345").await;
        browser.click(".ask .button").await;
        browser.see("#trouble").await;
        browser.inspect(&format!("phone-2-no-number-{name}")).await;
        types(&browser, "#phone", &format!("139 0000 000{round}")).await;
        browser.click(".ask .button").await;
        browser.see("#code").await;
        browser.inspect(&format!("phone-3-code-{name}")).await;
        let call = service.call(round + 1).await;
        let code = call.body["code"].as_str().unwrap().to_owned();
        let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
        types(&browser, "#code", &wrong).await;
        browser.click(".ask .button").await;
        browser.see("#trouble").await;
        browser.inspect(&format!("phone-4-wrong-{name}")).await;
        types(&browser, "#code", &code).await;
        browser.click(".ask .button").await;
        browser.arrive(&house.at("/shop?a=b")).await;
        let number = browser.header("X-User-Phone").await;
        assert_eq!(number, Some(format!("+86139000000{round:02}")));
        browser.close().await;
    }
    house.close().await;
}
