//! The WeChat client over real sockets, against a server that does what each test scripts.
//!
//! Every call in here also checks that no secret got into an error or a log line, at the most verbose level.

#![allow(clippy::unwrap_used)]

use menshen::ground::{Secret, Span};
use menshen::wechat::{
    Action, Backoff, Client, Config, Error, Kind, Lang, SnsToken, Transport, Unreadable, UserInfo,
    VisitorKind,
};
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[path = "wechat_client/fake.rs"]
mod fake;
#[path = "support/log.rs"]
mod log;

use fake::{Fake, Step, code, http, json, nobody};
use log::{chain, lines, log};

const APP_ID: &str = "wx0123456789abcdef";
const APP_SECRET: &str = "5ec2e7aaaabbbbccccddddeeeeffff00";
const CODE: &str = "051CodeThatNobodyMayReadAnywhere1";
const ACCESS_TOKEN: &str = "ACCESS-TOKEN-THAT-NOBODY-MAY-READ";
const REFRESH_TOKEN: &str = "REFRESH-TOKEN-THAT-NOBODY-MAY-READ";

fn token_json() -> String {
    format!(
        r#"{{"access_token":"{ACCESS_TOKEN}","expires_in":7200,"refresh_token":"{REFRESH_TOKEN}",
            "openid":"oAlice","scope":"snsapi_login","unionid":"uAlice"}}"#
    )
}

fn config(api: &str, backup: &str) -> Config {
    Config { api: api.into(), api_backup: backup.into(), ..Config::default() }
}

fn client_of(config: &Config) -> Client {
    let no_wait = Backoff::from(Span::from_secs(0));
    Client::with_backoff(Transport::new(config).unwrap(), config, no_wait).unwrap()
}

fn client(fake: &Fake) -> Client {
    client_of(&config(&fake.url(), ""))
}

async fn exchange(client: &Client) -> Result<SnsToken, Error> {
    log();
    let outcome = client.exchange_code(APP_ID, &Secret::new(APP_SECRET), &Secret::new(CODE)).await;
    assert_nothing_leaks(outcome.as_ref().err());
    outcome
}

async fn profile(client: &Client) -> Result<UserInfo, Error> {
    log();
    let token = SnsToken {
        openid: "oAlice".into(),
        unionid: Some("uAlice".into()),
        access_token: Secret::new(ACCESS_TOKEN),
        refresh_token: None,
        scopes: vec!["snsapi_login".into()],
        snapshot: false,
        expires_in: Span::from_secs(7200),
    };
    let outcome = client.user_info(&token, Lang::ZhCn).await;
    assert_nothing_leaks(outcome.as_ref().err());
    outcome
}

fn assert_nothing_leaks(error: Option<&Error>) {
    let hint = error.and_then(Error::operator_hint).unwrap_or_default();
    let text = log() + &hint + &error.map(|error| chain(error)).unwrap_or_default();
    for secret in [APP_SECRET, CODE, ACCESS_TOKEN, REFRESH_TOKEN, "appid=", "openid="] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_code_becomes_an_identity_and_a_token() {
    let fake = Fake::start([json(token_json())]).await;
    let token = exchange(&client(&fake)).await.unwrap();
    assert_eq!((token.openid.as_str(), token.unionid.as_deref()), ("oAlice", Some("uAlice")));
    assert_eq!(token.access_token.reveal(), ACCESS_TOKEN);
    assert!(token.has_scope("snsapi_login") && !token.snapshot);
    let asked = format!(
        "GET /sns/oauth2/access_token?appid={APP_ID}&secret={APP_SECRET}&code={CODE}\
         &grant_type=authorization_code HTTP/1.1\r\n"
    );
    assert!(fake.requests()[0].starts_with(&asked), "{:?}", fake.requests());
    assert!(lines(&fake.host)[0].contains("DEBUG"));
    assert!(log().contains("reqwest::connect"), "the log holds what the HTTP library says, too");
}

#[rstest]
#[case("Content-Type: text/plain\r\n")]
#[case("Content-Type: application/json; encoding=utf-8\r\n")]
#[case("Content-Type: text/html; charset=ISO-8859-1\r\n")]
#[case("")]
#[tokio::test]
async fn an_answer_is_utf8_json_whatever_its_content_type(#[case] header: &str) {
    let body = r#"{"openid":"oAlice","nickname":"门神🚪","sex":0,"headimgurl":"","privilege":[],"unionid":"uAlice"}"#;
    let fake = Fake::start([http("200 OK", header, body)]).await;
    let profile = profile(&client(&fake)).await.unwrap();
    assert_eq!((profile.nickname.as_deref(), profile.avatar), (Some("门神🚪"), None));
    let asked =
        format!("GET /sns/userinfo?access_token={ACCESS_TOKEN}&openid=oAlice&lang=zh_CN HTTP/1.1\r\n");
    assert!(fake.requests()[0].starts_with(&asked));
}

#[tokio::test]
async fn a_profile_of_somebody_else_is_no_profile() {
    let fake = Fake::start([json(r#"{"openid":"oMallory","nickname":"Alice"}"#)]).await;
    let error = profile(&client(&fake)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreadable(Unreadable::SomebodyElse("openid"))), "{error}");
}

#[tokio::test]
async fn an_unreachable_host_leads_to_the_backup_and_the_next_call_begins_there() {
    let backup = Fake::start([json(token_json()), json(token_json())]).await;
    let client = client_of(&config(&nobody().await, &backup.url()));
    exchange(&client).await.unwrap();
    exchange(&client).await.unwrap();
    let lines = lines(&backup.host);
    assert!(lines[0].contains("tries=2") && lines[1].contains("tries=1"), "{lines:?}");
}

#[tokio::test]
async fn when_no_host_can_be_reached_the_visitor_may_try_later() {
    let client = client_of(&config(&nobody().await, &nobody().await));
    let error = exchange(&client).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Connect(_)) && error.is_retryable(), "{error}");
    assert_eq!(error.visitor_kind(), VisitorKind::Unavailable);
    assert!(error.operator_hint().unwrap().contains("network"));
}

#[tokio::test]
async fn a_failed_tls_handshake_counts_as_no_connection_and_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("https://{}", listener.local_addr().unwrap());
    let first_bytes = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 4096];
        let length = stream.read(&mut bytes).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        bytes.truncate(length);
        bytes
    });
    let backup = Fake::start([json(token_json())]).await;
    exchange(&client_of(&config(&api, &backup.url()))).await.unwrap();
    let bytes = first_bytes.await.unwrap();
    assert_eq!(bytes[0], 22, "a TLS handshake record");
    assert!(!String::from_utf8_lossy(&bytes).contains("appid"));
    assert_eq!(backup.requests().len(), 1);
}

