//! One's own account by the JSON API: the same as on the page, for the account of the token and no other.

use serde_json::{Value, json};

use crate::client::User;
use crate::programs::{MINI, MOBILE};
use crate::world::World;

const ACCOUNT: &str = "/_menshen/api/account";
const REMOVE: &str = "account/wechats/remove";
const END: &str = "account/sessions/end";

/// `wang`, who has no UnionID, with the mini program and the mobile app: two WeChats as far as anybody knows.
async fn with_two(world: &World) -> User {
    let user = world.mini_user("wang").await;
    user.client.call("attach/app", &world.mobile_proof("wang").await).await.done();
    user
}

async fn mine(user: &User) -> Value {
    user.client.get(ACCOUNT).await.done()
}

/// The id of the WeChat that is known in the app.
fn of_app(mine: &Value, app: &str) -> String {
    let wechats = mine["wechats"].as_array().unwrap();
    let found = wechats.iter().find(|wechat| wechat["apps"][0]["id"] == app);
    found.unwrap_or_else(|| panic!("{mine}"))["id"].as_str().unwrap().to_owned()
}

/// Acceptance: B19, U1.
#[tokio::test]
async fn an_account_lists_who_can_log_in_and_where() {
    let world = World::of_programs().await;
    let user = with_two(&world).await;
    let told = mine(&user).await;
    assert_eq!(told["account"]["id"], user.id.as_str());
    let wechats = told["wechats"].as_array().unwrap();
    assert_eq!(wechats.len(), 2, "{told}");
    assert_eq!((&wechats[0]["current"], &wechats[1]["current"]), (&json!(true), &json!(false)), "{told}");
    assert_eq!(wechats[0]["apps"][0]["methods"][0], json!({ "id": "mini" }), "{told}");
    let sessions = told["sessions"].as_array().unwrap();
    assert_eq!(
        (sessions.len(), &sessions[0]["current"], &sessions[0]["method"]),
        (1, &json!(true), &json!("mini"))
    );
    assert_eq!(
        (&sessions[0]["browser"], &sessions[0]["hosts"]),
        (&json!("WeChat, iPhone"), &json!(["127.0.0.1"]))
    );
    // One with a UnionID and two apps is one.
    let zhang = world.mini_user("zhang").await;
    let again = world.mobile_user("zhang").await;
    assert_eq!(again.id, zhang.id);
    let told = mine(&again).await;
    assert_eq!(
        (told["wechats"].as_array().unwrap().len(), told["sessions"].as_array().unwrap().len()),
        (1, 2)
    );
    assert_eq!(told["wechats"][0]["apps"].as_array().unwrap().len(), 2, "{told}");
}

/// Acceptance: B19, B16: gone whole, its sessions over, a stranger; the last one stays.
#[tokio::test]
async fn a_wechat_is_removed_and_the_last_one_stays() {
    let world = World::of_programs().await;
    let user = with_two(&world).await;
    let by_app = world.mobile_user("wang").await;
    assert_eq!(by_app.id, user.id);
    let told = mine(&user).await;
    let removed = user.client.call(REMOVE, &json!({ "id": of_app(&told, "mobile") })).await;
    assert_eq!(removed.status, 204, "{removed}");
    by_app.client.call("logout", &json!({})).await.is_refused(401, "login_required");
    assert_eq!(world.row(&world.open_key(MOBILE, "wang")).await, None);
    user.client
        .call(REMOVE, &json!({ "id": of_app(&told, "mobile") }))
        .await
        .is_refused(404, "wechat_unknown");
    let last = json!({ "id": of_app(&told, "program") });
    user.client.call(REMOVE, &last).await.is_refused(409, "last_wechat");
    assert_ne!(world.mobile_user("wang").await.id, user.id);
    assert_eq!(world.mini_user("wang").await.id, user.id);
    assert!(world.row(&world.open_key(MINI, "wang")).await.is_some());
    // Who removes the one their token was got through is logged out.
    let zhang = world.mobile_user("zhang").await;
    zhang.client.call("attach/mini2", &json!({ "code": other_code(&world) })).await.done();
    let told = mine(&zhang).await;
    zhang.client.call(REMOVE, &json!({ "id": of_app(&told, "mobile") })).await;
    assert_eq!(zhang.client.account().await, None);
}

fn other_code(world: &World) -> String {
    world.wechat.login_code(crate::programs::OTHER_MINI, "nemo").unwrap()
}

/// Acceptance: A9: ids of others are as good as none, and cookies are no token.
#[tokio::test]
async fn nothing_of_another_account_is_reached() {
    let world = World::of_programs().await;
    let (wang, lina) = (with_two(&world).await, world.mini_user("lina").await);
    let theirs = mine(&wang).await;
    let wechat = json!({ "id": theirs["wechats"][1]["id"] });
    lina.client.call(REMOVE, &wechat).await.is_refused(404, "wechat_unknown");
    let session = json!({ "session": theirs["sessions"][0]["id"] });
    lina.client.call(END, &session).await.is_refused(404, "session_unknown");
    lina.client.call(END, &json!({ "others": true })).await;
    assert_eq!(mine(&wang).await, theirs);
    let bare = world.client();
    bare.browser.set_cookie("menshen", &wang.token);
    bare.get(ACCOUNT).await.is_refused(401, "login_required");
    bare.call(REMOVE, &wechat).await.is_refused(401, "login_required");
    bare.call(END, &session).await.is_refused(401, "login_required");
}

/// Acceptance: B19, U3.
#[tokio::test]
async fn sessions_are_ended_by_name_or_all_others() {
    let world = World::of_programs().await;
    let (here, one, two) =
        (world.mini_user("zhang").await, world.mini_user("zhang").await, world.mobile_user("zhang").await);
    let own = |told: &Value| {
        let sessions = told["sessions"].as_array().unwrap().clone();
        sessions.into_iter().find(|session| session["current"] == true).unwrap()["id"].clone()
    };
    let session = json!({ "session": own(&mine(&one).await) });
    let ended = here.client.call(END, &session).await;
    assert_eq!((ended.status, one.client.account().await), (204, None), "{ended}");
    here.client.call(END, &session).await.is_refused(404, "session_unknown");
    assert_eq!(two.client.account().await, Some(here.id.clone()));
    assert_eq!(here.client.call(END, &json!({ "others": true })).await.status, 204);
    assert_eq!((two.client.account().await, here.client.account().await), (None, Some(here.id.clone())));
    for unclear in [json!({}), json!({ "others": false }), json!({ "others": true, "session": "x" })] {
        here.client.call(END, &unclear).await.is_refused(400, "bad_request");
    }
    let session = json!({ "session": own(&mine(&here).await) });
    assert_eq!(here.client.call(END, &session).await.status, 204);
    here.client.get(ACCOUNT).await.is_refused(401, "login_required");
}

/// Acceptance: A14.
#[tokio::test]
async fn a_disabled_account_is_not_logged_in() {
    let world = World::of_programs().await;
    let user = with_two(&world).await;
    world.disable(&user.id).await;
    user.client.get(ACCOUNT).await.is_refused(401, "login_required");
    user.client.call(END, &json!({ "others": true })).await.is_refused(401, "login_required");
}
