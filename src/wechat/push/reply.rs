//! The answer to a push: one text to its sender, in the format and as secret as the push was.

use serde::Serialize;

use super::PushKeys;
use super::fields::Format;
use super::message::Message;
use crate::ground::Timestamp;

/// The body of an answer. An empty body says that there is nothing to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// XML or JSON without anything before or behind it, as WeChat demands.
    pub body: String,
    /// Of `body`.
    pub content_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Text<'a> {
    to_user_name: &'a str,
    from_user_name: &'a str,
    create_time: u64,
    msg_type: &'a str,
    content: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    encrypt: &'a str,
    msg_signature: &'a str,
    time_stamp: u64,
    nonce: &'a str,
}

impl PushKeys {
    /// Answers `message` with `text`; `None` for an empty text. `random` are 16 bytes that nobody can foresee.
    ///
    /// Control characters except line breaks are left out: XML cannot hold them. Source: official page
    /// "被动回复用户消息".
    pub fn reply_text(
        &self,
        message: &Message,
        text: &str,
        now: Timestamp,
        random: [u8; 16],
    ) -> Option<Reply> {
        let content: String =
            text.chars().filter(|c| *c == '\n' || !(c.is_control() || is_noncharacter(*c))).collect();
        if content.trim().is_empty() {
            return None;
        }
        let text = Text {
            to_user_name: &message.from,
            from_user_name: &message.to,
            create_time: now.secs(),
            msg_type: "text",
            content: &content,
        };
        let body = text.write(message.format);
        let body = if message.encrypted {
            self.seal_reply(&body, message.format, &message.nonce, now, random)?
        } else {
            body
        };
        let content_type = match message.format {
            Format::Xml => "text/xml; charset=utf-8",
            Format::Json => "application/json; charset=utf-8",
        };
        Some(Reply { body, content_type })
    }

    /// `None` without a key.
    fn seal_reply(
        &self,
        body: &str,
        format: Format,
        nonce: &str,
        now: Timestamp,
        random: [u8; 16],
    ) -> Option<String> {
        let encrypt = self.aes_key.as_ref()?.seal(random, body, &self.app_id);
        let time_stamp = now.secs();
        let msg_signature = &self.sign(&time_stamp.to_string(), nonce, Some(&encrypt));
        Some(Envelope { encrypt: &encrypt, msg_signature, time_stamp, nonce }.write(format))
    }
}

impl Text<'_> {
    fn write(&self, format: Format) -> String {
        match format {
            Format::Json => json(self),
            Format::Xml => format!(
                "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName><CreateTime>{}</CreateTime>\
                 <MsgType>{}</MsgType><Content>{}</Content></xml>",
                cdata(self.to_user_name),
                cdata(self.from_user_name),
                self.create_time,
                cdata(self.msg_type),
                cdata(self.content)
            ),
        }
    }
}

impl Envelope<'_> {
    fn write(&self, format: Format) -> String {
        match format {
            Format::Json => json(self),
            Format::Xml => format!(
                "<xml><Encrypt>{}</Encrypt><MsgSignature>{}</MsgSignature><TimeStamp>{}</TimeStamp>\
                 <Nonce>{}</Nonce></xml>",
                cdata(self.encrypt),
                cdata(self.msg_signature),
                self.time_stamp,
                cdata(self.nonce)
            ),
        }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and a number are JSON")
}

/// `text` cannot end the section: its `]]>` is divided between two.
fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

/// The two characters of the basic plane that XML forbids beside the controls.
const fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
