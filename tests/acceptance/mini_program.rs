//! A mini program logs its own user in: one call, a bearer token, and the app behind the gateway none the wiser.

use menshen::ground::Span;
use rstest::rstest;
use serde_json::json;

use crate::client::one_of_two;
use crate::programs::{LOGIN, MINI, OTHER_MINI, SESSION, setup};
use crate::world::{Setup, World};

/// Acceptance: M7a, U8: the upstream is unmodified and reads headers.
#[tokio::test]
async fn a_mini_program_logs_in_and_its_token_opens_the_app() {
    let world = World::of_programs().await;
    let user = world.mini_user("zhang").await;
    assert_eq!(user.told["expires_in"], Span::from_days(30).secs());
    assert_eq!(
        user.told["account"],
        json!({ "id": user.id, "last_login": user.told["account"]["last_login"], "groups": [] })
    );
    let received = user.client.get("/deep?a=1").await.received();
    assert_eq!(received.target, "/deep?a=1");
    assert_eq!(received.header("x-user-id"), Some(user.id.as_str()));
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(MINI, "zhang").as_str()));
    assert_eq!(received.header("x-user-unionid"), world.wechat.unionid(MINI, "zhang").as_deref());
    assert_eq!(received.header("x-user-appid"), Some(MINI));
    assert_eq!(received.header("authorization"), None, "our token is ours");
    assert!(!format!("{received:?}").contains(&user.token), "{received:?}");
    let myself = user.client.get("/_menshen/userinfo").await.done();
    assert_eq!(
        (myself["account"].as_str(), myself["method"].as_str()),
        (Some(user.id.as_str()), Some("mini"))
    );
}

/// Acceptance: M7a, A4, A5, A6.
#[rstest]
#[case::with_a_unionid("zhang")]
#[case::without("wang")]
#[tokio::test]
async fn the_same_person_is_the_same_account_every_time(#[case] person: &str) {
    let world = World::of_programs().await;
    let (first, again) = (world.mini_user(person).await, world.mini_user(person).await);
    assert_eq!(first.id, again.id);
    assert_ne!(first.token, again.token);
    // One login does not end another: they are different phones, for all we know.
    assert_eq!(first.client.account().await, again.client.account().await);
    let mut keys = vec![world.open_key(MINI, person)];
    if world.wechat.unionid(MINI, person).is_some() {
        keys.insert(0, world.union_key(person));
    }
    assert_eq!(world.stored_account(&first.id).await.unwrap().identities, keys);
    assert!(world.rows(&keys).await.into_iter().all(|row| row.unwrap().settled));
}

/// Acceptance: A1, A2, U7: two mini programs at once, each person one account wherever WeChat tells a UnionID.
#[tokio::test]
async fn a_second_mini_program_meets_the_same_account_by_the_unionid_alone() {
    let world = World::of_programs().await;
    for (person, same) in [("zhang", true), ("wang", false)] {
        let one = world.mini_user(person).await;
        let code = world.wechat.login_code(OTHER_MINI, person).unwrap();
        let other = world.client().call("login/mini2", &json!({ "code": code })).await.user(&world);
        assert_eq!(one.id == other.id, same, "{person}");
    }
}

/// Acceptance: M7a, A11, A12: a UnionID that comes later is added, one that is missing once is kept.
#[tokio::test]
async fn a_unionid_that_comes_later_joins_and_one_that_goes_missing_stays() {
    let world = World::of_programs().await;
    let first = world.mini_user("wang").await;
    world.wechat.set_unionid("wang", Some("u-wang".into())).unwrap();
    assert_eq!(world.mini_user("wang").await.id, first.id);
    let row = world.row(&world.union_key("wang")).await.unwrap();
    assert_eq!(row.accounts[0].as_str(), first.id);
    world.wechat.set_unionid("wang", None).unwrap();
    assert_eq!(world.mini_user("wang").await.id, first.id);
    let account = world.stored_account(&first.id).await.unwrap();
    assert_eq!(account.union_id().unwrap().as_str(), "u-wang");
}

