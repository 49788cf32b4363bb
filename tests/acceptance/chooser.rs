//! Which way in is shown first where there are several, and how a visitor takes another.

use http::Method;
use menshen::simulator::Fault;
use rstest::rstest;

use crate::agent;
use crate::logs::Logs;
use crate::reply::Reply;
use crate::scanning::setup;
use crate::world::{DIRECTORY, ROUTES, SERVICE, Setup, World};

const TABS: &str = "<nav class=\"methods\"";

/// The labels of the chooser, in order, with a mark on the one that is shown.
fn tabs(page: &Reply) -> Vec<String> {
    let text = page.text();
    let Some((_, rest)) = text.split_once(TABS) else { return Vec::new() };
    let nav = rest.split_once("</nav>").unwrap().0;
    let tab = |item: &str| {
        let (link, label) = item.split_once('>').unwrap();
        let shown = if link.contains("aria-current") { "*" } else { "" };
        format!("{shown}{}", label.split_once('<').unwrap().0.trim())
    };
    nav.split("<a href=").skip(1).map(tab).collect()
}

fn shows_scan(page: &Reply) -> bool {
    page.text().contains("data-scan ")
}

fn shows_frame(page: &Reply) -> bool {
    page.text().contains("<iframe")
}

/// Acceptance: M0.
#[tokio::test]
async fn a_computer_gets_the_methods_as_tabs_in_the_operators_order() {
    let world = World::scanning().await;
    let page = world.desktop().open("/deep").await;
    assert_eq!(tabs(&page), ["*Official account", "Scan a code"]);
    assert!(shows_scan(&page) && !shows_frame(&page), "{page}");
    assert!(!page.text().contains("method=wechat"), "what works in WeChat alone is not offered: {page}");
    // The other order.
    let (head, follow) =
        setup().directory.split_once("[[methods]]").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (follow, rest) = follow.split_once("[[methods]]").unwrap();
    let directory = format!("{head}[[methods]]{rest}[[methods]]{follow}");
    let world = World::scanning_with(Setup { directory, ..Setup::default() }).await;
    let page = world.desktop().open("/deep").await;
    assert_eq!(tabs(&page), ["*Scan a code", "Official account"]);
    assert!(shows_frame(&page) && world.wechat.scene_codes().is_empty(), "{page}");
}

/// Acceptance: M0.
#[tokio::test]
async fn a_choice_is_remembered_and_never_binds() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let first = desktop.open("/deep").await;
    assert_eq!(desktop.cookie("menshen-method"), None, "only a choice is remembered: {first}");
    let chosen = desktop.open("/_menshen/login?rt=%2Fdeep&method=scan").await;
    assert_eq!(tabs(&chosen), ["Official account", "*Scan a code"]);
    assert_eq!(desktop.cookie("menshen-method").as_deref(), Some("scan"));
    let cookie =
        chosen.set_cookies().into_iter().find(|cookie| cookie.starts_with("menshen-method=")).unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "no {part} in {cookie}");
    }
    let later = desktop.open("/deep").await;
    assert_eq!(tabs(&later), ["Official account", "*Scan a code"]);
    assert!(later.set_cookies().iter().all(|cookie| !cookie.starts_with("menshen-method")), "{later}");
    // Choosing again, and a cookie that names what is not there.
    assert!(shows_scan(&desktop.open("/_menshen/login?method=follow").await));
    assert_eq!(desktop.cookie("menshen-method").as_deref(), Some("follow"));
    for odd in ["wechat", "gone", "\"", "<b>"] {
        desktop.set_cookie("menshen-method", odd);
        let page = desktop.open("/deep").await;
        assert!(shows_scan(&page) && !page.text().contains("<b>"), "{page}");
    }
    // The login itself does not care how its method was found.
    assert_eq!(
        desktop.log_in_by_qr("zhang", "/_menshen/login?rt=%2Fdeep&method=scan").await.received().target,
        "/deep"
    );
}

/// Acceptance: M0.
#[rstest]
#[case(agent::WECHAT)]
#[case(agent::WECHAT_IPHONE)]
#[case(agent::WECHAT_WINDOWS)]
#[case(agent::WECHAT_MAC)]
#[tokio::test]
async fn in_wechat_nobody_is_shown_a_code_to_scan(#[case] program: &str) {
    let world = World::scanning().await;
    let browser = world.browser(program);
    for remembered in [None, Some("follow"), Some("scan")] {
        if let Some(method) = remembered {
            browser.set_cookie("menshen-method", method);
        }
        let reply = browser.open("/").await;
        assert_eq!(reply.url.path(), "/connect/oauth2/authorize", "{remembered:?}: {reply}");
    }
    assert!(world.wechat.scene_codes().is_empty());
}

/// Acceptance: M0. On a computer another phone can scan what WeChat's window shows.
#[rstest]
#[case(agent::WECHAT_WINDOWS)]
#[case(agent::WECHAT_MAC)]
#[tokio::test]
async fn wechat_on_a_computer_can_take_a_code_instead(#[case] program: &str) {
    let world = World::scanning().await;
    let browser = world.browser(program);
    let page = browser.show_code(crate::scanning::SCAN_LOGIN).await;
    assert_eq!(tabs(&page.reply), ["*Official account", "Scan a code", "WeChat"]);
    page.scanned_by("zhang");
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep?a=1");
    // And back: asked for by name it has a button of its own.
    let own = world.browser(program).open("/_menshen/login?method=wechat").await;
    assert_eq!(own.qr_link().path(), "/_menshen/login/wechat");
}

