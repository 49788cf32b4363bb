//! A computer shows a mini program's code, a phone opens it and its owner confirms, the computer is in.

use menshen::ground::Span;
use menshen::simulator::{EnvVersion, SimError};
use rstest::rstest;
use serde_json::{Value, json};

use crate::agent;
use crate::program_page::ticket_of;
use crate::programs::{CODE, MINI, PHONE, setup, setup_with};
use crate::reply::{between, unescaped};
use crate::world::{Setup, World};

/// Acceptance: M4a: the states in order, to a page that shows WeChat's own picture.
#[tokio::test]
async fn who_scans_the_code_and_confirms_is_logged_in_on_the_computer() {
    let headers = "method = \"X-User-Method\"".into();
    let world = World::with(Setup { headers, ..setup() }).await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    page.reply.is_page(200, "Scan with WeChat, then confirm in the mini program");
    let picture = page.picture();
    let drawn = image::load_from_memory_with_format(&picture, image::ImageFormat::Jpeg).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (560, 560));
    let opened = world.wechat.scan_mini_code(&page.scene(), "zhang").unwrap();
    assert_eq!((opened.app_id.as_str(), opened.path.as_str()), (MINI, "pages/menshen/confirm/confirm"));
    let scene = ticket_of(&opened);
    let mut events = page.listen().await;
    assert_eq!(events.next().await.unwrap(), json!({ "state": "waiting", "expires_in": 180 }));
    world.looks(&scene, "zhang").await.done();
    // Nobody here knows `zhang` yet, and WeChat tells mini programs no name.
    assert_eq!(events.next().await.unwrap(), json!({ "state": "scanned", "expires_in": 180 }));
    let told = world.confirms(&scene, "zhang").await.done();
    assert_eq!(told, json!({ "approved": true }), "a browser needs no code to come back with");
    let approved = events.next().await.unwrap();
    assert_eq!(
        (approved["state"].as_str(), approved["finish"].as_str()),
        (Some("approved"), Some(page.href("finish").as_str()))
    );
    assert_eq!(events.next().await, None, "nothing more will happen");
    let received = page.go_on().await.received();
    assert_eq!(received.target, "/deep?a=1");
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(MINI, "zhang").as_str()));
    assert_eq!(received.header("x-user-unionid"), world.wechat.unionid(MINI, "zhang").as_deref());
    assert_eq!(received.header("x-user-method"), Some("code"));
    let id = received.header("x-user-id").unwrap();
    assert_eq!(desktop.account().await.as_deref(), Some(id));
    assert_eq!(world.mini_user("zhang").await.id, id, "the same account as in the mini program itself");
}

/// Acceptance: M4a: of a known account nickname and picture, and nothing else of anybody.
#[tokio::test]
async fn the_page_is_shown_nickname_and_picture_of_a_known_account_and_nothing_else() {
    let world = World::of_programs().await;
    world.mobile_user("zhang").await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    world.looks(&page.scene(), "zhang").await.done();
    let told = page.becomes("scanned").await;
    let keys: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["avatar", "expires_in", "name", "state"]);
    assert_eq!(told["name"], "张伟");
    assert!(told["avatar"].as_str().unwrap().starts_with("http"), "{told}");
    let page = desktop.show_program().await;
    world.looks(&page.scene(), "lina").await.done();
    let told = page.becomes("scanned").await;
    assert_eq!(told.as_object().unwrap().len(), 2, "{told}");
}

/// Acceptance: M4d: what is approved, for whom, since when, from where.
#[tokio::test]
async fn the_phone_is_told_what_it_is_asked_to_approve() {
    let title = "[pages]\ntitle = \"Paper Boats\"";
    let Setup { routes, .. } = setup();
    let routes = format!("{routes}\n{title}\n");
    let world = World::with(Setup { routes, ..setup_with("ask_phone = true", "") }).await;
    let page_of = world.desktop();
    let page = page_of.show_program().await;
    let begun_at = world.wechat.now().secs();
    world.advance(Span::from_secs(65));
    let told = world.looks(&page.scene(), "zhang").await.done();
    let expected = json!({
        "site": "Paper Boats", "host": "127.0.0.1", "kind": "browser", "browser": "Chrome, Windows",
        "ip": "127.0.0.1", "begun_at": begun_at, "expires_in": 120, "ask_phone": true, "adding": false,
    });
    assert_eq!(told, expected);
    // Looking again is no answer.
    assert_eq!(world.looks(&page.scene(), "zhang").await.done(), expected);
    assert_eq!(page.state().await["state"], "scanned");
}

