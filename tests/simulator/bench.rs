//! A running simulator, an HTTP client that follows nothing, and the shortest words for what tests do often.

use std::sync::Arc;
use std::time::Duration;

use menshen::ground::{ManualClock, Span, Timestamp};
use menshen::simulator::{
    App, AppKind, Config, DEMO_MINI_APP_ID, DEMO_MOBILE_APP_ID, DEMO_SERVICE_APP_ID, DEMO_WEBSITE_APP_ID,
    Handle, Simulator,
};
use reqwest::header::{COOKIE, LOCATION, USER_AGENT};
use reqwest::{Client, Response};
use serde_json::Value;

pub(crate) const WEBSITE: &str = DEMO_WEBSITE_APP_ID;
pub(crate) const SERVICE: &str = DEMO_SERVICE_APP_ID;
pub(crate) const MOBILE: &str = DEMO_MOBILE_APP_ID;
pub(crate) const UNVERIFIED: &str = "wx0de0000000000004";
pub(crate) const MINI_PROGRAM: &str = DEMO_MINI_APP_ID;
pub(crate) const UNBOUND: &str = "wx0de0000000000006";
/// A mini program on no Open Platform account, with everything else as usual.
pub(crate) const UNBOUND_MINI: &str = "wx0de0000000000009";
pub(crate) const CALLBACK: &str = "https%3A%2F%2Fapp.test%2Fcb";
pub(crate) const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                          Mobile/15E148 MicroMessenger/8.0.62(0x18003e33) NetType/4G Language/zh_CN";
pub(crate) const SOON: Span = Span::from_secs(10);

pub(crate) struct Bench {
    pub(crate) simulator: Simulator,
    pub(crate) handle: Handle,
    pub(crate) client: Client,
    pub(crate) clock: Arc<ManualClock>,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let mut config = Config::demo().with_domain("app.test");
        let app = |app_id: &str, kind, open_platform: Option<&str>| App {
            id: app_id.into(),
            name: app_id.into(),
            kind,
            app_id: app_id.into(),
            secret: "5ec2e7".into(),
            open_platform: open_platform.map(str::to_owned),
            domain: "app.test".into(),
        };
        config.apps.extend([
            app(UNVERIFIED, AppKind::ServiceAccount { verified: false }, Some("main")),
            app(UNBOUND_MINI, AppKind::MiniProgram, None),
            app(UNBOUND, AppKind::ServiceAccount { verified: true }, None),
        ]);
        config.clock = Arc::clone(&clock) as _;
        config.long_poll = Span::from_secs(20);
        change(&mut config);
        let simulator = Simulator::start(config).await.unwrap();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .no_proxy()
            .build()
            .unwrap();
        Self { handle: simulator.handle(), simulator, client, clock }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.base_url())
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    }

    /// An answer of `sns/*`, read as a careful client does: bytes as UTF-8 JSON.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    pub(crate) async fn exchange(&self, app_id: &str, code: &str) -> Value {
        let secret = Self::secret(app_id);
        self.json(&format!(
            "/sns/oauth2/access_token?appid={app_id}&secret={secret}&code={code}&grant_type=authorization_code"
        ))
        .await
    }

    pub(crate) async fn userinfo(&self, token: &Value) -> Value {
        let (access, openid) = (token["access_token"].as_str().unwrap(), token["openid"].as_str().unwrap());
        self.json(&format!("/sns/userinfo?access_token={access}&openid={openid}&lang=zh_CN")).await
    }

    /// Opens a QR page and answers its uuid.
    pub(crate) async fn show_qr(&self) -> String {
        self.text(&qrconnect("&state=s1")).await;
        self.handle.next_waiting(SOON).await.unwrap()
    }

    /// The long-poll's number and code.
    pub(crate) async fn poll(&self, uuid: &str, last: &str) -> (u16, String) {
        let script = self.text(&format!("/connect/l/qrconnect?uuid={uuid}&last={last}&_=1")).await;
        let script = script.strip_prefix("window.wx_errcode=").unwrap();
        let (number, code) = script.split_once(";window.wx_code='").unwrap();
        (number.parse().unwrap(), code.strip_suffix("';").unwrap().to_owned())
    }

    pub(crate) async fn authorize(&self, query: &str, agent: &str, cookie: Option<&str>) -> Response {
        let url = self.url(&format!("/connect/oauth2/authorize?{query}"));
        let mut request = self.client.get(url).header(USER_AGENT, agent);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        request.send().await.unwrap()
    }

    /// Opens an authorisation page in WeChat; the extra parameters come last.
    pub(crate) async fn in_wechat(&self, app_id: &str, scope: &str, extra: &str) -> Response {
        self.authorize(&authorize(app_id, scope, extra), WECHAT, None).await
    }
}

pub(crate) fn qrconnect(extra: &str) -> String {
    format!(
        "/connect/qrconnect?appid={WEBSITE}&redirect_uri={CALLBACK}&response_type=code&scope=snsapi_login{extra}"
    )
}

pub(crate) fn authorize(app_id: &str, scope: &str, extra: &str) -> String {
    format!("appid={app_id}&redirect_uri={CALLBACK}&response_type=code&scope={scope}&state=s1{extra}")
}

pub(crate) fn location(response: &Response) -> String {
    assert_eq!(response.status(), 302);
    response.headers()[LOCATION].to_str().unwrap().to_owned()
}

pub(crate) fn param(url: &str, key: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).unwrap();
    url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
}

/// What stands between two marks in a page.
pub(crate) fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.split_once(after).unwrap().0
}
