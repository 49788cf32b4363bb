//! Several gateways that share a Redis are one gateway; and one person who logs in many times at once is one.

use std::time::Duration;

use menshen::ground::Span;
use menshen::simulator::Consent;
use reqwest::Url;

use crate::browser::Browser;
use crate::redis_server::RedisServer;
use crate::world::{DIRECTORY, SERVICE, Setup, WEBSITE, World};

async fn two_on(redis: &RedisServer, directory: String) -> World {
    World::with(Setup { store: redis.url(), gateways: 2, directory, ..Setup::default() }).await
}

async fn two(redis: &RedisServer) -> World {
    two_on(redis, DIRECTORY.into()).await
}

/// Acceptance: U10.
#[tokio::test]
async fn a_login_begun_on_one_gateway_finishes_on_the_other_and_counts_on_both() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    let first = world.desktop();
    let second = first.at(1);
    let callback = first.come_back_from_qr("zhang", "/deep").await;
    assert_eq!(second.open_url(&callback).await.received().target, "/deep");
    let (one, other) = (first.account().await, second.account().await);
    assert!(one.is_some() && one == other);
    // The second delivery, too, may reach the other gateway.
    let session = first.session();
    assert_eq!(first.open_url(&callback).await.received().target, "/deep");
    assert_eq!((first.session(), world.exchanges()), (session, 1));
}

/// Acceptance: U10, M3c.
#[tokio::test]
async fn a_callback_that_reaches_both_gateways_at_once_exchanges_once() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    for round in 1..=10 {
        let first = world.desktop();
        let second = first.at(1);
        let callback = first.come_back_from_qr("zhang", "/deep").await;
        let (one, other) = tokio::join!(first.navigate(&callback), second.navigate(&callback));
        assert!(one.opens_session(), "{one}");
        assert_eq!((one.location(), one.set_cookies()), (other.location(), other.set_cookies()));
        assert_eq!(world.exchanges(), round);
    }
}

/// Acceptance: U10.
#[tokio::test]
async fn signing_out_on_one_gateway_is_heard_by_the_other_within_a_second() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    let first = world.desktop();
    let second = first.at(1);
    first.log_in_by_qr("zhang", "/").await.received();
    world.advance(Span::from_millis(1));
    let session = first.session().unwrap();
    for _ in 0..3 {
        assert_eq!((first.fetch("/").await.status, second.fetch("/").await.status), (200, 200));
    }
    first
        .post_form(&first.url("/_menshen/logout"), "scope=here", &world.origin())
        .await
        .is_page(200, "signed out");
    first.set_cookie("menshen", &session);
    assert_eq!(first.fetch("/").await.status, 401);
    let heard = async { while second.fetch("/").await.status == 200 {} };
    tokio::time::timeout(Duration::from_secs(1), heard).await.expect("heard within a second");
    assert_eq!(second.fetch("/").await.error(), "login_required");
}

/// Acceptance: U10 (assertions).
#[tokio::test]
async fn both_gateways_sign_with_one_key() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    let first = world.desktop();
    let keys = first.fetch("/_menshen/jwks.json").await.json();
    assert_eq!(first.at(1).fetch("/_menshen/jwks.json").await.json(), keys);
}

/// One login up to its callback: what is still to be asked for, and by which browser.
struct Ready {
    browser: Browser,
    callback: Url,
}

/// How many racers a test sends off at once.
const RACERS: usize = 50;

/// Lets everybody come back from WeChat at the same moment; answers the account ids they became.
async fn race(ready: Vec<Ready>) -> Vec<String> {
    let racers: Vec<_> = ready
        .into_iter()
        .map(|ready| async move {
            let received = ready.browser.open_url(&ready.callback).await.received();
            received.header("x-user-id").unwrap().to_owned()
        })
        .collect();
    futures_util::future::join_all(racers).await
}

/// Racers of one person through both apps, spread over the gateways.
async fn through_both_apps(world: &World, gateways: usize) -> Vec<Ready> {
    world.wechat.set_consent(Consent::Silent);
    let mut ready = Vec::new();
    for racer in 0..RACERS {
        let (browser, by_qr) = if racer % 2 == 0 { (world.desktop(), true) } else { (world.phone(), false) };
        let browser = browser.at(racer % 3 % gateways);
        let callback = if by_qr {
            browser.come_back_from_qr("zhang", "/").await
        } else {
            browser.come_back_from_wechat("zhang", "/").await
        };
        let other = browser.at((racer + 1) % gateways);
        ready.push(Ready { browser: other, callback });
    }
    ready
}

async fn is_one_account_with_three_rows(world: &World, ids: &[String]) {
    assert_eq!(ids.len(), RACERS);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let keys = [world.union_key("zhang"), world.open_key(WEBSITE, "zhang"), world.open_key(SERVICE, "zhang")];
    for row in world.rows(&keys).await {
        let row = row.unwrap();
        assert!(row.settled, "{row:?}");
        assert_eq!(row.accounts.iter().map(|id| id.as_str()).collect::<Vec<_>>(), [ids[0].as_str()]);
    }
    let mut known = world.stored_account(&ids[0]).await.unwrap().identities;
    known.sort_by_key(menshen::domain::IdentityKey::storage_key);
    let mut expected = keys.to_vec();
    expected.sort_by_key(menshen::domain::IdentityKey::storage_key);
    assert_eq!(known, expected);
}

/// Acceptance: A13.
#[tokio::test]
async fn fifty_first_logins_of_one_person_at_once_make_one_account() {
    let world = World::start().await;
    let ready = through_both_apps(&world, 1).await;
    let ids = race(ready).await;
    is_one_account_with_three_rows(&world, &ids).await;
}

/// Acceptance: A13, U10.
#[tokio::test]
async fn fifty_first_logins_of_one_person_at_once_on_two_gateways_make_one_account() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    let ready = through_both_apps(&world, 2).await;
    let ids = race(ready).await;
    is_one_account_with_three_rows(&world, &ids).await;
}

/// A silent method beside the one with consent, on the same app: it never tells a UnionID.
const SILENT: &str = r#"
[[methods]]
id = "silent"
kind = "official_account_web"
app = "service"
scope = "snsapi_base"
"#;

/// Acceptance: A13 (with and without UnionID), U10.
#[tokio::test]
async fn first_logins_with_and_without_unionid_at_once_make_one_account() {
    let redis = RedisServer::start(&[]);
    let world = two_on(&redis, format!("{DIRECTORY}{SILENT}")).await;
    world.wechat.set_consent(Consent::Silent);
    let mut ready = Vec::new();
    for racer in 0..RACERS {
        let method = if racer % 2 == 0 { "silent" } else { "wechat" };
        let browser = world.phone().at(racer % 3 % 2);
        let target = format!("/_menshen/login/{method}?rt=%2F");
        let callback = browser.come_back_from_wechat("zhang", &target).await;
        ready.push(Ready { browser, callback });
    }
    let ids = race(ready).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for key in [world.union_key("zhang"), world.open_key(SERVICE, "zhang")] {
        let row = world.row(&key).await.unwrap();
        assert!(row.settled && row.accounts.len() == 1 && row.accounts[0].as_str() == ids[0], "{row:?}");
    }
}
