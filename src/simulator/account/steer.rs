//! `/_sim/…` for service accounts: scanning, following, writing, push settings and their troubles.
//!
//! Bodies are JSON. Where `app_id` is left out, the first service account is meant; where `ticket` is, the newest.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ground::{Span, Timestamp};
use crate::simulator::config::{App, Person};
use crate::simulator::control::{MAX_WAIT, Problem, read};
use crate::simulator::error::SimError;
use crate::simulator::handle::Handle;
use crate::simulator::push::Push;
use crate::simulator::shared::Shared;
use crate::simulator::world::World;

/// What can be seen.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/next_scene", get(next))
        .route("/_sim/scenes", get(scenes))
        .route("/_sim/pushes", get(pushes))
        .route("/_sim/chat", get(chat))
}

#[derive(Deserialize)]
struct Next {
    limit: Option<Span>,
}

async fn next(State(shared): State<Arc<Shared>>, Query(next): Query<Next>) -> Result<Response, Problem> {
    let limit = next.limit.unwrap_or(Span::from_secs(10)).min(MAX_WAIT);
    let code = Handle::new(shared).next_scene_code(limit).await?;
    Ok(axum::Json(code).into_response())
}

async fn scenes(State(shared): State<Arc<Shared>>) -> Response {
    axum::Json(Handle::new(shared).scene_codes()).into_response()
}

async fn pushes(
    State(shared): State<Arc<Shared>>,
    Query(target): Query<Target>,
) -> Result<Response, Problem> {
    let app_id = target.account(&shared)?;
    let handle = Handle::new(shared);
    let answer = json!({"pushes": handle.pushes(&app_id), "health": handle.push_health(&app_id)});
    Ok(axum::Json(answer).into_response())
}

async fn chat(State(shared): State<Arc<Shared>>, Query(target): Query<Target>) -> Result<Response, Problem> {
    let (app_id, person) = (target.account(&shared)?, target.person(&shared));
    Ok(axum::Json(Handle::new(shared).chat(&app_id, &person)).into_response())
}

/// Every account's followers, push settings without their secrets, and health.
pub(crate) fn state(world: &World, now: Timestamp) -> Vec<Value> {
    let accounts = world.apps().iter().filter(|app| app.kind.is_account());
    let people = world.people();
    let row = |app: &App| {
        let follows = |person: &&Person| world.followers.followed(&app.app_id, &person.id).is_some();
        let push = world.pushes.push(&app.app_id);
        json!({
            "app_id": app.app_id,
            "followers": people.iter().filter(follows).map(|person| &person.id).collect::<Vec<_>>(),
            "push": push.map(|push| json!({"url": push.url, "mode": push.mode, "format": push.format})),
            "health": world.pushes.health(now, &app.app_id),
            "scene_codes": world.scenes.recent().filter(|code| code.app_id == app.app_id && !code.is_expired(now)).count(),
        })
    };
    accounts.map(row).collect()
}

/// Who does something, with which account.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Target {
    app_id: Option<String>,
    person: Option<String>,
    ticket: Option<String>,
    text: Option<String>,
    key: Option<String>,
}

impl Target {
    fn account(&self, shared: &Shared) -> Result<String, SimError> {
        match &self.app_id {
            Some(app_id) => shared.read(|world| world.account(app_id).map(|app| app.app_id.clone())),
            None => shared.read(first),
        }
    }

    fn person(&self, shared: &Shared) -> String {
        self.person.clone().unwrap_or_else(|| shared.read(|world| world.current().to_owned()))
    }
}

fn first(world: &World) -> Result<String, SimError> {
    let account = world.apps().iter().find(|app| app.kind.is_account());
    account.map(|app| app.app_id.clone()).ok_or(SimError::NothingWaiting)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetPush {
    app_id: Option<String>,
    /// `null` switches pushing off.
    push: Option<Push>,
    #[serde(default)]
    unverified: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whitelist {
    app_id: Option<String>,
    /// `null` for everywhere.
    ips: Option<Vec<IpNet>>,
}

/// `POST /_sim/{action}`; `None` if this is none of ours.
pub(crate) async fn act(shared: &Arc<Shared>, action: &str, body: &[u8]) -> Option<Result<Value, Problem>> {
    let handle = Handle::new(Arc::clone(shared));
    Some(match action {
        "scan_scene" | "expire_scene" | "follow" | "unfollow" | "text" | "menu" => {
            by_person(&handle, action, body).await
        }
        "push" => set_push(&handle, body).await,
        "verify_push" | "replay_push" | "replace_tokens" => for_account(&handle, action, body).await,
        "whitelist" => whitelist(&handle, body),
        _ => return None,
    })
}

async fn by_person(handle: &Handle, action: &str, body: &[u8]) -> Result<Value, Problem> {
    let target: Target = read(body)?;
    let shared = handle.shared();
    let person = target.person(shared);
    let mut answer = json!({"ok": true});
    match action {
        "scan_scene" | "expire_scene" => {
            let newest =
                || handle.scene_codes().pop().map(|code| code.ticket).ok_or(SimError::NothingWaiting);
            let ticket = target.ticket.map_or_else(newest, Ok)?;
            if action == "expire_scene" {
                handle.expire_scene(&ticket)?;
            } else {
                let shown = handle.scan_scene(&ticket, &person)?;
                let app_id =
                    shared.read(|world| world.scenes.get(&ticket).map(|code| code.app_id.clone()))?;
                handle.answered(&app_id, &person).await;
                answer = json!({"ok": true, "ticket": ticket, "shown": shown,
                                "chat": handle.chat(&app_id, &person)});
            }
        }
        _ => {
            let app_id = target.account(shared)?;
            match action {
                "follow" => handle.follow(&app_id, &person)?,
                "unfollow" => handle.unfollow(&app_id, &person)?,
                "menu" => handle.click_menu(&app_id, &person, target.key.as_deref().unwrap_or("menu"))?,
                _ => handle.send_text(&app_id, &person, target.text.as_deref().unwrap_or_default())?,
            }
            handle.answered(&app_id, &person).await;
            answer["chat"] = json!(handle.chat(&app_id, &person));
        }
    }
    Ok(answer)
}

async fn for_account(handle: &Handle, action: &str, body: &[u8]) -> Result<Value, Problem> {
    let app_id = read::<Target>(body)?.account(handle.shared())?;
    match action {
        "verify_push" => handle.verify_push(&app_id).await?,
        "replay_push" => handle.replay_push(&app_id)?,
        _ => handle.replace_tokens(&app_id),
    }
    Ok(json!({"ok": true}))
}

async fn set_push(handle: &Handle, body: &[u8]) -> Result<Value, Problem> {
    let set: SetPush = read(body)?;
    let app_id = Target { app_id: set.app_id, ..Target::default() }.account(handle.shared())?;
    if set.unverified {
        handle.set_push_unverified(&app_id, set.push)?;
    } else {
        handle.set_push(&app_id, set.push).await?;
    }
    Ok(json!({"ok": true}))
}

fn whitelist(handle: &Handle, body: &[u8]) -> Result<Value, Problem> {
    let list: Whitelist = read(body)?;
    let app_id = Target { app_id: list.app_id, ..Target::default() }.account(handle.shared())?;
    handle.set_ip_whitelist(&app_id, list.ips)?;
    Ok(json!({"ok": true}))
}
