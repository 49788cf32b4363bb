//! Logins in mini programs over the wire: codes, session keys, their signatures. Item 11.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use menshen::ground::Span;
use menshen::simulator::{DEMO_MINI_SECRET, Fault, Quotas, SimError, UnionId};
use rstest::rstest;
use serde_json::Value;
use sha2::Sha256;

use crate::bench::{Bench, MINI_PROGRAM, SERVICE, UNBOUND_MINI, WEBSITE};

impl Bench {
    pub(crate) async fn session(&self, app_id: &str, code: &str) -> Value {
        let secret = Self::secret(app_id);
        self.json(&format!(
            "/sns/jscode2session?appid={app_id}&secret={secret}&js_code={code}&grant_type=authorization_code"
        ))
        .await
    }

    /// Logs in and answers the session.
    pub(crate) async fn logged_in(&self, person: &str) -> Value {
        let code = self.handle.login_code(MINI_PROGRAM, person).unwrap();
        self.session(MINI_PROGRAM, &code).await
    }

    async fn about_key(&self, call: &str, token: &str, openid: &str, signature: &str) -> Value {
        self.json(&format!(
            "/wxa/{call}?access_token={token}&openid={openid}&signature={signature}&sig_method=hmac_sha256"
        ))
        .await
    }
}

pub(crate) fn key_of(session: &Value) -> &str {
    session["session_key"].as_str().unwrap_or_else(|| panic!("{session}"))
}

