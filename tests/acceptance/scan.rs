//! Logging in by scanning a service account's code: a computer shows it, a phone scans it, the computer is in.

use menshen::ground::Span;
use menshen::simulator::{Person, UnionId};
use rstest::rstest;

use crate::reply::{between, unescaped};
use crate::scanning::{directory, key, setup, setup_with};
use crate::world::{ROUTES, SERVICE, Setup, WEBSITE, World};

/// The call that tells who a follower is.
const FOLLOWER: &str = "/cgi-bin/user/info";

/// Acceptance: M5a.
#[tokio::test]
async fn who_scans_and_follows_is_logged_in_on_the_computer() {
    let headers = "method = \"X-User-Method\"".into();
    let world = World::scanning_with(Setup { headers, ..setup() }).await;
    let desktop = world.desktop();
    let page = desktop.show_code("/deep?a=1").await;
    page.reply.is_page(200, "Scan with WeChat and follow to sign in");
    assert!(page.reply.text().contains("<svg"), "{}", page.reply);
    let mut events = page.listen().await;
    assert_eq!(events.next().await.unwrap()["state"], "waiting");
    page.scanned_by("zhang");
    events.until("approved").await;
    assert_eq!(events.next().await, None, "nothing more will happen");
    let reply = page.go_on().await;
    let received = reply.received();
    assert_eq!(received.target, "/deep?a=1");
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(SERVICE, "zhang").as_str()));
    assert_eq!(received.header("x-user-unionid"), world.wechat.unionid(SERVICE, "zhang").as_deref());
    assert_eq!(received.header("x-user-appid"), Some(SERVICE));
    assert_eq!(received.header("x-user-method"), Some("follow"));
    let id = received.header("x-user-id").unwrap();
    assert_eq!(desktop.account().await.as_deref(), Some(id));
    let push = world.wechat.pushes(SERVICE).pop().unwrap();
    assert_eq!((push.event.as_str(), push.attempts), ("subscribe", 1));
    assert_eq!(world.wechat.calls(FOLLOWER), 1);
}

/// Acceptance: M5b.
#[tokio::test]
async fn who_follows_already_scans_and_is_logged_in() {
    let world = World::scanning().await;
    world.is_followed_by("lina").await;
    let received = world.desktop().log_in_by_scan("lina", "/deep").await.received();
    assert_eq!(received.target, "/deep");
    assert_eq!(received.header("x-user-unionid"), world.wechat.unionid(SERVICE, "lina").as_deref());
    let events: Vec<_> = world.wechat.pushes(SERVICE).into_iter().map(|push| push.event).collect();
    assert_eq!(events, ["subscribe", "SCAN"]);
}

/// Acceptance: M5a, A5.
#[tokio::test]
async fn a_person_without_unionid_is_logged_in_by_openid_alone() {
    let world = World::scanning().await;
    let first = world.desktop().log_in_by_scan("wang", "/").await.received();
    assert_eq!(first.header("x-user-unionid"), None);
    let again = world.desktop().log_in_by_scan("wang", "/").await.received();
    assert_eq!(first.header("x-user-id"), again.header("x-user-id"));
    let id = first.header("x-user-id").unwrap();
    assert_eq!(world.stored_account(id).await.unwrap().identities, [world.open_key(SERVICE, "wang")]);
}

/// Acceptance: M5a (A2: the UnionID that `user/info` tells).
#[rstest]
#[case::website_first(true)]
#[case::account_first(false)]
#[tokio::test]
async fn a_person_is_one_account_by_the_websites_code_and_by_the_accounts(#[case] website_first: bool) {
    let world = World::scanning().await;
    let by_website = async || world.desktop().log_in_by_qr("zhang", "/_menshen/login?method=scan").await;
    let by_account = async || world.desktop().log_in_by_scan("zhang", "/").await;
    let (one, other) = if website_first {
        (by_website().await, by_account().await)
    } else {
        (by_account().await, by_website().await)
    };
    let ids = [one, other].map(|reply| reply.received().header("x-user-id").unwrap().to_owned());
    assert_eq!(ids[0], ids[1]);
    let rows = [world.union_key("zhang"), world.open_key(WEBSITE, "zhang"), world.open_key(SERVICE, "zhang")];
    for row in world.rows(&rows).await {
        let row = row.unwrap();
        assert!(row.settled && row.accounts.len() == 1 && row.accounts[0].as_str() == ids[0], "{row:?}");
    }
}

