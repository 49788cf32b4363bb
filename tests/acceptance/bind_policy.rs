//! Every outcome for somebody whom no account answers to, through the API of a mini program (which brings a phone number)
//! and in a browser: registration, binding and what else, as the operator set them.

use rstest::rstest;
use serde_json::{Value, json};

use crate::binding::{ASKS, Bind, EMAIL, PASSWORD, PHONE, USERNAME, phone_key, plant_legacy};
use crate::client::Client;
use crate::programs::{LOGIN, MINI, setup_with};
use crate::reply::Reply;
use crate::world::World;

const ALL: &str = "proofs = [\"password\", \"email_code\", \"sms_code\"]";

/// What a login of somebody unknown ends with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    /// In a new account.
    New,
    /// In the account of the legacy site.
    Ann,
    /// With a question, and whether a new account may be made.
    Asked { may_create: bool },
    /// Refused, with this code and nothing stored.
    Refused(u16, &'static str),
}
use Ends::{Ann, Asked, New, Refused};

const NO_MATCH: Ends = Refused(403, "no_matching_account");
const CLOSED: Ends = Refused(403, "registration_closed");

async fn logs_in(world: &World, person: &str, with_phone: bool) -> Reply {
    let proof = if with_phone { world.phone_proof(person) } else { world.mini_proof(person) };
    world.client().call(LOGIN, &proof).await
}

async fn ends(bind: &Bind, person: &str, reply: &Reply, expected: Ends) {
    let row = bind.world.row(&bind.world.open_key(MINI, person)).await;
    match expected {
        New | Ann => {
            let user = reply.user(&bind.world);
            assert_eq!(user.id == "ann", expected == Ann, "{reply}");
            assert_eq!(row.unwrap().accounts[0].as_str(), user.id);
            // Acceptance: B15: the next login is asked nothing, with or without a phone.
            assert_eq!(logs_in(&bind.world, person, false).await.user(&bind.world).id, user.id);
        }
        Asked { may_create } => {
            let told = reply.json();
            assert_eq!((reply.status, &told["pending"]), (409, &json!("bind")), "{reply}");
            assert_eq!(told["may_create"], may_create, "{reply}");
            assert_eq!(told["proofs"], json!(["password", "email_code", "sms_code"]));
            assert!(told.get("token").is_none() && told.get("accounts").is_none(), "{reply}");
            assert_eq!(row, None);
        }
        Refused(status, code) => {
            reply.is_refused(status, code);
            assert_eq!(row, None);
        }
    }
}

/// Acceptance: B1, B2, B3, B5, B8, B13, M2a, M7b: `qiang` has the number of the legacy account, `zhang` another one.
#[rstest]
#[case::open("", New, New, New)]
#[case::closed("registration = \"closed\"", CLOSED, CLOSED, CLOSED)]
#[case::matching("binding = \"match\"", Ann, NO_MATCH, NO_MATCH)]
#[case::matching_closed("registration = \"closed\"\nbinding = \"match\"", Ann, NO_MATCH, NO_MATCH)]
#[case::matching_or_new("binding = \"match\"\notherwise = \"create\"", Ann, New, New)]
#[case::matching_or_new_closed(
    "registration = \"closed\"\nbinding = \"match\"\notherwise = \"create\"",
    Ann,
    CLOSED,
    CLOSED
)]
#[case::matching_or_asking(
    "binding = \"match\"\notherwise = \"ask\"",
    Ann,
    Asked { may_create: true },
    Asked { may_create: true }
)]
#[case::matching_or_asking_closed(
    "registration = \"closed\"\nbinding = \"match\"\notherwise = \"ask\"",
    Ann,
    Asked { may_create: false },
    Asked { may_create: false }
)]
#[case::asking("binding = \"ask\"", Asked { may_create: true }, Asked { may_create: true }, Asked { may_create: true })]
#[case::asking_closed(
    "registration = \"closed\"\nbinding = \"ask\"",
    Asked { may_create: false },
    Asked { may_create: false },
    Asked { may_create: false }
)]
#[tokio::test]
async fn somebody_unknown_ends_as_the_operator_says(
    #[case] pool: &str,
    #[case] matching_phone: Ends,
    #[case] other_phone: Ends,
    #[case] no_phone: Ends,
) {
    let bind = Bind::with(&format!("{pool}\n{ALL}")).await;
    ends(&bind, "zhang", &logs_in(&bind.world, "zhang", true).await, other_phone).await;
    ends(&bind, "lina", &logs_in(&bind.world, "lina", false).await, no_phone).await;
    ends(&bind, "qiang", &logs_in(&bind.world, "qiang", true).await, matching_phone).await;
    // The number of the legacy account stays there, whoever else was let in with it.
    assert_eq!(bind.world.row(&phone_key()).await.unwrap().accounts[0].as_str(), "ann");
}

