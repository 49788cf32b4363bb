//! A native app opens a mini program, whose user confirms; the app comes back with a code and redeems it.
//!
//! Ticket, verifier and return code have to come together, each in time and once.

use menshen::ground::Span;
use menshen::simulator::Opened;
use rstest::rstest;
use serde_json::{Value, json};

use crate::client::{Client, one_of_two};
use crate::program_page::ticket_of;
use crate::programs::{LOGIN, MINI, setup_with};
use crate::reply::Reply;
use crate::world::World;

/// The pair of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A native app that asked its user to confirm in WeChat.
pub(crate) struct Launched {
    pub(crate) app: Client,
    pub(crate) told: Value,
    pub(crate) ticket: String,
}

impl World {
    /// An app that begins a login, and opens the mini program on the phone of `person`.
    pub(crate) async fn launched(&self, person: &str) -> (Launched, Opened) {
        let app = self.client_as("PaperBoats/3.2 (Android 14; Pixel 8)");
        let told = app.call("launch", &json!({ "method": "launch", "challenge": CHALLENGE })).await.done();
        let text = |key: &str| told[key].as_str().unwrap().to_owned();
        let opened = self.wechat.launch(&text("mini_program"), &text("path"), person).unwrap();
        assert_eq!((opened.launch_scene, ticket_of(&opened)), (1069, text("ticket")));
        let ticket = text("ticket");
        (Launched { app, told, ticket }, opened)
    }

    /// The same up to the return code, which the mini program hands to the app.
    pub(crate) async fn returned(&self, person: &str) -> (Launched, String) {
        let (launched, opened) = self.launched(person).await;
        self.looks(&launched.ticket, person).await.done();
        let told = self.confirms(&launched.ticket, person).await.done();
        assert_eq!(told["approved"], true);
        let code = self.wechat.return_to_app(&opened, told["return_code"].as_str().unwrap()).unwrap();
        (launched, code)
    }
}

impl Launched {
    pub(crate) async fn redeem(&self, return_code: &str) -> Reply {
        self.redeem_with(VERIFIER, return_code).await
    }

    pub(crate) async fn redeem_with(&self, verifier: &str, return_code: &str) -> Reply {
        let body = json!({ "ticket": self.ticket, "verifier": verifier, "return_code": return_code });
        self.app.call("redeem", &body).await
    }

    /// By way of another gateway.
    pub(crate) async fn redeem_at(&self, gateway: usize, return_code: &str) -> Reply {
        let body = json!({ "ticket": self.ticket, "verifier": VERIFIER, "return_code": return_code });
        self.app.at(gateway).call("redeem", &body).await
    }
}

/// Acceptance: M2b, M2a: the app has a token, the account a verified phone.
#[tokio::test]
async fn an_app_that_brings_all_three_parts_is_logged_in() {
    let world = World::with(setup_with("", "ask_phone = true")).await;
    let (launched, opened) = world.launched("zhang").await;
    let expected = json!({
        "ticket": launched.ticket, "mini_program": "gh_0de000000005", "program_type": 0, "expires_in": 180,
        "path": format!("pages/menshen/launch/launch?t={}", launched.ticket),
    });
    assert_eq!(launched.told, expected);
    let shown = world.looks(&launched.ticket, "zhang").await.done();
    assert_eq!(
        (&shown["kind"], &shown["ask_phone"], &shown["browser"]),
        (&json!("app"), &json!(true), &json!("Android"))
    );
    let yes = json!({
        "scene": launched.ticket, "code": world.login_code("zhang"), "phone_code": world.phone_code("zhang"),
    });
    let told = world.client().call("confirm", &yes).await.done();
    let code = world.wechat.return_to_app(&opened, told["return_code"].as_str().unwrap()).unwrap();
    let user = launched.redeem(&code).await.user(&world);
    assert_eq!(user.told["account"]["phone"], "+8613*******66");
    let received = user.client.get("/deep?a=1").await.received();
    assert_eq!(received.header("x-user-id"), Some(user.id.as_str()));
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(MINI, "zhang").as_str()));
    assert_eq!(received.header("x-user-phone"), Some("+8613580006666"));
    assert_eq!(received.header("authorization"), None);
    assert_eq!(world.mini_user("zhang").await.id, user.id);
}

