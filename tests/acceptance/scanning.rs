//! Logging in by a service account's code, as tests do it: the settings of both sides, the page with its code, the
//! phone that scans it, and the stream that the page listens to.

use std::time::Duration;

use http::Method;
use menshen::simulator::{
    DEMO_PUSH_AES_KEY, DEMO_PUSH_TOKEN, Push, PushFormat, PushMode, SceneCode, SceneScan,
};
use serde_json::Value;

use crate::browser::Browser;
use crate::reply::{Reply, between, unescaped};
use crate::world::{DIRECTORY, SERVICE, Setup, World};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The page of the method [`directory`] adds.
pub(crate) const SCAN_LOGIN: &str = "/_menshen/login?method=follow&rt=%2Fdeep%3Fa%3D1";

/// The usual directory, which ends its apps with the service account, with the method `follow` before the others; `app` and `method` are more TOML for the service
/// account and for the method.
pub(crate) fn directory(app: &str, method: &str) -> String {
    let (head, methods) = DIRECTORY.split_once("[[methods]]").unwrap();
    format!(
        r#"{head}
token = "{DEMO_PUSH_TOKEN}"
{app}

[[methods]]
id = "follow"
kind = "official_account_scan"
app = "service"
{method}

[[methods]]{methods}"#
    )
}

/// The line of an account whose pushes are encrypted.
pub(crate) fn key() -> String {
    format!("encoding_aes_key = \"{DEMO_PUSH_AES_KEY}\"")
}

/// The usual world with a service account that is scanned, in secure mode.
pub(crate) fn setup() -> Setup {
    setup_with("", "")
}

/// As [`setup`], with more TOML for the account and for the method.
pub(crate) fn setup_with(app: &str, method: &str) -> Setup {
    Setup { directory: directory(&format!("{}\n{app}", key()), method), ..Setup::default() }
}

/// The settings of WeChat's console for a gateway at `address`.
pub(crate) fn push_settings(world: &World, gateway: usize, mode: PushMode, format: PushFormat) -> Push {
    Push {
        url: format!("http://{}/_menshen/push/service", world.address(gateway)),
        token: DEMO_PUSH_TOKEN.into(),
        encoding_aes_key: (mode != PushMode::Plain).then(|| DEMO_PUSH_AES_KEY.into()),
        mode,
        format,
    }
}

impl World {
    /// A world of [`setup`], whose pushes go to its first gateway.
    pub(crate) async fn scanning() -> Self {
        Self::scanning_with(setup()).await
    }

    /// A world of which the first gateway has passed WeChat's check of the address, in secure mode.
    pub(crate) async fn scanning_with(setup: Setup) -> Self {
        let world = Self::with(setup).await;
        world.push_to(0, PushMode::Secure, PushFormat::Xml).await;
        world
    }

    /// Sets where WeChat pushes to, which it verifies.
    pub(crate) async fn push_to(&self, gateway: usize, mode: PushMode, format: PushFormat) {
        let push = push_settings(self, gateway, mode, format);
        self.wechat.set_push(SERVICE, Some(push)).await.unwrap();
    }

    /// What `person` was last told in the chat.
    pub(crate) fn last_text(&self, person: &str) -> Option<String> {
        self.wechat.chat(SERVICE, person).pop()
    }

    /// Makes `person` a follower whose follow is over and done with.
    pub(crate) async fn is_followed_by(&self, person: &str) {
        self.wechat.follow(SERVICE, person).unwrap();
        self.wechat.settled().await;
    }
}

/// Our page with a code.
pub(crate) struct ScanPage<'b> {
    pub(crate) browser: &'b Browser,
    pub(crate) reply: Reply,
    pub(crate) code: SceneCode,
    pub(crate) flow: String,
}

