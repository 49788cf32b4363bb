//! Somebody stops following the account they signed in with.

use menshen::ground::Span;

use crate::browser::Browser;
use crate::logs::Logs;
use crate::scanning::{PATIENCE, setup_with};
use crate::world::{SERVICE, World};

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
