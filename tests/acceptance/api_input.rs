//! What the API is sent that it does not take: each told in JSON, by name, with nothing of it repeated.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::agent;
use crate::logs::Logs;
use crate::programs::{LOGIN, SESSION, setup};
use crate::world::{Setup, World};

const JSON: (&str, &str) = ("content-type", "application/json");

/// Every call, with a body that it takes.
fn calls() -> Vec<(&'static str, Value)> {
    let code = "sEcReT";
    vec![
        ("begin/app", json!({})),
        ("login/mini", json!({ "code": code })),
        ("login/app", json!({ "code": code, "nonce": "n" })),
        ("attach/mini", json!({ "code": code })),
        ("flow/f1/choose", json!({ "key": code, "account": "a" })),
        ("scan", json!({ "scene": "s", "code": code })),
        ("confirm", json!({ "scene": "s", "code": code })),
        ("reject", json!({ "scene": "s", "code": code })),
        ("launch", json!({ "method": "launch", "challenge": "c" })),
        ("redeem", json!({ "ticket": "t", "verifier": "v", "return_code": code })),
    ]
}

/// Section "API" of the documents: the body is JSON and says so.
#[tokio::test]
async fn a_body_that_is_not_json_or_does_not_say_so_is_refused_by_every_call() {
    let logs = Logs::start();
    let world = World::of_programs().await;
    for (call, body) in calls() {
        for body in [
            "",
            "code=sEcReT",
            "{\"code\":\"sEcReT\"",
            "[\"sEcReT\"",
            "{} sEcReT",
            "\"sEcReT\"}",
            "\u{feff}{}",
        ] {
            let reply = world.client().post(call, &[JSON], body.into()).await;
            let told = reply.is_refused(400, "bad_request");
            assert!(!told.to_string().contains("sEcReT"), "{reply}");
        }
        let body = body.to_string().into_bytes();
        let kinds: [&[(&str, &str)]; 4] = [
            &[],
            &[("content-type", "text/plain")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "application/jsonp")],
        ];
        for kind in kinds {
            world.client().post(call, kind, body.clone()).await.is_refused(415, "unsupported_media_type");
        }
    }
    assert_eq!(world.wechat.calls(SESSION), 0);
    assert!(!logs.text().contains("sEcReT"), "{}", logs.text());
}

/// Section "API" of the documents: a field of a wrong type is named, its value is not repeated.
#[tokio::test]
async fn a_field_of_a_wrong_type_or_none_is_told_by_name() {
    let logs = Logs::start();
    let world = World::of_programs().await;
    for (call, body) in calls() {
        for field in body.as_object().unwrap().keys().filter(|field| *field != "nonce") {
            for wrong in
                [json!(7_351_042), json!(true), json!(["sEcReT"]), json!({ "sEcReT": "sEcReT" }), Value::Null]
            {
                let mut body = body.clone();
                body[field] = wrong;
                let told = world.client().call(call, &body).await.is_refused(400, "bad_request");
                let message = told["message"].as_str().unwrap();
                assert!(message.contains(&format!("`{field}`")), "{call} {field}: {message}");
                assert!(!message.contains("7351042") && !message.contains("sEcReT"), "{message}");
            }
            let mut body = body.clone();
            body.as_object_mut().unwrap().remove(field);
            let told = world.client().call(call, &body).await.is_refused(400, "bad_request");
            assert!(
                told["message"].as_str().unwrap().contains(&format!("`{field}`")),
                "{call} {field}: {told}"
            );
        }
    }
    let optional = [
        ("login/mini", "phone_code"),
        ("login/mini", "iv"),
        ("login/app", "nonce"),
        ("confirm", "phone_code"),
    ];
    for (call, field) in optional {
        let mut body = json!({ "code": "c", "scene": "s" });
        body[field] = json!(7);
        let told = world.client().call(call, &body).await.is_refused(400, "bad_request");
        assert!(told["message"].as_str().unwrap().contains(&format!("`{field}`")), "{call} {field}: {told}");
    }
    let told = world.client().call("login/app", &json!({ "code": "c" })).await.is_refused(400, "bad_request");
    assert_eq!(told["message"], "The field `nonce` is missing.");
    assert_eq!((world.wechat.calls(SESSION), world.exchanges()), (0, 0));
    assert!(!logs.text().contains("sEcReT"), "{}", logs.text());
}

/// Section "API" of the documents: fields are added over time, so those that are not known are passed over.
#[tokio::test]
async fn unknown_fields_are_passed_over() {
    let world = World::of_programs().await;
    let mut proof = world.mini_proof("zhang");
    proof["more"] = json!([1, { "code": 2 }]);
    world.client().call(LOGIN, &proof).await.done();
    let kind = [("content-type", "Application/JSON; charset=utf-8")];
    let proof = world.mini_proof("zhang").to_string().into_bytes();
    world.client().post(LOGIN, &kind, proof).await.done();
    let begun = world.client().call("begin/app", &json!({ "more": 1 })).await.done();
    assert!(begun["nonce"].is_string());
}

/// Section "API" of the documents: 64 KiB, and not a byte more.
#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let world = World::of_programs().await;
    let padded = |length: usize| {
        let mut body = world.mini_proof("zhang").to_string();
        let more = length - body.len();
        body.extend(std::iter::repeat_n(' ', more));
        body.into_bytes()
    };
    let client = world.client();
    client.post(LOGIN, &[JSON], padded(64 * 1024)).await.done();
    client.post(LOGIN, &[JSON], padded(64 * 1024 + 1)).await.is_refused(413, "too_large");
    client.post(LOGIN, &[JSON], padded(4 << 20)).await.is_refused(413, "too_large");
    client.post(LOGIN, &[JSON], padded(100)).await.done();
}

