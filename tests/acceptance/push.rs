//! Messages that claim to come from WeChat: which are believed, and what those are told that are not.

use http::Method;
use menshen::ground::{Span, Timestamp};
use menshen::simulator::{PushFormat, PushMode, PushOutcome, PushTrouble, SimError};
use rstest::rstest;

use crate::letters::{Letter, Pen, event, scan_event};
use crate::logs::Logs;
use crate::scanning::{ScanPage, directory, push_settings, setup};
use crate::world::{SERVICE, Setup, World};

async fn start(secure: bool) -> World {
    if secure {
        World::scanning().await
    } else {
        let world = World::with(Setup { directory: directory("", ""), ..Setup::default() }).await;
        world.push_to(0, PushMode::Plain, PushFormat::Xml).await;
        world
    }
}

/// The page still waits, nobody has an account, and a real scan works.
async fn nothing_happened(world: &World, page: &ScanPage<'_>, person: &str) {
    assert_eq!(page.state_name().await, "waiting");
    assert_eq!(world.rows(&[world.union_key(person), world.open_key(SERVICE, person)]).await, [None, None]);
    world.wechat.set_push_trouble(PushTrouble::default());
    page.scanned_by("lina");
    page.becomes("approved").await;
    page.go_on().await.received();
}

/// Acceptance: M5d.
#[rstest]
#[case::plain_xml(PushMode::Plain, PushFormat::Xml)]
#[case::plain_json(PushMode::Plain, PushFormat::Json)]
#[case::compatible_xml(PushMode::Compatible, PushFormat::Xml)]
#[case::compatible_json(PushMode::Compatible, PushFormat::Json)]
#[case::secure_xml(PushMode::Secure, PushFormat::Xml)]
#[case::secure_json(PushMode::Secure, PushFormat::Json)]
#[tokio::test]
async fn every_mode_and_format_logs_in_and_its_reply_arrives(
    #[case] mode: PushMode,
    #[case] format: PushFormat,
) {
    let setup = if mode == PushMode::Plain {
        Setup { directory: directory("", ""), ..Setup::default() }
    } else {
        setup()
    };
    let world = World::with(setup).await;
    world.push_to(0, mode, format).await;
    let received = world.desktop().log_in_by_scan("zhang", "/deep").await.received();
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(SERVICE, "zhang").as_str()));
    world.wechat.settled().await;
    let push = world.wechat.pushes(SERVICE).pop().unwrap();
    // The simulator decrypts what it is answered, and refuses what WeChat could not read.
    assert!(matches!(&push.outcome, PushOutcome::Replied(text) if text.contains("127.0.0.1")), "{push:?}");
    // And by a follower, whose event is another one.
    world.desktop().log_in_by_scan("zhang", "/").await.received();
}

/// Acceptance: M5d. A content type that WeChat does not document is no reason to lose a login.
#[tokio::test]
async fn the_content_type_of_a_message_does_not_matter() {
    let world = World::scanning().await;
    world.wechat.set_push_trouble(PushTrouble {
        content_type: Some("application/octet-stream".into()),
        ..PushTrouble::default()
    });
    world.desktop().log_in_by_scan("zhang", "/").await.received();
}

/// Acceptance: M5d, as the simulated WeChat (or a forger) sends them, three times each.
#[rstest]
#[case::wrong_signature(PushTrouble { wrong_signature: true, ..PushTrouble::default() })]
#[case::stale(PushTrouble { stale: Some(Span::from_secs(301)), ..PushTrouble::default() })]
#[case::foreign_app(PushTrouble { wrong_app_id: true, ..PushTrouble::default() })]
#[case::unencrypted(PushTrouble { unencrypted: true, ..PushTrouble::default() })]
#[tokio::test]
async fn a_message_that_is_not_believed_changes_nothing_and_the_operator_reads_why(
    #[case] trouble: PushTrouble,
) {
    let world = World::scanning().await;
    let logs = Logs::start();
    world.wechat.set_push_trouble(trouble);
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    page.scanned_by("zhang");
    world.wechat.settled().await;
    let push = world.wechat.pushes(SERVICE).pop().unwrap();
    assert_eq!(push.attempts, 3);
    assert!(matches!(&push.outcome, PushOutcome::Failed(why) if why.contains("403")), "{push:?}");
    // Anybody can send such messages, so the log does not grow with them.
    let told = logs.lines("a message that claims to come from WeChat was refused");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("app=service"), "{told:?}");
    nothing_happened(&world, &page, "zhang").await;
}

