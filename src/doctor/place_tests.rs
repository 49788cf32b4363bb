//! What answers at our address, and what is said about it.

use super::super::finding::Outcome::{self, Ok as Fine, Problem, Unknown};
use super::*;
use rstest::rstest;

fn url() -> Url {
    "https://login.example.com/_menshen/x".parse().expect("an address")
}

fn answered(status: u16, body: &str, location: Option<&str>) -> Answer {
    Ok(Page { status, date: None, location: location.map(Into::into), body: body.into() })
}

#[rstest]
#[case::ours(200, "ok\n", None, Fine, "answers")]
#[case::a_page(200, "<!DOCTYPE html><p>hello", None, Problem, "a web page, status 200")]
#[case::a_page_below_a_comment(200, "<?xml?><html>", None, Problem, "a web page")]
#[case::nothing_there(404, "not found", None, Problem, "something else, status 404")]
#[case::to_https(
    301,
    "",
    Some("https://www.example.com/_menshen/ping?a=b"),
    Problem,
    "https://www.example.com/_menshen/ping"
)]
#[case::to_a_path(302, "", Some("/login"), Problem, "https://login.example.com/login")]
#[case::proxy(502, "<html>", None, Problem, "does not reach the gateway")]
#[case::firewall(403, "", None, Problem, "refuses with 403")]
fn the_ping_tells_who_answers(
    #[case] status: u16,
    #[case] body: &str,
    #[case] location: Option<&str>,
    #[case] outcome: Outcome,
    #[case] says: &str,
) {
    let verdict = judge_ping(&url(), &answered(status, body, location));
    assert_eq!(verdict.outcome, outcome);
    assert!(verdict.message.contains(says) && !verdict.message.contains("a=b"), "{verdict:?}");
}

#[test]
fn when_nobody_answers_the_first_cure_is_to_start_the_gateway() {
    let verdict = judge_ping(&url(), &Err("no connection".into()));
    assert_eq!(verdict.outcome, Problem);
    assert!(verdict.cure.is_some_and(|cure| cure.starts_with("start the gateway")));
}

#[rstest]
#[case::exactly(200, "ECHO", Fine, "answers WeChat's check")]
#[case::a_line_more(200, "ECHO\n", Problem, "changes the answer")]
#[case::quoted(200, "\"ECHO\"", Problem, "changes the answer")]
#[case::marked(200, "\u{feff}ECHO", Problem, "changes the answer")]
#[case::another_token(403, r#"{"error":"push_signature"}"#, Problem, "another Token")]
#[case::another_time(403, r#"{"error":"push_stale"}"#, Problem, "clock")]
#[case::another_config(404, r#"{"error":"not_found"}"#, Problem, "no account")]
#[case::another_server(404, "<html>404", Problem, "another server")]
#[case::an_empty_answer(200, "", Problem, "another server")]
#[case::another_program(403, r#"{"error":7}"#, Problem, "refuses")]
fn a_push_address_must_answer_exactly(
    #[case] status: u16,
    #[case] body: &str,
    #[case] outcome: Outcome,
    #[case] says: &str,
) {
    let verdict = judge_push(&url(), &answered(status, body, None), "ECHO");
    assert_eq!(verdict.outcome, outcome, "{verdict:?}");
    assert!(verdict.message.contains(says), "{verdict:?}");
}

#[rstest]
#[case::exactly(200, "abc", None, Fine, "its content")]
#[case::a_line_more(200, "abc\n", None, Problem, "something else than its content")]
#[case::another_server(404, "abc", None, Problem, "another server")]
#[case::our_refusal(401, r#"{"error":"login_required"}"#, None, Problem, "does not know this file")]
#[case::our_login(303, "", Some("/_menshen/login?rt=x"), Problem, "does not know this file")]
#[case::elsewhere(301, "", Some("https://www.example.com/abc"), Problem, "leads on to")]
fn a_verification_file_must_be_answered_as_it_is(
    #[case] status: u16,
    #[case] body: &str,
    #[case] location: Option<&str>,
    #[case] outcome: Outcome,
    #[case] says: &str,
) {
    let verdict = judge_file(&url(), &answered(status, body, location), "abc", "/_menshen");
    assert_eq!(verdict.outcome, outcome);
    assert!(verdict.message.contains(says), "{verdict:?}");
}

#[test]
fn a_file_that_needs_a_login_may_be_kept_from_us_by_the_proxy_in_front() {
    let login = answered(303, "", Some("/_menshen/login?rt=x"));
    let cure = judge_file(&url(), &login, "abc", "/_menshen").cure.unwrap_or_default();
    assert!(cure.starts_with("reload") && cure.contains("let the proxy in front pass"), "{cure}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_answered_in_time_takes_nothing_from_the_others() {
    let ask = |name: &'static str| {
        let asked = async move {
            if name == "slow" {
                std::future::pending::<()>().await;
            }
            Verdict::ok("is answered with its content")
        };
        (name, asked)
    };
    let findings =
        in_time(["fast", "slow", "other"].map(ask).into_iter(), Instant::now() + FILES_LIMIT).await;
    let found = findings.iter().map(|found| (found.subject.as_str(), found.verdict.outcome));
    assert_eq!(found.collect::<Vec<_>>(), [("fast", Fine), ("slow", Unknown), ("other", Fine)]);
}