impl Browser {
    /// Opens `target` up to our page with a code of the service account.
    pub(crate) async fn show_code(&self, target: &str) -> ScanPage<'_> {
        let reply = self.open(target).await;
        assert_eq!(reply.status, 200, "{reply}");
        let text = reply.text();
        assert!(text.contains("data-scan "), "{reply}");
        let events = unescaped(between(&text, "data-events-href=\"", "\""));
        let flow = events.split_once("flow=").unwrap().1.to_owned();
        // Made before the page was answered, so it is the newest.
        let code = self.wechat.scene_codes().pop().unwrap();
        ScanPage { browser: self, reply, code, flow }
    }

    /// Opens `target`, lets `person` scan the code and goes on once the page is told to.
    pub(crate) async fn log_in_by_scan(&self, person: &str, target: &str) -> Reply {
        let page = self.show_code(target).await;
        page.scanned_by(person);
        page.becomes("approved").await;
        page.go_on().await
    }

    /// Begins to listen to an address with events.
    pub(crate) async fn listen(&self, target: &str) -> Result<Events, Reply> {
        let url = self.url(target);
        let headers = [("accept", "text/event-stream")];
        let response = self.begin(Method::GET, &url, &headers, None).await;
        if response.status() == 200 {
            let kind = response.headers().get("content-type").unwrap();
            assert_eq!(kind, "text/event-stream; charset=utf-8");
            return Ok(Events { response, text: String::new() });
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap().to_vec();
        Err(Reply { url, status, headers, body })
    }
}

impl ScanPage<'_> {
    pub(crate) fn events_href(&self) -> String {
        format!("/_menshen/flow/events?flow={}", self.flow)
    }

    pub(crate) fn state_href(&self) -> String {
        format!("/_menshen/flow/state?flow={}", self.flow)
    }

    pub(crate) fn finish_href(&self) -> String {
        format!("/_menshen/flow/finish?flow={}", self.flow)
    }

    /// `person` scans the code, and follows the account if that is still to be done.
    pub(crate) fn scanned_by(&self, person: &str) {
        let wechat = &self.browser.wechat;
        match wechat.scan_scene(&self.code.ticket, person).unwrap() {
            SceneScan::Chat => {}
            SceneScan::Profile => wechat.follow(SERVICE, person).unwrap(),
            SceneScan::Expired => panic!("the code has run out"),
        }
    }

    pub(crate) async fn listen(&self) -> Events {
        self.browser.listen(&self.events_href()).await.unwrap_or_else(|reply| panic!("{reply}"))
    }

    /// Listens until the page is told `state`; answers all that it was told with it.
    pub(crate) async fn becomes(&self, state: &str) -> Value {
        self.listen().await.until(state).await
    }

    /// The state as the page asks for it where events do not come through.
    pub(crate) async fn state(&self) -> Value {
        let reply = self.browser.fetch(&self.state_href()).await;
        assert_eq!(reply.status, 200, "{reply}");
        reply.json()
    }

    /// What the page is told when it asks: the name of the state alone.
    pub(crate) async fn state_name(&self) -> String {
        self.state().await["state"].as_str().unwrap().to_owned()
    }

    /// Goes where an approved page goes, and on from there.
    pub(crate) async fn go_on(&self) -> Reply {
        self.browser.open(&self.finish_href()).await
    }
}

/// A stream of events of a flow.
#[derive(Debug)]
pub(crate) struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
                if data.is_some() {
                    assert!(event.contains("event: state"), "{event}");
                }
                self.text = rest.to_owned();
                if let Some(data) = data {
                    return Some(serde_json::from_str(&data).unwrap());
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk
                .expect("something comes, at least a sign of life")
                .expect("the stream ends as it should")?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Listens until `state`.
    pub(crate) async fn until(&mut self, state: &str) -> Value {
        let mut told = Vec::new();
        while let Some(event) = self.next().await {
            if event["state"] == state {
                return event;
            }
            told.push(event);
        }
        panic!("never {state}, but {told:?}");
    }
}
