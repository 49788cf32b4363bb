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

/// Section 7 of the design: a person's codes are free to them, the calls are not to us.
#[tokio::test]
async fn one_person_who_calls_without_end_is_slowed_and_nobody_else_is() {
    let world = World::of_programs().await;
    let mut done = 0;
    let refused = loop {
        let reply = world.client().call(LOGIN, &world.mini_proof("zhang")).await;
        if reply.status != 200 {
            break reply;
        }
        done += 1;
        assert!(done < 90, "never too many");
    };
    assert!(done >= 30, "{done}");
    says_when(&refused);
    // The same person is the same by every call of that app, and another person is not slowed.
    let launched = world.launched("zhang").await.0;
    says_when(&world.looks(&launched.ticket, "zhang").await);
    world.looks(&launched.ticket, "lina").await.done();
    world.mini_user("lina").await;
}

/// Section 7 of the design: a ticket stands on a screen, and anybody may try it.
#[tokio::test]
async fn one_ticket_that_is_tried_without_end_is_slowed_and_no_other_is() {
    let world = World::of_programs().await;
    let desktop = world.desktop();
    let page = desktop.show_program().await;
    let scene = page.scene();
    let body = json!({ "scene": scene, "code": "0a1b2c" });
    let mut done = 0;
    let refused = loop {
        let reply = world.client().call("scan", &body).await;
        if reply.status != 400 {
            break reply;
        }
        done += 1;
        assert!(done < 180, "never too many");
    };
    assert!(done >= 60, "{done}");
    says_when(&refused);
    let asked = world.wechat.calls(SESSION);
    says_when(&world.confirms(&scene, "zhang").await);
    assert_eq!(world.wechat.calls(SESSION), asked);
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
