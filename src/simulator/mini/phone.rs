//! The phone's side of mini programs: cards of their codes, and the pages of the published mini program.
//!
//! The pages do what the published ones do: they ask the gateway's JSON API, with a fresh `wx.login` for every call.
//! Works without scripts.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, RawQuery as Raw, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use serde_json::json;
use time::UtcOffset;

use super::app;
use super::gateway::{Ended, Gateway, Step, ended, plain};
use super::links::OWN_PATH;
use super::open::{FROM_LIST, Opened};
use super::pictures::{EnvVersion, Picture};
use super::published::{Purpose, WRONG_PAGE};
use super::tabs::Tab;
use crate::ground::{Span, Timestamp};
use crate::simulator::authorize::person_cookie;
use crate::simulator::config::{App, AppKind};
use crate::simulator::error::SimError;
use crate::simulator::handle::Handle;
use crate::simulator::pages;
use crate::simulator::shared::{Shared, rng};
use crate::simulator::world::World;

/// The pages of mini programs and of the app beside them.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/wxaurl/{ticket}", get(link))
        .route("/phone/open", post(open))
        .route("/phone/mini/{id}", get(page))
        .route("/phone/mini/{id}/{action}", post(act))
        .merge(app::router())
}

// What the phone's first page shows of mini programs.

/// How long a code stays on the phone's first page; it can be scanned for ever.
const SHOWN: Span = Span::from_mins(10);

/// The newest codes.
pub(crate) fn cards(world: &World, now: Timestamp, count: usize) -> Vec<Value> {
    let fresh = |code: &&Picture| now.since(code.made) < SHOWN;
    world.minis.pictures.recent().filter(fresh).take(count).map(|code| card(world, code)).collect()
}

/// The code whose address ends so.
pub(crate) fn card_of(world: &World, key: &str) -> Option<Value> {
    world.minis.pictures.by_key(key).map(|code| card(world, code))
}

fn card(world: &World, code: &Picture) -> Value {
    context! {
        account => false,
        mini => true,
        uuid => code.key.as_str(),
        scene => code.scene.as_str(),
        page => code.page.as_str(),
        version => code.version.text(),
        app => world.app(&code.app_id).map(|app| app.name.as_str()).unwrap_or_default(),
        phase => "waiting",
    }
}

/// All mini programs and mobile apps.
pub(crate) fn programs(world: &World) -> Vec<Value> {
    let apps = world.apps().iter().filter(|app| matches!(app.kind, AppKind::MiniProgram | AppKind::Mobile));
    let first = world.apps().iter().find(|app| app.kind == AppKind::Mobile);
    let row = |app: &App| {
        context! {
            // The app's page is that of the first one.
            first => first.is_some_and(|first| first.app_id == app.app_id),
            app_id => app.app_id.as_str(),
            name => app.name.as_str(),
            mobile => app.kind == AppKind::Mobile,
        }
    };
    apps.map(row).collect()
}

/// What a tap on a mini program code does: where the phone goes next. `None` if there is no such code.
pub(crate) fn scan(handle: &Handle, key: &str, me: &str) -> Option<Result<String, SimError>> {
    let scene = handle.shared().read(|world| world.minis.pictures.by_key(key).cloned())?;
    Some(
        handle
            .shared()
            .change(|world| world.scan_picture(&scene, me))
            .map(|opened| show(handle.shared(), opened)),
    )
}

/// Remembers an open mini program and answers the address of its page.
pub(super) fn show(shared: &Shared, opened: Opened) -> String {
    let id = shared.quietly(|world| world.minis.tabs.open(&mut rng(), Tab::of(opened, None)));
    format!("/phone/mini/{id}")
}

pub(super) fn me(shared: &Shared, headers: &HeaderMap) -> String {
    shared.read(|world| world.person_of(person_cookie(headers).as_deref()))
}

/// `GET /wxaurl/{ticket}[?cq=]`: a URL link on the simulator's own address.
async fn link(
    State(shared): State<Arc<Shared>>,
    Path(ticket): Path<String>,
    Raw(raw): Raw,
    headers: HeaderMap,
) -> Response {
    let query = raw.map(|raw| format!("?{raw}")).unwrap_or_default();
    let url = format!("{}{OWN_PATH}{ticket}{query}", shared.base_url);
    go(&shared, Handle::new(Arc::clone(&shared)).open_link(&url, &me(&shared, &headers)))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Open {
    url: String,
    app_id: String,
}

/// `POST /phone/open`: a link that was pasted, or a mini program of the list.
async fn open(State(shared): State<Arc<Shared>>, headers: HeaderMap, Form(open): Form<Open>) -> Response {
    let me = me(&shared, &headers);
    let opened = if open.app_id.is_empty() {
        Handle::new(Arc::clone(&shared)).open_link(open.url.trim(), &me)
    } else {
        let home = |world: &mut World| {
            world.open_mini(&open.app_id, &me, "", String::new(), FROM_LIST, EnvVersion::Release)
        };
        shared.change(home)
    };
    go(&shared, opened)
}

fn go(shared: &Shared, opened: Result<Opened, SimError>) -> Response {
    match opened {
        Ok(opened) => Redirect::to(&show(shared, opened)).into_response(),
        Err(error) => {
            let page = pages::message("打不开这个小程序", &error.to_string());
            (StatusCode::CONFLICT, page).into_response()
        }
    }
}

// The published mini program.

/// What somebody filled in on a page of the mini program or the app.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Given {
    /// Which login method of the gateway.
    pub(super) method: String,
    /// Whether the phone number goes along: `code` or `encrypted`.
    pub(super) phone: String,
    pub(super) flow: String,
    pub(super) key: String,
    pub(super) account: String,
    pub(super) token: String,
    /// What the mini program gives the app.
    pub(super) parameter: String,
    /// The mini program that returns to the app.
    pub(super) tab: String,
}