/// Acceptance: B2, B5, B14: the same in a browser, by a method that brings no phone; and the pages say so.
#[rstest]
#[case::closed("registration = \"closed\"", 403, "Only people who already have an account")]
#[case::matching("binding = \"match\"", 403, "WeChat gave none that an account has")]
#[case::asking("binding = \"ask\"", 200, ASKS)]
#[case::matching_or_asking("binding = \"match\"\notherwise = \"ask\"", 200, ASKS)]
#[tokio::test]
async fn a_browser_of_somebody_unknown_is_told_so(
    #[case] pool: &str,
    #[case] status: u16,
    #[case] says: &str,
) {
    let bind = Bind::with(&format!("{pool}\n{ALL}")).await;
    let desktop = bind.world.desktop();
    desktop.log_in_by_qr("zhang", "/").await.is_page(status, says);
    bind.nothing_happened("zhang", &desktop).await;
}

/// Acceptance: B3, M4e: a scan that brings the phone number binds in a browser as well.
#[tokio::test]
async fn a_scan_with_the_phone_number_of_an_account_binds_it() {
    let setup = setup_with("ask_phone = true", "");
    let bind = Bind::of("registration = \"closed\"\nbinding = \"match\"", setup).await;
    let desktop = bind.world.desktop();
    let (world, page) = (&bind.world, desktop.show_program().await);
    let scene = page.scene();
    world.looks(&scene, "qiang").await.done();
    let yes = json!({
        "scene": scene, "code": world.login_code("qiang"), "phone_code": world.phone_code("qiang")
    });
    world.client().call("confirm", &yes).await.done();
    assert_eq!(page.go_on().await.received().header("x-user-id"), Some("ann"));
    assert_eq!(
        bind.world.row(&bind.world.open_key(MINI, "qiang")).await.unwrap().accounts[0].as_str(),
        "ann"
    );
}

/// Acceptance: B6: a number that the account never proved leads nobody to it.
#[tokio::test]
async fn an_unverified_number_matches_nobody() {
    let bind = Bind::with("binding = \"match\"").await;
    let mut account = bind.world.stored_account("ann").await.unwrap();
    account.phone.as_mut().unwrap().verified = false;
    account.version += 1;
    assert!(bind.world.store().update_account(&account).await.unwrap());
    let reply = logs_in(&bind.world, "qiang", true).await;
    ends(&bind, "qiang", &reply, NO_MATCH).await;
}

/// Acceptance: B7, B16: the account with the number belongs to another WeChat: explained, or asked; nothing overwritten.
#[rstest]
#[case::refuse("", Refused(409, "account_has_wechat"))]
#[case::create("otherwise = \"create\"", Refused(409, "account_has_wechat"))]
#[case::ask("otherwise = \"ask\"", Asked { may_create: true })]
#[tokio::test]
async fn a_matching_account_of_another_wechat_is_not_overwritten(
    #[case] otherwise: &str,
    #[case] expected: Ends,
) {
    let bind = Bind::with(&format!("binding = \"match\"\n{otherwise}\n{ALL}")).await;
    assert_eq!(logs_in(&bind.world, "qiang", true).await.user(&bind.world).id, "ann");
    // Another WeChat whose owner has the number by now.
    let mut lina = menshen::simulator::Person::new("lina", "李娜");
    lina = lina.with_phone("13580008888");
    bind.world.wechat.put_person(lina).unwrap();
    let reply = logs_in(&bind.world, "lina", true).await;
    ends(&bind, "lina", &reply, expected).await;
    assert_eq!(logs_in(&bind.world, "qiang", false).await.user(&bind.world).id, "ann");
}

