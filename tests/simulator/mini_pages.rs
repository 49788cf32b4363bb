//! The phone's mini program and app, used as a browser without scripts uses them, against a stub of the gateway.
//!
//! The stub checks codes with the simulator as a gateway does, and answers as the agreed API does. Items 12 to 14.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response as Answer};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen::simulator::{DEMO_MINI_ORIGINAL_ID, DEMO_MINI_SECRET, DEMO_MOBILE_SECRET};
use reqwest::Response;
use reqwest::header::COOKIE;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use crate::bench::{Bench, MINI_PROGRAM, MOBILE, between};

const CONFIRM: &str = "pages/menshen/confirm/confirm";
const LAUNCH: &str = "pages/menshen/launch/launch";

/// What the stub was asked, by path.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

#[derive(Clone)]
struct Stub {
    wechat: String,
    asked: Asked,
}

impl Stub {
    /// The OpenID behind a code, or nothing.
    async fn openid(&self, query: &str) -> Option<String> {
        let url = format!("{}/sns/{query}&grant_type=authorization_code", self.wechat);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let bytes = client.get(url).send().await.ok()?.bytes().await.ok()?;
        let answer: Value = serde_json::from_slice(&bytes).ok()?;
        Some(answer["openid"].as_str()?.to_owned())
    }

    async fn mini(&self, body: &Value) -> Option<String> {
        let code = body["code"].as_str()?;
        self.openid(&format!("jscode2session?appid={MINI_PROGRAM}&secret={DEMO_MINI_SECRET}&js_code={code}"))
            .await
    }

    async fn mobile(&self, body: &Value) -> Option<String> {
        let code = body["code"].as_str()?;
        self.openid(&format!("oauth2/access_token?appid={MOBILE}&secret={DEMO_MOBILE_SECRET}&code={code}"))
            .await
    }

    fn last(&self, path: &str) -> Value {
        let asked = self.asked.lock().unwrap();
        asked.iter().rev().find(|(asked, _)| asked == path).unwrap_or_else(|| panic!("no {path}")).1.clone()
    }
}

