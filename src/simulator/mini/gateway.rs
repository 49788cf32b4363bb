//! What published mini programs and mobile apps ask of their server: the gateway's JSON API over HTTP.
//!
//! Every request is kept as a step that the phone can show. Plain http only, ten seconds at most for each.

use axum::http::header::{AUTHORIZATION, REFERER};
use axum::http::{HeaderName, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::pictures::EnvVersion;
use crate::ground::Span;
use crate::simulator::http::{self, Call};

const LIMIT: Span = Span::from_secs(10);

/// The User-Agent of `wx.request` on a phone.
const IN_MINI_PROGRAM: &str = "Mozilla/5.0 (Linux; Android 14; 23113RKC6C Build/UKQ1.230804.001; wv) \
    AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/122.0.6261.120 Mobile Safari/537.36 XWEB/1220133 \
    MMWEBSDK/20240404 MMWEBID/5295 MicroMessenger/8.0.49.2600(0x2800315A) WeChat/arm64 Weixin NetType/WIFI \
    Language/zh_CN ABI/arm64 MiniProgramEnv/android";
const IN_APP: &str = "MenshenDemoApp/1.0 (Android 14) okhttp/4.12.0";

/// One request and its answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    /// What it is for.
    title: &'static str,
    /// `POST http://…`
    call: String,
    sent: String,
    status: Option<u16>,
    answer: String,
    /// Why it did not work, in words for people.
    problem: Option<String>,
    #[serde(skip)]
    value: Value,
}

impl Step {
    /// The answer if it worked.
    pub(crate) fn good(&self) -> Option<&Value> {
        self.problem.is_none().then_some(&self.value)
    }

    /// The answer, whatever its status.
    pub(crate) const fn value(&self) -> &Value {
        &self.value
    }

    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

/// The server of a mini program or an app.
pub(crate) struct Gateway {
    /// Without a trailing slash; `None` if nobody said where it is.
    address: Option<String>,
    agent: &'static str,
    referer: Option<String>,
}

impl Gateway {
    /// As a mini program asks it.
    pub(crate) fn of_mini(address: Option<&str>, app_id: &str, version: EnvVersion) -> Self {
        // 0 stands for everything that is not released.
        let number = if version == EnvVersion::Release { 1 } else { 0 };
        let referer = format!("https://servicewechat.com/{app_id}/{number}/page-frame.html");
        Self { address: address.map(str::to_owned), agent: IN_MINI_PROGRAM, referer: Some(referer) }
    }

    /// As a mobile app asks it.
    pub(crate) fn of_app(address: Option<&str>) -> Self {
        Self { address: address.map(str::to_owned), agent: IN_APP, referer: None }
    }

    pub(crate) async fn post(&self, title: &'static str, path: &str, body: &Value) -> Step {
        self.ask(title, path, Some(body), None).await
    }

    /// Who the token says one is.
    pub(crate) async fn userinfo(&self, token: &str) -> Step {
        self.ask("这是谁的登录 Whose login this is", "/userinfo", None, Some(token)).await
    }

    pub(crate) async fn logout(&self, token: &str) -> Step {
        self.ask("退出登录 Log out", "/api/logout", Some(&json!({})), Some(token)).await
    }

    async fn ask(&self, title: &'static str, path: &str, body: Option<&Value>, bearer: Option<&str>) -> Step {
        let method = if body.is_some() { "POST" } else { "GET" };
        let address = self.address.as_deref().unwrap_or_default();
        let mut step = Step {
            title,
            call: format!("{method} {address}{path}"),
            sent: body.map(pretty).unwrap_or_default(),
            status: None,
            answer: String::new(),
            problem: None,
            value: Value::Null,
        };
        let Some(url) = Url::parse(&format!("{address}{path}")).ok().filter(|url| url.scheme() == "http")
        else {
            step.problem = Some("没有设置请求地址 No request address is set".into());
            return step;
        };
        let mut headers: Vec<(HeaderName, String)> = Vec::new();
        headers.extend(self.referer.clone().map(|referer| (REFERER, referer)));
        headers.extend(bearer.map(|token| (AUTHORIZATION, format!("Bearer {token}"))));
        let body = body.map(|body| ("application/json".to_owned(), body.to_string()));
        let call = Call { url: &url, body, agent: self.agent, headers: &headers };
        match http::ask(LIMIT.duration(), call).await {
            Ok((status, bytes)) => answered(&mut step, status, &bytes),
            Err(error) => step.problem = Some(format!("服务器没有回答 No answer: {error}")),
        }
        step
    }
}

fn answered(step: &mut Step, status: StatusCode, bytes: &[u8]) {
    step.status = Some(status.as_u16());
    let json: Option<Value> = serde_json::from_slice(bytes).ok();
    step.answer = match &json {
        Some(json) => pretty(json),
        None => String::from_utf8_lossy(bytes).chars().take(2000).collect(),
    };
    step.value = json.unwrap_or_default();
    if !status.is_success() {
        let text = |key: &str| step.value.get(key).and_then(Value::as_str);
        step.problem = Some(match (text("message"), text("error")) {
            (Some(message), Some(code)) => format!("{message}（{code}）"),
            _ => format!("服务器回答 {status}"),
        });
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

impl Ended {
    /// Nothing but what went wrong, if anything did.
    pub(crate) fn with(problem: Option<String>) -> Self {
        Self { problem, ..Self::default() }
    }
}

/// How a login through the API ended.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Ended {
    /// The session's token.
    token: Option<String>,
    /// What `userinfo` says, as name and value.
    facts: Vec<(String, String)>,
    /// The flow and key of a choice between accounts.
    flow: Option<(String, String)>,
    accounts: Vec<Value>,
    pub(crate) problem: Option<String>,
}

/// Reads the end of a login, and asks who one is. The last of `steps` is the request that ended it.
pub(crate) async fn ended(gateway: &Gateway, steps: &mut Vec<Step>) -> Ended {
    let mut ended = Ended::default();
    let Some(last) = steps.last() else { return ended };
    let text = |key: &str| last.value().get(key).and_then(Value::as_str).map(str::to_owned);
    if text("pending").as_deref() == Some("choose") {
        ended.flow = text("flow").zip(text("key"));
        let accounts = last.value().get("accounts").and_then(Value::as_array);
        ended.accounts = accounts.into_iter().flatten().map(shown).collect();
        return ended;
    }
    if let Some(problem) = last.problem() {
        ended.problem = Some(problem.to_owned());
        return ended;
    }
    let Some(token) = text("token") else {
        ended.problem = Some("回答里没有 token · The answer has no token".into());
        return ended;
    };
    let who = gateway.userinfo(&token).await;
    ended.problem = who.problem().map(str::to_owned);
    if let Some(Value::Object(facts)) = who.good() {
        ended.facts = facts.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
    }
    ended.token = Some(token);
    steps.push(who);
    ended
}

/// An account in a choice, with every field there is to show.
fn shown(account: &Value) -> Value {
    let text = |key: &str| account.get(key).map(plain).unwrap_or_default();
    json!({"id": text("id"), "name": text("name"), "phone": text("phone")})
}

/// A text as it is, everything else as JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