/// Acceptance: M5a, and in WeChat's own browser the same person by the same account.
#[tokio::test]
async fn the_same_account_in_wechats_browser_and_by_its_code_is_one_person() {
    let world = World::scanning().await;
    let scanned = world.desktop().log_in_by_scan("maria", "/").await.received();
    let inside = world.phone().log_in_by_wechat("maria", "/").await.received();
    assert_eq!(scanned.header("x-user-id"), inside.header("x-user-id"));
    assert_eq!(inside.header("x-user-openid"), scanned.header("x-user-openid"));
}

/// Acceptance: M5a (many at once, each their own).
#[tokio::test]
async fn two_people_at_two_computers_do_not_get_each_others_login() {
    let world = World::scanning().await;
    let (one, other) = (world.desktop(), world.desktop());
    let (first, second) = (one.show_code("/one").await, other.show_code("/other").await);
    assert_ne!(first.code.scene, second.code.scene);
    second.scanned_by("lina");
    second.becomes("approved").await;
    assert_eq!(first.state_name().await, "waiting");
    first.scanned_by("zhang");
    first.becomes("approved").await;
    for (page, person, target) in [(&first, "zhang", "/one"), (&second, "lina", "/other")] {
        let received = page.go_on().await.received();
        assert_eq!(received.target, target);
        assert_eq!(received.header("x-user-unionid"), world.wechat.unionid(SERVICE, person).as_deref());
    }
}

/// Acceptance: M5a (a hand-over to another host, section 4 of the design).
#[tokio::test]
async fn a_login_for_another_host_ends_there_with_a_session_of_its_own() {
    const SHOP: &str = "shop.localhost";
    let routes = format!("{ROUTES}\n[[routes]]\nhost = \"{SHOP}\"\nupstream = \"app\"\n");
    let world = World::scanning_with(Setup { routes, ..setup() }).await;
    let desktop = world.desktop();
    let cart = desktop.url_on(SHOP, "/cart?a=1");
    let page = desktop.show_code(cart.as_str()).await;
    assert_eq!(page.reply.url.host_str(), Some("127.0.0.1"), "codes are shown on the public host");
    page.scanned_by("zhang");
    page.becomes("approved").await;
    // The chat names the site that is signed in to.
    assert!(world.last_text("zhang").unwrap().contains(SHOP), "{:?}", world.last_text("zhang"));
    let reply = page.go_on().await;
    assert_eq!(reply.url, cart);
    assert_eq!(reply.received().target, "/cart?a=1");
    let (here, there) = (desktop.session().unwrap(), desktop.cookie_on(&cart, "menshen").unwrap());
    assert_ne!(here, there);
}

/// Acceptance: M5a (a session is one of the usual kind).
#[tokio::test]
async fn a_scanned_session_is_as_any_other_and_replaces_the_one_before() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    desktop.log_in_by_scan("zhang", "/").await.received();
    let first = desktop.session().unwrap();
    world.advance(Span::from_millis(1));
    desktop
        .post_form(&desktop.url("/_menshen/logout"), "scope=here", &world.origin())
        .await
        .is_page(200, "signed out");
    assert_eq!(desktop.session(), None);
    desktop.log_in_by_scan("zhang", "/").await.received();
    assert_ne!(desktop.session().unwrap(), first);
    let thief = world.desktop();
    thief.set_cookie("menshen", &first);
    assert_eq!(thief.account().await, None);
}

