//! The phone's side of service accounts: cards of parametric codes, the profile, the chat with its links.
//!
//! Works without scripts: a tap waits a moment for the account's answer before the next page is shown.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use minijinja::{Value, context};
use serde::Deserialize;

use super::SceneScan;
use super::followers::{Line, Said};
use super::scenes::Code;
use crate::ground::Timestamp;
use crate::simulator::authorize::person_cookie;
use crate::simulator::config::App;
use crate::simulator::error::SimError;
use crate::simulator::handle::Handle;
use crate::simulator::pages;
use crate::simulator::shared::Shared;
use crate::simulator::world::World;

/// The pages of accounts.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/q/{key}", get(code))
        .route("/phone/account/{app_id}", get(page))
        .route("/phone/account/{app_id}/chat", get(chat))
        .route("/phone/account/{app_id}/{action}", post(act))
}

/// `GET /q/{key}`: the address inside a parametric code.
async fn code(Path(key): Path<String>) -> Redirect {
    Redirect::to(&format!("/phone?uuid={}", escape(&key)))
}

fn escape(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

// What the phone's first page shows of accounts.

/// The newest codes that can be scanned.
pub(crate) fn cards(world: &World, now: Timestamp, me: &str, count: usize) -> Vec<Value> {
    world
        .scenes
        .recent()
        .filter(|code| !code.is_expired(now))
        .take(count)
        .map(|code| card(world, now, me, code))
        .collect()
}

/// The code whose address ends so.
pub(crate) fn card_of(world: &World, now: Timestamp, me: &str, key: &str) -> Option<Value> {
    world.scenes.by_key(key).map(|code| card(world, now, me, code))
}

fn card(world: &World, now: Timestamp, me: &str, code: &Code) -> Value {
    context! {
        account => true,
        mini => false,
        uuid => code.key.as_str(),
        scene => code.scene.text(),
        app => world.app(&code.app_id).map(|app| app.name.as_str()).unwrap_or_default(),
        app_id => code.app_id.as_str(),
        follows => world.followers.followed(&code.app_id, me).is_some(),
        phase => if code.is_expired(now) { "expired" } else { "waiting" },
        seconds => code.expires.map(|expires| expires.since(now).secs()),
    }
}

/// All accounts with what is between them and this person.
pub(crate) fn accounts(world: &World, me: &str) -> Vec<Value> {
    let accounts = world.apps().iter().filter(|app| app.kind.is_account());
    let row = |app: &App| {
        let last = world.followers.chat(&app.app_id, me).pop();
        context! {
            app_id => app.app_id.as_str(),
            name => app.name.as_str(),
            follows => world.followers.followed(&app.app_id, me).is_some(),
            last => last.map(|line| parts(&line.text).into_iter().map(|(text, _)| text).collect::<String>()),
        }
    };
    accounts.map(row).collect()
}

/// What a tap on "扫一扫" does with a parametric code: where the phone goes next. `None` if there is no such code.
pub(crate) async fn scan(handle: &Handle, key: &str, me: &str) -> Option<Result<String, SimError>> {
    let found = handle
        .shared()
        .read(|world| world.scenes.by_key(key).map(|code| (code.ticket.clone(), code.app_id.clone())));
    let (ticket, app_id) = found?;
    Some(match handle.scan_scene(&ticket, me) {
        Ok(SceneScan::Expired) => Ok(format!("/phone?uuid={}", escape(key))),
        Ok(SceneScan::Chat | SceneScan::Profile) => {
            handle.answered(&app_id, me).await;
            Ok(format!("/phone/account/{}", escape(&app_id)))
        }
        Err(error) => Err(error),
    })
}

/// Lets a parametric code expire. `None` if there is no such code.
pub(crate) fn expire(handle: &Handle, key: &str) -> Option<Result<(), SimError>> {
    let ticket = handle.shared().read(|world| world.scenes.by_key(key).map(|code| code.ticket.clone()))?;
    Some(handle.expire_scene(&ticket))
}

// The account's own page: its profile, or the chat with it.

fn me(shared: &Shared, headers: &HeaderMap) -> String {
    shared.read(|world| world.person_of(person_cookie(headers).as_deref()))
}

async fn page(State(shared): State<Arc<Shared>>, Path(app_id): Path<String>, headers: HeaderMap) -> Response {
    show(&shared, &app_id, &me(&shared, &headers), None)
}

fn show(shared: &Shared, app_id: &str, me: &str, problem: Option<String>) -> Response {
    let values = shared.read(|world| {
        let app = world.account(app_id)?;
        let person = world.person(me)?;
        Ok::<_, SimError>(context! {
            app_id,
            problem,
            app => app.name.as_str(),
            me => person.id.as_str(),
            name => person.name.as_str(),
            follows => world.followers.followed(app_id, me).is_some(),
            through => world.followers.profile(app_id, me).is_some(),
            pushed => world.pushes.push(app_id).is_some(),
            lines => lines(world, app_id, me),
        })
    });
    match values {
        Ok(values) => pages::html("account.html", values),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The part of the page that changes by itself.
async fn chat(State(shared): State<Arc<Shared>>, Path(app_id): Path<String>, headers: HeaderMap) -> Response {
    let me = me(&shared, &headers);
    let values = shared.read(|world| context! { lines => lines(world, &app_id, &me), me });
    pages::html("chat.html", values)
}

fn lines(world: &World, app_id: &str, me: &str) -> Vec<Value> {
    let line = |line: &Line| {
        let said = match line.said {
            Said::Person => "person",
            Said::Account => "account",
            Said::Wechat => "wechat",
        };
        let parts: Vec<_> =
            parts(&line.text).into_iter().map(|(text, href)| context! { text, href }).collect();
        context! { said, parts }
    };
    world.followers.chat(app_id, me).iter().map(line).collect()
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    text: String,
}

/// `POST /phone/account/{app_id}/follow|unfollow|text|menu|close`
async fn act(
    State(shared): State<Arc<Shared>>,
    Path((app_id, action)): Path<(String, String)>,
    headers: HeaderMap,
    Form(form): Form<Written>,
) -> Response {
    let me = me(&shared, &headers);
    let handle = Handle::new(Arc::clone(&shared));
    let done = match action.as_str() {
        "follow" => handle.follow(&app_id, &me),
        "unfollow" => handle.unfollow(&app_id, &me),
        "text" if form.text.trim().is_empty() => Ok(()),
        "text" => handle.send_text(&app_id, &me, form.text.trim()),
        "menu" => handle.click_menu(&app_id, &me, "menu"),
        "close" => {
            handle.close_profile(&app_id, &me);
            return Redirect::to("/phone").into_response();
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match done {
        Ok(()) => {
            handle.answered(&app_id, &me).await;
            Redirect::to(&format!("/phone/account/{}", escape(&app_id))).into_response()
        }
        Err(error) => {
            (StatusCode::CONFLICT, show(&shared, &app_id, &me, Some(error.to_string()))).into_response()
        }
    }
}

/// A text as the chat shows it: pieces, with an address where one can be tapped. WeChat knows `<a href="…">` and
/// bare addresses.
fn parts(text: &str) -> Vec<(String, Option<String>)> {
    let mut parts: Vec<(String, Option<String>)> = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let Some((label, href, after)) = anchor(rest).or_else(|| address(rest)) else {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        if !plain.is_empty() {
            parts.push((std::mem::take(&mut plain), None));
        }
        parts.push((label.into(), Some(href.into())));
        rest = after;
    }
    if !plain.is_empty() {
        parts.push((plain, None));
    }
    parts
}

fn anchor(text: &str) -> Option<(&str, &str, &str)> {
    let (href, rest) = text.strip_prefix("<a href=\"")?.split_once('"')?;
    let (_, rest) = rest.split_once('>')?;
    let (label, rest) = rest.split_once("</a>")?;
    is_web(href).then_some((label, href, rest))
}

fn address(text: &str) -> Option<(&str, &str, &str)> {
    let ends = |c: char| !c.is_ascii_graphic() || matches!(c, '<' | '>' | '"' | '\'');
    let (href, rest) = is_web(text).then(|| text.split_at(text.find(ends).unwrap_or(text.len())))?;
    Some((href, href, rest))
}

fn is_web(href: &str) -> bool {
    href.starts_with("http://") || href.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn linked(text: &str, href: &str) -> (String, Option<String>) {
        (text.into(), Some(href.into()))
    }

    fn plain(text: &str) -> (String, Option<String>) {
        (text.into(), None)
    }

    #[test]
    fn links_can_be_tapped_and_everything_else_is_text() {
        assert_eq!(
            parts("登录？<a href=\"https://a.test/c?t=1&x=2\">确认</a>，或 http://b.test/y。<b>"),
            [
                plain("登录？"),
                linked("确认", "https://a.test/c?t=1&x=2"),
                plain("，或 "),
                linked("http://b.test/y", "http://b.test/y"),
                plain("。<b>"),
            ]
        );
        assert_eq!(parts("<a href=\"javascript:x\">y</a>"), [plain("<a href=\"javascript:x\">y</a>")]);
    }

    proptest! {
        #[test]
        fn no_text_is_lost(text in "[a-z<>\" =/:.h💬]{0,60}") {
            let joined: String = parts(&text).into_iter().map(|(text, _)| text).collect();
            prop_assert!(joined == text || text.contains("</a>"));
        }
    }
}
