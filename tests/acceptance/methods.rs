//! Which way in a visitor is offered, by program and by route, and how logging in inside WeChat goes.

use menshen::simulator::{App, AppKind, Config, Consent};
use rstest::rstest;

use crate::agent;
use crate::reply::{between, unescaped};
use crate::world::{DIRECTORY, EXCHANGE, PROFILE, SERVICE, Setup, WEBSITE, World};

const SECOND_WEBSITE: &str = "wx0de0000000000011";
const SECOND_SERVICE: &str = "wx0de0000000000012";

pub(crate) fn second_apps(config: &mut Config) {
    let app = |id: &str, kind, app_id: &str| App {
        id: id.into(),
        name: id.into(),
        kind,
        app_id: app_id.into(),
        secret: "5ec2e7000000000000000000000000c3".into(),
        open_platform: Some("main".into()),
        domain: "127.0.0.1".into(),
    };
    config.apps.push(app("staff-website", AppKind::Website, SECOND_WEBSITE));
    config.apps.push(app("staff-service", AppKind::ServiceAccount { verified: true }, SECOND_SERVICE));
}

pub(crate) const STAFF: &str = r#"
[[apps]]
id = "staff-website"
kind = "website"
app_id = "wx0de0000000000011"
secret = "5ec2e7000000000000000000000000c3"
pool = "people"

[[apps]]
id = "staff-service"
kind = "official_account"
app_id = "wx0de0000000000012"
secret = "5ec2e7000000000000000000000000c3"
pool = "people"

[[methods]]
id = "staff-scan"
kind = "website_qr"
app = "staff-website"
label = "Staff <door> & code"
presentation = "redirect"

[[methods]]
id = "staff-wechat"
kind = "official_account_web"
app = "staff-service"
label = "Staff in WeChat"

[[methods]]
id = "unlisted"
kind = "website_qr"
app = "staff-website"
label = "Unlisted door"
"#;

const STAFF_ROUTES: &str = r#"
[[routes]]
path = "/"
upstream = "app"
methods = ["scan", "staff-scan", "wechat", "staff-wechat"]

[[routes]]
path = "/staff"
upstream = "app"
methods = ["staff-scan", "staff-wechat"]

[[routes]]
path = "/guests"
upstream = "app"
methods = ["scan", "wechat"]

[[routes]]
path = "/desk"
upstream = "app"
methods = ["scan"]
"#;

async fn with_staff() -> World {
    let directory = format!("{DIRECTORY}{STAFF}");
    let setup = Setup { directory, routes: STAFF_ROUTES.into(), people: second_apps, ..Setup::default() };
    World::with(setup).await
}

fn with_scope(scope: &str) -> String {
    let kind = "kind = \"official_account_web\"";
    DIRECTORY.replacen(kind, &format!("{kind}\nscope = \"{scope}\""), 1)
}

/// Acceptance: M0.
#[rstest]
#[case(agent::WECHAT)]
#[case(agent::WECHAT_IPHONE)]
#[case(agent::WECHAT_WINDOWS)]
#[case(agent::WECHAT_MAC)]
#[tokio::test]
async fn wechats_own_browser_goes_straight_to_wechat(#[case] program: &str) {
    let world = World::start().await;
    let browser = world.browser(program);
    let reply = browser.open("/").await;
    assert!(reply.url.as_str().starts_with(world.wechat.base_url()), "{reply}");
    assert_eq!(reply.url.path(), "/connect/oauth2/authorize");
    let login = browser.visit("/_menshen/login").await;
    assert_eq!(login.location().path(), "/connect/oauth2/authorize");
}

/// Acceptance: M0. WeCom on a computer is no WeChat, but its screen can be scanned like any other.
#[rstest]
#[case::browser(agent::DESKTOP)]
#[case::wecom(agent::WECOM_WINDOWS)]
#[tokio::test]
async fn a_computer_is_shown_the_code_and_not_the_way_that_works_in_wechat_alone(#[case] program: &str) {
    let world = World::start().await;
    let page = world.browser(program).open("/").await;
    page.is_page(200, "Scan the code with WeChat");
    assert_eq!(page.qr_link().path(), "/connect/qrconnect");
    assert!(!page.text().contains("login/wechat") && !page.text().contains("method=wechat"), "{page}");
}

