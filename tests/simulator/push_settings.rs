//! Where pushes go: saving, verifying, refusing settings, and steering it all from a terminal. Items 17 and 18.

use menshen::ground::Span;
use menshen::simulator::{Config, DEMO_PUSH_AES_KEY, DEMO_PUSH_TOKEN, Push, PushFormat, PushMode, SimError};
use rstest::rstest;

use crate::bench::{Bench, SERVICE, WEBSITE};
use crate::pushes::{SECURE, message};
use crate::receiver::{Answer, KEY, Received, Receiver, TOKEN, encrypted_reply, text_reply};

/// Item 17: on saving, the address must give the echostr back, exactly and in time.
#[tokio::test]
async fn the_address_is_verified_when_it_is_saved() {
    let bench = Bench::start().await;
    let receiver = Receiver::silent().await;
    let mut push = receiver.push(PushMode::Secure, PushFormat::Xml);
    push.url = receiver.url("/push/x?own=1");
    bench.handle.set_push(SERVICE, Some(push.clone())).await.unwrap();
    bench.handle.verify_push(SERVICE).await.unwrap();
    assert_eq!(receiver.verifications(), 2);

    let wrong_token = Push { token: "another".into(), ..push.clone() };
    let refused = bench.handle.set_push(SERVICE, Some(wrong_token)).await.unwrap_err();
    assert!(refused.to_string().ends_with("the answer has status 403"), "{refused}");
    bench.handle.follow(SERVICE, "zhang").unwrap();
    bench.handle.settled().await;
    let request = receiver.messages().remove(0);
    assert!(request.is_signed() && request.opened().0, "a refused setting changes nothing");
    assert!(request.raw_query.starts_with("own=1&signature="), "{request:?}");
    assert_eq!(request.path, "/push/x");

    bench.handle.set_push(SERVICE, None).await.unwrap();
    assert!(matches!(bench.handle.verify_push(SERVICE).await, Err(SimError::NoPush { .. })));
    bench.handle.unfollow(SERVICE, "zhang").unwrap();
    bench.handle.settled().await;
    assert_eq!(receiver.messages().len(), 1, "without settings nothing is sent");
}

#[rstest]
#[case::quoted(|request: &Received| Answer::Body(format!("\"{}\"", request.query["echostr"])), "exactly")]
#[case::line_feed(|request: &Received| Answer::Body(format!("{}\n", request.query["echostr"])), "exactly")]
#[case::never(|_: &Received| Answer::Never, "no answer within")]
#[tokio::test]
async fn another_answer_than_the_echostr_is_refused(
    #[case] answer: fn(&Received) -> Answer,
    #[case] why: &str,
) {
    let receiver = Receiver::raw(move |request, _| answer(request)).await;
    let bench = Bench::start_with(|config| config.push_timeout = Span::from_secs(1)).await;
    let push = receiver.push(PushMode::Plain, PushFormat::Xml);
    let refused = bench.handle.set_push(SERVICE, Some(push)).await.unwrap_err();
    assert!(refused.to_string().contains(why), "{refused}");
}

/// Item 17: what the console does not take.
#[rstest]
#[case::short_key(|push: &mut Push| push.encoding_aes_key = Some(KEY[1..].into()), "43")]
#[case::long_key(|push: &mut Push| push.encoding_aes_key = Some(format!("{KEY}a")), "43")]
#[case::odd_key(|push: &mut Push| push.encoding_aes_key = Some(KEY.replace('a', "=")), "43")]
#[case::no_key(|push: &mut Push| push.encoding_aes_key = None, "need an EncodingAESKey")]
#[case::short_token(|push: &mut Push| push.token = "ab".into(), "Token")]
#[case::odd_token(|push: &mut Push| push.token = "a-b-c".into(), "Token")]
#[case::no_url(|push: &mut Push| push.url = "/push".into(), "URL")]
#[case::other_scheme(|push: &mut Push| push.url = "ftp://a.test/".into(), "URL")]
#[tokio::test]
async fn wrong_settings_are_named(#[case] change: fn(&mut Push), #[case] why: &str) {
    let bench = Bench::start().await;
    let mut push = Push {
        url: "http://127.0.0.1:9/".into(),
        token: TOKEN.into(),
        encoding_aes_key: Some(KEY.into()),
        mode: PushMode::Secure,
        format: PushFormat::Xml,
    };
    assert!(bench.handle.set_push_unverified(SERVICE, Some(push.clone())).is_ok());
    let website = bench.handle.set_push_unverified(WEBSITE, Some(push.clone()));
    assert!(matches!(website, Err(SimError::NotAnAccount { .. })));
    change(&mut push);
    let refused = bench.handle.set_push_unverified(SERVICE, Some(push)).unwrap_err();
    assert!(refused.to_string().contains(why), "{refused}");
}