/// Acceptance: M7a (logout).
#[tokio::test]
async fn a_logout_ends_the_token_and_no_other() {
    let world = World::of_programs().await;
    let (user, other) = (world.mini_user("zhang").await, world.mini_user("zhang").await);
    user.client.get("/").await.received();
    let left = user.client.post("logout", &[], Vec::new()).await;
    assert_eq!((left.status, left.body.is_empty()), (204, true), "{left}");
    user.client.get("/").await.is_refused(401, "login_required");
    user.client.post("logout", &[], Vec::new()).await.is_refused(401, "login_required");
    other.client.get("/").await.received();
    world.client().post("logout", &[], Vec::new()).await.is_refused(401, "login_required");
}

/// Acceptance: M7a (expiry): clients are told in JSON, and never sent to a page.
#[rstest]
#[case::idle("idle = \"1h\"", Span::from_days(30), Span::from_mins(60))]
#[case::absolute("idle = \"2h\"\nabsolute = \"2h\"", Span::from_mins(120), Span::from_mins(120))]
#[tokio::test]
async fn a_session_that_has_run_out_is_told_as_that(
    #[case] session: &str,
    #[case] told: Span,
    #[case] lives: Span,
) {
    let world = World::with(Setup { session: session.into(), ..setup() }).await;
    let user = world.mini_user("zhang").await;
    assert_eq!(user.told["expires_in"], told.secs());
    user.client.get("/").await.received();
    world.advance(lives);
    let body = world.mini_proof("zhang");
    user.client.get("/").await.is_refused(401, "session_expired");
    user.client.get("/_menshen/userinfo").await.is_refused(401, "session_expired");
    user.client.call("attach/mini", &body).await.is_refused(401, "session_expired");
    user.client.post("logout", &[], Vec::new()).await.is_refused(401, "session_expired");
    assert_eq!(world.mini_user("zhang").await.id, user.id);
}

/// Acceptance: M7c: each code is refused for its own reason, and leaves nobody behind.
#[tokio::test]
async fn a_code_that_is_not_a_fresh_login_code_of_this_app_makes_no_account() {
    let world = World::of_programs().await;
    let client = world.client();
    let foreign = world.wechat.login_code(OTHER_MINI, "zhang").unwrap();
    let (phone, old) = (world.phone_code("zhang"), world.login_code("zhang"));
    for code in [foreign, phone, "0a1b2c".to_owned(), "中".to_owned(), "a".repeat(5000)] {
        client.call(LOGIN, &json!({ "code": code })).await.is_refused_for_now(400, "code_rejected");
    }
    world.advance(Span::from_mins(5));
    client.call(LOGIN, &json!({ "code": old })).await.is_refused_for_now(400, "code_rejected");
    world.knows_nothing_of("zhang").await;
    let used = world.mini_proof("zhang");
    client.call(LOGIN, &used).await.done();
    client.call(LOGIN, &used).await.is_refused_for_now(400, "code_used");
    // What cannot be a code is not even sent.
    assert_eq!(world.wechat.calls(SESSION), 6);
}

/// Acceptance: M7c: a code that two calls bring at once opens one session.
#[tokio::test]
async fn a_code_brought_twice_at_once_counts_once() {
    let world = World::of_programs().await;
    let (client, proof) = (world.client(), world.mini_proof("zhang"));
    let (one, other) = tokio::join!(client.call(LOGIN, &proof), client.call(LOGIN, &proof));
    one_of_two(&one, &other, 400);
}

/// Section 7 of the design: a cookie is no way to log in to the API, and a bearer token is none in a cookie's name.
#[tokio::test]
async fn the_browsers_former_session_is_left_alone() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    desktop.log_in_by_qr("lina", "/").await.received();
    let before = desktop.account().await;
    let client = world.client();
    client.browser.set_cookie("menshen", &desktop.session().unwrap());
    client.call(LOGIN, &world.mini_proof("zhang")).await.done();
    assert_eq!(desktop.account().await, before);
    client.post("logout", &[], Vec::new()).await.is_refused(401, "login_required");
    assert_eq!(desktop.account().await, before);
}
