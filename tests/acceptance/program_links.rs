//! A phone's own browser opens the mini program by a link; and what a login page says when WeChat gives no code or link.

use menshen::ground::Span;
use menshen::simulator::Fault;
use rstest::rstest;

use crate::agent;
use crate::logs::Logs;
use crate::program_page::ticket_of;
use crate::programs::{CODE, CODE_LOGIN, setup_with};
use crate::world::World;

const URL_LINK: &str = "/wxa/generate_urllink";
const SCHEME: &str = "/wxa/generatescheme";
const UNAVAILABLE: &str = "This way of signing in is not available right now";

/// Acceptance: M4a on a phone: the link opens the mini program, which reads its ticket behind it.
#[rstest]
#[case::url_link("url_link", URL_LINK, "https://wxaurl.cn/", '?', 1194)]
#[case::scheme("scheme", SCHEME, "weixin://dl/business/?t=", '&', 1065)]
#[tokio::test]
async fn a_phones_browser_opens_the_mini_program_by_a_link(
    #[case] open: &str,
    #[case] call: &str,
    #[case] begins: &str,
    #[case] mark: char,
    #[case] from: u32,
) {
    let world = World::with(setup_with(&format!("open = \"{open}\""), "")).await;
    let mut links = Vec::new();
    for (agent, person) in [(agent::MOBILE, "zhang"), (agent::IPHONE, "lina")] {
        let phone = world.browser(agent);
        let page = phone.show_program().await;
        page.reply.is_page(200, "Confirm in WeChat, then come back to this page");
        assert!(!page.reply.text().contains("data:image/jpeg"), "nobody can scan the screen they hold");
        let (link, ticket) =
            page.link().split_once(&format!("{mark}cq=")).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(link.starts_with(begins), "{link}");
        let opened = world.wechat.open_link(&page.link(), person).unwrap();
        assert_eq!((opened.launch_scene, opened.path.as_str()), (from, "pages/menshen/confirm/confirm"));
        assert_eq!(ticket_of(&opened), ticket);
        let told = world.looks(&ticket, person).await.done();
        assert_eq!(told["kind"], "browser");
        page.becomes("scanned").await;
        world.confirms(&ticket, person).await.done();
        page.becomes("approved").await;
        assert_eq!(page.go_on().await.received().target, "/deep?a=1");
        links.push(link);
    }
    // Links are few a day: one serves all, each visitor with a ticket of their own.
    assert_eq!(links[0], links[1]);
    assert_eq!((world.wechat.calls(call), world.wechat.calls(CODE)), (1, 0));
}

/// Acceptance: M4a: a link lives thirty days at WeChat; ours is made anew each day, in case WeChat ends it early.
#[tokio::test]
async fn a_link_is_made_anew_before_it_runs_out() {
    let world = World::with(setup_with("open = \"url_link\"", "")).await;
    let phone = world.browser(agent::MOBILE);
    for (hours, calls) in [(0, 1), (23, 1), (2, 2), (22, 2), (24 * 7, 3)] {
        world.advance(Span::from_mins(60 * hours));
        let page = phone.show_program().await;
        assert_eq!(world.wechat.calls(URL_LINK), calls);
        world.wechat.open_link(&page.link(), "zhang").unwrap();
    }
}

/// Acceptance: M0: without links a phone's browser is told to go to WeChat, as before.
#[tokio::test]
async fn without_links_a_phones_browser_is_offered_no_code() {
    let world = World::of_programs().await;
    let reply = world.browser(agent::MOBILE).visit(CODE_LOGIN).await;
    assert!(!reply.text().contains("data-scan "), "{reply}");
    assert_eq!((world.wechat.calls(URL_LINK), world.wechat.calls(CODE)), (0, 0));
}

/// Acceptance: M9: a method that WeChat gives no code for is shown as unavailable; the others go on.
#[rstest]
#[case::page_not_published(Fault::Errcode(41030), Span::from_secs(61))]
#[case::quota(Fault::Errcode(45009), Span::from_secs(601))]
#[case::system(Fault::Errcode(-1), Span::from_secs(11))]
#[case::no_picture(Fault::Garbage, Span::from_secs(1))]
#[tokio::test]
async fn a_code_that_wechat_does_not_give_leaves_the_other_methods(
    #[case] fault: Fault,
    #[case] later: Span,
) {
    let logs = Logs::start();
    let world = World::of_programs().await;
    world.wechat.fault(CODE, fault.clone(), 9);
    let desktop = world.desktop();
    let reply = desktop.open(CODE_LOGIN).await;
    reply.is_page(200, UNAVAILABLE);
    assert!(reply.text().contains("method=scan"), "{reply}");
    desktop.log_in_by_qr("zhang", "/_menshen/login?method=scan&rt=%2Fdeep").await.received();
    if !matches!(fault, Fault::Garbage) {
        // Whoever else looks at the page does not ask WeChat again, nor fill the log.
        let calls = world.wechat.calls(CODE);
        world.desktop().open(CODE_LOGIN).await.is_page(200, UNAVAILABLE);
        assert_eq!(world.wechat.calls(CODE), calls);
        assert_eq!(logs.lines("WeChat gives no").len(), 1, "{}", logs.text());
    }
    world.wechat.clear_faults();
    world.advance(later);
    world.logs_in_by_program(&world.desktop(), "lina").await.received();
}

/// Acceptance: M9: mini programs of individuals may make codes but no links: computers go on.
#[tokio::test]
async fn a_link_that_wechat_does_not_give_leaves_the_codes() {
    let world = World::with(setup_with("open = \"url_link\"", "")).await;
    world.wechat.fault(URL_LINK, Fault::Errcode(40002), 9);
    let phone = world.browser(agent::MOBILE);
    phone.open(CODE_LOGIN).await.is_page(200, UNAVAILABLE);
    world.logs_in_by_program(&world.desktop(), "zhang").await.received();
    let calls = world.wechat.calls(URL_LINK);
    phone.open(CODE_LOGIN).await.is_page(200, UNAVAILABLE);
    assert_eq!(world.wechat.calls(URL_LINK), calls);
}

/// Acceptance: M9: one page that is not published stands in the way of no other method of the same mini program.
#[tokio::test]
async fn a_page_that_is_not_published_stands_in_the_way_of_no_other() {
    let mut setup = setup_with("page = \"pages/new/new\"", "");
    setup.directory += "\n[[methods]]\nid = \"other\"\nkind = \"mini_program_scan\"\napp = \"program\"\n";
    let world = World::with(setup).await;
    let desktop = world.desktop();
    desktop.open(CODE_LOGIN).await.is_page(200, UNAVAILABLE);
    let reply = desktop.open(&CODE_LOGIN.replace("=code", "=other")).await;
    assert!(reply.text().contains("data-scan "), "{reply}");
}
