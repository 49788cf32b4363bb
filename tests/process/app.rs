//! An app behind the gateway: says what it got, and can be slow, endless or patient.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use futures_util::stream;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    /// One permit for each request to `/slow` that has arrived.
    pub(crate) arrived: Arc<Semaphore>,
    /// One permit lets one of them go on.
    pub(crate) go_on: Arc<Semaphore>,
}

impl App {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let none = || Arc::new(Semaphore::new(0));
        let app = Self { address: listener.local_addr().unwrap(), arrived: none(), go_on: none() };
        let router = Router::new()
            .route("/slow", any(slow))
            .route("/public/events", any(events))
            .route("/public/upload", any(upload))
            .fallback(echo)
            .with_state(app.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        app
    }
}

/// What came, as JSON.
async fn echo(request: Request) -> Response {
    let mut headers = BTreeMap::<&str, Vec<String>>::new();
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.entry(name.as_str()).or_default().push(value);
    }
    axum::Json(json!({ "path": request.uri().path(), "headers": headers })).into_response()
}

async fn slow(State(app): State<App>) -> &'static str {
    app.arrived.add_permits(1);
    app.go_on.acquire().await.unwrap().forget();
    "slow but sure"
}

/// Counts, one number a line, until the visitor leaves.
async fn events() -> Response {
    let numbers = stream::unfold(0_u64, |number| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok::<_, Infallible>(format!("data: {number}\n\n")), number + 1))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(numbers)).into_response()
}

async fn upload(body: Bytes) -> String {
    body.len().to_string()
}
