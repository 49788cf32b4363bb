//! Messages as WeChat, or somebody who pretends to be WeChat, writes them: signed and sealed by the test itself.
//!
//! Written from the message push page; shares no code with what it tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::Method;
use menshen::ground::Timestamp;
use menshen::simulator::{DEMO_PUSH_AES_KEY, DEMO_PUSH_TOKEN, Handle};
use openssl::symm::{Cipher, Crypter, Mode};

use crate::reply::Reply;
use crate::world::{SERVICE, World};

const KEY_TEXT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// How a message is proved and hidden. Begin with the right way and change fields.
#[derive(Clone, Debug)]
pub(crate) struct Pen {
    pub(crate) token: String,
    pub(crate) aes_key: String,
    /// The AppID inside.
    pub(crate) app_id: String,
    pub(crate) at: Timestamp,
    pub(crate) nonce: String,
}

/// A request as it is posted.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) query: String,
    pub(crate) body: Vec<u8>,
}

impl Pen {
    /// WeChat's own, now.
    pub(crate) fn of(wechat: &Handle) -> Self {
        Self {
            token: DEMO_PUSH_TOKEN.into(),
            aes_key: DEMO_PUSH_AES_KEY.into(),
            app_id: SERVICE.into(),
            at: wechat.now(),
            nonce: "1234567890".into(),
        }
    }

    /// In the clear.
    pub(crate) fn plain(&self, body: impl Into<Vec<u8>>) -> Letter {
        Letter { query: format!("signature={}&{}", self.sign(&[]), self.rest()), body: body.into() }
    }

    /// In secure mode, as XML.
    pub(crate) fn sealed(&self, message: &str) -> Letter {
        let encrypt = self.seal(message);
        let query = format!(
            "signature={}&{}&openid=o&encrypt_type=aes&msg_signature={}",
            self.sign(&[]),
            self.rest(),
            self.sign(&[&encrypt])
        );
        let body = format!(
            "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
        );
        Letter { query, body: body.into() }
    }

    fn rest(&self) -> String {
        format!("timestamp={}&nonce={}", self.at.secs(), self.nonce)
    }

    fn sign(&self, more: &[&str]) -> String {
        let time = self.at.secs().to_string();
        let mut parts = vec![self.token.as_str(), &time, &self.nonce];
        parts.extend(more);
        parts.sort_unstable();
        openssl::sha::sha1(parts.concat().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn seal(&self, message: &str) -> String {
        let key = KEY_TEXT.decode(&self.aes_key).unwrap();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let mut full =
            [b"0123456789abcdef", &length[..], message.as_bytes(), self.app_id.as_bytes()].concat();
        let pad = 32 - full.len() % 32;
        full.resize(full.len() + pad, u8::try_from(pad).unwrap());
        let mut crypter = Crypter::new(Cipher::aes_256_cbc(), Mode::Encrypt, &key, Some(&key[..16])).unwrap();
        crypter.pad(false);
        let mut sealed = vec![0; full.len() + 32];
        let mut written = crypter.update(&full, &mut sealed).unwrap();
        written += crypter.finalize(&mut sealed[written..]).unwrap();
        STANDARD.encode(&sealed[..written])
    }
}

/// `person` has scanned a code with `scene`.
pub(crate) fn scan_event(wechat: &Handle, person: &str, scene: &str) -> String {
    event(wechat, person, &format!("<Event><![CDATA[SCAN]]></Event><EventKey><![CDATA[{scene}]]></EventKey>"))
}

/// An event of `person`'s; `what` is its own part.
pub(crate) fn event(wechat: &Handle, person: &str, what: &str) -> String {
    let (from, at) = (wechat.openid(SERVICE, person), wechat.now().secs());
    format!(
        "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><FromUserName><![CDATA[{from}]]></FromUserName>\
         <CreateTime>{at}</CreateTime><MsgType><![CDATA[event]]></MsgType>{what}</xml>"
    )
}

impl World {
    /// Posts a message to the account's address at the first gateway.
    pub(crate) async fn post(&self, letter: &Letter) -> Reply {
        let poster = self.desktop();
        let url = poster.url(&format!("/_menshen/push/service?{}", letter.query));
        let headers = [("content-type", "text/xml"), ("accept", "*/*")];
        poster.send(Method::POST, &url, &headers, Some(letter.body.clone())).await
    }
}
