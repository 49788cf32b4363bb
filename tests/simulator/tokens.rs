//! Server tokens over the wire. Items 1 to 5.

use menshen::ground::Span;
use menshen::simulator::{
    DEMO_MINI_SECRET, DEMO_MOBILE_SECRET, DEMO_SERVICE_SECRET, DEMO_WEBSITE_SECRET, Fault, ForceTooSoon,
    Quotas, SimError, WrongSecret,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::bench::{Bench, MINI_PROGRAM, MOBILE, SERVICE, UNBOUND, WEBSITE};

impl Bench {
    pub(crate) fn secret(app_id: &str) -> &'static str {
        match app_id {
            WEBSITE => DEMO_WEBSITE_SECRET,
            SERVICE => DEMO_SERVICE_SECRET,
            MINI_PROGRAM => DEMO_MINI_SECRET,
            MOBILE => DEMO_MOBILE_SECRET,
            _ => "5ec2e7",
        }
    }

    async fn classic(&self, app_id: &str) -> Value {
        let secret = Self::secret(app_id);
        self.json(&format!("/cgi-bin/token?grant_type=client_credential&appid={app_id}&secret={secret}"))
            .await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &str) -> Value {
        let response = self.client.post(self.url(path)).body(body.to_owned()).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "application/json; encoding=utf-8");
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    async fn stable(&self, app_id: &str, force: bool) -> Value {
        let body = json!({"grant_type": "client_credential", "appid": app_id,
                          "secret": Self::secret(app_id), "force_refresh": force});
        self.post_json("/cgi-bin/stable_token", &body.to_string()).await
    }

    /// A living server token.
    pub(crate) async fn server_token(&self, app_id: &str) -> String {
        text(&self.stable(app_id, false).await).into()
    }

    /// The errcode of a call that needs nothing but a token; 0 if it works.
    async fn used(&self, token: &str) -> i64 {
        let answer = self.json(&format!("/cgi-bin/getcallbackip?access_token={token}")).await;
        if answer["ip_list"].is_array() { 0 } else { answer["errcode"].as_i64().unwrap() }
    }
}

