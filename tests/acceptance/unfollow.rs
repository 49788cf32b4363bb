//! Somebody stops following the account they signed in with.

use menshen::domain::{AccountId, IdentityRow};
use menshen::ground::{Span, Token};
use menshen::login::PushOutcome;
use menshen::store::Store as _;

use crate::bench::Bench;
use crate::browser::Browser;
use crate::faulty_store::Fails;
use crate::logs::Logs;
use crate::scanning::{PATIENCE, setup_with};
use crate::world::{SERVICE, World, open_key};

async fn until_out(browser: &Browser) {
    let out = async { while browser.fetch("/").await.status == 200 {} };
    tokio::time::timeout(PATIENCE, out).await.expect("signed out");
    assert_eq!(browser.fetch("/").await.error(), "login_required");
}

/// Acceptance: M5h.
#[tokio::test]
async fn by_default_sessions_go_on_and_it_is_noted() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    desktop.log_in_by_scan("zhang", "/").await.received();
    let logs = Logs::start();
    world.wechat.unfollow(SERVICE, "zhang").unwrap();
    world.wechat.settled().await;
    assert_eq!(logs.lines("unfollowed").len(), 1, "{}", logs.text());
    assert!(!logs.text().contains(&world.wechat.openid(SERVICE, "zhang")), "{}", logs.text());
    world.advance(Span::from_mins(2));
    desktop.fetch("/").await.received();
}

/// Acceptance: M5h, U11. Who did what can be told, and nobody's OpenID is there.
#[tokio::test]
async fn the_audit_lines_of_one_person_belong_together() {
    let world = World::scanning_with(setup_with("", "on_unfollow = \"end_sessions\"")).await;
    let logs = Logs::start();
    let (desktop, other) = (world.desktop(), world.desktop());
    desktop.log_in_by_scan("zhang", "/").await.received();
    other.log_in_by_scan("lina", "/").await.received();
    let account = desktop.account().await.unwrap();
    world.wechat.unfollow(SERVICE, "zhang").unwrap();
    world.wechat.settled().await;
    until_out(&desktop).await;
    let field = |line: &str, name: &str| {
        let value = line.split(&format!(" {name}=")).nth(1).and_then(|rest| rest.split(' ').next());
        value.unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
    };
    let (scanned, logins) = (logs.lines("event=\"scanned\""), logs.lines("event=\"login\""));
    assert_eq!((scanned.len(), logins.len()), (2, 2), "{}", logs.text());
    for (scan, login) in scanned.iter().zip(&logins) {
        assert_eq!(field(scan, "flow"), field(login, "flow"));
    }
    let person = field(&scanned[0], "person");
    assert_ne!(person, field(&scanned[1], "person"));
    assert_eq!(field(&logs.lines("event=\"unfollowed\"")[0], "person"), person);
    let ended = logs.lines("event=\"sessions_ended\"");
    assert_eq!((ended.len(), field(&ended[0], "person"), field(&ended[0], "account")), (1, person, account));
    for person in ["zhang", "lina"] {
        assert!(!logs.text().contains(&world.wechat.openid(SERVICE, person)), "{}", logs.text());
    }
}

/// Acceptance: M5h (an error of ours: WeChat is told so, and its next try ends them).
#[tokio::test]
async fn a_store_that_fails_while_sessions_end_has_wechat_say_it_again() {
    let bench = Bench::start("on_unfollow = \"end_sessions\"").await;
    let open_id = bench.simulator.handle().openid(SERVICE, "zhang");
    let account = AccountId::new("a").unwrap();
    let row = IdentityRow::settled(account.clone());
    bench.store.claim_identity(&open_key("people", SERVICE, &open_id), &row).await.unwrap();
    for fails in [Fails::Before, Fails::After, Fails::StallsBefore, Fails::StallsAfter] {
        for call in 0.. {
            let digest = Token::generate(&mut rand::rng()).digest();
            let session = bench.session(&account, &open_id);
            bench.store.put_session(&digest, &session, Span::from_mins(1)).await.unwrap();
            bench.store.fail_at(bench.store.calls() + call, fails);
            let first = bench.push(&bench.unfollow(1)).await;
            bench.store.heal();
            if first.is_err() {
                assert_eq!(bench.push(&bench.unfollow(2)).await.unwrap(), PushOutcome::Other);
            }
            assert!(bench.store.session(&digest).await.unwrap().is_none(), "call {call} {fails:?}");
            if first.is_ok() {
                assert!(call >= 3, "{call} calls {fails:?}");
                break;
            }
        }
    }
}

/// Acceptance: M5h.
#[tokio::test]
async fn where_the_operator_wants_it_the_sessions_of_that_account_end() {
    let world = World::scanning_with(setup_with("", "on_unfollow = \"end_sessions\"")).await;
    let (scanned, second, inside) = (world.desktop(), world.desktop(), world.phone());
    scanned.log_in_by_scan("zhang", "/").await.received();
    second.log_in_by_scan("zhang", "/").await.received();
    inside.log_in_by_wechat("zhang", "/").await.received();
    let (website, lina) = (world.desktop(), world.desktop());
    website.log_in_by_qr("zhang", "/_menshen/login?method=scan").await.received();
    lina.log_in_by_scan("lina", "/").await.received();
    assert_eq!(website.account().await, scanned.account().await);
    world.wechat.unfollow(SERVICE, "zhang").unwrap();
    world.wechat.settled().await;
    // Those that were opened through the account, on whichever screen.
    for browser in [&scanned, &second, &inside] {
        until_out(browser).await;
    }
    // Not the one through the website, and nobody else's.
    world.advance(Span::from_mins(2));
    for browser in [&website, &lina] {
        browser.fetch("/").await.received();
    }
    // Coming back is following again, to the same account.
    let id = website.account().await;
    scanned.log_in_by_scan("zhang", "/").await.received();
    assert_eq!(scanned.account().await, id);
}
