//! A stub of a mobile app on the phone: 微信登录 with the Open SDK, and a login through the mini program.
//!
//! It asks the gateway as a real app would and shows every request. Works without scripts.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::gateway::{Ended, Gateway, Step, ended, plain};
use super::phone::{Given, closed, further, me, segment};
use super::pictures::EnvVersion;
use super::tabs::{Attempt, Tab};
use crate::simulator::config::AppKind;
use crate::simulator::handle::Handle;
use crate::simulator::ids;
use crate::simulator::pages;
use crate::simulator::shared::{Shared, rng};

/// The app's pages.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/phone/app", get(page)).route("/phone/app/{action}", post(act))
}

/// The app while somebody uses it: its id and name, whose phone it is, its server.
struct App {
    handle: Handle,
    app_id: String,
    name: String,
    person: String,
    gateway: Gateway,
    steps: Vec<Step>,
    /// The login methods of the gateway that the two buttons use.
    methods: [String; 2],
}

impl App {
    /// The first mobile app there is.
    fn new(shared: &Arc<Shared>, headers: &HeaderMap) -> Option<Self> {
        let person = me(shared, headers);
        shared.read(|world| {
            let app = world.apps().iter().find(|app| app.kind == AppKind::Mobile)?;
            Some(Self {
                handle: Handle::new(Arc::clone(shared)),
                app_id: app.app_id.clone(),
                name: app.name.clone(),
                person,
                gateway: Gateway::of_app(world.request_address(&app.app_id)),
                steps: Vec::new(),
                methods: ["app".into(), "launch".into()],
            })
        })
    }

    async fn post(&mut self, title: &'static str, path: &str, body: &Json) -> Result<Json, String> {
        let step = self.gateway.post(title, path, body).await;
        let (value, problem) = (step.good().cloned(), step.problem().unwrap_or_default().to_owned());
        self.steps.push(step);
        value.ok_or(problem)
    }

    async fn ended(&mut self) -> Ended {
        ended(&self.gateway, &mut self.steps).await
    }

    /// 微信登录: a nonce, WeChat's code, the login.
    async fn log_in(&mut self, method: &str) -> Result<Ended, String> {
        let method = segment(method);
        let begun = self.post("开始 Begin", &format!("/api/begin/{method}"), &json!({})).await?;
        let code = self.handle.mobile_code(&self.app_id, &self.person).map_err(|error| error.to_string())?;
        let body = json!({"code": code, "nonce": begun.get("nonce").map(plain).unwrap_or_default()});
        // What a refusal says is in the end of the login too.
        let _ = self.post("微信登录 Log in", &format!("/api/login/{method}"), &body).await;
        Ok(self.ended().await)
    }

    /// 打开小程序登录: a ticket, then the mini program; answers the address of its page.
    async fn launch(&mut self, method: &str) -> Result<String, String> {
        let verifier = ids::letters(&mut rng(), 43);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let body = json!({"method": method, "challenge": challenge});
        let told = self.post("申请打开小程序 Ask for a launch", "/api/launch", &body).await?;
        let text = |key: &str| told.get(key).map(plain).unwrap_or_default();
        let version = match told.get("program_type").and_then(Json::as_u64) {
            Some(1) => EnvVersion::Develop,
            Some(2) => EnvVersion::Trial,
            _ => EnvVersion::Release,
        };
        let (original_id, path) = (text("mini_program"), text("path"));
        let attempt = Attempt {
            app_id: self.app_id.clone(),
            ticket: text("ticket"),
            verifier,
            steps: std::mem::take(&mut self.steps),
        };
        let id = self.handle.shared().change(|world| {
            let opened = world.launch_mini(&original_id, &path, &self.person, version)?;
            Ok(world.minis.tabs.open(&mut rng(), Tab::of(opened, Some(attempt))))
        });
        id.map(|id| format!("/phone/mini/{id}"))
            .map_err(|error: crate::simulator::error::SimError| error.to_string())
    }

    /// Back from the mini program, with what it gave: the login.
    async fn redeem(&mut self, tab: Tab, parameter: &str) -> Result<Ended, String> {
        let back = self.handle.return_to_app(&tab.opened, parameter).map_err(|error| error.to_string())?;
        let Some(attempt) = tab.attempt.filter(|attempt| attempt.app_id == self.app_id) else {
            return Err("这个小程序不是应用打开的 No app opened this mini program".into());
        };
        self.steps = attempt.steps;
        let body = json!({"ticket": attempt.ticket, "verifier": attempt.verifier, "return_code": back});
        let _ = self.post("兑换 Redeem", "/api/redeem", &body).await;
        Ok(self.ended().await)
    }

    fn page(self, done: Result<Ended, String>) -> Response {
        let (ended, problem) = match done {
            Ok(mut ended) => {
                let problem = ended.problem.take();
                (ended, problem)
            }
            Err(problem) => (Ended::default(), Some(problem)),
        };
        let status = if problem.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
        let address = |world: &super::World| world.request_address(&self.app_id).map(str::to_owned);
        let address = self.handle.shared().read(address);
        let page = pages::html(
            "app.html",
            context! {
                app => self.name, app_id => self.app_id, me => self.person, method => "",
                methods => self.methods.to_vec(),
                back => "/phone/app", address, problem, ended => Value::from(Serde(&ended)),
                steps => Value::from(Serde(&self.steps)),
            },
        );
        (status, page).into_response()
    }
}

/// `GET /phone/app`
async fn page(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match App::new(&shared, &headers) {
        Some(app) => app.page(Ok(Ended::default())),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `POST /phone/app/login|launch|return|choose|logout`
async fn act(
    State(shared): State<Arc<Shared>>,
    Path(action): Path<String>,
    headers: HeaderMap,
    Form(given): Form<Given>,
) -> Response {
    let Some(mut app) = App::new(&shared, &headers) else { return StatusCode::NOT_FOUND.into_response() };
    let done = match action.as_str() {
        "login" => {
            app.methods[0].clone_from(&given.method);
            app.log_in(&given.method).await
        }
        "launch" => match app.launch(&given.method).await {
            Ok(next) => return Redirect::to(&next).into_response(),
            Err(problem) => {
                app.methods[1].clone_from(&given.method);
                Err(problem)
            }
        },
        "return" => {
            let Some(tab) = shared.read(|world| world.minis.tabs.get(&given.tab).cloned()) else {
                return closed();
            };
            app.redeem(tab, &given.parameter).await
        }
        "choose" | "logout" => Ok(further(&app.gateway, &mut app.steps, &action, &given).await),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    app.page(done)
}
