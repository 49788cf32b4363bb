//! What an account may answer to a push: nothing, `success`, or a message in its format, encrypted where it must be.
//!
//! Pure. Everything else is an invalid response with a sentence that says what is wrong.

use serde_json::Value;

use super::crypto::{AesKey, signature};
use super::xml::{self, Inside};
use super::{Push, PushFormat, PushMode};

/// An answer WeChat can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Empty or `success`: nothing is shown.
    Handled,
    /// A text for the person.
    Text(String),
    /// A message of another kind, e.g. `news`.
    Other(String),
}

/// Who is answered by whom.
#[derive(Clone, Debug)]
pub(crate) struct Parties {
    pub(crate) app_id: String,
    /// The account's original id.
    pub(crate) account: String,
    pub(crate) openid: String,
}

type Fields = Vec<(String, Inside)>;

const KINDS: [&str; 7] = ["text", "image", "voice", "video", "music", "news", "transfer_customer_service"];

/// Reads the body of an answer with status 200.
pub(crate) fn read(
    push: &Push,
    key: Option<&AesKey>,
    parties: &Parties,
    body: &[u8],
) -> Result<Reply, String> {
    if body.is_empty() || body == b"success" {
        return Ok(Reply::Handled);
    }
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8")?;
    let fields = fields(push.format, text)?;
    let encrypted = fields.iter().any(|(name, _)| name == "Encrypt");
    match (push.mode, encrypted, key) {
        (PushMode::Plain, true, _) => Err("the answer is encrypted, but the account's mode is plain".into()),
        (PushMode::Secure, false, _) => {
            Err("the answer is not encrypted, but the account's mode is secure".into())
        }
        (_, true, Some(key)) => {
            let text = decrypted(&push.token, key, &parties.app_id, &fields)?;
            message(parties, &self::fields(push.format, &text)?)
        }
        _ => message(parties, &fields),
    }
}

fn fields(format: PushFormat, text: &str) -> Result<Fields, String> {
    match format {
        PushFormat::Xml => xml::read(text).map_err(|why| format!("the answer is no reply in XML: {why}")),
        PushFormat::Json => {
            let all: Value = serde_json::from_str(text)
                .map_err(|error| format!("the answer is no reply in JSON: {error}"))?;
            let Value::Object(all) = all else { return Err("the answer is no JSON object".into()) };
            let inside = |value: Value| match value {
                Value::String(text) => Inside::Text(text),
                other => Inside::Text(other.to_string()),
            };
            Ok(all.into_iter().map(|(name, value)| (name, inside(value))).collect())
        }
    }
}

fn field<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, String> {
    match fields.iter().find(|(known, _)| known == name) {
        Some((_, Inside::Text(text))) => Ok(text),
        Some(_) => Err(format!("{name} is not text")),
        None => Err(format!("{name} is missing")),
    }
}

fn decrypted(token: &str, key: &AesKey, app_id: &str, fields: &Fields) -> Result<String, String> {
    let encrypt = field(fields, "Encrypt")?;
    let (timestamp, nonce) = (field(fields, "TimeStamp")?, field(fields, "Nonce")?);
    if timestamp.is_empty() || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("TimeStamp is not a number".into());
    }
    if field(fields, "MsgSignature")? != signature(&[token, timestamp, nonce, encrypt]) {
        return Err("MsgSignature is wrong".into());
    }
    let (text, inside) = key.open(encrypt)?;
    if inside == app_id { Ok(text) } else { Err(format!("the AppID inside is `{inside}`")) }
}

