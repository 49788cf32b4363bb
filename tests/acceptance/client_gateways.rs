//! Several gateways that share a Redis are one gateway to apps and mini programs too.

use menshen::simulator::{Person, UnionId};
use serde_json::json;

use crate::client::{User, one_of_two};
use crate::programs::{LOGIN, MINI, MOBILE, setup};
use crate::redis_server::RedisServer;
use crate::world::{Setup, World};

/// How many racers a test sends off at once.
const RACERS: usize = 20;

async fn two(redis: &RedisServer) -> World {
    World::with(Setup { store: redis.url(), gateways: 2, ..setup() }).await
}

/// Acceptance: M7a, U10: a token is good at both, and a logout is heard by both.
#[tokio::test]
async fn a_token_of_one_gateway_is_good_at_the_other_until_the_logout() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    let user = world.mini_user("zhang").await;
    let other = user.client.at(1);
    assert_eq!(other.get("/").await.received().header("x-user-id"), Some(user.id.as_str()));
    let left = other.post("logout", &[], Vec::new()).await;
    assert_eq!(left.status, 204, "{left}");
    let heard = async { while user.client.get("/").await.status == 200 {} };
    tokio::time::timeout(std::time::Duration::from_secs(5), heard).await.expect("heard in time");
}

/// Acceptance: M4a, U10: a code shown by one gateway, looked at and confirmed at the other.
#[tokio::test]
async fn a_code_shown_by_one_gateway_is_confirmed_at_the_other() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let mut events = page.listen().await;
    assert_eq!(events.next().await.unwrap()["state"], "waiting");
    let phone = world.client().at(1);
    let answer = || json!({ "scene": page.scene(), "code": world.login_code("zhang") });
    phone.call("scan", &answer()).await.done();
    events.until("scanned").await;
    phone.call("confirm", &answer()).await.done();
    events.until("approved").await;
    assert_eq!(desktop.at(1).open(&page.href("finish")).await.received().target, "/deep?a=1");
    assert_eq!(world.wechat.calls("/cgi-bin/stable_token"), 1, "one token for both");
}

/// Acceptance: M2b, U10: launched at one, redeemed at the other, and at both at once only once.
#[tokio::test]
async fn a_launch_of_one_gateway_is_redeemed_at_the_other_and_once() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    for _ in 0..5 {
        let (launched, code) = world.returned("zhang").await;
        let (one, two) = tokio::join!(launched.redeem_at(1, &code), launched.redeem(&code));
        one_of_two(&one, &two, 409);
    }
    let (launched, code) = world.returned("zhang").await;
    launched.redeem_at(1, &code).await.done();
}

/// Acceptance: M1c, M4c, U10: a nonce and a yes count once between the two.
#[tokio::test]
async fn a_nonce_and_an_answer_count_once_between_the_two() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    for _ in 0..5 {
        let (one, mut two) = (world.mobile_proof("zhang").await, world.mobile_proof("zhang").await);
        two["nonce"] = one["nonce"].clone();
        let (here, there) = (world.client(), world.client().at(1));
        let (one, two) = tokio::join!(here.call("login/app", &one), there.call("login/app", &two));
        one_of_two(&one, &two, 400);
        let desktop = world.desktop();
        let page = desktop.show_program().await;
        let answer = || json!({ "scene": page.scene(), "code": world.login_code("lina") });
        let (yes, no) = (answer(), answer());
        let (yes, no) = tokio::join!(here.call("confirm", &yes), there.call("reject", &no));
        one_of_two(&yes, &no, 409);
    }
}

