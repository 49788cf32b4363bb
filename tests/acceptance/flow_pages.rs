//! What the page with a code asks for while it waits: who is answered, how often, until when.

use menshen::ground::Span;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::reply::Reply;
use crate::scanning::{PATIENCE, ScanPage};
use crate::world::{SERVICE, World};

async fn refused(reply: Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.error().as_str()), (status, code), "{reply}");
}

/// The stream and the question have the same answer.
#[tokio::test]
async fn the_first_event_comes_at_once_and_is_the_state() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    let mut events = page.listen().await;
    let event = events.next().await.unwrap();
    assert_eq!(event, serde_json::json!({"state": "waiting", "expires_in": 180}));
    assert_eq!(page.state().await, event);
    world.advance(Span::from_secs(30));
    assert_eq!(page.state().await["expires_in"], 150);
    page.scanned_by("zhang");
    let approved = events.until("approved").await;
    assert_eq!(approved["finish"], page.finish_href());
    assert_eq!(page.state().await, approved);
    // A stream that is opened later tells the end and ends.
    let mut late = page.listen().await;
    assert_eq!(late.next().await.unwrap(), approved);
    assert_eq!(late.next().await, None);
}

/// A flow belongs to the browser that began it.
#[tokio::test]
async fn another_browser_learns_nothing_and_harms_nothing() {
    let world = World::scanning().await;
    let (desktop, thief) = (world.desktop(), world.desktop());
    let page = desktop.show_code("/deep").await;
    // Both without any cookie of ours and with a browser's own.
    for _ in 0..2 {
        refused(thief.fetch(&page.state_href()).await, 403, "foreign_browser").await;
        refused(thief.listen(&page.events_href()).await.unwrap_err(), 403, "foreign_browser").await;
        thief.visit(&page.finish_href()).await.is_page(403, "This sign-in began in another browser");
        thief.show_code("/").await;
    }
    page.scanned_by("zhang");
    page.becomes("approved").await;
    let stolen = thief.visit(&page.finish_href()).await;
    stolen.is_page(403, "This sign-in began in another browser");
    refused(thief.fetch(&page.state_href()).await, 403, "foreign_browser").await;
    assert_eq!((thief.session(), thief.account().await), (None, None));
    assert_eq!(page.go_on().await.received().target, "/deep");
    thief.visit(&page.finish_href()).await.is_page(403, "This sign-in began in another browser");
}

#[tokio::test]
async fn an_unknown_flow_has_run_out() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    desktop.show_code("/").await;
    for flow in ["nothing", "", "a%20b", "..", "%00"] {
        let of = |what: &str| format!("/_menshen/flow/{what}?flow={flow}");
        refused(desktop.fetch(&of("state")).await, 400, "flow_expired").await;
        refused(desktop.listen(&of("events")).await.unwrap_err(), 400, "flow_expired").await;
        refused(desktop.fetch(&of("qr.jpg")).await, 400, "flow_expired").await;
        let finish = desktop.visit(&of("finish")).await;
        assert_eq!((finish.status, finish.opens_session()), (400, false), "{finish}");
    }
}

/// What the code on the screen holds can be read by every camera in the room.
#[tokio::test]
async fn the_value_in_the_code_neither_watches_nor_finishes() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    assert!(!page.reply.text().contains(&page.code.scene), "the page does not hold it");
    assert!(!page.code.scene.contains(&page.flow) && !page.code.url.contains(&page.flow));
    page.scanned_by("zhang");
    page.becomes("approved").await;
    let bare = page.code.scene.strip_prefix("menshen_").unwrap();
    for value in [page.code.scene.as_str(), bare, page.code.ticket.as_str()] {
        let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let of = |what: &str| format!("/_menshen/flow/{what}?flow={value}");
        refused(desktop.fetch(&of("state")).await, 400, "flow_expired").await;
        refused(desktop.listen(&of("events")).await.unwrap_err(), 400, "flow_expired").await;
        assert!(!desktop.visit(&of("finish")).await.opens_session());
    }
    page.go_on().await.received();
}

#[tokio::test]
async fn finishing_before_anybody_agreed_says_so_and_harms_nothing() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    page.go_on().await.is_page(409, "This sign-in is not confirmed yet");
    refused(desktop.fetch(&page.finish_href()).await, 409, "flow_not_approved").await;
    assert_eq!((page.state_name().await.as_str(), desktop.session()), ("waiting", None));
    page.scanned_by("zhang");
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
}

/// As a callback that is delivered twice (M3c).
#[tokio::test]
async fn finishing_twice_opens_one_session_one_after_another_and_at_once() {
    let world = World::scanning().await;
    for at_once in [false, true, true, true] {
        let desktop = world.desktop();
        let page = desktop.show_code("/deep").await;
        page.scanned_by("zhang");
        page.becomes("approved").await;
        let href = page.finish_href();
        let (first, second) = if at_once {
            tokio::join!(desktop.visit(&href), desktop.visit(&href))
        } else {
            (desktop.visit(&href).await, desktop.visit(&href).await)
        };
        assert!(first.opens_session(), "{first}");
        assert_eq!((first.location(), first.set_cookies()), (second.location(), second.set_cookies()));
        let account = desktop.account().await.unwrap();
        let id = menshen::domain::AccountId::new(account).unwrap();
        let open = world.store().sessions_of(&id).await.unwrap();
        let of_flow = open.iter().filter(|(_, session)| session.method.as_str() == "follow").count();
        assert_eq!(of_flow, open.len());
        world
            .store()
            .delete_sessions(&open.iter().map(|(digest, _)| *digest).collect::<Vec<_>>())
            .await
            .unwrap();
        assert_eq!(open.len(), 1, "one session for one login");
        // Signed out since: the flow does not bring the session back.
        assert!(!desktop.visit(&href).await.opens_session());
        world.advance(Span::from_secs(1));
    }
}

