//! Messages that come more than once, late, or while something of ours or of WeChat's fails.

use std::time::Duration;

use menshen::domain::{FlowId, Stage};
use menshen::ground::{Span, Token};
use menshen::login::PushOutcome;
use menshen::simulator::{Fault, PushOutcome as Pushed, PushTrouble};
use menshen::snapshot::Snapshot;
use menshen::store::Store as _;
use rstest::rstest;

use crate::bench::Bench;
use crate::faulty_store::Fails;
use crate::redis_server::RedisServer;
use crate::reply::between;
use crate::scanning::{PATIENCE, setup};
use crate::world::{SERVICE, Setup, World};

/// The call that tells who a follower is.
const FOLLOWER: &str = "/cgi-bin/user/info";

/// Acceptance: M5c.
#[rstest]
#[case::a_new_follower(false)]
#[case::a_follower(true)]
#[tokio::test]
async fn a_message_that_comes_three_times_logs_in_once_and_is_answered_once(#[case] follows: bool) {
    let world = World::scanning().await;
    if follows {
        world.is_followed_by("zhang").await;
    }
    let before = world.wechat.chat(SERVICE, "zhang").len();
    world.wechat.set_push_trouble(PushTrouble { copies: 3, ..PushTrouble::default() });
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    let mut events = page.listen().await;
    page.scanned_by("zhang");
    // All at once, and then one after another.
    world.wechat.settled().await;
    for _ in 0..3 {
        world.wechat.replay_push(SERVICE).unwrap();
        world.wechat.settled().await;
    }
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(event["state"].as_str().unwrap().to_owned());
    }
    told.retain(|state| state != "scanned");
    assert_eq!(told, ["waiting", "approved"]);
    let flow = world.store().flow(&FlowId::new(page.flow.as_str()).unwrap()).await.unwrap().unwrap();
    assert!(
        (3..=5).contains(&flow.version),
        "scanned by each of those at once, approved once: {}",
        flow.version
    );
    let pushes = world.wechat.pushes(SERVICE);
    let replied = pushes.iter().filter(|push| matches!(push.outcome, Pushed::Replied(_))).count();
    assert_eq!(replied, 1, "{pushes:?}");
    let others = pushes.iter().filter(|push| push.outcome == Pushed::Handled).count();
    assert_eq!((others, pushes.len()), (5 + usize::from(follows), 6 + usize::from(follows)), "{pushes:?}");
    assert_eq!(world.wechat.chat(SERVICE, "zhang").len(), before + 1);
    assert_eq!(world.wechat.calls(FOLLOWER), 1);
    page.go_on().await.received();
    // Even after the login the message is known.
    world.wechat.replay_push(SERVICE).unwrap();
    world.wechat.settled().await;
    assert_eq!(world.wechat.chat(SERVICE, "zhang").len(), before + 1);
}

