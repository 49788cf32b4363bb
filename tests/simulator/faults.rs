//! Trouble on demand, as a client meets it. Item 4.

use std::time::Duration;

use menshen::ground::Span;
use menshen::simulator::Fault;
use serde_json::Value;

use crate::bench::{Bench, SERVICE, WEBSITE, authorize};

const INFO: &str = "/sns/userinfo";
const CODE: &str = "/sns/oauth2/access_token";

async fn token(bench: &Bench) -> Value {
    let code = bench.handle.code_for(WEBSITE, "zhang", "snsapi_login").unwrap();
    bench.exchange(WEBSITE, &code).await
}

async fn info(bench: &Bench, token: &Value) -> reqwest::Result<reqwest::Response> {
    let (access, openid) = (token["access_token"].as_str().unwrap(), token["openid"].as_str().unwrap());
    bench.client.get(bench.url(&format!("{INFO}?access_token={access}&openid={openid}"))).send().await
}

#[tokio::test]
async fn a_path_is_busy_for_as_many_calls_as_asked_and_loses_no_code() {
    let bench = Bench::start().await;
    bench.handle.fault(CODE, Fault::Errcode(-1), 2);
    let code = bench.handle.code_for(WEBSITE, "zhang", "snsapi_login").unwrap();
    for _ in 0..2 {
        assert_eq!(bench.exchange(WEBSITE, &code).await["errcode"], -1);
    }
    assert!(bench.exchange(WEBSITE, &code).await["openid"].is_string());
    assert_eq!(bench.handle.calls(CODE), 3);
}

#[tokio::test]
async fn faults_can_cover_all_paths_with_a_beginning_and_be_cleared() {
    let bench = Bench::start().await;
    bench.handle.fault("/sns/*", Fault::Errcode(45009), 10);
    assert_eq!(bench.json("/sns/auth").await["errcode"], 45009);
    assert_eq!(bench.json("/sns/userinfo").await["errcode"], 45009);
    bench.handle.clear_faults();
    assert_eq!(bench.json("/sns/auth").await["errcode"], 41001);
}

#[tokio::test]
async fn a_dropped_connection_gives_no_answer_and_a_cut_one_half_an_answer() {
    let bench = Bench::start().await;
    let token = token(&bench).await;
    bench.handle.fault(INFO, Fault::Drop, 1);
    assert!(info(&bench, &token).await.unwrap_err().is_request());
    bench.handle.fault(INFO, Fault::Cut, 1);
    let half = info(&bench, &token).await.unwrap();
    assert_eq!(half.status(), 200);
    assert!(half.bytes().await.is_err());
    assert!(info(&bench, &token).await.unwrap().status().is_success());
}

#[tokio::test]
async fn a_slow_answer_outlasts_an_impatient_client() {
    let bench = Bench::start().await;
    bench.handle.fault("/sns/auth", Fault::Slow(Span::from_secs(30)), 1);
    let request = bench.client.get(bench.url("/sns/auth")).timeout(Duration::from_millis(50));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(bench.json("/sns/auth").await["errcode"], 41001);
}

#[tokio::test]
async fn a_broken_gateway_answers_html_and_garbage_is_no_json() {
    let bench = Bench::start().await;
    bench.handle.fault("/sns/auth", Fault::Http(502), 1);
    let response = bench.get("/sns/auth").await;
    assert_eq!(response.status(), 502);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    bench.handle.fault("/sns/auth", Fault::Garbage, 1);
    let bytes = bench.get("/sns/auth").await.bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&bytes).is_err());
}

#[tokio::test]
async fn answers_can_be_distorted() {
    let bench = Bench::start().await;
    let token = token(&bench).await;
    bench.handle.fault(INFO, Fault::BrokenNickname, 1);
    let bytes = info(&bench, &token).await.unwrap().bytes().await.unwrap();
    assert!(std::str::from_utf8(&bytes).is_err());
    assert!(bytes.contains(&1), "and a raw control character");

    bench.handle.fault(INFO, Fault::NumbersAsStrings, 1);
    let answer: Value = info(&bench, &token).await.unwrap().json().await.unwrap();
    assert_eq!(answer["sex"], "0");

    bench.handle.fault(INFO, Fault::ExtraFields, 1);
    let answer: Value = info(&bench, &token).await.unwrap().json().await.unwrap();
    assert!(answer["field_of_tomorrow"]["list"].is_array());
    assert_eq!(answer["nickname"], "张伟");

    bench.handle.fault("/sns/auth", Fault::NumbersAsStrings, 1);
    assert_eq!(bench.json("/sns/auth").await["errcode"], "41001");
}

#[tokio::test]
async fn pages_meet_faults_too() {
    let bench = Bench::start().await;
    bench.handle.fault("/connect/oauth2/authorize", Fault::Errcode(10009), 1);
    let page = bench.in_wechat(SERVICE, "snsapi_base", "").await.text().await.unwrap();
    assert!(page.contains("错误码：10009"), "{page}");
    let query = authorize(SERVICE, "snsapi_base", "");
    assert_eq!(bench.authorize(&query, crate::bench::WECHAT, None).await.status(), 302);
}