#[tokio::test]
async fn a_code_whose_answer_was_lost_is_not_sent_again() {
    let (fake, backup) = (Fake::start([Step::Drop]).await, Fake::start([json(token_json())]).await);
    let error = exchange(&client_of(&config(&fake.url(), &backup.url()))).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Lost(_)), "{error}");
    assert_eq!((error.action(), error.visitor_kind()), (Action::AskAgain, VisitorKind::Unavailable));
    assert_eq!((fake.requests().len(), backup.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_profile_whose_answer_was_lost_is_asked_for_again() {
    let answer = json(r#"{"openid":"oAlice"}"#);
    let fake = Fake::start([Step::Drop, http("502 Bad Gateway", "", "busy"), answer]).await;
    assert_eq!(profile(&client(&fake)).await.unwrap().openid, "oAlice");
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn a_busy_wechat_is_asked_again_until_it_answers() {
    let fake = Fake::start([code(-1, "system error"), code(-1, "system error"), json(token_json())]).await;
    exchange(&client(&fake)).await.unwrap();
    assert_eq!(fake.requests().len(), 3);
    assert_eq!(lines(&fake.host).len(), 1, "one line per call, not per try");
}

#[tokio::test]
async fn a_wechat_that_stays_busy_is_asked_three_times() {
    let fake = Fake::start((0..9).map(|_| code(-1, "system error"))).await;
    let error = exchange(&client(&fake)).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (Some(-1), true));
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn no_wait_between_tries_outlasts_the_call() {
    let fake = Fake::start([code(-1, "system error"), json(token_json())]).await;
    let config = config(&fake.url(), "");
    let long = Backoff::from(Span::from_mins(60));
    let client = Client::with_backoff(Transport::new(&config).unwrap(), &config, long).unwrap();
    assert_eq!(exchange(&client).await.unwrap_err().code(), Some(-1));
    assert_eq!(fake.requests().len(), 1);
}

#[rstest]
#[case::silence(b"")]
#[case::half_a_head(b"HTTP/1.1 200 OK\r\nContent-")]
#[case::half_a_body(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"openid\":")]
#[tokio::test]
async fn a_slow_answer_ends_with_the_time_for_the_call(#[case] sent: &'static [u8]) {
    let fake = Fake::start([Step::Hang(sent), json(token_json())]).await;
    let config = Config {
        timeout: Span::from_millis(300),
        connect_timeout: Span::from_millis(200),
        ..config(&fake.url(), "")
    };
    let error = exchange(&client_of(&config)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Timeout), "{error}");
    assert_eq!(fake.requests().len(), 1);
    assert!(lines(&fake.host)[0].contains("WARN"));
}

#[tokio::test]
async fn a_used_code_is_told_apart_and_asked_once() {
    let fake = Fake::start([code(40163, "code been used, rid: 6206378a-793424c0-2e4091cc")]).await;
    let error = exchange(&client(&fake)).await.unwrap_err();
    assert!(error.is_code_used());
    assert_eq!((error.action(), error.visitor_kind()), (Action::AskAgain, VisitorKind::AskAgain));
    assert_eq!(error.request_id(), Some("6206378a-793424c0-2e4091cc"));
    assert_eq!(fake.requests().len(), 1);
    let line = &lines(&fake.host)[0];
    assert!(line.contains("DEBUG") && line.contains("errcode=40163"), "{line}");
}

#[tokio::test]
async fn a_machine_off_the_whitelist_is_named_to_the_operator() {
    let fake =
        Fake::start([code(40164, "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist")]).await;
    let error = exchange(&client(&fake)).await.unwrap_err();
    assert_eq!((error.action(), error.visitor_kind()), (Action::ConfigFault, VisitorKind::Misconfigured));
    assert!(error.operator_hint().unwrap().contains("203.0.113.9"));
    let line = &lines(&fake.host)[0];
    assert!(line.contains("WARN") && line.contains("IP whitelist"), "{line}");
}

#[tokio::test]
async fn an_error_that_repeats_the_secrets_does_not_pass_them_on() {
    let message = format!("invalid appsecret {APP_SECRET} for code={CODE}&amp; {ACCESS_TOKEN}");
    let fake = Fake::start([code(40125, &message)]).await;
    let error = exchange(&client(&fake)).await.unwrap_err();
    assert!(error.to_string().contains("invalid appsecret [hidden]"), "{error}");
    assert_eq!(error.action(), Action::ConfigFault);
}

#[tokio::test]
async fn even_a_short_code_or_secret_is_not_passed_on() {
    let fake = Fake::start([code(40029, "invalid code 05short-code of app with hunter2")]).await;
    let (secret, short) = (Secret::new("hunter2"), Secret::new("05short-code"));
    let error = client(&fake).exchange_code(APP_ID, &secret, &short).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("invalid code [hidden] of app with [hidden]"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("05short-code"), "{text}");
}

#[tokio::test]
async fn an_error_code_counts_whatever_the_status() {
    let body = r#"{"errcode":"45011","errmsg":"api minute-quota reach limit"}"#;
    let fake = Fake::start([http("412 Precondition Failed", "", body)]).await;
    let error = exchange(&client(&fake)).await.unwrap_err();
    assert_eq!(error.action(), Action::RateLimit { wait: Span::from_secs(60) });
    assert_eq!(error.visitor_kind(), VisitorKind::TooMany);
}

#[rstest]
#[case::a_page(b"<html>captive portal</html>")]
#[case::nothing(b"")]
#[case::binary(b"\x00\xff\xfe{")]
#[case::another_shape(b"[1,2,3]")]
#[case::no_identity(b"{\"errmsg\":\"ok\"}")]
#[case::a_strange_code(b"{\"errcode\":\"none\",\"openid\":\"oAlice\",\"access_token\":\"x\"}")]
#[tokio::test]
async fn garbage_is_no_login(#[case] body: &[u8]) {
    let fake = Fake::start([json(body)]).await;
    let error = exchange(&client(&fake)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreadable(_)), "{error}");
    assert_eq!(error.visitor_kind(), VisitorKind::Unavailable);
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_of_a_mebibyte_is_refused() {
    let padding = " ".repeat(1024 * 1024);
    let unmeasured = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", padding.as_bytes()].concat();
    let fake = Fake::start([json(format!("{padding}{}", token_json())), Step::Send(unmeasured)]).await;
    for _ in 0..2 {
        let error = exchange(&client(&fake)).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Unreadable(Unreadable::TooLarge)), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Fake::start([json(token_json())]).await;
    let fake =
        Fake::start([http("302 Found", &format!("Location: {}/x\r\n", other.url()), token_json())]).await;
    let error = exchange(&client(&fake)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Status(302)), "{error}");
    assert!(other.requests().is_empty());
}

#[rstest]
#[case("authdeny")]
#[case("")]
#[case("two words")]
#[case("line\r\nbreak")]
#[tokio::test]
async fn what_cannot_be_a_code_is_never_sent(#[case] code: &str) {
    let fake = Fake::start([json(token_json())]).await;
    let client = client(&fake);
    let error = client.exchange_code(APP_ID, &Secret::new(APP_SECRET), &Secret::new(code)).await.unwrap_err();
    assert_eq!((error.action(), error.visitor_kind()), (Action::AskAgain, VisitorKind::AskAgain));
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn one_transport_serves_the_clients_of_two_configurations() {
    let (old, new) = (Fake::start([json(token_json())]).await, Fake::start([json(token_json())]).await);
    let transport = Transport::new(&config(&old.url(), "")).unwrap();
    for fake in [&old, &new] {
        exchange(&Client::new(transport.clone(), &config(&fake.url(), "")).unwrap()).await.unwrap();
        assert_eq!(fake.requests().len(), 1);
    }
    assert!(Client::new(transport, &config("http://api.weixin.qq.com", "")).is_err());
}
