//! Mobile apps: their own login, and mini programs they open. Items 9, 14.

use menshen::ground::Span;
use menshen::simulator::{DEMO_MINI_ORIGINAL_ID, SimError};
use serde_json::{Value, json};

use crate::bench::{Bench, MINI_PROGRAM, MOBILE, SERVICE};

const LAUNCH: &str = "pages/menshen/launch/launch";

/// Item 9: ten minutes, once, `snsapi_userinfo` alone.
#[tokio::test]
async fn a_mobile_apps_code_is_good_once_within_ten_minutes() {
    let bench = Bench::start().await;
    let code = bench.handle.mobile_code(MOBILE, "zhang").unwrap();
    bench.handle.advance(Span::from_secs(599));
    let token = bench.exchange(MOBILE, &code).await;
    assert_eq!(token["scope"], "snsapi_userinfo");
    assert_eq!(token["unionid"], bench.handle.unionid(SERVICE, "zhang").unwrap());
    assert_eq!(bench.userinfo(&token).await["nickname"], "张伟");
    assert_eq!(bench.exchange(MOBILE, &code).await["errcode"], 40163);
    let late = bench.handle.mobile_code(MOBILE, "zhang").unwrap();
    bench.handle.advance(Span::from_mins(10));
    assert_eq!(bench.exchange(MOBILE, &late).await["errcode"], 40029);
    for scope in ["snsapi_base", "snsapi_login"] {
        let refused = bench.handle.code_for(MOBILE, "zhang", scope);
        assert!(matches!(refused, Err(SimError::UnknownScope { .. })), "{scope}");
    }
    let other = bench.handle.mobile_code(SERVICE, "zhang");
    assert!(matches!(other, Err(SimError::NotAMobileApp { .. })));
}

/// Item 14.
#[tokio::test]
async fn an_app_opens_a_mini_program_with_1069_and_hears_from_it() {
    let bench = Bench::start().await;
    let path = format!("{LAUNCH}?t=a-B_9&x=1");
    let opened = bench.handle.launch(DEMO_MINI_ORIGINAL_ID, &path, "zhang").unwrap();
    assert_eq!((opened.app_id.as_str(), opened.path.as_str()), (MINI_PROGRAM, LAUNCH));
    assert_eq!((opened.query.as_str(), opened.launch_scene), ("t=a-B_9&x=1", 1069));
    assert_eq!(opened.parameter("t").as_deref(), Some("a-B_9"));
    assert_eq!(bench.handle.return_to_app(&opened, "code=1").unwrap(), "code=1");
}

