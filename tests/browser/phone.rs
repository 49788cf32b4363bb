//! The human with the phone: the simulated phone's page, used as a human would.

use fantoccini::wd::WindowHandle;

use crate::chromium::Browser;
use crate::house::House;

/// WeChat's frame in our login page.
pub(crate) const FRAME: &str = "iframe[data-frame]";

impl Browser {
    /// At our login page with WeChat's code in its frame: opens the phone in a tab of its own.
    pub(crate) async fn take_the_phone(&self) -> WindowHandle {
        self.enter(FRAME).await;
        let phone = self.follow(".simulated a").await;
        self.see("#who").await;
        phone
    }

    /// On the phone's page: takes somebody's phone and scans the code.
    pub(crate) async fn scan_as(&self, person: &str) {
        self.click(&format!("[name=person][value={person}]")).await;
        self.see(&format!("[name=person][value={person}][aria-pressed=true]")).await;
        self.click("[id^=scan-]").await;
        self.see("[id^=confirm-]").await;
    }

    /// From the login page to the end of the login, as that person; ends in the tab it began in.
    pub(crate) async fn log_in_as(&self, person: &str) {
        let tab = self.tab().await;
        self.take_the_phone().await;
        self.scan_as(person).await;
        self.click("[id^=confirm-]").await;
        self.see(".confirmed").await;
        self.close_tab(&tab).await;
    }

    /// The sample app's row of an identity header.
    pub(crate) async fn header(&self, name: &str) -> Option<String> {
        let rows =
            self.js("return Array.from(document.querySelectorAll('#identity tr'), r => r.innerText)").await;
        let rows: Vec<String> = serde_json::from_value(rows).unwrap();
        rows.iter().find_map(|row| row.strip_prefix(name)?.strip_prefix('\t').map(str::to_owned))
    }
}

impl House {
    /// Opens a page that needs a login and waits for the code.
    pub(crate) async fn ask_for(&self, browser: &Browser, path: &str) {
        browser.go(&self.at(path)).await;
        browser.arrive(&self.at("/_menshen/login")).await;
        browser.see(".frame.loaded").await;
    }
}
