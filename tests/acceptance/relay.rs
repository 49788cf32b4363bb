//! Messages that are no login go on to the operator's own server, as WeChat sent them, and its answer goes back.

use menshen::simulator::{PushFormat, PushMode, PushOutcome, PushTrouble};
use rstest::rstest;

use crate::letters::{Letter, Pen, event, scan_event};
use crate::logs::Logs;
use crate::own_server::{Manner, OwnServer};
use crate::scanning::{directory, setup_with};
use crate::world::{SERVICE, Setup, World};

const OK: Manner = Manner::Answer(200, "text/plain", "success");

async fn start() -> (World, OwnServer) {
    let own = OwnServer::start(OK).await;
    (World::scanning_with(setup_with(&own.config(), "")).await, own)
}

/// Acceptance: M5g.
#[tokio::test]
async fn what_is_no_login_reaches_the_operators_server_byte_for_byte_and_is_answered_by_it() {
    const ANSWER: &str = "<xml><Encrypt><![CDATA[any]]></Encrypt></xml>\r\n";
    let (world, own) = start().await;
    own.answers(Manner::Answer(200, "text/xml;charset=gbk", ANSWER));
    let kinds = [
        "<Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[menu]]></EventKey>",
        "<Event><![CDATA[VIEW]]></Event>",
        // A code of the operator's own, to a follower and to somebody new.
        "<Event>SCAN</Event><EventKey>123</EventKey>",
        "<Event>subscribe</Event><EventKey>qrscene_shop_7</EventKey>",
        "<Event>subscribe</Event><EventKey></EventKey>",
        "<Event>unsubscribe</Event>",
    ];
    let mut expected = 0;
    for (n, kind) in kinds.into_iter().enumerate() {
        let pen = Pen { nonce: format!("{n}"), ..Pen::of(&world.wechat) };
        let letter = pen.sealed(&event(&world.wechat, "zhang", kind));
        // Whatever order and spelling, it is kept.
        let letter = Letter { query: format!("x&{}&openid_=o%20O%2b+&y=%e9%97%a8", letter.query), ..letter };
        let reply = world.post(&letter).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, ANSWER), "{reply}");
        assert_eq!(reply.header("content-type"), Some("text/xml;charset=gbk"));
        expected += 1;
        let relayed = own.relayed();
        assert_eq!(relayed.len(), expected, "{kind}");
        let relayed = relayed.last().unwrap();
        assert_eq!(relayed.line, format!("POST /hook?key=1&{} HTTP/1.1", letter.query));
        assert_eq!(relayed.body, letter.body);
        assert!(relayed.head.contains("content-type: text/xml\r\n"), "{}", relayed.head);
        for ours in ["cookie", "x-menshen", "x-user", "x-real-ip", "x-forwarded"] {
            assert!(!relayed.head.contains(ours), "{ours} in {}", relayed.head);
        }
    }
}

/// Acceptance: M5g, through WeChat.
#[tokio::test]
async fn people_talk_to_the_operators_server_through_us() {
    let (world, own) = start().await;
    world.is_followed_by("zhang").await;
    world.wechat.send_text(SERVICE, "zhang", "hello").unwrap();
    world.wechat.click_menu(SERVICE, "zhang", "menu").unwrap();
    world.wechat.settled().await;
    world.wechat.unfollow(SERVICE, "zhang").unwrap();
    world.wechat.settled().await;
    assert_eq!(own.relayed().len(), 4);
    let pushes = world.wechat.pushes(SERVICE);
    assert!(
        pushes.iter().all(|push| push.outcome == PushOutcome::Handled && push.attempts == 1),
        "{pushes:?}"
    );
}

/// Acceptance: M5g (an answer that is a text reaches the chat).
#[tokio::test]
async fn the_operators_answer_is_read_in_the_chat() {
    const ANSWER: &str = "not a message WeChat understands";
    let own = OwnServer::start(OK).await;
    let world = World::with(Setup { directory: directory(&own.config(), ""), ..Setup::default() }).await;
    world.push_to(0, PushMode::Plain, PushFormat::Json).await;
    world.is_followed_by("zhang").await;
    own.answers(Manner::Answer(200, "text/plain", ANSWER));
    world.wechat.send_text(SERVICE, "zhang", "hello").unwrap();
    world.wechat.settled().await;
    // What the operator answers is the operator's matter: it goes back as it is.
    let push = world.wechat.pushes(SERVICE).pop().unwrap();
    assert!(matches!(push.outcome, PushOutcome::Invalid(_)), "{push:?}");
    assert!(own.relayed()[1].head.contains("content-type: application/json"), "{:?}", own.relayed());
    assert!(String::from_utf8_lossy(&own.relayed()[1].body).contains("\"hello\""));
}