/// Section "API" of the documents: only POST.
#[tokio::test]
async fn other_methods_of_http_are_refused_in_json() {
    let world = World::of_programs().await;
    for (call, _) in calls().into_iter().chain([("logout", Value::Null)]) {
        world.client().get(&format!("/_menshen/api/{call}")).await.is_refused(405, "method_not_allowed");
        let browser = world.desktop();
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            let reply = browser.send(method, &browser.url(&format!("/_menshen/api/{call}")), &[], None).await;
            assert_eq!(reply.status, 405, "{reply}");
        }
    }
    for path in ["", "nothing", "login", "login/mini/more", "flow/f1"] {
        world.client().call(path, &json!({})).await.is_refused(404, "not_found");
    }
}

/// Section "API" of the documents: JSON to everybody, also to who would rather read a page.
#[tokio::test]
async fn the_api_answers_in_json_whatever_the_client_says_it_reads() {
    let world = World::of_programs().await;
    let browser = world.browser(agent::DESKTOP);
    let headers = [
        ("accept", "text/html,*/*;q=0.8"),
        ("content-type", "application/json"),
        ("sec-fetch-mode", "navigate"),
    ];
    for (call, _) in calls() {
        let url = browser.url(&format!("/_menshen/api/{call}"));
        let reply = browser.send(Method::POST, &url, &headers, Some(b"[".to_vec())).await;
        reply.is_refused(400, "bad_request");
        browser.send(Method::GET, &url, &headers, None).await.is_refused(405, "method_not_allowed");
    }
    let url = browser.url("/_menshen/api/nothing");
    browser.send(Method::POST, &url, &headers, None).await.is_refused(404, "not_found");
}

/// Acceptance: U7, M1c: a method that is not there, and one that is of another kind.
#[rstest]
#[case("begin/mini", 409, "wrong_method")]
#[case("begin/scan", 409, "wrong_method")]
#[case("begin/none", 404, "unknown_method")]
#[case("begin/%20", 404, "unknown_method")]
#[case("login/code", 409, "wrong_method")]
#[case("login/launch", 409, "wrong_method")]
#[case("login/wechat", 409, "wrong_method")]
#[case("login/none", 404, "unknown_method")]
#[tokio::test]
async fn methods_that_do_not_exist_are_told_from_those_of_another_kind(
    #[case] call: &str,
    #[case] status: u16,
    #[case] code: &str,
) {
    let world = World::of_programs().await;
    let told = world.client().call(call, &world.mini_proof("zhang")).await.is_refused(status, code);
    assert_eq!(told["retryable"], false);
    assert_eq!((world.wechat.calls(SESSION), world.exchanges()), (0, 0));
}

/// A session is for a host of ours; a name that is none gets no session and is told so.
#[tokio::test]
async fn a_host_that_is_not_ours_logs_nobody_in() {
    const SHOP: &str = "shop.localhost";
    let Setup { routes, .. } = setup();
    let routes = format!("{routes}\n[[routes]]\nhost = \"{SHOP}\"\nupstream = \"app\"\n");
    let world = World::with(Setup { routes, ..setup() }).await;
    let client = world.client();
    for (host, ours) in [("evil.test", false), ("127.0.0.1.evil.test", false), (SHOP, true)] {
        let body = world.mini_proof("zhang").to_string().into_bytes();
        let reply = client.post(LOGIN, &[JSON, ("host", host)], body).await;
        if ours {
            // The session is of that host, and of no other.
            let user = reply.user(&world);
            user.client.get("/").await.is_refused(401, "login_required");
            let there = user.client.browser.url_on(SHOP, "/cart");
            let bearer = format!("Bearer {}", user.token);
            let reply =
                user.client.browser.send(Method::GET, &there, &[("authorization", &bearer)], None).await;
            assert_eq!(reply.received().header("x-user-id"), Some(user.id.as_str()));
        } else {
            reply.is_refused(404, "no_route");
            assert_eq!(world.wechat.calls(SESSION), 0);
        }
    }
}

/// Acceptance: U7: each host offers its own ways to log in, to apps and mini programs too.
#[tokio::test]
async fn a_host_logs_in_by_the_methods_of_its_routes_alone() {
    const STAFF: &str = "staff.localhost";
    let Setup { routes, .. } = setup();
    let routes =
        format!("{routes}\n[[routes]]\nhost = \"{STAFF}\"\nupstream = \"app\"\nmethods = [\"mini2\"]\n");
    let world = World::with(Setup { routes, ..setup() }).await;
    let client = world.client();
    let headers = [JSON, ("host", STAFF)];
    let challenge = json!({ "method": "launch", "challenge": crate::app_launch::CHALLENGE });
    for (call, body) in [(LOGIN, world.mini_proof("zhang")), ("begin/app", json!({})), ("launch", challenge)]
    {
        let reply = client.post(call, &headers, body.to_string().into_bytes()).await;
        reply.is_refused(404, "unknown_method");
    }
    assert_eq!(world.wechat.calls(SESSION), 0);
    let code = world.wechat.login_code(crate::programs::OTHER_MINI, "zhang").unwrap();
    let body = json!({ "code": code }).to_string().into_bytes();
    client.post("login/mini2", &headers, body).await.user(&world);
    client.call(LOGIN, &world.mini_proof("zhang")).await.user(&world);
}
