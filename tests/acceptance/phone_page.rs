//! A visitor who is logged in verifies a phone number: on the page of the gateway, and by the API.

use menshen::domain::{Contact, IdentityKey, Phone, PoolId};
use menshen::ground::Span;
use rstest::rstest;
use serde_json::{Value, json};

use crate::agent;
use crate::browser::Browser;
use crate::client::Client;
use crate::logs::Logs;
use crate::own_server::{Manner, OwnServer};
use crate::programs::{LOGIN, setup_with};
use crate::reply::Reply;
use crate::world::{Setup, World};

const NUMBER: &str = "+8613912345678";
const SENT: Manner = Manner::Answer(200, "application/json", "{}");

const ROUTES: &str = r#"
[[routes]]
path = "/"
upstream = "app"

[[routes]]
path = "/shop"
upstream = "app"
require = { phone = true }
"#;

/// A world, and the operator's service for messages.
struct Street {
    world: World,
    service: OwnServer,
}

impl Street {
    async fn start() -> Self {
        let service = OwnServer::start(SENT).await;
        let sms = format!(
            "[notify.sms]\nwebhook = \"http://{}/sms\"\nsecret = \"0123456789abcdef0123456789abcdef\"\ntimeout = \"20s\"\n",
            service.address
        );
        let setup = Setup { routes: format!("{ROUTES}{sms}"), ..setup_with("ask_phone = true", "") };
        Self { world: World::with(setup).await, service }
    }

    /// What the service was asked to send.
    fn messages(&self) -> Vec<Value> {
        self.service.relayed().iter().map(|order| serde_json::from_slice(&order.body).unwrap()).collect()
    }

    /// The code of the newest message.
    fn code(&self) -> String {
        self.messages().last().unwrap()["code"].as_str().unwrap().to_owned()
    }

    async fn post(&self, browser: &Browser, path: &str, form: &str) -> Reply {
        let rt = browser.url("/shop/cart?a=b");
        let rt: String = url::form_urlencoded::byte_serialize(rt.as_str().as_bytes()).collect();
        browser.post_form(&browser.url(path), &format!("{form}&rt={rt}"), &self.world.origin()).await
    }

    /// `browser` asks for a code for `number`, and sees the page for it.
    async fn asks(&self, browser: &Browser, number: &str) -> Reply {
        let number: String = url::form_urlencoded::byte_serialize(number.as_bytes()).collect();
        let reply = self.post(browser, "/_menshen/phone", &format!("phone={number}")).await;
        browser.follow(reply).await
    }

    async fn types(&self, browser: &Browser, code: &str) -> Reply {
        self.post(browser, "/_menshen/phone/verify", &format!("code={code}")).await
    }
}

fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

fn key(number: &str) -> IdentityKey {
    IdentityKey::Phone { pool: PoolId::new("people").unwrap(), phone: Phone::parse(number).unwrap() }
}

/// Acceptance: U9.
#[tokio::test]
async fn a_visitor_without_a_number_is_asked_once_and_goes_on_to_what_they_wanted() {
    let (logs, street) = (Logs::start(), Street::start().await);
    let browser = street.world.desktop();
    browser.log_in_by_qr("wang", "/").await.received();
    let page = browser.open("/shop/cart?a=b").await;
    page.is_page(200, "Verify your phone number");
    assert!(page.text().contains("method=code"), "WeChat could tell it too: {page}");
    let page = street.asks(&browser, " 139 1234-5678").await;
    page.is_page(200, "+8613*******78");
    let messages = street.messages();
    assert_eq!((messages.len(), &messages[0]["phone"]), (1, &NUMBER.into()));
    assert_eq!((&messages[0]["purpose"], &messages[0]["minutes"]), (&"verify_phone".into(), &10.into()));
    let code = street.code();
    // Looked at again, it is the same page, and nothing is sent.
    browser.open("/shop/cart?a=b").await.is_page(200, "+8613*******78");
    let wrong = street.types(&browser, &another(&code)).await;
    wrong.is_page(400, "This is not the code");
    assert!(browser.open("/shop").await.url.path().ends_with("/phone"), "a wrong code opens nothing");
    let done = street.types(&browser, &format!("{}%20{}", &code[..3], &code[3..])).await;
    assert_eq!(done.location(), browser.url("/shop/cart?a=b"));
    let app = browser.follow(done).await.received();
    assert_eq!((app.target.as_str(), app.header("x-user-phone")), ("/shop/cart?a=b", Some(NUMBER)));

    let id = browser.account().await.unwrap();
    let account = street.world.stored_account(&id).await.unwrap();
    assert_eq!(account.phone, Some(Contact { value: NUMBER.into(), verified: true }));
    assert_eq!(street.world.row(&key(NUMBER)).await.unwrap().accounts, [account.id]);
    // Once: neither the page nor a later login asks again.
    assert_eq!(browser.visit("/_menshen/phone?rt=%2Fshop").await.location(), browser.url("/shop"));
    let later = street.world.desktop();
    later.log_in_by_qr("wang", "/shop").await.received();
    assert_eq!(street.messages().len(), 1);
    let log = logs.text();
    assert!(!log.contains(&code) && !log.contains("1391234"), "{log}");
    assert_eq!(logs.events("phone_code_sent").len(), 1);
    assert_eq!(logs.events("phone_code_wrong").len(), 1);
}

