//! The store goes away and comes back: nobody gets in by it, nobody is logged out by it.

use std::time::Duration;

use menshen::ground::{Span, Token};

use crate::browser::Browser;
use crate::redis_server::RedisServer;
use crate::world::{Setup, World};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

fn lasting() -> RedisServer {
    RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"])
}

async fn start(redis: &RedisServer) -> World {
    let session = "recheck = \"60s\"\noutage_grace = \"10m\"";
    let store_more = "timeout = \"500ms\"\nwait_timeout = \"100ms\"";
    World::with(Setup {
        store: redis.url(),
        store_more: store_more.into(),
        session: session.into(),
        ..Setup::default()
    })
    .await
}

async fn known(world: &World) -> Browser {
    let desktop = world.desktop();
    desktop.log_in_by_qr("zhang", "/").await.received();
    world.advance(Span::from_millis(1));
    desktop.fetch("/").await.received();
    desktop
}

async fn until(status: u16, browser: &Browser, path: &str) {
    let waiting = async { while browser.fetch(path).await.status != status {} };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("{path} never answered {status}"));
}

/// Section 7 of the design, invariant 5.
#[tokio::test]
async fn while_the_store_is_away_the_known_go_on_and_strangers_are_asked_to_wait() {
    let mut redis = lasting();
    let world = start(&redis).await;
    let desktop = known(&world).await;
    let account = desktop.account().await;
    let callback = world.desktop().come_back_from_qr("lina", "/").await;
    redis.stop();

    assert_eq!(desktop.fetch("/").await.received().header("x-user-id"), account.as_deref());
    world.advance(Span::from_mins(5));
    assert_eq!(desktop.fetch("/").await.received().header("x-user-id"), account.as_deref());

    // A stranger: the page of a login that cannot begin.
    let stranger = world.desktop();
    let page = stranger.open("/").await;
    page.is_page(503, "Signing in is not possible right now");
    assert!(page.header("retry-after").is_some(), "{page}");
    assert_eq!(stranger.fetch("/public").await.status, 200);
    assert_eq!(stranger.fetch("/optional").await.received().identity(), []);
    // Somebody with a token that this process does not know: neither let in nor sent away.
    stranger.set_cookie("menshen", &Token::generate(&mut rand::rng()).reveal());
    for path in ["/", "/optional", "/_menshen/userinfo"] {
        let reply = stranger.fetch(path).await;
        assert_eq!((reply.status, reply.error().as_str()), (503, "store_down"), "{path}: {reply}");
        assert!(reply.header("retry-after").is_some(), "{reply}");
    }
    stranger.visit("/").await.is_page(503, "Signing in is not possible right now");
    assert_eq!(stranger.fetch("/public").await.status, 200);
    // A callback cannot be finished now, and its code stays unused.
    let reply = stranger.navigate(&callback).await;
    reply.is_page(503, "Signing in is not possible right now");
    assert_eq!(world.exchanges(), 1);
}

/// Section 7 of the design, invariant 5.
#[tokio::test]
async fn when_the_store_is_back_everything_is_as_before_and_nobody_is_logged_out() {
    let mut redis = lasting();
    let world = start(&redis).await;
    let desktop = known(&world).await;
    let (account, session) = (desktop.account().await, desktop.session());
    let waiting = world.desktop();
    let callback = waiting.come_back_from_qr("lina", "/deep").await;
    redis.stop();
    let stranger = world.desktop();
    until(503, &stranger, "/_menshen/login").await;
    desktop.fetch("/").await.received();
    redis.restart();

    until(200, &stranger, "/_menshen/login").await;
    assert_eq!((desktop.account().await, desktop.session()), (account, session));
    // A login that was under way goes on, and new ones begin.
    assert_eq!(waiting.open_url(&callback).await.received().target, "/deep");
    stranger.log_in_by_qr("wang", "/").await.received();
}

/// Section 7 of the design: the grace ends.
#[tokio::test]
async fn the_grace_for_the_known_ends_and_even_then_nobody_is_logged_out() {
    let mut redis = lasting();
    let world = start(&redis).await;
    let desktop = known(&world).await;
    redis.stop();
    desktop.fetch("/").await.received();
    world.advance(Span::from_mins(12));
    let reply = desktop.fetch("/").await;
    assert_eq!((reply.status, reply.error().as_str()), (503, "store_down"), "{reply}");
    assert!(reply.set_cookies().is_empty(), "{reply}");
    assert!(desktop.session().is_some());
    redis.restart();
    until(200, &desktop, "/").await;
}

/// Signing out that cannot be carried out is not pretended.
#[tokio::test]
async fn signing_out_while_the_store_is_away_says_that_it_did_not_happen() {
    let mut redis = lasting();
    let world = start(&redis).await;
    let desktop = known(&world).await;
    redis.stop();
    let reply = desktop.post_form(&desktop.url("/_menshen/logout"), "scope=here", &world.origin()).await;
    reply.is_page(503, "Signing in is not possible right now");
    assert!(desktop.session().is_some());
    redis.restart();
    until(200, &desktop, "/").await;
}
