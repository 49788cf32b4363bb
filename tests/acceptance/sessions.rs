//! How long a session lives, what it is bound to, and how quickly it ends.

use std::time::Duration;

use menshen::ground::{Clock as _, Span, Token, TokenDigest};
use menshen::store::StoreError;

use crate::browser::Browser;
use crate::world::{Setup, World};

fn digest(browser: &Browser) -> TokenDigest {
    Token::parse(browser.session().unwrap().as_bytes()).unwrap().digest()
}

async fn signed_in(world: &World) -> Browser {
    let desktop = world.desktop();
    desktop.log_in_by_qr("zhang", "/").await.received();
    // The login's own news about the account are over.
    world.advance(Span::from_millis(1));
    desktop
}

/// Looks until `done` says so; a look is a whole request or question to the store.
async fn within_a_second<F: Future<Output = bool>>(mut done: impl FnMut() -> F) {
    let looking = async { while !done().await {} };
    tokio::time::timeout(Duration::from_secs(1), looking).await.expect("within a second");
}

/// Several tabs of one browser.
#[tokio::test]
async fn logins_in_three_tabs_of_one_browser_all_finish() {
    let world = World::start().await;
    let desktop = world.desktop();
    let first = desktop.show_qr("/first").await;
    let second = desktop.show_qr("/second").await;
    let third = desktop.show_qr("/third").await;
    for (tab, target) in [(second, "/second"), (third, "/third"), (first, "/first")] {
        let callback = tab.scanned_by(&desktop, "zhang", true).await;
        assert_eq!(desktop.open_url(&callback).await.received().target, target);
    }
    assert_eq!(world.exchanges(), 3);
    let account = menshen::domain::AccountId::new(desktop.account().await.unwrap()).unwrap();
    // The browser holds one cookie, so only one session may be left.
    assert_eq!(world.store().sessions_of(&account).await.unwrap().len(), 1);
}

/// Session fixation.
#[tokio::test]
async fn a_login_gives_a_new_token_and_ends_the_session_that_was_planted() {
    let world = World::start().await;
    let (attacker, victim) = (world.desktop(), world.desktop());
    attacker.log_in_by_qr("wang", "/").await.received();
    let planted = attacker.session().unwrap();
    // The victim's browser is given the attacker's session and, on a sibling path, a second one.
    victim.set_cookie("menshen", &planted);
    let callback = victim.come_back_from_qr("zhang", "/_menshen/login/scan").await;
    victim.open_url(&callback).await;
    let session = victim.session().unwrap();
    assert_ne!(session, planted);
    assert_eq!(attacker.account().await, None, "the planted session is dead");
    assert!(victim.account().await.is_some());
}

/// Session fixation by the other cookie: whoever plants the browser's secret knows no session token by it.
#[tokio::test]
async fn a_planted_browser_cookie_does_not_let_its_planter_in() {
    let world = World::start().await;
    let (attacker, victim) = (world.desktop(), world.desktop());
    attacker.open("/").await;
    let secret = attacker.cookie("menshen-browser").unwrap();
    victim.set_cookie("menshen-browser", &secret);
    let callback = victim.come_back_from_qr("zhang", "/").await;
    victim.open_url(&callback).await.received();
    assert_ne!(victim.session().as_deref(), Some(secret.as_str()));
    // The secret alone is no session, neither as a cookie nor as a bearer.
    attacker.set_cookie("menshen", &secret);
    assert_eq!(attacker.account().await, None);
}

/// A broken cookie is no cookie.
#[tokio::test]
async fn a_planted_cookie_beside_the_real_one_locks_nobody_out() {
    let world = World::start().await;
    let desktop = signed_in(&world).await;
    let session = desktop.session().unwrap();
    let stale = Token::generate(&mut rand::rng()).reveal();
    for cookie in [
        format!("menshen={stale}; menshen={session}"),
        format!("menshen={session}; menshen={stale}"),
        format!("menshen=broken; menshen=; menshen={session}"),
        format!("menshen=\"{stale}\"; x=y;;; menshen={session}"),
    ] {
        let url = desktop.url("/");
        let reply = desktop.send(http::Method::GET, &url, &[("cookie", &cookie)], None).await;
        assert_eq!(reply.status, 200, "{cookie}: {reply}");
    }
}

