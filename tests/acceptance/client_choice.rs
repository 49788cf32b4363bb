//! The OpenID leads to one account and the UnionID to another: the client is asked, and the answer is remembered.

use menshen::domain::Session;
use menshen::ground::Span;
use menshen::simulator::{Person, UnionId};
use serde_json::{Value, json};

use crate::client::{Client, User};
use crate::logs::Logs;
use crate::programs::LOGIN;
use crate::reply::Reply;
use crate::world::World;

/// A person whom WeChat tells a UnionID of only since lately: an account by the OpenID, one by the UnionID.
struct Torn {
    world: World,
    /// By the mini program's OpenID.
    a: User,
    /// By the UnionID, through the mobile app.
    b: User,
}

impl Torn {
    async fn start() -> Self {
        let world = World::of_programs().await;
        let a = world.mini_user("wang").await;
        world.wechat.set_unionid("wang", Some("u-wang".into())).unwrap();
        let b = world.mobile_user("wang").await;
        assert_ne!(a.id, b.id);
        Self { world, a, b }
    }

    /// Logs in by the mini program up to the question.
    async fn asked(&self) -> Value {
        let reply = self.world.client().call(LOGIN, &self.world.mini_proof("wang")).await;
        assert_eq!(reply.status, 409, "{reply}");
        reply.json()
    }

    async fn choose(&self, client: &Client, question: &Value, key: &Value, account: &str) -> Reply {
        let path = format!("flow/{}/choose", question["flow"].as_str().unwrap());
        client.call(&path, &json!({ "key": key, "account": account })).await
    }

    async fn sessions(&self) -> Vec<Session> {
        let mut all = Vec::new();
        for user in [&self.a, &self.b] {
            let id = menshen::domain::AccountId::new(user.id.as_str()).unwrap();
            all.extend(self.world.store().sessions_of(&id).await.unwrap().into_iter().map(|(_, row)| row));
        }
        all
    }
}

