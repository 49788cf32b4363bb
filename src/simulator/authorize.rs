//! `open.weixin.qq.com/connect/oauth2/authorize`: login inside WeChat's own browser.
//!
//! Errors are pages with WeChat's numbers, never redirects (web authorisation page).

use std::sync::Arc;

use axum::extract::{Form, RawQuery as Raw, State};
use axum::http::header::{CACHE_CONTROL, COOKIE, LOCATION, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cookie::Cookie;
use minijinja::context;
use serde::Deserialize;

use super::config::AppKind;
use super::grants::{Consented, Scope};
use super::link::{Callback, RawQuery, check_redirect};
use super::pages::{self, ErrorPage};
use super::prefetch;
use super::qrconnect::report_port;
use super::shared::{Shared, rng};
use super::switches::{Consent, DenyVariant, DoubleCallback};
use super::world::{Asked, World};

/// The cookie that says whose WeChat this browser is.
pub(super) const PERSON_COOKIE: &str = "sim_person";

const ORDER: [&str; 5] = ["appid", "redirect_uri", "response_type", "scope", "state"];
const UNREACHABLE: ErrorPage = ErrorPage::text("该链接无法访问");

/// A request that deserves an answer other than an error page.
#[derive(Debug)]
struct Accepted {
    app_id: String,
    scope: Scope,
    callback: Callback,
    relaxed_port: Option<u16>,
}

fn accept(world: &World, query: &RawQuery) -> Result<Accepted, ErrorPage> {
    if !query.is_ordered(&ORDER) {
        return Err(UNREACHABLE);
    }
    let app_id = query.filled("appid").ok_or(ErrorPage::numbered(10012, "appid 不能为空"))?;
    let redirect_uri =
        query.filled("redirect_uri").ok_or(ErrorPage::numbered(10011, "redirect_uri 不能为空"))?;
    if query.get("response_type") != Some("code") {
        return Err(ErrorPage::text("response_type 参数错误"));
    }
    let scope = query.filled("scope").ok_or(ErrorPage::numbered(10010, "scope 不能为空"))?;
    let state = query.get("state");
    if state == Some("") {
        return Err(ErrorPage::numbered(10013, "state 不能为空"));
    }
    let state = state.unwrap_or_default();
    if state.len() > 128 || !state.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ErrorPage::text("state 参数错误"));
    }
    let app = world.app(app_id).ok_or(ErrorPage::text("AppID 参数错误"))?;
    let no_scope = ErrorPage::numbered(10005, "该公众号没有这些 scope 的权限");
    match app.kind {
        AppKind::ServiceAccount { verified: true } => {}
        AppKind::Website | AppKind::Mobile => {
            return Err(ErrorPage::numbered(10016, "不支持第三方应用，请使用公众号的 AppID"));
        }
        AppKind::ServiceAccount { verified: false } | AppKind::SubscriptionAccount | AppKind::MiniProgram => {
            return Err(no_scope);
        }
    }
    let scope = match Scope::parse(scope) {
        Some(scope @ (Scope::Base | Scope::UserInfo)) => scope,
        Some(Scope::Login) | None => return Err(no_scope),
    };
    let relaxed_port = check_redirect(redirect_uri, &app.domain)
        .map_err(|_| ErrorPage::numbered(10003, "redirect_uri 域名与后台配置不一致"))?;
    let callback = Callback { redirect_uri: redirect_uri.into(), state: state.into() };
    Ok(Accepted { app_id: app_id.into(), scope, callback, relaxed_port })
}

/// WeChat's browser says `MicroMessenger`; WeCom says so too, but also `wxwork`.
fn is_wechat(headers: &HeaderMap) -> bool {
    let agent =
        headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()).to_ascii_lowercase());
    agent.is_some_and(|agent| agent.contains("micromessenger") && !agent.contains("wxwork"))
}

/// The person this browser's cookie names.
pub(super) fn person_cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| Cookie::split_parse(line.to_owned())).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == PERSON_COOKIE).map(|cookie| cookie.value().to_owned())
}

