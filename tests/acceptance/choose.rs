//! The OpenID leads to one account and the UnionID to another: the browser is asked, and the answer is remembered.

use menshen::domain::AccountId;
use menshen::ground::Span;
use reqwest::Url;
use rstest::rstest;

use crate::accounts::{disable, plant};
use crate::browser::Browser;
use crate::logs::Logs;
use crate::reply::Reply;
use crate::world::{ROUTES, Setup, WEBSITE, World};

const ASKS: &str = "Choose an account";
const TARGET: &str = "/deep?a=1";

/// A person with an account by the website's OpenID (`anna`) and one by the UnionID (`berta`).
struct Torn {
    world: World,
    desktop: Browser,
    page: Reply,
}

impl Torn {
    async fn start() -> Self {
        Self::going_to(World::start().await, TARGET).await
    }

    /// Logs in up to the question.
    async fn going_to(world: World, target: &str) -> Self {
        plant(&world, "anna", &[world.open_key(WEBSITE, "zhang")]).await;
        plant(&world, "berta", &[world.union_key("zhang")]).await;
        let desktop = world.desktop();
        let page = desktop.log_in_by_qr("zhang", target).await;
        page.is_page(200, ASKS);
        Self { world, desktop, page }
    }

    /// What the form of the page sends for `account`.
    fn form(&self, account: &str) -> (Url, String) {
        let flow = self.page.url.query_pairs().find(|(key, _)| key == "flow").unwrap().1.into_owned();
        (self.desktop.url("/_menshen/choose"), format!("flow={flow}&account={account}"))
    }

    async fn choose_in(&self, browser: &Browser, account: &str) -> Reply {
        let (url, form) = self.form(account);
        browser.post_form(&url, &form, &self.world.origin()).await
    }

    async fn choose(&self, account: &str) -> Reply {
        let reply = self.choose_in(&self.desktop, account).await;
        self.desktop.follow(reply).await
    }

    async fn sessions(&self) -> usize {
        let mut all = 0;
        for id in ["anna", "berta"] {
            all += self.world.store().sessions_of(&AccountId::new(id).unwrap()).await.unwrap().len();
        }
        all
    }
}

/// Acceptance: A7: exactly the two, and no session until one is chosen.
#[tokio::test]
async fn where_openid_and_unionid_disagree_the_browser_is_asked_and_not_signed_in() {
    let torn = Torn::start().await;
    let page = torn.page.text();
    for id in ["anna", "berta"] {
        assert_eq!(page.matches(&format!("value=\"{id}\"")).count(), 1, "{page}");
    }
    assert_eq!(page.matches("name=\"account\"").count(), 2);
    assert_eq!(
        (torn.desktop.session(), torn.desktop.account().await, torn.sessions().await),
        (None, None, 0)
    );
    assert!(torn.world.app.received().is_empty());
}

/// Acceptance: A8, B15: the choice logs in and leads on; the next login asks no more.
#[rstest]
#[case("anna")]
#[case("berta")]
#[tokio::test]
async fn the_choice_signs_in_and_is_remembered(#[case] chosen: &str) {
    let torn = Torn::start().await;
    let received = torn.choose(chosen).await.received();
    assert_eq!((received.target.as_str(), received.header("x-user-id")), (TARGET, Some(chosen)));
    assert_eq!(torn.sessions().await, 1);
    let again = torn.world.desktop().log_in_by_qr("zhang", "/").await.received();
    assert_eq!(again.header("x-user-id"), Some(chosen));
}

/// Acceptance: A9, B18: not on the list, from another browser, without a cookie: refused, audited, and the question stays.
#[tokio::test]
async fn only_what_was_offered_to_this_browser_is_accepted() {
    let logs = Logs::start();
    let torn = Torn::start().await;
    plant(&torn.world, "carla", &[torn.world.open_key(WEBSITE, "lina")]).await;
    torn.choose("carla").await.is_page(403, "was not offered");
    assert_eq!(logs.lines("choice_refused").len(), 1, "{}", logs.text());
    let thief = torn.world.desktop();
    thief.open("/_menshen/login").await;
    torn.choose_in(&thief, "anna").await.is_page(403, "another browser");
    thief.open_url(&torn.page.url).await.is_page(403, "another browser");
    let bare = torn.world.desktop();
    torn.choose_in(&bare, "anna").await.is_page(403, "another browser");
    assert_eq!(torn.sessions().await, 0);
    torn.choose("anna").await.received();
}

/// Acceptance: A9, B18: an answer counts once; the same page answered again changes nothing.
#[tokio::test]
async fn a_question_is_answered_once() {
    let torn = Torn::start().await;
    torn.choose("anna").await.received();
    // The browser's other tab: it goes on as what was chosen.
    assert_eq!(torn.choose("berta").await.received().header("x-user-id"), Some("anna"));
    assert_eq!(torn.sessions().await, 1);
}

/// Acceptance: A9: of two tabs that answer at once one counts, and both go on as that account.
#[tokio::test]
async fn of_two_answers_at_once_one_counts() {
    let torn = Torn::start().await;
    let (one, two) = tokio::join!(torn.choose("anna"), torn.choose("berta"));
    let ids: Vec<_> =
        [one, two].iter().map(|reply| reply.received().header("x-user-id").map(str::to_owned)).collect();
    assert_eq!((ids[0].clone(), torn.sessions().await), (ids[1].clone(), 1));
}

/// Acceptance: B14, B18: who takes too long, or leaves, is not signed in and can begin anew.
#[tokio::test]
async fn a_question_runs_out() {
    let torn = Torn::start().await;
    torn.world.advance(Span::from_mins(10));
    let reply = torn.choose("anna").await;
    reply.is_page(200, "Your last attempt took too long");
    torn.desktop.open_url(&torn.page.url).await.is_page(200, "Your last attempt took too long");
    assert_eq!((torn.desktop.session(), torn.sessions().await), (None, 0));
    torn.desktop.log_in_by_qr("zhang", "/").await.is_page(200, ASKS);
}

/// Acceptance: A7, M3c: the same callback once more shows the same question and exchanges nothing.
#[tokio::test]
async fn a_callback_that_comes_twice_asks_the_same() {
    let torn = Torn::start().await;
    let callback =
        torn.desktop.trail().into_iter().rev().find(|url| url.path().contains("/callback/")).unwrap();
    let again = torn.desktop.open_url(&callback).await;
    again.is_page(200, ASKS);
    assert_eq!((again.url, torn.world.exchanges()), (torn.page.url.clone(), 1));
}

/// Acceptance: A14: an account that was disabled since is not let in by a choice.
#[tokio::test]
async fn an_account_that_was_disabled_since_cannot_be_chosen() {
    let torn = Torn::start().await;
    disable(&torn.world, "anna").await;
    torn.choose("anna").await.is_page(403, "This account is disabled");
    assert_eq!(torn.sessions().await, 0);
}

/// Section 4 of the design: the question is asked on the public host, and the answer leads to the visitor's.
#[tokio::test]
async fn a_choice_on_the_way_to_another_host_ends_there() {
    const SHOP: &str = "shop.localhost";
    let routes = format!("{ROUTES}\n[[routes]]\nhost = \"{SHOP}\"\nupstream = \"app\"\n");
    let world = World::with(Setup { routes, ..Setup::default() }).await;
    let cart = world.desktop().url_on(SHOP, "/cart");
    let torn = Torn::going_to(world, cart.as_str()).await;
    let reply = torn.choose("berta").await;
    assert_eq!((reply.url.clone(), reply.received().header("x-user-id")), (cart, Some("berta")));
}
