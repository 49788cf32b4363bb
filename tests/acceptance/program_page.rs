//! Logging in by a mini program code, as tests do it: our page with the code, and the phone that opens it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen::simulator::Opened;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::programs::CODE_LOGIN;
use crate::reply::{Reply, between, unescaped};
use crate::scanning::Events;
use crate::world::World;

/// Our page with a mini program code, or with a link into the mini program.
pub(crate) struct ProgramPage<'b> {
    pub(crate) browser: &'b Browser,
    pub(crate) reply: Reply,
    /// The flow, which only this browser can ask about.
    pub(crate) flow: String,
}

impl Browser {
    /// Opens the page with the mini program's code.
    pub(crate) async fn show_program(&self) -> ProgramPage<'_> {
        let reply = self.open(CODE_LOGIN).await;
        assert_eq!(reply.status, 200, "{reply}");
        let text = reply.text();
        assert!(text.contains("data-scan "), "{reply}");
        let events = unescaped(between(&text, "data-events-href=\"", "\""));
        let flow = events.split_once("flow=").unwrap().1.to_owned();
        ProgramPage { browser: self, reply, flow }
    }
}

impl ProgramPage<'_> {
    /// The bytes of the picture of the code, which travels inside the page.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let text = self.reply.text();
        let (_, code) = text.split_once("data-code").unwrap();
        let source = unescaped(between(code, "<img src=\"", "\""));
        let picture = source.strip_prefix("data:image/jpeg;base64,").unwrap_or_else(|| panic!("{source}"));
        STANDARD.decode(picture).unwrap()
    }

    /// The link into the mini program, on a phone.
    pub(crate) fn link(&self) -> String {
        let text = self.reply.text();
        let (_, code) = text.split_once("data-code").unwrap();
        unescaped(between(code, "href=\"", "\""))
    }

    /// The scene of the code, which was made before the page was answered, so it is the newest.
    pub(crate) fn scene(&self) -> String {
        self.browser.wechat.mini_codes().remove(0).scene
    }

    pub(crate) fn href(&self, what: &str) -> String {
        format!("/_menshen/flow/{what}?flow={}", self.flow)
    }

    pub(crate) async fn listen(&self) -> Events {
        self.browser.listen(&self.href("events")).await.unwrap_or_else(|reply| panic!("{reply}"))
    }

    pub(crate) async fn becomes(&self, state: &str) -> Value {
        self.listen().await.until(state).await
    }

    pub(crate) async fn state(&self) -> Value {
        self.browser.fetch(&self.href("state")).await.done()
    }

    /// Goes where an approved page goes, and on from there.
    pub(crate) async fn go_on(&self) -> Reply {
        self.browser.open(&self.href("finish")).await
    }
}

/// What the mini program reads its ticket from, however it was opened.
pub(crate) fn ticket_of(opened: &Opened) -> String {
    ["scene", "cq", "t"].iter().find_map(|name| opened.parameter(name)).unwrap()
}

impl World {
    /// `person` scans the code and the mini program looks at what it is for.
    pub(crate) async fn looks(&self, scene: &str, person: &str) -> Reply {
        self.answers("scan", scene, person).await
    }

    /// `person` taps yes.
    pub(crate) async fn confirms(&self, scene: &str, person: &str) -> Reply {
        self.answers("confirm", scene, person).await
    }

    /// `person` taps no.
    pub(crate) async fn rejects(&self, scene: &str, person: &str) -> Reply {
        self.answers("reject", scene, person).await
    }

    pub(crate) async fn answers(&self, call: &str, scene: &str, person: &str) -> Reply {
        let body = json!({ "scene": scene, "code": self.login_code(person) });
        self.client().call(call, &body).await
    }

    /// `person` logs `browser` in by the mini program's code; answers where it ends.
    pub(crate) async fn logs_in_by_program(&self, browser: &Browser, person: &str) -> Reply {
        let page = browser.show_program().await;
        let scene = page.scene();
        self.looks(&scene, person).await.done();
        self.confirms(&scene, person).await.done();
        page.go_on().await
    }
}