/// Acceptance: M2b: once.
#[tokio::test]
async fn a_login_is_redeemed_once() {
    let world = World::of_programs().await;
    let (launched, code) = world.returned("zhang").await;
    let (one, other) = tokio::join!(launched.redeem(&code), launched.redeem(&code));
    one_of_two(&one, &other, 409);
    launched.redeem(&code).await.is_refused(409, "flow_finished");
    let id = menshen::domain::AccountId::new(world.mini_user("zhang").await.id).unwrap();
    assert_eq!(world.store().sessions_of(&id).await.unwrap().len(), 2, "the app's and the mini program's");
}

/// Acceptance: M2b: before the yes there is nothing to redeem, after a no there never is.
#[tokio::test]
async fn nothing_is_redeemed_before_a_yes_or_after_a_no() {
    let world = World::of_programs().await;
    let (other, code) = world.returned("lina").await;
    let (launched, _) = world.launched("zhang").await;
    launched.redeem(&code).await.is_refused_for_now(409, "flow_not_approved");
    world.looks(&launched.ticket, "zhang").await.done();
    launched.redeem(&code).await.is_refused_for_now(409, "flow_not_approved");
    assert_eq!(world.rejects(&launched.ticket, "zhang").await.done(), json!({ "approved": false }));
    for _ in 0..2 {
        launched.redeem(&code).await.is_refused(403, "denied");
    }
    world.confirms(&launched.ticket, "zhang").await.is_refused(409, "scan_code_used");
    world.knows_nothing_of("zhang").await;
    other.redeem(&code).await.done();
}

/// Acceptance: M2b: who saw the ticket and even the return code has nothing without the verifier.
#[tokio::test]
async fn ticket_and_return_code_are_worthless_without_the_verifier() {
    let world = World::of_programs().await;
    let (launched, code) = world.returned("zhang").await;
    // Another verifier, the challenge itself, the return code.
    for verifier in ["0".repeat(43), CHALLENGE.to_owned(), code.clone(), VERIFIER.to_ascii_lowercase()] {
        let told = launched.redeem_with(&verifier, &code).await.is_refused(403, "verifier_wrong");
        assert_eq!(told["retryable"], false);
    }
    let ticket = &launched.ticket;
    for what in ["state", "events", "finish"] {
        let reply = world.desktop().fetch(&format!("/_menshen/flow/{what}?flow={ticket}")).await;
        assert!((400..500).contains(&reply.status) && !reply.opens_session(), "{reply}");
    }
    world.knows_nothing_of("zhang").await;
    launched.redeem(&code).await.done();
}

/// Acceptance: M2b: the return code is that of this login and of no other.
#[tokio::test]
async fn a_return_code_opens_its_own_login_alone() {
    let world = World::of_programs().await;
    let ((mine, code), (other, foreign)) = (world.returned("zhang").await, world.returned("lina").await);
    assert_ne!(code, foreign);
    for wrong in [foreign.as_str(), "0a1b2c", "", "中文", mine.ticket.as_str()] {
        mine.redeem(wrong).await.is_refused_for_now(403, "return_code_wrong");
    }
    let (zhang, lina) = (mine.redeem(&code).await.user(&world), other.redeem(&foreign).await.user(&world));
    assert_ne!(zhang.id, lina.id);
}

