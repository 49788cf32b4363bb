//! What is answered, and that WeChat could read it.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::ground::Secret;
use crate::wechat::push::tests::{NOW, PLAIN_QUERY, SCAN, SCAN_QUERY, SCAN_SEALED, keys, open_keys};
use crate::wechat::push::{Fields, Message, PushKeys, PushQuery};
use proptest::prelude::*;
use rstest::rstest;

const SCAN_JSON: &str = r#"{"ToUserName":"gh_0123456789ab","FromUserName":"oABCDEFGHIJKLMNOPQRSTUVWXYZ0",
    "CreateTime":1700000000,"MsgType":"event","Event":"SCAN","EventKey":"login_abc123"}"#;

fn plain(body: &str) -> Message {
    open_keys().open(&PushQuery::parse(PLAIN_QUERY), body.as_bytes(), NOW).unwrap()
}

fn sealed() -> Message {
    let body = format!("<xml><ToUserName>gh_0123456789ab</ToUserName><Encrypt>{SCAN_SEALED}</Encrypt></xml>");
    keys().open(&PushQuery::parse(SCAN_QUERY), body.as_bytes(), NOW).unwrap()
}

#[test]
fn a_plain_push_is_answered_in_plain_xml_with_the_names_swapped() {
    let reply = open_keys().reply_text(&plain(SCAN), "登录成功 <a & b>", NOW, [0; 16]).unwrap();
    assert_eq!(
        reply.body,
        "<xml><ToUserName><![CDATA[oABCDEFGHIJKLMNOPQRSTUVWXYZ0]]></ToUserName>\
         <FromUserName><![CDATA[gh_0123456789ab]]></FromUserName><CreateTime>1700000000</CreateTime>\
         <MsgType><![CDATA[text]]></MsgType><Content><![CDATA[登录成功 <a & b>]]></Content></xml>"
    );
    assert_eq!(reply.content_type, "text/xml; charset=utf-8");
}

#[test]
fn a_push_in_json_is_answered_in_json() {
    let reply = open_keys().reply_text(&plain(SCAN_JSON), "欢迎\"", NOW, [0; 16]).unwrap();
    assert_eq!(
        reply.body,
        r#"{"ToUserName":"oABCDEFGHIJKLMNOPQRSTUVWXYZ0","FromUserName":"gh_0123456789ab","CreateTime":1700000000,"MsgType":"text","Content":"欢迎\""}"#
    );
    assert_eq!(reply.content_type, "application/json; charset=utf-8");
}

#[test]
fn an_encrypted_push_is_answered_encrypted_and_signed() {
    let reply = keys().reply_text(&sealed(), "欢迎", NOW, [9; 16]).unwrap();
    assert!(!reply.body.contains("欢迎"));
    let encrypt = reply.body.split("<![CDATA[").nth(1).unwrap().split("]]>").next().unwrap();
    let signature = keys().sign("1700000000", "nonce123", Some(encrypt));
    assert_eq!(
        reply.body,
        format!(
            "<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>\
             <TimeStamp>1700000000</TimeStamp><Nonce><![CDATA[nonce123]]></Nonce></xml>"
        )
    );
    let opened = keys().aes_key.unwrap().open(encrypt).unwrap();
    let inside = open_keys().reply_text(&plain(SCAN), "欢迎", NOW, [0; 16]).unwrap();
    assert_eq!(opened.message, inside.body.as_bytes());
    assert_eq!(opened.app_id, b"wx0123456789abcdef");
}

#[test]
fn the_published_reply_in_json_is_made() {
    let keys = PushKeys::new("wxba5fad812f8e6fb9", &Secret::new("AAAAA"), Some(&Secret::new("A".repeat(43))))
        .unwrap();
    let then = Timestamp::from_millis(1_713_424_427_000);
    let body = r#"{"demo_resp":"good luck"}"#;
    let reply = keys.seal_reply(body, Format::Json, "415670741", then, *b"707722b803182950").unwrap();
    assert_eq!(
        reply,
        r#"{"Encrypt":"ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==","MsgSignature":"1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1","TimeStamp":1713424427,"Nonce":"415670741"}"#
    );
}

#[test]
fn without_a_key_an_encrypted_push_is_not_answered_in_the_clear() {
    assert_eq!(open_keys().reply_text(&sealed(), "欢迎", NOW, [0; 16]), None);
}

#[rstest]
#[case("")]
#[case(" \n")]
#[case("\u{0}\u{7}")]
fn an_empty_text_is_no_answer(#[case] text: &str) {
    assert_eq!(keys().reply_text(&sealed(), text, NOW, [0; 16]), None);
    assert_eq!(open_keys().reply_text(&plain(SCAN), text, NOW, [0; 16]), None);
}

/// The `Content` of a reply in XML, read by the XML library.
fn content(body: &str) -> String {
    assert!(Fields::parse(body.as_bytes()).is_ok(), "{body}");
    let body = body.replace("<Content>", "<Event>").replace("</Content>", "</Event>");
    Fields::parse(body.as_bytes()).unwrap().get("Event").unwrap_or_default().to_owned()
}

#[rstest]
#[case("a]]>b", "a]]>b")]
#[case("]]>]]>", "]]>]]>")]
#[case("]]></Content><Content>x", "]]></Event><Event>x")]
#[case("line\nbreak\u{0}\t.", "line\nbreak.")]
fn no_text_gets_out_of_its_place(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(content(&open_keys().reply_text(&plain(SCAN), text, NOW, [0; 16]).unwrap().body), expected);
}

proptest! {
    #[test]
    fn any_text_is_one_text_in_the_answer(text in "[\\]\\[<>!&a-c \n]{0,40}") {
        if let Some(reply) = open_keys().reply_text(&plain(SCAN), &text, NOW, [0; 16]) {
            prop_assert_eq!(content(&reply.body), text.trim());
        }
    }
}