/// Item 18, and nothing secret in the journal.
#[tokio::test]
async fn an_odd_port_is_accepted_and_noted() {
    let receiver = Receiver::silent().await;
    let bench = Bench::pushing(&receiver, SECURE).await;
    bench.outcome().await;
    let journal = bench.handle.journal().join("\n");
    assert!(journal.contains("WeChat would accept only 80 and 443"), "{journal}");
    let told = journal + &bench.text("/_sim/state").await + &bench.text("/_sim/pushes").await;
    assert!(!told.contains(KEY) && !told.contains(TOKEN));
}

#[tokio::test]
async fn the_demos_constants_are_settings_a_console_takes() {
    let bench = Bench::start().await;
    let push = Push {
        url: "http://127.0.0.1/push".into(),
        token: DEMO_PUSH_TOKEN.into(),
        encoding_aes_key: Some(DEMO_PUSH_AES_KEY.into()),
        mode: PushMode::Secure,
        format: PushFormat::Xml,
    };
    bench.handle.set_push_unverified(SERVICE, Some(push)).unwrap();
    assert!(!bench.handle.journal().join("\n").contains("only 80 and 443"));
    assert_eq!(Config::demo().push_timeout, Span::from_secs(5), "as WeChat waits");
    assert!(Config::demo().pushes.is_empty() && Config::demo().followers.is_empty());
    let last = DEMO_PUSH_AES_KEY.bytes().last().unwrap();
    let canonical = b"AEIMQUYcgkosw048".contains(&last);
    assert!(!canonical, "the tail has bits that nobody needs, as many real keys have");
}

/// Settings, troubles and people can be steered from a terminal.
#[tokio::test]
async fn the_control_api_steers_accounts() {
    let receiver = Receiver::start(|request, _| {
        Answer::Body(encrypted_reply(&text_reply(&message(request), "你好"), SERVICE))
    })
    .await;
    let bench = Bench::start().await;
    let post = async |action: &str, body: serde_json::Value| -> serde_json::Value {
        let url = bench.url(&format!("/_sim/{action}"));
        bench.client.post(url).body(body.to_string()).send().await.unwrap().json().await.unwrap()
    };
    let push = serde_json::json!({"url": receiver.url("/push"), "token": TOKEN, "encoding_aes_key": KEY});
    assert_eq!(post("push", serde_json::json!({ "push": push })).await["ok"], true);
    assert_eq!(post("verify_push", serde_json::json!({})).await["ok"], true);
    let ticket = bench.scene_code(SERVICE, "a").await;
    assert_eq!(bench.json("/_sim/next_scene?limit=5s").await["ticket"], ticket.as_str());
    let scanned = post("scan_scene", serde_json::json!({"person": "lina"})).await;
    assert_eq!((&scanned["shown"], &scanned["ticket"]), (&"profile".into(), &ticket.into()));
    let followed = post("follow", serde_json::json!({"person": "lina"})).await;
    assert_eq!(followed["chat"][0], "你好", "the answer is waited for");
    assert_eq!(post("scan_scene", serde_json::json!({"person": "lina"})).await["shown"], "chat");
    assert_eq!(post("text", serde_json::json!({"person": "lina", "text": "hm"})).await["ok"], true);
    assert_eq!(bench.json("/_sim/chat?person=lina").await.as_array().unwrap().len(), 3);
    assert_eq!(post("replay_push", serde_json::json!({})).await["ok"], true);
    bench.handle.settled().await;
    assert_eq!(bench.json("/_sim/pushes").await["pushes"].as_array().unwrap().len(), 4);
    let state = bench.json("/_sim/state").await;
    assert_eq!(state["accounts"][0]["followers"], serde_json::json!(["lina"]));
    assert_eq!(state["accounts"][0]["push"]["mode"], "secure");
    let switched = post("switches", serde_json::json!({"push": {"stale": "10m"}})).await;
    assert_eq!(switched["switches"]["push"]["stale"], "10m");
    assert_eq!(post("whitelist", serde_json::json!({"ips": ["10.0.0.0/8"]})).await["ok"], true);
    assert_eq!(post("expire_scene", serde_json::json!({})).await["ok"], true);
    assert!(bench.handle.scene_codes().is_empty());
    assert_eq!(post("unfollow", serde_json::json!({"person": "lina"})).await["ok"], true);
    assert!(post("push", serde_json::json!({"push": {"url": "x", "token": "y"}})).await["error"].is_string());
    assert_eq!(post("push", serde_json::json!({"push": null})).await["ok"], true);
}
