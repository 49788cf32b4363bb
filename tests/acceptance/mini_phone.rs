//! The phone number of a mini program's user: given by a code, given by the older button, or not given.

use menshen::domain::IdentityKey;
use menshen::ground::Span;
use menshen::simulator::Person;
use rstest::rstest;
use serde_json::{Value, json};

use crate::programs::{LOGIN, MINI, OTHER_MINI, PHONE, SESSION};
use crate::world::World;

/// The number of `zhang`, as apps are told it.
const NUMBER: &str = "+8613580006666";

fn encrypted(world: &World, person: &str) -> Value {
    let code = world.login_code(person);
    let sealed = world.wechat.encrypted_phone(MINI, person).unwrap();
    json!({ "code": code, "encrypted_data": sealed.encrypted_data, "iv": sealed.iv })
}

/// Acceptance: M2a, M7a: code and phone code make an account with a verified phone.
#[rstest]
#[case::as_a_text(false)]
#[case::as_a_number(true)]
#[tokio::test]
async fn a_phone_code_gives_the_account_a_verified_phone(#[case] numeric: bool) {
    let world = World::of_programs().await;
    world.wechat.set_numeric_country_code(numeric);
    let user = world.client().call(LOGIN, &world.phone_proof("zhang")).await.user(&world);
    assert_eq!(user.told["account"]["phone"], "+8613*******66");
    let stored = world.stored_account(&user.id).await.unwrap().phone.unwrap();
    assert_eq!((stored.value.as_str(), stored.verified), (NUMBER, true));
    assert_eq!(user.client.get("/").await.received().header("x-user-phone"), Some(NUMBER));
    // The next login without a number keeps it.
    let again = world.mini_user("zhang").await;
    assert_eq!(again.client.get("/").await.received().header("x-user-phone"), Some(NUMBER));
    let myself = again.client.get("/_menshen/userinfo").await.done();
    assert!(!myself.to_string().contains("135"), "{myself}");
}

/// Acceptance: M2a: who refuses the number is logged in all the same.
#[tokio::test]
async fn who_keeps_the_number_to_themselves_is_logged_in_all_the_same() {
    let world = World::of_programs().await;
    for proof in [world.mini_proof("zhang"), json!({ "code": world.login_code("zhang"), "phone_code": null })]
    {
        let user = world.client().call(LOGIN, &proof).await.user(&world);
        assert_eq!(user.told["account"].get("phone"), None);
        assert_eq!(user.client.get("/").await.received().header("x-user-phone"), None);
    }
    assert_eq!(world.wechat.calls(PHONE), 0);
}

/// Acceptance: M7c, M1c: a number that WeChat does not confirm makes no account.
#[tokio::test]
async fn a_phone_code_that_wechat_does_not_confirm_makes_no_account() {
    let world = World::of_programs().await;
    let (stale, login) = (world.phone_code("zhang"), world.login_code("zhang"));
    let foreign = world.wechat.phone_code(OTHER_MINI, "zhang").unwrap();
    let others = world.phone_code("lina");
    let refused = async |phone_code: &str| {
        let proof = json!({ "code": world.login_code("zhang"), "phone_code": phone_code });
        world.client().call(LOGIN, &proof).await.is_refused_for_now(400, "phone_code_rejected");
        world.knows_nothing_of("zhang").await;
    };
    // Another mini program's, another person's, a login code, nonsense.
    for phone_code in [&foreign, &others, &login, "0a1b2c"] {
        refused(phone_code).await;
    }
    world.advance(Span::from_mins(5));
    refused(&stale).await;
    let used = world.phone_code("lina");
    world.client().call(LOGIN, &json!({ "code": world.login_code("lina"), "phone_code": used })).await.done();
    let again = json!({ "code": world.login_code("lina"), "phone_code": used });
    world.client().call(LOGIN, &again).await.is_refused_for_now(400, "phone_code_rejected");
}