/// `GET /connect/oauth2/authorize`
pub(super) async fn page(State(shared): State<Arc<Shared>>, headers: HeaderMap, Raw(raw): Raw) -> Response {
    if !is_wechat(&headers) {
        return ErrorPage::text("请在微信客户端打开链接").into_response();
    }
    let query = RawQuery::parse(raw.as_deref());
    let cookie = person_cookie(&headers);
    let decided = shared.quietly(|world| {
        let accepted = match accept(world, &query) {
            Ok(accepted) => accepted,
            Err(refused) => {
                world.note(format!("authorize refused: {}", refused.text));
                return Err(refused);
            }
        };
        let on = |key: &str| query.get(key) == Some("true");
        let snapshot = accepted.scope == Scope::UserInfo && (world.switches.snapshot || on("forceSnapShot"));
        let person = world.person_of(cookie.as_deref());
        let silent = accepted.scope == Scope::Base
            || snapshot
            || (world.switches.consent == Consent::Silent && !on("forcePopup"));
        let consented = Consented { app_id: accepted.app_id, person, scope: accepted.scope, snapshot };
        // Sites add connect_redirect=1 against the double delivery; what it does is not documented.
        let once = query.get("connect_redirect") == Some("1");
        Ok::<_, ErrorPage>((
            Asked { consented, callback: accepted.callback, once },
            silent,
            accepted.relaxed_port,
        ))
    });
    let (asked, silent, relaxed_port) = match decided {
        Ok(decided) => decided,
        Err(refused) => return refused.into_response(),
    };
    let mut response = if silent { deliver(&shared, asked).await } else { consent_page(&shared, asked) };
    report_port(&mut response, relaxed_port);
    response
}

fn consent_page(shared: &Shared, asked: Asked) -> Response {
    let values = shared.quietly(|world| {
        let app = world.app(&asked.consented.app_id).map(|app| app.name.clone()).unwrap_or_default();
        let person = asked.consented.person.clone();
        let name = world.person(&person).map(|person| person.name.clone()).unwrap_or_default();
        let ticket = world.ask(&mut rng(), asked);
        context! { app, person, name, ticket }
    });
    pages::html("consent.html", values)
}

#[derive(Deserialize)]
pub(super) struct Consenting {
    ticket: String,
    answer: String,
}

/// `POST /connect/oauth2/consent` with `ticket` and `answer=allow|deny`, from the consent page.
pub(super) async fn consent(State(shared): State<Arc<Shared>>, Form(form): Form<Consenting>) -> Response {
    let (asked, variant) = shared.quietly(|world| (world.answered(&form.ticket), world.switches.deny));
    let Some(asked) = asked else { return UNREACHABLE.into_response() };
    if form.answer == "allow" {
        return deliver(&shared, asked).await;
    }
    shared.quietly(|world| world.note(format!("{} refused consent", asked.consented.person)));
    match variant {
        DenyVariant::NoCallback => pages::message("已拒绝", "Refused. WeChat would close this page now."),
        DenyVariant::AuthDeny => redirect(&asked.callback.denied()),
        DenyVariant::StateOnly => redirect(&asked.callback.state_only()),
    }
}

/// Sends the visitor back with a fresh code, once or twice.
async fn deliver(shared: &Shared, asked: Asked) -> Response {
    let now = shared.now();
    let issued = shared.quietly(|world| {
        let mode = if asked.once { DoubleCallback::Off } else { world.switches.double_callback };
        world.issue(now, &mut rng(), asked.consented).map(|code| (code, mode))
    });
    let Ok((code, mode)) = issued else { return UNREACHABLE.into_response() };
    let target = asked.callback.with_code(&code);
    match mode {
        DoubleCallback::Off => redirect(&target),
        DoubleCallback::Browser => pages::html("twice.html", context! { target }),
        DoubleCallback::Prefetch => {
            let line = match prefetch::fetch(&target).await {
                Ok(status) => format!("prefetch of the callback: {status}"),
                Err(error) => format!("prefetch of the callback: {error}"),
            };
            shared.quietly(|world| world.note(line));
            redirect(&target)
        }
    }
}

fn redirect(target: &str) -> Response {
    match HeaderValue::from_bytes(target.as_bytes()) {
        Ok(target) => {
            let headers = [(LOCATION, target), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (StatusCode::FOUND, headers).into_response()
        }
        Err(_) => UNREACHABLE.into_response(),
    }
}
