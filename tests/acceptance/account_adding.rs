//! Another WeChat for the account: added on the account page, by any method, and only by who is logged in to it.

use menshen::ground::Span;
use reqwest::Url;

use crate::account_page::{ADDED, PAGE, buttons};
use crate::confirm::{agrees, says};
use crate::logs::Logs;
use crate::reply::{between, unescaped};
use crate::scanning::setup;
use crate::world::{ROUTES, SERVICE, Setup, WEBSITE, World};

/// Acceptance: B19, B15: a WeChat that was added logs in to the account at once; adding it opens no session.
#[tokio::test]
async fn a_wechat_that_was_added_logs_in_to_the_account() {
    let logs = Logs::start();
    let world = World::scanning().await;
    // By a code of the service account, and by WeChat's own, neither of whom has a UnionID.
    for (owner, added, by_scan) in [("zhang", "wang", true), ("lina", "nemo", false)] {
        let desktop = if by_scan { world.signed_in(owner).await } else { world.follower(owner).await };
        let id = desktop.account().await.unwrap();
        let session = desktop.session();
        let page = match by_scan {
            true => world.add_by_scan(&desktop, added).await,
            false => world.add_by_qr(&desktop, added).await,
        };
        page.is_page(200, ADDED);
        assert_eq!(page.url.path(), PAGE);
        assert_eq!((desktop.session(), world.sessions_of(&id).await), (session, 1), "no new session");
        assert_eq!((buttons(&page, "wechat").len(), buttons(&page, "method").len()), (2, 0), "{page}");
        assert!(page.text().contains("already has a WeChat for every way"), "{page}");
        let other = if by_scan { world.follower(added).await } else { world.signed_in(added).await };
        assert_eq!(other.account().await, Some(id));
    }
    assert_eq!(logs.events("attached").len(), 2, "{}", logs.text());
}

/// Acceptance: B16: a WeChat of another account, and a second one of the same kind, are explained; nothing changes.
#[tokio::test]
async fn a_wechat_that_cannot_be_added_is_explained() {
    let world = World::scanning().await;
    let zhang = world.signed_in("zhang").await;
    let wang = world.follower("wang").await;
    let before = (world.account_of(&zhang).await, world.account_of(&wang).await);
    let taken = world.add_by_scan(&zhang, "wang").await;
    taken.is_page(409, "This WeChat belongs to another account");
    assert!(taken.text().contains("Back to my account"), "{taken}");
    // Another person of the website, and another UnionID by an app that the account has nothing of.
    for page in [world.add_by_qr(&zhang, "nemo").await, world.add_by_scan(&zhang, "lina").await] {
        page.is_page(409, "Your account already has another WeChat here");
    }
    assert_eq!((world.account_of(&zhang).await, world.account_of(&wang).await), before);
    for key in [world.open_key(WEBSITE, "nemo"), world.open_key(SERVICE, "lina"), world.union_key("lina")] {
        assert_eq!(world.row(&key).await, None);
    }
    zhang.visit(PAGE).await.is_page(200, "My account");
}

/// Acceptance: B15, M5b: whoever is asked about adding their WeChat reads about that, in the chat and after answering.
#[tokio::test]
async fn whoever_adds_their_wechat_reads_nothing_about_signing_in() {
    let world = World::scanning().await;
    let zhang = world.signed_in("zhang").await;
    for (answer, told) in
        [("no", "Your WeChat was not added"), ("yes", "your WeChat is added to the account")]
    {
        let begun = world.form(&zhang, "wechats/add", "method=follow").await.location();
        let page = zhang.show_code(begun.as_str()).await;
        let reply = says(&world, &page, "wang", answer).await;
        assert!(reply.text().contains(told) && !reply.text().contains("signed in"), "{reply}");
        let chat = world.last_text("wang").unwrap();
        assert!(chat.contains("绑定"), "{chat}");
    }
}

/// Acceptance: A9, B18: it counts only where who began it is logged in to that account still.
#[tokio::test]
async fn who_is_no_longer_logged_in_adds_nothing() {
    let world = World::scanning().await;
    for later in [None, Some("lina")] {
        let zhang = world.signed_in("zhang").await;
        let id = zhang.account().await.unwrap();
        let begun = world.form(&zhang, "wechats/add", "method=follow").await.location();
        let page = zhang.show_code(begun.as_str()).await;
        zhang.post_form(&zhang.url("/_menshen/logout"), "scope=here", &world.origin()).await;
        if let Some(other) = later {
            zhang.log_in_by_qr(other, "/_menshen/login?method=scan&rt=%2F").await.received();
        }
        agrees(&world, &page, "wang").await;
        page.go_on().await.is_page(403, "You are no longer signed in to that account");
        assert_eq!(world.row(&world.open_key(SERVICE, "wang")).await, None);
        assert_eq!(world.stored_account(&id).await.unwrap().wechats().len(), 1);
        assert_eq!(zhang.session().is_some(), later.is_some());
    }
}

