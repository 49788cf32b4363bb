//! What is pushed to an account's server, and what becomes of its answers. Items 16 to 18.

use menshen::ground::Span;
use menshen::simulator::{Push, PushFormat, PushMode, PushOutcome, PushTrouble};
use rstest::rstest;

use crate::bench::{Bench, SERVICE};
use crate::receiver::{Answer, Received, Receiver, TOKEN, encrypted_reply, field, text_reply};

const NOW: u64 = 1_700_000_000;
pub(crate) const SECURE: (PushMode, PushFormat) = (PushMode::Secure, PushFormat::Xml);
const PLAIN: (PushMode, PushFormat) = (PushMode::Plain, PushFormat::Xml);

impl Bench {
    /// A simulator whose service account is pushed to `receiver`, followed by `zhang`.
    pub(crate) async fn pushing(receiver: &Receiver, (mode, format): (PushMode, PushFormat)) -> Self {
        let push = receiver.push(mode, format);
        Self::start_with(|config| {
            config.pushes.insert(SERVICE.into(), push);
            config.followers.insert(SERVICE.into(), vec!["zhang".into()]);
        })
        .await
    }

    /// A text from `zhang`, and the outcome of its push.
    pub(crate) async fn outcome(&self) -> PushOutcome {
        self.handle.send_text(SERVICE, "zhang", "hello").unwrap();
        self.handle.settled().await;
        self.handle.pushes(SERVICE).pop().unwrap().outcome
    }
}

/// The message inside a request, whatever the mode.
pub(crate) fn message(request: &Received) -> String {
    if field(&request.body, "Encrypt").is_empty() { request.body.clone() } else { request.opened().1 }
}

/// Items 16, 17: the signed form of every mode and format.
#[rstest]
#[tokio::test]
async fn a_followers_scan_is_pushed_in_the_accounts_mode(
    #[values(PushMode::Plain, PushMode::Compatible, PushMode::Secure)] mode: PushMode,
    #[values(PushFormat::Xml, PushFormat::Json)] format: PushFormat,
) {
    let receiver = Receiver::silent().await;
    let bench = Bench::pushing(&receiver, (mode, format)).await;
    let ticket = bench.scene_code(SERVICE, "login_1").await;
    bench.handle.scan_scene(&ticket, "zhang").unwrap();
    bench.handle.settled().await;
    let request = receiver.messages().remove(0);
    assert!(request.is_signed());
    assert_eq!(request.timestamp(), NOW);
    let openid = bench.handle.openid(SERVICE, "zhang");
    let message = message(&request);
    if mode == PushMode::Plain {
        assert!(!request.query.contains_key("encrypt_type") && !request.query.contains_key("msg_signature"));
    } else {
        assert_eq!((request.query["encrypt_type"].as_str(), &request.query["openid"]), ("aes", &openid));
        let (signed, inside, app_id) = request.opened();
        assert!(signed);
        assert_eq!((inside.as_str(), app_id.as_str()), (message.as_str(), SERVICE));
        assert_eq!(field(&request.body, "Event").is_empty(), mode == PushMode::Secure);
    }
    for (name, value) in [
        ("FromUserName", openid.as_str()),
        ("CreateTime", "1700000000"),
        ("MsgType", "event"),
        ("Event", "SCAN"),
        ("EventKey", "login_1"),
        ("Ticket", &ticket),
    ] {
        assert_eq!(field(&message, name), value, "{message}");
    }
    assert!(field(&request.body, "ToUserName").starts_with("gh_"));
    let xml = format == PushFormat::Xml;
    assert_eq!(request.content_type, if xml { "text/xml" } else { "application/json" });
    assert_eq!(message.starts_with("<xml><ToUserName><![CDATA[gh_"), xml);
    let record = bench.handle.pushes(SERVICE).remove(0);
    assert_eq!((record.event.as_str(), record.attempts, record.outcome), ("SCAN", 1, PushOutcome::Handled));
    assert!(record.answered_after.is_some());
}

/// Item 16: nothing until the person follows; then `qrscene_` and the ticket.
#[tokio::test]
async fn a_strangers_scan_is_pushed_only_with_the_following() {
    let receiver = Receiver::silent().await;
    let bench = Bench::pushing(&receiver, SECURE).await;
    let ticket = bench.scene_code(SERVICE, "qrscene_x").await;
    bench.handle.scan_scene(&ticket, "lina").unwrap();
    bench.handle.settled().await;
    assert!(receiver.messages().is_empty());
    bench.handle.follow(SERVICE, "lina").unwrap();
    bench.handle.follow(SERVICE, "lina").unwrap();
    bench.handle.settled().await;
    let requests = receiver.messages();
    assert_eq!(requests.len(), 1, "who follows already cannot follow again");
    let told = message(&requests[0]);
    assert_eq!(field(&told, "Event"), "subscribe");
    assert_eq!(field(&told, "EventKey"), "qrscene_qrscene_x");
    assert_eq!(field(&told, "Ticket"), ticket);
}

