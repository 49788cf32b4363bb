//! A user who is logged in adds another WeChat identity to their account; never one that is somebody else's.

use serde_json::json;

use crate::programs::{MINI, MOBILE, OTHER_MINI};
use crate::world::World;

/// Acceptance: M7d: what was attached leads to the account from then on.
#[tokio::test]
async fn an_identity_that_was_attached_logs_in_to_the_account() {
    let world = World::of_programs().await;
    // WeChat tells no UnionID of either of them, so only attaching joins the two.
    for (person, mini_first) in [("wang", true), ("nemo", false)] {
        let user = if mini_first { world.mini_user(person).await } else { world.mobile_user(person).await };
        let (path, proof) = if mini_first {
            ("attach/app", world.mobile_proof(person).await)
        } else {
            ("attach/mini", world.mini_proof(person))
        };
        let told = user.client.call(path, &proof).await.done();
        assert_eq!(told["account"]["id"], user.id.as_str());
        assert_eq!(told.as_object().unwrap().len(), 1, "{told}");
        let (by_mini, by_app) = (world.mini_user(person).await, world.mobile_user(person).await);
        assert_eq!((&by_mini.id, &by_app.id), (&user.id, &user.id));
        let keys = [world.open_key(MINI, person), world.open_key(MOBILE, person)];
        for row in world.rows(&keys).await {
            let row = row.unwrap();
            assert!(row.settled && row.accounts.len() == 1 && row.accounts[0].as_str() == user.id, "{row:?}");
        }
        let known = world.stored_account(&user.id).await.unwrap().identities;
        assert!(keys.iter().all(|key| known.contains(key)) && known.len() == 2, "{known:?}");
    }
}

/// Acceptance: M7d: attaching what the account has is done already, however often.
#[tokio::test]
async fn attaching_ones_own_identity_again_changes_nothing() {
    let world = World::of_programs().await;
    let user = world.mini_user("zhang").await;
    let before = world.stored_account(&user.id).await.unwrap();
    for _ in 0..2 {
        let told = user.client.call("attach/mini", &world.mini_proof("zhang")).await.done();
        assert_eq!(told["account"]["id"], user.id.as_str());
    }
    assert_eq!(world.stored_account(&user.id).await.unwrap(), before);
}

/// Acceptance: M7d: an identity that leads to another account stays there, and neither account changes.
#[tokio::test]
async fn what_another_account_owns_cannot_be_attached() {
    let world = World::of_programs().await;
    let (zhang, wang) = (world.mini_user("zhang").await, world.mobile_user("wang").await);
    let stored = async || [world.stored_account(&zhang.id).await, world.stored_account(&wang.id).await];
    let before = stored().await;
    let taken = [
        // By its OpenID, and by its UnionID alone: the mobile app has never met `zhang`.
        (&wang, "attach/mini", world.mini_proof("zhang")),
        (&wang, "attach/app", world.mobile_proof("zhang").await),
        (&zhang, "attach/app", world.mobile_proof("wang").await),
    ];
    for (user, path, proof) in taken {
        let told = user.client.call(path, &proof).await.is_refused(409, "identity_taken");
        assert_eq!(told["retryable"], false);
    }
    assert_eq!(stored().await, before);
    assert_eq!(world.row(&world.open_key(MOBILE, "zhang")).await, None);
    assert_eq!(world.mobile_user("wang").await.id, wang.id);
}

/// Acceptance: M7d, B16: an account has one WeChat for each app, and one UnionID.
#[tokio::test]
async fn an_account_that_has_a_wechat_of_the_app_takes_no_second() {
    let world = World::of_programs().await;
    let wang = world.mini_user("wang").await;
    // Another person of the same app; neither has a UnionID.
    wang.client.call("attach/mini", &world.mini_proof("nemo")).await.is_refused(409, "has_another");
    assert_eq!(world.row(&world.open_key(MINI, "nemo")).await, None);
    // Another person's UnionID, by an app that the account has nothing of.
    let zhang = world.mini_user("zhang").await;
    zhang.client.call("attach/app", &world.mobile_proof("lina").await).await.is_refused(409, "has_another");
    let keys = [world.open_key(MOBILE, "lina"), world.union_key("lina")];
    assert_eq!(world.rows(&keys).await, [None, None]);
    assert_eq!(world.stored_account(&zhang.id).await.unwrap().identities.len(), 2);
}

