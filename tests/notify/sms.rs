//! Signed requests: SMS, and questions to a service of the operator.

use std::time::Duration;

use menshen::domain::Phone;
use menshen::ground::{Secret, Span};
use menshen::notify::{NotifyError, SmsText, Webhook};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::fake::{Fake, Step, http, nobody};
use super::webhook::{SECRET, WebhookServer};
use super::{assert_nothing_leaks, error, notify};

const TEXT: SmsText<'_> =
    SmsText { code: "135790", purpose: "login", site: "示例 Example", lang: "zh", minutes: 5 };

fn phone() -> Phone {
    Phone::parse("+8613580006666").unwrap()
}

fn webhook(url: &str) -> Webhook {
    super::log::log();
    Webhook::new(url, &Secret::new(SECRET), Span::from_secs(2)).unwrap()
}

/// Asks for an answer that is a JSON object with an `ok`.
async fn ask(url: &str) -> Result<bool, NotifyError> {
    let answer: Result<Value, _> = webhook(url).ask(&json!({ "code": "135790" })).await;
    answer.map(|answer| answer["ok"].as_bool().unwrap())
}

#[tokio::test]
async fn a_code_goes_to_the_service_signed_and_whole() {
    let server = WebhookServer::start().await;
    let notify = notify(&server.section());
    assert!(notify.can_sms() && !notify.can_email());
    notify.sms(&phone(), &TEXT).await.unwrap();
    let call = server.call(1).await;
    let expected = json!({
        "type": "sms_code", "phone": "+8613580006666", "code": "135790", "purpose": "login",
        "site": "示例 Example", "lang": "zh", "minutes": 5,
    });
    assert_eq!((call.path.as_str(), call.body.clone()), ("/sms", expected));
    assert_eq!(call.header("content-type"), "application/json");
    notify.sms(&phone(), &TEXT).await.unwrap();
    assert_ne!(server.call(2).await.header("webhook-id"), call.header("webhook-id"));
    assert_eq!(server.refused(), 0);
    assert_nothing_leaks(&format!("{notify:?}"));
}

#[tokio::test]
async fn another_secret_is_not_believed() {
    let server = WebhookServer::start().await;
    let notify = notify(&server.section().replace("whsec_d2hh", "whsec_d2hi"));
    assert!(matches!(error(notify.sms(&phone(), &TEXT).await), NotifyError::Refused(401)));
    assert_eq!((server.refused(), server.calls().len()), (1, 0));
}

#[rstest]
#[case(400)]
#[case(429)]
#[case(500)]
#[tokio::test]
async fn a_refusal_of_the_service_is_told_by_its_status(#[case] status: u16) {
    let server = WebhookServer::start().await;
    server.answer(status, "person@example.org with 135790 was refused");
    let refused = error(notify(&server.section()).sms(&phone(), &TEXT).await);
    assert!(matches!(refused, NotifyError::Refused(found) if found == status));
    assert_eq!(server.calls().len(), 1, "nothing is asked twice");
}

#[tokio::test]
async fn a_redirect_is_a_refusal() {
    let (server, other) = (WebhookServer::start().await, WebhookServer::start().await);
    server.answer(307, other.url("/sms"));
    assert!(matches!(error(notify(&server.section()).sms(&phone(), &TEXT).await), NotifyError::Refused(307)));
    assert_eq!((other.calls().len(), other.refused()), (0, 0));
}

#[tokio::test]
async fn a_question_is_answered_by_what_the_service_knows() {
    let server = WebhookServer::start().await;
    server.answer_by(|question| (200, json!({ "ok": question["password"] == "right" }).to_string()));
    let webhook = webhook(&server.url("/proof?site=1"));
    for (password, expected) in [("right", true), ("wrong", false)] {
        let answer: Value = webhook.ask(&json!({ "password": password })).await.unwrap();
        assert_eq!(answer, json!({ "ok": expected }));
    }
    assert_eq!(server.call(2).await.path, "/proof?site=1");
}

#[rstest]
#[case::no_json("135790 <html>")]
#[case::nothing("")]
#[case::another_shape("\"135790\"")]
#[tokio::test]
async fn an_answer_that_means_nothing_is_told_without_it(#[case] body: &str) {
    let server = WebhookServer::start().await;
    server.answer(200, body);
    let answer: Result<std::collections::BTreeMap<String, bool>, _> =
        webhook(&server.url("/")).ask(&json!({})).await;
    assert!(matches!(error(answer.map(drop)), NotifyError::BadAnswer(_)));
}

#[tokio::test]
async fn an_answer_is_read_up_to_64_kib() {
    let server = WebhookServer::start().await;
    let of_size = |size: usize| format!("{{\"ok\":true{}}}", " ".repeat(size - 11));
    server.answer(200, of_size(64 * 1024));
    assert!(ask(&server.url("/")).await.unwrap());
    server.answer(200, of_size(64 * 1024 + 1));
    assert!(matches!(error(ask(&server.url("/")).await.map(drop)), NotifyError::BadAnswer(_)));
    // Whoever only tells is not kept by how much is said to it.
    webhook(&server.url("/")).tell(&json!({})).await.unwrap();
}

#[tokio::test]
async fn a_service_that_says_nothing_or_not_all_of_it_is_not_waited_for() {
    for beginning in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"ok\":"] {
        let fake = Fake::start([Step::Hang(beginning)]).await;
        let limited = Webhook::new(&fake.url(), &Secret::new(SECRET), Span::from_millis(300)).unwrap();
        let question = json!({ "code": "135790" });
        let asked = limited.ask::<_, Value>(&question);
        let outcome = timeout(Duration::from_secs(20), asked).await.unwrap();
        assert!(matches!(error(outcome.map(drop)), NotifyError::Timeout));
        assert_eq!(fake.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_or_hangs_up_cannot_be_reached() {
    let gone = nobody().await + "/person@example.org";
    assert!(matches!(error(ask(&gone).await.map(drop)), NotifyError::Unreachable(_)));
    let fake = Fake::start([Step::Drop, http("200 OK", "", "{\"ok\":true}")]).await;
    assert!(matches!(error(ask(&fake.url()).await.map(drop)), NotifyError::Unreachable(_)));
    assert_eq!(fake.requests().len(), 1, "nothing is asked twice");
}