/// Item 16: plain follow, leaving, writing, the menu.
#[tokio::test]
async fn everything_else_a_person_does_is_pushed_too() {
    let receiver = Receiver::silent().await;
    let bench = Bench::pushing(&receiver, PLAIN).await;
    let ticket = bench.scene_code(SERVICE, "a").await;
    let told = |bench: Bench| async move {
        bench.handle.settled().await;
        bench
    };
    bench.handle.scan_scene(&ticket, "lina").unwrap();
    bench.handle.close_profile(SERVICE, "lina");
    bench.handle.follow(SERVICE, "lina").unwrap();
    let bench = told(bench).await;
    let last = || receiver.messages().pop().unwrap().body;
    assert!(last().contains("<Event><![CDATA[subscribe]]></Event><EventKey><![CDATA[]]></EventKey></xml>"));

    bench.handle.send_text(SERVICE, "lina", "a]]>b").unwrap();
    let bench = told(bench).await;
    assert_eq!(field(&last(), "MsgType"), "text");
    assert!(last().contains("<Content><![CDATA[a]]]]><![CDATA[>b]]></Content><MsgId>"), "{}", last());

    bench.handle.click_menu(SERVICE, "lina", "login").unwrap();
    let bench = told(bench).await;
    assert_eq!((field(&last(), "Event"), field(&last(), "EventKey")), ("CLICK".into(), "login".into()));

    bench.handle.unfollow(SERVICE, "lina").unwrap();
    let bench = told(bench).await;
    assert_eq!(field(&last(), "Event"), "unsubscribe");
    let events: Vec<_> = bench.handle.pushes(SERVICE).into_iter().map(|record| record.event).collect();
    assert_eq!(events, ["subscribe", "text", "CLICK", "unsubscribe"]);
}

/// Item 15: an expired code is pushed to nobody.
#[tokio::test]
async fn an_expired_scan_is_not_pushed() {
    let receiver = Receiver::silent().await;
    let bench = Bench::pushing(&receiver, SECURE).await;
    let ticket = bench.scene_code(SERVICE, "a").await;
    bench.handle.expire_scene(&ticket).unwrap();
    bench.handle.scan_scene(&ticket, "zhang").unwrap();
    bench.handle.settled().await;
    assert!(receiver.messages().is_empty() && bench.handle.pushes(SERVICE).is_empty());
}

/// Item 17: the body stays, the query is signed anew.
#[tokio::test]
async fn a_message_that_is_not_answered_comes_again_with_the_same_body() {
    let receiver = Receiver::start(|_, count| match count {
        0 => Answer::Never,
        1 => Answer::Status(500),
        _ => "success".into(),
    })
    .await;
    let push = receiver.push(PushMode::Secure, PushFormat::Xml);
    let bench = Bench::start_with(|config| {
        config.pushes.insert(SERVICE.into(), push);
        config.push_timeout = Span::from_secs(1);
    })
    .await;
    bench.handle.follow(SERVICE, "zhang").unwrap();
    bench.handle.settled().await;
    let requests = receiver.messages();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.body, requests[0].body);
        assert!(request.is_signed() && request.opened().0);
    }
    assert_ne!(requests[0].query["nonce"], requests[1].query["nonce"]);
    assert_ne!(requests[1].query["signature"], requests[2].query["signature"]);
    let record = bench.handle.pushes(SERVICE).remove(0);
    assert_eq!((record.attempts, record.outcome), (3, PushOutcome::Handled));
    assert_eq!(bench.handle.push_health(SERVICE).failures_in_row, 0);
}

