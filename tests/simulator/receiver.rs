//! An account's server: a raw responder that keeps what it is sent, with its own few lines of WeChat's crypto.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen::simulator::{Push, PushFormat, PushMode};
use openssl::sha::sha1;
use openssl::symm::{Cipher, Crypter, Mode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) const TOKEN: &str = "testtoken";
pub(crate) const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
/// The bytes of [`KEY`], as the reference lists them.
const KEY_HEX: &str = "69b71d79f8218a39259a7a29aabb2dbafc31cb3d35db7e39ebbf3d0010831051";

/// A request as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) raw_query: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// What the server does with a request.
pub(crate) enum Answer {
    Body(String),
    Status(u16),
    Never,
}

impl From<&str> for Answer {
    fn from(body: &str) -> Self {
        Self::Body(body.into())
    }
}

pub(crate) struct Receiver {
    addr: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Answers verifications rightly and the n-th message (from 0) with `answer`.
    pub(crate) async fn start(answer: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::raw(move |request, count| match request.method.as_str() {
            "GET" if request.is_signed() => Answer::Body(request.query["echostr"].clone()),
            "GET" => Answer::Status(403),
            _ => answer(request, count),
        })
        .await
    }

    /// Answers everything with `answer`; messages are counted, verifications are not.
    pub(crate) async fn raw(answer: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&received), Arc::new(answer));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&kept), Arc::clone(&answer)));
            }
        });
        Self { addr, received, task }
    }

    pub(crate) async fn silent() -> Self {
        Self::start(|_, _| "".into()).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) fn push(&self, mode: PushMode, format: PushFormat) -> Push {
        Push {
            url: self.url("/push"),
            token: TOKEN.into(),
            encoding_aes_key: (mode != PushMode::Plain).then(|| KEY.into()),
            mode,
            format,
        }
    }

    /// All requests but the verifications.
    pub(crate) fn messages(&self) -> Vec<Received> {
        let all = self.received.lock().unwrap();
        all.iter().filter(|request| request.method == "POST").cloned().collect()
    }

    pub(crate) fn verifications(&self) -> usize {
        self.received.lock().unwrap().iter().filter(|request| request.method == "GET").count()
    }
}

async fn serve<F>(mut stream: TcpStream, kept: Arc<Mutex<Vec<Received>>>, answer: Arc<F>)
where
    F: Fn(&Received, usize) -> Answer,
{
    let Some(request) = read(&mut stream).await else { return };
    let count = {
        let mut all = kept.lock().unwrap();
        all.push(request.clone());
        all.iter().filter(|request| request.method == "POST").count().saturating_sub(1)
    };
    let (status, body) = match answer(&request, count) {
        Answer::Body(body) => (200, body),
        Answer::Status(status) => (status, String::new()),
        Answer::Never => {
            // Ends when the other side gives up.
            let _ = stream.read(&mut [0]).await;
            return;
        }
    };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.ok()?;
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                let lines = head.lines().filter_map(|line| line.split_once(": "));
                lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            };
            let length = header("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let mut line = head.split(' ');
                let (method, target) = (line.next()?.to_owned(), line.next()?);
                let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
                let url = reqwest::Url::parse(&format!("http://x{target}")).unwrap();
                return Some(Received {
                    method,
                    path: path.into(),
                    query: url.query_pairs().into_owned().collect(),
                    raw_query: raw_query.into(),
                    content_type: header("content-type").unwrap_or_default().into(),
                    body: body.into(),
                });
            }
        }
        if count == 0 {
            return None;
        }
    }
}

impl Received {
    pub(crate) fn timestamp(&self) -> u64 {
        self.query["timestamp"].parse().unwrap()
    }

    /// Whether `signature` is right.
    pub(crate) fn is_signed(&self) -> bool {
        self.query["signature"] == sign(&[TOKEN, &self.query["timestamp"], &self.query["nonce"]])
    }