/// Acceptance: A14.
#[tokio::test]
async fn a_matching_account_that_is_disabled_lets_nobody_in() {
    let bind = Bind::with("binding = \"match\"\notherwise = \"create\"").await;
    crate::accounts::disable(&bind.world, "ann").await;
    let reply = logs_in(&bind.world, "qiang", true).await;
    ends(&bind, "qiang", &reply, Refused(403, "account_disabled")).await;
}

/// A client that is asked for an account.
struct Pending {
    client: Client,
    told: Value,
}

impl Pending {
    async fn of(bind: &Bind, person: &str) -> Self {
        let client = bind.world.client();
        let reply = client.call(LOGIN, &bind.world.mini_proof(person)).await;
        assert_eq!(reply.status, 409, "{reply}");
        Self { client, told: reply.json() }
    }

    async fn call(&self, call: &str, mut body: Value) -> Reply {
        body["key"] = self.told["key"].clone();
        self.client.call(&format!("flow/{}/{call}", self.told["flow"].as_str().unwrap()), &body).await
    }
}

/// Acceptance: B8, M1b.
#[tokio::test]
async fn an_app_has_a_new_account_made() {
    let bind = Bind::asking().await;
    let pending = Pending::of(&bind, "zhang").await;
    let user = pending.call("create", json!({})).await.user(&bind.world);
    assert_ne!(user.id, "ann");
    assert_eq!(user.client.account().await, Some(user.id.clone()));
    // The same call again, because its answer was lost, does not log in twice.
    let again = pending.call("create", json!({})).await;
    again.is_refused(409, "flow_finished");
}

/// Acceptance: B9, B12, M1b: wrong ones count, and the right one binds.
#[tokio::test]
async fn an_app_proves_an_account_by_its_password() {
    let bind = Bind::asking().await;
    let pending = Pending::of(&bind, "zhang").await;
    let body =
        |name: &str, password: &str| json!({ "proof": "password", "name": name, "password": password });
    for (name, password) in [(USERNAME, "wrong"), ("nobody", PASSWORD)] {
        pending.call("bind", body(name, password)).await.is_refused_for_now(403, "wrong_proof");
    }
    pending.call("bind", json!({ "proof": "password", "name": "ann" })).await.is_refused(400, "bad_request");
    let user = pending.call("bind", body(USERNAME, PASSWORD)).await.user(&bind.world);
    assert_eq!(user.id, "ann");
    assert_eq!(bind.world.mini_user("zhang").await.id, "ann");
    for _ in 0..5 {
        Pending::of(&bind, "lina").await.call("bind", body(USERNAME, "wrong")).await;
    }
    let locked = Pending::of(&bind, "lina").await.call("bind", body(USERNAME, PASSWORD)).await;
    locked.is_refused_for_now(429, "locked");
}

/// Acceptance: B10, M1b.
#[tokio::test]
async fn an_app_proves_an_account_by_a_code() {
    let bind = Bind::asking().await;
    let pending = Pending::of(&bind, "zhang").await;
    let to = |proof: &str, to: &str| json!({ "proof": proof, "to": to });
    let code = |code: &str| json!({ "proof": "sms_code", "code": code });
    pending.call("bind", code("123456")).await.is_refused(400, "code_expired");
    let sent = pending.call("send_code", to("sms_code", PHONE)).await.done();
    assert_eq!(sent, json!({ "to": "+8613*******88", "expires_in": 600, "again_in": 60 }));
    pending.call("send_code", to("sms_code", PHONE)).await.is_refused_for_now(429, "code_too_soon");
    pending.call("send_code", to("email_code", "nowhere")).await.is_refused(400, "address_invalid");
    pending.call("send_code", to("password", "ann")).await.is_refused(403, "proof_not_offered");
    let order = bind.sms.call(1).await;
    let user = pending.call("bind", code(order.body["code"].as_str().unwrap())).await.user(&bind.world);
    assert_eq!(user.id, "ann");
}

