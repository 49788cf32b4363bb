//! A native app pulls WeChat up and logs its user in with the code it was given.

use menshen::ground::Span;
use menshen::simulator::Fault;
use rstest::rstest;
use serde_json::json;

use crate::programs::{MINI, MOBILE, OTHER_MOBILE, setup};
use crate::world::{EXCHANGE, Setup, World};

/// Acceptance: M1a: the token is accepted by the proxy, for an upstream that knows nothing of it.
#[tokio::test]
async fn an_app_logs_in_and_its_token_opens_the_app_behind_the_gateway() {
    let world = World::of_programs().await;
    let begun = world.client().call("begin/app", &json!({})).await.done();
    let expected = json!({
        "nonce": begun["nonce"], "app_id": MOBILE, "scope": "snsapi_userinfo", "expires_in": 600,
    });
    assert_eq!(begun, expected);
    let user = world.mobile_user("zhang").await;
    assert_eq!(user.told["account"]["name"], "张伟");
    let received = user.client.get("/deep?a=1").await.received();
    assert_eq!(received.target, "/deep?a=1");
    assert_eq!(received.header("x-user-id"), Some(user.id.as_str()));
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(MOBILE, "zhang").as_str()));
    assert_eq!(received.header("x-user-appid"), Some(MOBILE));
    assert_eq!(received.header("authorization"), None);
    assert_eq!(world.mobile_user("zhang").await.id, user.id);
}

/// Acceptance: M1c: a nonce is good for one login of one method and for ten minutes.
#[tokio::test]
async fn a_nonce_counts_once_for_its_own_method_and_in_time() {
    let world = World::of_programs().await;
    let client = world.client();
    let refused = async |nonce: &str| {
        let code = world.wechat.mobile_code(MOBILE, "zhang").unwrap();
        let proof = json!({ "code": code, "nonce": nonce });
        client.call("login/app", &proof).await.is_refused_for_now(400, "nonce_unknown");
    };
    let nonce = async |method: &str| {
        let begun = client.call(&format!("begin/{method}"), &json!({})).await.done();
        begun["nonce"].as_str().unwrap().to_owned()
    };
    let foreign = nonce("app2").await;
    for nonce in [foreign.as_str(), "", "0a1b2c", "中文"] {
        refused(nonce).await;
    }
    let late = nonce("app").await;
    world.advance(Span::from_mins(10));
    refused(&late).await;
    assert_eq!(world.exchanges(), 0, "a code without a nonce of ours is not spent");
    world.knows_nothing_of("zhang").await;
    let proof = world.mobile_proof("zhang").await;
    client.call("login/app", &proof).await.done();
    refused(proof["nonce"].as_str().unwrap()).await;
}

/// Acceptance: M1c: codes that are not fresh ones of this app, each with its reason, and no account.
#[tokio::test]
async fn a_code_that_is_not_a_fresh_one_of_this_app_makes_no_account() {
    let world = World::of_programs().await;
    let client = world.client();
    let nonce = client.call("begin/app", &json!({})).await.done()["nonce"].clone();
    let (old, login) = (world.wechat.mobile_code(MOBILE, "zhang").unwrap(), world.login_code("zhang"));
    let foreign = world.wechat.mobile_code(OTHER_MOBILE, "zhang").unwrap();
    for code in [foreign.as_str(), &login, "0a1b2c", "中", ""] {
        let proof = json!({ "code": code, "nonce": nonce });
        client.call("login/app", &proof).await.is_refused_for_now(400, "code_rejected");
    }
    world.knows_nothing_of("zhang").await;
    // The nonce is still good: the app may ask WeChat again.
    let used = json!({ "code": world.wechat.mobile_code(MOBILE, "zhang").unwrap(), "nonce": nonce });
    client.call("login/app", &used).await.done();
    let again = json!({ "code": used["code"], "nonce": world.mobile_proof("zhang").await["nonce"] });
    client.call("login/app", &again).await.is_refused_for_now(400, "code_used");
    world.advance(Span::from_mins(10));
    let nonce = world.mobile_proof("zhang").await["nonce"].clone();
    let stale = json!({ "code": old, "nonce": nonce });
    client.call("login/app", &stale).await.is_refused_for_now(400, "code_rejected");
}

