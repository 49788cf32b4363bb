//! The calls that speak for an account, over real sockets: server tokens, QR codes, followers, relayed pushes.
//!
//! Every call in here also checks that no secret got into an error, a `Debug` text or a log line.

#![allow(clippy::unwrap_used)]

use menshen::ground::{Secret, Span};
use menshen::wechat::{
    Action, Backoff, Client, Config, Error, Follower, Kind, SceneCode, ServerToken, Transport, Unreadable,
    VisitorKind,
};
use rstest::rstest;
use url::Url;

#[path = "wechat_client/fake.rs"]
mod fake;
#[path = "support/log.rs"]
mod log;
#[path = "wechat_server_api/relayed.rs"]
mod relayed;

use fake::{Fake, Step, code, http, json, nobody};
use log::{chain, lines, log};

const APP_ID: &str = "wx0123456789abcdef";
const APP_SECRET: &str = "5ec2e7aaaabbbbccccddddeeeeffff00";
const TOKEN: &str = "SERVER-TOKEN-THAT-NOBODY-MAY-READ";
const BEARER: &str = "BEARER-THAT-NOBODY-MAY-READ";
const SCENE: &str = "menshen_abcdefghijkmnpqrstuvwxyz23";
const OPENID: &str = "oABCDEFGHIJKLMNOPQRSTUVWXYZ0";
const TICKET: &str = "gQH47joAAAAA+/ASxodHRwOi8vd2VpeGlu==";

fn config(api: &str, backup: &str) -> Config {
    Config { api: api.into(), api_backup: backup.into(), mp: api.into(), ..Config::default() }
}

fn client_of(config: &Config) -> Client {
    let no_wait = Backoff::from(Span::from_secs(0));
    Client::with_backoff(Transport::new(config).unwrap(), config, no_wait).unwrap()
}

fn client(fake: &Fake) -> Client {
    client_of(&config(&fake.url(), ""))
}

/// A client that gives up soon.
fn hasty(fake: &Fake) -> Client {
    let (timeout, connect_timeout) = (Span::from_millis(300), Span::from_millis(200));
    client_of(&Config { timeout, connect_timeout, ..config(&fake.url(), "") })
}

