//! What the audit says of logins by the mini program: who scanned and answered, and what was refused.

use crate::app_launch::CHALLENGE;
use crate::logs::Logs;
use crate::world::World;

/// Acceptance: M4a, M4c: a scan and an answer are one line each, and so is every one that came too late.
#[tokio::test]
async fn every_scan_and_every_answer_is_audited_once() {
    let logs = Logs::start();
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    world.looks(&scene, "zhang").await.done();
    world.looks(&scene, "lina").await.is_refused(409, "scan_code_used");
    world.rejects(&scene, "lina").await.is_refused(409, "scan_code_used");
    world.confirms(&scene, "zhang").await.done();
    let told = ["scanned", "scan_refused"].map(|event| logs.events(event).len());
    assert_eq!(told, [1, 1], "{}", logs.text());
    let answers = logs.events("scan_answered");
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers[0].contains("yes=false in_time=false"), "{answers:?}");
    assert!(answers[1].contains("yes=true in_time=true"), "{answers:?}");
    assert!(answers.iter().all(|line| line.contains("method=code")), "{answers:?}");
    let page = desktop.show_program().await;
    world.rejects(&page.scene(), "zhang").await.done();
    assert!(logs.events("scan_answered")[2].contains("yes=false in_time=true"), "{}", logs.text());
    let text = logs.text();
    let openid = world.wechat.openid(crate::programs::MINI, "zhang");
    for secret in [&scene, &page.scene(), &page.flow, &openid] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// Acceptance: M2b: who brings the wrong part is written down with which it was, and without the part.
#[tokio::test]
async fn every_refused_redemption_is_audited_with_its_reason() {
    let logs = Logs::start();
    let world = World::of_programs().await;
    let ((mine, code), (_, foreign)) = (world.returned("zhang").await, world.returned("lina").await);
    mine.redeem_with(CHALLENGE, &code).await.is_refused(403, "verifier_wrong");
    mine.redeem(&foreign).await.is_refused_for_now(403, "return_code_wrong");
    let refused = logs.events("redeem_refused");
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains("reason=\"verifier\""), "{refused:?}");
    assert!(refused[1].contains("reason=\"return_code\""), "{refused:?}");
    mine.redeem(&code).await.done();
    assert_eq!(logs.events("redeem_refused").len(), 2);
    let text = logs.text();
    for secret in [CHALLENGE, code.as_str(), &foreign, &mine.ticket] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