fn text(answer: &Value) -> &str {
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// Item 5: every call a new token, five minutes of grace for the one before, 7200 seconds of life.
#[tokio::test]
async fn a_classic_token_is_new_each_time_and_the_last_one_works_five_minutes_longer() {
    let bench = Bench::start().await;
    let (first, second) = (bench.classic(SERVICE).await, bench.classic(SERVICE).await);
    assert_eq!(first["expires_in"], 7200);
    assert!(first.get("errcode").is_none());
    assert!((100..=200).contains(&text(&first).len()));
    assert_ne!(text(&first), text(&second));
    bench.handle.advance(Span::from_secs(299));
    assert_eq!((bench.used(text(&first)).await, bench.used(text(&second)).await), (0, 0));
    bench.handle.advance(Span::from_secs(1));
    assert_eq!((bench.used(text(&first)).await, bench.used(text(&second)).await), (40001, 0));
    bench.handle.advance(Span::from_secs(6900));
    assert_eq!(bench.used(text(&second)).await, 42001);
}

/// Item 5.
#[tokio::test]
async fn the_stable_token_stays_the_same_with_the_remaining_seconds_and_renews_itself() {
    let bench = Bench::start().await;
    let first = bench.stable(SERVICE, false).await;
    assert_eq!(first["expires_in"], 7200);
    bench.handle.advance(Span::from_secs(6855));
    let again = bench.stable(SERVICE, false).await;
    assert_eq!((text(&again), &again["expires_in"]), (text(&first), &json!(345)));
    bench.handle.advance(Span::from_secs(60));
    let renewed = bench.stable(SERVICE, false).await;
    assert_ne!(text(&renewed), text(&first));
    assert_eq!(renewed["expires_in"], 7200);
    assert_eq!(bench.used(text(&first)).await, 0);
}

/// Item 5: neither line invalidates the other.
#[tokio::test]
async fn the_two_lines_are_separate_and_force_kills_at_once() {
    let bench = Bench::start().await;
    let (classic, first) = (bench.classic(SERVICE).await, bench.stable(SERVICE, false).await);
    let second = bench.stable(SERVICE, true).await;
    assert_eq!(bench.used(text(&first)).await, 40001);
    assert_eq!((bench.used(text(&second)).await, bench.used(text(&classic)).await), (0, 0));
    assert_eq!(text(&bench.stable(SERVICE, true).await), text(&second), "under 30 seconds ago");
    bench.handle.set_force_too_soon(ForceTooSoon::TooOften);
    assert_eq!(bench.stable(SERVICE, true).await["errcode"], 45011);
    for _ in 1..20 {
        bench.handle.advance(Span::from_secs(30));
        assert!(bench.stable(SERVICE, true).await["access_token"].is_string());
    }
    bench.handle.advance(Span::from_secs(30));
    assert_eq!(bench.stable(SERVICE, true).await["errcode"], 45009);
    assert!(bench.stable(SERVICE, false).await["access_token"].is_string());
}

#[tokio::test]
async fn somebody_elses_forced_refresh_makes_both_tokens_invalid() {
    let bench = Bench::start().await;
    let (classic, stable) = (bench.classic(SERVICE).await, bench.stable(SERVICE, false).await);
    bench.handle.replace_tokens(SERVICE);
    assert_eq!((bench.used(text(&classic)).await, bench.used(text(&stable)).await), (40001, 40001));
    let renewed = bench.stable(SERVICE, false).await;
    assert_eq!(bench.used(text(&renewed)).await, 0);
}

/// Items 2, 5.
#[rstest]
#[case("", 41002)]
#[case("appid=wxffff&secret=x", 40002)]
#[case("appid=wxffff", 41004)]
#[case("appid=wxffff&secret=x&grant_type=client_credential", 40013)]
#[case("appid=wx0de0000000000002&secret=x&grant_type=client_credential", 40125)]
#[tokio::test]
async fn a_wrong_token_call_says_what_is_wrong(#[case] query: &str, #[case] errcode: i64) {
    let bench = Bench::start().await;
    let response = bench.get(&format!("/cgi-bin/token?{query}")).await;
    assert_eq!(response.headers()["content-type"], "application/json; encoding=utf-8");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["errcode"], errcode);
    assert!(answer["errmsg"].as_str().unwrap().contains(" rid: "), "{answer}");
    let fields: serde_json::Map<_, _> =
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
    let answer = bench.post_json("/cgi-bin/stable_token", &Value::Object(fields).to_string()).await;
    assert_eq!(answer["errcode"], errcode);
}

/// Item 2: methods and bodies.
#[tokio::test]
async fn methods_and_bodies_are_checked() {
    let bench = Bench::start().await;
    assert_eq!(bench.json("/cgi-bin/stable_token").await["errcode"], 43002);
    assert_eq!(bench.post_json("/cgi-bin/token", "{}").await["errcode"], 43001);
    assert_eq!(bench.post_json("/cgi-bin/stable_token", "").await["errcode"], 44002);
    assert_eq!(bench.post_json("/cgi-bin/stable_token", "appid=x").await["errcode"], 47001);
    assert_eq!(bench.post_json("/cgi-bin/stable_token", "[]").await["errcode"], 47001);
    bench.handle.set_wrong_secret(WrongSecret::InvalidCredential);
    let body = json!({"grant_type": "client_credential", "appid": SERVICE, "secret": "x"}).to_string();
    assert_eq!(bench.post_json("/cgi-bin/stable_token", &body).await["errcode"], 40001);
}

/// Item 3.
#[tokio::test]
async fn an_address_outside_the_whitelist_is_named() {
    let bench = Bench::start().await;
    bench.handle.set_ip_whitelist(SERVICE, Some(vec!["10.0.0.0/8".parse().unwrap()])).unwrap();
    for answer in [bench.classic(SERVICE).await, bench.stable(SERVICE, false).await] {
        assert_eq!(answer["errcode"], 40164);
        let beginning = "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: ";
        assert!(answer["errmsg"].as_str().unwrap().starts_with(beginning), "{answer}");
    }
    assert!(bench.classic(UNBOUND).await["access_token"].is_string(), "the list is the account's own");
    bench.handle.set_ip_whitelist(SERVICE, Some(vec!["127.0.0.0/8".parse().unwrap()])).unwrap();
    assert!(bench.stable(SERVICE, false).await["access_token"].is_string());
    bench.handle.set_ip_whitelist(SERVICE, None).unwrap();
    let unknown = bench.handle.set_ip_whitelist("wxffff", None);
    assert!(matches!(unknown, Err(SimError::UnknownApp { .. })));
}

