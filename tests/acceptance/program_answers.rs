//! Who may answer a mini program code, how often and until when; and what the value in it is good for.

use menshen::ground::Span;
use serde_json::json;

use crate::client::one_of_two;
use crate::program_page::ProgramPage;
use crate::programs::MINI;
use crate::world::World;

/// Acceptance: M4b: a no is told at once; the old code is dead and a new one works.
#[tokio::test]
async fn a_no_is_told_to_the_page_and_a_new_code_works() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    world.looks(&scene, "zhang").await.done();
    assert_eq!(world.rejects(&scene, "zhang").await.done(), json!({ "approved": false }));
    assert_eq!(page.becomes("refused").await.get("finish"), None);
    for call in ["scan", "confirm", "reject"] {
        world.answers(call, &scene, "zhang").await.is_refused(409, "scan_code_used");
    }
    let back = page.go_on().await;
    assert_eq!((back.status, desktop.session()), (200, None));
    assert!(back.url.query().unwrap().contains("notice=denied"), "{}", back.url);
    world.knows_nothing_of("zhang").await;
    world.logs_in_by_program(&desktop, "zhang").await.received();
}

/// Acceptance: M4b: a code that nobody scanned in time is dead, and a new one works.
#[tokio::test]
async fn a_code_that_has_run_out_is_dead_and_a_new_one_works() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    world.advance(Span::from_secs(180));
    assert_eq!(page.becomes("expired").await["expires_in"], 0);
    for call in ["scan", "confirm", "reject"] {
        world.answers(call, &scene, "zhang").await.is_refused_for_now(410, "scan_code_expired");
    }
    world.advance(Span::from_mins(60));
    for call in ["scan", "confirm", "reject"] {
        world.answers(call, &scene, "zhang").await.is_refused(404, "ticket_unknown");
    }
    world.knows_nothing_of("zhang").await;
    let fresh = desktop.show_program().await;
    assert_ne!(fresh.scene(), scene);
    world.logs_in_by_program(&desktop, "zhang").await.received();
}

/// Acceptance: M4b: a code scanned in its last second leaves time to answer; the answer leaves time to go on.
#[tokio::test]
async fn who_scans_at_the_last_moment_still_has_time_to_answer() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    world.advance(Span::from_secs(179));
    assert_eq!(world.looks(&scene, "zhang").await.done()["expires_in"], 120);
    world.advance(Span::from_secs(119));
    world.confirms(&scene, "zhang").await.done();
    world.advance(Span::from_secs(119));
    page.go_on().await.received();
}

/// Acceptance: M4b: who looks and does not answer in time is too late, on both sides.
#[tokio::test]
async fn a_look_without_an_answer_runs_out() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    world.looks(&scene, "zhang").await.done();
    world.advance(Span::from_secs(180));
    world.confirms(&scene, "zhang").await.is_refused_for_now(410, "scan_code_expired");
    assert_eq!(page.state().await["state"], "expired");
    let back = page.go_on().await;
    assert_eq!((back.status, desktop.session()), (200, None));
}

/// Acceptance: M4b: what the phone is told about the time left is kept, and looking on and on keeps nothing alive.
#[tokio::test]
async fn looking_again_and_again_does_not_keep_a_code_alive() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    world.advance(Span::from_secs(170));
    for left in [120, 60] {
        assert_eq!(world.looks(&scene, "zhang").await.done()["expires_in"], left);
        world.advance(Span::from_secs(60));
    }
    for call in ["scan", "confirm", "reject"] {
        world.answers(call, &scene, "zhang").await.is_refused_for_now(410, "scan_code_expired");
    }
    assert_eq!(page.state().await["state"], "expired");
}

/// Acceptance: M4c: the first phone has the code, whatever a second one tries.
#[tokio::test]
async fn a_second_phone_can_neither_take_the_code_over_nor_answer_it() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    world.looks(&scene, "zhang").await.done();
    for call in ["scan", "confirm", "reject"] {
        world.answers(call, &scene, "lina").await.is_refused(409, "scan_code_used");
    }
    assert_eq!(page.state().await["state"], "scanned");
    world.confirms(&scene, "zhang").await.done();
    world.rejects(&scene, "lina").await.is_refused(409, "scan_code_used");
    let received = page.go_on().await.received();
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(MINI, "zhang").as_str()));
    world.knows_nothing_of("nemo").await;
    assert_eq!(world.row(&world.open_key(MINI, "lina")).await, None);
}

