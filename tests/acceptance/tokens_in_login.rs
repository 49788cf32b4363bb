//! The account's server token as visitors notice it: not at all.

use menshen::ground::Span;
use menshen::simulator::{Fault, WrongSecret};
use rstest::rstest;

use crate::logs::Logs;
use crate::scanning::{setup, setup_with};
use crate::world::{SERVICE, Setup, World};

const STABLE: &str = "/cgi-bin/stable_token";
const CREATE: &str = "/cgi-bin/qrcode/create";

/// Acceptance: M9 (WeChat counts failures, and blocks who makes too many).
#[tokio::test]
async fn many_visitors_during_a_wrong_setting_cost_one_call() {
    let mut setup = setup();
    setup.directory = setup.directory.replace("5ec2e7000000000000000000000000b2", &"0".repeat(32));
    let world = World::scanning_with(setup).await;
    world.wechat.set_wrong_secret(WrongSecret::default());
    let logs = Logs::start();
    let browsers: Vec<_> = (0..30).map(|_| world.desktop()).collect();
    let pages = browsers.iter().map(|browser| browser.open("/deep"));
    for page in futures_util::future::join_all(pages).await {
        page.is_page(200, "This way of signing in is not available right now");
    }
    assert_eq!((world.wechat.calls(STABLE), world.wechat.calls(CREATE)), (1, 0));
    assert_eq!(logs.lines("ERROR").len(), 1, "{}", logs.text());
    world.desktop().open("/deep").await.is_page(200, "This way of signing in is not available right now");
    assert_eq!(world.wechat.calls(STABLE), 1);
    // After a pause somebody tries again.
    world.advance(Span::from_secs(61));
    world.desktop().open("/deep").await;
    assert_eq!(world.wechat.calls(STABLE), 2);
}

/// Acceptance: M9. Nobody waits long for a WeChat that does not answer, but for the first.
#[tokio::test]
async fn visitors_of_a_wechat_that_does_not_answer_do_not_all_wait_for_it() {
    let wechat = "timeout = \"1s\"\nconnect_timeout = \"500ms\"".to_owned();
    let world = World::scanning_with(Setup { wechat, ..setup() }).await;
    world.wechat.fault(CREATE, Fault::Slow(Span::from_secs(30)), 100);
    let logs = Logs::start();
    world.desktop().open("/deep").await.is_page(200, "This way of signing in is not available right now");
    let calls = world.wechat.calls(CREATE);
    for _ in 0..3 {
        let page = world.desktop().open("/deep").await;
        page.is_page(200, "This way of signing in is not available right now");
    }
    assert_eq!(world.wechat.calls(CREATE), calls);
    assert_eq!(logs.lines("WeChat gives no codes to scan").len(), 1, "{}", logs.text());
    world.wechat.clear_faults();
    world.advance(Span::from_secs(11));
    world.desktop().log_in_by_scan("zhang", "/deep").await.received();
}

/// Acceptance: M9. What the account may not do is asked once a minute, not once for every visitor.
#[tokio::test]
async fn many_visitors_of_an_account_without_codes_cost_one_call_a_minute() {
    let world = World::scanning().await;
    world.wechat.fault(CREATE, Fault::Errcode(48001), 100);
    let logs = Logs::start();
    for _ in 0..5 {
        let page = world.desktop().open("/deep").await;
        page.is_page(200, "This way of signing in is not available right now");
    }
    assert_eq!((world.wechat.calls(STABLE), world.wechat.calls(CREATE)), (1, 1));
    assert_eq!(logs.lines("ERROR").len(), 1, "{}", logs.text());
    world.wechat.clear_faults();
    world.advance(Span::from_secs(61));
    assert!(world.desktop().open("/deep").await.text().contains("data-scan "));
}

/// One token serves everybody.
#[tokio::test]
async fn many_visitors_at_once_share_one_token() {
    let world = World::scanning().await;
    let browsers: Vec<_> = (0..30).map(|_| world.desktop()).collect();
    let pages = browsers.iter().map(|browser| browser.open("/deep"));
    for page in futures_util::future::join_all(pages).await {
        assert!(page.text().contains("data-scan "), "{page}");
    }
    assert_eq!((world.wechat.calls(STABLE), world.wechat.calls(CREATE)), (1, 30));
    let scenes: std::collections::BTreeSet<_> =
        world.wechat.scene_codes().into_iter().map(|code| code.scene).collect();
    assert_eq!(scenes.len(), 30, "everybody has a code of their own");
}

/// Somebody else fetched a token by force, so ours is dead.
#[rstest]
#[case::stable("", "/cgi-bin/stable_token")]
#[case::classic("server_token = \"token\"", "/cgi-bin/token")]
#[tokio::test]
async fn a_dead_token_is_replaced_and_nobody_notices(#[case] source: &str, #[case] call: &str) {
    let world = World::scanning_with(setup_with(source, "")).await;
    world.desktop().log_in_by_scan("zhang", "/").await.received();
    assert_eq!(world.wechat.calls(call), 1);
    world.wechat.replace_tokens(SERVICE);
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    // Once more, between the code and the scan.
    world.advance(Span::from_secs(61));
    world.wechat.replace_tokens(SERVICE);
    page.scanned_by("lina");
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
    assert!(world.wechat.calls(call) <= 5, "{}", world.wechat.calls(call));
}

/// Tokens last two hours.
#[tokio::test]
async fn a_token_that_ran_out_is_renewed() {
    let world = World::scanning().await;
    for login in 1..=3 {
        world.desktop().log_in_by_scan("zhang", "/").await.received();
        assert_eq!(world.wechat.calls(STABLE), login);
        world.advance(Span::from_mins(121));
    }
}

/// Acceptance: M9 (a quota that is used up).
#[tokio::test]
async fn a_used_up_quota_is_waited_out() {
    let world = World::scanning().await;
    world.wechat.fault(STABLE, Fault::Errcode(45009), 1);
    let desktop = world.desktop();
    desktop.open("/deep").await.is_page(200, "This way of signing in is not available right now");
    world.advance(Span::from_secs(601));
    assert_eq!(desktop.log_in_by_scan("zhang", "/deep").await.received().target, "/deep");
}

/// Pages that make codes cost calls at WeChat, of which there are 100 000 a day.
#[tokio::test]
async fn one_address_may_not_make_codes_without_end() {
    // The cheaper page: drawing a code takes longer than making one.
    let world = World::scanning_with(setup_with("", "picture = \"wechat\"")).await;
    let desktop = world.desktop();
    let mut made = 0;
    let reply = loop {
        let reply = desktop.visit(crate::scanning::SCAN_LOGIN).await;
        if reply.status != 200 {
            break reply;
        }
        made += 1;
        assert!(made < 1000, "never too many");
    };
    assert!((60..120).contains(&made), "{made}");
    reply.is_page(429, "Many codes were shown in your network just now.");
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=4).contains(&seconds), "{reply}");
    assert_eq!(world.wechat.calls(CREATE), made);
    // The other ways in are open.
    desktop.log_in_by_qr("zhang", "/_menshen/login?method=scan&rt=%2Fdeep").await.received();
}