fn assert_nothing_leaks(shown: &str) {
    let text = log() + shown;
    for secret in [APP_SECRET, TOKEN, BEARER, SCENE, "gQH47jo", "appid=", "openid=", "s3cret"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// What `call` gives, once it is sure that it shows nothing.
async fn quietly<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    log();
    let outcome = call.await;
    let hint = outcome.as_ref().err().and_then(Error::operator_hint).unwrap_or_default();
    assert_nothing_leaks(&(hint + &outcome.as_ref().err().map(|error| chain(error)).unwrap_or_default()));
    outcome
}

async fn stable(client: &Client, force: bool) -> Result<ServerToken, Error> {
    quietly(client.stable_token(APP_ID, &Secret::new(APP_SECRET), force)).await
}

async fn classic(client: &Client) -> Result<ServerToken, Error> {
    quietly(client.classic_token(APP_ID, &Secret::new(APP_SECRET))).await
}

async fn endpoint(client: &Client, address: &str, stale: bool) -> Result<ServerToken, Error> {
    let (address, bearer) = (Url::parse(address).unwrap(), Secret::new(BEARER));
    quietly(client.endpoint_token(&address, Some(&bearer), APP_ID, stale)).await
}

async fn create(client: &Client) -> Result<SceneCode, Error> {
    quietly(client.create_scene_code(&Secret::new(TOKEN), SCENE, Span::from_mins(3))).await
}

async fn picture(client: &Client) -> Result<Vec<u8>, Error> {
    quietly(client.scene_picture(TICKET)).await
}

async fn follower(client: &Client) -> Result<Follower, Error> {
    quietly(client.follower(&Secret::new(TOKEN), OPENID)).await
}

fn token_json(expires_in: &str) -> Step {
    json(format!(r#"{{"access_token":"{TOKEN}","expires_in":{expires_in}}}"#))
}

/// The first line of a request, its head without that, its body.
fn parts(request: &str) -> (&str, String, &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (line, head) = head.split_once("\r\n").unwrap();
    (line, format!("{}\r\n", head.to_lowercase()), body)
}

#[rstest]
#[case(true)]
#[case(false)]
#[tokio::test]
async fn a_stable_token_is_asked_for_in_a_body(#[case] force: bool) {
    let fake = Fake::start([token_json("345")]).await;
    let token = stable(&client(&fake), force).await.unwrap();
    assert_eq!((token.token.reveal(), token.expires_in), (TOKEN, Span::from_secs(345)));
    assert!(!format!("{token:?}").contains(TOKEN));
    let request = &fake.requests()[0];
    let (line, head, body) = parts(request);
    assert_eq!(line, "POST /cgi-bin/stable_token HTTP/1.1");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    let sent: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        sent,
        serde_json::json!({"grant_type": "client_credential", "appid": APP_ID, "secret": APP_SECRET,
            "force_refresh": force})
    );
    assert!(lines(&fake.host)[0].contains("cgi-bin/stable_token"));
}

#[tokio::test]
async fn a_classic_token_is_asked_for_in_a_query() {
    let fake = Fake::start([token_json("\"7200\"")]).await;
    let token = classic(&client(&fake)).await.unwrap();
    assert_eq!((token.token.reveal(), token.expires_in), (TOKEN, Span::from_secs(7200)));
    let asked = format!(
        "GET /cgi-bin/token?grant_type=client_credential&appid={APP_ID}&secret={APP_SECRET} HTTP/1.1\r\n"
    );
    assert!(fake.requests()[0].starts_with(&asked), "{:?}", fake.requests());
}

#[rstest]
#[case("/tokens", false, "/tokens?appid=wx0123456789abcdef")]
#[case("/tokens", true, "/tokens?appid=wx0123456789abcdef&refresh=1")]
#[case("/?key=s3cret", true, "/?key=s3cret&appid=wx0123456789abcdef&refresh=1")]
#[tokio::test]
async fn a_token_server_is_asked_at_its_own_address(
    #[case] path: &str,
    #[case] stale: bool,
    #[case] expected: &str,
) {
    let fake = Fake::start([token_json("100")]).await;
    let client = client_of(&config(&nobody().await, ""));
    let token = endpoint(&client, &(fake.url() + path), stale).await.unwrap();
    assert_eq!((token.token.reveal(), token.expires_in.secs()), (TOKEN, 100));
    let request = &fake.requests()[0];
    let (line, head, _) = parts(request);
    assert_eq!(line, format!("GET {expected} HTTP/1.1"));
    let authorization = format!("authorization: bearer {}\r\n", BEARER.to_lowercase());
    assert!(head.contains(&authorization), "{head}");
    assert_eq!(lines(&fake.host).len(), 1);
}

#[tokio::test]
async fn without_a_bearer_none_is_sent() {
    let fake = Fake::start([token_json("100")]).await;
    let address = Url::parse(&fake.url()).unwrap();
    quietly(client(&fake).endpoint_token(&address, None, APP_ID, false)).await.unwrap();
    assert!(!fake.requests()[0].to_lowercase().contains("authorization"));
}

#[rstest]
#[case(
    http("401 Unauthorized", "", "no"),
    Action::ConfigFault,
    VisitorKind::Misconfigured,
    "token_endpoint_secret"
)]
#[case(
    http("403 Forbidden", "", "{}"),
    Action::ConfigFault,
    VisitorKind::Misconfigured,
    "token_endpoint_secret"
)]
#[case(http("404 Not Found", "", "no"), Action::Fail, VisitorKind::Unavailable, "`token_endpoint`")]
#[case(
    http("302 Found", "Location: http://127.0.0.1:1/\r\n", ""),
    Action::Fail,
    VisitorKind::Unavailable,
    "`token_endpoint`"
)]
#[case(json("<html>"), Action::Fail, VisitorKind::Unavailable, "`token_endpoint`")]
#[case(code(40125, "invalid appsecret"), Action::ConfigFault, VisitorKind::Misconfigured, "AppSecret")]
#[tokio::test]
async fn a_token_server_that_gives_none_is_named_to_the_operator(
    #[case] step: Step,
    #[case] action: Action,
    #[case] visitor: VisitorKind,
    #[case] hint: &str,
) {
    let fake = Fake::start([step]).await;
    let address = fake.url().replace("http://", "http://user:s3cret@") + "/s3cret?key=s3cret";
    let error = endpoint(&client(&fake), &address, false).await.unwrap_err();
    assert_eq!((error.action(), error.visitor_kind()), (action, visitor), "{error}");
    assert!(error.operator_hint().unwrap().contains(hint), "{:?}", error.operator_hint());
    assert_eq!(lines(&fake.host).len(), 1);
    assert_eq!(fake.requests().len(), 1);
}

