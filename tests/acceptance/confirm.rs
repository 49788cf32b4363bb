//! `confirm = true`: the phone is asked before the computer is signed in.

use menshen::ground::{Span, Token};
use menshen::simulator::Fault;
use reqwest::Url;

use crate::agent;
use crate::browser::Browser;
use crate::logs::Logs;
use crate::reply::{Reply, between, unescaped};
use crate::scanning::{ScanPage, setup_with};
use crate::world::{SERVICE, World};

async fn start() -> World {
    World::scanning_with(setup_with("", "confirm = true")).await
}

/// The link that `person` was given in the chat.
pub(crate) fn link(world: &World, person: &str) -> Url {
    let text = world.last_text(person).unwrap();
    between(&text, "<a href=\"", "\"").parse().unwrap()
}

/// Opens the link on a phone and taps an answer.
pub(crate) async fn answer(phone: &Browser, link: &Url, answer: &str) -> Reply {
    let page = phone.navigate(link).await;
    page.is_page(200, "Sign in to");
    let token = unescaped(between(&page.text(), "name=\"token\" value=\"", "\""));
    post(phone, &token, answer).await
}

async fn post(phone: &Browser, token: &str, answer: &str) -> Reply {
    let url = phone.url("/_menshen/confirm");
    let origin = url.origin().ascii_serialization();
    phone.post_form(&url, &format!("token={token}&answer={answer}"), &origin).await
}

fn token_of(link: &Url) -> String {
    link.query_pairs().find(|(name, _)| name == "t").unwrap().1.into_owned()
}

/// `person` scans and has the question.
async fn asked(world: &World, page: &ScanPage<'_>, person: &str) -> Url {
    page.scanned_by(person);
    page.becomes("scanned").await;
    world.wechat.settled().await;
    link(world, person)
}

/// `person` scans, and says yes to the question that the phone is asked wherever a scan may bind a WeChat to an account.
pub(crate) async fn agrees(world: &World, page: &ScanPage<'_>, person: &str) {
    says(world, page, person, "yes").await.is_page(200, "You have confirmed");
    page.becomes("approved").await;
}

/// `person` scans, and answers the question that the phone is asked.
pub(crate) async fn says(world: &World, page: &ScanPage<'_>, person: &str, answer: &str) -> Reply {
    let link = asked(world, page, person).await;
    post(&world.phone(), &token_of(&link), answer).await
}

/// Acceptance: M5a, M5b with `confirm`.
#[tokio::test]
async fn the_phone_is_shown_what_it_is_asked_and_yes_signs_the_computer_in() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.browser(agent::WECHAT_IPHONE));
    let page = desktop.show_code("/deep").await;
    let mut events = page.listen().await;
    page.scanned_by("zhang");
    events.until("scanned").await;
    world.wechat.settled().await;
    let text = world.last_text("zhang").unwrap();
    assert!(text.contains("127.0.0.1") && text.contains("请不要理会"), "{text}");
    // WeChat is asked nothing and the computer is not in before the yes; looking at the question is no answer.
    let link = link(&world, "zhang");
    assert_eq!((link.path(), link.port()), ("/_menshen/confirm", world.public.port()));
    world.advance(Span::from_secs(65));
    for _ in 0..2 {
        let question = phone.navigate(&link).await;
        question.is_page(200, "Sign in to 127.0.0.1?");
        let shown = question.text();
        for fact in ["Chrome", "Windows", "<dd>127.0.0.1</dd>", "1 min ago", "Never confirm a code"] {
            assert!(shown.contains(fact), "no {fact} in {shown}");
        }
        assert_eq!(question.header("cache-control"), Some("no-store"));
        assert_eq!(question.header("referrer-policy"), Some("no-referrer"));
    }
    assert_eq!(page.state_name().await, "scanned");
    assert_eq!(world.wechat.calls("/cgi-bin/user/info"), 0);
    let early = desktop.fetch(&page.finish_href()).await;
    assert_eq!((early.status, early.error().as_str()), (409, "flow_not_approved"));
    answer(&phone, &link, "yes").await.is_page(200, "You have confirmed");
    events.until("approved").await;
    let received = page.go_on().await.received();
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(SERVICE, "zhang").as_str()));
    assert_eq!((phone.session(), phone.account().await), (None, None), "the phone is not signed in by it");
}

