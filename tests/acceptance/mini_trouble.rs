//! What a mini program's login meets when WeChat, the config or the account stand against it; and what it never tells.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen::ground::{Span, Token};
use menshen::simulator::Fault;
use rstest::rstest;
use serde_json::json;

use crate::logs::Logs;
use crate::programs::{LOGIN, MINI, PHONE, SESSION, setup};
use crate::redis_server::RedisServer;
use crate::world::{Setup, World};

/// Acceptance: M7c, M1c: each trouble has its own code, and none makes an account.
#[rstest]
#[case::gone(Fault::Drop, 503, "wechat_unavailable")]
#[case::broken(Fault::Http(502), 503, "wechat_unavailable")]
#[case::nonsense(Fault::Garbage, 503, "wechat_unavailable")]
#[case::system(Fault::Errcode(-1), 503, "wechat_unavailable")]
#[case::minute(Fault::Errcode(45011), 503, "wechat_busy")]
#[case::day(Fault::Errcode(45009), 503, "wechat_busy")]
#[case::secret(Fault::Errcode(40125), 500, "misconfigured")]
#[case::app_id(Fault::Errcode(40013), 500, "misconfigured")]
#[case::whitelist(Fault::Errcode(40164), 500, "misconfigured")]
#[case::blocked(Fault::Errcode(40226), 403, "wechat_refused")]
#[tokio::test]
async fn wechats_troubles_are_told_apart(#[case] fault: Fault, #[case] status: u16, #[case] code: &str) {
    let world = World::of_programs().await;
    world.wechat.fault(SESSION, fault, 9);
    let reply = world.client().call(LOGIN, &world.mini_proof("zhang")).await;
    let told = reply.is_refused(status, code);
    assert_eq!(told["retryable"], status == 503, "{reply}");
    world.knows_nothing_of("zhang").await;
    world.wechat.clear_faults();
    world.mini_user("zhang").await;
}

/// Acceptance: M7c: a WeChat that takes its time costs a client a limited wait.
#[tokio::test]
async fn a_slow_wechat_is_not_waited_for_beyond_the_limit() {
    let wechat = "timeout = \"300ms\"\nconnect_timeout = \"200ms\"".into();
    let world = World::with(Setup { wechat, ..setup() }).await;
    world.wechat.fault(SESSION, Fault::Slow(Span::from_secs(20)), 9);
    let reply = world.client().call(LOGIN, &world.mini_proof("zhang")).await;
    reply.is_refused_for_now(503, "wechat_unavailable");
    world.knows_nothing_of("zhang").await;
}

/// Acceptance: M2a: trouble with the number is trouble with the login, which can be tried again as a whole.
#[rstest]
#[case::gone(Fault::Drop, 503, "wechat_unavailable")]
#[case::busy(Fault::Errcode(45011), 503, "wechat_busy")]
#[case::not_allowed(Fault::Errcode(48001), 500, "misconfigured")]
#[tokio::test]
async fn trouble_with_the_number_makes_no_account(
    #[case] fault: Fault,
    #[case] status: u16,
    #[case] code: &str,
) {
    let world = World::of_programs().await;
    world.wechat.fault(PHONE, fault, 9);
    let proof = world.phone_proof("zhang");
    world.client().call(LOGIN, &proof).await.is_refused(status, code);
    world.knows_nothing_of("zhang").await;
}

/// Acceptance: M7c: WeChat holds a person for a risk (40226).
#[tokio::test]
async fn a_blocked_person_is_told_to_ask_wechat_until_wechat_lets_them_in() {
    let world = World::of_programs().await;
    world.wechat.set_blocked("zhang", true);
    let told = world.client().call(LOGIN, &world.mini_proof("zhang")).await.is_refused(403, "wechat_refused");
    assert_eq!(told["retryable"], false);
    world.knows_nothing_of("zhang").await;
    world.wechat.set_blocked("zhang", false);
    world.mini_user("zhang").await;
}