const SHORT: &str = "idle = \"10m\"\nabsolute = \"1h\"\nrecheck = \"60s\"";

#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let world = World::with(Setup { session: SHORT.into(), ..Setup::default() }).await;
    let desktop = signed_in(&world).await;
    world.advance(Span::from_secs(599));
    assert_eq!(desktop.fetch("/").await.status, 200);
    world.advance(Span::from_secs(601));
    let reply = desktop.fetch("/").await;
    assert_eq!(reply.status, 401, "{reply}");
    assert!(["session_expired", "login_required"].contains(&reply.error().as_str()), "{reply}");
    assert_eq!(desktop.visit("/deep").await.location().path(), "/_menshen/login");
    assert_eq!(desktop.fetch("/optional").await.received().identity(), []);
}

#[tokio::test]
async fn a_session_that_is_used_all_the_time_ends_all_the_same() {
    let world = World::with(Setup { session: SHORT.into(), ..Setup::default() }).await;
    let desktop = signed_in(&world).await;
    for _ in 0..11 {
        world.advance(Span::from_mins(5));
        assert_eq!(desktop.fetch("/").await.status, 200);
        // The idle clock is written behind the request's back; here five minutes pass at once.
        let now = world.clock.now();
        let written =
            async || world.store().session(&digest(&desktop)).await.unwrap().unwrap().last_seen_at == now;
        within_a_second(written).await;
    }
    world.advance(Span::from_mins(5));
    assert_eq!(desktop.fetch("/").await.status, 401);
    assert_eq!(desktop.account().await, None);
}

/// Most requests write nothing.
#[tokio::test]
async fn the_idle_clock_is_written_only_after_a_tenth_of_the_window() {
    let world = World::with(Setup { session: SHORT.into(), ..Setup::default() }).await;
    let desktop = signed_in(&world).await;
    let seen = async || -> Result<u64, StoreError> {
        let session = world.store().session(&digest(&desktop)).await?.unwrap();
        Ok(session.last_seen_at.millis() - session.created_at.millis())
    };
    world.advance(Span::from_secs(58));
    for _ in 0..20 {
        assert_eq!(desktop.fetch("/").await.status, 200);
    }
    assert_eq!(seen().await.unwrap(), 0);
    world.advance(Span::from_secs(2));
    assert_eq!(desktop.fetch("/").await.status, 200);
    within_a_second(async || seen().await.unwrap() == 60_001).await;
    world.advance(Span::from_secs(59));
    for _ in 0..20 {
        assert_eq!(desktop.fetch("/").await.status, 200);
    }
    assert_eq!(seen().await.unwrap(), 60_001);
}

/// Rule 4 of section 4: a revocation is heard even by a process that remembers the session.
#[tokio::test]
async fn a_session_that_somebody_else_ends_is_over_within_a_second() {
    let world = World::start().await;
    let desktop = signed_in(&world).await;
    for _ in 0..3 {
        assert_eq!(desktop.fetch("/").await.status, 200);
    }
    world.store().delete_sessions(&[digest(&desktop)]).await.unwrap();
    within_a_second(async || desktop.fetch("/").await.status == 401).await;
    assert_eq!(desktop.account().await, None);
    // Nothing that was under way brings it back.
    world.advance(Span::from_mins(2));
    assert_eq!(desktop.fetch("/").await.status, 401);
}

/// The near cache changes nothing but speed.
#[tokio::test]
async fn without_a_near_cache_everything_is_the_same() {
    let world = World::with(Setup { session: "near_cache = 0".into(), ..Setup::default() }).await;
    let desktop = signed_in(&world).await;
    assert_eq!(desktop.fetch("/").await.status, 200);
    world.store().delete_sessions(&[digest(&desktop)]).await.unwrap();
    assert_eq!(desktop.fetch("/").await.status, 401);
}