/// Acceptance: M5a with `confirm`: no.
#[tokio::test]
async fn no_is_told_to_the_computer_and_final() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/deep").await;
    let mut events = page.listen().await;
    let link = asked(&world, &page, "zhang").await;
    answer(&phone, &link, "no").await.is_page(200, "You have declined");
    events.until("refused").await;
    assert_eq!(events.next().await, None);
    assert_eq!(page.state_name().await, "refused");
    phone.navigate(&link).await.is_page(404, "There is nothing to confirm");
    post(&phone, &token_of(&link), "yes").await.is_page(404, "There is nothing to confirm");
    let reply = page.go_on().await;
    assert_eq!(reply.url.path(), "/_menshen/login");
    assert!(reply.text().contains("data-scan "), "a new code for the same goal: {reply}");
    assert_eq!(desktop.session(), None);
    assert_eq!(world.rows(&[world.union_key("zhang"), world.open_key(SERVICE, "zhang")]).await, [None, None]);
    assert_eq!(world.wechat.calls("/cgi-bin/user/info"), 0);
}

/// Acceptance: M5c with `confirm`: a link is good for one answer.
#[tokio::test]
async fn a_link_that_was_answered_is_answered_no_more() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/").await;
    let link = asked(&world, &page, "zhang").await;
    answer(&phone, &link, "yes").await.is_page(200, "You have confirmed");
    for tap in ["yes", "no"] {
        post(&phone, &token_of(&link), tap).await.is_page(404, "There is nothing to confirm");
    }
    phone.navigate(&link).await.is_page(404, "There is nothing to confirm");
    assert_eq!(page.state_name().await, "approved");
    page.go_on().await.received();
}

/// A link is a secret and nothing else is one.
#[tokio::test]
async fn a_link_that_was_never_given_confirms_nothing() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/").await;
    let link = asked(&world, &page, "zhang").await;
    let mut other = token_of(&link);
    let last = if other.pop() == Some('A') { 'B' } else { 'A' };
    other.push(last);
    let browser = desktop.cookie("menshen-browser").unwrap();
    let scene = page.code.scene.trim_start_matches("menshen_").to_owned();
    let foreign = Token::generate(&mut rand::rng()).reveal();
    for token in [other, foreign, browser, scene, page.flow.clone(), "x".into(), String::new()] {
        phone
            .visit(&format!("/_menshen/confirm?t={token}"))
            .await
            .is_page(404, "There is nothing to confirm");
        post(&phone, &token, "yes").await.is_page(404, "There is nothing to confirm");
    }
    phone.visit("/_menshen/confirm").await.is_page(404, "There is nothing to confirm");
    post(&phone, &token_of(&link), "maybe").await.is_page(400, "cannot be understood");
    assert_eq!(page.state_name().await, "scanned");
    answer(&phone, &link, "yes").await.is_page(200, "You have confirmed");
}

/// Section 4 of the design: a question has its time.
#[tokio::test]
async fn a_question_runs_out() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/").await;
    let link = asked(&world, &page, "zhang").await;
    world.advance(Span::from_secs(180));
    phone.navigate(&link).await.is_page(404, "There is nothing to confirm");
    post(&phone, &token_of(&link), "yes").await.is_page(404, "There is nothing to confirm");
    assert_eq!(page.state_name().await, "expired");
    assert!(!page.go_on().await.opens_session());
}

/// A question lasts as long as the code it is about.
#[tokio::test]
async fn a_code_scanned_at_once_leaves_all_its_time_for_the_answer() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/deep").await;
    let link = asked(&world, &page, "zhang").await;
    world.advance(Span::from_secs(179));
    assert_eq!(page.state_name().await, "scanned");
    answer(&phone, &link, "yes").await.is_page(200, "You have confirmed");
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
}

/// A code scanned in its last second leaves time to answer.
#[tokio::test]
async fn a_code_scanned_at_its_end_still_has_time_for_the_answer() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/deep").await;
    world.advance(Span::from_secs(179));
    let link = asked(&world, &page, "zhang").await;
    world.advance(Span::from_secs(100));
    answer(&phone, &link, "yes").await.is_page(200, "You have confirmed");
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
}