/// Acceptance: M5g (logins are ours).
#[tokio::test]
async fn a_login_is_not_relayed() {
    let (world, own) = start().await;
    world.desktop().log_in_by_scan("zhang", "/").await.received();
    // As somebody new, and as a follower.
    world.desktop().log_in_by_scan("zhang", "/").await.received();
    // Not when it comes again, and not when its code has run out.
    world.wechat.replay_push(SERVICE).unwrap();
    world.wechat.settled().await;
    let dead = Pen::of(&world.wechat).sealed(&scan_event(&world.wechat, "lina", "menshen_gone"));
    assert_eq!(world.post(&dead).await.status, 200);
    assert!(own.relayed().is_empty(), "{:?}", own.relayed());
}

/// Acceptance: M5g (only what is signed).
#[tokio::test]
async fn what_wechat_did_not_sign_never_reaches_the_operators_server() {
    let (world, own) = start().await;
    world.is_followed_by("zhang").await;
    let before = own.relayed().len();
    for trouble in [
        PushTrouble { wrong_signature: true, ..PushTrouble::default() },
        PushTrouble { stale: Some(menshen::ground::Span::from_mins(6)), ..PushTrouble::default() },
        PushTrouble { wrong_app_id: true, ..PushTrouble::default() },
        PushTrouble { unencrypted: true, ..PushTrouble::default() },
    ] {
        world.wechat.set_push_trouble(trouble);
        world.wechat.send_text(SERVICE, "zhang", "hello").unwrap();
        world.wechat.settled().await;
    }
    let bare =
        Letter { query: String::new(), body: event(&world.wechat, "zhang", "<Event>VIEW</Event>").into() };
    assert_eq!(world.post(&bare).await.status, 403);
    assert_eq!(own.relayed().len(), before);
}

/// Acceptance: M5g, M5e (a relay in trouble is not WeChat's business and never a login's).
#[rstest]
#[case::hangs(Some(Manner::Hang), "no answer in time")]
#[case::hangs_up(Some(Manner::HangUp), "the connection broke")]
#[case::fails(Some(Manner::Answer(500, "text/html", "<h1>no</h1>")), "status 500")]
#[case::moved(Some(Manner::Answer(302, "text/plain", "")), "status 302")]
#[case::is_not_there(None, "no connection")]
#[tokio::test]
async fn with_a_relay_in_trouble_wechat_hears_success_within_its_time_and_logins_go_on(
    #[case] manner: Option<Manner>,
    #[case] problem: &str,
) {
    let own = OwnServer::start(manner.unwrap_or(OK)).await;
    let config = own.config();
    let own = manner.map(|_| own);
    let world = World::scanning_with(setup_with(&config, "")).await;
    let logs = Logs::start();
    world.wechat.follow(SERVICE, "zhang").unwrap();
    world.wechat.follow(SERVICE, "lina").unwrap();
    // While those wait, somebody logs in.
    let received = world.desktop().log_in_by_scan("maria", "/deep").await.received();
    assert_eq!(received.target, "/deep");
    world.wechat.settled().await;
    let pushes = world.wechat.pushes(SERVICE);
    assert_eq!(pushes.len(), 3);
    for push in pushes.iter().filter(|push| push.person != "maria") {
        // The simulated WeChat waits five seconds as the real one does.
        assert_eq!((&push.outcome, push.attempts), (&PushOutcome::Handled, 1), "{push:?}");
    }
    // The operator is told once and counted for.
    let told = logs.lines("takes no messages");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(problem) && !told[0].contains("key=1"), "{told:?}");
    if let Some(own) = own {
        assert_eq!(own.relayed().len(), 2, "each is sent once");
        own.answers(OK);
        world.wechat.send_text(SERVICE, "zhang", "hello").unwrap();
        world.wechat.settled().await;
        let works = logs.lines("the relay works again");
        assert!(works.len() == 1 && works[0].contains("lost=2"), "{works:?}");
    }
}
