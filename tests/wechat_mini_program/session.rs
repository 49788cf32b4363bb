//! The code of `wx.login`: what it becomes, and every way in which it does not.

use super::*;
use menshen::ground::Timestamp;
use menshen::wechat::Opened;

const ENCRYPTED: &str = "aLhedzo+Z6es5zW+YHo9sgkoobhypSEeViQBPmmCx3fmcZGKbataj/52/+U/sVY3AiF2KzOGsSF26s6H1VwLALPpPqvznm6/Yrci88llVSl0bwplNsmm05X71JB++CQvJzbBSec5x9Ip5jxEBDmsJsMfZ0Be7LqhIPaOJEbqpMrPbB+9rzCO90Xb4t32L8Z9gaA4CnUOCaRFsDKgpto7ng==";
const IV: &str = "EBESExQVFhcYGRobHB0eHw==";

fn answer(more: &str) -> Step {
    json(format!(r#"{{"session_key":"{SESSION_KEY}","openid":"{OPENID}"{more}}}"#))
}

#[tokio::test]
async fn a_code_of_wx_login_becomes_an_identity_and_a_key() {
    let fake = Fake::start([answer(r#","unionid":"uAlice""#)]).await;
    let session = js_session(&client(&fake)).await.unwrap();
    assert_eq!((session.openid.as_str(), session.unionid.as_deref()), (OPENID, Some("uAlice")));
    let asked = format!(
        "GET /sns/jscode2session?appid={APP_ID}&secret={APP_SECRET}&js_code={JS_CODE}\
         &grant_type=authorization_code HTTP/1.1\r\n"
    );
    assert!(fake.requests()[0].starts_with(&asked), "{:?}", fake.requests());
    let now = Timestamp::from_millis(1_700_000_000_000);
    let opened = session.session_key.open(APP_ID, ENCRYPTED, IV, now).unwrap();
    let number = PhoneNumber { country_code: "86".into(), national: "13580006666".into() };
    assert_eq!(opened, Opened::Phone(number));
}

#[rstest]
#[case::as_a_rule("")]
#[case::as_the_documents_sample(r#","errcode":0,"errmsg":"ok""#)]
#[case::numbers_as_text(r#","errcode":"0","expires_in":"7200""#)]
#[case::an_empty_unionid(r#","unionid":"""#)]
#[tokio::test]
async fn a_mini_program_may_be_bound_to_no_open_platform_account(#[case] more: &str) {
    let fake = Fake::start([answer(more)]).await;
    assert_eq!(js_session(&client(&fake)).await.unwrap().unionid, None);
}

#[tokio::test]
async fn slashes_in_a_session_key_may_be_escaped() {
    let body =
        format!(r#"{{"session_key":"\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/w==","openid":"{OPENID}"}}"#);
    js_session(&client(&Fake::start([json(body)]).await)).await.unwrap();
}

#[tokio::test]
async fn a_used_code_is_told_apart_and_asked_once() {
    let fake =
        Fake::start([code(40163, "code been used, rid: 6206378a-793424c0-2e4091cc"), answer("")]).await;
    let error = js_session(&client(&fake)).await.unwrap_err();
    assert!(error.is_code_used());
    assert_eq!(outcome(&error), (Action::AskAgain, VisitorKind::AskAgain));
    assert_eq!((error.request_id(), fake.requests().len()), (Some("6206378a-793424c0-2e4091cc"), 1));
    assert!(lines(&fake.host)[0].contains("DEBUG"));
}

#[rstest]
#[case::unknown_or_too_old(40029, Action::AskAgain, VisitorKind::AskAgain)]
#[case::high_risk(40226, Action::Fail, VisitorKind::Refused)]
#[case::a_wrong_app_id(40013, Action::ConfigFault, VisitorKind::Misconfigured)]
#[case::a_wrong_secret(40125, Action::ConfigFault, VisitorKind::Misconfigured)]
#[case::a_wrong_secret_said_otherwise(40001, Action::ConfigFault, VisitorKind::Misconfigured)]
#[case::a_frozen_secret(40243, Action::ConfigFault, VisitorKind::Misconfigured)]
#[case::no_code(41008, Action::ConfigFault, VisitorKind::Misconfigured)]
#[case::too_many(45011, Action::RateLimit { wait: Span::from_secs(60) }, VisitorKind::TooMany)]
#[tokio::test]
async fn every_refusal_of_a_code_says_who_has_to_act(
    #[case] number: i64,
    #[case] action: Action,
    #[case] visitor: VisitorKind,
) {
    let fake = Fake::start([code(number, &format!("{JS_CODE} {APP_SECRET}")), answer("")]).await;
    let error = js_session(&client(&fake)).await.unwrap_err();
    assert_eq!((error.code(), outcome(&error)), (Some(number), (action, visitor)));
    assert!(!error.is_code_used());
    assert_eq!(error.operator_hint().is_some(), number != 40029, "{error}");
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn an_error_code_in_quotes_is_one() {
    let fake = Fake::start([json(r#"{"errcode":"40163","errmsg":"code been used"}"#)]).await;
    assert!(js_session(&client(&fake)).await.unwrap_err().is_code_used());
}

#[tokio::test]
async fn a_busy_wechat_is_asked_again() {
    let fake = Fake::start([code(-1, "system error"), answer("")]).await;
    js_session(&client(&fake)).await.unwrap();
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn an_unreachable_host_leads_to_the_backup() {
    let backup = Fake::start([answer("")]).await;
    js_session(&client_of(&config(&nobody().await, &backup.url()))).await.unwrap();
}

#[rstest]
#[case::lost(Step::Drop)]
#[case::a_proxy_in_between(http("502 Bad Gateway", "", "busy"))]
#[tokio::test]
async fn a_code_whose_answer_was_lost_is_not_sent_again(#[case] step: Step) {
    let fake = Fake::start([step, answer("")]).await;
    let error = js_session(&client(&fake)).await.unwrap_err();
    assert_eq!(outcome(&error), (Action::AskAgain, VisitorKind::Unavailable));
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_slow_answer_ends_with_the_time_for_the_call() {
    let fake =
        Fake::start([Step::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"openid\""), answer("")])
            .await;
    let error = js_session(&hasty(&fake)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Timeout), "{error}");
    assert_eq!((outcome(&error).1, fake.requests().len()), (VisitorKind::Unavailable, 1));
}

#[rstest]
#[case::a_page("<html>captive portal</html>")]
#[case::nothing("")]
#[case::another_shape("[]")]
#[case::no_openid(r#"{"session_key":"AAECAwQFBgcICQoLDA0ODw=="}"#)]
#[case::no_key(r#"{"openid":"oAlice"}"#)]
#[case::an_openid_that_is_a_number(r#"{"openid":7,"session_key":"AAECAwQFBgcICQoLDA0ODw=="}"#)]
#[case::an_openid_with_a_space(r#"{"openid":"oAlice oBob","session_key":"AAECAwQFBgcICQoLDA0ODw=="}"#)]
#[case::a_short_key(r#"{"openid":"oAlice","session_key":"AAECAwQFBgcICQoLDA0O"}"#)]
#[case::a_key_that_is_no_base64(r#"{"openid":"oAlice","session_key":"门门门门门门门门"}"#)]
#[case::a_strange_code(r#"{"errcode":[],"openid":"oAlice","session_key":"AAECAwQFBgcICQoLDA0ODw=="}"#)]
#[tokio::test]
async fn garbage_is_no_login(#[case] body: &str) {
    let fake = Fake::start([json(body)]).await;
    let error = js_session(&client(&fake)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreadable(_)), "{error}");
    assert_eq!(outcome(&error).1, VisitorKind::Unavailable);
}

#[rstest]
#[case("")]
#[case("two words")]
#[case("line\r\nbreak")]
#[case(&"a".repeat(513))]
#[tokio::test]
async fn what_cannot_be_a_code_is_never_sent(#[case] code: &str) {
    let fake = Fake::start([answer("")]).await;
    let error =
        client(&fake).js_session(APP_ID, &Secret::new(APP_SECRET), &Secret::new(code)).await.unwrap_err();
    assert_eq!(outcome(&error), (Action::AskAgain, VisitorKind::AskAgain));
    assert!(fake.requests().is_empty());
}