/// Acceptance: M4e: the number that was given on the phone is the account's, verified.
#[tokio::test]
async fn the_phone_number_given_with_the_yes_is_stored_as_verified() {
    let world = World::with(setup_with("ask_phone = true", "")).await;
    let desktop = world.desktop();
    for gives in [true, false] {
        let page = desktop.show_program().await;
        let scene = page.scene();
        world.looks(&scene, "zhang").await.done();
        let mut yes = json!({ "scene": scene, "code": world.login_code("zhang") });
        if gives {
            yes["phone_code"] = json!(world.phone_code("zhang"));
        }
        world.client().call("confirm", &yes).await.done();
        let received = page.go_on().await.received();
        assert_eq!(received.header("x-user-phone"), Some("+8613580006666"), "gives: {gives}");
        let account = world.stored_account(received.header("x-user-id").unwrap()).await.unwrap();
        assert!(account.phone.unwrap().verified);
        desktop.post_form(&desktop.url("/_menshen/logout"), "scope=here", &world.origin()).await;
    }
    assert_eq!(world.wechat.calls(PHONE), 1);
}

/// Acceptance: M4e: a number that WeChat does not confirm is no yes, and another try is one.
#[tokio::test]
async fn a_bad_phone_code_leaves_the_question_open() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    world.looks(&scene, "zhang").await.done();
    let bad = json!({ "scene": scene, "code": world.login_code("zhang"), "phone_code": "0a1b2c" });
    world.client().call("confirm", &bad).await.is_refused_for_now(400, "phone_code_rejected");
    let bad = json!({ "scene": scene, "code": "0a1b2c" });
    for call in ["scan", "confirm", "reject"] {
        world.client().call(call, &bad).await.is_refused_for_now(400, "code_rejected");
    }
    assert_eq!(page.state().await["state"], "scanned");
    world.confirms(&scene, "zhang").await.done();
    page.go_on().await.received();
}

/// Acceptance: M4f: mini program, page, version, lifetime and the picture in the centre are the operator's.
#[rstest]
#[case::path("/brand/boat.svg")]
#[case::data("data:image/svg+xml;base64,PHN2Zy8+")]
#[tokio::test]
async fn the_operator_chooses_the_mini_program_its_page_and_the_picture_in_the_centre(#[case] logo: &str) {
    let scan = format!("page = \"pages/menshen/login/login\"\nlifetime = \"5m\"\nlogo = \"{logo}\"");
    let world = World::with(setup_with(&scan, "")).await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let code = world.wechat.mini_codes().remove(0);
    assert_eq!((code.app_id.as_str(), code.page.as_str()), (MINI, "pages/menshen/login/login"));
    assert_eq!(code.version, EnvVersion::Release);
    let text = page.reply.text();
    assert_eq!(unescaped(between(&text, "class=\"centre\" src=\"", "\"")), logo);
    assert_eq!(page.state().await["expires_in"], 300);
    let plain = World::of_programs().await;
    let desktop = plain.desktop();
    assert!(!desktop.show_program().await.reply.text().contains("class=\"centre\""));
}