/// Acceptance: B7, U9.
#[tokio::test]
async fn a_number_of_another_account_stays_there_and_the_visitor_is_told() {
    let street = Street::start().await;
    let holder =
        street.world.client().call(LOGIN, &street.world.phone_proof("zhang")).await.user(&street.world);
    let browser = street.world.desktop();
    browser.log_in_by_qr("wang", "/").await.received();
    street.asks(&browser, "+8613580006666").await;
    let page = street.types(&browser, &street.code()).await;
    page.is_page(409, "This number belongs to another account");
    let row = street.world.row(&key("+8613580006666")).await.unwrap();
    assert_eq!(row.accounts[0].as_str(), holder.id);
    let id = browser.account().await.unwrap();
    assert_eq!(street.world.stored_account(&id).await.unwrap().phone, None);
    // The code has done its work.
    street.types(&browser, &street.code()).await.is_page(400, "no longer works");
}

/// Acceptance: U9.
#[tokio::test]
async fn a_code_stands_five_tries_and_ten_minutes() {
    let street = Street::start().await;
    let browser = street.world.desktop();
    browser.log_in_by_qr("wang", "/").await.received();
    street.asks(&browser, NUMBER).await;
    let code = street.code();
    for _ in 0..4 {
        street.types(&browser, &another(&code)).await.is_page(400, "This is not the code");
    }
    street.types(&browser, &another(&code)).await.is_page(400, "no longer works");
    street.types(&browser, &code).await.is_page(400, "no longer works");

    street.world.advance(Span::from_mins(1));
    street.asks(&browser, NUMBER).await;
    street.world.advance(Span::from_mins(10));
    street.types(&browser, &street.code()).await.is_page(400, "no longer works");
}

/// Acceptance: U9. Of twenty guesses at once five are looked at.
#[tokio::test]
async fn guesses_that_come_at_once_are_counted_one_by_one() {
    let street = Street::start().await;
    let browser = street.world.desktop();
    browser.log_in_by_qr("wang", "/").await.received();
    street.asks(&browser, NUMBER).await;
    let wrong = another(&street.code());
    let guesses = (0..20).map(|_| street.types(&browser, &wrong));
    let replies = futures_util::future::join_all(guesses).await;
    let looked_at = replies.iter().filter(|reply| reply.text().contains("This is not the code")).count();
    assert!(looked_at <= 4, "{looked_at}");
    street.types(&browser, &street.code()).await.is_page(400, "no longer works");
}

/// Acceptance: U9.
#[tokio::test]
async fn a_number_is_sent_one_code_a_minute_whoever_asks() {
    let street = Street::start().await;
    let (browser, other) = (street.world.desktop(), street.world.desktop());
    browser.log_in_by_qr("wang", "/").await.received();
    other.log_in_by_qr("lina", "/").await.received();
    street.asks(&browser, NUMBER).await;
    let again = street.post(&browser, "/_menshen/phone", "again=1").await;
    again.is_page(429, "Please try again in 60 seconds");
    assert_eq!(again.header("retry-after"), Some("60"));
    street.asks(&other, NUMBER).await.is_page(429, "A code was sent just now");
    // Another account, another number.
    street.asks(&other, "+8613800138001").await.is_page(200, "+8613*******01");
    // One account does not send to many numbers.
    street.asks(&browser, "+8613800138002").await.is_page(429, "A code was sent just now");
    assert_eq!(street.messages().len(), 2);
    street.world.advance(Span::from_mins(1));
    let again = street.post(&browser, "/_menshen/phone", "again=1").await;
    browser.follow(again).await.is_page(200, "+8613*******78");
    let messages = street.messages();
    assert_eq!(messages.len(), 3);
    assert_ne!(messages[0]["code"], messages[2]["code"]);
    let first = messages[0]["code"].as_str().unwrap();
    street.types(&browser, first).await.is_page(400, "This is not the code");
    assert_eq!(street.types(&browser, &street.code()).await.status, 303);
}