/// Acceptance: M7b: a number that another account holds stays there, and nobody is logged in to that account.
#[tokio::test]
async fn a_number_that_another_account_holds_stays_there() {
    let world = World::of_programs().await;
    let zhang = world.client().call(LOGIN, &world.phone_proof("zhang")).await.user(&world);
    world.wechat.put_person(Person::new("twin", "孪生").with_phone("13580006666")).unwrap();
    let twin = world.client().call(LOGIN, &world.phone_proof("twin")).await.user(&world);
    assert_ne!(twin.id, zhang.id);
    assert_eq!(twin.told["account"].get("phone"), None);
    assert_eq!(twin.client.get("/").await.received().header("x-user-phone"), None);
    assert_eq!(zhang.client.get("/").await.received().header("x-user-phone"), Some(NUMBER));
    assert_eq!(world.stored_account(&twin.id).await.unwrap().phone, None);
}

/// Acceptance: M7b, A13: of two people who bring one number at once, one has it, by the account and by the row.
#[tokio::test]
async fn of_two_accounts_that_bring_one_number_at_once_one_has_it() {
    let world = World::of_programs().await;
    world.wechat.put_person(Person::new("twin", "孪生").with_phone("13580006666")).unwrap();
    let people = ["zhang", "twin"];
    let (one, two) = (world.mini_user("zhang").await, world.mini_user("twin").await);
    let proofs: Vec<Value> = (0..16).map(|racer| world.phone_proof(people[racer % 2])).collect();
    let client = world.client();
    let racers = proofs.iter().map(|proof| client.call(LOGIN, proof));
    for reply in futures_util::future::join_all(racers).await {
        reply.done();
    }
    let phone = menshen::domain::Phone::parse(NUMBER).unwrap();
    let pool = menshen::domain::PoolId::new("people").unwrap();
    let row = world.row(&IdentityKey::Phone { pool, phone }).await.unwrap();
    for user in [&one, &two] {
        let says = world.stored_account(&user.id).await.unwrap().phone.is_some();
        assert_eq!(says, row.accounts.iter().any(|id| id.as_str() == user.id), "{row:?}");
    }
    assert_eq!(row.accounts.len(), 1);
}

/// Acceptance: M7b: a number that its owner let go may be somebody else's.
#[tokio::test]
async fn a_number_that_was_let_go_can_be_held_by_another() {
    let world = World::of_programs().await;
    let zhang = world.client().call(LOGIN, &world.phone_proof("zhang")).await.user(&world);
    world.wechat.put_person(Person::new("zhang", "张伟").with_phone("13580001111")).unwrap();
    let moved = world.client().call(LOGIN, &world.phone_proof("zhang")).await.user(&world);
    assert_eq!(moved.id, zhang.id);
    assert_eq!(moved.client.get("/").await.received().header("x-user-phone"), Some("+8613580001111"));
    world.wechat.put_person(Person::new("twin", "孪生").with_phone("13580006666")).unwrap();
    let twin = world.client().call(LOGIN, &world.phone_proof("twin")).await.user(&world);
    assert_ne!(twin.id, zhang.id);
    assert_eq!(twin.client.get("/").await.received().header("x-user-phone"), Some(NUMBER));
}

/// Acceptance: M2a (the older button): what it encrypted opens with the session key of the code beside it.
#[rstest]
#[case::the_key_stays(false)]
#[case::every_login_has_a_new_key(true)]
#[tokio::test]
async fn what_the_older_button_encrypted_gives_the_number(#[case] rotate: bool) {
    let world = World::of_programs().await;
    world.wechat.set_rotate_session_keys(rotate);
    for _ in 0..2 {
        let user = world.client().call(LOGIN, &encrypted(&world, "zhang")).await.user(&world);
        assert_eq!(user.client.get("/").await.received().header("x-user-phone"), Some(NUMBER));
    }
    assert_eq!(world.wechat.calls(PHONE), 0);
}

