//! The login page with a service account's code, as tests handle it: which code it shows, what it says, how it looks.
//!
//! A code is known by its picture, so whatever is scanned in these tests is what a human would see.

use menshen::pages::qr_svg;
use menshen::simulator::SceneCode;
use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::house::House;

/// The words below the code.
pub(crate) const STATUS: &str = "[data-scan-status]";

/// A tab keeps what the panel went through, beyond the page that follows. Survives nothing but this tab.
pub(crate) const KEEP_STAGES: &str = "const note = () => {
    const now = document.querySelector('[data-scan]')?.dataset.now;
    const known = JSON.parse(sessionStorage.getItem('stages') ?? '[]');
    if (now && known.at(-1) !== now) sessionStorage.setItem('stages', JSON.stringify([...known, now]));
};
note();
new MutationObserver(note).observe(document.querySelector('main'), { attributes: true, childList: true, subtree: true });
window.marker = 'the same page';";

impl House {
    /// Opens a page that needs a login and waits for the account's code.
    pub(crate) async fn ask_with_code(&self, browser: &Browser, path: &str) -> SceneCode {
        browser.go(&self.at(path)).await;
        browser.arrive(&self.at("/_menshen/login")).await;
        let code = browser.code(self).await;
        browser.js(KEEP_STAGES).await;
        code
    }
}

impl Browser {
    /// Which code the page shows.
    pub(crate) async fn code(&self, house: &House) -> SceneCode {
        self.see("[data-code] svg").await;
        self.until("a code of the account's", async || {
            let drawn = self.js("return document.querySelector('[data-code] path').getAttribute('d')").await;
            let drawn = format!("d=\"{}\"", drawn.as_str()?);
            let shows = |code: &SceneCode| qr_svg(&code.url).is_some_and(|svg| svg.contains(&drawn));
            house.wechat.scene_codes().into_iter().find(shows)
        })
        .await
    }

    /// Waits until the panel is at `stage`; one that has a cover shows that one alone.
    pub(crate) async fn stage(&self, stage: &str) {
        self.hold(&format!("document.querySelector('[data-scan]')?.dataset.now === '{stage}'")).await;
        let covers = self
            .js("return Array.from(document.querySelectorAll('[data-cover]'))
                .filter(cover => cover.checkVisibility()).map(cover => cover.dataset.cover)")
            .await;
        assert_eq!(covers, if stage == "waiting" { json!([]) } else { json!([stage]) });
    }

    /// What a cover shows lies within it, and no icon is squeezed.
    pub(crate) async fn fits(&self, css: &str) {
        let outside = format!(
            "const cover = document.querySelector('{css}'), box = cover.getBoundingClientRect();
            return Array.from(cover.querySelectorAll('*')).filter(one => {{
                const {{ top, bottom, width, height }} = one.getBoundingClientRect();
                return height > 0 && (top < box.top || bottom > box.bottom || (one.matches('.mark') && width !== height));
            }}).map(one => one.outerHTML);"
        );
        assert_eq!(self.js(&outside).await, json!([]), "{css}");
    }

    /// What the panel went through in this tab.
    pub(crate) async fn stages(&self) -> Value {
        self.js("return JSON.parse(sessionStorage.getItem('stages'))").await
    }

    /// Whether the page is still the one that was opened.
    pub(crate) async fn is_the_same_page(&self) -> bool {
        self.js("return window.marker === 'the same page'").await == true
    }

    /// Whether the visible focus is on what matches.
    pub(crate) async fn has_focus(&self, css: &str) -> bool {
        self.js(&format!("return document.activeElement.matches('{css}')")).await == true
    }

    /// Photographs and checks the page in daylight, in the dark, and both in a phone's width.
    pub(crate) async fn inspect_everywhere(&self, name: &str) {
        let (width, height) = self.look.size;
        let looks = [
            ("light", false, (width, height)),
            ("dark", true, (width, height)),
            ("narrow", false, (360, 740)),
            ("narrow-dark", true, (360, 740)),
        ];
        for (look, dark, size) in looks {
            self.wear(dark, size).await;
            self.inspect(&format!("{name}-{look}")).await;
        }
        self.wear(self.look.dark, self.look.size).await;
    }

    async fn wear(&self, dark: bool, (width, height): (u32, u32)) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": self.look.touch });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
        self.hold(&format!(
            "innerWidth === {width} && matchMedia('(prefers-color-scheme: {scheme})').matches"
        ))
        .await;
    }
}