/// Acceptance: U9. Messages cost money, and anybody who is logged in could have them sent to anybody.
#[tokio::test]
async fn an_account_has_five_codes_a_day_whatever_the_numbers() {
    let street = Street::start().await;
    let browser = street.world.desktop();
    browser.log_in_by_qr("wang", "/").await.received();
    for at in 1..=5 {
        street
            .asks(&browser, &format!("+861380013800{at}"))
            .await
            .is_page(200, &format!("+8613*******0{at}"));
        street.world.advance(Span::from_mins(1));
    }
    let page = street.asks(&browser, NUMBER).await;
    page.is_page(429, "No more codes can be sent for now");
    assert!(page.text().contains("in about 24 h"), "{page}");
    assert_eq!(page.header("retry-after"), Some("86400"));
    assert_eq!(street.messages().len(), 5);
    // The last of them still works.
    assert_eq!(street.types(&browser, &street.code()).await.status, 303);
}

/// Acceptance: U9. A second press of the button makes the browser give the first request up.
#[tokio::test]
async fn a_code_can_be_typed_in_as_soon_as_it_is_sent_whoever_still_listens() {
    let street = Street::start().await;
    let browser = street.world.desktop();
    browser.log_in_by_qr("wang", "/").await.received();
    street.service.answers(Manner::Hang);
    let looking = async {
        while street.messages().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        reply = street.asks(&browser, NUMBER) => panic!("answered before it was sent: {reply}"),
        () = looking => {}
    }
    street.asks(&browser, NUMBER).await.is_page(429, "+8613*******78");
    assert_eq!(street.types(&browser, &street.code()).await.status, 303);
    assert_eq!(street.messages().len(), 1);
}

/// Acceptance: U9.
#[tokio::test]
async fn what_cannot_be_sent_takes_nothing_away() {
    let street = Street::start().await;
    let browser = street.world.desktop();
    browser.log_in_by_qr("wang", "/").await.received();
    street.asks(&browser, NUMBER).await;
    let other = street.asks(&browser, "+8613800138002").await;
    other.is_page(429, "value=\"+8613800138002\"");
    street.world.advance(Span::from_mins(1));
    let first = street.code();
    street.service.answers(Manner::HangUp);
    let again = street.post(&browser, "/_menshen/phone", "again=1").await;
    again.is_page(503, "The code could not be sent");
    assert!(again.text().contains("+8613*******78"), "the code before can still be typed in: {again}");
    assert_eq!(street.types(&browser, &first).await.status, 303);
}

/// Acceptance: B7, U9.
#[tokio::test]
async fn who_lets_wechat_tell_a_number_of_another_account_is_told_why_they_are_asked_again() {
    let street = Street::start().await;
    let holder = street.world.desktop();
    holder.log_in_by_qr("wang", "/").await.received();
    street.asks(&holder, "+8613580006666").await;
    assert_eq!(street.types(&holder, &street.code()).await.status, 303);
    let browser = street.world.desktop();
    let page = browser.show_program().await;
    let (scene, code) = (page.scene(), street.world.login_code("zhang"));
    street.world.looks(&scene, "zhang").await.done();
    let yes = json!({ "scene": scene, "code": code, "phone_code": street.world.phone_code("zhang") });
    street.world.client().call("confirm", &yes).await.done();
    page.go_on().await.received();
    browser.open("/shop").await.is_page(409, "This number belongs to another account");
    browser.open("/shop").await.is_page(200, "Verify your phone number");
}

/// Acceptance: U9. The code follows from the token of who asked.
#[tokio::test]
async fn a_code_works_for_the_session_that_asked_and_only_from_its_own_pages() {
    let street = Street::start().await;
    let (browser, other) = (street.world.desktop(), street.world.desktop());
    browser.log_in_by_qr("wang", "/").await.received();
    other.log_in_by_qr("wang", "/").await.received();
    street.asks(&browser, NUMBER).await;
    street.types(&other, &street.code()).await.is_page(400, "no longer works");
    let url = browser.url("/_menshen/phone/verify");
    let foreign = browser.post_form(&url, &format!("code={}", street.code()), "https://evil.example").await;
    foreign.is_page(403, "This form came from elsewhere");
    let stranger = street.world.desktop();
    let asked = street.post(&stranger, "/_menshen/phone", "phone=13912345678").await;
    assert!(asked.location().path().ends_with("/login"), "{asked}");
    assert_eq!(street.messages().len(), 1);
    assert_eq!(street.types(&browser, &street.code()).await.status, 303);
}