fn pen_with(world: &World, change: impl FnOnce(&mut Pen)) -> Pen {
    let mut pen = Pen::of(&world.wechat);
    change(&mut pen);
    pen
}

/// A message with one thing wrong.
fn spoilt(world: &World, what: &str, scan: &str) -> Letter {
    let right = Pen::of(&world.wechat);
    let at = |pen: &mut Pen, at: Timestamp| pen.at = at;
    match what {
        "signature" => pen_with(world, |pen| pen.token += "x").sealed(scan),
        "no signature" => Letter { query: "timestamp=1&nonce=2".into(), ..right.sealed(scan) },
        "stale" => pen_with(world, |pen| at(pen, pen.at.minus(Span::from_secs(301)))).sealed(scan),
        "ahead" => pen_with(world, |pen| at(pen, pen.at.plus(Span::from_secs(301)))).sealed(scan),
        "foreign app" => pen_with(world, |pen| pen.app_id = "wx00000000000000ff".into()).sealed(scan),
        "in the clear" => right.plain(scan),
        "another key" => pen_with(world, |pen| pen.aes_key = "A".repeat(43)).sealed(scan),
        "doctype" => right.sealed(&format!("<!DOCTYPE xml [<!ENTITY a \"b\">]>{scan}")),
        "doctype outside" => {
            let sealed = right.sealed(scan);
            let body = [b"<!DOCTYPE xml SYSTEM \"http://127.0.0.1/x\">".as_slice(), &sealed.body].concat();
            Letter { body, ..sealed }
        }
        "garbage" => Letter { body: b"\x00\xff<xml".to_vec(), ..right.sealed(scan) },
        "half" => right.sealed(&scan[..scan.len() / 2]),
        "large" => {
            let sealed = right.sealed(scan);
            let mut body = sealed.body.clone();
            body.resize(1024 * 1024 + 1, b' ');
            Letter { body, ..sealed }
        }
        other => panic!("{other}"),
    }
}

/// Acceptance: M5d (the code and the status of each refusal; what is large is cut off at 1 MiB).
#[rstest]
#[case("signature", 403, "push_signature")]
#[case("no signature", 403, "push_signature")]
#[case("stale", 403, "push_stale")]
#[case("ahead", 403, "push_stale")]
#[case("foreign app", 403, "push_foreign_app")]
#[case("in the clear", 403, "push_not_encrypted")]
#[case("another key", 400, "push_unreadable")]
#[case("doctype", 400, "push_unreadable")]
#[case("doctype outside", 400, "push_unreadable")]
#[case("garbage", 400, "push_unreadable")]
#[case("half", 400, "push_unreadable")]
#[case("large", 413, "push_too_large")]
#[tokio::test]
async fn a_refusal_has_its_own_code(#[case] what: &str, #[case] status: u16, #[case] code: &str) {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    let scan = scan_event(&world.wechat, "zhang", &page.code.scene);
    let reply = world.post(&spoilt(&world, what, &scan)).await;
    assert_eq!((reply.status, reply.error().as_str()), (status, code), "{reply}");
    let openid = world.wechat.openid(SERVICE, "zhang");
    for secret in [openid.as_str(), &page.code.scene, "MenshenDemo"] {
        assert!(!reply.text().contains(secret), "{reply}");
    }
    nothing_happened(&world, &page, "zhang").await;
}