/// Item 14.
#[tokio::test]
async fn a_mini_program_that_no_app_opened_leads_back_to_none() {
    let bench = Bench::start().await;
    let token = bench.server_token(MINI_PROGRAM).await;
    let path = format!("/wxa/getwxacodeunlimit?access_token={token}");
    bench.client.post(bench.url(&path)).body(r#"{"scene":"a"}"#).send().await.unwrap();
    let opened = bench.handle.scan_mini_code("a", "zhang").unwrap();
    let refused = bench.handle.return_to_app(&opened, "code=1").unwrap_err();
    assert!(matches!(refused, SimError::InvalidScene));
    assert_eq!(refused.to_string(), "invalid scene");
}

/// Item 14.
#[tokio::test]
async fn what_cannot_be_launched_is_named() {
    let bench = Bench::start().await;
    let launch = |id: &str, path: &str, person: &str| bench.handle.launch(id, path, person).unwrap_err();
    assert!(matches!(launch("gh_ffffffffffff", LAUNCH, "zhang"), SimError::NotAMiniProgram { .. }));
    let missing = launch(DEMO_MINI_ORIGINAL_ID, "pages/x/x?t=1", "zhang");
    assert!(matches!(missing, SimError::NoSuchPage { .. }));
    assert!(matches!(launch(DEMO_MINI_ORIGINAL_ID, LAUNCH, "nobody"), SimError::UnknownPerson { .. }));
    let home = bench.handle.launch(DEMO_MINI_ORIGINAL_ID, "", "zhang").unwrap();
    assert_eq!(home.path, "pages/index/index");
}

/// Item 14: from where a mini program was opened is WeChat's to know, whatever a caller says.
#[tokio::test]
async fn only_what_an_app_opened_can_be_commanded_back_to_it() {
    let bench = Bench::start().await;
    let sim = async |action: &str, body: Value| -> Value {
        let response =
            bench.client.post(bench.url(&format!("/_sim/{action}"))).json(&body).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        if status == 200 { serde_json::from_str(&text).unwrap() } else { json!(format!("{status} {text}")) }
    };
    let token = bench.server_token(MINI_PROGRAM).await;
    let path = format!("/wxa/getwxacodeunlimit?access_token={token}");
    bench.client.post(bench.url(&path)).body(r#"{"scene":"a"}"#).send().await.unwrap();
    let link = bench.post_json(&format!("/wxa/generate_urllink?access_token={token}"), "{}").await;
    let scanned = sim("scan_mini_code", json!({})).await;
    let linked = sim("open_link", json!({"url": link["url_link"]})).await;
    let launched =
        sim("launch", json!({"original_id": DEMO_MINI_ORIGINAL_ID, "path": format!("{LAUNCH}?t=1")})).await;
    for tab in [&scanned["tab"], &linked["tab"]] {
        let refused = sim("return_to_app", json!({"tab": tab, "parameter": "p"})).await;
        assert!(
            refused.as_str().unwrap().starts_with("400") && refused.to_string().contains("invalid scene")
        );
        let claimed = json!({"tab": tab, "launch_scene": 1069, "parameter": "p"});
        assert!(sim("return_to_app", claimed).await.as_str().unwrap().starts_with("400"));
    }
    let unknown = sim("return_to_app", json!({"tab": "nope", "parameter": "p"})).await;
    assert!(unknown.as_str().unwrap().contains("no mini program is open"), "{unknown}");
    let back = sim("return_to_app", json!({"tab": launched["tab"], "parameter": "p"})).await;
    assert_eq!(back, json!({"ext_msg": "p"}));
}

/// Everything a test does by hand, another program can command.
#[tokio::test]
async fn mini_programs_and_apps_can_be_commanded() {
    let bench = Bench::start().await;
    let sim = async |action: &str, body: Value| -> (u16, Value) {
        let response =
            bench.client.post(bench.url(&format!("/_sim/{action}"))).json(&body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    };
    let (_, login) = sim("login_code", json!({"person": "lina"})).await;
    let session = bench.session(MINI_PROGRAM, login["code"].as_str().unwrap()).await;
    assert_eq!(session["openid"], bench.handle.openid(MINI_PROGRAM, "lina"));
    assert_eq!(sim("phone_code", json!({})).await.1["code"].as_str().unwrap().len(), 64);
    assert!(sim("encrypted_phone", json!({"person": "lina"})).await.1["encrypted_data"].is_string());
    assert!(sim("encrypted_user", json!({"person": "lina"})).await.1["iv"].is_string());
    let (_, mobile) = sim("mobile_code", json!({})).await;
    assert!(bench.exchange(MOBILE, mobile["code"].as_str().unwrap()).await["openid"].is_string());

    let token = bench.server_token(MINI_PROGRAM).await;
    let path = format!("/wxa/getwxacodeunlimit?access_token={token}");
    bench.client.post(bench.url(&path)).body(r#"{"scene":"a b".."#).send().await.unwrap();
    assert_eq!(sim("scan_mini_code", json!({})).await.0, 400, "no code was made");
    bench.client.post(bench.url(&path)).body(r#"{"scene":"a:b"}"#).send().await.unwrap();
    let next: Value = bench.get("/_sim/next_mini_code?limit=5s").await.json().await.unwrap();
    assert_eq!((&next["scene"], &next["version"]), (&json!("a:b"), &json!("release")));
    let codes: Value = bench.get("/_sim/mini_codes").await.json().await.unwrap();
    assert_eq!(codes, json!([next]));
    let (_, opened) = sim("scan_mini_code", json!({})).await;
    assert_eq!((&opened["query"], &opened["launch_scene"]), (&json!("scene=a%3Ab"), &json!(1047)));

    let body = json!({"original_id": DEMO_MINI_ORIGINAL_ID, "path": format!("{LAUNCH}?t=1")});
    let (_, opened) = sim("launch", body).await;
    assert_eq!(opened["launch_scene"], 1069);
    let (_, back) = sim("return_to_app", json!({"tab": opened["tab"], "parameter": "p"})).await;
    assert_eq!(back["ext_msg"], "p");

    assert_eq!(sim("block", json!({"person": "nobody"})).await.0, 400);
    assert_eq!(sim("block", json!({"person": "lina"})).await.0, 200);
    assert_eq!(bench.logged_in("lina").await["errcode"], 40226);
    let address = json!({"address": "http://127.0.0.1:8080/_menshen/"});
    assert_eq!(sim("request_address", address).await.0, 200);
    let state = bench.json("/_sim/state").await;
    let mini = state["mini_programs"].as_array().unwrap();
    let mini = mini.iter().find(|mini| mini["app_id"] == MINI_PROGRAM).unwrap();
    assert_eq!(mini["request_address"], "http://127.0.0.1:8080/_menshen");
}
