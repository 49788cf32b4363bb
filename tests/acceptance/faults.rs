//! WeChat in trouble: each kind has its page and its status, nobody gets an account by it, and there is a way on.

use menshen::ground::Span;
use menshen::simulator::{Consent, Fault};
use rstest::rstest;

use crate::logs::Logs;
use crate::reply::Reply;
use crate::world::{EXCHANGE, PROFILE, SERVICE, Setup, WEBSITE, World};

async fn start() -> World {
    let wechat = "timeout = \"1s\"\nconnect_timeout = \"500ms\"".to_owned();
    World::with(Setup { wechat, ..Setup::default() }).await
}

async fn left_no_trace(world: &World, person: &str) {
    let mut keys = vec![world.open_key(WEBSITE, person), world.open_key(SERVICE, person)];
    keys.extend(world.wechat.unionid(WEBSITE, person).map(|id| crate::world::union_key("people", &id)));
    assert!(world.rows(&keys).await.iter().all(Option::is_none));
    assert!(world.app.received().is_empty());
}

/// The address behind "sign in again".
fn way_on(page: &Reply) -> String {
    page.qr_link().to_string()
}

/// Section 7 of the design.
#[rstest]
#[case::invalid_code(Fault::Errcode(40029), 400, "WeChat did not confirm the sign-in")]
#[case::used_code(Fault::Errcode(40163), 400, "WeChat did not confirm the sign-in")]
#[case::too_often(Fault::Errcode(45011), 503, "WeChat is busy")]
#[case::risky_person(Fault::Errcode(40226), 403, "WeChat did not let you sign in")]
#[case::wrong_secret(Fault::Errcode(40125), 500, "Signing in is not set up correctly")]
#[case::frozen_secret(Fault::Errcode(40243), 500, "Signing in is not set up correctly")]
#[case::not_whitelisted(Fault::Errcode(40164), 500, "Signing in is not set up correctly")]
#[case::unknown_number(Fault::Errcode(99999), 503, "WeChat is not answering")]
#[case::dropped(Fault::Drop, 503, "WeChat is not answering")]
#[case::cut(Fault::Cut, 503, "WeChat is not answering")]
#[case::slow(Fault::Slow(Span::from_secs(3)), 503, "WeChat is not answering")]
#[case::garbage(Fault::Garbage, 503, "WeChat is not answering")]
#[case::bad_gateway(Fault::Http(502), 503, "WeChat is not answering")]
#[tokio::test]
async fn a_failed_exchange_has_its_page_makes_no_account_and_leaves_a_way_on(
    #[case] fault: Fault,
    #[case] status: u16,
    #[case] words: &str,
) {
    let world = start().await;
    let logs = Logs::start();
    world.wechat.fault(EXCHANGE, fault.clone(), 1);
    let desktop = world.desktop();
    let page = desktop.log_in_by_qr("zhang", "/deep").await;
    page.is_page(status, words);
    assert_eq!((desktop.session(), world.exchanges()), (None, 1));
    left_no_trace(&world, "zhang").await;
    // The operator is told once what to do about a setting, and never shown what is secret.
    let told = logs.lines("a WeChat setting is wrong");
    assert_eq!(told.len(), usize::from(status == 500), "{told:?}");
    if fault == Fault::Errcode(40164) {
        assert!(told[0].contains("whitelist") && told[0].contains("127.0.0.1"), "{told:?}");
    }
    for secret in ["5ec2e7", page.url.query().unwrap()] {
        assert!(!logs.text().contains(secret), "{secret} in {}", logs.text());
    }
    // And the way on leads where the visitor wanted to go.
    let reply = desktop.log_in_by_qr("zhang", &way_on(&page)).await;
    assert_eq!(reply.received().target, "/deep");
}

/// Section 7 of the design.
#[tokio::test]
async fn a_busy_wechat_is_asked_again_and_nobody_notices() {
    let world = World::start().await;
    world.wechat.fault(EXCHANGE, Fault::Errcode(-1), 1);
    let reply = world.desktop().log_in_by_qr("zhang", "/deep").await;
    assert_eq!(reply.received().target, "/deep");
    assert_eq!(world.exchanges(), 2);
}

/// The wording of errors is WeChat's to change; numbers as strings and unknown fields have been seen.
#[rstest]
#[case(Fault::NumbersAsStrings)]
#[case(Fault::ExtraFields)]
#[tokio::test]
async fn odd_answers_are_understood(#[case] fault: Fault) {
    let world = World::start().await;
    world.wechat.fault(EXCHANGE, fault.clone(), 1);
    world.wechat.fault(PROFILE, fault, 1);
    let received = world.desktop().log_in_by_qr("zhang", "/").await.received();
    assert_eq!(received.header("x-user-name"), Some("%E5%BC%A0%E4%BC%9F"));
}

/// The profile is decoration.
#[rstest]
#[case(Fault::Errcode(48001))]
#[case(Fault::Drop)]
#[case(Fault::Garbage)]
#[tokio::test]
async fn without_a_profile_a_person_with_unionid_is_signed_in_all_the_same(#[case] fault: Fault) {
    let world = start().await;
    world.wechat.fault(&format!("{PROFILE}*"), fault, 3);
    let received = world.desktop().log_in_by_qr("zhang", "/").await.received();
    assert_eq!(received.header("x-user-unionid"), world.wechat.unionid(WEBSITE, "zhang").as_deref());
    assert_eq!(received.header("x-user-name"), None);
}

/// A nickname that is no text is made one; it never costs the login.
#[tokio::test]
async fn a_broken_nickname_is_mended() {
    let world = World::start().await;
    world.wechat.fault(PROFILE, Fault::BrokenNickname, 1);
    let received = world.desktop().log_in_by_qr("zhang", "/").await.received();
    assert!(received.header("x-user-name").unwrap().starts_with("%E5%9D%8F"), "{received:?}");
}

/// Where the profile may hold the UnionID, guessing would make a second account.
#[tokio::test]
async fn without_a_profile_a_person_without_unionid_is_asked_to_try_again() {
    let world = start().await;
    world.wechat.fault(PROFILE, Fault::Drop, 3);
    let page = world.desktop().log_in_by_qr("wang", "/").await;
    page.is_page(503, "WeChat is not answering");
    left_no_trace(&world, "wang").await;
}

/// A snapshot page has an identity that is nobody's.
#[tokio::test]
async fn a_snapshot_page_logs_nobody_in() {
    let world = World::start().await;
    world.wechat.set_snapshot(true);
    let phone = world.phone();
    phone.log_in_by_wechat("zhang", "/deep").await.is_page(403, "WeChat is showing a preview");
    assert_eq!(phone.session(), None);
    left_no_trace(&world, "zhang").await;
    // "使用完整服务" opens the page again, in full.
    world.wechat.set_snapshot(false);
    world.wechat.set_consent(Consent::Silent);
    assert_eq!(phone.log_in_by_wechat("zhang", "/deep").await.received().target, "/deep");
}

/// Section 7 of the design: visitors with a session notice nothing.
#[tokio::test]
async fn trouble_at_wechat_is_nothing_to_those_who_are_in() {
    let world = start().await;
    let desktop = world.desktop();
    desktop.log_in_by_qr("zhang", "/").await.received();
    world.wechat.fault("/*", Fault::Drop, 100);
    world.advance(Span::from_mins(5));
    desktop.fetch("/").await.received();
}