/// Acceptance: A9: the address of a page that adds is worth nothing elsewhere, and none can be made up.
#[tokio::test]
async fn adding_begins_only_with_our_form_in_that_browser_and_session() {
    let world = World::scanning().await;
    let (zhang, lina) = (world.signed_in("zhang").await, world.signed_in("lina").await);
    let begun = world.form(&zhang, "wechats/add", "method=follow").await.location();
    let login = lina.open_url(&begun).await;
    login.is_page(200, "My account");
    assert_eq!(login.url.path(), PAGE);
    let stranger = world.desktop();
    assert!(stranger.open_url(&begun).await.url.path().ends_with("/login"));
    for made_up in ["", "x", &"A".repeat(43)] {
        let page = zhang.open(&format!("/_menshen/login?method=follow&add={made_up}")).await;
        assert_eq!(page.url.path(), PAGE, "{page}");
        let page = zhang.open(&format!("/_menshen/login/scan?add={made_up}")).await;
        assert_eq!(page.url.path(), PAGE, "{page}");
    }
    // Nor in a later session of the same browser.
    zhang.post_form(&zhang.url("/_menshen/logout"), "scope=here", &world.origin()).await;
    zhang.log_in_by_qr("zhang", "/_menshen/login?method=scan&rt=%2F").await.received();
    assert_eq!(zhang.open_url(&begun).await.url.path(), PAGE);
    for method in ["wechat", "none", ""] {
        let refused = world.form(&zhang, "wechats/add", &format!("method={method}")).await;
        assert_eq!(refused.status, 404, "{method}: {refused}");
    }
}

/// Acceptance: B14, M3d: who says no, or takes too long, is back at the account page, which says so.
#[tokio::test]
async fn who_says_no_or_takes_too_long_is_back_at_the_account_page() {
    let world = World::scanning().await;
    let zhang = world.follower("zhang").await;
    let begun = world.form(&zhang, "wechats/add", "method=scan").await.location();
    let code = zhang.show_qr(begun.as_str()).await;
    let callback = code.scanned_by(&zhang, "nemo", false).await;
    let page = zhang.open_url(&callback).await;
    page.is_page(200, "Nothing was added: you cancelled it in WeChat");
    assert_eq!(page.url.path(), PAGE);
    let wang = world.signed_in("wang").await;
    let begun = world.form(&wang, "wechats/add", "method=follow").await.location();
    let page = wang.show_code(begun.as_str()).await;
    world.advance(Span::from_mins(4));
    page.go_on().await.is_page(200, "Nothing was added: it took too long");
}

/// Acceptance: B19: a WeChat is added on the host that logins happen on; elsewhere a link leads there.
#[tokio::test]
async fn on_another_host_the_page_leads_to_where_wechats_are_added() {
    const SHOP: &str = "shop.localhost";
    let routes = format!("{ROUTES}\n[[routes]]\nhost = \"{SHOP}\"\nupstream = \"app\"\n");
    let world = World::scanning_with(Setup { routes, ..setup() }).await;
    let desktop = world.signed_in("zhang").await;
    let page = desktop.open_url(&desktop.url_on(SHOP, PAGE)).await;
    page.is_page(200, "My account");
    assert_eq!((page.url.host_str(), buttons(&page, "method").len()), (Some(SHOP), 0));
    assert!(page.text().contains(SHOP), "the login is for both hosts: {page}");
    let link = Url::parse(&unescaped(between(&page.text(), "class=\"hint\"><a href=\"", "\""))).unwrap();
    assert_eq!(link, desktop.url(PAGE));
    assert_eq!(buttons(&desktop.open_url(&link).await, "method").len(), 1);
    // A form that was made there all the same leads there too.
    let form = desktop.url_on(SHOP, &format!("{PAGE}/wechats/add"));
    let origin = form.origin().ascii_serialization();
    assert_eq!(desktop.post_form(&form, "method=scan", &origin).await.location(), desktop.url(PAGE));
}