fn refused(status: u16, error: &str, message: &str) -> Answer {
    let body = json!({"error": error, "message": message, "retryable": false, "request_id": "r1"});
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

fn token(openid: &str) -> Answer {
    axum::Json(json!({"token": format!("T-{openid}"), "token_type": "Bearer", "expires_in": 60,
                      "account": {"id": "a1", "groups": []}}))
    .into_response()
}

async fn answer(
    State(stub): State<Stub>,
    Path(path): Path<String>,
    axum::Json(body): axum::Json<Value>,
) -> Answer {
    stub.asked.lock().unwrap().push((path.clone(), body.clone()));
    let used = || refused(400, "code_used", "这个 code 已经用过");
    match path.as_str() {
        "scan" if body["scene"] == "late" => refused(410, "scan_code_expired", "二维码已过期"),
        "scan" => match stub.mini(&body).await {
            Some(_) => axum::Json(
                json!({"site": "门神 <商店>", "host": "shop.example.com", "browser": "Chrome · Windows",
                "kind": if body["scene"] == "TICKET" { "app" } else { "browser" },
                "ip": "203.0.113.7", "begun_at": 1_700_000_000, "expires_in": 170, "ask_phone": true}),
            )
            .into_response(),
            None => used(),
        },
        "confirm" => match stub.mini(&body).await {
            Some(_) if body["scene"] == "TICKET" => {
                axum::Json(json!({"approved": true, "return_code": "RETURN"})).into_response()
            }
            Some(_) => axum::Json(json!({"approved": true})).into_response(),
            None => used(),
        },
        "reject" => axum::Json(json!({"approved": false})).into_response(),
        "login/mini" if body["phone_code"].is_string() => {
            axum::Json(json!({"pending": "choose"})).into_response()
        }
        "login/mini" => stub.mini(&body).await.map_or_else(used, |openid| token(&openid)),
        "login/two" => {
            let accounts = json!([{"id": "a1", "name": "甲"}, {"id": "a2", "phone": "135****6666"}]);
            let body = json!({"pending": "choose", "flow": "F1", "key": "K1", "expires_in": 60, "accounts": accounts});
            (StatusCode::CONFLICT, axum::Json(body)).into_response()
        }
        "flow/F1/choose" if body == json!({"key": "K1", "account": "a2"}) => token("a2"),
        "begin/app" => {
            axum::Json(json!({"nonce": "N1", "app_id": MOBILE, "scope": "snsapi_userinfo"})).into_response()
        }
        "login/app" if body["nonce"] == "N1" => {
            stub.mobile(&body).await.map_or_else(used, |openid| token(&openid))
        }
        "launch" => axum::Json(json!({"ticket": "TICKET", "mini_program": DEMO_MINI_ORIGINAL_ID,
            "path": "pages/menshen/launch/launch?t=TICKET", "program_type": 0, "expires_in": 180}))
        .into_response(),
        "redeem" => {
            let verifier = body["verifier"].as_str().unwrap_or_default();
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
            let right = stub.last("launch")["challenge"] == challenge && verifier.len() == 43;
            match right && body["ticket"] == "TICKET" && body["return_code"] == "RETURN" {
                true => token("redeemed"),
                false => refused(403, "verifier_wrong", "不是这个应用"),
            }
        }
        "logout" => StatusCode::NO_CONTENT.into_response(),
        _ => refused(404, "unknown_method", "没有这个登录方式"),
    }
}

async fn userinfo(headers: HeaderMap) -> Answer {
    let bearer = headers["authorization"].to_str().unwrap().strip_prefix("Bearer T-").unwrap();
    axum::Json(json!({"sub": bearer, "name": "张伟 <b>", "groups": []})).into_response()
}

struct Phone {
    bench: Bench,
    stub: Stub,
    task: JoinHandle<()>,
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Phone {
    async fn start() -> Self {
        let bench = Bench::start().await;
        let stub = Stub { wechat: bench.simulator.base_url().into(), asked: Asked::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/_menshen", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/_menshen/api/{*path}", post(answer))
            .route("/_menshen/userinfo", get(userinfo))
            .with_state(stub.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        bench.handle.set_request_address(MINI_PROGRAM, &address).unwrap();
        Self { bench, stub, task }
    }

    async fn press(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let request = self.bench.client.post(self.bench.url(path)).header(COOKIE, "sim_person=zhang");
        request.form(form).send().await.unwrap()
    }

    async fn pressed(&self, path: &str, form: &[(&str, &str)]) -> String {
        let response = self.press(path, form).await;
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    }

    /// Where a tap leads.
    async fn follow(&self, path: &str, form: &[(&str, &str)]) -> String {
        let response = self.press(path, form).await;
        assert_eq!(response.status(), 303, "{path}");
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    /// Shows a code, scans it on the phone, and answers the address of the mini program.
    async fn scanned(&self, scene: &str) -> String {
        self.scanned_on(CONFIRM, scene).await
    }

    /// The same with a code that opens another page.
    async fn scanned_on(&self, page: &str, scene: &str) -> String {
        let token = self.bench.server_token(MINI_PROGRAM).await;
        let url = self.bench.url(&format!("/wxa/getwxacodeunlimit?access_token={token}"));
        let body = json!({"scene": scene, "page": page}).to_string();
        self.bench.client.post(url).body(body).send().await.unwrap();
        let page = self.bench.text("/phone").await;
        assert!(page.contains("小程序码") && page.contains(scene), "{page}");
        let key = between(&page, "name=\"uuid\" value=\"", "\"><button class=\"yes\" id=\"scan-").to_owned();
        let key = key.rsplit('"').next().unwrap().to_owned();
        assert!(self.bench.text(&format!("/phone?uuid={key}")).await.contains(scene));
        self.follow("/phone/scan", &[("uuid", &key)]).await
    }
}

#[tokio::test]
async fn a_scanned_code_opens_the_mini_program_which_shows_what_it_is_about() {
    let phone = Phone::start().await;
    let tab = phone.scanned("s:1").await;
    let page = phone.bench.text(&tab).await;
    for shown in
        ["门神 &lt;商店&gt;", "shop.example.com", "Chrome · Windows", "203.0.113.7", "2023-11-15 06:13:20"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(page.contains("确认登录") && page.contains("取消") && page.contains("提供手机号"));
    assert_eq!(phone.stub.last("scan")["scene"], "s:1", "decoded as the page's own code does");
    let again = phone.bench.text(&tab).await;
    assert!(again.contains("确认登录"), "every call has a fresh code");
}

#[tokio::test]
async fn confirming_sends_the_phone_number_only_if_it_is_given() {
    let phone = Phone::start().await;
    let tab = phone.scanned("s1").await;
    phone.bench.text(&tab).await;
    let page = phone.pressed(&format!("{tab}/confirm"), &[("phone", "code")]).await;
    assert!(page.contains("id=\"confirmed\"") && page.contains("请回到电脑"), "{page}");
    assert_eq!(phone.stub.last("confirm")["phone_code"].as_str().unwrap().len(), 64);
    phone.pressed(&format!("{tab}/confirm"), &[("phone", "")]).await;
    assert!(phone.stub.last("confirm").get("phone_code").is_none());
}

#[tokio::test]
async fn cancelling_rejects() {
    let phone = Phone::start().await;
    let tab = phone.scanned("s1").await;
    phone.bench.text(&tab).await;
    assert!(phone.pressed(&format!("{tab}/reject"), &[]).await.contains("id=\"rejected\""));
    assert_eq!(phone.stub.last("reject")["scene"], "s1");
}

/// As the published pages: `scene` and `cq` on the one, `t` of a launch on the other, and each its own kind.
#[tokio::test]
async fn a_page_approves_only_what_came_its_own_way() {
    let phone = Phone::start().await;
    for (page, scene) in [(LAUNCH, "s1"), (LAUNCH, "TICKET"), (CONFIRM, "TICKET")] {
        let tab = phone.scanned_on(page, scene).await;
        let response = phone.bench.get(&tab).await;
        assert_eq!(response.status(), 409, "{page} {scene}");
        let text = response.text().await.unwrap();
        assert!(!text.contains("id=\"confirm\"") && !text.contains("id=\"login\""), "{text}");
        for action in ["confirm", "reject", "login"] {
            let response = phone.press(&format!("{tab}/{action}"), &[("method", "mini")]).await;
            assert_eq!(response.status(), 404, "{page} {scene} {action}");
        }
    }
    // Another page of the mini program has nothing to approve, whatever the code says.
    let tab = phone.scanned_on("pages/index/index", "s1").await;
    assert!(phone.bench.text(&tab).await.contains("id=\"login\""));
    assert_eq!(phone.press(&format!("{tab}/confirm"), &[]).await.status(), 404);
    // Nor is anything approved that nobody was shown.
    let tab = phone.scanned("s1").await;
    assert_eq!(phone.press(&format!("{tab}/confirm"), &[]).await.status(), 404);
    let asked = phone.stub.asked.lock().unwrap();
    let calls: Vec<&str> = asked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(calls, ["scan"], "the kind of a login is told by the gateway, all else by the way it came");
}

#[tokio::test]
async fn what_the_gateway_refuses_is_shown_in_its_words() {
    let phone = Phone::start().await;
    let tab = phone.scanned("late").await;
    let response = phone.bench.get(&tab).await;
    assert_eq!(response.status(), 409);
    let page = response.text().await.unwrap();
    assert!(between(&page, "role=\"alert\">", "</p>").contains("二维码已过期（scan_code_expired）"));
    assert!(!page.contains("id=\"confirm\""));
    phone.bench.handle.set_request_address(MINI_PROGRAM, "http://127.0.0.1:1").unwrap();
    assert!(phone.bench.get(&tab).await.text().await.unwrap().contains("服务器没有回答"));
    phone.bench.handle.set_request_address(MINI_PROGRAM, "").unwrap();
    assert!(phone.bench.get(&tab).await.text().await.unwrap().contains("没有设置请求地址"));
    assert_eq!(phone.bench.get("/phone/mini/nope").await.status(), 404);
}

#[tokio::test]
async fn one_tap_logs_in_with_and_without_the_phone_number() {
    let phone = Phone::start().await;
    let tab = phone.follow("/phone/open", &[("app_id", MINI_PROGRAM)]).await;
    assert!(phone.bench.text(&tab).await.contains("一键登录"));
    let page = phone.pressed(&format!("{tab}/login"), &[("method", "mini")]).await;
    let openid = phone.bench.handle.openid(MINI_PROGRAM, "zhang");
    assert!(page.contains("✓ 已登录") && page.contains(&openid) && page.contains("张伟 &lt;b&gt;"), "{page}");
    phone.pressed(&format!("{tab}/login"), &[("method", "mini"), ("phone", "encrypted")]).await;
    let sent = phone.stub.last("login/mini");
    assert!(sent["encrypted_data"].is_string() && sent["iv"].is_string() && sent.get("phone_code").is_none());
    phone.press(&format!("{tab}/login"), &[("method", "mini"), ("phone", "code")]).await;
    assert!(phone.stub.last("login/mini")["phone_code"].is_string());
    let unknown = phone.press(&format!("{tab}/login"), &[("method", "../x")]).await;
    assert!(unknown.text().await.unwrap().contains("没有这个登录方式（unknown_method）"));
    let out = phone.pressed(&format!("{tab}/logout"), &[("token", "T-x"), ("method", "mini")]).await;
    assert!(out.contains("一键登录") && !out.contains("id=\"logout\""));
}

#[tokio::test]
async fn one_of_several_accounts_is_chosen() {
    let phone = Phone::start().await;
    let tab = phone.follow("/phone/open", &[("app_id", MINI_PROGRAM)]).await;
    let page = phone.press(&format!("{tab}/login"), &[("method", "two")]).await.text().await.unwrap();
    assert!(page.contains("甲") && page.contains("135****6666"), "{page}");
    let form = [("flow", "F1"), ("key", "K1"), ("account", "a2"), ("method", "two")];
    assert!(phone.pressed(&format!("{tab}/choose"), &form).await.contains("✓ 已登录"));
}

/// Item 14: the whole way, with every request shown.
#[tokio::test]
async fn an_app_logs_in_through_the_mini_program() {
    let phone = Phone::start().await;
    assert!(phone.bench.text("/phone/app").await.contains("打开小程序登录"));
    let tab = phone.follow("/phone/app/launch", &[("method", "launch")]).await;
    assert!(phone.bench.text(&tab).await.contains("1069"));
    let page = phone.pressed(&format!("{tab}/confirm"), &[]).await;
    assert!(page.contains("返回应用"), "{page}");
    let id = tab.rsplit('/').next().unwrap();
    let page = phone.pressed("/phone/app/return", &[("tab", id), ("parameter", "RETURN")]).await;
    assert!(page.contains("✓ 已登录") && page.contains("redeemed"), "{page}");
    for call in ["/api/launch", "/api/redeem", "/userinfo"] {
        assert!(page.replace("&#x2f;", "/").contains(call), "{call}");
    }
    let wrong = phone.press("/phone/app/return", &[("tab", id), ("parameter", "x")]).await;
    assert!(wrong.text().await.unwrap().contains("不是这个应用（verifier_wrong）"));
}

/// Item 14.
#[tokio::test]
async fn a_scanned_mini_program_leads_back_to_no_app() {
    let phone = Phone::start().await;
    let tab = phone.scanned("TICKET").await;
    let id = tab.rsplit('/').next().unwrap();
    let refused = phone.press("/phone/app/return", &[("tab", id), ("parameter", "RETURN")]).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("invalid scene"));
}

#[tokio::test]
async fn an_app_logs_in_with_wechat() {
    let phone = Phone::start().await;
    let page = phone.pressed("/phone/app/login", &[("method", "app")]).await;
    assert!(
        page.contains("✓ 已登录") && page.contains(&phone.bench.handle.openid(MOBILE, "zhang")),
        "{page}"
    );
    let refused = phone.press("/phone/app/login", &[("method", "nope")]).await;
    assert_eq!(refused.status(), 409);
}

#[tokio::test]
async fn a_link_of_our_own_opens_the_mini_program_in_any_browser() {
    let phone = Phone::start().await;
    phone.bench.handle.set_own_links(true);
    let token = phone.bench.server_token(MINI_PROGRAM).await;
    let path = format!("/wxa/generate_urllink?access_token={token}");
    let link = phone.bench.post_json(&path, &json!({"path": CONFIRM}).to_string()).await;
    let link = link["url_link"].as_str().unwrap();
    let path = link.strip_prefix(phone.bench.simulator.base_url()).unwrap();
    let response = phone.bench.get(&format!("{path}?cq=s7")).await;
    assert_eq!(response.status(), 303);
    let page = phone.bench.text(response.headers()["location"].to_str().unwrap()).await;
    assert!(page.contains("1194") && page.contains("确认登录"), "{page}");
    assert_eq!(phone.stub.last("scan")["scene"], "s7");
    let pasted = phone.follow("/phone/open", &[("url", link)]).await;
    let nothing = phone.bench.get(&pasted).await;
    assert_eq!(nothing.status(), 409, "nothing was appended");
    assert!(nothing.text().await.unwrap().contains("小程序码打开"));
    assert_eq!(phone.press("/phone/open", &[("url", "https://example.com")]).await.status(), 409);
    // A gateway keeps such a link for weeks: one that was started since knows it too.
    let later = Bench::start().await;
    let response = later.get(&format!("{path}?cq=s7")).await;
    assert_eq!(response.status(), 303);
    assert_eq!(later.get("/wxaurl/-bm90aGluZw?cq=s7").await.status(), 409);
}