/// Acceptance: M1c: a wrong secret is the operator's to mend, and the log says so without it.
#[tokio::test]
async fn a_wrong_secret_is_told_to_the_operator() {
    let logs = Logs::start();
    let right = "5ec2e7000000000000000000000000d5";
    let directory = setup().directory.replace(right, "5ec2e7000000000000000000000000ff");
    let world = World::with(Setup { directory, ..setup() }).await;
    let told = world.client().call(LOGIN, &world.mini_proof("zhang")).await.is_refused(500, "misconfigured");
    assert_eq!(told["retryable"], false);
    world.knows_nothing_of("zhang").await;
    let lines = logs.lines("a WeChat setting is wrong");
    assert!(lines.len() == 1 && lines[0].contains("AppSecret") && !lines[0].contains("5ec2e7"), "{lines:?}");
}

/// Acceptance: M7a, B2: strangers leave no trace where registration is closed; who is known comes in.
#[rstest]
#[case::pool(true)]
#[case::method(false)]
#[tokio::test]
async fn closed_registration_refuses_strangers_and_admits_the_known(#[case] pool: bool) {
    let closed = "\nregistration = \"closed\"";
    let after = if pool { "id = \"people\"" } else { "id = \"mini\"\nkind = \"mini_program\"" };
    let mut setup = setup();
    setup.directory = setup.directory.replacen(after, &format!("{after}{closed}"), 1);
    let world = World::with(setup).await;
    let proof = world.phone_proof("zhang");
    world.client().call(LOGIN, &proof).await.is_refused(403, "registration_closed");
    world.knows_nothing_of("zhang").await;
    if !pool {
        let known = world.mobile_user("zhang").await;
        assert_eq!(world.mini_user("zhang").await.id, known.id);
    }
}

/// Acceptance: A14: no method gets a suspended person in, and the sessions there were are closed doors.
#[tokio::test]
async fn a_disabled_account_is_refused_by_every_method() {
    let logs = Logs::start();
    let world = World::of_programs().await;
    let user = world.mini_user("zhang").await;
    world.disable(&user.id).await;
    world.client().call(LOGIN, &world.mini_proof("zhang")).await.is_refused(403, "account_disabled");
    let proof = world.mobile_proof("zhang").await;
    world.client().call("login/app", &proof).await.is_refused(403, "account_disabled");
    assert!(logs.lines("login_refused").iter().all(|line| line.contains("AccountDisabled")));
    assert_eq!(logs.lines("login_refused").len(), 2);
    assert_eq!(world.row(&world.open_key(crate::programs::MOBILE, "zhang")).await, None);
}

/// The session key of `zhang`: WeChat gives the same one for every login while it lives.
async fn session_key(world: &World) -> String {
    let code = world.login_code("zhang");
    let asked = format!(
        "{}{SESSION}?appid={MINI}&secret=5ec2e7000000000000000000000000d5&js_code={code}\
         &grant_type=authorization_code",
        world.wechat.base_url()
    );
    let told = world.client().browser.navigate(&asked.parse().unwrap()).await.json();
    told["session_key"].as_str().unwrap().to_owned()
}