/// Acceptance: M5a, A14.
#[tokio::test]
async fn a_disabled_person_is_told_so_after_the_scan() {
    let world = World::scanning().await;
    let id = world.desktop().log_in_by_scan("zhang", "/").await.received();
    let mut account = world.stored_account(id.header("x-user-id").unwrap()).await.unwrap();
    account.status = menshen::domain::Status::Disabled;
    account.version += 1;
    assert!(world.store().update_account(&account).await.unwrap());
    let desktop = world.desktop();
    desktop.log_in_by_scan("zhang", "/").await.is_page(403, "This account is disabled");
    assert_eq!((desktop.session(), desktop.account().await), (None, None));
}

/// Acceptance: M5a, B2.
#[rstest]
#[case::pool(true)]
#[case::method(false)]
#[tokio::test]
async fn with_closed_registration_a_stranger_is_told_why_and_leaves_no_trace(#[case] pool: bool) {
    let closed = "registration = \"closed\"";
    let mut setup = setup_with("", if pool { "" } else { closed });
    if pool {
        setup.directory =
            setup.directory.replacen("id = \"people\"", &format!("id = \"people\"\n{closed}"), 1);
    }
    let world = World::scanning_with(setup).await;
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    page.scanned_by("zhang");
    page.becomes("approved").await;
    let reply = page.go_on().await;
    reply.is_page(403, "No account for this WeChat");
    assert_eq!(desktop.session(), None);
    assert_eq!(world.rows(&[world.union_key("zhang"), world.open_key(SERVICE, "zhang")]).await, [None, None]);
    assert!(world.app.received().is_empty());
    // Asking again tells the same, and so does the page that is still open.
    page.go_on().await.is_page(403, "No account for this WeChat");
    assert_eq!(page.state_name().await, "approved");
}

/// Acceptance: M5a (a person who changes between scan and finish is who scanned).
#[tokio::test]
async fn the_unionid_is_the_one_that_wechat_told_at_the_scan() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    page.scanned_by("zhang");
    page.becomes("approved").await;
    let told = world.wechat.unionid(SERVICE, "zhang");
    world
        .wechat
        .put_person(Person { unionid: UnionId::Fixed("another".into()), ..Person::new("zhang", "张伟") })
        .unwrap();
    let received = page.go_on().await.received();
    assert_eq!(received.header("x-user-unionid"), told.as_deref());
}

/// Acceptance: M5a (`picture = "wechat"`).
#[tokio::test]
async fn wechats_own_picture_is_shown_through_us_to_the_browser_that_began() {
    let world = World::scanning_with(setup_with("", "picture = \"wechat\"")).await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    let text = page.reply.text();
    assert!(!text.contains("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "), "{text}");
    let (_, code) = text.split_once("data-code").unwrap();
    let source = unescaped(between(code, "<img src=\"", "\""));
    assert!(source.starts_with("/_menshen/flow/qr.jpg?flow="), "{source}");
    let picture = desktop.fetch(&source).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/jpeg")), "{picture}");
    assert!(picture.body.starts_with(b"\xFF\xD8\xFF"));
    assert_eq!(picture.header("cache-control"), Some("no-store"));
    // Anybody else gets nothing, and WeChat is not asked for them.
    let asked = world.wechat.calls("/cgi-bin/showqrcode");
    let stranger = world.desktop().fetch(&source).await;
    assert_eq!((stranger.status, stranger.error().as_str()), (403, "foreign_browser"));
    assert_eq!(world.wechat.calls("/cgi-bin/showqrcode"), asked);
    page.scanned_by("zhang");
    page.becomes("approved").await;
    page.go_on().await.received();
}

/// Acceptance: M5d (an account without an EncodingAESKey: plain mode is enough to log in).
#[tokio::test]
async fn an_account_without_a_key_logs_in_in_plain_mode() {
    use menshen::simulator::{PushFormat, PushMode};
    let world = World::with(Setup { directory: directory("", ""), ..Setup::default() }).await;
    assert!(!directory("", "").contains(&key()));
    world.push_to(0, PushMode::Plain, PushFormat::Xml).await;
    let received = world.desktop().log_in_by_scan("zhang", "/deep").await.received();
    assert_eq!(received.target, "/deep");
}