/// Acceptance: M0.
#[rstest]
#[case::phone(agent::MOBILE, "This sign-in works inside WeChat")]
#[case::iphone(agent::IPHONE, "This sign-in works inside WeChat")]
#[case::wecom(agent::WECOM, "cannot sign in with WeChat")]
#[case::dingtalk(agent::DINGTALK, "cannot sign in with WeChat")]
#[tokio::test]
async fn where_no_method_works_the_page_says_where_to_go_instead(#[case] program: &str, #[case] words: &str) {
    let world = World::start().await;
    let browser = world.browser(program);
    let page = browser.open("/deep?a=1").await;
    page.is_page(200, words);
    // The address to take elsewhere is the one that was wanted.
    let shown = unescaped(between(&page.text(), "readonly value=\"", "\""));
    assert_eq!(shown, browser.url("/deep?a=1").as_str());
    assert!(!page.text().contains("<iframe"), "{page}");
    assert_eq!(world.exchanges(), 0);
}

/// Acceptance: M0.
#[tokio::test]
async fn a_page_inside_a_mini_program_is_not_sent_to_wechats_login() {
    let world = World::start().await;
    let program = format!("{} miniProgram/wx7dc0e08387a8e188", agent::WECHAT);
    world.browser(&program).open("/").await.is_page(200, "No way of signing in here suits this browser");
}

/// Acceptance: M0, U7.
#[tokio::test]
async fn a_route_offers_its_own_methods_and_no_others() {
    let world = with_staff().await;
    let desktop = world.desktop();
    let both = desktop.open("/").await.text();
    let staff_label = "Staff &lt;door&gt; &amp; code";
    assert!(both.contains(staff_label) && both.contains("Scan a code"), "{both}");
    assert!(!both.contains("Unlisted door") && !both.contains("Staff in WeChat"), "{both}");

    let staff = desktop.open("/staff/x").await;
    staff.is_page(200, "Sign in with WeChat");
    assert!(!staff.text().contains("Scan a code") && !staff.text().contains("<iframe"), "{staff}");
    assert_eq!(staff.qr_link().path(), "/_menshen/login/staff-scan");
    let guests = desktop.open("/guests").await;
    assert!(guests.text().contains("<iframe") && !guests.text().contains(staff_label), "{guests}");

    // In WeChat several methods are a choice; one is taken at once.
    let phone = world.phone();
    phone.open("/").await.is_page(200, "Staff in WeChat");
    assert_eq!(phone.open("/staff").await.url.path(), "/connect/oauth2/authorize");
    // A route for computers alone says so.
    phone.open("/desk").await.is_page(200, "No way of signing in here suits this browser");
    world
        .browser(agent::MOBILE)
        .open("/desk")
        .await
        .is_page(200, "No way of signing in here suits this browser");
}

/// Acceptance: M0 (by address instead of by link).
#[tokio::test]
async fn a_method_that_the_route_does_not_offer_cannot_be_asked_for() {
    let world = with_staff().await;
    let desktop = world.desktop();
    for address in [
        "/_menshen/login/unlisted?rt=%2F",
        "/_menshen/login/scan?rt=%2Fstaff",
        "/_menshen/login/staff-scan?rt=%2Fguests",
        "/_menshen/login/nobody?rt=%2F",
        "/_menshen/login/%20?rt=%2F",
    ] {
        let reply = desktop.visit(address).await;
        assert_eq!(reply.status, 404, "{address}: {reply}");
    }
    // Choosing it on the page is the same as not choosing at all.
    let page = desktop.open("/_menshen/login?rt=%2Fguests&method=staff-scan").await;
    assert!(page.text().contains("<iframe"), "{page}");
}

/// Acceptance: U7.
#[tokio::test]
async fn several_methods_of_one_kind_log_in_through_their_own_apps_to_one_account() {
    let world = with_staff().await;
    let guest = world.desktop().log_in_by_qr("zhang", "/guests").await.received();
    let staff = world.desktop().log_in_by_qr("zhang", "/staff").await.received();
    let phone = world.phone().log_in_by_wechat("zhang", "/staff").await.received();
    let apps = [&guest, &staff, &phone].map(|received| received.header("x-user-appid").unwrap());
    assert_eq!(apps, [WEBSITE, SECOND_WEBSITE, SECOND_SERVICE]);
    let ids = [&guest, &staff, &phone].map(|received| received.header("x-user-id").unwrap());
    assert_eq!(ids, [ids[0]; 3]);
    assert_eq!(world.stored_account(ids[0]).await.unwrap().identities.len(), 4);
}