/// Item 5: on use.
#[tokio::test]
async fn tokens_that_are_none_are_told_apart() {
    let bench = Bench::start().await;
    assert_eq!(bench.json("/cgi-bin/getcallbackip").await["errcode"], 41001);
    assert_eq!(bench.used("no-token!").await, 40014);
    assert_eq!(bench.used(&"x".repeat(110)).await, 40001);
    let code = bench.handle.code_for(SERVICE, "zhang", "snsapi_base").unwrap();
    let sns = bench.exchange(SERVICE, &code).await;
    assert_eq!(bench.used(text(&sns)).await, 40001, "a user's token is no server token");
    let server = bench.server_token(SERVICE).await;
    let openid = bench.handle.openid(SERVICE, "zhang");
    let answer = bench.json(&format!("/sns/auth?access_token={server}&openid={openid}")).await;
    assert_eq!(answer["errcode"], 40001);
}

#[tokio::test]
async fn a_quota_can_be_used_up_and_cleared_by_the_accounts_own_token() {
    let bench = Bench::start().await;
    let token = bench.server_token(SERVICE).await;
    bench.handle.set_quotas(Quotas { token: 1, stable_token_a_minute: 2, ..Quotas::default() });
    assert!(bench.classic(SERVICE).await["access_token"].is_string());
    assert_eq!(bench.classic(SERVICE).await["errcode"], 45009);
    assert!(bench.stable(SERVICE, false).await["access_token"].is_string());
    assert_eq!(bench.stable(SERVICE, false).await["errcode"], 45011);
    let path = format!("/cgi-bin/clear_quota?access_token={token}");
    let clear = |app_id: &str| json!({"appid": app_id}).to_string();
    assert_eq!(bench.post_json(&path, &clear(UNBOUND)).await["errcode"], 40001);
    assert_eq!(bench.post_json(&path, &clear("wxffff")).await["errcode"], 40013);
    assert_eq!(bench.post_json(&path, &clear(SERVICE)).await["errcode"], 0);
    assert!(bench.classic(SERVICE).await["access_token"].is_string());
    for _ in 1..10 {
        assert_eq!(bench.post_json(&path, &clear(SERVICE)).await["errcode"], 0);
    }
    assert_eq!(bench.post_json(&path, &clear(SERVICE)).await["errcode"], 48006);
    bench.handle.advance(Span::from_mins(1));
    assert!(bench.stable(SERVICE, false).await["access_token"].is_string());
}

#[tokio::test]
async fn every_kind_of_app_has_server_tokens_and_both_address_lists() {
    let bench = Bench::start().await;
    for app_id in [WEBSITE, SERVICE, MINI_PROGRAM] {
        assert_eq!(bench.used(text(&bench.classic(app_id).await)).await, 0);
    }
    let token = bench.server_token(SERVICE).await;
    let list = bench.json(&format!("/cgi-bin/get_api_domain_ip?access_token={token}")).await;
    assert_eq!(list["ip_list"], json!(["127.0.0.1"]));
}

/// Item 4.
#[tokio::test]
async fn token_calls_meet_faults_as_json() {
    let bench = Bench::start().await;
    bench.handle.fault("/cgi-bin/stable_token", Fault::Errcode(-1), 1);
    assert_eq!(bench.stable(SERVICE, false).await["errcode"], -1);
    bench.handle.fault("/cgi-bin/*", Fault::NumbersAsStrings, 1);
    assert_eq!(bench.stable(SERVICE, false).await["expires_in"], "7200");
    bench.handle.fault("/cgi-bin/token", Fault::Drop, 1);
    assert!(bench.client.get(bench.url("/cgi-bin/token")).send().await.is_err());
    assert_eq!(bench.handle.calls("/cgi-bin/stable_token"), 2);
}

/// Tokens and secrets never show in the journal or the state.
#[tokio::test]
async fn nothing_secret_is_written_down() {
    let bench = Bench::start().await;
    let (classic, stable) = (bench.classic(SERVICE).await, bench.stable(SERVICE, false).await);
    let told = bench.handle.journal().join("\n") + &bench.text("/_sim/state").await;
    for secret in [text(&classic), text(&stable), DEMO_SERVICE_SECRET] {
        assert!(!told.contains(secret));
    }
}
