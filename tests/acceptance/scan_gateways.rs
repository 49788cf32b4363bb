//! Two gateways on one Redis: the page waits at one, WeChat's message arrives at the other.

use menshen::simulator::{PushFormat, PushMode, PushTrouble};

use crate::redis_server::RedisServer;
use crate::scanning::{setup, setup_with};
use crate::world::{Setup, World};

async fn two(redis: &RedisServer, setup: Setup) -> World {
    let world = World::with(Setup { store: redis.url(), gateways: 2, ..setup }).await;
    world.push_to(1, PushMode::Secure, PushFormat::Xml).await;
    world
}

/// Acceptance: M5a, M5b, U10.
#[tokio::test]
async fn a_page_at_one_gateway_hears_of_a_scan_told_to_the_other() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis, setup()).await;
    for (round, person) in ["zhang", "zhang", "lina"].into_iter().enumerate() {
        let desktop = world.desktop();
        let page = desktop.show_code("/deep").await;
        let mut events = page.listen().await;
        assert_eq!(events.next().await.unwrap()["state"], "waiting");
        page.scanned_by(person);
        events.until("approved").await;
        // The browser may go on at either of them.
        let finishing = desktop.at(round % 2);
        let reply = finishing.open(&page.finish_href()).await;
        assert_eq!(reply.received().target, "/deep");
        assert_eq!(desktop.account().await, finishing.at(1).account().await);
        assert!(desktop.account().await.is_some());
    }
    assert_eq!(world.wechat.calls("/cgi-bin/stable_token"), 1, "one token for both");
}

/// Acceptance: M5c, U10.
#[tokio::test]
async fn a_message_that_reaches_both_gateways_counts_once() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis, setup()).await;
    world.is_followed_by("zhang").await;
    world.wechat.set_push_trouble(PushTrouble { copies: 2, ..PushTrouble::default() });
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    let told = world.wechat.chat(crate::world::SERVICE, "zhang").len();
    page.scanned_by("zhang");
    world.wechat.settled().await;
    // The same request again, to the other gateway: WeChat's retries may go anywhere.
    world.push_to(0, PushMode::Secure, PushFormat::Xml).await;
    world.wechat.replay_push(crate::world::SERVICE).unwrap();
    world.wechat.settled().await;
    page.becomes("approved").await;
    assert_eq!(world.wechat.chat(crate::world::SERVICE, "zhang").len(), told + 1);
    page.go_on().await.received();
    assert_eq!(world.wechat.calls("/cgi-bin/user/info"), 1);
}

/// Acceptance: M5a, U10: finishing at both gateways at once opens one session.
#[tokio::test]
async fn a_login_that_is_finished_at_both_gateways_at_once_has_one_session() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis, setup()).await;
    for _ in 0..5 {
        let first = world.desktop();
        let page = first.show_code("/deep").await;
        page.scanned_by("zhang");
        page.becomes("approved").await;
        let (second, target) = (first.at(1), page.finish_href());
        let (one, other) = tokio::join!(first.visit(&target), second.visit(&target));
        assert!(one.opens_session(), "{one}");
        assert_eq!((one.location(), one.set_cookies()), (other.location(), other.set_cookies()));
    }
}

/// Acceptance: M5a with `confirm`, U10: every step at another gateway.
#[tokio::test]
async fn a_confirmed_login_may_change_gateways_at_every_step() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis, setup_with("", "confirm = true")).await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/deep").await;
    let mut events = page.listen().await;
    page.scanned_by("zhang");
    events.until("scanned").await;
    world.wechat.settled().await;
    let link = crate::confirm::link(&world, "zhang");
    crate::confirm::answer(&phone.at(1), &link, "yes").await.is_page(200, "You have confirmed");
    events.until("approved").await;
    assert_eq!(desktop.at(1).open(&page.finish_href()).await.received().target, "/deep");
}