/// Acceptance: M5c (after an error of ours the retry counts).
#[tokio::test]
async fn a_message_that_came_while_the_store_was_away_logs_in_when_it_comes_again() {
    let mut redis = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store_more = "timeout = \"500ms\"\nwait_timeout = \"100ms\"".into();
    let world = World::scanning_with(Setup { store: redis.url(), store_more, ..setup() }).await;
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    redis.stop();
    page.scanned_by("zhang");
    world.wechat.settled().await;
    let push = world.wechat.pushes(SERVICE).pop().unwrap();
    assert!(matches!(&push.outcome, Pushed::Failed(why) if why.contains("503")), "{push:?}");
    assert_eq!(push.attempts, 3);
    redis.restart();
    let back = async {
        while world.store().ping().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.unwrap();
    world.wechat.replay_push(SERVICE).unwrap();
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
}

/// Acceptance: M5c (an error of ours anywhere, or no end of it: WeChat's next try logs in).
#[rstest]
#[case::at_once("")]
#[case::asking_first("confirm = true")]
#[tokio::test]
async fn a_store_that_fails_anywhere_costs_a_try_and_not_the_login(#[case] method: &str) {
    let mut bench = Bench::start(method).await;
    for fails in [Fails::Before, Fails::After, Fails::StallsBefore, Fails::StallsAfter] {
        let mut failures = 0;
        loop {
            bench.login = bench.login();
            let (flow, scene) = bench.begin().await;
            bench.store.fail_at(bench.store.calls() + failures, fails);
            let first = bench.push(&bench.message(&scene, 1)).await;
            let unharmed = first.is_ok();
            if !unharmed {
                let second = bench.push(&bench.message(&scene, 2)).await;
                assert!(
                    matches!(&second, Ok(PushOutcome::Ours(text)) if text.contains("127.0.0.1")),
                    "call {failures} {fails:?}: {second:?}"
                );
                let third = bench.push(&bench.message(&scene, 3)).await;
                assert!(matches!(third, Ok(PushOutcome::Again)), "call {failures} {fails:?}: {third:?}");
            }
            bench.store.heal();
            bench.login.stop(Duration::from_secs(20)).await;
            let stage = bench.store.flow(&flow).await.unwrap().unwrap().stage;
            let moved = match method {
                "" => matches!(stage, Stage::Approved { .. }),
                _ => matches!(stage, Stage::Scanned { .. }),
            };
            assert!(moved, "call {failures} {fails:?}: {stage:?}");
            if unharmed {
                break;
            }
            failures += 1;
        }
        let least = if method.is_empty() { 4 } else { 5 };
        assert!(failures >= least, "{failures} calls {fails:?}");
    }
}

/// Acceptance: M5c (an error of ours after the answer, when WeChat will not send the message again).
#[tokio::test]
async fn a_store_that_fails_after_the_answer_does_not_lose_the_login() {
    let mut bench = Bench::start("").await;
    for fails in [Fails::Before, Fails::After] {
        for call in 0..2 {
            bench.login = bench.login();
            let (flow, scene) = bench.begin().await;
            assert!(matches!(bench.push(&bench.message(&scene, 1)).await, Ok(PushOutcome::Ours(_))));
            bench.store.fail_at(bench.store.calls() + call, fails);
            bench.login.stop(Duration::from_secs(20)).await;
            bench.store.heal();
            let stage = bench.store.flow(&flow).await.unwrap().unwrap().stage;
            assert!(matches!(stage, Stage::Approved { .. }), "call {call} {fails:?}: {stage:?}");
        }
    }
}

/// Acceptance: M5c with `confirm` (an error of ours while the person answers: they tap again).
#[tokio::test]
async fn a_store_that_fails_at_a_yes_leaves_the_question_open() {
    let bench = Bench::start("confirm = true").await;
    for fails in [Fails::Before, Fails::After] {
        for call in 0.. {
            let (flow, scene) = bench.begin().await;
            let Ok(PushOutcome::Ours(text)) = bench.push(&bench.message(&scene, 1)).await else { panic!() };
            let token = Token::parse(between(&text, "?t=", "\"").as_bytes()).unwrap();
            let Snapshot { directory, wechat, .. } = &bench.snapshot;
            let answer = async || bench.login.answer(directory, wechat, &token, true).await;
            bench.store.fail_at(bench.store.calls() + call, fails);
            let first = answer().await;
            bench.store.heal();
            if first.is_err() {
                answer().await.unwrap();
            }
            let stage = bench.store.flow(&flow).await.unwrap().unwrap().stage;
            assert!(matches!(stage, Stage::Approved { .. }), "call {call} {fails:?}: {stage:?}");
            if first.is_ok() && call > 3 {
                break;
            }
        }
    }
}

/// Acceptance: M5e.
#[tokio::test]
async fn the_answer_does_not_wait_for_wechats_own_api() {
    let world = World::scanning().await;
    world.wechat.fault(FOLLOWER, Fault::Slow(Span::from_secs(3)), 1);
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    let mut events = page.listen().await;
    page.scanned_by("zhang");
    world.wechat.settled().await;
    assert!(world.last_text("zhang").unwrap().contains("127.0.0.1"));
    events.until("scanned").await;
    assert_eq!(page.state_name().await, "scanned");
    events.until("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
}

/// Acceptance: M5e (a busy WeChat is asked again; the browser waits).
#[tokio::test]
async fn a_busy_wechat_delays_the_login_and_does_not_lose_it() {
    let world = World::scanning().await;
    world.wechat.fault(FOLLOWER, Fault::Errcode(-1), 3);
    let received = world.desktop().log_in_by_scan("zhang", "/deep").await.received();
    assert_eq!(received.header("x-user-unionid"), world.wechat.unionid(SERVICE, "zhang").as_deref());
    assert_eq!(world.wechat.calls(FOLLOWER), 4);
}

/// Acceptance: M5e, M9 (what does not pass ends on a page that says why).
#[rstest]
#[case::not_allowed(48001, 500, "Signing in is not set up correctly")]
#[case::too_often(45009, 503, "WeChat is busy")]
#[tokio::test]
async fn when_wechat_does_not_say_who_it_was_the_browser_reads_why(
    #[case] errcode: i64,
    #[case] status: u16,
    #[case] words: &str,
) {
    let world = World::scanning().await;
    world.wechat.fault(FOLLOWER, Fault::Errcode(errcode), 100);
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    page.scanned_by("zhang");
    page.becomes("approved").await;
    let reply = page.go_on().await;
    reply.is_page(status, words);
    assert_eq!(desktop.session(), None);
    assert_eq!(world.rows(&[world.union_key("zhang"), world.open_key(SERVICE, "zhang")]).await, [None, None]);
    // And the way on is a new code for the same goal.
    world.wechat.clear_faults();
    let again = desktop.log_in_by_scan("zhang", reply.qr_link().as_str()).await;
    assert_eq!(again.received().target, "/deep");
}
