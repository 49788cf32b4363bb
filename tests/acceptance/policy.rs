//! What routes ask of visitors who are logged in, with real logins: another method, another account, a group.

use menshen::domain::Account;

use crate::agent;
use crate::browser::Browser;
use crate::methods::{STAFF, second_apps};
use crate::reply::{Reply, between, unescaped};
use crate::world::{DIRECTORY, Setup, World};

const ROUTES: &str = r#"
[[routes]]
path = "/"
upstream = "app"
methods = ["scan", "wechat"]

[[routes]]
path = "/staff"
upstream = "app"
methods = ["staff-scan"]

[[routes]]
host = "desk.localhost"
upstream = "app"
methods = ["staff-scan"]

[[routes]]
path = "/editors"
upstream = "app"
require = { groups = ["editors"] }
"#;

async fn world() -> World {
    let directory = format!("{DIRECTORY}{STAFF}");
    let setup = Setup { directory, routes: ROUTES.into(), people: second_apps, ..Setup::default() };
    World::with(setup).await
}

impl World {
    /// Changes the account that `browser` is logged in to, as an operator would.
    pub(crate) async fn change_account_of(&self, browser: &Browser, change: impl FnOnce(&mut Account)) {
        let id = browser.account().await.unwrap();
        let mut account = self.stored_account(&id).await.unwrap();
        change(&mut account);
        account.version += 1;
        assert!(self.store().update_account(&account).await.unwrap());
    }
}

/// Where the first link with these words leads.
#[track_caller]
fn link(page: &Reply, words: &str) -> String {
    let text = page.text();
    let (before, _) =
        text.split_once(&format!(">{words}</a>")).unwrap_or_else(|| panic!("no {words}: {page}"));
    unescaped(between(before.rsplit_once("<a ").unwrap().1, "href=\"", "\""))
}

/// Acceptance: M0. The address of the route is read as the gate reads it, or the two pages would send visitors to each
/// other for ever.
#[tokio::test]
async fn a_route_asks_for_its_own_method_and_the_session_stays_until_that_login_is_done() {
    let world = world().await;
    let browser = world.desktop();
    browser.log_in_by_qr("zhang", "/").await.received();
    let before = browser.session();
    for target in ["/staff/a?b=c", "/st%61ff/a"] {
        let page = browser.open(target).await;
        page.is_page(200, "This page asks you to sign in by ");
        let text = page.text();
        assert!(
            text.contains("Staff &lt;door&gt; &amp; code") && !text.contains("Scan the code with"),
            "{text}"
        );
        assert!(text.contains("You are signed in as 张"), "{text}");
    }
    browser.visit("/").await.received();
    assert_eq!(browser.session(), before);

    let app = browser.log_in_by_qr("zhang", "/staff/a?b=c").await;
    assert_eq!(app.received().target, "/staff/a?b=c");
    assert_ne!(browser.session(), before);
    let old = world.desktop();
    old.set_cookie("menshen", &before.unwrap());
    assert_eq!(old.account().await, None, "the new login took its place");
    // And back, by the same rule.
    browser.open("/").await.is_page(200, "This page asks you to sign in by ");
}

/// Acceptance: M0. The host of the logins knows the visitor, and does not hand over a session that would not count.
#[tokio::test]
async fn another_host_asks_for_its_own_method_and_gets_a_session_of_that() {
    let world = world().await;
    let browser = world.desktop();
    browser.log_in_by_qr("zhang", "/").await.received();
    let desk = browser.url_on("desk.localhost", "/a?b=c");
    browser.open_url(&desk).await.is_page(200, "This page asks you to sign in by ");
    let app = browser.log_in_by_qr("zhang", desk.as_str()).await;
    assert_eq!((app.url.as_str(), app.received().target.as_str()), (desk.as_str(), "/a?b=c"));
    browser.open_url(&desk).await.received();
}

/// Acceptance: M0. Our own pages stand under the path of an app's route, but belong to none.
#[tokio::test]
async fn the_account_page_takes_a_login_by_any_method_whatever_the_route_around_it_asks() {
    let world = world().await;
    let browser = world.desktop();
    browser.log_in_by_qr("zhang", "/staff").await.received();
    browser.open("/").await.is_page(200, "This page asks you to sign in by ");
    let page = browser.open("/_menshen/login?rt=%2F_menshen%2Faccount").await;
    assert_eq!((page.status, page.url.path()), (200, "/_menshen/account"), "{page}");
    let stranger = world.desktop();
    let page = stranger.open("/_menshen/account").await;
    assert!(page.text().contains("Staff &lt;door&gt; &amp; code"), "{page}");
}

/// Acceptance: M0.
#[tokio::test]
async fn where_no_method_of_the_route_works_the_page_says_so_to_who_is_logged_in_too() {
    let world = world().await;
    let phone = world.phone();
    phone.log_in_by_wechat("zhang", "/").await.received();
    let page = phone.open("/staff").await;
    page.is_page(200, "No way of signing in here suits this browser");
    assert!(page.text().contains("This page asks you to sign in by "), "{page}");
    phone.visit("/").await.received();
}

/// Acceptance: A14.
#[tokio::test]
async fn who_lacks_a_group_can_become_somebody_else_who_has_it() {
    let world = world().await;
    let editor = world.desktop();
    editor.log_in_by_qr("lina", "/").await.received();
    world.change_account_of(&editor, |account| account.groups = vec!["editors".into()]).await;

    let browser = world.desktop();
    browser.log_in_by_qr("zhang", "/").await.received();
    let zhang = browser.account().await;
    let page = browser.visit("/editors?x").await;
    page.is_page(403, "<strong>editors</strong>");
    let other = link(&page, "Sign in as somebody else");
    // The page for that does not send who is logged in straight back to the refusal.
    browser.open(&other).await.is_page(200, "You are signed in as ");
    assert_eq!(browser.account().await, zhang);
    assert_eq!(browser.log_in_by_qr("lina", &other).await.received().target, "/editors?x");
    assert_ne!(browser.account().await, zhang);
}

/// Acceptance: A14, U3.
#[tokio::test]
async fn in_wechat_too_the_page_for_somebody_else_waits_for_a_press() {
    let world = world().await;
    let phone = world.browser(agent::WECHAT);
    phone.log_in_by_wechat("zhang", "/").await.received();
    let page = phone.visit("/editors").await;
    page.is_page(403, "<strong>editors</strong>");
    phone.open(&link(&page, "Sign in as somebody else")).await.is_page(200, "You are signed in as ");
    assert!(link(&page, "Sign out").ends_with("/_menshen/logout"));
}