/// Acceptance: M4f: a page that is not published yet can be tried out in the trial version.
#[tokio::test]
async fn a_page_of_the_trial_version_can_be_used_before_it_is_published() {
    let world = World::with(setup_with("page = \"pages/new/new\"\nversion = \"trial\"", "")).await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let code = world.wechat.mini_codes().remove(0);
    assert_eq!((code.page.as_str(), code.version), ("pages/new/new", EnvVersion::Trial));
    // WeChat opens it for the program's members alone.
    let stranger = world.wechat.scan_mini_code(&code.scene, "nemo");
    assert!(matches!(stranger, Err(SimError::NotAMember { .. })), "{stranger:?}");
    let opened = world.wechat.scan_mini_code(&code.scene, "zhang").unwrap();
    assert_eq!((opened.path.as_str(), opened.version), ("pages/new/new", EnvVersion::Trial));
    let scene = ticket_of(&opened);
    world.looks(&scene, "zhang").await.done();
    world.confirms(&scene, "zhang").await.done();
    page.go_on().await.received();
}

/// Acceptance: M4a, A14, B2: what stands against the account is told on the computer, after the yes.
#[tokio::test]
async fn a_disabled_account_and_closed_registration_are_told_on_the_computer() {
    let closed = "id = \"code\"\nkind = \"mini_program_scan\"";
    let directory = setup().directory.replacen(closed, &format!("{closed}\nregistration = \"closed\""), 1);
    let world = World::with(Setup { directory, ..setup() }).await;
    let desktop = world.desktop();
    world.logs_in_by_program(&desktop, "zhang").await.is_page(403, "No account for this WeChat");
    world.knows_nothing_of("zhang").await;
    let user = world.mini_user("zhang").await;
    world.logs_in_by_program(&desktop, "zhang").await.received();
    world.disable(&user.id).await;
    let other = world.desktop();
    world.logs_in_by_program(&other, "zhang").await.is_page(403, "This account is disabled");
    assert_eq!(other.session(), None);
}

/// Acceptance: M4a with another host: the phone is told the site that is signed in to.
#[tokio::test]
async fn a_login_for_another_host_names_it_on_the_phone_and_ends_there() {
    const SHOP: &str = "shop.localhost";
    let Setup { routes, .. } = setup();
    let routes =
        format!("{routes}\n[[routes]]\nhost = \"{SHOP}\"\nupstream = \"app\"\nmethods = [\"code\"]\n");
    let world = World::with(Setup { routes, ..setup() }).await;
    let desktop = world.desktop();
    let cart = desktop.url_on(SHOP, "/cart?a=1");
    let reply = desktop.open(cart.as_str()).await;
    let finish = unescaped(between(&reply.text(), "data-finish-href=\"", "\""));
    let scene = world.wechat.mini_codes().remove(0).scene;
    assert_eq!(world.looks(&scene, "zhang").await.done()["host"], SHOP);
    world.confirms(&scene, "zhang").await.done();
    let reply = desktop.open(&finish).await;
    assert_eq!(reply.url, cart);
    assert_eq!(reply.received().target, "/cart?a=1");
}

/// Acceptance: M0, M4a: WeChat on a computer shows the code too; methods for apps are in no browser.
#[tokio::test]
async fn only_computers_are_shown_the_code_and_no_browser_the_methods_of_apps() {
    let world = World::of_programs().await;
    for agent in [agent::WECHAT_WINDOWS, agent::WECOM_WINDOWS] {
        let browser = world.browser(agent);
        browser.show_program().await.picture();
    }
    let calls = world.wechat.calls(CODE);
    for agent in [agent::MOBILE, agent::WECHAT_IPHONE, agent::DINGTALK] {
        let reply = world.browser(agent).visit(crate::programs::CODE_LOGIN).await;
        assert!(!reply.text().contains("data-scan "), "{reply}");
    }
    assert_eq!(world.wechat.calls(CODE), calls);
    for method in ["mini", "app", "launch"] {
        let desktop = world.desktop();
        let reply = desktop.fetch(&format!("/_menshen/login/{method}?rt=%2F")).await;
        assert_eq!((reply.status, reply.error().as_str()), (409, "wrong_method"), "{reply}");
        let page = desktop.visit(&format!("/_menshen/login?method={method}&rt=%2F")).await.text();
        assert!(!page.contains(&format!("method={method}")), "{page}");
    }
    let told: Value =
        world.client().call("login/code", &world.mini_proof("zhang")).await.is_refused(409, "wrong_method");
    assert_eq!(told["retryable"], false);
}
