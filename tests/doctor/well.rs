//! A house in order: what is looked at, in which order, and that looking changes nothing.

use menshen::doctor::{self, DoctorError, Outcome};
use menshen::ground::SystemClock;
use std::sync::Arc;

use super::house::{CLASSIC_TOKEN, House, assert_found, found, problems};

/// Acceptance: M8.
#[tokio::test]
async fn a_house_in_order_has_no_problem_and_every_check_has_its_place() {
    let house = House::open().await;
    let report = house.examine().await;
    assert_eq!(problems(&report), [], "{report:#?}");
    assert!(report.is_well());
    let order: Vec<_> =
        report.findings.iter().map(|finding| (finding.check, finding.verdict.outcome)).collect();
    assert_eq!(
        order,
        [
            ("store", Outcome::Ok),
            ("clock", Outcome::Ok),
            ("public_address", Outcome::Ok),
            ("verification_file", Outcome::Ok),
            // The website.
            ("credentials", Outcome::Ok),
            ("callback_domain", Outcome::Ok),
            // The service account.
            ("credentials", Outcome::Ok),
            ("server_token", Outcome::Ok),
            ("ip_whitelist", Outcome::Ok),
            ("scene_codes", Outcome::Ok),
            ("callback_domain", Outcome::Ok),
            ("push_address", Outcome::Ok),
            // Nobody can ask this.
            ("push_console", Outcome::Unknown),
            // Tests have no port 80.
            ("push_port", Outcome::Warning),
            ("open_platform", Outcome::Unknown),
        ],
        "{report:#?}"
    );
    let console = found(&report, "push_console", "service").to_string();
    assert!(console.contains(&format!("{}/_menshen/push/service", house.public)), "{console}");
}

#[tokio::test]
async fn an_examination_forces_no_token_and_ends_none() {
    let house = House::open().await;
    let before = house.stable_token().await;
    for _ in 0..2 {
        assert!(house.examine().await.is_well());
    }
    assert!(house.stable_token().await == before);
    let hand = house.hand();
    assert_eq!(hand.calls(CLASSIC_TOKEN), 0);
    // What is left are two codes that end in a minute and belong to no login.
    let codes = hand.scene_codes();
    assert_eq!(codes.len(), 2);
    assert!(codes.iter().all(|code| code.scene == "menshen_doctor"), "{codes:?}");
}

#[tokio::test]
async fn one_app_is_examined_alone_with_what_all_share() {
    let house = House::open().await;
    let report = doctor::examine(&house.config(), Some("website"), Arc::new(SystemClock)).await.unwrap();
    assert_eq!(house.hand().calls("/cgi-bin/stable_token"), 0);
    assert!(report.findings.iter().all(|finding| finding.subject != "service"), "{report:#?}");
    assert_found(&report, "credentials", "website", Outcome::Ok, "");
    assert_found(&report, "public_address", &house.public, Outcome::Ok, "");
}

#[tokio::test]
async fn an_app_that_is_not_there_is_named_with_the_nearest() {
    let house = House::with(|_| {}).await;
    let error = doctor::examine(&house.config(), Some("websit"), Arc::new(SystemClock)).await.unwrap_err();
    assert!(matches!(error, DoctorError::NoSuchApp { .. }));
    let text = error.to_string();
    assert!(text.contains("no app `websit`") && text.contains("`website`"), "{text}");
}

/// A silent login has no page; WeChat sends the browser straight back.
#[tokio::test]
async fn a_silent_login_page_is_recognised_and_its_price_is_said() {
    let mut house = House::with(|_| {}).await;
    house.edit("id = \"wechat\"\n", "id = \"wechat\"\nscope = \"snsapi_base\"\n");
    let house = house.serve().await;
    let report = house.examine().await;
    assert_found(&report, "callback_domain", "service", Outcome::Ok, "/_menshen/callback/service");
    assert_found(&report, "method", "wechat", Outcome::Warning, "snsapi_userinfo");
}

#[tokio::test]
async fn plain_pushes_and_an_idle_app_are_warnings() {
    let mut house = House::with(|_| {}).await;
    let key = format!("encoding_aes_key = \"{}\"\n", menshen::simulator::DEMO_PUSH_AES_KEY);
    house.edit(&key, "");
    house.edit("[[methods]]\nid = \"scan\"\nkind = \"website_qr\"\napp = \"website\"\n", "");
    let house = house.serve().await;
    let report = house.examine().await;
    assert!(report.is_well(), "{report:#?}");
    assert_found(&report, "method", "follow", Outcome::Warning, "encoding_aes_key");
    assert_found(&report, "method", "website", Outcome::Warning, "no login method");
}