#[tokio::test]
async fn a_code_runs_out_and_its_page_is_told_so() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    world.advance(Span::from_secs(179));
    assert_eq!(page.state().await, serde_json::json!({"state": "waiting", "expires_in": 1}));
    world.advance(Span::from_secs(1));
    assert_eq!(page.state().await, serde_json::json!({"state": "expired", "expires_in": 0}));
    let mut events = page.listen().await;
    assert_eq!(events.next().await.unwrap()["state"], "expired");
    assert_eq!(events.next().await, None);
    assert!(!page.go_on().await.opens_session());
    // Later it is not even remembered.
    world.advance(Span::from_mins(3));
    refused(desktop.fetch(&page.state_href()).await, 400, "flow_expired").await;
    refused(desktop.listen(&page.events_href()).await.unwrap_err(), 400, "flow_expired").await;
    desktop.log_in_by_scan("zhang", "/").await.received();
}

/// An approved page has two minutes to go on.
#[tokio::test]
async fn an_approved_login_that_nobody_finishes_runs_out() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    page.scanned_by("zhang");
    page.becomes("approved").await;
    world.advance(Span::from_secs(181));
    let reply = page.go_on().await;
    assert!(!reply.opens_session() && desktop.session().is_none(), "{reply}");
    assert_eq!(world.rows(&[world.open_key(SERVICE, "zhang")]).await, [None]);
    // The way on is a new code for the same goal.
    assert!(
        reply.text().contains("data-scan ") && reply.url.query().unwrap().contains("notice=expired"),
        "{reply}"
    );
    let again = desktop.log_in_by_scan("zhang", reply.url.as_str()).await;
    assert_eq!(again.received().target, "/deep");
}

/// The method's own life of a code.
#[tokio::test]
async fn a_code_lives_as_long_as_the_method_says() {
    let world = World::scanning_with(crate::scanning::setup_with("", "lifetime = \"30m\"")).await;
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    assert_eq!(page.code.expires_in, Some(Span::from_mins(30)));
    assert!(page.reply.text().contains("data-expires-in=\"1800\""), "{}", page.reply);
    world.advance(Span::from_mins(29));
    page.scanned_by("zhang");
    page.becomes("approved").await;
    assert_eq!(page.go_on().await.received().target, "/deep");
}

/// Where the stream fails a page asks 30 times a minute.
#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    let mut asked = 0;
    let reply = loop {
        let reply = desktop.fetch(&page.state_href()).await;
        if reply.status != 200 {
            break reply;
        }
        asked += 1;
        assert!(asked < 300, "never too often");
    };
    assert!(asked >= 60, "{asked}");
    assert_eq!((reply.status, reply.error().as_str()), (429, "too_many"), "{reply}");
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{reply}");
    // Another page of the same browser is not held up by it.
    assert_eq!(desktop.show_code("/").await.state_name().await, "waiting");
}

async fn listening<'p>(page: &ScanPage<'p>, count: usize) -> Vec<crate::scanning::Events> {
    let mut all = Vec::new();
    for _ in 0..count {
        let mut events = page.listen().await;
        assert_eq!(events.next().await.unwrap()["state"], "waiting");
        all.push(events);
    }
    all
}

#[tokio::test]
async fn a_flow_has_four_streams_and_a_closed_one_makes_room() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    let mut streams = listening(&page, 4).await;
    let fifth = desktop.listen(&page.events_href()).await.unwrap_err();
    assert!(fifth.header("retry-after").is_some(), "{fifth}");
    refused(fifth, 429, "too_many").await;
    // Asking goes on, and so do other pages.
    assert_eq!(page.state_name().await, "waiting");
    let other = desktop.show_code("/").await;
    listening(&other, 1).await;
    streams.pop();
    page.scanned_by("zhang");
    for events in &mut streams {
        events.until("approved").await;
    }
    page.becomes("approved").await;
}

/// U10: a page that waits asks the next process.
#[tokio::test]
async fn a_stream_ends_when_its_gateway_stops() {
    let mut world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    let mut streams = listening(&page, 2).await;
    let gateway = world.gateways.remove(0);
    let stopped = tokio::time::timeout(PATIENCE, gateway.stop());
    let ends = async {
        for events in &mut streams {
            assert_eq!(events.next().await, None);
        }
    };
    let (stopped, ()) = tokio::join!(stopped, ends);
    stopped.expect("nothing holds the gateway up");
}

/// What comes after the answer to a HEAD would be taken for the next answer by a proxy in front.
#[tokio::test]
async fn nothing_follows_the_answer_to_a_head_of_a_stream() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    let secret = desktop.cookie("menshen-browser").unwrap();
    let mut line = TcpStream::connect(world.address(0)).await.unwrap();
    let request = format!(
        "HEAD {} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: menshen-browser={secret}\r\nConnection: close\r\n\r\n",
        page.events_href()
    );
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(PATIENCE, line.read_to_string(&mut answer));
    read.await.expect("the connection ends").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(answer.contains("text/event-stream") && !answer.contains("event: state"), "{answer}");
}