/// Item 17: three attempts in all; the person reads that the account is unavailable.
#[tokio::test]
async fn after_three_attempts_it_is_over() {
    let receiver = Receiver::start(|_, _| Answer::Status(502)).await;
    let bench = Bench::pushing(&receiver, PLAIN).await;
    let outcome = bench.outcome().await;
    assert_eq!(outcome, PushOutcome::Failed("the answer has status 502".into()));
    assert_eq!(receiver.messages().len(), 3);
    assert!(bench.handle.chat(SERVICE, "zhang").is_empty());
    let page = bench.text(&format!("/phone/account/{SERVICE}")).await;
    assert!(page.contains("该公众号暂时无法提供服务，请稍后再试"), "{page}");
    let push = Push { url: "http://127.0.0.1:1/".into(), ..receiver.push(PushMode::Plain, PushFormat::Xml) };
    bench.handle.set_push_unverified(SERVICE, Some(push)).unwrap();
    let PushOutcome::Failed(why) = bench.outcome().await else { panic!("nobody listens there") };
    assert!(why.starts_with("cannot connect"), "{why}");
    assert_eq!(bench.handle.pushes(SERVICE)[1].attempts, 3);
}

/// Item 17: the text reaches the person, and its links can be tapped.
#[rstest]
#[case(PushMode::Plain, false)]
#[case(PushMode::Compatible, false)]
#[case(PushMode::Compatible, true)]
#[case(PushMode::Secure, true)]
#[tokio::test]
async fn a_text_reply_is_shown_in_the_chat(#[case] mode: PushMode, #[case] encrypted: bool) {
    const TEXT: &str = "请确认：<a href=\"https://sso.test/confirm?t=1&x=<2\">这是我</a>";
    let receiver = Receiver::start(move |request, _| {
        let reply = text_reply(&message(request), TEXT);
        Answer::Body(if encrypted { encrypted_reply(&reply, SERVICE) } else { reply })
    })
    .await;
    let bench = Bench::pushing(&receiver, (mode, PushFormat::Xml)).await;
    assert_eq!(bench.outcome().await, PushOutcome::Replied(TEXT.into()));
    assert_eq!(bench.handle.chat(SERVICE, "zhang"), [TEXT]);
    let page = bench.text(&format!("/phone/account/{SERVICE}")).await;
    assert!(page.contains(">这是我</a>") && page.contains("&amp;x=&lt;2"), "{page}");
    assert!(page.contains("hello"), "and what the person wrote");
}

/// Item 17.
#[rstest]
#[case::html(PushMode::Plain, |_: &str| "<html>502</html>".into(), "XML")]
#[case::blank(PushMode::Plain, |told: &str| format!(" {}", text_reply(told, "x")), "XML")]
#[case::mark(PushMode::Plain, |told: &str| format!("\u{feff}{}", text_reply(told, "x")), "XML")]
#[case::ok(PushMode::Plain, |_: &str| "ok".into(), "XML")]
#[case::json(PushMode::Plain, |_: &str| "{\"a\":1}".into(), "XML")]
#[case::plain_in_secure(PushMode::Secure, |told: &str| text_reply(told, "x"), "not encrypted")]
#[case::foreign(PushMode::Secure, |told: &str| encrypted_reply(&text_reply(told, "x"), "wx1"), "AppID inside")]
#[case::unsigned(
    PushMode::Secure,
    |told: &str| encrypted_reply(&text_reply(told, "x"), SERVICE).replace("1700000000", "1700000001"),
    "MsgSignature"
)]
#[case::not_turned_round(
    PushMode::Plain,
    |told: &str| text_reply(told, "x").replace("ToUser", "From_User").replace("FromUser", "ToUser").replace("From_User", "FromUser"),
    "ToUserName"
)]
#[tokio::test]
async fn an_unusable_answer_is_counted_and_not_repeated(
    #[case] mode: PushMode,
    #[case] answer: fn(&str) -> String,
    #[case] why: &str,
) {
    let receiver = Receiver::start(move |request, _| Answer::Body(answer(&message(request)))).await;
    let bench = Bench::pushing(&receiver, (mode, PushFormat::Xml)).await;
    let PushOutcome::Invalid(problem) = bench.outcome().await else { panic!("it was taken") };
    assert!(problem.contains(why), "{problem}");
    assert_eq!(receiver.messages().len(), 1);
    let health = bench.handle.push_health(SERVICE);
    assert_eq!((health.invalid_responses, health.failures_in_row, health.paused), (1, 1, false));
    assert_eq!(health.last_problem, Some(problem));
    assert!(bench.handle.chat(SERVICE, "zhang").is_empty());
}

