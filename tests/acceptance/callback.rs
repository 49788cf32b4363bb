//! Coming back from WeChat: whose login it is, once and once only, and what a "no" leads to.

use menshen::ground::Span;
use menshen::simulator::DenyVariant;
use reqwest::Url;
use rstest::rstest;

use crate::agent;
use crate::world::{DIRECTORY, Setup, World};

/// The callback with another query.
fn with_query(callback: &Url, query: &str) -> Url {
    let mut url = callback.clone();
    url.set_query(Some(query));
    url
}

fn param(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

/// Acceptance: M3b.
#[tokio::test]
async fn a_state_that_is_missing_unknown_or_doubled_is_refused_before_the_code_is_used() {
    let world = World::start().await;
    let desktop = world.desktop();
    let callback = desktop.come_back_from_qr("zhang", "/").await;
    let (code, state) = (param(&callback, "code"), param(&callback, "state"));
    let queries = [
        (format!("code={code}"), 303),
        (format!("code={code}&state="), 303),
        (format!("code={code}&state=aaaaaaaaaaaaaaaaaaaaaaaaaa"), 400),
        (format!("code={code}&state={state}x"), 400),
        (format!("code={code}&state={}", state.to_uppercase()), 400),
        (format!("code={code}&state={state}%00"), 400),
        (format!("code={code}&state={state}&state={state}"), 400),
        (format!("code={code}&code={code}&state={state}"), 400),
        (format!("code={code}&state={}", "a".repeat(129)), 400),
    ];
    for (query, status) in &queries {
        let reply = desktop.navigate(&with_query(&callback, query)).await;
        assert_eq!(reply.status, *status, "{query}: {reply}");
        assert!(!reply.opens_session(), "{reply}");
        if *status == 303 {
            assert_eq!(reply.location().path(), "/_menshen/login", "{query}");
        }
    }
    assert_eq!((world.exchanges(), desktop.session()), (0, None));
    // None of it has hurt the real login.
    assert_eq!(desktop.open_url(&callback).await.status, 200);
    assert_eq!(world.exchanges(), 1);
}

/// Acceptance: M3b.
#[tokio::test]
async fn a_callback_in_another_browser_is_refused_and_the_code_not_used() {
    let world = World::start().await;
    let victim = world.desktop();
    let callback = world.desktop().come_back_from_qr("zhang", "/").await;
    // Without any cookie of ours, and with those of a login of one's own.
    victim.navigate(&callback).await.is_page(403, "began in another browser");
    victim.open("/").await;
    assert!(victim.cookie("menshen-browser").is_some());
    victim.navigate(&callback).await.is_page(403, "began in another browser");
    assert_eq!((world.exchanges(), victim.session(), victim.account().await), (0, None, None));
}

/// Acceptance: M3b.
#[tokio::test]
async fn a_finished_login_is_worth_nothing_in_another_browser() {
    let world = World::start().await;
    let (owner, thief) = (world.desktop(), world.desktop());
    let callback = owner.come_back_from_qr("zhang", "/").await;
    owner.open_url(&callback).await.received();
    thief.open("/").await;
    thief.navigate(&callback).await.is_page(403, "began in another browser");
    assert_eq!((world.exchanges(), thief.session()), (1, None));
}

/// Acceptance: M3b.
#[tokio::test]
async fn a_login_attempt_that_took_too_long_is_refused_before_the_code_is_used() {
    let world = World::start().await;
    let desktop = world.desktop();
    let qr = desktop.show_qr("/").await;
    let callback = qr.scanned_by(&desktop, "zhang", true).await;
    world.advance(Span::from_mins(10));
    let reply = desktop.navigate(&callback).await;
    assert_eq!(reply.status, 400, "{reply}");
    assert!(!reply.opens_session() && reply.text().contains("/_menshen/login"), "{reply}");
    assert_eq!((world.exchanges(), desktop.session()), (0, None));
    // The way on works.
    desktop.log_in_by_qr("zhang", "/").await.received();
}

/// Acceptance: M3b (mixing up two apps).
#[tokio::test]
async fn a_state_of_one_app_is_refused_at_the_callback_of_another() {
    let world = World::start().await;
    let desktop = world.desktop();
    let callback = desktop.come_back_from_qr("zhang", "/").await;
    let mut elsewhere = callback.clone();
    elsewhere.set_path("/_menshen/callback/service");
    let reply = desktop.navigate(&elsewhere).await;
    reply.is_page(400, "not known");
    elsewhere.set_path("/_menshen/callback/nobody");
    assert_eq!(desktop.navigate(&elsewhere).await.status, 404);
    assert_eq!((world.exchanges(), desktop.session()), (0, None));
}

/// Acceptance: M3c.
#[tokio::test]
async fn a_callback_delivered_twice_exchanges_once_and_answers_the_same() {
    let world = World::start().await;
    let desktop = world.desktop();
    let callback = desktop.come_back_from_qr("zhang", "/wanted").await;
    let first = desktop.navigate(&callback).await;
    let session = desktop.session().unwrap();
    let second = desktop.navigate(&callback).await;
    assert_eq!(first.location().path(), "/wanted");
    assert_eq!((first.location(), first.set_cookies()), (second.location(), second.set_cookies()));
    assert_eq!(desktop.session().unwrap(), session);
    assert_eq!(desktop.follow(second).await.received().target, "/wanted");
    assert_eq!(world.exchanges(), 1);
}

/// Acceptance: M3c.
#[tokio::test]
async fn a_callback_delivered_twice_at_the_same_moment_exchanges_once_and_answers_the_same() {
    for round in 0..10 {
        let world = World::start().await;
        let desktop = world.desktop();
        let callback = desktop.come_back_from_qr("zhang", "/wanted").await;
        let (first, second, third) = tokio::join!(
            desktop.navigate(&callback),
            desktop.navigate(&callback),
            desktop.navigate(&callback)
        );
        for reply in [&second, &third] {
            assert_eq!((first.location(), first.set_cookies()), (reply.location(), reply.set_cookies()));
        }
        assert!(first.opens_session(), "{first}");
        assert_eq!(desktop.follow(third).await.received().target, "/wanted");
        assert_eq!(world.exchanges(), 1, "round {round}");
    }
}

/// Acceptance: M3c (a refusal is repeated too).
#[tokio::test]
async fn a_refused_callback_delivered_twice_is_refused_twice_for_the_same_reason() {
    let directory = DIRECTORY.replacen("id = \"people\"", "id = \"people\"\nregistration = \"closed\"", 1);
    let world = World::with(Setup { directory, ..Setup::default() }).await;
    let desktop = world.desktop();
    let callback = desktop.come_back_from_qr("zhang", "/").await;
    let (first, second) = tokio::join!(desktop.navigate(&callback), desktop.navigate(&callback));
    let third = desktop.navigate(&callback).await;
    for reply in [first, second, third] {
        reply.is_page(403, "No account for this WeChat");
    }
    assert_eq!(world.exchanges(), 1);
}

/// Acceptance: M3c (after signing out).
#[tokio::test]
async fn a_callback_after_signing_out_does_not_bring_the_session_back() {
    let world = World::start().await;
    let desktop = world.desktop();
    let callback = desktop.come_back_from_qr("zhang", "/").await;
    desktop.open_url(&callback).await.received();
    let session = desktop.session().unwrap();
    let logout = desktop.url("/_menshen/logout");
    assert_eq!(desktop.post_form(&logout, "scope=here", &world.origin()).await.status, 200);
    let reply = desktop.navigate(&callback).await;
    reply.is_page(400, "completed before");
    assert_eq!(desktop.session(), None);
    desktop.set_cookie("menshen", &session);
    assert_eq!(desktop.account().await, None);
    assert_eq!(world.exchanges(), 1);
}

/// Acceptance: M3c (a bookmark of the callback).
#[tokio::test]
async fn an_old_callback_sends_somebody_who_is_signed_in_to_the_front_page() {
    let world = World::start().await;
    let desktop = world.desktop();
    let callback = desktop.come_back_from_qr("zhang", "/deep").await;
    desktop.open_url(&callback).await.received();
    world.advance(Span::from_mins(30));
    let reply = desktop.navigate(&callback).await;
    assert_eq!(reply.location().path(), "/");
    assert!(!reply.opens_session());
    assert_eq!(world.exchanges(), 1);
}

/// Acceptance: M3d.
#[tokio::test]
async fn refusing_on_the_phone_leads_back_to_the_login_page_and_the_way_on_is_kept() {
    let world = World::start().await;
    let desktop = world.desktop();
    let qr = desktop.show_qr("/deep?a=1").await;
    let refused = qr.scanned_by(&desktop, "zhang", false).await;
    let page = desktop.open_url(&refused).await;
    page.is_page(200, "You cancelled the sign-in in WeChat");
    assert_eq!((world.exchanges(), desktop.session()), (0, None));
    // The same page signs in, to where the visitor wanted to go in the first place.
    let reply = desktop.log_in_by_qr("zhang", page.url.as_str()).await;
    assert_eq!(reply.received().target, "/deep?a=1");
}

/// Acceptance: M3d (in WeChat's browser, in every form that has been seen).
#[rstest]
#[case::authdeny(DenyVariant::AuthDeny)]
#[case::state_alone(DenyVariant::StateOnly)]
#[tokio::test]
async fn refusing_in_wechat_leads_to_a_page_that_waits_for_a_click(
    #[case] variant: DenyVariant,
    #[values(agent::WECHAT, agent::WECHAT_WINDOWS)] program: &str,
) {
    let world = World::start().await;
    world.wechat.set_deny(variant);
    let phone = world.browser(program);
    let refused = phone.answer_wechat("zhang", "/deep", "deny").await;
    let page = phone.open_url(&refused).await;
    // Asking again at once would be a loop that the visitor cannot leave.
    page.is_page(200, "You cancelled the sign-in in WeChat");
    assert_eq!((world.exchanges(), phone.session()), (0, None));
    let again = phone.log_in_by_wechat("zhang", page.qr_link().as_str()).await;
    // Without a state nobody can say which login was meant, so that one ends at the front page.
    let expected = if variant == DenyVariant::AuthDeny { "/" } else { "/deep" };
    assert_eq!(again.received().target, expected);
    assert_eq!(world.exchanges(), 1);
}

/// Acceptance: M3d.
#[rstest]
#[case("state={state}")]
#[case("code=&state={state}")]
#[case("code=authdeny&state={state}")]
#[case("state=&code=authdeny&reason=user%20deny")]
#[case("code=authdeny")]
#[case("")]
#[tokio::test]
async fn every_form_of_no_leads_to_the_login_page_with_a_notice(#[case] query: &str) {
    let world = World::start().await;
    let desktop = world.desktop();
    let callback = desktop.come_back_from_qr("zhang", "/").await;
    let query = query.replace("{state}", &param(&callback, "state"));
    let reply = desktop.open_url(&with_query(&callback, &query)).await;
    reply.is_page(200, "You cancelled the sign-in in WeChat");
    assert_eq!((world.exchanges(), desktop.session()), (0, None));
}