/// One visit of a page: who, where, and what was asked so far.
struct Visit {
    id: String,
    opened: Opened,
    /// Whether the page has shown what it is to approve.
    asked: bool,
    gateway: Gateway,
    handle: Handle,
    steps: Vec<Step>,
}

impl Visit {
    fn new(shared: &Arc<Shared>, id: String) -> Option<Self> {
        let (opened, asked, gateway) = shared.read(|world| {
            let Tab { opened, asked, .. } = world.minis.tabs.get(&id)?.clone();
            let address = world.request_address(&opened.app_id);
            let gateway = Gateway::of_mini(address, &opened.app_id, opened.version);
            Some((opened, asked, gateway))
        })?;
        Some(Self { id, opened, asked, gateway, handle: Handle::new(Arc::clone(shared)), steps: Vec::new() })
    }

    /// `{scene, code}` with a fresh code, as every call of the approving page sends it.
    fn approving(&self, ticket: &str) -> Result<serde_json::Value, SimError> {
        let code = self.handle.login_code(&self.opened.app_id, &self.opened.person)?;
        Ok(json!({"scene": ticket, "code": code}))
    }

    /// Asks the gateway, and answers what it says if it agrees.
    async fn post(
        &mut self,
        title: &'static str,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<serde_json::Value, String> {
        let step = self.gateway.post(title, path, body).await;
        let value = step.good().cloned();
        let problem = step.problem().unwrap_or_default().to_owned();
        self.steps.push(step);
        value.ok_or(problem)
    }

    /// Looks what there is to approve. A login of the other kind is none of this page's.
    async fn scan(&mut self, purpose: &Purpose, ticket: &str) -> Result<Value, String> {
        let body = self.approving(ticket).map_err(|error| error.to_string())?;
        let told = self.post("要确认什么 What is to be approved", "/api/scan", &body).await?;
        let text = |key: &str| told.get(key).map(plain).unwrap_or_default();
        if !purpose.approves(&text("kind")) {
            return Err(WRONG_PAGE.into());
        }
        self.handle.shared().quietly(|world| world.minis.tabs.asked(&self.id));
        let begun = told.get("begun_at").and_then(serde_json::Value::as_i64).map(clock);
        let has_phone = self.handle.shared().read(|world| world.phone_of(&self.opened.person).is_ok());
        Ok(context! {
            site => text("site"), host => text("host"), app => text("kind") == "app",
            browser => text("browser"), ip => text("ip"), begun, seconds => text("expires_in"),
            ask_phone => told.get("ask_phone") == Some(&true.into()), has_phone,
        })
    }

    /// Says yes; an app's login answers with what leads back to it.
    async fn confirm(
        &mut self,
        purpose: &Purpose,
        ticket: &str,
        given: &Given,
    ) -> Result<Option<String>, String> {
        let mut body = self.approving(ticket).map_err(|error| error.to_string())?;
        if !given.phone.is_empty() {
            let code = self.handle.phone_code(&self.opened.app_id, &self.opened.person);
            body["phone_code"] = code.map_err(|error| error.to_string())?.into();
        }
        let told = self.post("确认登录 Confirm", "/api/confirm", &body).await?;
        let return_code = told.get("return_code").and_then(serde_json::Value::as_str).map(str::to_owned);
        match purpose {
            Purpose::Launch(_) => return_code.map(Some).ok_or_else(|| "回答里没有 return_code".into()),
            _ => Ok(None),
        }
    }

    /// 一键登录
    async fn log_in(&mut self, given: &Given) -> Result<Ended, SimError> {
        let (app_id, person) = (self.opened.app_id.clone(), self.opened.person.clone());
        let mut body = json!({"code": self.handle.login_code(&app_id, &person)?});
        match given.phone.as_str() {
            "code" => body["phone_code"] = self.handle.phone_code(&app_id, &person)?.into(),
            "encrypted" => {
                let sealed = self.handle.encrypted_phone(&app_id, &person)?;
                body["encrypted_data"] = sealed.encrypted_data.into();
                body["iv"] = sealed.iv.into();
            }
            _ => {}
        }
        let path = format!("/api/login/{}", segment(&given.method));
        let step = self.gateway.post("一键登录 Log in", &path, &body).await;
        self.steps.push(step);
        Ok(ended(&self.gateway, &mut self.steps).await)
    }