fn signature(key: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(b"");
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Item 11: text/plain, no errcode, a key of 16 bytes, the UnionID without asking.
#[tokio::test]
async fn a_login_code_gives_openid_unionid_and_a_session_key_of_sixteen_bytes() {
    let bench = Bench::start().await;
    let code = bench.handle.login_code(MINI_PROGRAM, "zhang").unwrap();
    let response = bench
        .get(&format!(
            "/sns/jscode2session?appid={MINI_PROGRAM}&secret={DEMO_MINI_SECRET}&js_code={code}\
             &grant_type=authorization_code"
        ))
        .await;
    assert_eq!(response.headers()["content-type"], "text/plain");
    let session: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert!(session.get("errcode").is_none(), "{session}");
    assert_eq!(session["openid"], bench.handle.openid(MINI_PROGRAM, "zhang"));
    assert_eq!(session["unionid"], bench.handle.unionid(SERVICE, "zhang").unwrap());
    assert_eq!(STANDARD.decode(key_of(&session)).unwrap().len(), 16);
}

/// Item 11: only if bound.
#[tokio::test]
async fn a_unionid_comes_only_from_a_bound_mini_program_and_of_who_has_one() {
    let bench = Bench::start().await;
    let code = bench.handle.login_code(UNBOUND_MINI, "zhang").unwrap();
    assert!(bench.session(UNBOUND_MINI, &code).await.get("unionid").is_none());
    assert!(bench.logged_in("wang").await.get("unionid").is_none());
    let fixed = UnionId::Fixed("oFixed".into());
    let person =
        menshen::simulator::Person { unionid: fixed, ..menshen::simulator::Person::new("wang", "王芳") };
    bench.handle.put_person(person).unwrap();
    assert_eq!(bench.logged_in("wang").await["unionid"], "oFixed");
}

/// Item 11.
#[tokio::test]
async fn a_login_code_works_once_within_five_minutes() {
    let bench = Bench::start().await;
    let code = bench.handle.login_code(MINI_PROGRAM, "zhang").unwrap();
    bench.handle.advance(Span::from_secs(299));
    assert!(bench.session(MINI_PROGRAM, &code).await["openid"].is_string());
    assert_eq!(bench.session(MINI_PROGRAM, &code).await["errcode"], 40163);
    let late = bench.handle.login_code(MINI_PROGRAM, "zhang").unwrap();
    bench.handle.advance(Span::from_mins(5));
    assert_eq!(bench.session(MINI_PROGRAM, &late).await["errcode"], 40029);
}

/// Item 11.
#[tokio::test]
async fn another_apps_code_is_none_and_stays_unused() {
    let bench = Bench::start().await;
    let code = bench.handle.login_code(MINI_PROGRAM, "zhang").unwrap();
    assert_eq!(bench.session(UNBOUND_MINI, &code).await["errcode"], 40029);
    assert_eq!(bench.exchange(MINI_PROGRAM, &code).await["errcode"], 40029);
    assert_eq!(bench.exchange(WEBSITE, &code).await["errcode"], 40029);
    let web = bench.handle.code_for(SERVICE, "zhang", "snsapi_base").unwrap();
    assert_eq!(bench.session(SERVICE, &web).await["errcode"], 40029);
    assert!(bench.session(MINI_PROGRAM, &code).await["openid"].is_string());
}

/// Item 11.
#[tokio::test]
async fn a_blocked_person_is_40226_until_unblocked() {
    let bench = Bench::start().await;
    bench.handle.set_blocked("zhang", true);
    let code = bench.handle.login_code(MINI_PROGRAM, "zhang").unwrap();
    let refused = bench.session(MINI_PROGRAM, &code).await;
    assert_eq!(refused["errcode"], 40226);
    assert!(refused["errmsg"].as_str().unwrap().starts_with("code blocked"));
    assert!(bench.logged_in("lina").await["openid"].is_string());
    bench.handle.set_blocked("zhang", false);
    assert!(bench.session(MINI_PROGRAM, &code).await["openid"].is_string());
}

/// Items 2, 11.
#[rstest]
#[case("", 41002)]
#[case("appid=wxffff", 41004)]
#[case("appid=wxffff&secret=x", 41008)]
#[case("appid=wxffff&secret=x&js_code=y", 40002)]
#[case("appid=wxffff&secret=x&js_code=y&grant_type=authorization_code", 40013)]
#[case("appid=wx0de0000000000005&secret=x&js_code=y&grant_type=authorization_code", 40125)]
#[tokio::test]
async fn a_wrong_exchange_says_what_is_wrong(#[case] query: &str, #[case] errcode: i64) {
    let bench = Bench::start().await;
    assert_eq!(bench.json(&format!("/sns/jscode2session?{query}")).await["errcode"], errcode);
    let post = bench.client.post(bench.url("/sns/jscode2session")).send().await.unwrap();
    let post: Value = serde_json::from_slice(&post.bytes().await.unwrap()).unwrap();
    assert_eq!(post["errcode"], 43001);
}

/// Items 4, 11: a hundred a minute for one person.
#[tokio::test]
async fn one_persons_logins_are_limited_and_meet_faults() {
    let bench = Bench::start().await;
    bench.handle.set_quotas(Quotas { js_sessions_a_minute: 1, ..Quotas::default() });
    assert!(bench.logged_in("zhang").await["openid"].is_string());
    assert_eq!(bench.logged_in("zhang").await["errcode"], 45011);
    assert!(bench.logged_in("lina").await["openid"].is_string());
    bench.handle.fault("/sns/jscode2session", Fault::Errcode(-1), 1);
    assert_eq!(bench.logged_in("maria").await["errcode"], -1);
    assert_eq!(bench.handle.calls("/sns/jscode2session"), 4);
}

/// Item 11: one valid key for each person; wx.login may replace it.
#[tokio::test]
async fn a_session_key_stays_unless_logins_rotate_it() {
    let bench = Bench::start().await;
    let first = bench.logged_in("zhang").await;
    assert_eq!(key_of(&bench.logged_in("zhang").await), key_of(&first));
    assert_ne!(key_of(&bench.logged_in("lina").await), key_of(&first));
    bench.handle.set_rotate_session_keys(true);
    let second = bench.logged_in("zhang").await;
    assert_ne!(key_of(&second), key_of(&first));
    let (token, openid) =
        (bench.server_token(MINI_PROGRAM).await, bench.handle.openid(MINI_PROGRAM, "zhang"));
    let old = bench.about_key("checksession", &token, &openid, &signature(key_of(&first))).await;
    assert_eq!(old["errcode"], 87009);
    let new = bench.about_key("checksession", &token, &openid, &signature(key_of(&second))).await;
    assert_eq!(new, serde_json::json!({"errcode": 0, "errmsg": "ok"}));
}

/// Item 11: signatures with the key's text.
#[tokio::test]
async fn a_key_can_be_checked_and_reset_by_its_signature() {
    let bench = Bench::start().await;
    let session = bench.logged_in("zhang").await;
    let (token, openid) = (bench.server_token(MINI_PROGRAM).await, session["openid"].as_str().unwrap());
    let signed = signature(key_of(&session));
    assert_eq!(bench.about_key("resetusersessionkey", &token, openid, "00").await["errcode"], 87009);
    let reset = bench.about_key("resetusersessionkey", &token, openid, &signed).await;
    assert_eq!((&reset["errcode"], &reset["openid"]), (&0.into(), &session["openid"]));
    assert_ne!(key_of(&reset), key_of(&session));
    assert_eq!(bench.about_key("checksession", &token, openid, &signed).await["errcode"], 87009);
    let signed = signature(key_of(&reset));
    assert_eq!(bench.about_key("checksession", &token, openid, &signed).await["errcode"], 0);
    assert_eq!(key_of(&bench.logged_in("zhang").await), key_of(&reset));
}

/// Item 11.
#[tokio::test]
async fn calls_about_keys_refuse_what_is_wrong() {
    let bench = Bench::start().await;
    let session = bench.logged_in("zhang").await;
    let (token, openid) = (bench.server_token(MINI_PROGRAM).await, session["openid"].as_str().unwrap());
    let stranger = bench.handle.openid(MINI_PROGRAM, "lina");
    let never = bench.about_key("resetusersessionkey", &token, &stranger, "00").await;
    assert_eq!(never["errcode"], 87007, "lina never logged in");
    assert_eq!(bench.about_key("checksession", &token, &stranger, "00").await["errcode"], 87009);
    let elsewhere = bench.handle.openid(SERVICE, "zhang");
    assert_eq!(bench.about_key("checksession", &token, &elsewhere, "00").await["errcode"], 40003);
    let path = format!("/wxa/checksession?access_token={token}&openid={openid}&signature=00&sig_method=md5");
    assert_eq!(bench.json(&path).await["errcode"], 87008);
    let other = bench.server_token(SERVICE).await;
    assert_eq!(bench.about_key("checksession", &other, openid, "00").await["errcode"], 48001);
    assert_eq!(bench.about_key("checksession", &"x".repeat(99), openid, "00").await["errcode"], 40001);
}

/// Neither codes nor keys show in the journal or the state.
#[tokio::test]
async fn no_code_and_no_key_is_written_down() {
    let bench = Bench::start().await;
    let code = bench.handle.login_code(MINI_PROGRAM, "zhang").unwrap();
    let session = bench.session(MINI_PROGRAM, &code).await;
    let phone = bench.handle.phone_code(MINI_PROGRAM, "zhang").unwrap();
    let told = bench.handle.journal().join("\n") + &bench.text("/_sim/state").await;
    for secret in [code.as_str(), key_of(&session), &phone] {
        assert!(!told.contains(secret));
    }
    let wrong = bench.handle.login_code(SERVICE, "zhang");
    assert!(matches!(wrong, Err(SimError::NotAMiniProgram { .. })));
}
