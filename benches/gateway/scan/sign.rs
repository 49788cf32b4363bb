//! Pushes as WeChat signs and encrypts them, made by the bench so that it knows when each one leaves.
//!
//! Source: WeChat's message push page (secure mode). Shares no code with the gateway that opens them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha1;
use openssl::symm::{Cipher, Crypter, Mode};

use super::world::{APP, APP_ID};
use crate::Fault;

/// The push Token of the account.
pub(crate) const TOKEN: &str = "MenshenBenchPush";

const KEY: [u8; 32] = [7; 32];
/// Messages are padded to a multiple of this, though the cipher's blocks have 16 bytes.
const BLOCK: usize = 32;
const ACCOUNT: &str = "gh_0123456789ab";

/// The EncodingAESKey as a console shows it: 43 letters and digits.
pub(crate) fn aes_key() -> String {
    STANDARD.encode(KEY).trim_end_matches('=').to_owned()
}

/// The push that tells of a scan by a follower.
pub(crate) fn scan(host: &str, open_id: &str, scene: &str, ticket: &str) -> Result<Vec<u8>, Fault> {
    let event = format!(
        "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[SCAN]]></Event>\
         <EventKey><![CDATA[{scene}]]></EventKey><Ticket><![CDATA[{ticket}]]></Ticket>"
    );
    request(host, open_id, &event)
}

/// The push that brings a text somebody wrote in the chat: nothing of ours.
pub(crate) fn text(host: &str, open_id: &str) -> Result<Vec<u8>, Fault> {
    let content = "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[请问今天几点开门？]]></Content>\
                   <MsgId>24012345678901234</MsgId>";
    request(host, open_id, content)
}

/// The whole request, signed now.
fn request(host: &str, open_id: &str, rest: &str) -> Result<Vec<u8>, Fault> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().to_string();
    let message = format!(
        "<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName><FromUserName><![CDATA[{open_id}]]></FromUserName>\
         <CreateTime>{now}</CreateTime>{rest}</xml>"
    );
    let encrypt = seal(message.as_bytes())?;
    let nonce = (rand::random::<u32>() | 1 << 31).to_string();
    let (plain, signed) = (signature(&[TOKEN, &now, &nonce]), signature(&[TOKEN, &now, &nonce, &encrypt]));
    let body = format!(
        "<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
    );
    let length = body.len();
    Ok(format!(
        "POST /_menshen/push/{APP}?signature={plain}&timestamp={now}&nonce={nonce}&openid={open_id}\
         &encrypt_type=aes&msg_signature={signed} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/4.0\r\n\
         Accept: */*\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes())
}

/// Lower-case hex of the SHA-1 of the sorted parts.
fn signature(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    sha1(parts.concat().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seal(message: &[u8]) -> Result<String, Fault> {
    let length = u32::try_from(message.len())?.to_be_bytes();
    let mut full = [&rand::random::<[u8; 16]>()[..], &length, message, APP_ID.as_bytes()].concat();
    let pad = BLOCK - full.len() % BLOCK;
    full.resize(full.len() + pad, u8::try_from(pad)?);
    let mut crypter = Crypter::new(Cipher::aes_256_cbc(), Mode::Encrypt, &KEY, Some(&KEY[..16]))?;
    crypter.pad(false);
    let mut sealed = vec![0; full.len() + BLOCK];
    let mut written = crypter.update(&full, &mut sealed)?;
    written += crypter.finalize(&mut sealed[written..])?;
    sealed.truncate(written);
    Ok(STANDARD.encode(sealed))
}
