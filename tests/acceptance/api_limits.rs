//! How often the API may be called: by one person, about one ticket, from one address.
//!
//! The limits go by the machine's own clock, so these tests count calls and never wait.

use serde_json::json;

use crate::programs::{LOGIN, SESSION};
use crate::reply::Reply;
use crate::world::World;

#[track_caller]
fn says_when(reply: &Reply) {
    reply.is_refused_for_now(429, "too_many");
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{reply}");
}

/// Sends calls at once, of which some come too often, and answers how many did not: those have `status`. Limits refill
/// while a slow machine works, so which ones are refused is not said.
async fn slowed(calls: impl Iterator<Item = impl Future<Output = Reply>>, status: u16) -> usize {
    let replies = futures_util::future::join_all(calls).await;
    let (done, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == status);
    assert!(!refused.is_empty(), "never too many");
    refused.into_iter().for_each(says_when);
    done.len()
}

/// Section 7 of the design: a person's codes are free to them, the calls are not to us.
#[tokio::test]
async fn one_person_who_calls_without_end_is_slowed_and_nobody_else_is() {
    let world = World::of_programs().await;
    let client = world.client();
    let proofs: Vec<_> = (0..60).map(|_| world.mini_proof("zhang")).collect();
    let done = slowed(proofs.iter().map(|proof| client.call(LOGIN, proof)), 200).await;
    assert!(done >= 30, "{done}");
    // The same person is the same by every call of that app, and another person is not slowed.
    let (launched, other) = (world.launched("zhang").await.0, world.launched("lina").await.0);
    slowed((0..20).map(|_| world.looks(&launched.ticket, "zhang")), 200).await;
    world.looks(&other.ticket, "lina").await.done();
    world.mini_user("lina").await;
}

/// Section 7 of the design: a ticket stands on a screen, and anybody may try it.
#[tokio::test]
async fn one_ticket_that_is_tried_without_end_is_slowed_and_no_other_is() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    let (client, body) = (world.client(), json!({ "scene": scene, "code": "0a1b2c" }));
    let done = slowed((0..120).map(|_| client.call("scan", &body)), 400).await;
    assert!(done >= 60, "{done}");
    // By whatever call; and WeChat is asked for none that is refused.
    let more = slowed((0..60).map(|_| client.call("confirm", &body)), 400).await;
    assert_eq!(world.wechat.calls(SESSION), done + more);
    // The page that waits is not the one who asked too often.
    assert_eq!(page.state().await["state"], "waiting");
    world.logs_in_by_program(&desktop, "zhang").await.received();
}

/// Section 7 of the design: an address may be a phone network's, so its limit is high; it is there.
#[tokio::test]
async fn one_address_that_calls_without_end_is_slowed() {
    let world = World::of_programs().await;
    let (client, body) = (world.client(), json!({ "scene": "", "code": "0a1b2c" }));
    let mut done = 0;
    let refused = 'all: loop {
        let calls = (0..100).map(|_| client.call("scan", &body));
        for reply in futures_util::future::join_all(calls).await {
            if reply.status != 404 {
                break 'all reply;
            }
            done += 1;
        }
        assert!(done < 5000, "never too many");
    };
    assert!(done >= 1200, "{done}");
    says_when(&refused);
}
