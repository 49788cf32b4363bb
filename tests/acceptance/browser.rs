//! A browser as far as logins need one: cookies by origin, redirects one at a time, WeChat's pages pressed and
//! scanned as a person would. Every address it was sent to is remembered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use menshen::simulator::Handle;
use reqwest::Url;
use serde_json::Value;

use crate::reply::{Reply, between};

/// Most redirects in a row; a browser allows twenty.
const MAX_HOPS: usize = 20;

/// A browser with its own cookies.
pub(crate) struct Browser {
    client: reqwest::Client,
    pub(crate) wechat: Handle,
    agent: String,
    home: Url,
    /// The gateways behind the public port; the browser's requests go to the one at `via`.
    gateways: Arc<Mutex<Vec<SocketAddr>>>,
    via: usize,
    /// By host and port, unlike a real browser's, because here everybody lives on one address.
    jar: Arc<Mutex<BTreeMap<String, BTreeMap<String, String>>>>,
    trail: Mutex<Vec<Url>>,
}

impl Browser {
    pub(crate) fn new(
        client: reqwest::Client,
        wechat: Handle,
        agent: &str,
        home: Url,
        gateways: Arc<Mutex<Vec<SocketAddr>>>,
    ) -> Self {
        Self {
            client,
            wechat,
            agent: agent.to_owned(),
            home,
            gateways,
            via: 0,
            jar: Arc::default(),
            trail: Mutex::default(),
        }
    }

    /// The same browser, with the same cookies, as another gateway meets it.
    pub(crate) fn at(&self, gateway: usize) -> Self {
        Self {
            client: self.client.clone(),
            wechat: self.wechat.clone(),
            agent: self.agent.clone(),
            home: self.home.clone(),
            gateways: Arc::clone(&self.gateways),
            via: gateway,
            jar: Arc::clone(&self.jar),
            trail: Mutex::default(),
        }
    }

    /// Every address this browser was sent to or asked for.
    pub(crate) fn trail(&self) -> Vec<Url> {
        self.trail.lock().unwrap().clone()
    }

    /// An address on the public host, or the address itself.
    pub(crate) fn url(&self, target: &str) -> Url {
        self.home.join(target).unwrap()
    }

    /// An address on another host name of the gateway.
    pub(crate) fn url_on(&self, host: &str, path: &str) -> Url {
        let mut url = self.home.join(path).unwrap();
        url.set_host(Some(host)).unwrap();
        url
    }

