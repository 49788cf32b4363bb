//! Binding on two processes that share a store, in memory and in a real Redis: whoever answers where, one consistent state.

use rstest::rstest;

use crate::binding::{ASKS, Bind, PASSWORD, Question, USERNAME};
use crate::programs;
use crate::redis_server::RedisServer;
use crate::world::{Setup, WEBSITE};

const ASKING: &str = "binding = \"ask\"\nproofs = [\"password\", \"email_code\", \"sms_code\"]";

async fn on_redis(redis: &RedisServer) -> Bind {
    let setup = Setup { store: redis.url(), gateways: 2, ..programs::setup() };
    Bind::of(ASKING, setup).await
}

/// Acceptance: U10, B18: asked by one process, answered at another.
#[tokio::test]
async fn a_question_of_one_process_is_answered_at_another() {
    let redis = RedisServer::start(&[]);
    let bind = on_redis(&redis).await;
    let asked = bind.asked("zhang").await;
    let elsewhere = asked.browser.at(1);
    let form = [("do", "password"), ("name", USERNAME), ("password", PASSWORD)];
    let reply = asked.answer_from(&elsewhere, &form).await;
    assert_eq!(reply.received().header("x-user-id"), Some("ann"));
    assert_eq!(bind.leads_to("zhang").await.as_deref(), Some("ann"));
}

/// Acceptance: B7, B16, A13: two people prove one account at the same moment on two processes: it is bound to one of them,
/// and the other is told; the account knows exactly the rows that lead to it.
#[rstest]
#[case::repeated(0)]
#[case::and_again(1)]
#[case::and_again(2)]
#[tokio::test]
async fn of_two_who_prove_one_account_at_once_on_two_processes_one_has_it(#[case] _round: usize) {
    let redis = RedisServer::start(&[]);
    let bind = on_redis(&redis).await;
    let (zhang, lina) = (bind.asked("zhang").await, bind.asked("lina").await);
    let form = [("do", "password"), ("name", USERNAME), ("password", PASSWORD)];
    let elsewhere = lina.browser.at(1);
    let (one, other) = tokio::join!(zhang.answer(&form), lina.answer_from(&elsewhere, &form));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{one}\n{other}");
    let has = if one.status == 200 { "zhang" } else { "lina" };
    let ann = bind.world.stored_account("ann").await.unwrap();
    for person in ["zhang", "lina"] {
        for key in [bind.world.open_key(WEBSITE, person), bind.world.union_key(person)] {
            let row = bind.world.row(&key).await;
            assert_eq!(row.is_some_and(|row| row.accounts == [ann.id.clone()]), person == has, "{key:?}");
            assert_eq!(ann.identities.contains(&key), person == has, "{key:?}");
        }
    }
}

/// Acceptance: A13, B18: one person says at once on two processes that they are new, in two logins: one account.
#[tokio::test]
async fn of_two_who_are_new_at_once_on_two_processes_one_account_is_made() {
    let redis = RedisServer::start(&[]);
    let bind = on_redis(&redis).await;
    let (first, second) = (bind.asked("zhang").await, bind.asked("zhang").await);
    let elsewhere = second.browser.at(1);
    let (one, other) = tokio::join!(first.new_account(), second.answer_from(&elsewhere, &[("do", "new")]));
    let id = |reply: &crate::reply::Reply| reply.received().header("x-user-id").unwrap().to_owned();
    assert_eq!(id(&one), id(&other));
}

/// Section 7 of the design, invariant 5: while the store is away nobody is bound, told wrong or counted; then it goes on.
#[tokio::test]
async fn while_the_store_is_away_a_proof_is_neither_right_nor_wrong() {
    let mut redis = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let setup = Setup {
        store: redis.url(),
        store_more: "timeout = \"500ms\"\nwait_timeout = \"100ms\"".into(),
        ..programs::setup()
    };
    let bind = Bind::of(ASKING, setup).await;
    let asked: Question = bind.asked("zhang").await;
    redis.stop();
    for reply in [asked.password(USERNAME, PASSWORD).await, asked.new_account().await] {
        reply.is_page(503, "");
        assert!(reply.header("retry-after").is_some(), "{reply}");
    }
    redis.restart();
    let back = async {
        loop {
            let page = asked.browser.open_url(&asked.page.url).await;
            if page.status == 200 && page.text().contains(ASKS) {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), back).await.expect("the question comes back");
    let received = asked.password(USERNAME, PASSWORD).await.received();
    assert_eq!(received.header("x-user-id"), Some("ann"));
}
