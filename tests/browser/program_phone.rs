//! The login page with a mini program's code, and the phone's pages of mini program and app, as tests handle them.

use fantoccini::wd::WindowHandle;

use crate::chromium::Browser;
use crate::house::House;
use crate::panel::KEEP_STAGES;

impl House {
    /// Opens a page that needs a login and waits for the mini program's code; answers its scene.
    pub(crate) async fn ask_with_program(&self, browser: &Browser, path: &str) -> String {
        browser.go(&self.at(path)).await;
        browser.arrive(&self.at("/_menshen/login")).await;
        let scene = browser.program_code(self).await;
        browser.js(KEEP_STAGES).await;
        scene
    }

    /// `person`'s phone, in a tab of its own.
    pub(crate) async fn phone_of(&self, browser: &Browser, person: &str) -> WindowHandle {
        let tab = browser.new_tab().await;
        browser.go(&self.wechat_at("/phone")).await;
        browser.click(&format!("[name=person][value={person}]")).await;
        browser.see(&format!("[name=person][value={person}][aria-pressed=true]")).await;
        tab
    }

    /// On the phone that is open: scans the code with this scene, and the mini program opens.
    pub(crate) async fn scan_program(&self, browser: &Browser, scene: &str) {
        browser.go(&self.wechat_at("/phone")).await;
        let scan = format!(
            "const cards = Array.from(document.querySelectorAll('#codes .card'));
            cards.find(card => card.innerText.includes('{scene}')).querySelector('button').click();"
        );
        browser.js(&scan).await;
        browser.arrive(&self.wechat_at("/phone/mini/")).await;
    }
}

impl Browser {
    /// The scene of the code that the page shows: the newest, since it was made for this page.
    pub(crate) async fn program_code(&self, house: &House) -> String {
        self.hold("document.querySelector('[data-code] > img:not(.centre)')?.naturalWidth > 0").await;
        house.wechat.mini_codes().remove(0).scene
    }

    /// On a page of the mini program or the app: what the outcome of a login says under this name.
    pub(crate) async fn outcome(&self, name: &str) -> String {
        self.see("#outcome").await;
        let facts = format!(
            "const name = Array.from(document.querySelectorAll('#outcome dt')).find(dt => dt.innerText === '{name}');
            return name ? name.nextElementSibling.innerText : '';"
        );
        self.js(&facts).await.as_str().unwrap().to_owned()
    }
}