/// Acceptance: M2b: what is too late is refused, on either side of the yes.
#[tokio::test]
async fn a_login_that_took_too_long_is_refused() {
    let world = World::of_programs().await;
    let (asked, _) = world.launched("zhang").await;
    let (answered, code) = world.returned("lina").await;
    world.advance(Span::from_secs(180));
    answered.redeem(&code).await.is_refused_for_now(400, "flow_expired");
    world.looks(&asked.ticket, "zhang").await.is_refused_for_now(410, "scan_code_expired");
    world.confirms(&asked.ticket, "zhang").await.is_refused_for_now(410, "scan_code_expired");
    asked.redeem(&code).await.is_refused_for_now(400, "flow_expired");
    world.advance(Span::from_mins(60));
    for launched in [&asked, &answered] {
        launched.redeem(&code).await.is_refused(404, "ticket_unknown");
    }
    for person in ["zhang", "lina"] {
        world.knows_nothing_of(person).await;
    }
}

/// Acceptance: M2b: who is late at every step, but in time, is logged in.
#[tokio::test]
async fn a_login_that_is_answered_at_the_last_moment_can_still_be_redeemed() {
    let world = World::of_programs().await;
    let (launched, opened) = world.launched("zhang").await;
    world.advance(Span::from_secs(179));
    assert_eq!(world.looks(&launched.ticket, "zhang").await.done()["expires_in"], 120);
    world.advance(Span::from_secs(119));
    let told = world.confirms(&launched.ticket, "zhang").await.done();
    world.advance(Span::from_secs(119));
    let code = world.wechat.return_to_app(&opened, told["return_code"].as_str().unwrap()).unwrap();
    launched.redeem(&code).await.done();
}

/// Acceptance: M2b: a return code is given to the first phone alone.
#[tokio::test]
async fn a_second_phone_gets_no_return_code() {
    let world = World::of_programs().await;
    let (launched, _) = world.launched("zhang").await;
    world.looks(&launched.ticket, "zhang").await.done();
    for call in ["scan", "confirm", "reject"] {
        world.answers(call, &launched.ticket, "lina").await.is_refused(409, "scan_code_used");
    }
    world.confirms(&launched.ticket, "zhang").await.done();
    world.confirms(&launched.ticket, "lina").await.is_refused(409, "scan_code_used");
}

/// Acceptance: M2b: the phone cannot know whether its yes arrived. It says it again, and the login is redeemed once.
#[tokio::test]
async fn a_yes_whose_answer_was_lost_can_be_said_again() {
    let world = World::with(setup_with("", "ask_phone = true")).await;
    let (launched, opened) = world.launched("zhang").await;
    let phone_code = world.phone_code("zhang");
    let yes = |code: String| json!({ "scene": launched.ticket, "code": code, "phone_code": phone_code });
    let lost = world.client().call("confirm", &yes(world.login_code("zhang"))).await.done();
    let again = world.client().call("confirm", &yes(world.login_code("zhang"))).await.done();
    assert_ne!(lost["return_code"], again["return_code"]);
    let code = world.wechat.return_to_app(&opened, again["return_code"].as_str().unwrap()).unwrap();
    let user = launched.redeem(&code).await.user(&world);
    assert_eq!(user.told["account"]["phone"], "+8613*******66");
    launched.redeem(lost["return_code"].as_str().unwrap()).await.is_refused(409, "flow_finished");
    world.confirms(&launched.ticket, "zhang").await.is_refused(409, "scan_code_used");
}

/// Acceptance: M2b: the session is for the host that the person was shown, wherever the app redeems.
#[tokio::test]
async fn a_launch_is_redeemed_at_its_own_host_alone() {
    const OTHER: &str = "other.localhost";
    let mut setup = setup_with("", "");
    setup.routes.push_str(&format!("\n[[routes]]\nhost = \"{OTHER}\"\nupstream = \"app\"\n"));
    let world = World::with(setup).await;
    let (launched, code) = world.returned("zhang").await;
    let body = json!({ "ticket": launched.ticket, "verifier": VERIFIER, "return_code": code });
    let headers = [("content-type", "application/json"), ("host", OTHER)];
    let elsewhere = launched.app.post("redeem", &headers, body.to_string().into_bytes()).await;
    elsewhere.is_refused(404, "ticket_unknown");
    launched.redeem(&code).await.user(&world);
}

