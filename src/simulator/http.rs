//! One HTTP request of the simulator to somebody's server, with one limit for everything.
//!
//! Plain HTTP/1.1, no redirects, no cookies, at most 64 KiB of answer.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Position, Url};

const MAX_ANSWER: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpProblem {
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("cannot connect: {0}")]
    Connect(#[source] std::io::Error),
    #[error("the connection failed: {0}")]
    Connection(#[from] hyper::Error),
    #[error("the answer cannot be read: {0}")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the address cannot be requested: {0}")]
    Address(#[from] axum::http::Error),
}

/// What is asked: a POST if there is a body with its content type, else a GET.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) url: &'a Url,
    pub(super) body: Option<(String, String)>,
    pub(super) agent: &'a str,
    pub(super) headers: &'a [(HeaderName, String)],
}

impl<'a> Call<'a> {
    /// As WeChat's own servers ask.
    pub(super) const fn new(url: &'a Url, body: Option<(String, String)>) -> Self {
        Self { url, body, agent: "Mozilla/4.0", headers: &[] }
    }
}

/// Asks and reads the answer.
pub(super) async fn ask(limit: Duration, call: Call<'_>) -> Result<(StatusCode, Bytes), HttpProblem> {
    tokio::time::timeout(limit, exchange(call)).await.map_err(|_| HttpProblem::Late(limit))?
}

async fn exchange(call: Call<'_>) -> Result<(StatusCode, Bytes), HttpProblem> {
    let Call { url, body, agent, headers } = call;
    let mut request = Request::builder()
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, agent)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = match body {
        Some((content_type, body)) => {
            request = request.method(Method::POST).header(CONTENT_TYPE, content_type);
            request.body(Full::new(Bytes::from(body)))?
        }
        None => request.body(Full::new(Bytes::new()))?,
    };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host, port)).await.map_err(HttpProblem::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body =
            Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(HttpProblem::Answer)?;
        Ok((status, body.to_bytes()))
    };
    // The connection only carries the answer; what goes wrong with it shows there.
    let (answer, _) = tokio::join!(answer, connection);
    answer
}
