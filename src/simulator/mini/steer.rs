//! `/_sim/…` for mini programs and mobile apps: codes, scans, launches.
//!
//! Bodies are JSON. Where `app_id` is left out, the first mini program or mobile app is meant; where `scene` is, the
//! newest mini program code; where `person` is, the current one.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::open::Opened;
use super::tabs::Tab;
use crate::ground::Span;
use crate::simulator::config::AppKind;
use crate::simulator::control::{MAX_WAIT, Problem, read};
use crate::simulator::error::SimError;
use crate::simulator::handle::Handle;
use crate::simulator::shared::{Shared, rng};
use crate::simulator::world::World;

/// What can be seen.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/_sim/next_mini_code", get(next)).route("/_sim/mini_codes", get(codes))
}

#[derive(Deserialize)]
struct Next {
    limit: Option<Span>,
}

async fn next(State(shared): State<Arc<Shared>>, Query(next): Query<Next>) -> Result<Response, Problem> {
    let limit = next.limit.unwrap_or(Span::from_secs(10)).min(MAX_WAIT);
    let code = Handle::new(shared).next_mini_code(limit).await?;
    Ok(axum::Json(code).into_response())
}

async fn codes(State(shared): State<Arc<Shared>>) -> Response {
    axum::Json(Handle::new(shared).mini_codes()).into_response()
}

/// Every mini program as it is published.
pub(crate) fn state(world: &World) -> Vec<Value> {
    let row = |(app_id, program): (&String, &crate::simulator::config::MiniProgram)| {
        json!({
            "app_id": app_id,
            "original_id": program.original_id,
            "pages": program.pages,
            "members": program.members,
            "request_address": world.request_address(app_id),
            "codes": world.minis.pictures.recent().filter(|code| code.app_id == *app_id).count(),
        })
    };
    world.minis.programs.iter().map(row).collect()
}

/// Who does something, where.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Target {
    app_id: Option<String>,
    person: Option<String>,
    scene: Option<String>,
    original_id: Option<String>,
    path: Option<String>,
    on: Option<bool>,
    address: Option<String>,
    url: Option<String>,
}

/// Which open mini program leads back, by the id that opening it answered: whether an app opened it is WeChat's to know.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Return {
    tab: String,
    parameter: String,
}

impl Target {
    fn app(&self, shared: &Shared, kind: AppKind) -> Result<String, SimError> {
        if let Some(app_id) = &self.app_id {
            return Ok(app_id.clone());
        }
        let first = shared
            .read(|world| world.apps().iter().find(|app| app.kind == kind).map(|app| app.app_id.clone()));
        first.ok_or(SimError::NothingWaiting)
    }
}

/// `POST /_sim/{action}`; `None` if this is none of ours.
pub(crate) fn act(shared: &Arc<Shared>, action: &str, body: &[u8]) -> Option<Result<Value, Problem>> {
    let handle = Handle::new(Arc::clone(shared));
    Some(match action {
        "login_code" | "phone_code" | "encrypted_phone" | "encrypted_user" | "mobile_code"
        | "scan_mini_code" | "open_link" | "launch" | "block" | "request_address" => {
            by_person(&handle, action, body)
        }
        "return_to_app" => back(&handle, body),
        _ => return None,
    })
}

fn by_person(handle: &Handle, action: &str, body: &[u8]) -> Result<Value, Problem> {
    let target: Target = read(body)?;
    let shared = handle.shared();
    let person = target.person.clone().unwrap_or_else(|| shared.read(|world| world.current().to_owned()));
    let mini = || target.app(shared, AppKind::MiniProgram);
    Ok(match action {
        "login_code" => json!({"code": handle.login_code(&mini()?, &person)?}),
        "phone_code" => json!({"code": handle.phone_code(&mini()?, &person)?}),
        "encrypted_phone" => json!(handle.encrypted_phone(&mini()?, &person)?),
        "encrypted_user" => json!(handle.encrypted_user(&mini()?, &person)?),
        "mobile_code" => {
            json!({"code": handle.mobile_code(&target.app(shared, AppKind::Mobile)?, &person)?})
        }
        "scan_mini_code" => {
            let newest = || handle.mini_codes().into_iter().next().map(|code| code.scene);
            let scene = target.scene.clone().or_else(newest).ok_or(SimError::NothingWaiting)?;
            tab(shared, handle.scan_mini_code(&scene, &person)?)
        }
        "open_link" => tab(shared, handle.open_link(target.url.as_deref().unwrap_or_default(), &person)?),
        "launch" => {
            let (original_id, path) = (target.original_id.as_deref(), target.path.as_deref());
            tab(shared, handle.launch(original_id.unwrap_or_default(), path.unwrap_or_default(), &person)?)
        }
        "block" => {
            handle.shared().read(|world| world.person(&person).map(|_| ()))?;
            handle.set_blocked(&person, target.on.unwrap_or(true));
            json!({"ok": true})
        }
        _ => {
            handle.set_request_address(&mini()?, target.address.as_deref().unwrap_or_default())?;
            json!({"ok": true})
        }
    })
}

fn back(handle: &Handle, body: &[u8]) -> Result<Value, Problem> {
    let back: Return = read(body)?;
    let tab = handle.shared().read(|world| world.minis.tabs.get(&back.tab).cloned());
    let tab = tab.ok_or(SimError::UnknownTab { tab: back.tab })?;
    Ok(json!({"ext_msg": handle.return_to_app(&tab.opened, &back.parameter)?}))
}

/// What was opened, and the id it stays open by.
fn tab(shared: &Shared, opened: Opened) -> Value {
    let mut told = json!(opened);
    let open = |world: &mut World| world.minis.tabs.open(&mut rng(), Tab::of(opened, None));
    told["tab"] = shared.quietly(open).into();
    told
}
