//! The demo's "legacy" app: it knows nothing of WeChat and shows the request it got.
//!
//! It also serves the demo's first page, which knows all about it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::start;

/// The app, running.
pub struct SampleApp {
    /// Where it listens: a free port of this machine.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl SampleApp {
    /// Stops listening; connections end with the process or by their other end.
    pub async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Starts it on a free port of this machine; `wechat` is the simulated WeChat, for the link to its phone.
pub async fn start(wechat: &str) -> std::io::Result<SampleApp> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let wechat: Arc<str> = wechat.into();
    let task = tokio::spawn(async move {
        loop {
            // Only this process connects; a failed accept is somebody gone again.
            let Ok((stream, _)) = listener.accept().await else { continue };
            let wechat = Arc::clone(&wechat);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(&request, &wechat);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(SampleApp { address, task })
}

fn answer(request: &Request<Incoming>, wechat: &str) -> Response<Full<Bytes>> {
    let page = if request.uri().path() == start::PATH {
        start::page(request.headers(), request.uri().query(), wechat)
    } else {
        page(request, wechat)
    };
    let mut response = Response::new(Full::new(Bytes::from(page)));
    let html = header::HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// Whether the gateway says that somebody is logged in, and under which name.
pub(super) fn visitor(headers: &HeaderMap) -> Option<Option<String>> {
    let name = headers.get("x-user-name").and_then(|value| value.to_str().ok());
    let name = name.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned());
    headers.contains_key("x-user-id").then_some(name)
}

fn page(request: &Request<Incoming>, wechat: &str) -> String {
    let headers = request.headers();
    let greeting = match visitor(headers) {
        Some(Some(name)) => format!("Hello, {}!", escape(&name)),
        Some(None) => "Hello!".to_owned(),
        None => "Hello, whoever you are.".to_owned(),
    };
    let mut rows = String::new();
    for (key, value) in headers {
        let key = key.as_str();
        if key.starts_with("x-user-") {
            let text = escape(&String::from_utf8_lossy(value.as_bytes()));
            let _ = write!(rows, "<tr><th>{}</th><td>{}</td></tr>", escape(&written(key)), folded(&text));
        }
    }
    let intro = if rows.is_empty() {
        "The request came without identity headers."
    } else {
        "These headers came with the request; the gateway set them, and nobody else can:"
    };
    include_str!("sample_app.html")
        .replace("{greeting}", &greeting)
        .replace("{intro}", intro)
        .replace("{target}", &escape(&request.uri().to_string()))
        .replace("{rows}", &rows)
        .replace("{wechat}", wechat)
}

/// A header's name as the documents write it; on the wire the case of its letters means nothing.
fn written(name: &str) -> String {
    let part = |part: &str| match part {
        "id" => "ID".to_owned(),
        "appid" => "AppID".to_owned(),
        "openid" => "OpenID".to_owned(),
        "unionid" => "UnionID".to_owned(),
        _ => part
            .split_at_checked(1)
            .map_or_else(String::new, |(first, rest)| first.to_ascii_uppercase() + rest),
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

/// A long value shows its beginning until it is asked for. `text` is escaped, and none of what is escaped is long.
fn folded(text: &str) -> String {
    const SHOWN: usize = 48;
    match text.split_at_checked(SHOWN) {
        Some((beginning, rest)) if rest.len() > SHOWN && !text.contains('&') => {
            format!("<details><summary>{beginning}…</summary>{text}</details>")
        }
        _ => text.to_owned(),
    }
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
