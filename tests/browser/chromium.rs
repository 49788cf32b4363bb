//! One headless Chromium with a profile of its own, driven over WebDriver; gone when dropped.
//!
//! It never touches a browser or driver that it did not start, and waits for conditions, each with a limit.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::look::{INSTALL, Look};

/// Longest wait for anything to happen; a busy machine needs seconds for what usually takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_millis(40);

/// A browser that runs. To be closed with [`Browser::close`], which looks at its console.
pub(crate) struct Browser {
    client: Client,
    /// Ends the processes when it is dropped.
    _driver: Driver,
    pub(crate) look: Look,
    /// Parts of console lines that a test expects.
    expected: Vec<&'static str>,
    closed: bool,
}

/// The `chromedriver` process and the profile that tells which browser is its.
struct Driver {
    process: Child,
    profile: TempDir,
}

impl Driver {
    /// Starts it on a port of its choice; answers its address too. It draws a port for IPv4 and then needs the same
    /// one for IPv6: where somebody beside us has that, it gives up, and another draw is the cure.
    fn start() -> (Self, String) {
        let mut said = String::new();
        for _ in 0..5 {
            match Self::attempt() {
                Ok(started) => return started,
                Err(last) => said.push_str(&last),
            }
        }
        panic!("chromedriver did not start: {said}{INSTALL}");
    }

