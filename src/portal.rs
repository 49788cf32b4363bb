//! The portal: everything of ours that a visitor's browser talks to, as an ordinary web application.
//!
//! Served in-process behind the proxy, which has refused ambiguous requests, removed every client copy of its
//! own headers and said who the visitor is. It never forwards anything to an upstream.

mod account;
mod add_wechat;
mod answer;
mod api;
mod bind;
mod callback;
mod choose;
mod deliver;
mod enter;
mod confirm;
mod facts;
mod flow;
mod login;
mod logout;
mod origin;
mod panel;
mod phone;
mod push;
mod relays;
mod throttle;
mod visitor;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::body::Incoming;
use tower::Service;
use tower::util::MapRequest;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::login::{Login, Unfinished};
use crate::pages::ErrorCode;
use crate::snapshot::Live;
use crate::wechat::push::MAX_BODY as MAX_PUSH;
use answer::Answer;
use relays::Relays;
use visitor::Visitor;

pub use throttle::Throttle;

/// Largest body of our own forms.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// Longest time an own page may take: longer than WeChat's limits, shorter than a visitor's patience.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// What the portal works with.
#[derive(Clone)]
pub struct Portal {
    live: Arc<Live>,
    login: Login,
    throttle: Arc<Throttle>,
    relays: Arc<Relays>,
}

impl Portal {
    /// A portal over the snapshot in force and the login service.
    pub fn new(live: Arc<Live>, login: Login) -> Self {
        Self { live, login, throttle: Arc::new(Throttle::new()), relays: Arc::new(Relays::new()) }
    }

    /// The portal as a service for requests as the proxy hands them over, prefix and all.
    pub fn service(
        self,
    ) -> impl Service<http::Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static {
        let live = Arc::clone(&self.live);
        let strip = move |request: http::Request<Incoming>| {
            visitor::take_prefix_off(request.map(Body::new), &live.load().site.prefix)
        };
        MapRequest::new(self.router(), strip)
    }

    /// Does to its end what spends a code, whether or not `visitor` stays to listen.
    async fn see_through(
        &self,
        visitor: Visitor,
        work: impl Future<Output = Answer> + Send + 'static,
    ) -> Answer {
        match self.login.see_through(work).await {
            Ok(answer) => answer,
            Err(Unfinished::Crowded) => Err(visitor.too_many(1)),
            Err(Unfinished::Broken) => Err(visitor.refuse(ErrorCode::Internal)),
        }
    }

    /// The routes of all own paths, without the configured prefix.
    fn router(self) -> Router {
        let pushes = Router::new()
            .route("/push/{app}", get(push::check).post(push::receive))
            .layer(DefaultBodyLimit::max(MAX_PUSH));
        Router::new()
            .route("/login", get(login::page))
            .route("/login/{method}", get(login::start))
            .route("/callback/{app}", get(callback::callback))
            .route("/flow/state", get(flow::state))
            .route("/flow/events", get(flow::events))
            .route("/flow/finish", get(flow::finish))
            .route("/flow/qr.jpg", get(flow::picture))
            .route("/confirm", get(confirm::ask).post(confirm::answer))
            .route("/choose", get(choose::ask).post(choose::answer))
            .route("/bind", get(bind::ask).post(bind::answer))
            .route("/enter", get(enter::enter))
            .route("/logout", get(logout::ask).post(logout::leave))
            .route("/account", get(account::page))
            .route("/account/wechats/add", post(add_wechat::begin))
            .route("/account/wechats/remove", post(account::remove_wechat))
            .route("/account/sessions/end", post(account::end_sessions))
            .route("/phone", get(phone::ask).post(phone::send))
            .route("/phone/verify", post(phone::verify))
            .route("/userinfo", get(facts::userinfo))
            .route("/jwks.json", get(facts::jwks))
            .route("/ping", get(facts::ping))
            .route("/assets/{name}", get(facts::asset))
            .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
            .merge(pushes)
            .nest("/api", api::router().into())
            .fallback(answer::not_found)
            .method_not_allowed_fallback(answer::method_not_allowed)
            .layer(from_fn_with_state(self.clone(), visitor::prepare))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PAGE_TIMEOUT))
            .layer(CatchPanicLayer::new())
            .with_state(self)
    }
}
