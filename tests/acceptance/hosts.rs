//! Several host names behind one gateway: one login for all, carried over by a ticket, ended for all.

use menshen::domain::AccountId;
use menshen::ground::Span;
use reqwest::Url;
use rstest::rstest;

use crate::agent;
use crate::browser::Browser;
use crate::world::{ROUTES, Setup, World};

const SHOP: &str = "shop.localhost";
const BLOG: &str = "blog.localhost";

async fn start() -> World {
    let routes = format!(
        "{ROUTES}\n[[routes]]\nhost = \"{SHOP}\"\nupstream = \"app\"\n[[routes]]\nhost = \"{BLOG}\"\nupstream = \"app\"\n"
    );
    World::with(Setup { routes, ..Setup::default() }).await
}

/// Logs in on the way to `target` and stops at the ticket.
async fn ticket(desktop: &Browser, target: &Url) -> Url {
    let callback = desktop.come_back_from_qr("zhang", target.as_str()).await;
    let reply = desktop.navigate(&callback).await;
    assert!(reply.opens_session(), "{reply}");
    let enter = reply.location();
    assert_eq!(enter.path(), "/_menshen/enter");
    assert_eq!(enter.host_str(), target.host_str());
    enter
}

fn session_on(browser: &Browser, url: &Url) -> Option<String> {
    browser.cookie_on(url, "menshen")
}