    /// The page as it looks now.
    fn page(self, view: &'static str, problem: Option<String>, values: Value) -> Response {
        let world = |world: &World| {
            let app = world.app(&self.opened.app_id).map(|app| app.name.clone()).unwrap_or_default();
            let name = world.person(&self.opened.person).map(|person| person.name.clone());
            let address = world.request_address(&self.opened.app_id).map(str::to_owned);
            (app, name.unwrap_or_default(), address)
        };
        let (app, name, address) = self.handle.shared().read(world);
        let status = if problem.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
        let from_link = self.opened.parameter("cq").is_some();
        let page = pages::html(
            "mini.html",
            context! {
                back => format!("/phone/mini/{}", self.id), tab => self.id, app, name, address, view, problem, values,
                me => self.opened.person, path => self.opened.path, query => self.opened.query,
                launch_scene => self.opened.launch_scene, version => self.opened.version.text(),
                from_link,
                steps => Value::from(Serde(&self.steps)),
            },
        );
        (status, page).into_response()
    }
}

/// What the home page shows after a login.
fn home(given: &Given, ended: &Ended) -> Value {
    let (method, phone) = (given.method.as_str(), given.phone.as_str());
    context! { method, phone, ended => Value::from(Serde(ended)) }
}

/// One part of an address.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A time of day in China.
fn clock(secs: i64) -> String {
    let offset = UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC);
    let Ok(time) = time::OffsetDateTime::from_unix_timestamp(secs) else { return String::new() };
    let time = time.to_offset(offset);
    format!("{} {:02}:{:02}:{:02}", time.date(), time.hour(), time.minute(), time.second())
}

/// `GET /phone/mini/{id}`: what the page shows when it opens.
async fn page(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let Some(mut visit) = Visit::new(&shared, id) else { return closed() };
    let purpose = match Purpose::of(&visit.opened) {
        Ok(purpose) => purpose,
        Err(problem) => return visit.page("end", Some(problem.into()), Value::UNDEFINED),
    };
    let Some(ticket) = purpose.ticket() else {
        return visit.page("home", None, context! { method => "mini", phone => "" });
    };
    match visit.scan(&purpose, ticket).await {
        Ok(values) => visit.page("ask", None, values),
        Err(problem) => visit.page("end", Some(problem), Value::UNDEFINED),
    }
}

/// `POST /phone/mini/{id}/confirm|reject|login|choose|logout`
async fn act(
    State(shared): State<Arc<Shared>>,
    Path((id, action)): Path<(String, String)>,
    Form(given): Form<Given>,
) -> Response {
    let Some(mut visit) = Visit::new(&shared, id) else { return closed() };
    // Nothing has a button that the page does not show.
    let Ok(purpose) = Purpose::of(&visit.opened) else { return StatusCode::NOT_FOUND.into_response() };
    match (action.as_str(), purpose.ticket().filter(|_| visit.asked)) {
        ("confirm", Some(ticket)) => match visit.confirm(&purpose, ticket, &given).await {
            Ok(return_code) => visit.page("confirmed", None, context! { return_code }),
            Err(problem) => visit.page("end", Some(problem), Value::UNDEFINED),
        },
        ("reject", Some(ticket)) => {
            let told = match visit.approving(ticket) {
                Ok(body) => visit.post("取消 Reject", "/api/reject", &body).await,
                Err(error) => Err(error.to_string()),
            };
            visit.page("rejected", told.err(), Value::UNDEFINED)
        }
        ("login", None) if purpose == Purpose::Home => match visit.log_in(&given).await {
            Ok(ended) => visit.page("home", ended.problem.clone(), home(&given, &ended)),
            Err(error) => visit.page(
                "home",
                Some(error.to_string()),
                context! { method => given.method, phone => given.phone },
            ),
        },
        ("choose" | "logout", None) if purpose == Purpose::Home => {
            let ended = further(&visit.gateway, &mut visit.steps, &action, &given).await;
            let values = home(&given, &ended);
            visit.page("home", ended.problem, values)
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What may follow a login, in a mini program and in an app: the choice of an account, or the end.
pub(super) async fn further(gateway: &Gateway, steps: &mut Vec<Step>, action: &str, given: &Given) -> Ended {
    if action == "choose" {
        let body = json!({"key": given.key, "account": given.account});
        let path = format!("/api/flow/{}/choose", segment(&given.flow));
        steps.push(gateway.post("选择帐号 Choose an account", &path, &body).await);
        return ended(gateway, steps).await;
    }
    let step = gateway.logout(&given.token).await;
    let problem = step.problem().map(str::to_owned);
    steps.push(step);
    Ended::with(problem)
}

pub(super) fn closed() -> Response {
    let page = pages::message("小程序已关闭", "This mini program is no longer open; open it again");
    (StatusCode::NOT_FOUND, page).into_response()
}