/// Acceptance: M5d. The message of exactly 1 MiB is the largest.
#[tokio::test]
async fn a_message_of_one_mebibyte_is_read() {
    let world = World::scanning().await;
    let letter = Pen::of(&world.wechat).sealed(&event(&world.wechat, "zhang", "<Event>VIEW</Event>"));
    let mut body = letter.body.clone();
    body.resize(1024 * 1024, b' ');
    let reply = world.post(&Letter { body, ..letter }).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "success"), "{reply}");
}

/// Acceptance: M5d. Whoever reads a plain message has its signature, and may not write another one below it.
#[tokio::test]
async fn a_plain_signature_is_good_for_one_message() {
    let world = start(false).await;
    world.is_followed_by("zhang").await;
    let (mine, theirs) = (world.desktop(), world.desktop());
    let (first, second) = (mine.show_code("/").await, theirs.show_code("/").await);
    let pen = Pen::of(&world.wechat);
    let seen = pen.plain(scan_event(&world.wechat, "zhang", &first.code.scene));
    assert_eq!(world.post(&seen).await.status, 200);
    let forged = pen.plain(scan_event(&world.wechat, "zhang", &second.code.scene));
    assert_eq!(forged.query, seen.query);
    let reply = world.post(&forged).await;
    assert_eq!((reply.status, reply.error().as_str()), (403, "push_replayed"), "{reply}");
    assert_eq!(second.state_name().await, "waiting");
    first.becomes("approved").await;
    // The very same message is a retry of WeChat's.
    let again = world.post(&seen).await;
    assert_eq!((again.status, again.text().as_str()), (200, "success"), "{again}");
    // Its time runs out before we forget it.
    world.advance(Span::from_secs(301));
    assert_eq!(world.post(&forged).await.error(), "push_stale");
}

/// Acceptance: M5e (the address is checked when it is entered).
#[tokio::test]
async fn the_check_of_the_address_gets_its_text_back_exactly() {
    let world = World::scanning().await;
    world.wechat.verify_push(SERVICE).await.unwrap();
    let poster = world.desktop();
    let query = Pen::of(&world.wechat).plain("").query;
    let ask = async |query: String| poster.fetch(&format!("/_menshen/push/service?{query}")).await;
    for echo in ["5837654958347526381", "a b<c>&\"'", "门神"] {
        let value: String = url::form_urlencoded::byte_serialize(echo.as_bytes()).collect();
        let reply = ask(format!("{query}&echostr={value}")).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, echo), "{reply}");
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(ask(query.clone()).await.error(), "push_signature", "without the text");
    assert_eq!(
        ask(format!("{}&echostr=1", query.replace("nonce=1", "nonce=2"))).await.error(),
        "push_signature"
    );
    world.wechat.set_push_trouble(PushTrouble { wrong_signature: true, ..PushTrouble::default() });
    let refused = world.wechat.verify_push(SERVICE).await;
    assert!(matches!(refused, Err(SimError::PushUnverified { .. })), "{refused:?}");
}

/// Acceptance: M5d. Only accounts with a Token have an address.
#[tokio::test]
async fn an_app_without_a_token_takes_no_messages() {
    let world = World::scanning().await;
    let poster = world.desktop();
    let query = Pen::of(&world.wechat).plain("").query;
    for app in ["website", "nobody", "service%2F"] {
        let url = poster.url(&format!("/_menshen/push/{app}?{query}"));
        for method in [Method::GET, Method::POST] {
            let reply = poster.send(method, &url, &[], Some(Vec::new())).await;
            assert!(matches!(reply.status, 400 | 404), "{reply}");
        }
    }
    let mut push = push_settings(&world, 0, PushMode::Secure, PushFormat::Xml);
    push.url = push.url.replace("/push/service", "/push/website");
    assert!(world.wechat.set_push(SERVICE, Some(push)).await.is_err());
}