#[rstest]
#[case(r#"{"expires_in":7200}"#)]
#[case(r#"{"access_token":"","expires_in":7200}"#)]
#[case(r#"{"access_token":"a b","expires_in":7200}"#)]
#[case(r#"{"access_token":"AT"}"#)]
#[case(r#"{"access_token":"AT","expires_in":0}"#)]
#[case(r#"{"access_token":"AT","expires_in":-5}"#)]
#[case(r#"["access_token"]"#)]
#[case("garbage")]
#[tokio::test]
async fn an_answer_without_a_sound_token_is_none(#[case] body: &str) {
    let fake = Fake::start([json(body), json(body), json(body)]).await;
    let client = client(&fake);
    for error in [
        stable(&client, false).await.unwrap_err(),
        classic(&client).await.unwrap_err(),
        endpoint(&client, &fake.url(), false).await.unwrap_err(),
    ] {
        assert!(matches!(error.kind(), Kind::Unreadable(_)) && !error.wants_new_token(), "{error}");
    }
}

#[rstest]
#[case(40001, Action::ConfigFault)]
#[case(40013, Action::ConfigFault)]
#[case(40164, Action::ConfigFault)]
#[case(45011, Action::RateLimit { wait: Span::from_mins(1) })]
#[case(45009, Action::RateLimit { wait: Span::from_mins(10) })]
#[tokio::test]
async fn a_refused_token_never_asks_for_a_new_one(#[case] number: i64, #[case] action: Action) {
    let message = format!("invalid appsecret {APP_SECRET} rid: 63252e6b-7c87ebbe-4f8ad7d0");
    let fake = Fake::start([code(number, &message), code(number, &message)]).await;
    let client = client(&fake);
    for error in [stable(&client, false).await.unwrap_err(), classic(&client).await.unwrap_err()] {
        assert_eq!((error.code(), error.action()), (Some(number), action));
        assert!(!error.wants_new_token());
        assert_eq!(error.request_id(), Some("63252e6b-7c87ebbe-4f8ad7d0"));
    }
}

#[tokio::test]
async fn a_forced_token_whose_answer_was_lost_is_not_forced_again() {
    for step in [Step::Drop, http("502 Bad Gateway", "", "busy")] {
        let fake = Fake::start([step, token_json("7200")]).await;
        assert!(stable(&client(&fake), true).await.unwrap_err().is_retryable());
        assert_eq!(fake.requests().len(), 1);
    }
    let fake = Fake::start([Step::Drop, token_json("7200")]).await;
    stable(&client(&fake), false).await.unwrap();
    assert_eq!(fake.requests().len(), 2);
    let backup = Fake::start([code(-1, "system error"), token_json("7200")]).await;
    stable(&client_of(&config(&nobody().await, &backup.url())), true).await.unwrap();
    assert_eq!(backup.requests().len(), 2, "what cannot have arrived, or was refused as busy, is repeated");
}

#[tokio::test]
async fn a_code_is_made_for_a_scene() {
    let answer = r#"{"ticket":"gQH47joAAAAA+\/ASxodHRwOi8vd2VpeGlu==","expire_seconds":60,"url":"http:\/\/weixin.qq.com\/q\/kZgfwMTm72WWPkovabbI"}"#;
    let fake = Fake::start([json(answer)]).await;
    let made = create(&client(&fake)).await.unwrap();
    assert_eq!((made.ticket.as_str(), made.expires_in), (TICKET, Span::from_secs(60)));
    assert_eq!(made.url, "http://weixin.qq.com/q/kZgfwMTm72WWPkovabbI");
    let request = &fake.requests()[0];
    let (line, head, body) = parts(request);
    assert_eq!(line, format!("POST /cgi-bin/qrcode/create?access_token={TOKEN} HTTP/1.1"));
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    let sent: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        sent,
        serde_json::json!({"expire_seconds": 180, "action_name": "QR_STR_SCENE",
            "action_info": {"scene": {"scene_str": SCENE}}})
    );
}

