//! `/_sim/…`: the simulator's handle as JSON over HTTP, for terminals and tests in other languages.
//!
//! For a developer's own machine: whoever reaches it can be anybody.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::account;
use super::config::Person;
use super::error::SimError;
use super::fault::Fault;
use super::handle::Handle;
use super::mini;
use super::shared::Shared;
use super::switches::Switches;
use crate::ground::Span;

/// What `--help` and `/_sim/` say.
pub(super) const HELP: &str = include_str!("pages/control.txt");

pub(super) const MAX_WAIT: Span = Span::from_secs(60);

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/", get(help))
        .route("/_sim", get(help))
        .route("/_sim/state", get(state))
        .route("/_sim/calls", get(calls))
        .route("/_sim/next", get(next))
        .route("/_sim/fault/clear", post(clear_faults))
        .route("/_sim/{action}", post(act))
}

async fn help(State(shared): State<Arc<Shared>>) -> Response {
    let text = HELP.replace("{base}", &shared.base_url);
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

async fn calls(State(shared): State<Arc<Shared>>) -> Response {
    axum::Json(shared.read(|world| counted(world.calls().iter()))).into_response()
}

fn counted<'a>(calls: impl Iterator<Item = (&'a String, &'a usize)>) -> Value {
    Value::Object(calls.map(|(path, count)| (path.clone(), json!(count))).collect())
}

async fn state(State(shared): State<Arc<Shared>>) -> Response {
    let now = shared.now();
    let state = shared.read(|world| {
        let apps = world.apps().iter().map(|app| {
            json!({"id": app.id, "name": app.name, "kind": app.kind, "app_id": app.app_id,
                   "open_platform": app.open_platform, "domain": app.domain})
        });
        let codes = world.scans.recent(50).into_iter().map(|(uuid, scan)| {
            json!({"uuid": uuid, "app_id": scan.app_id, "phase": scan.phase(now), "person": scan.person(),
                   "expires_in": scan.expires.since(now).to_string()})
        });
        json!({
            "base_url": shared.base_url,
            "now": now.secs(),
            "current_person": world.current(),
            "people": world.people(),
            "apps": apps.collect::<Vec<_>>(),
            "accounts": account::state(world, now),
            "mini_programs": mini::state(world),
            "qr_codes": codes.collect::<Vec<_>>(),
            "switches": world.switches,
            "faults": world.faults.list(),
            "calls": counted(world.calls().iter()),
            "journal": world.journal().collect::<Vec<_>>(),
        })
    });
    axum::Json(state).into_response()
}

#[derive(Deserialize)]
struct Next {
    limit: Option<Span>,
}

async fn next(State(shared): State<Arc<Shared>>, Query(next): Query<Next>) -> Result<Response, Problem> {
    let limit = next.limit.unwrap_or(Span::from_secs(10)).min(MAX_WAIT);
    let uuid = Handle::new(shared).next_waiting(limit).await?;
    Ok(axum::Json(json!({ "uuid": uuid })).into_response())
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> Response {
    Handle::new(shared).clear_faults();
    axum::Json(json!({"ok": true})).into_response()
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Target {
    uuid: Option<String>,
    person: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Planned {
    path: String,
    fault: Fault,
    #[serde(default = "once")]
    times: u32,
}

const fn once() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    by: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantCode {
    app_id: String,
    person: Option<String>,
    scope: String,
}

async fn act(
    State(shared): State<Arc<Shared>>,
    Path(action): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let handle = Handle::new(Arc::clone(&shared));
    let current = || shared.read(|world| world.current().to_owned());
    let mut answer = json!({"ok": true});
    match action.as_str() {
        "scan" | "confirm" | "refuse" | "expire" | "login" => {
            let target: Target = read(&body)?;
            let uuid = target.uuid.map_or_else(|| newest(&shared, &action), Ok)?;
            let person = target.person.unwrap_or_else(current);
            phone(&handle, &action, &uuid, &person)?;
            answer = json!({"ok": true, "uuid": uuid, "phase": handle.phase(&uuid)?});
        }
        "code" => {
            let want: WantCode = read(&body)?;
            let person = want.person.unwrap_or_else(current);
            answer = json!({"code": handle.code_for(&want.app_id, &person, &want.scope)?});
        }
        "current" => handle.set_current_person(&read::<Target>(&body)?.person.unwrap_or_else(current))?,
        "people" => handle.put_person(read::<Person>(&body)?)?,
        "revoke" => {
            let person = read::<Target>(&body)?.person.unwrap_or_else(current);
            answer = json!({"ok": true, "revoked": handle.revoke(&person)?});
        }
        "fault" => {
            let planned: Planned = read(&body)?;
            handle.fault(&planned.path, planned.fault, planned.times);
        }
        "advance" => handle.advance(read::<Advance>(&body)?.by),
        "switches" => answer = json!({"switches": switch(&shared, &body)?}),
        action => {
            let outcome = match account::act(&shared, action, &body).await {
                Some(outcome) => Some(outcome),
                None => mini::act(&shared, action, &body),
            };
            match outcome {
                Some(outcome) => answer = outcome?,
                None => return Ok((StatusCode::NOT_FOUND, HELP).into_response()),
            }
        }
    }
    Ok(axum::Json(answer).into_response())
}

fn phone(handle: &Handle, action: &str, uuid: &str, person: &str) -> Result<(), SimError> {
    match action {
        "scan" => handle.scan(uuid, person),
        "confirm" => handle.confirm(uuid),
        "refuse" => handle.refuse(uuid),
        "expire" => handle.expire(uuid),
        _ => {
            handle.scan(uuid, person)?;
            handle.confirm(uuid)
        }
    }
}

/// The newest QR code that `action` can be done to.
fn newest(shared: &Shared, action: &str) -> Result<String, SimError> {
    let fits = |phase: &str| match action {
        "scan" | "login" => phase == "waiting",
        "confirm" | "refuse" => phase == "scanned",
        _ => phase == "waiting" || phase == "scanned",
    };
    let now = shared.now();
    let found = shared.read(|world| {
        let mut recent = world.scans.recent(usize::MAX).into_iter();
        recent.find(|(_, scan)| fits(scan.phase(now).name())).map(|(uuid, _)| uuid)
    });
    found.ok_or(SimError::NothingWaiting)
}

/// Changes only the switches that are named.
fn switch(shared: &Shared, body: &[u8]) -> Result<Switches, Problem> {
    let named: serde_json::Map<String, Value> = read(body)?;
    shared.change(|world| {
        let mut all = serde_json::to_value(&world.switches).map_err(|error| Problem(error.to_string()))?;
        if let Value::Object(all) = &mut all {
            all.extend(named);
        }
        let switches: Switches = serde_json::from_value(all).map_err(|error| Problem(error.to_string()))?;
        if let Some(person) = &switches.fast_login {
            world.person(person)?;
        }
        world.switches = switches.clone();
        Ok(switches)
    })
}

/// Reads a body; an empty one counts as `{}`.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Problem(error.to_string()))
}

/// 400 and a sentence.
pub(super) struct Problem(String);

impl From<SimError> for Problem {
    fn from(error: SimError) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, axum::Json(json!({"error": self.0}))).into_response()
    }
}