/// Acceptance: A13: first logins of one person by mini program and by mobile app, at both gateways, at once.
#[tokio::test]
async fn first_logins_by_mini_program_and_mobile_app_at_once_make_one_account() {
    let redis = RedisServer::start(&[]);
    let world = two(&redis).await;
    let mut racers = Vec::new();
    for racer in 0..RACERS {
        let client = world.client().at(racer % 3 % 2);
        let by_mini = racer % 2 == 0;
        let proof = if by_mini { world.mini_proof("zhang") } else { world.mobile_proof("zhang").await };
        racers.push(async move { client.call(if by_mini { LOGIN } else { "login/app" }, &proof).await });
    }
    let users: Vec<User> =
        futures_util::future::join_all(racers).await.into_iter().map(|reply| reply.user(&world)).collect();
    assert!(users.iter().all(|user| user.id == users[0].id));
    let keys = [world.union_key("zhang"), world.open_key(MINI, "zhang"), world.open_key(MOBILE, "zhang")];
    for row in world.rows(&keys).await {
        let row = row.unwrap();
        assert!(row.settled && row.accounts.len() == 1 && row.accounts[0].as_str() == users[0].id, "{row:?}");
    }
    let known = world.stored_account(&users[0].id).await.unwrap().identities;
    assert!(known.len() == 3 && keys.iter().all(|key| known.contains(key)), "{known:?}");
}

/// Acceptance: M7d, A13: two accounts that want the same identity at once: one has it, and the rows say the same.
#[tokio::test]
async fn of_two_accounts_that_attach_one_identity_at_once_one_has_it() {
    // A person whose apps are not bound, and one whose UnionID comes along.
    for wanted in ["nemo", "lina", "nemo", "lina"] {
        let redis = RedisServer::start(&[]);
        let world = two(&redis).await;
        world.wechat.put_person(Person { unionid: UnionId::Absent, ..Person::new("twin", "孪生") }).unwrap();
        let (one, two) = (world.mini_user("wang").await, world.mini_user("twin").await);
        let (first, second) = (world.mobile_proof(wanted).await, world.mobile_proof(wanted).await);
        let (here, there) = (&one.client, two.client.at(1));
        let (here, there) = tokio::join!(here.call("attach/app", &first), there.call("attach/app", &second));
        let won: Vec<&User> = [(&here, &one), (&there, &two)]
            .into_iter()
            .filter(|(reply, _)| reply.status == 200)
            .map(|(_, user)| user)
            .collect();
        assert_eq!(won.len(), 1, "{here}\n{there}");
        for reply in [&here, &there] {
            if reply.status != 200 {
                reply.is_refused(409, "identity_taken");
            }
        }
        assert_eq!(world.mobile_user(wanted).await.id, won[0].id);
        consistent(&world, wanted, &[&one.id, &two.id]).await;
    }
}

/// Acceptance: M7d, A13: an attach and a first login of the same identity at once end in one account.
#[tokio::test]
async fn an_attach_and_a_first_login_at_once_leave_one_consistent_state() {
    for wanted in ["nemo", "lina", "nemo", "lina"] {
        let redis = RedisServer::start(&[]);
        let world = two(&redis).await;
        let owner = world.mini_user("wang").await;
        let (proof, attached) = (world.mobile_proof(wanted).await, world.mobile_proof(wanted).await);
        let (newcomer, other) = (world.client().at(1), &owner.client);
        let (login, attach) =
            tokio::join!(newcomer.call("login/app", &proof), other.call("attach/app", &attached));
        let user = login.user(&world);
        if attach.status == 200 {
            assert_eq!(user.id, owner.id, "{attach}");
        } else {
            attach.is_refused(409, "identity_taken");
            assert_ne!(user.id, owner.id);
        }
        assert_eq!(world.mobile_user(wanted).await.id, user.id);
        consistent(&world, wanted, &[&owner.id, &user.id]).await;
    }
}

/// Asserts that what the accounts say they have is what the rows say leads to them.
async fn consistent(world: &World, person: &str, ids: &[&str]) {
    let mut keys = vec![world.open_key(MOBILE, person)];
    if world.wechat.unionid(MOBILE, person).is_some() {
        keys.push(world.union_key(person));
    }
    for key in keys {
        let row = world.row(&key).await;
        for id in ids {
            let says = world.stored_account(id).await.unwrap().identities.contains(&key);
            let leads =
                row.as_ref().is_some_and(|row| row.accounts.iter().any(|known| known.as_str() == *id));
            assert_eq!(says, leads, "{id} and {key:?}: {row:?}");
        }
        assert!(row.is_none_or(|row| row.settled && row.accounts.len() == 1));
    }
}