    /// Whether `msg_signature` is right, and what is inside `Encrypt`: the message and the AppID.
    pub(crate) fn opened(&self) -> (bool, String, String) {
        let encrypt = field(&self.body, "Encrypt");
        let sign = sign(&[TOKEN, &self.query["timestamp"], &self.query["nonce"], &encrypt]);
        let (message, app_id) = open(&encrypt);
        (self.query.get("msg_signature") == Some(&sign), message, app_id)
    }
}

/// A field of a message in XML or JSON; empty if there is none.
pub(crate) fn field(message: &str, name: &str) -> String {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(message) {
        return match &json[name] {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        };
    }
    let inside =
        message.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    let text = inside.map(|(inside, _)| inside).unwrap_or_default();
    text.strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>")).unwrap_or(text).into()
}

pub(crate) fn sign(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    sha1(parts.concat().as_bytes()).map(|byte| format!("{byte:02x}")).concat()
}

fn key() -> Vec<u8> {
    (0..32).map(|at| u8::from_str_radix(&KEY_HEX[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn run(mode: Mode, text: &[u8]) -> Vec<u8> {
    let mut crypter = Crypter::new(Cipher::aes_256_cbc(), mode, &key(), Some(&key()[..16])).unwrap();
    crypter.pad(false);
    let mut out = vec![0; text.len() + 16];
    let count = crypter.update(text, &mut out).unwrap();
    let count = count + crypter.finalize(&mut out[count..]).unwrap();
    out.truncate(count);
    out
}

pub(crate) fn open(encrypt: &str) -> (String, String) {
    let full = run(Mode::Decrypt, &STANDARD.decode(encrypt).unwrap());
    let kept = full.len() - usize::from(*full.last().unwrap());
    let length = u32::from_be_bytes(full[16..20].try_into().unwrap()) as usize;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&full[20..20 + length]), text(&full[20 + length..kept]))
}

pub(crate) fn seal(message: &str, app_id: &str) -> String {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let mut full = [b"0123456789abcdef", &length[..], message.as_bytes(), app_id.as_bytes()].concat();
    let pad = 32 - full.len() % 32;
    full.resize(full.len() + pad, pad as u8);
    STANDARD.encode(run(Mode::Encrypt, &full))
}

/// A text reply to a message in plain form.
pub(crate) fn text_reply(message: &str, text: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[{}]]></ToUserName><FromUserName><![CDATA[{}]]></FromUserName>\
         <CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType>\
         <Content><![CDATA[{text}]]></Content></xml>",
        field(message, "FromUserName"),
        field(message, "ToUserName")
    )
}

/// The same reply encrypted for `app_id`.
pub(crate) fn encrypted_reply(reply: &str, app_id: &str) -> String {
    let encrypt = seal(reply, app_id);
    let sign = sign(&[TOKEN, "1700000000", "n1", &encrypt]);
    format!(
        "<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt><MsgSignature><![CDATA[{sign}]]></MsgSignature>\
         <TimeStamp>1700000000</TimeStamp><Nonce><![CDATA[n1]]></Nonce></xml>"
    )
}

/// The vectors of the reference, for a key whose tail is not canonical.
#[test]
fn the_servers_own_crypto_is_right() {
    assert_eq!(sign(&[TOKEN, "1700000000", "nonce123"]), "ee0843455eb31b87dbf6d6890273a3ab976bd56e");
    let encrypt = "Q3stYC6hdFzMh9T8HCvyDD6bk351pauf9UoCzfaJglYfpiPkyuVHm+h6rOrEyFtPlOcqztd2veQKl+XcHuYAeQ==";
    assert_eq!(seal("你好", "wx0123456789abcdef"), encrypt);
    assert_eq!(open(encrypt), ("你好".to_owned(), "wx0123456789abcdef".to_owned()));
    assert_eq!(sign(&[TOKEN, "1700000000", "nonce123", encrypt]), "cb35432ea211b8c3bae8a2c10a0f2eca73ccda46");
}