/// Section 4 of the design: logging in happens on the public host, the session opens on the visitor's.
#[tokio::test]
async fn a_login_on_another_host_comes_back_there_with_a_session_of_its_own() {
    let world = start().await;
    let desktop = world.desktop();
    let cart = desktop.url_on(SHOP, "/cart?a=1");
    let reply = desktop.log_in_by_qr("zhang", cart.as_str()).await;
    assert_eq!(reply.url, cart);
    let received = reply.received();
    assert_eq!(received.target, "/cart?a=1");
    assert_eq!(received.header("host"), Some(format!("{SHOP}:{}", cart.port().unwrap()).as_str()));
    assert!(received.header("x-user-id").is_some());
    let (here, there) = (desktop.session().unwrap(), session_on(&desktop, &cart).unwrap());
    assert_ne!(here, there);
    // A token is good on its own host only.
    let thief = world.desktop();
    thief.set_cookie("menshen", &there);
    assert_eq!(thief.account().await, None);
    thief.set_cookie_on(&cart, "menshen", &here);
    assert_eq!(thief.navigate(&cart).await.status, 303);
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn who_is_known_on_one_host_is_let_in_on_the_others_without_wechat() {
    let world = start().await;
    let desktop = world.desktop();
    let id = desktop.log_in_by_qr("zhang", "/").await.received().header("x-user-id").unwrap().to_owned();
    for host in [SHOP, BLOG] {
        let page = desktop.url_on(host, "/page");
        let received = desktop.open_url(&page).await.received();
        assert_eq!(received.header("x-user-id"), Some(id.as_str()));
        assert_eq!(received.target, "/page");
    }
    assert_eq!((world.exchanges(), world.wechat.calls("/connect/qrconnect")), (1, 1));
}

#[tokio::test]
async fn signing_out_on_one_host_signs_out_on_all() {
    let world = start().await;
    let desktop = world.desktop();
    let (cart, blog) = (desktop.url_on(SHOP, "/"), desktop.url_on(BLOG, "/"));
    for url in [&cart, &blog] {
        let reply = if *url == cart {
            desktop.log_in_by_qr("zhang", url.as_str()).await
        } else {
            desktop.open_url(url).await
        };
        reply.received();
    }
    let other = world.desktop();
    other.log_in_by_qr("zhang", "/").await.received();
    let logout = desktop.url_on(SHOP, "/_menshen/logout");
    let reply = desktop.post_form(&logout, "scope=here", &cart.origin().ascii_serialization()).await;
    reply.is_page(200, "You have signed out");
    for url in [&cart, &blog, &desktop.url("/")] {
        let reply = desktop.navigate(url).await;
        assert_eq!(reply.status, 303, "{reply}");
    }
    // Another login of the same person goes on.
    assert!(other.account().await.is_some());
}

/// In WeChat the login page goes straight on, and whoever has signed out on another host would be signed in again.
#[tokio::test]
async fn the_login_page_of_another_host_hands_on_what_happened_and_which_method_is_wanted() {
    let world = start().await;
    let desktop = world.desktop();
    let page = desktop.url_on(SHOP, "/_menshen/login?rt=%2F&notice=logged_out&method=scan&other=1");
    let there = desktop.navigate(&page).await.location();
    assert_eq!(there.host_str(), world.public.host_str());
    let said =
        |name: &str| there.query_pairs().find(|(key, _)| key == name).map(|(_, text)| text.into_owned());
    assert_eq!((said("notice").as_deref(), said("method").as_deref()), (Some("logged_out"), Some("scan")));
    let nonsense = desktop.url_on(SHOP, "/_menshen/login?notice=%3Cb%3E&method=a%20b");
    let there = desktop.navigate(&nonsense).await.location();
    assert!(there.query_pairs().all(|(key, _)| key != "notice" && key != "method"), "{there}");

    let phone = world.browser(agent::WECHAT);
    let shop = phone.url_on(SHOP, "/");
    phone.log_in_by_wechat("wang", shop.as_str()).await.received();
    let id = AccountId::new(phone.account().await.unwrap()).unwrap();
    let sessions = world.store().sessions_of(&id).await.unwrap();
    let end = phone.url_on(SHOP, "/_menshen/account/sessions/end");
    let form = format!("session={}", sessions[0].1.login_id);
    let ended = phone.post_form(&end, &form, &shop.origin().ascii_serialization()).await;
    phone.follow(ended).await.is_page(200, "You have signed out");
    assert_eq!(phone.navigate(&shop).await.status, 303);
}

#[tokio::test]
async fn a_ticket_works_once() {
    let world = start().await;
    let desktop = world.desktop();
    let enter = ticket(&desktop, &desktop.url_on(SHOP, "/cart")).await;
    let first = desktop.navigate(&enter).await;
    assert!(first.opens_session(), "{first}");
    assert_eq!(first.location().path(), "/cart");
    desktop.navigate(&enter).await.is_page(400, "/_menshen/login");
    assert_eq!(desktop.follow(first).await.received().target, "/cart");
}

#[tokio::test]
async fn a_ticket_is_worth_nothing_in_another_browser() {
    let world = start().await;
    let (desktop, thief) = (world.desktop(), world.desktop());
    let shop = desktop.url_on(SHOP, "/cart");
    let enter = ticket(&desktop, &shop).await;
    thief.navigate(&enter).await.is_page(403, "began in another browser");
    // With a browser secret of its own, too, and then it is used up.
    let desktop = world.desktop();
    let enter = ticket(&desktop, &desktop.url_on(BLOG, "/")).await;
    thief.navigate(&desktop.url_on(BLOG, "/_menshen/login")).await;
    let reply = thief.navigate(&enter).await;
    assert!(reply.status == 400 || reply.status == 403, "{reply}");
    assert_eq!(session_on(&thief, &enter), None);
    assert!(!desktop.navigate(&enter).await.opens_session());
}

#[tokio::test]
async fn a_ticket_runs_out_after_a_minute() {
    let world = start().await;
    let desktop = world.desktop();
    let enter = ticket(&desktop, &desktop.url_on(SHOP, "/cart")).await;
    world.advance(Span::from_secs(60));
    desktop.navigate(&enter).await.is_page(400, "/_menshen/login");
    assert_eq!(session_on(&desktop, &enter), None);
    // The way on: the public host still knows the visitor.
    desktop.open_url(&desktop.url_on(SHOP, "/cart")).await.received();
}

#[tokio::test]
async fn a_ticket_is_worth_nothing_on_another_host_or_after_signing_out() {
    let world = start().await;
    let desktop = world.desktop();
    let enter = ticket(&desktop, &desktop.url_on(SHOP, "/cart")).await;
    let mut elsewhere = enter.clone();
    elsewhere.set_host(Some(BLOG)).unwrap();
    assert!(!desktop.navigate(&elsewhere).await.opens_session());
    elsewhere.set_host(Some("127.0.0.1")).unwrap();
    assert!(!desktop.navigate(&elsewhere).await.opens_session());
    let enter = desktop.open_url(&desktop.url_on(BLOG, "/_menshen/login?rt=%2Fpost")).await;
    assert_eq!(enter.received().target, "/post");

    let second = world.desktop();
    let enter = ticket(&second, &second.url_on(SHOP, "/cart")).await;
    second
        .post_form(&second.url("/_menshen/logout"), "scope=here", &world.origin())
        .await
        .is_page(200, "signed out");
    let reply = second.navigate(&enter).await;
    assert!(!reply.opens_session() && reply.status == 400, "{reply}");
}

/// Invariant 7: wherever a login was told to go, it stays on hosts of ours.
#[rstest]
#[case("https://evil.example/")]
#[case("//evil.example/")]
#[case("/\\evil.example")]
#[case("http://127.0.0.1@evil.example/")]
#[case("http://127.0.0.1.evil.example/")]
#[case("http://evil.localhost/")]
#[case("javascript:alert(1)")]
#[case("http://127.0.0.1:1/")]
#[tokio::test]
async fn a_login_never_leads_to_a_host_that_is_not_ours(#[case] goal: &str) {
    let world = start().await;
    let desktop = world.desktop();
    let encoded: String = url::form_urlencoded::byte_serialize(goal.as_bytes()).collect();
    for host in ["127.0.0.1", SHOP] {
        let page = desktop.url_on(host, &format!("/_menshen/login?rt={encoded}"));
        let landed = if desktop.session().is_none() {
            desktop.log_in_by_qr("zhang", page.as_str()).await
        } else {
            desktop.open_url(&page).await
        };
        assert_eq!(landed.received().target, "/");
        for address in desktop.trail() {
            let ours = [Some("127.0.0.1"), Some(SHOP)].contains(&address.host_str());
            assert!(ours, "{address}");
        }
    }
}

/// A name that is not ours never gets pages or cookies of ours.
#[tokio::test]
async fn a_host_that_is_not_ours_is_sent_to_the_public_one() {
    let world = start().await;
    let desktop = world.desktop();
    let strange = desktop.url_on("strange.example", "/deep");
    let reply = desktop.navigate(&strange).await;
    assert_eq!(reply.status, 303, "{reply}");
    assert_eq!(reply.location().origin(), world.public.origin());
    let own = desktop.url_on("strange.example", "/_menshen/login");
    let reply = desktop.navigate(&own).await;
    assert_eq!((reply.status, reply.set_cookies().len()), (404, 0), "{reply}");
}