#[tokio::test]
async fn an_account_with_json_answers_in_json() {
    let receiver = Receiver::start(|request, count| {
        let told = message(request);
        let (to, from) = (field(&told, "FromUserName"), field(&told, "ToUserName"));
        let reply = serde_json::json!({"ToUserName": to, "FromUserName": from, "CreateTime": 1, "MsgType": "text",
                                       "Content": "好"});
        let sealed = crate::receiver::seal(&reply.to_string(), SERVICE);
        let sign = crate::receiver::sign(&[TOKEN, "5", "n", &sealed]);
        let reply = serde_json::json!({"Encrypt": sealed, "MsgSignature": sign, "TimeStamp": 5, "Nonce": "n"});
        Answer::Body(if count == 0 { reply.to_string() } else { text_reply(&told, "x") })
    })
    .await;
    let bench = Bench::pushing(&receiver, (PushMode::Secure, PushFormat::Json)).await;
    assert_eq!(bench.outcome().await, PushOutcome::Replied("好".into()));
    assert!(matches!(bench.outcome().await, PushOutcome::Invalid(_)), "XML is not its format");
}

/// Item 17: the pause of one minute.
#[tokio::test]
async fn after_twenty_failures_in_a_row_nothing_is_pushed_for_a_minute() {
    let receiver = Receiver::start(|_, count| if count < 20 { "no".into() } else { "".into() }).await;
    let bench = Bench::pushing(&receiver, PLAIN).await;
    for _ in 0..20 {
        assert!(matches!(bench.outcome().await, PushOutcome::Invalid(_)));
    }
    assert!(bench.handle.push_health(SERVICE).paused);
    assert_eq!(bench.outcome().await, PushOutcome::Paused);
    bench.handle.advance(Span::from_secs(59));
    assert_eq!(bench.outcome().await, PushOutcome::Paused);
    assert_eq!(receiver.messages().len(), 20);
    bench.handle.advance(Span::from_secs(1));
    assert_eq!(bench.outcome().await, PushOutcome::Handled);
    let health = bench.handle.push_health(SERVICE);
    assert_eq!((health.paused, health.failures_in_row, health.invalid_responses), (false, 0, 20));
}

/// Item 17: the duplicate switch.
#[tokio::test]
async fn a_message_can_arrive_many_times_at_once() {
    let receiver = Receiver::silent().await;
    let bench = Bench::pushing(&receiver, SECURE).await;
    bench.handle.set_push_trouble(PushTrouble { copies: 4, ..PushTrouble::default() });
    bench.outcome().await;
    let requests = receiver.messages();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| request.body == requests[0].body && request.opened().0));
    assert_eq!(bench.handle.pushes(SERVICE).len(), 4);
}

/// Item 17: every trouble is the only thing wrong with a message.
#[tokio::test]
async fn messages_can_be_wrong_in_one_thing_at_a_time() {
    let receiver = Receiver::silent().await;
    let bench = Bench::pushing(&receiver, SECURE).await;
    let sent = async |trouble: PushTrouble| {
        bench.handle.set_push_trouble(trouble);
        bench.outcome().await;
        receiver.messages().pop().unwrap()
    };
    let fine = PushTrouble::default;

    let request = sent(PushTrouble { wrong_signature: true, ..fine() }).await;
    assert!(!request.is_signed() && !request.opened().0);
    assert_eq!(request.opened().2, SERVICE);

    let request = sent(PushTrouble { wrong_app_id: true, ..fine() }).await;
    assert!(request.is_signed() && request.opened().0);
    assert_ne!(request.opened().2, SERVICE);

    let request = sent(PushTrouble { stale: Some(Span::from_mins(10)), ..fine() }).await;
    assert!(request.is_signed() && request.opened().0);
    assert_eq!(request.timestamp(), NOW - 600);

    let request = sent(PushTrouble { unencrypted: true, ..fine() }).await;
    assert!(request.is_signed() && !request.query.contains_key("msg_signature"));
    assert_eq!(field(&request.body, "Content"), "hello");

    let request = sent(PushTrouble { content_type: Some("image/png".into()), ..fine() }).await;
    assert!(request.is_signed() && request.opened().0);
    assert_eq!(request.content_type, "image/png");

    let request = sent(fine()).await;
    assert!(request.is_signed() && request.opened().0 && request.timestamp() == NOW);
    assert_eq!(request.content_type, "text/xml");
}

/// Item 17: the replay switch.
#[tokio::test]
async fn the_latest_request_can_be_replayed_byte_for_byte() {
    let receiver = Receiver::silent().await;
    let bench = Bench::pushing(&receiver, SECURE).await;
    bench.outcome().await;
    bench.handle.advance(Span::from_mins(1));
    bench.handle.replay_push(SERVICE).unwrap();
    bench.handle.settled().await;
    let requests = receiver.messages();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1]);
    assert_eq!(bench.handle.pushes(SERVICE)[1].event, "replay of text");
}