#[rstest]
#[case::refused(Manner::Answer(500, "text/plain", "no"))]
#[case::gone(Manner::HangUp)]
#[tokio::test]
async fn a_message_that_was_not_sent_is_no_code_and_another_number_may_be_tried(#[case] manner: Manner) {
    let street = Street::start().await;
    let browser = street.world.desktop();
    browser.log_in_by_qr("wang", "/").await.received();
    street.service.answers(manner);
    street.asks(&browser, NUMBER).await.is_page(503, "The code could not be sent");
    street.types(&browser, "123456").await.is_page(400, "no longer works");
    street.asks(&browser, "nonsense").await.is_page(400, "This is not a phone number");
    street.service.answers(SENT);
    street.asks(&browser, NUMBER).await.is_page(429, "A code was sent just now");
    street.asks(&browser, "+8613800138001").await.is_page(200, "+8613*******01");
}

/// Acceptance: U9. In a browser in which nothing can be scanned only the message is offered.
#[tokio::test]
async fn the_mini_program_is_offered_where_it_fits() {
    let street = Street::start().await;
    let phone = street.world.browser(agent::WECHAT);
    phone.log_in_by_wechat("wang", "/").await.received();
    let page = phone.open("/shop").await;
    page.is_page(200, "Verify your phone number");
    assert!(!page.text().contains("method=code"), "{page}");
}

/// Acceptance: U9.
#[tokio::test]
async fn a_client_verifies_a_number_by_the_api() {
    let street = Street::start().await;
    let user = street.world.mobile_user("wang").await;
    let asked = user.client.get("/shop").await;
    assert_eq!((asked.status, asked.error().as_str()), (403, "phone_required"));
    let path = asked.json()["page"].as_str().unwrap().to_owned();
    assert!(path.ends_with("/_menshen/phone"), "{path}");
    let send =
        async |client: &Client, number: &str| client.call("account/phone", &json!({ "phone": number })).await;
    let verify = async |client: &Client, code: &str| {
        client.call("account/phone/verify", &json!({ "code": code })).await
    };
    verify(&user.client, "123456").await.is_refused(400, "code_expired");
    send(&user.client, "no number").await.is_refused(400, "bad_request");
    send(&street.world.client(), NUMBER).await.is_refused(401, "login_required");
    let sent = send(&user.client, NUMBER).await.done();
    assert_eq!(sent, json!({ "sent_to": "+8613*******78", "expires_in": 600, "again_in": 60 }));
    send(&user.client, NUMBER).await.is_refused(429, "too_many");
    verify(&user.client, &another(&street.code())).await.is_refused_for_now(400, "code_wrong");
    let done = verify(&user.client, &street.code()).await.done();
    assert_eq!(
        (&done["account"]["id"], &done["account"]["phone"]),
        (&json!(user.id), &json!("+8613*******78"))
    );
    user.client.get("/shop").await.received();

    street.service.answers(Manner::HangUp);
    let other = street.world.mobile_user("lina").await;
    send(&other.client, "+8613800138001").await.is_refused_for_now(503, "code_not_sent");
    street.service.answers(SENT);
    street.world.advance(Span::from_mins(1));
    send(&other.client, NUMBER).await.done();
    verify(&other.client, &street.code()).await.is_refused(409, "phone_taken");
}

#[tokio::test]
async fn without_a_service_for_messages_the_page_and_the_api_say_so() {
    let setup = Setup { routes: ROUTES.into(), ..setup_with("ask_phone = true", "") };
    let world = World::with(setup).await;
    let user = world.mobile_user("wang").await;
    let sent = user.client.call("account/phone", &json!({ "phone": NUMBER })).await;
    sent.is_refused(409, "sms_off");
    let (desktop, phone) = (world.desktop(), world.browser(agent::WECHAT));
    desktop.log_in_by_qr("wang", "/").await.received();
    desktop.open("/shop").await.is_page(200, "Let WeChat tell it");
    phone.log_in_by_wechat("wang", "/").await.received();
    phone.open("/shop").await.is_page(200, "cannot be had in this browser");
}
