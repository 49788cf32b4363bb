//! `menshen demo` as somebody meets it who tries it for the first time: the real program, clicked through.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::chromium::Browser;
use crate::look::Look;

/// The program, killed when dropped.
struct Demo(Child);

impl Demo {
    /// Starts it and waits until it has said everything.
    fn start(port: u16, wechat: u16, data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_menshen"))
            .args(["demo", "--port", &port.to_string(), "--wechat-port", &wechat.to_string(), "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let demo = Self(process);
        assert!(said.lines().map_while(Result::ok).any(|line| line.contains("Ctrl-C ends it")));
        demo
    }

    fn stop(mut self) {
        let told = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap();
        assert!(told.success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Two ports that nobody listened on just now.
fn free_ports() -> [u16; 2] {
    let free = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    free.each_ref().map(|listener| listener.local_addr().unwrap().port())
}

/// Acceptance: M3a.
#[tokio::test]
async fn the_demo_can_be_clicked_through_and_remembers_its_visitor_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let [port, wechat] = free_ports();
    let demo = Demo::start(port, wechat, data.path());
    let home = format!("http://127.0.0.1:{port}/");
    let mut browser = Browser::open(Look::DESKTOP.english()).await;
    browser.go(&home).await;
    browser.see(".frame.loaded").await;
    browser.log_in_as("qiang").await;
    let address = browser.arrive(&home).await;
    assert_eq!(address.as_str(), home);
    assert_eq!(browser.text("h1").await, "Hello, 阿强 <b>|\"'&!");
    browser.inspect("demo-1-app").await;
    let before = browser.header("X-User-ID").await;
    assert!(before.is_some());
    demo.stop();

    let demo = Demo::start(port, wechat, data.path());
    browser.go(&format!("{home}optional")).await;
    assert_eq!(browser.header("X-User-ID").await, before);
    browser.go(&format!("{home}public")).await;
    assert_eq!(browser.text("h1").await, "Hello, whoever you are.");
    browser.click("nav a[href$=userinfo]").await;
    browser.read("body", "\"account\"").await;
    browser.go(&home).await;
    browser.click("nav a[href='/staff']").await;
    browser.read("h1", "Your account may not see this").await;
    browser.inspect("demo-route-staff").await;
    browser.go(&home).await;
    browser.click("nav a[href='/number']").await;
    browser.arrive(&format!("{home}_menshen/phone")).await;
    browser.inspect("demo-route-number").await;
    browser.go(&home).await;
    browser.click("nav a[href$=account]").await;
    browser.arrive(&format!("{home}_menshen/account")).await;
    browser.inspect("demo-account").await;
    browser.go(&home).await;
    browser.click("nav a[href$=logout]").await;
    browser.click("button[value=here]").await;
    browser.read("h1", "You have signed out").await;
    // The page of userinfo is JSON without an icon of its own.
    browser.expect_console("/favicon.ico");
    browser.expect_console("403 (Forbidden)");
    browser.close().await;
    demo.stop();
}

/// The phone's page beside the login page, used as its visitor does: a person, the code, the profile, the chat.
///
/// Acceptance: M5a.
#[tokio::test]
async fn the_demos_phone_follows_the_account_and_the_computer_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let [port, wechat] = free_ports();
    let demo = Demo::start(port, wechat, data.path());
    let home = format!("http://127.0.0.1:{port}/");
    let browser = Browser::open(Look::DESKTOP.english()).await;
    browser.go(&format!("{home}?x=1")).await;
    browser.see(".frame.loaded").await;
    browser.click(".methods a[href$='method=follow']").await;
    browser.see("[data-code] svg").await;
    browser.inspect("demo-2-code").await;
    let computer = browser.tab().await;

    browser.new_tab().await;
    browser.go(&format!("http://127.0.0.1:{wechat}/phone")).await;
    browser.click("[name=person][value=lina]").await;
    browser.see("[name=person][value=lina][aria-pressed=true]").await;
    browser.inspect("demo-3-phone").await;
    browser.click(".card:has(.tag.off) [id^=scan-]").await;
    browser.see("#follow").await;
    browser.inspect("demo-4-phone-profile").await;
    browser.click("#follow").await;
    browser.read("#chat .account", "门神 Menshen Demo").await;
    browser.inspect("demo-5-phone-chat").await;
    let address = browser.address().await;

    browser.switch(&computer).await;
    browser.arrive(&format!("{home}?x=1")).await;
    let who = browser.header("X-User-OpenID").await;
    assert!(who.is_some());
    // The same person, now a follower, scans another code.
    browser.go(&format!("{home}_menshen/logout")).await;
    browser.click("button[value=here]").await;
    browser.read("h1", "You have signed out").await;
    browser.go(&format!("{home}?x=2")).await;
    browser.see("[data-code] svg").await;
    browser.new_tab().await;
    browser.go(&format!("http://127.0.0.1:{wechat}/phone")).await;
    browser.click(".card:has(.tag:not(.off)) [id^=scan-]").await;
    browser.arrive(address.as_str()).await;
    browser.close_tab(&computer).await;
    browser.arrive(&format!("{home}?x=2")).await;
    assert_eq!(browser.header("X-User-OpenID").await, who);
    browser.close().await;
    demo.stop();
}

/// The page that explains the ways to log in, and a step from each of its parts.
///
/// Acceptance: M1a, M4a, M4e, M7a.
#[tokio::test]
async fn the_demo_explains_all_seven_ways_and_each_can_be_tried_from_there() {
    let data = tempfile::tempdir().unwrap();
    let [port, wechat] = free_ports();
    let demo = Demo::start(port, wechat, data.path());
    let (home, phone) = (format!("http://127.0.0.1:{port}/"), format!("http://127.0.0.1:{wechat}/phone"));
    let browser = Browser::open(Look::DESKTOP).await;
    browser.go(&format!("{home}start")).await;
    browser.see("[data-for=stranger]").await;
    browser.inspect_everywhere("demo-6-start").await;
    assert_eq!(browser.js("return document.querySelectorAll('li .number').length").await, 7);
    browser.click("a[href$='lang=en']").await;
    browser.read("h1", "Seven ways").await;
    browser.inspect_everywhere("demo-7-start-english").await;
    let start = browser.tab().await;

    // A mini program and an app: their own logins, beside the browser's.
    browser.follow("form button").await;
    browser.click("#login").await;
    assert_eq!(browser.outcome("method").await, "mini");
    let account = browser.outcome("account").await;
    for (button, method) in [("#app-login", "app"), ("#app-launch", "launch")] {
        browser.close_tab(&start).await;
        browser.follow("li:last-child a[href$='/phone/app']").await;
        browser.click(button).await;
        if method == "launch" {
            browser.click("#confirm").await;
            browser.click("#return").await;
        }
        assert_eq!(browser.outcome("method").await, method);
        assert_eq!(browser.outcome("account").await, account);
    }
    browser.close_tab(&start).await;

    // The code of the mini program, with a picture in its centre.
    browser.click("a[href*='method=mini-scan']").await;
    browser.hold("document.querySelector('[data-code] .centre')?.naturalWidth > 0").await;
    browser.inspect_everywhere("demo-8-mini-code").await;
    browser.new_tab().await;
    browser.go(&phone).await;
    browser.click("[name=person][value=zhang]").await;
    browser.click("#codes .card [id^=scan-]").await;
    browser.click("#confirm").await;
    browser.see("#confirmed").await;
    browser.close_tab(&start).await;
    assert_eq!(browser.arrive(&home).await.as_str(), home);
    assert_eq!(browser.header("X-User-ID").await, Some(account));
    assert_eq!(browser.header("X-User-Method").await.as_deref(), Some("mini-scan"));
    assert_eq!(browser.header("X-User-Phone").await.as_deref(), Some("+8613580006666"));
    browser.inspect("demo-9-app-after-mini-code").await;
    browser.click("nav a[href='/start']").await;
    browser.read("[data-for=known]", "张伟").await;
    browser.inspect("demo-10-start-known").await;
    for method in ["scan", "follow"] {
        // Who is logged in already has no use for a code.
        browser.go(&format!("{home}start")).await;
        browser.click(&format!("a[href*='method={method}&']")).await;
        browser.arrive(&home).await;
    }
    browser.close().await;
    demo.stop();
}

/// Acceptance: M4a on a phone, M6b; a demo that is started again still knows the link that it made before.
#[tokio::test]
async fn the_demo_logs_in_a_phones_browser_and_that_of_wechat() {
    let data = tempfile::tempdir().unwrap();
    let [port, wechat] = free_ports();
    let home = format!("http://127.0.0.1:{port}/");
    for again in [false, true] {
        let demo = Demo::start(port, wechat, data.path());
        let browser = Browser::open(Look::PHONE).await;
        browser.go(&home).await;
        browser.click("[data-open]").await;
        browser.click("#confirm").await;
        browser.see("#confirmed").await;
        browser.js("history.go(-2)").await;
        browser.arrive(&home).await;
        browser.read("#identity", "mini-scan").await;
        browser.inspect(&format!("demo-11-phone-{}", if again { "again" } else { "first" })).await;
        browser.close().await;
        demo.stop();
    }
    let demo = Demo::start(port, wechat, data.path());
    let browser = Browser::open(Look::WECHAT).await;
    browser.go(&format!("{home}start")).await;
    browser.click("[data-for=stranger] a[href='/']").await;
    browser.click("[name=answer][value=allow]").await;
    browser.arrive(&home).await;
    assert_eq!(browser.header("X-User-Method").await.as_deref(), Some("wechat"));
    browser.close().await;
    demo.stop();
}