/// Acceptance: B11, B13: what was not ticked is refused, and so is a new account where registration is closed.
#[tokio::test]
async fn an_app_is_held_to_what_the_operator_allows() {
    let bind = Bind::with("registration = \"closed\"\nbinding = \"ask\"\nproofs = [\"sms_code\"]").await;
    let pending = Pending::of(&bind, "zhang").await;
    assert_eq!((&pending.told["proofs"], &pending.told["may_create"]), (&json!(["sms_code"]), &json!(false)));
    pending.call("create", json!({})).await.is_refused(403, "registration_closed");
    let password = json!({ "proof": "password", "name": USERNAME, "password": PASSWORD });
    pending.call("bind", password).await.is_refused(403, "proof_not_offered");
    let mail = json!({ "proof": "email_code", "to": EMAIL });
    pending.call("send_code", mail).await.is_refused(403, "proof_not_offered");
    assert!(bind.mail.mails().is_empty());
}

/// Acceptance: B16: an account that belongs to another WeChat, proven all the same.
#[tokio::test]
async fn an_app_cannot_take_an_account_from_another_wechat() {
    let bind = Bind::asking().await;
    let proof = json!({ "proof": "password", "name": USERNAME, "password": PASSWORD });
    Pending::of(&bind, "zhang").await.call("bind", proof.clone()).await.user(&bind.world);
    let refused = Pending::of(&bind, "lina").await.call("bind", proof).await;
    refused.is_refused(409, "account_has_wechat");
    assert_eq!(bind.world.row(&bind.world.open_key(MINI, "lina")).await, None);
}

/// Acceptance: B18: another client's key, or an unknown flow, opens nothing.
#[tokio::test]
async fn only_the_client_that_was_asked_can_answer() {
    let bind = Bind::asking().await;
    let (one, mut other) = (Pending::of(&bind, "zhang").await, Pending::of(&bind, "lina").await);
    other.told["flow"] = one.told["flow"].clone();
    for call in ["create", "bind", "send_code"] {
        let body = json!({ "proof": "sms_code", "code": "123456", "to": PHONE });
        other.call(call, body.clone()).await.is_refused_for_now(403, "foreign_browser");
    }
    other.told["flow"] = json!("4f7k2m9p0q3r6s8t1v5w7x9y2z");
    other.call("create", json!({})).await.is_refused_for_now(400, "flow_expired");
    assert!(bind.sms.calls().is_empty());
}

/// The legacy site checks the password itself; it is asked by a signed request, and believed.
#[tokio::test]
async fn a_legacy_site_may_check_the_password_itself() {
    let site = crate::webhook::WebhookServer::start().await;
    let pool = format!(
        "binding = \"ask\"\nproofs = [\"password\"]\nproof_webhook = \"{}\"\nproof_webhook_secret = \"{}\"",
        site.url("/check"),
        crate::webhook::SECRET
    );
    let bind = Bind::with(&pool).await;
    plant_legacy(&bind.world, "elsewhere", |account| {
        (account.username, account.phone, account.email, account.password) = (None, None, None, None);
    })
    .await;
    site.answer_by(|asked| match asked["password"].as_str() {
        Some("open sesame") => (200, json!({ "account": "elsewhere" }).to_string()),
        Some("unknown here") => (200, json!({ "account": "not-imported" }).to_string()),
        Some("broken") => (500, String::new()),
        _ => (200, json!({ "account": null }).to_string()),
    });
    let pending = Pending::of(&bind, "zhang").await;
    let body = |password: &str| json!({ "proof": "password", "name": "Ali Baba", "password": password });
    pending.call("bind", body(PASSWORD)).await.is_refused_for_now(403, "wrong_proof");
    pending.call("bind", body("unknown here")).await.is_refused_for_now(403, "wrong_proof");
    // A site that fails says nothing about the password, so it costs no try.
    for _ in 0..6 {
        pending.call("bind", body("broken")).await.is_refused_for_now(503, "proof_unavailable");
    }
    let user = pending.call("bind", body("open sesame")).await.user(&bind.world);
    assert_eq!(user.id, "elsewhere");
    let asked = &site.calls()[0].body;
    assert_eq!(*asked, json!({ "pool": "people", "name": "Ali Baba", "password": PASSWORD }));
    assert_eq!(site.refused(), 0);
}