/// Acceptance: M2b, A14: a disabled account is refused at the end, whatever was confirmed.
#[tokio::test]
async fn a_disabled_account_is_refused_at_the_end() {
    let world = World::of_programs().await;
    let user = world.mini_user("zhang").await;
    let (launched, code) = world.returned("zhang").await;
    world.disable(&user.id).await;
    for _ in 0..2 {
        launched.redeem(&code).await.is_refused(403, "account_disabled");
    }
}

/// Acceptance: M2b, M1b, A7, A8: where two accounts fit, redeeming asks which.
#[tokio::test]
async fn redeeming_asks_where_two_accounts_fit() {
    let world = World::of_programs().await;
    let a = world.mini_user("wang").await;
    world.wechat.set_unionid("wang", Some("u-wang".into())).unwrap();
    let b = world.mobile_user("wang").await;
    let (launched, code) = world.returned("wang").await;
    let reply = launched.redeem(&code).await;
    let question = reply.json();
    assert_eq!((reply.status, &question["pending"]), (409, &json!("choose")), "{reply}");
    assert_eq!(question["accounts"].as_array().unwrap().len(), 2);
    assert_ne!(a.id, b.id);
    launched.redeem(&code).await.is_refused(409, "several_accounts");
    let path = format!("flow/{}/choose", question["flow"].as_str().unwrap());
    let choice = json!({ "key": question["key"], "account": a.id });
    assert_eq!(launched.app.call(&path, &choice).await.user(&world).id, a.id);
    assert_eq!(world.client().call(LOGIN, &world.mini_proof("wang")).await.user(&world).id, a.id);
}

/// Acceptance: M2b: what an app sends is checked before anything is kept.
#[rstest]
#[case::too_short("launch", "challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c")]
#[case::padded("launch", "challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=")]
#[case::hex("launch", "challenge", "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3")]
#[case::short("redeem", "verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX")]
#[case::long("redeem", "verifier", &"a".repeat(129))]
#[case::foreign_letters("redeem", "verifier", "dBjftJeZ4CVP+mB92K27uhbUJU1p1r/wW1gFWFOEjXk")]
#[tokio::test]
async fn challenge_and_verifier_have_their_form(
    #[case] call: &str,
    #[case] field: &str,
    #[case] value: &str,
) {
    let world = World::of_programs().await;
    let (launched, code) = world.returned("zhang").await;
    let mut body = match call {
        "launch" => json!({ "method": "launch" }),
        _ => json!({ "ticket": launched.ticket, "return_code": code }),
    };
    body[field] = json!(value);
    let told = launched.app.call(call, &body).await.is_refused(400, "bad_request");
    let message = told["message"].as_str().unwrap();
    assert!(message.contains(&format!("`{field}`")) && !message.contains(value), "{message}");
    launched.redeem(&code).await.done();
}

/// Acceptance: M2b: page, version and lifetime are the operator's.
#[rstest]
#[case::develop("develop", 1)]
#[case::trial("trial", 2)]
#[tokio::test]
async fn the_operator_chooses_page_version_and_lifetime(#[case] version: &str, #[case] program_type: u8) {
    let launch = format!("page = \"pages/new/new\"\nversion = \"{version}\"\nlifetime = \"1m\"");
    let world = World::with(setup_with("", &launch)).await;
    let body = json!({ "method": "launch", "challenge": CHALLENGE });
    let told = world.client().call("launch", &body).await.done();
    assert_eq!((&told["program_type"], &told["expires_in"]), (&json!(program_type), &json!(60)));
    assert!(told["path"].as_str().unwrap().starts_with("pages/new/new?t="), "{told}");
    for (method, status, code) in
        [("mini", 409, "wrong_method"), ("code", 409, "wrong_method"), ("none", 404, "unknown_method")]
    {
        let body = json!({ "method": method, "challenge": CHALLENGE });
        world.client().call("launch", &body).await.is_refused(status, code);
    }
}
