//! A service of the operator's, as Menshen asks it: it checks every signature with an implementation of its own, after
//! the Standard Webhooks specification and with OpenSSL, remembers the calls, and answers as it is told.
//!
//! Listens on an ephemeral loopback port and ends with its test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;
use menshen::ground::{Clock as _, SystemClock};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What both sides know, as the specification writes it.
pub const SECRET: &str = "whsec_d2hhdCBib3RoIHNpZGVzIGtub3csIG5vYm9keSBlbHNl";

const LIMIT: Duration = Duration::from_secs(30);

/// A call whose signature was right.
#[derive(Clone, Debug)]
pub struct Call {
    /// Path and query that it came to.
    pub path: String,
    pub headers: HeaderMap,
    /// The body as it came, and as JSON.
    pub raw: String,
    pub body: Value,
}

impl Call {
    /// A header that every call has.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }
}

/// Status and body for a question.
type Answers = Box<dyn Fn(&Value) -> (u16, String) + Send>;

#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    refused: usize,
}

#[derive(Clone)]
struct Service {
    answers: Arc<Mutex<Answers>>,
    seen: watch::Sender<Seen>,
}

/// The running service.
pub struct WebhookServer {
    address: SocketAddr,
    service: Service,
    task: JoinHandle<()>,
}

impl WebhookServer {
    /// Starts a service that answers every call with 204.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Answers = Box::new(|_| (204, String::new()));
        let (seen, _) = watch::channel(Seen::default());
        let service = Service { answers: Arc::new(Mutex::new(answers)), seen };
        let router = Router::new().fallback(serve).with_state(service.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, service, task }
    }

    /// The address of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `[notify.sms]` of a config that sends through it.
    pub fn section(&self) -> String {
        format!("[notify.sms]\nwebhook = \"{}\"\nsecret = \"{SECRET}\"\n", self.url("/sms"))
    }

    /// From now on every call is answered with this.
    pub fn answer(&self, status: u16, body: impl Into<String>) {
        let body = body.into();
        self.answer_by(move |_| (status, body.clone()));
    }

    /// From now on every call is answered with what this says about its body.
    pub fn answer_by(&self, answers: impl Fn(&Value) -> (u16, String) + Send + 'static) {
        *self.service.answers.lock().unwrap() = Box::new(answers);
    }

    /// Every call so far whose signature was right.
    pub fn calls(&self) -> Vec<Call> {
        self.service.seen.borrow().calls.clone()
    }

    /// How many calls were refused with 401, because their signature was wrong or missing.
    pub fn refused(&self) -> usize {
        self.service.seen.borrow().refused
    }

    /// The `count`-th call, counted from 1; waits for it.
    pub async fn call(&self, count: usize) -> Call {
        let mut seen = self.service.seen.subscribe();
        let there = seen.wait_for(|seen| seen.calls.len() >= count);
        let there = tokio::time::timeout(LIMIT, there).await.expect("a call arrives").unwrap();
        there.calls[count - 1].clone()
    }
}

impl Drop for WebhookServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    State(service): State<Service>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse + use<> {
    if !is_signed(&headers, &body) {
        service.seen.send_modify(|seen| seen.refused += 1);
        return (StatusCode::UNAUTHORIZED, HeaderMap::new(), "who is there?".to_owned());
    }
    let raw = String::from_utf8(body.to_vec()).unwrap();
    let body: Value = serde_json::from_str(&raw).unwrap();
    let (status, answer) = (service.answers.lock().unwrap())(&body);
    let call = Call { path: uri.to_string(), headers, raw, body };
    service.seen.send_modify(|seen| seen.calls.push(call));
    let mut answered = HeaderMap::new();
    if (300..400).contains(&status) {
        // Where a redirect leads is the body.
        answered.insert(header::LOCATION, answer.parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), answered, answer)
}

/// Whether one of the signatures is ours, and not of another time.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, at) = (text("webhook-id"), text("webhook-timestamp"));
    let Ok(seconds) = at.parse::<u64>() else { return false };
    if id.is_empty() || SystemClock.now().secs().abs_diff(seconds) > 300 {
        return false;
    }
    let key = openssl::base64::decode_block(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = PKey::hmac(&key).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    signer.update(format!("{id}.{at}.").as_bytes()).unwrap();
    signer.update(body).unwrap();
    let expected = format!("v1,{}", openssl::base64::encode_block(&signer.sign_to_vec().unwrap()));
    text("webhook-signature").split(' ').any(|signature| signature == expected)
}