#[rstest]
#[case("{}")]
#[case(r#"{"ticket":"T"}"#)]
#[case(r#"{"url":"http://weixin.qq.com/q/x"}"#)]
#[case(r#"{"ticket":"T","url":"http://weixin.qq.com/q/\u0000"}"#)]
#[case("<html></html>")]
#[tokio::test]
async fn half_a_code_is_none(#[case] body: &str) {
    let fake = Fake::start([json(body)]).await;
    assert!(matches!(create(&client(&fake)).await.unwrap_err().kind(), Kind::Unreadable(_)));
}

#[rstest]
#[case("", 180)]
#[case("two words", 180)]
#[case("menshen_12345678901234567890123456789012345678901234567890123456789", 180)]
#[case("门神", 180)]
#[case("menshen_1", 0)]
#[case("menshen_1", 2_592_001)]
#[tokio::test]
async fn what_wechat_would_not_take_is_not_sent(#[case] scene: &str, #[case] secs: u64) {
    let fake = Fake::start([]).await;
    let client = client(&fake);
    let token = Secret::new(TOKEN);
    let made = quietly(client.create_scene_code(&token, scene, Span::from_secs(secs))).await;
    assert!(matches!(made.unwrap_err().kind(), Kind::Input(_)));
    for wrong in ["", "two words", "门神"] {
        assert!(matches!(quietly(client.follower(&token, wrong)).await.unwrap_err().kind(), Kind::Input(_)));
        assert!(matches!(quietly(client.scene_picture(wrong)).await.unwrap_err().kind(), Kind::Input(_)));
    }
    assert!(fake.requests().is_empty());
}

#[rstest]
#[case(40001, Action::RefreshToken, VisitorKind::Unavailable)]
#[case(40014, Action::RefreshToken, VisitorKind::Unavailable)]
#[case(42001, Action::RefreshToken, VisitorKind::Unavailable)]
#[case(48001, Action::ConfigFault, VisitorKind::Misconfigured)]
#[case(40053, Action::ConfigFault, VisitorKind::Misconfigured)]
#[case(45009, Action::RateLimit { wait: Span::from_mins(10) }, VisitorKind::TooMany)]
#[case(46004, Action::Fail, VisitorKind::Refused)]
#[tokio::test]
async fn a_refusal_says_who_has_to_act(
    #[case] number: i64,
    #[case] action: Action,
    #[case] visitor: VisitorKind,
) {
    let message = format!("no {TOKEN} {SCENE}");
    let fake = Fake::start([code(number, &message), code(number, &message)]).await;
    let client = client(&fake);
    for error in [create(&client).await.unwrap_err(), follower(&client).await.unwrap_err()] {
        assert_eq!((error.action(), error.visitor_kind()), (action, visitor));
        assert_eq!(error.wants_new_token(), action == Action::RefreshToken);
    }
    assert_eq!(fake.requests().len(), 2, "the token is renewed elsewhere");
}

#[tokio::test]
async fn a_busy_wechat_is_asked_again_for_a_code() {
    let fake = Fake::start([code(-1, "system error"), Step::Drop, json(r#"{"ticket":"T","url":"u"}"#)]).await;
    let made = create(&client(&fake)).await.unwrap();
    assert_eq!(made.expires_in, Span::from_mins(3), "what was asked for, if WeChat says nothing else");
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn a_picture_is_fetched_by_its_ticket() {
    let jpeg = b"\xFF\xD8\xFF\xE0 any bytes {\x00\xFF\xD9";
    let fake = Fake::start([http("200 OK", "Content-Type: image/jpg\r\n", jpeg)]).await;
    assert_eq!(picture(&client(&fake)).await.unwrap(), jpeg);
    let line = "GET /cgi-bin/showqrcode?ticket=gQH47joAAAAA%2B%2FASxodHRwOi8vd2VpeGlu%3D%3D HTTP/1.1\r\n";
    assert!(fake.requests()[0].starts_with(line), "{:?}", fake.requests());
}

#[tokio::test]
async fn the_picture_of_an_unknown_ticket_asks_for_a_new_code() {
    let fake = Fake::start([http("404 Not Found", "Content-Type: text/html\r\n", "<html>")]).await;
    let error = picture(&client(&fake)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Status(404)), "{error}");
    assert_eq!((error.action(), error.visitor_kind()), (Action::AskAgain, VisitorKind::AskAgain));
    assert_eq!((error.operator_hint(), fake.requests().len()), (None, 1));
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    let large = [b"\xFF\xD8\xFF".as_slice(), &vec![0; 256 * 1024]].concat();
    let steps = [
        http("200 OK", "Content-Type: image/jpg\r\n", "<svg onload=alert(1)>"),
        http("200 OK", "Content-Type: image/jpg\r\n", r#"{"a":1}"#),
        http("200 OK", "Content-Type: image/jpg\r\n", ""),
        http("200 OK", "Content-Type: image/jpg\r\n", large),
    ];
    let fake = Fake::start(steps).await;
    let client = client(&fake);
    for _ in 0..3 {
        let error = picture(&client).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Unreadable(Unreadable::NotAFile)), "{error}");
    }
    let error = picture(&client).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreadable(Unreadable::TooLarge)), "{error}");
    let fake = Fake::start([code(40013, "invalid appid")]).await;
    assert_eq!(picture(&self::client(&fake)).await.unwrap_err().code(), Some(40013));
}

