//! The control API as curl uses it, and starting and stopping.

use menshen::simulator::{Config, SimError, Simulator};
use serde_json::{Value, json};

use crate::bench::{Bench, SERVICE, qrconnect};

async fn post(bench: &Bench, action: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let response = bench.client.post(bench.url(&format!("/_sim/{action}"))).body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_login_takes_one_command() {
    let bench = Bench::start().await;
    assert_eq!(post(&bench, "login", Value::Null).await.0, 400, "nothing is waiting yet");
    bench.text(&qrconnect("")).await;
    let next: Value = bench.get("/_sim/next?limit=5s").await.json().await.unwrap();
    let (status, answer) = post(&bench, "login", Value::Null).await;
    assert_eq!((status, &answer["phase"]), (200, &json!("confirmed")));
    assert_eq!(answer["uuid"], next["uuid"]);
}

#[tokio::test]
async fn every_step_can_be_commanded() {
    let bench = Bench::start().await;
    let uuid = bench.show_qr().await;
    assert_eq!(post(&bench, "scan", json!({"uuid": uuid, "person": "lina"})).await.1["phase"], "scanned");
    assert_eq!(post(&bench, "refuse", Value::Null).await.1["phase"], "refused");
    let uuid = bench.show_qr().await;
    assert_eq!(post(&bench, "expire", Value::Null).await.1["uuid"], uuid.as_str());
    let (_, answer) = post(&bench, "code", json!({"app_id": SERVICE, "scope": "snsapi_base"})).await;
    assert!(bench.exchange(SERVICE, answer["code"].as_str().unwrap()).await["openid"].is_string());
    assert_eq!(post(&bench, "revoke", json!({})).await.1["revoked"], 1);
}

#[tokio::test]
async fn people_faults_switches_and_time_can_be_commanded_and_seen() {
    let bench = Bench::start().await;
    let person = json!({"id": "new", "name": "新人", "unionid": {"fixed": "oNew"}});
    assert_eq!(post(&bench, "people", person).await.0, 200);
    assert_eq!(post(&bench, "current", json!({"person": "new"})).await.0, 200);
    assert_eq!(bench.handle.unionid(SERVICE, "new").as_deref(), Some("oNew"));

    let fault = json!({"path": "/sns/auth", "fault": {"errcode": 40243}, "times": 1});
    assert_eq!(post(&bench, "fault", fault).await.0, 200);
    assert_eq!(bench.json("/sns/auth").await["errcode"], 40243);

    let (_, answer) = post(&bench, "switches", json!({"snapshot": true, "deny": "state_only"})).await;
    assert_eq!(answer["switches"]["snapshot"], true);
    assert_eq!(answer["switches"]["trace"], "rid", "what is not named stays");

    let before = bench.handle.now();
    assert_eq!(post(&bench, "advance", json!({"by": "6m"})).await.0, 200);
    assert_eq!(bench.handle.now().since(before).secs(), 360);

    let state = bench.json("/_sim/state").await;
    assert_eq!(state["current_person"], "new");
    assert_eq!(state["calls"]["/sns/auth"], 1);
    assert!(!state.to_string().contains("5ec2e7"), "secrets are not shown");
}

#[tokio::test]
async fn mistakes_are_explained() {
    let bench = Bench::start().await;
    for (action, body) in [
        ("switches", json!({"snapshut": true})),
        ("switches", json!({"fast_login": "nobody"})),
        ("scan", json!({"uuid": "0nope"})),
        ("fault", json!({"path": "/sns/auth", "fault": "explode"})),
        ("people", json!({"id": "no spaces please"})),
        ("advance", json!({"by": "6"})),
        ("code", json!({"app_id": "wxffff", "scope": "snsapi_base"})),
    ] {
        let (status, answer) = post(&bench, action, body).await;
        assert_eq!(status, 400, "{action}");
        assert!(!answer["error"].as_str().unwrap().is_empty());
    }
    assert!(
        bench
            .text("/_sim/")
            .await
            .contains(&format!("curl -X POST {}/_sim/login", bench.simulator.base_url()))
    );
}

#[tokio::test]
async fn a_taken_port_is_named_and_stopping_frees_it() {
    let first = Simulator::start(Config::demo()).await.unwrap();
    let addr = first.addr();
    let again = || Simulator::start(Config { listen: addr, ..Config::demo() });
    let error = again().await.err().unwrap();
    assert!(matches!(error, SimError::Listen { .. }));
    assert!(error.to_string().contains(&addr.to_string()));
    first.stop().await;
    again().await.unwrap().stop().await;
}

#[tokio::test]
async fn stopping_ends_polls_that_are_held() {
    let bench = Bench::start().await;
    let uuid = bench.show_qr().await;
    let url = bench.url(&format!("/connect/l/qrconnect?uuid={uuid}"));
    let (client, handle) = (bench.client.clone(), bench.handle.clone());
    let poll = tokio::spawn(async move { client.get(url).send().await });
    while handle.calls("/connect/l/qrconnect") == 0 {
        tokio::task::yield_now().await;
    }
    bench.simulator.stop().await;
    assert!(poll.await.unwrap().is_err());
}

#[tokio::test]
async fn clashing_ids_are_refused_at_the_start() {
    let mut config = Config::demo();
    config.apps.push(config.apps[0].clone());
    assert!(matches!(Simulator::start(config).await, Err(SimError::Config { .. })));
    let empty = Config { people: Vec::new(), ..Config::demo() };
    assert!(matches!(Simulator::start(empty).await, Err(SimError::Config { .. })));
}
