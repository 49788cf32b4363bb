//! What an account is told: events and texts as XML or JSON, plain, with both forms, or encrypted alone.
//!
//! Pure; signs nothing, since the signature is in the query and renewed with every attempt.

use serde_json::{Map, Value};

use super::crypto::AesKey;
use super::{PushFormat, PushMode};
use crate::ground::Timestamp;

/// Something a person did that the account is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) app_id: String,
    pub(crate) person: String,
    pub(crate) kind: Kind,
}

/// What it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scan {
        scene: String,
        ticket: String,
    },
    /// With scene and ticket if a code brought up the profile.
    Subscribe {
        through: Option<(String, String)>,
    },
    Unsubscribe,
    Click {
        key: String,
    },
    Text {
        content: String,
        id: u64,
    },
}

impl Kind {
    /// `SCAN`, `subscribe`, … or `text`.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Scan { .. } => "SCAN",
            Self::Subscribe { .. } => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Click { .. } => "CLICK",
            Self::Text { .. } => "text",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Text(String),
    Number(u64),
}

/// A message as names and values, in WeChat's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message(Vec<(&'static str, Field)>);

impl Message {
    /// `to` is the account's original id, `from` the OpenID.
    pub(crate) fn new(to: &str, from: &str, now: Timestamp, kind: &Kind) -> Self {
        let text = |text: &str| Field::Text(text.into());
        let message_type = if matches!(kind, Kind::Text { .. }) { "text" } else { "event" };
        let mut fields = vec![
            ("ToUserName", text(to)),
            ("FromUserName", text(from)),
            ("CreateTime", Field::Number(now.secs())),
            ("MsgType", text(message_type)),
        ];
        match kind {
            Kind::Text { content, id } => {
                fields.extend([("Content", text(content)), ("MsgId", Field::Number(*id))]);
                return Self(fields);
            }
            _ => fields.push(("Event", text(kind.name()))),
        }
        match kind {
            Kind::Scan { scene, ticket } => {
                fields.extend([("EventKey", text(scene)), ("Ticket", text(ticket))]);
            }
            Kind::Subscribe { through: Some((scene, ticket)) } => {
                fields.extend([("EventKey", text(&format!("qrscene_{scene}"))), ("Ticket", text(ticket))]);
            }
            Kind::Subscribe { through: None } => fields.push(("EventKey", text(""))),
            Kind::Click { key } => fields.push(("EventKey", text(key))),
            Kind::Unsubscribe | Kind::Text { .. } => {}
        }
        Self(fields)
    }

    fn write(&self, format: PushFormat) -> String {
        match format {
            PushFormat::Xml => {
                let element = |(name, field): &(&str, Field)| match field {
                    // A CDATA cannot hold its own end, so it is cut in two there.
                    Field::Text(text) => {
                        format!("<{name}><![CDATA[{}]]></{name}>", text.replace("]]>", "]]]]><![CDATA[>"))
                    }
                    Field::Number(number) => format!("<{name}>{number}</{name}>"),
                };
                format!("<xml>{}</xml>", self.0.iter().map(element).collect::<String>())
            }
            PushFormat::Json => {
                let value = |field: &Field| match field {
                    Field::Text(text) => Value::from(text.as_str()),
                    Field::Number(number) => Value::from(*number),
                };
                let all: Map<_, _> =
                    self.0.iter().map(|(name, field)| ((*name).into(), value(field))).collect();
                Value::Object(all).to_string()
            }
        }
    }

    /// The body in the account's mode, with the `Encrypt` inside it if there is one.
    pub(crate) fn body(
        &self,
        format: PushFormat,
        mode: PushMode,
        key: Option<&AesKey>,
        random: [u8; 16],
        app_id: &str,
    ) -> (String, Option<String>) {
        let plain = self.write(format);
        let Some(key) = key.filter(|_| mode != PushMode::Plain) else { return (plain, None) };
        let encrypt = key.seal(random, plain.as_bytes(), app_id);
        let to = self.0.iter().filter(|(name, _)| mode == PushMode::Compatible || *name == "ToUserName");
        let mut fields: Vec<_> = to.cloned().collect();
        fields.push(("Encrypt", Field::Text(encrypt.clone())));
        (Self(fields).write(format), Some(encrypt))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn scan() -> Message {
        let kind = Kind::Scan { scene: "login_abc123".into(), ticket: "TICKET".into() };
        Message::new("gh_0123456789ab", "oABCDEFGHIJKLMNOPQRSTUVWXYZ0", NOW, &kind)
    }

    /// The computed vector of a SCAN event, whose padding is a full block.
    #[test]
    fn a_scan_has_wechats_form_and_its_encryption_too() {
        let key = AesKey::parse("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG").unwrap();
        let plain = scan().write(PushFormat::Xml);
        assert_eq!(plain.len(), 314);
        let random = *b"0123456789abcdef";
        let (body, encrypt) =
            scan().body(PushFormat::Xml, PushMode::Secure, Some(&key), random, "wx0123456789abcdef");
        let encrypt = encrypt.unwrap();
        assert!(encrypt.ends_with("AFw/gBQzHLTLXHXIRiOcIiAQeBzErfY88g7JO6Ooudkm18kcEa8hHIscl8THnAo0TylXtf5e9K3wbeKkxvB0Ritul9C8DoOKgeOLGwO6+qF6t5j2WY79imeec+DdgvrM/UDdaJhFUTSlf114zb7ZBDAxOtEg5IReq+qv4bcGhh2KgdxFuMzYHpbVvaSWNz"), "{encrypt}");
        assert_eq!(
            super::super::crypto::signature(&["testtoken", "1700000000", "nonce123", &encrypt]),
            "900892c4e7e8c4356fd7334556ac1aad0ce632f6"
        );
        assert_eq!(
            body,
            format!(
                "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
            )
        );
    }

    #[test]
    fn the_compatible_form_holds_both_and_json_keeps_numbers() {
        let key = AesKey::parse(&"A".repeat(43)).unwrap();
        let (body, encrypt) = scan().body(PushFormat::Json, PushMode::Compatible, Some(&key), [0; 16], "wx1");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["Encrypt"], encrypt.unwrap());
        assert_eq!(body["CreateTime"], 1_700_000_000);
        assert_eq!(body["EventKey"], "login_abc123");
    }

    #[test]
    fn a_text_cannot_leave_its_cdata() {
        let kind = Kind::Text { content: "a]]>b".into(), id: 7 };
        let xml = Message::new("gh_1", "o1", NOW, &kind).write(PushFormat::Xml);
        assert!(xml.contains("<Content><![CDATA[a]]]]><![CDATA[>b]]></Content><MsgId>7</MsgId>"), "{xml}");
    }
}