/// Acceptance: M6a, M6b.
#[tokio::test]
async fn the_silent_scope_logs_in_without_a_page_a_click_or_a_profile() {
    let world = World::with(Setup { directory: with_scope("snsapi_base"), ..Setup::default() }).await;
    let phone = world.phone();
    phone.is_wechat_of("zhang");
    // Only redirects from the first request to the app's own page.
    let received = phone.open("/deep?a=1").await.received();
    assert_eq!(received.target, "/deep?a=1");
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(SERVICE, "zhang").as_str()));
    assert_eq!((received.header("x-user-unionid"), received.header("x-user-name")), (None, None));
    assert_eq!((world.wechat.calls(EXCHANGE), world.wechat.calls(PROFILE)), (1, 0));
}

/// Acceptance: M6a, M6b.
#[tokio::test]
async fn the_consent_scope_stores_the_profile() {
    let world = World::start().await;
    world.wechat.set_consent(Consent::Silent);
    let phone = world.phone();
    phone.is_wechat_of("lina");
    let received = phone.open("/deep").await.received();
    assert_eq!(received.target, "/deep");
    let account = world.stored_account(received.header("x-user-id").unwrap()).await.unwrap();
    assert_eq!(account.profile.nickname.as_deref(), Some("李娜🌸"));
    assert!(account.profile.avatar.unwrap().ends_with("/mmopen/vi_32/lina/132"));
    assert_eq!((world.wechat.calls(EXCHANGE), world.wechat.calls(PROFILE)), (1, 1));
}

/// Acceptance: M6d.
#[tokio::test]
async fn no_token_and_no_fact_about_a_person_is_ever_in_an_address() {
    let world = World::start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    desktop.log_in_by_qr("zhang", "/deep").await.received();
    phone.log_in_by_wechat("zhang", "/deep").await.received();
    for (browser, app) in [(&desktop, WEBSITE), (&phone, SERVICE)] {
        let session = browser.session().unwrap();
        let secret = browser.cookie("menshen-browser").unwrap();
        let account = browser.account().await.unwrap();
        let (openid, unionid) =
            (world.wechat.openid(app, "zhang"), world.wechat.unionid(app, "zhang").unwrap());
        for address in browser.trail() {
            let address = address.as_str();
            for fact in [&session, &secret, &account, &openid, &unionid, "张伟", "%E5%BC%A0"] {
                assert!(!address.contains(fact), "{fact} in {address}");
            }
        }
    }
    for received in world.app.received() {
        assert_eq!(received.header("referer"), None);
    }
}

/// Acceptance: M6d (and what else keeps our own pages to ourselves).
#[tokio::test]
async fn our_own_answers_send_no_referrer_and_are_not_kept_or_framed() {
    let world = World::start().await;
    let desktop = world.desktop();
    let page = desktop.open("/").await;
    let callback = desktop.come_back_from_qr("zhang", "/").await;
    let mut replies = vec![page, desktop.navigate(&callback).await];
    for own in
        ["/_menshen/logout", "/_menshen/userinfo", "/_menshen/nothing", "/_menshen/callback/website?code=x"]
    {
        replies.push(desktop.visit(own).await);
    }
    for reply in replies {
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{reply}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{reply}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{reply}");
        assert!(
            reply.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"),
            "{reply}"
        );
    }
}

/// Acceptance: M6d (the cookies themselves).
#[tokio::test]
async fn our_cookies_are_for_the_browser_alone() {
    let world = World::start().await;
    let desktop = world.desktop();
    let page = desktop.open("/").await;
    let callback = desktop.come_back_from_qr("zhang", "/").await;
    let signed_in = desktop.navigate(&callback).await;
    let cookies: Vec<String> = page.set_cookies().into_iter().chain(signed_in.set_cookies()).collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    for cookie in cookies {
        for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
            assert!(cookie.contains(part), "no {part} in {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}