/// Acceptance: A7, M1b: exactly the two, and no session until one is chosen.
#[tokio::test]
async fn who_is_torn_between_two_accounts_is_asked_for_exactly_those() {
    let torn = Torn::start().await;
    let question = torn.asked().await;
    assert_eq!(question["pending"], "choose");
    assert_eq!(question["expires_in"], Span::from_mins(10).secs());
    assert!(question.get("token").is_none() && question.get("error").is_none(), "{question}");
    let offered = question["accounts"].as_array().unwrap();
    let mut ids: Vec<&str> = offered.iter().map(|account| account["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    let mut expected = [torn.a.id.as_str(), torn.b.id.as_str()];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert!(offered.iter().all(|account| account["last_login"].is_u64()), "{question}");
    assert!(offered.iter().any(|account| account["name"] == "王芳"), "{question}");
    assert_eq!(torn.sessions().await.len(), 2, "those there were");
    assert_ne!(torn.asked().await["flow"], question["flow"], "each question is its own");
}

/// Acceptance: A8, M1b: the choice logs in, and the next login asks no more.
#[tokio::test]
async fn a_choice_logs_in_and_is_remembered() {
    for by_open_id in [true, false] {
        let torn = Torn::start().await;
        let question = torn.asked().await;
        let chosen = if by_open_id { &torn.a.id } else { &torn.b.id };
        let reply = torn.choose(&torn.world.client(), &question, &question["key"], chosen).await;
        let user = reply.user(&torn.world);
        assert_eq!(&user.id, chosen);
        assert_eq!(user.client.get("/").await.received().header("x-user-id"), Some(chosen.as_str()));
        for _ in 0..2 {
            assert_eq!(&torn.world.mini_user("wang").await.id, chosen);
        }
        // The mobile app was not asked: its own OpenID and the UnionID agree.
        assert_eq!(torn.world.mobile_user("wang").await.id, torn.b.id);
    }
}

/// Acceptance: A8, M2a: the number that came with the login waits for the choice, and is nobody's before.
#[tokio::test]
async fn the_phone_number_goes_to_the_account_that_is_chosen() {
    let torn = Torn::start().await;
    let world = &torn.world;
    world.wechat.put_person(Person { unionid: UnionId::Fixed("u-wang".into()), ..wang() }).unwrap();
    let proof = world.phone_proof("wang");
    let question = world.client().call(LOGIN, &proof).await.json();
    assert!(!question.to_string().contains("1358000"), "{question}");
    for id in [&torn.a.id, &torn.b.id] {
        assert_eq!(world.stored_account(id).await.unwrap().phone, None);
    }
    let user = torn.choose(&world.client(), &question, &question["key"], &torn.b.id).await.user(world);
    assert_eq!(user.client.get("/").await.received().header("x-user-phone"), Some("+8613580009999"));
    assert_eq!(world.stored_account(&torn.a.id).await.unwrap().phone, None);
}

fn wang() -> Person {
    Person::new("wang", "王芳").with_phone("13580009999")
}

/// Acceptance: A7: a browser that is torn is asked on the computer, and is the chosen one once an app was told.
#[tokio::test]
async fn a_browser_is_asked_and_follows_the_choice_that_an_app_made() {
    let torn = Torn::start().await;
    let desktop = torn.world.desktop();
    let told = torn.world.logs_in_by_program(&desktop, "wang").await;
    told.is_page(200, "Choose an account");
    assert_eq!(desktop.session(), None);
    let question = torn.asked().await;
    torn.choose(&torn.world.client(), &question, &question["key"], &torn.a.id).await.done();
    torn.world.logs_in_by_program(&desktop, "wang").await.received();
    assert_eq!(desktop.account().await, Some(torn.a.id.clone()));
}

/// Acceptance: A9: nobody else's account, nobody else's key.
#[tokio::test]
async fn an_account_that_was_not_offered_or_a_key_that_is_not_the_flows_opens_nothing() {
    let logs = Logs::start();
    let torn = Torn::start().await;
    let (world, client) = (&torn.world, torn.world.client());
    let other = world.mini_user("lina").await;
    let (question, second) = (torn.asked().await, torn.asked().await);
    let before = torn.sessions().await.len();
    for account in [other.id.as_str(), "nobody", "", "../etc"] {
        let told = torn.choose(&client, &question, &question["key"], account).await;
        told.is_refused(403, "account_not_offered");
    }
    // The empty one cannot be an account's id and is not looked up.
    assert_eq!(logs.events("choice_refused").len(), 3, "{}", logs.text());
    for key in [&second["key"], &json!(other.token), &json!("0a1b2c"), &json!("")] {
        torn.choose(&client, &question, key, &torn.a.id).await.is_refused(403, "foreign_browser");
    }
    // Two of them have the form of a key.
    assert_eq!(logs.events("choice_refused").len(), 5, "{}", logs.text());
    let unknown = json!({ "flow": "0a1b2c3d4e5f" });
    torn.choose(&client, &unknown, &question["key"], &torn.a.id).await.is_refused(400, "flow_expired");
    assert_eq!(torn.sessions().await.len(), before);
    assert!(!logs.text().contains(question["key"].as_str().unwrap()));
    // The owner is not hindered by any of it.
    torn.choose(&client, &question, &question["key"], &torn.a.id).await.done();
}

/// Acceptance: A9: once, and in time.
#[tokio::test]
async fn a_question_is_answered_once_and_in_time() {
    let torn = Torn::start().await;
    let client = torn.world.client();
    let (question, late) = (torn.asked().await, torn.asked().await);
    torn.choose(&client, &question, &question["key"], &torn.a.id).await.done();
    let after = torn.sessions().await.len();
    for account in [&torn.a.id, &torn.b.id] {
        torn.choose(&client, &question, &question["key"], account).await.is_refused(409, "flow_finished");
    }
    torn.world.advance(Span::from_mins(10));
    torn.choose(&client, &late, &late["key"], &torn.b.id).await.is_refused(400, "flow_expired");
    torn.world.advance(Span::from_mins(60));
    torn.choose(&client, &late, &late["key"], &torn.b.id).await.is_refused(400, "flow_expired");
    assert_eq!(torn.sessions().await.len(), after);
}

/// Acceptance: A9: of two answers at once one counts.
#[tokio::test]
async fn of_two_answers_at_once_one_counts() {
    let torn = Torn::start().await;
    let (question, client) = (torn.asked().await, torn.world.client());
    let before = torn.sessions().await.len();
    let (one, other) = tokio::join!(
        torn.choose(&client, &question, &question["key"], &torn.a.id),
        torn.choose(&client, &question, &question["key"], &torn.b.id),
    );
    let mut told = [one.status, other.status];
    told.sort_unstable();
    assert_eq!(told, [200, 409], "{one}\n{other}");
    assert_eq!(torn.sessions().await.len(), before + 1);
    let chosen = if one.status == 200 { &torn.a.id } else { &torn.b.id };
    assert_eq!(&torn.world.mini_user("wang").await.id, chosen);
}

/// Acceptance: A9, A14: an account that was disabled since the question cannot be chosen, nor the other one.
#[tokio::test]
async fn an_account_that_was_disabled_since_cannot_be_chosen() {
    let torn = Torn::start().await;
    let question = torn.asked().await;
    torn.world.disable(&torn.a.id).await;
    let reply = torn.choose(&torn.world.client(), &question, &question["key"], &torn.a.id).await;
    reply.is_refused(403, "account_disabled");
    let again = torn.world.client().call(LOGIN, &torn.world.mini_proof("wang")).await;
    again.is_refused(403, "account_disabled");
}

/// Acceptance: A7: `on_conflict = "unionid"` asks nobody.
#[tokio::test]
async fn where_the_unionid_decides_nobody_is_asked() {
    let setup = crate::programs::setup();
    let pool = "id = \"people\"";
    let directory = setup.directory.replacen(pool, &format!("{pool}\non_conflict = \"unionid\""), 1);
    let world = World::with(crate::world::Setup { directory, ..setup }).await;
    let a = world.mini_user("wang").await;
    world.wechat.set_unionid("wang", Some("u-wang".into())).unwrap();
    let b = world.mobile_user("wang").await;
    assert_ne!(a.id, b.id);
    assert_eq!(world.mini_user("wang").await.id, b.id);
}