/// Invariant 2: what WeChat tells only us, and what a client sent, is in no answer, no log and no row.
#[tokio::test]
async fn neither_the_session_key_nor_a_code_nor_a_number_is_told_logged_or_kept() {
    let logs = Logs::start();
    let world = World::of_programs().await;
    let mut answers = String::new();
    let mut tokens = Vec::new();
    let mut secrets = vec![session_key(&world).await];
    for phone in [None, Some(true), Some(false)] {
        let mut proof = world.mini_proof("zhang");
        match phone {
            Some(true) => proof["phone_code"] = json!(world.phone_code("zhang")),
            Some(false) => {
                let sealed = world.wechat.encrypted_phone(MINI, "zhang").unwrap();
                proof["encrypted_data"] = json!(sealed.encrypted_data);
                proof["iv"] = json!(sealed.iv);
            }
            None => {}
        }
        secrets.extend(proof.as_object().unwrap().values().map(|value| value.as_str().unwrap().to_owned()));
        // Once right, once too often.
        for _ in 0..2 {
            let reply = world.client().call(LOGIN, &proof).await;
            answers += &reply.to_string();
            tokens.extend(reply.json()["token"].as_str().map(str::to_owned));
        }
    }
    let log = logs.text();
    assert!(log.contains("event=\"login\""), "{log}");
    assert_eq!(
        (secrets.len(), tokens.len()),
        (7, 3),
        "a key, three codes, a phone code, data and iv; three logins"
    );
    for secret in secrets.iter().map(String::as_str).chain(["session_key", "13580006666", "5ec2e7"]) {
        assert!(!log.contains(secret), "{secret} in {log}");
        assert!(!answers.contains(secret), "{secret} in {answers}");
    }
    for token in tokens {
        assert!(!log.contains(&token), "{token} in {log}");
    }
}

/// Invariant 2: the session key that WeChat gave for a login is in no row of the store.
#[tokio::test]
async fn the_session_key_is_not_in_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("menshen.redb");
    let store = format!("embedded:{}", file.display());
    let world = World::with(Setup { store, ..setup() }).await;
    let key = session_key(&world).await;
    let sealed = world.wechat.encrypted_phone(MINI, "zhang").unwrap();
    let proof = json!({
        "code": world.login_code("zhang"), "encrypted_data": sealed.encrypted_data, "iv": sealed.iv,
    });
    let user = world.client().call(LOGIN, &proof).await.user(&world);
    let rows = std::fs::read(&file).unwrap();
    let holds = |bytes: &[u8]| rows.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(user.id.as_bytes()), "the file is what is stored");
    for secret in [key.as_str(), &user.token, proof["code"].as_str().unwrap(), &sealed.encrypted_data] {
        assert!(!holds(secret.as_bytes()), "{secret}");
    }
    // Nor as the bytes they stand for.
    for text in [&key, &sealed.encrypted_data, &sealed.iv] {
        assert!(!holds(&STANDARD.decode(text).unwrap()), "{text}");
    }
}

/// Invariant 5: while the store is away nobody is let in, nobody is taken for a stranger, and all is well afterwards.
#[tokio::test]
async fn while_the_store_is_away_every_call_says_so() {
    let mut redis = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store_more = "timeout = \"500ms\"\nwait_timeout = \"100ms\"".into();
    let world = World::with(Setup { store: redis.url(), store_more, ..setup() }).await;
    let user = world.mini_user("zhang").await;
    let nonce = world.mobile_proof("zhang").await;
    redis.stop();
    let stranger = world.client().with(&Token::generate(&mut rand::rng()).reveal());
    let scan = json!({ "scene": "0a1b2c", "code": world.login_code("zhang") });
    let choice = json!({ "key": user.token, "account": user.id });
    for (client, call, body) in [
        (&user.client, LOGIN, world.mini_proof("zhang")),
        (&user.client, "login/app", nonce),
        (&user.client, "begin/app", json!({})),
        (&stranger, "attach/mini", world.mini_proof("zhang")),
        (&user.client, "scan", scan.clone()),
        (&user.client, "confirm", scan),
        (&user.client, "flow/0a1b2c/choose", choice),
    ] {
        client.call(call, &body).await.is_refused_for_now(503, "store_down");
    }
    redis.restart();
    let back = async { while world.client().call("begin/app", &json!({})).await.status != 200 {} };
    tokio::time::timeout(crate::scanning::PATIENCE, back).await.expect("back in time");
    assert_eq!(world.mini_user("zhang").await.id, user.id);
    assert_eq!(user.client.account().await, Some(user.id.clone()));
}