    /// One start; the error is what it said instead of its port.
    fn attempt() -> Result<(Self, String), String> {
        let profile = tempfile::tempdir().unwrap();
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "/usr/bin/chromedriver".into());
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}: {INSTALL}"));
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let driver = Self { process, profile };
        let mut said = String::new();
        for line in stdout.lines().map_while(Result::ok) {
            if let Some(port) = line.strip_prefix("ChromeDriver was started successfully on port ") {
                // It says nothing more after that, so nobody has to read on.
                return Ok((driver, format!("http://127.0.0.1:{}", port.trim_end_matches('.'))));
            }
            said.push_str(&line);
            said.push('\n');
        }
        Err(said)
    }

    /// The browser's process, as its profile names it.
    fn browser(&self) -> Option<String> {
        let lock = std::fs::read_link(self.profile.path().join("SingletonLock")).ok()?;
        lock.to_str()?.rsplit_once('-').map(|(_, process)| process.to_owned())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The browser is the driver's child: one that is killed takes its own children along.
        if let Some(browser) = self.browser() {
            let _ = Command::new("kill").args(["-KILL", &browser]).stderr(Stdio::null()).status();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    pub(crate) async fn open(look: Look) -> Self {
        let (driver, address) = Driver::start();
        let Value::Object(capabilities) = look.capabilities(driver.profile.path()) else { unreachable!() };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&address)
            .await
            .unwrap_or_else(|error| panic!("Chromium did not start: {error}"));
        let browser = Self { client, _driver: driver, look, expected: Vec::new(), closed: false };
        browser.dress().await;
        browser
    }

    /// What has to be told to each tab.
    async fn dress(&self) {
        let scheme = if self.look.dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        self.act_as_seen(true).await;
    }

    /// Whether this tab behaves as the one in front of a human when it is in the background.
    pub(crate) async fn act_as_seen(&self, always: bool) {
        self.cdp("Emulation.setFocusEmulationEnabled", json!({ "enabled": always })).await;
    }

    /// A command of Chromium's own protocol.
    pub(crate) async fn cdp(&self, name: &str, params: Value) -> Value {
        let command = Extra::post("goog/cdp/execute", json!({ "cmd": name, "params": params }));
        self.client.issue_cmd(command).await.unwrap()
    }

    // Going somewhere and being there.

    pub(crate) async fn go(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    pub(crate) async fn address(&self) -> Url {
        self.client.current_url().await.unwrap()
    }

    /// Waits until the tab is at an address that begins so.
    pub(crate) async fn arrive(&self, beginning: &str) -> Url {
        self.until(&format!("an address {beginning}…"), async || {
            let address = self.client.current_url().await.ok()?;
            address.as_str().starts_with(beginning).then_some(address)
        })
        .await
    }

    /// Waits for something that can be seen.
    pub(crate) async fn see(&self, css: &str) -> Element {
        self.until(&format!("the element {css}"), async || {
            let element = self.client.find(Locator::Css(css)).await.ok()?;
            element.is_displayed().await.ok()?.then_some(element)
        })
        .await
    }

    pub(crate) async fn click(&self, css: &str) {
        // The page may change between finding and clicking.
        self.until(&format!("a click on {css}"), async || {
            let element = self.client.find(Locator::Css(css)).await.ok()?;
            element.click().await.ok()
        })
        .await;
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.see(css).await.text().await.unwrap()
    }

    /// Waits until an element's text has `part`.
    pub(crate) async fn read(&self, css: &str, part: &str) -> String {
        self.until(&format!("`{part}` in {css}"), async || {
            let element = self.client.find(Locator::Css(css)).await.ok()?;
            element.text().await.ok().filter(|text| text.contains(part))
        })
        .await
    }

    pub(crate) async fn has(&self, css: &str) -> bool {
        !self.client.find_all(Locator::Css(css)).await.unwrap().is_empty()
    }

    /// What a function body returns.
    pub(crate) async fn js(&self, body: &str) -> Value {
        self.client.execute(body, Vec::new()).await.unwrap()
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn hold(&self, expression: &str) {
        self.until(expression, async || {
            let value = self.client.execute(&format!("return !!({expression});"), Vec::new()).await;
            value.ok().filter(|value| *value == json!(true))
        })
        .await;
    }

    /// One key, as a hand presses it.
    pub(crate) async fn press(&self, key: Key) {
        let value = char::from(key);
        let stroke =
            KeyActions::new("keyboard".into()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(stroke).await.unwrap();
    }

    // Frames and tabs.

    /// Into a frame; [`Browser::leave`] leads back.
    pub(crate) async fn enter(&self, css: &str) {
        self.see(css).await.enter_frame().await.unwrap();
    }

    pub(crate) async fn leave(&self) {
        self.client.issue_cmd(Extra::post("frame", json!({ "id": null }))).await.unwrap();
    }

    pub(crate) async fn tab(&self) -> WindowHandle {
        self.client.window().await.unwrap()
    }

    pub(crate) async fn new_tab(&self) -> WindowHandle {
        let tab = self.client.new_window(true).await.unwrap().handle;
        self.switch(&tab).await;
        tab
    }

    pub(crate) async fn switch(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.unwrap();
        self.dress().await;
    }

    /// To a tab that knows when it is in the background.
    pub(crate) async fn come_to(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.unwrap();
    }

    /// Clicks on what opens another tab and goes there.
    pub(crate) async fn follow(&self, css: &str) -> WindowHandle {
        let known = self.client.windows().await.unwrap();
        self.click(css).await;
        let opened = self
            .until("another tab", async || {
                let tabs = self.client.windows().await.ok()?;
                tabs.into_iter().find(|tab| !known.contains(tab))
            })
            .await;
        self.switch(&opened).await;
        opened
    }

    pub(crate) async fn close_tab(&self, back_to: &WindowHandle) {
        self.client.close_window().await.unwrap();
        self.switch(back_to).await;
    }

    // Looking closely.

    /// Photographs the tab as `target/screenshots/NAME.png`.
    pub(crate) async fn shoot(&self, name: &str) -> Vec<u8> {
        self.hold("document.readyState === 'complete'").await;
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), &picture).unwrap();
        picture
    }

    /// Photographs the page and holds it against the rules for all pages.
    pub(crate) async fn inspect(&self, name: &str) {
        self.shoot(name).await;
        self.check(name).await;
    }

    pub(crate) async fn check(&self, name: &str) {
        let problems = self.problems().await;
        assert!(problems.is_empty(), "{name} ({}): {problems:#?}", self.address().await);
    }

    /// What is wrong with the page by `checks.js`.
    pub(crate) async fn problems(&self) -> Vec<String> {
        serde_json::from_value(self.js(include_str!("checks.js")).await).unwrap()
    }

    /// This test expects console lines with this part.
    pub(crate) fn expect_console(&mut self, part: &'static str) {
        self.expected.push(part);
    }

    /// Warnings and errors since the last call: broken policies, failed requests, exceptions.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Extra::post("se/log", json!({ "type": "browser" }))).await.unwrap();
        let lines = log.as_array().unwrap().iter();
        let bad = lines.filter(|line| line["level"] == "WARNING" || line["level"] == "SEVERE");
        let texts = bad.map(|line| line["message"].as_str().unwrap_or_default().to_owned());
        texts.filter(|text| !self.expected.iter().any(|part| text.contains(part))).collect()
    }

    /// Closes the browser; its console must have been quiet.
    pub(crate) async fn close(mut self) {
        let complaints = self.complaints().await;
        self.closed = true;
        let _ = self.client.clone().close().await;
        assert!(complaints.is_empty(), "the console says {complaints:#?}");
    }

    /// Waits until `look` finds something; a page that is being replaced is a reason to look again.
    pub(crate) async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let wait = async {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                if let Some(found) = look().await {
                    return found;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(found) => found,
            Err(_) => {
                let page = self.client.source().await.unwrap_or_default();
                panic!("waited in vain for {what} at {}:\n{page}", self.address().await);
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        assert!(
            self.closed || std::thread::panicking(),
            "a browser was not closed, so nobody read its console"
        );
    }
}

/// A command that only chromedriver knows.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl Extra {
    const fn post(path: &'static str, body: Value) -> Self {
        Self { path, body }
    }
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