/// Acceptance: M0.
#[tokio::test]
async fn wecom_on_a_computer_shows_codes_and_is_not_sent_into_wechat() {
    let world = World::scanning().await;
    let browser = world.browser(agent::WECOM_WINDOWS);
    let page = browser.show_code("/deep").await;
    assert_eq!(tabs(&page.reply), ["*Official account", "Scan a code"]);
    page.scanned_by("zhang");
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
}

/// Acceptance: M0. Nobody can scan the screen they hold.
#[rstest]
#[case::wecom(agent::WECOM, "cannot sign in with WeChat")]
#[case::dingtalk(agent::DINGTALK, "cannot sign in with WeChat")]
#[case::phone(agent::MOBILE, "This sign-in works inside WeChat")]
#[case::iphone(agent::IPHONE, "This sign-in works inside WeChat")]
#[tokio::test]
async fn a_phone_is_told_where_to_go_and_no_code_is_made(#[case] program: &str, #[case] words: &str) {
    let world = World::scanning().await;
    let browser = world.browser(program);
    for target in ["/deep", crate::scanning::SCAN_LOGIN] {
        browser.open(target).await.is_page(200, words);
    }
    assert!(world.wechat.scene_codes().is_empty());
    assert_eq!(world.wechat.calls("/cgi-bin/stable_token"), 0);
}

/// Acceptance: M0.
#[tokio::test]
async fn a_route_limits_the_methods_whatever_was_chosen() {
    let routes = format!(
        "{ROUTES}\n[[routes]]\npath = \"/staff\"\nupstream = \"app\"\nmethods = [\"scan\"]\n\
         [[routes]]\npath = \"/fans\"\nupstream = \"app\"\nmethods = [\"follow\", \"wechat\"]\n"
    );
    let world = World::scanning_with(Setup { routes, ..setup() }).await;
    let desktop = world.desktop();
    desktop.set_cookie("menshen-method", "follow");
    let staff = desktop.open("/staff/x").await;
    assert!(shows_frame(&staff) && tabs(&staff).is_empty(), "{staff}");
    let asked = desktop.open("/_menshen/login?rt=%2Fstaff&method=follow").await;
    assert!(shows_frame(&asked), "{asked}");
    desktop.set_cookie("menshen-method", "scan");
    let fans = desktop.open("/fans").await;
    assert!(shows_scan(&fans) && tabs(&fans).is_empty(), "{fans}");
    let reply = desktop.visit("/_menshen/login/follow?rt=%2Fstaff").await;
    assert_eq!(reply.status, 404, "{reply}");
    // By its own address the method leads to our page with the code.
    let reply = desktop.open("/_menshen/login/follow?rt=%2Ffans").await;
    assert!(shows_scan(&reply), "{reply}");
}

/// What stands in the way of the service account.
fn trouble(world: &World, kind: &str) {
    match kind {
        "api not allowed" => world.wechat.fault("/cgi-bin/qrcode/create", Fault::Errcode(48001), 100),
        "ip not listed" => {
            world.wechat.set_ip_whitelist(SERVICE, Some(vec!["10.0.0.0/8".parse().unwrap()])).unwrap();
        }
        "wrong secret" => {}
        "down" => world.wechat.fault("/cgi-bin/*", Fault::Drop, 100),
        other => panic!("{other}"),
    }
}

/// Acceptance: M9.
#[rstest]
#[case("api not allowed", "48001")]
#[case("ip not listed", "whitelist")]
#[case("wrong secret", "secret")]
#[case("down", "")]
#[tokio::test]
async fn a_method_that_wechat_refuses_is_shown_as_unavailable_while_the_others_work(
    #[case] kind: &str,
    #[case] told: &str,
) {
    let mut setup = setup();
    if kind == "wrong secret" {
        setup.directory = setup.directory.replace("5ec2e7000000000000000000000000b2", &"0".repeat(32));
        assert_ne!(setup.directory, DIRECTORY);
    }
    let world = World::scanning_with(setup).await;
    trouble(&world, kind);
    let logs = Logs::start();
    let desktop = world.desktop();
    let page = desktop.open("/deep").await;
    page.is_page(200, "This way of signing in is not available right now");
    assert!(
        page.text().contains("not available now") && page.text().contains("Choose another way"),
        "{page}"
    );
    assert_eq!(tabs(&page), ["*Official account", "Scan a code"]);
    assert!(!shows_scan(&page) && !shows_frame(&page), "{page}");
    assert!(logs.text().to_lowercase().contains(told), "no {told:?} in {}", logs.text());
    assert!(!logs.text().contains("5ec2e7"), "{}", logs.text());
    // Nothing else suffers.
    assert_eq!(
        desktop.log_in_by_qr("zhang", "/_menshen/login?rt=%2Fdeep&method=scan").await.received().target,
        "/deep"
    );
    if kind != "wrong secret" {
        world.phone().log_in_by_wechat("zhang", "/deep").await.received();
    }
    // Once it is put right it is there again, at the latest when the fault's pause is over.
    world.wechat.clear_faults();
    world.wechat.set_ip_whitelist(SERVICE, None).unwrap();
    world.advance(menshen::ground::Span::from_secs(61));
    if kind != "wrong secret" {
        world.desktop().log_in_by_scan("lina", "/_menshen/login?rt=%2Fdeep&method=follow").await.received();
    }
}

/// The addresses of a page with a code take GET only.
#[tokio::test]
async fn the_pages_of_a_code_are_not_posted_to() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    for href in [page.events_href(), page.state_href(), page.finish_href()] {
        let reply = desktop.send(Method::POST, &desktop.url(&href), &[], Some(Vec::new())).await;
        assert_eq!((reply.status, reply.error().as_str()), (405, "method_not_allowed"), "{reply}");
    }
}