/// Acceptance: M1c: a person who says no in WeChat leaves nothing behind: the app simply does not call.
#[tokio::test]
async fn a_login_that_is_cancelled_in_wechat_leaves_nothing() {
    let world = World::of_programs().await;
    let client = world.client();
    client.call("begin/app", &json!({})).await.done();
    // What an app sends that has no code: WeChat's answer -2 carries none.
    for proof in [json!({}), json!({ "nonce": "0a1b2c" })] {
        client.call("login/app", &proof).await.is_refused(400, "bad_request");
    }
    assert_eq!(world.exchanges(), 0);
    world.knows_nothing_of("zhang").await;
}

/// Acceptance: M1c: WeChat's troubles have codes of their own, and the nonce outlives those that pass.
#[rstest]
#[case::system(Fault::Errcode(-1), 503, "wechat_unavailable")]
#[case::busy(Fault::Errcode(45011), 503, "wechat_busy")]
#[case::secret(Fault::Errcode(40125), 500, "misconfigured")]
#[tokio::test]
async fn wechats_troubles_are_told_apart(#[case] fault: Fault, #[case] status: u16, #[case] code: &str) {
    let world = World::of_programs().await;
    world.wechat.fault(EXCHANGE, fault, 9);
    let mut proof = world.mobile_proof("zhang").await;
    world.client().call("login/app", &proof).await.is_refused(status, code);
    world.knows_nothing_of("zhang").await;
    world.wechat.clear_faults();
    proof["code"] = json!(world.wechat.mobile_code(MOBILE, "zhang").unwrap());
    world.client().call("login/app", &proof).await.done();
}

/// Acceptance: M1c: a wrong secret is the operator's fault and told as that.
#[tokio::test]
async fn a_wrong_secret_is_no_fault_of_the_visitor() {
    let right = "5ec2e7000000000000000000000000c3";
    let directory = setup().directory.replace(right, "5ec2e7000000000000000000000000ff");
    let world = World::with(Setup { directory, ..setup() }).await;
    let proof = world.mobile_proof("zhang").await;
    world.client().call("login/app", &proof).await.is_refused(500, "misconfigured");
    world.knows_nothing_of("zhang").await;
}

/// Acceptance: A2, A10: one UnionID is one account, whichever app comes first; and A1: without one, an account each.
#[rstest]
#[case::app_first(true)]
#[case::mini_program_first(false)]
#[tokio::test]
async fn apps_meet_in_one_account_by_the_unionid_and_only_by_that(#[case] app_first: bool) {
    let world = World::of_programs().await;
    for (person, joined) in [("zhang", true), ("wang", false)] {
        let (one, other) = if app_first {
            (world.mobile_user(person).await, world.mini_user(person).await)
        } else {
            (world.mini_user(person).await, world.mobile_user(person).await)
        };
        assert_eq!(one.id == other.id, joined, "{person}");
        for app_id in [MINI, MOBILE] {
            assert!(world.row(&world.open_key(app_id, person)).await.unwrap().settled);
        }
    }
    let account = world.stored_account(&world.mobile_user("zhang").await.id).await.unwrap();
    assert_eq!(account.identities.len(), 3);
    assert_eq!(
        account.profile.nickname.as_deref(),
        Some("张伟"),
        "a mini program's empty profile erases nothing"
    );
}

/// Acceptance: A2 with the website's code: browsers and apps are one house.
#[tokio::test]
async fn a_person_of_the_website_is_the_same_in_the_apps() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    desktop.log_in_by_qr("zhang", "/").await.received();
    let id = desktop.account().await.unwrap();
    assert_eq!(world.mobile_user("zhang").await.id, id);
    assert_eq!(world.mini_user("zhang").await.id, id);
}

/// Acceptance: A3: two pools are two populations.
#[tokio::test]
async fn the_same_unionid_in_another_pool_is_another_account() {
    let directory = setup().directory.replacen("[[pools]]", "[[pools]]\nid = \"others\"\n\n[[pools]]", 1);
    let (head, mobile) = directory.split_once("id = \"mobile\"").unwrap();
    let directory = format!("{head}id = \"mobile\"{}", mobile.replacen("\"people\"", "\"others\"", 1));
    let world = World::with(Setup { directory, ..setup() }).await;
    assert_ne!(world.mobile_user("zhang").await.id, world.mini_user("zhang").await.id);
    let user = world.mini_user("zhang").await;
    // Nor can one be attached to the other.
    let proof = world.mobile_proof("zhang").await;
    user.client.call("attach/app", &proof).await.is_refused(409, "wrong_method");
    world.client().call("login/app", &proof).await.done();
    assert_eq!(world.stored_account(&user.id).await.unwrap().identities.len(), 2);
}