/// Acceptance: M2a: numbers of other countries, which WeChat tells with the country's code before them.
#[rstest]
#[case::by_code(false)]
#[case::by_the_older_button(true)]
#[tokio::test]
async fn a_foreign_number_is_stored_with_its_country(#[case] older: bool) {
    let world = World::of_programs().await;
    world.wechat.put_person(Person::new("maria", "María").with_foreign_phone("852", "51234567")).unwrap();
    let proof = if older { encrypted(&world, "maria") } else { world.phone_proof("maria") };
    let user = world.client().call(LOGIN, &proof).await.user(&world);
    assert_eq!(user.client.get("/").await.received().header("x-user-phone"), Some("+85251234567"));
    let stored = world.stored_account(&user.id).await.unwrap().phone.unwrap();
    assert_eq!((stored.value.as_str(), stored.verified), ("+85251234567", true));
}

/// Acceptance: M7c: what cannot be believed is refused and makes no account.
#[tokio::test]
async fn encrypted_data_that_cannot_be_believed_makes_no_account() {
    let world = World::of_programs().await;
    let refused = async |proof: &Value| {
        world.client().call(LOGIN, proof).await.is_refused_for_now(400, "encrypted_data_rejected");
        world.knows_nothing_of("zhang").await;
    };
    let sealed = encrypted(&world, "zhang");
    let fresh = |change: &dyn Fn(&mut Value)| {
        let mut proof = encrypted(&world, "zhang");
        change(&mut proof);
        proof
    };
    // Another mini program's and another person's key.
    world.wechat.login_code(OTHER_MINI, "zhang").unwrap();
    let foreign = world.wechat.encrypted_phone(OTHER_MINI, "zhang").unwrap();
    let others = encrypted(&world, "lina");
    refused(&fresh(&|proof| {
        proof["encrypted_data"] = json!(foreign.encrypted_data);
        proof["iv"] = json!(foreign.iv);
    }))
    .await;
    refused(&fresh(&|proof| {
        proof["encrypted_data"] = others["encrypted_data"].clone();
        proof["iv"] = others["iv"].clone();
    }))
    .await;
    for (field, broken) in [
        ("encrypted_data", "AAAA"),
        ("encrypted_data", "not base64!"),
        ("encrypted_data", ""),
        ("iv", "AAAA"),
        ("iv", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ] {
        refused(&fresh(&|proof| proof[field] = json!(broken))).await;
    }
    // From too long ago, though the code beside it is fresh.
    world.advance(Span::from_mins(11));
    let mut stale = sealed;
    stale["code"] = json!(world.login_code("zhang"));
    refused(&stale).await;
}

/// Acceptance: M7c: a key that a later `wx.login` replaced opens nothing.
#[tokio::test]
async fn data_of_a_key_that_was_replaced_is_refused() {
    let world = World::of_programs().await;
    world.wechat.set_rotate_session_keys(true);
    let mut proof = encrypted(&world, "zhang");
    proof["code"] = json!(world.login_code("zhang"));
    world.client().call(LOGIN, &proof).await.is_refused_for_now(400, "encrypted_data_rejected");
    world.knows_nothing_of("zhang").await;
}

/// Acceptance: M2a: half of what belongs together is told by the name of the other half.
#[tokio::test]
async fn data_without_its_iv_and_an_iv_without_data_are_told_by_name() {
    let world = World::of_programs().await;
    for (given, missing) in [("encrypted_data", "iv"), ("iv", "encrypted_data")] {
        let mut proof = world.mini_proof("zhang");
        proof[given] = json!("AAAA");
        let told = world.client().call(LOGIN, &proof).await.is_refused(400, "bad_request");
        assert_eq!(told["message"], format!("The field `{missing}` is missing."));
    }
    assert_eq!(world.wechat.calls(SESSION), 0);
}

/// Acceptance: M7a: a profile that was encrypted is no phone number and no name: WeChat tells neither since 2022.
#[tokio::test]
async fn an_encrypted_profile_logs_in_without_a_number() {
    let world = World::of_programs().await;
    let code = world.login_code("zhang");
    let sealed = world.wechat.encrypted_user(MINI, "zhang").unwrap();
    let proof = json!({ "code": code, "encrypted_data": sealed.encrypted_data, "iv": sealed.iv });
    let user = world.client().call(LOGIN, &proof).await.user(&world);
    assert_eq!((user.told["account"].get("phone"), user.told["account"].get("name")), (None, None));
}