/// One outcome, whatever the order.
#[tokio::test]
async fn of_two_answers_at_once_one_counts() {
    let world = start().await;
    let phone = world.phone();
    for round in 0..6 {
        let desktop = world.desktop();
        let page = desktop.show_code("/").await;
        let first = asked(&world, &page, "zhang").await;
        let mut second = first.clone();
        if round % 2 == 1 {
            // The same phone scans again and has a second link.
            world.advance(Span::from_secs(1));
            page.scanned_by("zhang");
            world.wechat.settled().await;
            second = link(&world, "zhang");
            assert_ne!(first, second);
        }
        let (first, second) = (token_of(&first), token_of(&second));
        let (yes, no) = tokio::join!(post(&phone, &first, "yes"), post(&phone, &second, "no"));
        let state = page.state_name().await;
        match (yes.status, no.status) {
            (200, 404) => assert_eq!(state, "approved"),
            (404, 200) => assert_eq!(state, "refused"),
            other => panic!("{other:?}"),
        }
        assert_eq!(page.go_on().await.opens_session() || desktop.session().is_some(), state == "approved");
        world.advance(Span::from_secs(1));
    }
}

/// A code belongs to the first phone that scans it.
#[tokio::test]
async fn another_person_who_scans_the_same_code_is_turned_away_and_changes_nothing() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/").await;
    let link = asked(&world, &page, "zhang").await;
    page.scanned_by("lina");
    world.wechat.settled().await;
    assert_eq!(world.last_text("lina").unwrap(), "二维码已失效，请在电脑上刷新后重新扫描。");
    assert_eq!(page.state_name().await, "scanned");
    answer(&phone, &link, "yes").await.is_page(200, "You have confirmed");
    page.becomes("approved").await;
    let received = page.go_on().await.received();
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(SERVICE, "zhang").as_str()));
}

/// Acceptance: M5e with `confirm`: while WeChat does not say who it is, the question stays open.
#[tokio::test]
async fn a_yes_that_wechat_could_not_vouch_for_can_be_given_again() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/deep").await;
    let link = asked(&world, &page, "zhang").await;
    world.wechat.fault("/cgi-bin/user/info", Fault::Errcode(48001), 1);
    answer(&phone, &link, "yes").await.is_page(500, "Signing in is not set up correctly");
    assert_eq!(page.state_name().await, "scanned");
    answer(&phone, &link, "yes").await.is_page(200, "You have confirmed");
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
}

/// Acceptance: M5e with `confirm`: WeChat names only those who follow.
#[tokio::test]
async fn who_unfollowed_before_the_yes_is_asked_to_follow_and_can_answer_again() {
    let world = start().await;
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/deep").await;
    let link = asked(&world, &page, "zhang").await;
    world.wechat.unfollow(SERVICE, "zhang").unwrap();
    world.wechat.settled().await;
    answer(&phone, &link, "yes").await.is_page(403, "Please follow the account first");
    assert_eq!(page.state_name().await, "scanned");
    world.is_followed_by("zhang").await;
    answer(&phone, &link, "yes").await.is_page(200, "You have confirmed");
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
}

/// Acceptance: M5f: the operator's own question; and nothing secret in the log.
#[tokio::test]
async fn the_operators_own_question_holds_the_link_and_the_log_does_not() {
    let replies = r#"replies = { confirm = "{host}? <a href=\"{link}\">Yes, me</a>" }"#;
    let world = World::scanning_with(setup_with(replies, "confirm = true")).await;
    let logs = Logs::start();
    let (desktop, phone) = (world.desktop(), world.phone());
    let page = desktop.show_code("/").await;
    let link = asked(&world, &page, "zhang").await;
    assert_eq!(world.last_text("zhang").unwrap(), format!("127.0.0.1? <a href=\"{link}\">Yes, me</a>"));
    answer(&phone, &link, "yes").await.is_page(200, "You have confirmed");
    page.becomes("approved").await;
    page.go_on().await.received();
    let text = logs.text();
    assert!(text.contains("scan_answered") && text.contains("scanned"), "{text}");
    for secret in [&token_of(&link), &page.code.scene, &page.code.ticket, &desktop.session().unwrap()] {
        assert!(!text.contains(secret.as_str()), "{secret} in {text}");
    }
}
