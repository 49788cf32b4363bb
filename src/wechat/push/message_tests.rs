//! What a push means.

#![allow(clippy::unwrap_used)]
use super::*;
use rstest::rstest;

const OPENID: &str = "oABCDEFGHIJKLMNOPQRSTUVWXYZ0";

fn read(text: &str) -> Result<Message, Malformed> {
    let proof = Proof { signature: "5ignature".into(), nonce: "n0nce".into() };
    Message::read(&Fields::parse(text.as_bytes()).unwrap(), proof, false)
}

fn xml(inner: &str) -> String {
    format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>{OPENID}</FromUserName>\
         <CreateTime>1610969440</CreateTime>{inner}</xml>"
    )
}

fn pushed(event: &str, key: Option<&str>) -> Message {
    let key = key.map(|key| format!("<EventKey><![CDATA[{key}]]></EventKey>")).unwrap_or_default();
    read(&xml(&format!("<MsgType>event</MsgType><Event>{event}</Event>{key}"))).unwrap()
}

fn subscribe(scene: Option<&str>) -> Event {
    Event::Subscribe { scene: scene.map(Into::into) }
}

fn other(kind: &str) -> Event {
    Event::Other { kind: kind.into() }
}

#[rstest]
#[case::plain_follow("subscribe", None, subscribe(None))]
#[case::plain_follow_with_an_empty_key("subscribe", Some(""), subscribe(None))]
#[case::follow_by_a_code("subscribe", Some("qrscene_menshen_1"), subscribe(Some("menshen_1")))]
#[case::one_prefix_only("subscribe", Some("qrscene_qrscene_1"), subscribe(Some("qrscene_1")))]
#[case::a_prefix_alone("subscribe", Some("qrscene_"), subscribe(None))]
#[case::follow_after_paying("subscribe", Some("last_trade_no_4006"), subscribe(None))]
#[case::another_case("Subscribe", Some("qrscene_1"), subscribe(Some("1")))]
#[case::scan("SCAN", Some("menshen_1"), Event::Scan { scene: "menshen_1".into() })]
#[case::scan_in_lower_case("scan", Some("123"), Event::Scan { scene: "123".into() })]
#[case::scan_keeps_the_prefix("SCAN", Some("qrscene_1"), Event::Scan { scene: "qrscene_1".into() })]
#[case::scan_of_nothing("SCAN", Some(""), other("event:scan"))]
#[case::unfollow("unsubscribe", Some(""), Event::Unsubscribe)]
#[case::menu("CLICK", Some("menu_1"), other("event:click"))]
fn an_event_is_understood(#[case] name: &str, #[case] key: Option<&str>, #[case] expected: Event) {
    assert_eq!(pushed(name, key).event, expected);
}

#[test]
fn a_message_in_json_with_numbers_as_texts_is_understood() {
    let message = read(&format!(
        r#"{{"ToUserName":"gh_1","FromUserName":"{OPENID}","CreateTime":"1610969440","MsgType":"event",
            "Event":"SCAN","EventKey":123,"Ticket":"T"}}"#
    ))
    .unwrap();
    assert_eq!(
        (message.created_at, message.from.as_str(), message.to.as_str()),
        (1_610_969_440, OPENID, "gh_1")
    );
    assert_eq!(message.event, Event::Scan { scene: "123".into() });
    assert_eq!((message.signature.as_str(), message.format), ("5ignature", Format::Json));
}

#[test]
fn a_message_is_named_and_known_again_by_its_number() {
    let text = |id: &str, content: &str| {
        read(&xml(&format!("<MsgType>text</MsgType><Content>{content}</Content><MsgId>{id}</MsgId>")))
            .unwrap()
    };
    assert_eq!(text("64bit", "Event").event, other("text"));
    assert_eq!(text("23238420093104381", "a").id, text("23238420093104381", "b").id);
    assert_ne!(text("1", "a").id, text("2", "a").id);
}

#[test]
fn an_event_is_known_again_by_sender_time_name_and_key() {
    let one = pushed("SCAN", Some("a"));
    assert_eq!(one.id, pushed("scan", Some("a")).id);
    assert_ne!(one.id, pushed("SCAN", Some("b")).id);
    assert_ne!(one.id, pushed("CLICK", Some("a")).id);
    let text = xml("<MsgType>event</MsgType><Event>SCAN</Event><EventKey>a</EventKey>");
    assert_ne!(one.id, read(&text.replace("1610969440", "1610969441")).unwrap().id);
    assert_ne!(one.id, read(&text.replace(OPENID, "oB")).unwrap().id);
}

#[rstest]
#[case("<FromUserName>oABCDEFGHIJKLMNOPQRSTUVWXYZ0</FromUserName>", "", Malformed::Missing("FromUserName"))]
#[case("<ToUserName>gh_1</ToUserName>", "", Malformed::Missing("ToUserName"))]
#[case("<CreateTime>1610969440</CreateTime>", "", Malformed::Missing("CreateTime"))]
#[case("<MsgType>event</MsgType>", "", Malformed::Missing("MsgType"))]
#[case("<Event>SCAN</Event>", "", Malformed::Missing("Event"))]
#[case(OPENID, "o A", Malformed::Impossible("FromUserName"))]
#[case(OPENID, "o&lt;script&gt;", Malformed::Impossible("FromUserName"))]
#[case("gh_1", "gh 1", Malformed::Impossible("ToUserName"))]
#[case("1610969440", "-1", Malformed::Impossible("CreateTime"))]
#[case("1610969440", "99999999999999999999", Malformed::Impossible("CreateTime"))]
fn a_push_without_a_sound_sender_or_time_is_refused(
    #[case] from: &str,
    #[case] to: &str,
    #[case] expected: Malformed,
) {
    let text = xml("<MsgType>event</MsgType><Event>SCAN</Event><EventKey>a</EventKey>");
    assert!(read(&text).is_ok());
    assert_eq!(read(&text.replace(from, to)).unwrap_err(), expected);
}

#[rstest]
#[case("FromUserName", OPENID)]
#[case("ToUserName", "gh_1")]
fn a_sender_and_an_account_have_a_bound(#[case] name: &'static str, #[case] from: &str) {
    let text = xml("<MsgType>text</MsgType>");
    assert!(read(&text.replace(from, &"a".repeat(128))).is_ok());
    assert_eq!(read(&text.replace(from, &"a".repeat(129))).unwrap_err(), Malformed::Impossible(name));
}

#[test]
fn the_name_of_what_is_unknown_is_fit_for_a_log() {
    let kind = "X\u{7}".repeat(100);
    let message = read(&xml(&format!("<MsgType>event</MsgType><Event><![CDATA[{kind}]]></Event>"))).unwrap();
    assert_eq!(message.event, other(&format!("event:{}", "x".repeat(58))));
}

#[test]
fn a_message_prints_neither_signature_nor_scene() {
    let text = format!("{:?}", pushed("SCAN", Some("menshen_5cene")));
    assert!(text.contains(OPENID) && !text.contains("5cene") && !text.contains("5ignature"), "{text}");
}