#[tokio::test]
async fn of_a_follower_the_unionid_is_known() {
    let answer = format!(
        r#"{{"subscribe":1,"openid":"{OPENID}","nickname":"","sex":0,"language":"zh_CN","headimgurl":"",
            "subscribe_time":1434093047,"unionid":"oR5GjjgEhCMJFyzaVZdrxZ2zRRF4","remark":"","groupid":0,
            "tagid_list":[],"subscribe_scene":"ADD_SCENE_QR_CODE","qr_scene":0,"qr_scene_str":"x"}}"#
    );
    let fake = Fake::start([json(answer)]).await;
    let expected = Follower {
        openid: OPENID.into(),
        subscribed: true,
        unionid: Some("oR5GjjgEhCMJFyzaVZdrxZ2zRRF4".into()),
        nickname: None,
        avatar: None,
    };
    assert_eq!(follower(&client(&fake)).await.unwrap(), expected);
    let asked = format!("GET /cgi-bin/user/info?access_token={TOKEN}&openid={OPENID} HTTP/1.1\r\n");
    assert!(fake.requests()[0].starts_with(&asked), "{:?}", fake.requests());
}

#[tokio::test]
async fn of_a_stranger_nothing_is_known() {
    let fake = Fake::start([json(format!(r#"{{"subscribe":0,"openid":"{OPENID}","tagid_list":[]}}"#))]).await;
    let stranger = follower(&client(&fake)).await.unwrap();
    assert_eq!((stranger.subscribed, stranger.unionid), (false, None));
}

#[rstest]
#[case(r#"{"subscribe":1,"openid":"oMallory","unionid":"u"}"#, "SomebodyElse")]
#[case(r#"{"subscribe":1,"unionid":"u"}"#, "Missing")]
#[case(r#"{"openid":"oABCDEFGHIJKLMNOPQRSTUVWXYZ0"}"#, "Missing")]
#[case(r#"{"subscribe":1,"openid":"oABCDEFGHIJKLMNOPQRSTUVWXYZ0","unionid":"<u>"}"#, "Impossible")]
#[tokio::test]
async fn an_answer_about_somebody_else_or_nobody_is_refused(#[case] body: &str, #[case] expected: &str) {
    let fake = Fake::start([json(body)]).await;
    let error = follower(&client(&fake)).await.unwrap_err();
    assert!(format!("{:?}", error.kind()).contains(expected), "{error}");
}

#[tokio::test]
async fn a_slow_wechat_ends_with_the_time_for_the_call() {
    let fake = Fake::start((0..5).map(|_| Step::Hang(b"HTTP/1.1 200 OK\r\nContent-"))).await;
    let client = hasty(&fake);
    for error in [
        stable(&client, false).await.unwrap_err(),
        endpoint(&client, &fake.url(), false).await.unwrap_err(),
        create(&client).await.unwrap_err(),
        picture(&client).await.unwrap_err(),
        follower(&client).await.unwrap_err(),
    ] {
        assert!(matches!(error.kind(), Kind::Timeout), "{error}");
        assert_eq!(error.visitor_kind(), VisitorKind::Unavailable);
    }
    assert_eq!(fake.requests().len(), 5);
}