fn message(parties: &Parties, fields: &Fields) -> Result<Reply, String> {
    if field(fields, "ToUserName")? != parties.openid {
        return Err("ToUserName is not the person who is answered".into());
    }
    if field(fields, "FromUserName")? != parties.account {
        return Err("FromUserName is not the account".into());
    }
    if field(fields, "CreateTime")?.parse::<u64>().is_err() {
        return Err("CreateTime is not a number".into());
    }
    match field(fields, "MsgType")? {
        "text" => match field(fields, "Content")? {
            "" => Err("Content is empty".into()),
            content => Ok(Reply::Text(content.into())),
        },
        kind if KINDS.contains(&kind) => Ok(Reply::Other(kind.into())),
        kind => Err(format!("MsgType `{kind}` is unknown")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rstest::rstest;

    const TEXT: &str = "<xml><ToUserName><![CDATA[o1]]></ToUserName><FromUserName><![CDATA[gh_1]]></FromUserName>\
                        <CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType>\
                        <Content><![CDATA[好]]></Content></xml>";

    fn push(mode: PushMode, format: PushFormat) -> Push {
        let encoding_aes_key = Some("A".repeat(43));
        Push { url: "http://a.test/".into(), token: "AAAAA".into(), encoding_aes_key, mode, format }
    }

    fn judge(mode: PushMode, format: PushFormat, body: &str) -> Result<Reply, String> {
        let parties = Parties { app_id: "wx1".into(), account: "gh_1".into(), openid: "o1".into() };
        let key = AesKey::parse(&"A".repeat(43));
        read(&push(mode, format), key.as_ref(), &parties, body.as_bytes())
    }

    fn encrypted(app_id: &str, token: &str) -> String {
        let encrypt = AesKey::parse(&"A".repeat(43)).unwrap().seal([7; 16], TEXT.as_bytes(), app_id);
        let sign = signature(&[token, "1700000000", "n", &encrypt]);
        format!(
            "<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt><MsgSignature><![CDATA[{sign}]]></MsgSignature>\
             <TimeStamp>1700000000</TimeStamp><Nonce><![CDATA[n]]></Nonce></xml>"
        )
    }

    #[test]
    fn silence_is_accepted_in_every_mode() {
        for mode in [PushMode::Plain, PushMode::Compatible, PushMode::Secure] {
            assert_eq!(judge(mode, PushFormat::Xml, ""), Ok(Reply::Handled));
            assert_eq!(judge(mode, PushFormat::Json, "success"), Ok(Reply::Handled));
        }
    }

    #[test]
    fn texts_are_accepted_in_the_form_of_the_mode() {
        let good = Ok(Reply::Text("好".into()));
        assert_eq!(judge(PushMode::Plain, PushFormat::Xml, TEXT), good);
        assert_eq!(judge(PushMode::Compatible, PushFormat::Xml, TEXT), good);
        for mode in [PushMode::Compatible, PushMode::Secure] {
            assert_eq!(judge(mode, PushFormat::Xml, &encrypted("wx1", "AAAAA")), good);
        }
        let json = r#"{"ToUserName":"o1","FromUserName":"gh_1","CreateTime":1700000000,"MsgType":"text","Content":"好"}"#;
        assert_eq!(judge(PushMode::Plain, PushFormat::Json, json), good);
    }

    #[rstest]
    #[case(PushMode::Secure, TEXT.to_owned(), "not encrypted")]
    #[case(PushMode::Plain, encrypted("wx1", "AAAAA"), "is encrypted")]
    #[case(PushMode::Secure, encrypted("wx2", "AAAAA"), "AppID inside")]
    #[case(PushMode::Secure, encrypted("wx1", "BBBBB"), "MsgSignature is wrong")]
    #[case(PushMode::Plain, TEXT.replace("o1", "o2"), "ToUserName")]
    #[case(PushMode::Plain, TEXT.replace("gh_1", "gh_2"), "FromUserName")]
    #[case(PushMode::Plain, TEXT.replace("[text]", "[telegram]"), "MsgType")]
    #[case(PushMode::Plain, TEXT.replace("好", ""), "Content is empty")]
    #[case(PushMode::Plain, TEXT.replace("CreateTime", "Created"), "CreateTime is missing")]
    #[case(PushMode::Plain, format!(" {TEXT}"), "no reply in XML")]
    #[case(PushMode::Plain, "success\n".to_owned(), "no reply in XML")]
    #[case(PushMode::Plain, "<html><body>502</body></html>".to_owned(), "no reply in XML")]
    fn everything_else_is_an_invalid_response(
        #[case] mode: PushMode,
        #[case] body: String,
        #[case] why: &str,
    ) {
        let problem = judge(mode, PushFormat::Xml, &body).unwrap_err();
        assert!(problem.contains(why), "{problem}");
    }
}