/// Acceptance: M7d: a bearer token is needed, and nothing else counts as one.
#[tokio::test]
async fn without_a_token_nothing_is_attached_whatever_the_cookies() {
    let world = World::of_programs().await;
    let user = world.mini_user("wang").await;
    let client = world.client();
    client.call("attach/app", &world.mobile_proof("wang").await).await.is_refused(401, "login_required");
    client.browser.set_cookie("menshen", &user.token);
    assert_eq!(client.account().await, Some(user.id.clone()), "the token is good");
    client.call("attach/app", &world.mobile_proof("wang").await).await.is_refused(401, "login_required");
    let wrong = world.client().with("not-a-token");
    wrong.call("attach/app", &world.mobile_proof("wang").await).await.is_refused(401, "login_required");
    let basic = [("content-type", "application/json"), ("authorization", "Basic d2FuZzp3YW5n")];
    let proof = world.mobile_proof("wang").await.to_string().into_bytes();
    world.client().post("attach/app", &basic, proof).await.is_refused(401, "login_required");
    assert_eq!(world.row(&world.open_key(MOBILE, "wang")).await, None);
    assert_eq!(world.exchanges(), 0, "WeChat is not asked for strangers");
}

/// Acceptance: M7d: the number that comes with an attached identity is verified like any other.
#[tokio::test]
async fn a_phone_number_that_comes_along_is_kept() {
    let world = World::of_programs().await;
    let user = world.mobile_user("zhang").await;
    let proof = world.phone_proof("zhang");
    let told = user.client.call("attach/mini", &proof).await.done();
    assert_eq!(told["account"]["phone"], "+8613*******66");
    assert_eq!(user.client.get("/").await.received().header("x-user-phone"), Some("+8613580006666"));
}

/// Acceptance: M7d, M7c: codes are held to the same as at a login.
#[tokio::test]
async fn a_bad_code_attaches_nothing() {
    let world = World::of_programs().await;
    let user = world.mini_user("wang").await;
    let foreign = world.wechat.login_code(OTHER_MINI, "wang").unwrap();
    user.client
        .call("attach/mini", &json!({ "code": foreign }))
        .await
        .is_refused_for_now(400, "code_rejected");
    let mut proof = world.mobile_proof("wang").await;
    proof["nonce"] = json!("0a1b2c3d4e5f");
    user.client.call("attach/app", &proof).await.is_refused_for_now(400, "nonce_unknown");
    user.client.call("attach/code", &proof).await.is_refused(409, "wrong_method");
    user.client.call("attach/none", &proof).await.is_refused(404, "unknown_method");
    assert_eq!(world.stored_account(&user.id).await.unwrap().identities.len(), 1);
}

/// Acceptance: A14: a disabled account is not logged in, so nothing is attached to it.
#[tokio::test]
async fn nothing_is_attached_to_a_disabled_account() {
    let world = World::of_programs().await;
    let user = world.mini_user("wang").await;
    user.client.call("attach/app", &world.mobile_proof("wang").await).await.done();
    world.disable(&user.id).await;
    let proof = json!({ "code": world.wechat.login_code(OTHER_MINI, "wang").unwrap() });
    user.client.call("attach/mini2", &proof).await.is_refused(401, "login_required");
    assert_eq!(world.row(&world.open_key(OTHER_MINI, "wang")).await, None);
    assert_eq!(world.stored_account(&user.id).await.unwrap().identities.len(), 2);
}
