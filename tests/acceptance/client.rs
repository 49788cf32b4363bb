//! An app or a mini program that calls the JSON API, over real sockets: no cookies, a bearer token once it has one.
//!
//! Every answer is held to what holds for all of them: JSON, no cookie, no redirect, nothing that may be cached, listed
//! in the document.

use http::Method;
use serde_json::{Value, json};

use crate::api_document::{document, is_documented};
use crate::browser::Browser;
use crate::programs::{LOGIN, MINI, MOBILE};
use crate::reply::Reply;
use crate::world::World;

/// What `wx.request` says of itself, on an iPhone.
const AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
     Mobile/15E148 MicroMessenger/8.0.62(0x18003e33) NetType/4G Language/zh_CN";

/// A caller of the API.
pub(crate) struct Client {
    pub(crate) browser: Browser,
    token: Option<String>,
}

/// A caller that is logged in.
pub(crate) struct User {
    pub(crate) client: Client,
    /// The account's id.
    pub(crate) id: String,
    pub(crate) token: String,
    /// The whole answer of the login.
    pub(crate) told: Value,
}

impl World {
    /// A mini program that is not logged in.
    pub(crate) fn client(&self) -> Client {
        self.client_as(AGENT)
    }

    /// A client that says it is `agent`.
    pub(crate) fn client_as(&self, agent: &str) -> Client {
        Client { browser: self.browser(agent), token: None }
    }

    /// What the mini program of `person` logs in with.
    pub(crate) fn mini_proof(&self, person: &str) -> Value {
        json!({ "code": self.login_code(person) })
    }

    /// A fresh code of `wx.login`.
    pub(crate) fn login_code(&self, person: &str) -> String {
        self.wechat.login_code(MINI, person).unwrap()
    }

    /// A fresh code of the phone number button.
    pub(crate) fn phone_code(&self, person: &str) -> String {
        self.wechat.phone_code(MINI, person).unwrap()
    }

    /// The same with the phone number.
    pub(crate) fn phone_proof(&self, person: &str) -> Value {
        json!({ "code": self.login_code(person), "phone_code": self.phone_code(person) })
    }

    /// What the mobile app of `person` logs in with.
    pub(crate) async fn mobile_proof(&self, person: &str) -> Value {
        let begun = self.client().call("begin/app", &json!({})).await.done();
        let code = self.wechat.mobile_code(MOBILE, person).unwrap();
        json!({ "code": code, "nonce": begun["nonce"] })
    }

    /// `person`, logged in by the mini program.
    pub(crate) async fn mini_user(&self, person: &str) -> User {
        self.client().call(LOGIN, &self.mini_proof(person)).await.user(self)
    }

    /// `person`, logged in by the mobile app.
    pub(crate) async fn mobile_user(&self, person: &str) -> User {
        let proof = self.mobile_proof(person).await;
        self.client().call("login/app", &proof).await.user(self)
    }

    /// Asserts that nothing is stored about `person`.
    pub(crate) async fn knows_nothing_of(&self, person: &str) {
        let mut keys = vec![self.open_key(MINI, person), self.open_key(MOBILE, person)];
        if self.wechat.unionid(MINI, person).is_some() {
            keys.push(self.union_key(person));
        }
        assert!(self.rows(&keys).await.iter().all(Option::is_none), "{person} left a trace");
    }

    /// Disables an account, as an operator would.
    pub(crate) async fn disable(&self, id: &str) {
        let mut account = self.stored_account(id).await.unwrap();
        account.status = menshen::domain::Status::Disabled;
        account.version += 1;
        assert!(self.store().update_account(&account).await.unwrap());
    }
}

impl Client {
    /// The same client, with the token.
    pub(crate) fn with(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The same client, as another gateway meets it.
    pub(crate) fn at(&self, gateway: usize) -> Self {
        Self { browser: self.browser.at(gateway), token: self.token.clone() }
    }

    /// `POST api/{path}` with a JSON body.
    pub(crate) async fn call(&self, path: &str, body: &Value) -> Reply {
        self.post(path, &[("content-type", "application/json")], body.to_string().into_bytes()).await
    }

    /// `POST api/{path}` as described.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
        self.send(Method::POST, &format!("/_menshen/api/{path}"), headers, Some(body)).await
    }

    /// What the app asks of the service behind the gateway, or of us with GET.
    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.send(Method::GET, target, &[], None).await
    }

    async fn send(
        &self,
        method: Method,
        target: &str,
        more: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Reply {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = vec![("accept", "*/*")];
        headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
        headers.extend(more);
        let name = method.as_str().to_ascii_lowercase();
        let reply = self.browser.send(method, &self.browser.url(target), &headers, body).await;
        assert!(reply.set_cookies().is_empty() && reply.header("location").is_none(), "{reply}");
        if let Some(path) = target.strip_prefix("/_menshen/api/") {
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
            let json = reply.header("content-type") == Some("application/json");
            assert!(json || (reply.status == 204 && reply.body.is_empty()), "{reply}");
            if name == "post" || path == "account" {
                is_documented(document(&self.browser).await, &name, path, &reply);
            }
        }
        reply
    }

    /// The account that the gateway takes this client for.
    pub(crate) async fn account(&self) -> Option<String> {
        let reply = self.get("/_menshen/userinfo").await;
        match reply.status {
            200 => Some(reply.json()["account"].as_str().unwrap().to_owned()),
            401 => None,
            _ => panic!("{reply}"),
        }
    }
}

/// Asserts that of two calls at once one was done and the other was answered `refused`.
#[track_caller]
pub(crate) fn one_of_two(one: &Reply, other: &Reply, refused: u16) {
    let told = [one.status, other.status];
    assert!(told == [200, refused] || told == [refused, 200], "{one}\n{other}");
}

impl Reply {
    /// What a call that was done answers.
    #[track_caller]
    pub(crate) fn done(&self) -> Value {
        assert_eq!(self.status, 200, "{self}");
        self.json()
    }

    /// Who a login made of the client.
    #[track_caller]
    pub(crate) fn user(&self, world: &World) -> User {
        let told = self.done();
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{self}")).to_owned();
        let (token, id) = (text(&told["token"]), text(&told["account"]["id"]));
        assert_eq!(told["token_type"], "Bearer", "{self}");
        assert_eq!(told.as_object().unwrap().len(), 4, "{self}");
        User { client: world.client().with(&token), id, token, told }
    }

    /// Asserts the shape of an error of the API and its code.
    #[track_caller]
    pub(crate) fn is_refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self}");
        let told = self.json();
        assert_eq!(told["error"], code, "{self}");
        let filled = |key: &str| told[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(filled("message") && filled("request_id") && told["retryable"].is_boolean(), "{self}");
        let wait = self.header("retry-after").map(|wait| wait.parse::<u64>().unwrap());
        assert_eq!(wait.is_some_and(|wait| wait > 0), matches!(status, 429 | 503), "{self}");
        let challenge = match code {
            "login_required" => Some("Bearer"),
            "session_expired" => Some("Bearer error=\"invalid_token\""),
            _ => None,
        };
        assert_eq!(self.header("www-authenticate"), challenge, "{self}");
        told
    }

    /// As [`Reply::is_refused`], and whether another try may help.
    #[track_caller]
    pub(crate) fn is_refused_for_now(&self, status: u16, code: &str) {
        assert_eq!(self.is_refused(status, code)["retryable"], true, "{self}");
    }
}
