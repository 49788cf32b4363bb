//! The website QR page of `open.weixin.qq.com` (full and embedded), its picture and its long-poll.
//!
//! Errors are pages, never redirects (website login page; captures of live pages).

use std::sync::Arc;

use axum::extract::{Form, Path, Query, RawQuery as Raw, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use minijinja::context;
use qrcode::{Color, QrCode};
use serde::Deserialize;

use super::config::{App, AppKind};
use super::grants::Scope;
use super::ids;
use super::link::{Callback, RawQuery, check_redirect};
use super::pages::{self, ErrorPage};
use super::scans::Phase;
use super::shared::{Shared, rng};
use super::world::World;

const BAD_SCOPE: ErrorPage = ErrorPage::text("Scope 参数错误或没有 Scope 权限");
const BAD_REDIRECT: ErrorPage = ErrorPage::text("redirect_uri 参数错误");

/// A QR page that may be shown.
struct Accepted {
    app: App,
    callback: Callback,
    /// A port WeChat would not accept.
    relaxed_port: Option<u16>,
}

fn accept(world: &World, query: &RawQuery) -> Result<Accepted, ErrorPage> {
    let app = query
        .filled("appid")
        .and_then(|app_id| world.app(app_id))
        .ok_or(ErrorPage::text("AppID 参数错误"))?;
    let scopes = query.filled("scope").ok_or(BAD_SCOPE)?;
    let login_only = scopes.split(',').all(|scope| Scope::parse(scope.trim()) == Some(Scope::Login));
    if app.kind != AppKind::Website || !login_only {
        return Err(BAD_SCOPE);
    }
    // wxLogin.js does not send response_type, so only a full page must have it.
    match query.get("response_type") {
        Some("code") => {}
        None if query.get("login_type") == Some("jssdk") => {}
        _ => return Err(ErrorPage::text("response_type 参数错误")),
    }
    let redirect_uri = query.filled("redirect_uri").ok_or(BAD_REDIRECT)?;
    let relaxed_port = check_redirect(redirect_uri, &app.domain).map_err(|_| BAD_REDIRECT)?;
    let state = query.get("state").unwrap_or_default().to_owned();
    let callback = Callback { redirect_uri: redirect_uri.into(), state };
    Ok(Accepted { app: app.clone(), callback, relaxed_port })
}

/// `GET /connect/qrconnect`
pub(super) async fn page(State(shared): State<Arc<Shared>>, Raw(raw): Raw) -> Response {
    let query = RawQuery::parse(raw.as_deref());
    let now = shared.now();
    let shown = shared.change(|world| {
        let accepted = match accept(world, &query) {
            Ok(accepted) => accepted,
            Err(refused) => {
                world.note(format!("qrconnect refused: {}", refused.text));
                return Err(refused);
            }
        };
        let uuid = ids::qr_uuid(&mut rng());
        world.scans.show(now, uuid.clone(), accepted.app.app_id.clone(), shared.qr_life);
        world.note(format!("{} shows QR code {uuid}", accepted.app.name));
        let desktop = world.switches.fast_login.clone().filter(|_| query.get("fast_login") != Some("0"));
        let desktop = desktop.and_then(|id| world.person(&id).ok().cloned());
        Ok((accepted, uuid, desktop))
    });
    let (accepted, uuid, desktop) = match shown {
        Ok(shown) => shown,
        Err(refused) => return refused.into_response(),
    };
    let mut response = if query.get("f") == Some("xml") {
        let xml = format!("<?xml version=\"1.0\"?><root><uuid><![CDATA[{uuid}]]></uuid></root>");
        ([(CONTENT_TYPE, "text/xml"), (CACHE_CONTROL, "no-store")], xml).into_response()
    } else {
        let lite = query.get("stylelite") == Some("1");
        let href = query.filled("href").filter(|href| !lite && is_style_sheet(href));
        let values = context! {
            english => query.get("lang") == Some("en"),
            embedded => query.get("login_type") == Some("jssdk"),
            white => query.get("style") == Some("white"),
            lite,
            href,
            app => accepted.app.name,
            uuid => uuid.as_str(),
            desktop => desktop.map(|person| context! { id => person.id, name => person.name }),
            page => context! {
                uuid,
                self_redirect => query.get("self_redirect") == Some("true"),
                before_code => format!("{}code=", accepted.callback.beginning()),
                after_code => format!("&state={}", accepted.callback.escaped_state()),
                refused => accepted.callback.state_only(),
            },
        };
        pages::html("qrconnect.html", values)
    };
    report_port(&mut response, accepted.relaxed_port);
    response
}

/// Which `href` values wxLogin documents: an https address or an inline style sheet.
fn is_style_sheet(href: &str) -> bool {
    href.starts_with("https://") || href.starts_with("data:text/css;base64,")
}

/// WeChat accepts no port but the usual; here all pass, and this header tells.
pub(super) fn report_port(response: &mut Response, port: Option<u16>) {
    if let Some(port) = port
        && let Ok(value) = format!("port {port} of redirect_uri").parse()
    {
        response.headers_mut().insert("x-simulator-relaxed", value);
    }
}

/// `GET /connect/qrcode/{uuid}`: the picture.
pub(super) async fn picture(State(shared): State<Arc<Shared>>, Path(uuid): Path<String>) -> Response {
    if shared.read(|world| world.scans.get(&uuid).is_err()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let content = format!("{}/connect/confirm?uuid={uuid}", shared.base_url);
    match jpeg(content.as_bytes()) {
        Some(jpeg) => ([(CONTENT_TYPE, "image/jpeg"), (CACHE_CONTROL, "no-store")], jpeg).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Pixels for each module of a QR code, and modules of quiet zone.
pub(super) const SCALE: usize = 10;
pub(super) const QUIET: usize = 4;

/// A QR code as a JPEG; `None` if the content is too long for one.
pub(super) fn jpeg(content: &[u8]) -> Option<Vec<u8>> {
    let code = QrCode::new(content).ok()?;
    let modules = code.width() + 2 * QUIET;
    let width = modules * SCALE;
    let pixel = |x: usize, y: usize| {
        let inside = |at: usize| (at / SCALE).checked_sub(QUIET).filter(|module| *module < code.width());
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) if code[(x, y)] == Color::Dark => 0,
            _ => u8::MAX,
        }
    };
    let pixels: Vec<u8> = (0..width * width).map(|at| pixel(at % width, at / width)).collect();
    let side = u32::try_from(width).ok()?;
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 90)
        .write_image(&pixels, side, side, ExtendedColorType::L8)
        .ok()?;
    Some(jpeg)
}

#[derive(Deserialize)]
pub(super) struct Poll {
    #[serde(default)]
    uuid: String,
    /// `404` once the page knows that it was scanned.
    #[serde(default)]
    last: String,
}

/// `GET /connect/l/qrconnect?uuid=`: JavaScript, at once when something changes, else 408 after the hold time.
pub(super) async fn long_poll(State(shared): State<Arc<Shared>>, Query(poll): Query<Poll>) -> Response {
    let look = |shared: &Shared| {
        let now = shared.now();
        // A forgotten code is as dead as an expired one.
        shared.read(|world| world.scans.get(&poll.uuid).map_or(Phase::Expired, |scan| scan.phase(now)))
    };
    let known_scanned = poll.last == "404";
    let news = |shared: &Shared| match look(shared) {
        Phase::Waiting => None,
        Phase::Scanned if known_scanned => None,
        phase => Some(phase),
    };
    let now = shared.now();
    let left = shared.read(|world| world.scans.get(&poll.uuid).map(|scan| scan.expires.since(now)));
    let hold = left.map_or(shared.long_poll, |left| shared.long_poll.min(left));
    let phase = shared.wait_for(hold, news).await.unwrap_or_else(|| look(&shared));
    let code = if let Phase::Confirmed { code } = &phase { code.as_str() } else { "" };
    let script = format!("window.wx_errcode={};window.wx_code='{code}';", phase.number());
    ([(CONTENT_TYPE, "text/javascript"), (CACHE_CONTROL, "no-store")], script).into_response()
}

#[derive(Deserialize)]
pub(super) struct FastLogin {
    uuid: String,
}

/// `POST /connect/fast_login`: the desktop's WeChat confirms without a phone.
pub(super) async fn fast_login(State(shared): State<Arc<Shared>>, Form(form): Form<FastLogin>) -> Response {
    let now = shared.now();
    let done = shared.change(|world| {
        let Some(person) = world.switches.fast_login.clone() else { return false };
        world.scans.scan(now, &form.uuid, &person).is_ok()
            && world.confirm(now, &mut rng(), &form.uuid).is_ok()
    });
    if done { StatusCode::NO_CONTENT } else { StatusCode::CONFLICT }.into_response()
}

/// `GET /connect/zh_CN/htmledition/js/wxLogin.js`, pointing at this simulator.
pub(super) async fn script(State(shared): State<Arc<Shared>>) -> Response {
    let script = include_str!("pages/wxLogin.js").replace("https://open.weixin.qq.com", &shared.base_url);
    ([(CONTENT_TYPE, "application/javascript")], script).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_picture_shows_the_code_it_was_made_from() {
        let content = b"http://127.0.0.1:1/connect/confirm?uuid=0abcdefghijklmno";
        let picture = image::load_from_memory(&jpeg(content).unwrap()).unwrap().to_luma8();
        let code = QrCode::new(content).unwrap();
        for (at, color) in code.to_colors().into_iter().enumerate() {
            let centre = |module: usize| u32::try_from((module + QUIET) * SCALE + SCALE / 2).unwrap();
            let pixel = picture.get_pixel(centre(at % code.width()), centre(at / code.width()));
            assert_eq!(pixel.0[0] < 128, color == Color::Dark);
        }
    }
}