/// Acceptance: M4c: one outcome, the first.
#[tokio::test]
async fn the_first_answer_is_the_last() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    for (first, second) in
        [("confirm", "confirm"), ("confirm", "reject"), ("reject", "confirm"), ("reject", "reject")]
    {
        let page = desktop.show_program().await;
        let scene = page.scene();
        world.answers(first, &scene, "zhang").await.done();
        let again = world.answers(second, &scene, "zhang").await;
        // Who said yes cannot know whether it arrived; saying it again is no other answer.
        if (first, second) == ("confirm", "confirm") {
            assert_eq!(again.done(), json!({ "approved": true }));
        } else {
            again.is_refused(409, "scan_code_used");
        }
        let state = if first == "confirm" { "approved" } else { "refused" };
        assert_eq!(page.state().await["state"], state, "{first}, {second}");
    }
}

/// Acceptance: M4c: of two answers at once one counts.
#[tokio::test]
async fn of_a_yes_and_a_no_at_once_one_counts() {
    let world = World::of_programs().await;
    for _ in 0..5 {
        let desktop = world.desktop();
        let page = desktop.show_program().await;
        let scene = page.scene();
        world.looks(&scene, "zhang").await.done();
        let (yes, no) = tokio::join!(world.confirms(&scene, "zhang"), world.rejects(&scene, "zhang"));
        one_of_two(&yes, &no, 409);
        let state = if yes.status == 200 { "approved" } else { "refused" };
        assert_eq!(page.state().await["state"], state);
        page.go_on().await;
        assert_eq!(desktop.session().is_some(), yes.status == 200);
    }
}

/// Acceptance: M4c: what everybody can read off the screen neither watches nor finishes the login.
#[tokio::test]
async fn the_value_in_the_code_can_neither_poll_nor_finish() {
    let world = World::of_programs().await;
    let (desktop, thief) = (world.desktop(), world.desktop());
    let page = desktop.show_program().await;
    let scene = page.scene();
    assert!(!scene.contains(&page.flow) && !page.flow.contains(&scene));
    let of_scene = |browser| ProgramPage { browser, reply: page.reply.clone(), flow: scene.clone() };
    thief.visit("/_menshen/login?method=code&rt=%2F").await;
    world.confirms(&scene, "zhang").await.done();
    for browser in [&desktop, &thief] {
        let wrong = of_scene(browser);
        for what in ["state", "events", "qr.jpg"] {
            let reply = browser.fetch(&wrong.href(what)).await;
            assert!((400..500).contains(&reply.status), "{reply}");
            assert!(!reply.text().contains("approved"), "{reply}");
        }
        let reply = browser.visit(&wrong.href("finish")).await;
        assert!((400..500).contains(&reply.status) && !reply.opens_session(), "{reply}");
    }
    let redeem = json!({ "ticket": scene, "verifier": "v".repeat(43), "return_code": "0a1b2c" });
    world.client().call("redeem", &redeem).await.is_refused(404, "ticket_unknown");
    // Nor do the browsers' own secrets open it by the call for apps; the desktop's is right, but nobody was asked.
    for (browser, status, code) in [(&thief, 403, "foreign_browser"), (&desktop, 409, "flow_finished")] {
        let choose = json!({ "key": browser.cookie("menshen-browser").unwrap(), "account": "a" });
        let told = world.client().call(&format!("flow/{}/choose", page.flow), &choose).await;
        told.is_refused(status, code);
    }
    page.go_on().await.received();
}

/// Acceptance: M4c: another browser learns nothing of a login it did not begin.
#[tokio::test]
async fn another_browser_learns_nothing() {
    let world = World::of_programs().await;
    world.mobile_user("zhang").await;
    let (desktop, thief) = (world.desktop(), world.desktop());
    let page = desktop.show_program().await;
    let scene = page.scene();
    for round in 0..2 {
        for what in ["state", "events"] {
            let reply = thief.fetch(&page.href(what)).await;
            assert_eq!((reply.status, reply.error().as_str()), (403, "foreign_browser"), "{reply}");
            assert!(!reply.text().contains("张伟"), "{reply}");
        }
        thief.visit(&page.href("finish")).await.is_page(403, "This sign-in began in another browser");
        // The second time with a browser secret of its own, and after the yes.
        if round == 0 {
            thief.show_program().await;
            world.looks(&scene, "zhang").await.done();
            world.confirms(&scene, "zhang").await.done();
        }
    }
    assert_eq!(thief.session(), None);
    page.go_on().await.received();
}

/// Acceptance: M4b: what is no ticket leads nowhere, and WeChat is not asked for it.
#[tokio::test]
async fn a_scene_that_is_none_of_ours_leads_nowhere() {
    let world = World::of_programs().await;
    let asked = world.wechat.calls(crate::programs::SESSION);
    for scene in ["", "abc", "a=1&b=2", "中文", &"a".repeat(33), "../../etc"] {
        for call in ["scan", "confirm", "reject"] {
            world.answers(call, scene, "zhang").await.is_refused(404, "ticket_unknown");
        }
    }
    assert_eq!(world.wechat.calls(crate::programs::SESSION), asked);
}