    // Cookies.

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookie_on(&self.home, name)
    }

    pub(crate) fn cookie_on(&self, url: &Url, name: &str) -> Option<String> {
        self.jar.lock().unwrap().get(&authority(url))?.get(name).cloned()
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.set_cookie_on(&self.home, name, value);
    }

    pub(crate) fn set_cookie_on(&self, url: &Url, name: &str, value: &str) {
        let mut jar = self.jar.lock().unwrap();
        jar.entry(authority(url)).or_default().insert(name.into(), value.into());
    }

    pub(crate) fn session(&self) -> Option<String> {
        self.cookie("menshen")
    }

    fn keep_cookies(&self, reply: &Reply) {
        let mut jar = self.jar.lock().unwrap();
        let jar = jar.entry(authority(&reply.url)).or_default();
        for cookie in reply.set_cookies() {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.to_ascii_lowercase().contains("max-age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.into(), value.into());
            }
        }
    }

    // Requests.

    /// One request with this browser's cookies; follows nothing.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Reply {
        let response = self.begin(method, url, headers, body).await;
        let reply = Reply {
            url: url.clone(),
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        };
        self.keep_cookies(&reply);
        reply
    }

    /// As [`Browser::send`] up to the header of the answer, whose body may go on for long.
    pub(crate) async fn begin(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> reqwest::Response {
        self.trail.lock().unwrap().push(url.clone());
        let ours = url.port() == self.home.port();
        let mut target = url.clone();
        if ours {
            let address = self.gateways.lock().unwrap()[self.via];
            target.set_host(Some("127.0.0.1")).unwrap();
            target.set_port(Some(address.port())).unwrap();
        }
        let mut all = HeaderMap::new();
        all.insert("host", authority(url).parse().unwrap());
        all.insert("user-agent", self.agent.parse().unwrap());
        all.insert("accept-language", HeaderValue::from_static("en"));
        let jar = self.jar.lock().unwrap().get(&authority(url)).cloned().unwrap_or_default();
        if !jar.is_empty() {
            let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            all.insert("cookie", pairs.join("; ").parse().unwrap());
        }
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            if matches!(name.as_str(), "cookie" | "host") {
                all.insert(name, value);
            } else {
                all.append(name, value);
            }
        }
        let mut request = self.client.request(method, target).headers(all);
        if let Some(body) = body {
            request = request.body(body);
        }
        request.send().await.unwrap()
    }

    /// A link clicked or an address typed; follows nothing.
    pub(crate) async fn visit(&self, target: &str) -> Reply {
        self.navigate(&self.url(target)).await
    }

    pub(crate) async fn navigate(&self, url: &Url) -> Reply {
        let page = [
            ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        self.send(Method::GET, url, &page, None).await
    }

    /// What a script or a program asks; follows nothing.
    pub(crate) async fn fetch(&self, target: &str) -> Reply {
        let url = self.url(target);
        self.send(Method::GET, &url, &[("accept", "application/json")], None).await
    }

    /// A form sent from a page of `origin`.
    pub(crate) async fn post_form(&self, url: &Url, form: &str, origin: &str) -> Reply {
        let headers = [
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", origin),
        ];
        self.send(Method::POST, url, &headers, Some(form.as_bytes().to_vec())).await
    }

    /// Goes where a reply leads until something is shown.
    pub(crate) async fn follow(&self, mut reply: Reply) -> Reply {
        for _ in 0..MAX_HOPS {
            if !matches!(reply.status, 302 | 303) {
                return reply;
            }
            reply = self.navigate(&reply.location()).await;
        }
        panic!("redirects without end: {:?}", self.trail());
    }

    pub(crate) async fn open(&self, target: &str) -> Reply {
        let reply = self.visit(target).await;
        self.follow(reply).await
    }

    pub(crate) async fn open_url(&self, url: &Url) -> Reply {
        let reply = self.navigate(url).await;
        self.follow(reply).await
    }

    /// The account that the gateway takes this browser for.
    pub(crate) async fn account(&self) -> Option<String> {
        let reply = self.fetch("/_menshen/userinfo").await;
        match reply.status {
            200 => Some(reply.json()["account"].as_str().unwrap().to_owned()),
            401 => None,
            _ => panic!("{reply}"),
        }
    }

    // WeChat.

    /// Whose WeChat this browser belongs to.
    pub(crate) fn is_wechat_of(&self, person: &str) {
        let wechat: Url = self.wechat.base_url().parse().unwrap();
        self.set_cookie_on(&wechat, "sim_person", person);
    }

    /// Opens `target` in WeChat's browser as `person`, agrees if asked, and ends where WeChat sends back.
    pub(crate) async fn log_in_by_wechat(&self, person: &str, target: &str) -> Reply {
        let callback = self.come_back_from_wechat(person, target).await;
        self.open_url(&callback).await
    }

    /// As [`Browser::log_in_by_wechat`] up to the callback, which is not yet asked for.
    pub(crate) async fn come_back_from_wechat(&self, person: &str, target: &str) -> Url {
        self.answer_wechat(person, target, "allow").await
    }

    /// Opens `target` in WeChat's browser and answers the consent page, if there is one, with `answer`.
    pub(crate) async fn answer_wechat(&self, person: &str, target: &str, answer: &str) -> Url {
        self.is_wechat_of(person);
        let mut reply = self.visit(target).await;
        for _ in 0..MAX_HOPS {
            if reply.status == 200 {
                let page = reply.text();
                let ticket = between(&page, "name=\"ticket\" value=\"", "\"");
                let form = format!("ticket={ticket}&answer={answer}");
                let url = reply.url.join("/connect/oauth2/consent").unwrap();
                reply = self.post_form(&url, &form, self.wechat.base_url()).await;
            }
            let next = reply.location();
            if next.path().contains("/callback/") {
                return next;
            }
            reply = self.navigate(&next).await;
        }
        panic!("WeChat was never reached: {:?}", self.trail());
    }

    /// Opens `target`, lets `person` scan the code it leads to and agree, and ends where WeChat sends back.
    pub(crate) async fn log_in_by_qr(&self, person: &str, target: &str) -> Reply {
        let callback = self.come_back_from_qr(person, target).await;
        self.open_url(&callback).await
    }

    /// As [`Browser::log_in_by_qr`] up to the callback, which is not yet asked for.
    pub(crate) async fn come_back_from_qr(&self, person: &str, target: &str) -> Url {
        let code = self.show_qr(target).await;
        code.scanned_by(self, person, true).await
    }

    /// Opens `target` and WeChat's code page that it leads to, in our page or in full.
    pub(crate) async fn show_qr(&self, target: &str) -> QrPage {
        let mut reply = self.open(target).await;
        if !reply.url.path().starts_with("/connect/qrconnect") {
            let url = reply.qr_link();
            reply = self.open_url(&url).await;
        }
        QrPage::read(&reply)
    }
}

/// WeChat's page with a code to scan.
pub(crate) struct QrPage {
    url: Url,
    page: Value,
}

impl QrPage {
    fn read(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{reply}");
        let text = reply.text();
        let page = between(&text, "var page = ", ";\n");
        Self { url: reply.url.clone(), page: serde_json::from_str(page).unwrap() }
    }

    fn text(&self, key: &str) -> &str {
        self.page[key].as_str().unwrap()
    }

    /// `person` scans it and agrees or refuses; answers where the page then sends the browser.
    pub(crate) async fn scanned_by(&self, browser: &Browser, person: &str, agrees: bool) -> Url {
        let uuid = self.text("uuid");
        browser.wechat.scan(uuid, person).unwrap();
        let answered = if agrees { browser.wechat.confirm(uuid) } else { browser.wechat.refuse(uuid) };
        answered.unwrap();
        let poll = self.url.join(&format!("/connect/l/qrconnect?uuid={uuid}")).unwrap();
        let script = browser.send(Method::GET, &poll, &[], None).await.text();
        let address = match between(&script, "window.wx_errcode=", ";") {
            "405" => {
                let code = between(&script, "window.wx_code='", "'");
                format!("{}{code}{}", self.text("before_code"), self.text("after_code"))
            }
            "403" => self.text("refused").to_owned(),
            other => panic!("the code page is told {other}"),
        };
        address.parse().unwrap()
    }
}

/// Host and port, as in a `Host` header.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
