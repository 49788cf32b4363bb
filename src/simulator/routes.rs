//! Which path goes where, and the one place where requests are counted and meet faults.
//!
//! WeChat's hosts share one address here, since their paths do not overlap.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};

use super::account::{self, api};
use super::answer::Answer;
use super::errcode::Errcode;
use super::fault::Fault;
use super::pages::ErrorPage;
use super::shared::{Shared, rng};
use super::{authorize, control, mini, phone, qrconnect, sns};
use crate::ground::Span;

const MAX_BODY: usize = 64 * 1024;
const MAX_SLOWNESS: Span = Span::from_mins(1);

/// All of it on one router.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    // api.weixin.qq.com
    let api = Router::new()
        .route("/sns/oauth2/access_token", any(sns::access_token))
        .route("/sns/oauth2/refresh_token", any(sns::refresh_token))
        .route("/sns/auth", any(sns::auth))
        .route("/sns/userinfo", any(sns::userinfo))
        .route("/cgi-bin/token", any(api::token))
        .route("/cgi-bin/stable_token", any(api::stable_token))
        .route("/cgi-bin/getcallbackip", any(api::ips))
        .route("/cgi-bin/get_api_domain_ip", any(api::ips))
        .route("/cgi-bin/clear_quota", any(api::clear_quota))
        .route("/cgi-bin/qrcode/create", any(api::create))
        .route("/cgi-bin/user/info", any(api::user_info))
        .merge(mini::api_router());
    let mp = Router::new().route("/cgi-bin/showqrcode", get(api::picture));
    // open.weixin.qq.com, lp.open.weixin.qq.com, res.wx.qq.com
    let open = Router::new()
        .route("/connect/qrconnect", get(qrconnect::page))
        .route("/connect/qrcode/{uuid}", get(qrconnect::picture))
        .route("/connect/l/qrconnect", get(qrconnect::long_poll))
        .route("/connect/fast_login", post(qrconnect::fast_login))
        .route("/connect/confirm", get(phone::page))
        .route("/connect/zh_CN/htmledition/js/wxLogin.js", get(qrconnect::script))
        .route("/connect/oauth2/authorize", get(authorize::page))
        .route("/connect/oauth2/consent", post(authorize::consent));
    // Ours: what a phone would do.
    let own = Router::new()
        .route("/", get(phone::home))
        .route("/phone", get(phone::page))
        .route("/phone/codes", get(phone::codes))
        .route("/phone/{action}", post(phone::act))
        .route("/avatar/{file}", get(phone::avatar))
        .route("/mmopen/vi_32/{person}/{size}", get(phone::headimg))
        .merge(account::phone_router())
        .merge(account::control_router())
        .merge(mini::phone_router())
        .merge(mini::control_router())
        .merge(control::router());
    api.merge(mp)
        .merge(open)
        .layer(from_fn_with_state(Arc::clone(&shared), meet_faults))
        .merge(own)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

async fn meet_faults(
    State(shared): State<Arc<Shared>>,
    matched: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let path = matched.as_str();
    let mut response = faulty(&shared, path, request, next).await;
    if is_server_api(path) && response.extensions().get::<Answer>().is_some() {
        // As captured: `encoding`, not `charset`.
        let json = HeaderValue::from_static("application/json; encoding=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    response
}

fn is_server_api(path: &str) -> bool {
    path.starts_with("/cgi-bin/") || path.starts_with("/wxa/")
}

async fn faulty(shared: &Arc<Shared>, path: &str, request: Request, next: Next) -> Response {
    let fault = shared.quietly(|world| {
        world.count_call(path);
        let fault = world.faults.take(path);
        if let Some(fault) = &fault {
            world.note(format!("{path} meets {fault:?}"));
        }
        fault
    });
    let Some(fault) = fault else { return next.run(request).await };
    if let Some(instead) = fault.instead() {
        return instead;
    }
    match &fault {
        Fault::Errcode(number) if path.starts_with("/sns/") || is_server_api(path) => {
            error(shared, Errcode(*number)).into_response()
        }
        Fault::Errcode(number) => ErrorPage::numbered(*number, "系统错误").into_response(),
        Fault::Slow(span) => {
            tokio::time::sleep((*span).min(MAX_SLOWNESS).duration()).await;
            next.run(request).await
        }
        _ => fault.distort(next.run(request).await),
    }
}

/// An error answer with the trace that is switched on.
pub(super) fn error(shared: &Shared, errcode: Errcode) -> Answer {
    let trace = shared.read(|world| world.switches.trace);
    Answer::error(errcode.0, errcode.message(trace, &mut rng(), shared.now()))
}
