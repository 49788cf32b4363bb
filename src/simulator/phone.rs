//! The simulated phone: a page where a human picks a person, scans a QR code, agrees or refuses.
//!
//! Works without scripts; a small one keeps the list of codes fresh.

use std::sync::Arc;

use axum::extract::{Form, Path, Query, State};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use cookie::{Cookie, SameSite};
use minijinja::{Value, context};
use serde::Deserialize;

use super::account;
use super::authorize::{PERSON_COOKIE, person_cookie};
use super::config::{Person, UnionId};
use super::error::SimError;
use super::handle::Handle;
use super::mini;
use super::pages;
use super::scans::{Phase, Scan};
use super::shared::Shared;
use super::world::World;
use crate::ground::Timestamp;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    uuid: String,
    #[serde(default)]
    person: String,
}

/// `GET /`
pub(super) async fn home() -> Redirect {
    Redirect::to("/phone")
}

/// `GET /phone[?uuid=]` and `GET /connect/confirm?uuid=`, the address inside the QR codes.
pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let me = shared.read(|world| world.person_of(person_cookie(&headers).as_deref()));
    show(&shared, &me, &asked.uuid, None)
}

/// `GET /phone/codes[?uuid=]`: the part of the page that changes.
pub(super) async fn codes(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let now = shared.now();
    let values = shared.read(|world| {
        let me = world.person_of(person_cookie(&headers).as_deref());
        context! { codes => listed(world, now, &me, &asked.uuid), uuid => asked.uuid, me }
    });
    pages::html("codes.html", values)
}

fn show(shared: &Shared, me: &str, uuid: &str, problem: Option<String>) -> Response {
    let now = shared.now();
    let values = shared.read(|world| {
        let people: Vec<_> = world.people().iter().map(face).collect();
        let (accounts, programs) = (account::accounts(world, me), mini::programs(world));
        context! { people, me, uuid, problem, accounts, programs, codes => listed(world, now, me, uuid) }
    });
    pages::html("phone.html", values)
}

fn face(person: &Person) -> Value {
    context! {
        id => person.id.as_str(),
        name => person.name.as_str(),
        unionid => person.unionid != UnionId::Absent,
    }
}

/// The code that was asked for, or the latest ones.
fn listed(world: &World, now: Timestamp, me: &str, uuid: &str) -> Vec<Value> {
    const LATEST: usize = 6;
    if !uuid.is_empty() {
        let website = world.scans.get(uuid).map(|scan| card(world, now, uuid, scan)).ok();
        let account = || account::card_of(world, now, me, uuid);
        return website.or_else(account).or_else(|| mini::card_of(world, uuid)).into_iter().collect();
    }
    let open = |scan: &Scan| matches!(scan.phase(now), Phase::Waiting | Phase::Scanned);
    let recent = world.scans.recent(LATEST);
    let websites = recent.iter().filter(|(_, scan)| open(scan));
    let websites = websites.map(|(uuid, scan)| card(world, now, uuid, scan));
    let accounts = account::cards(world, now, me, LATEST);
    websites.chain(accounts).chain(mini::cards(world, now, LATEST)).collect()
}

fn card(world: &World, now: Timestamp, uuid: &str, scan: &Scan) -> Value {
    context! {
        account => false,
        mini => false,
        uuid,
        app => world.app(&scan.app_id).map(|app| app.name.as_str()).unwrap_or_default(),
        phase => scan.phase(now).name(),
        person => scan.person(),
        name => scan.person().and_then(|id| world.person(id).ok()).map(|person| person.name.as_str()),
        seconds => scan.expires.since(now).secs(),
    }
}

/// `POST /phone/person|scan|confirm|refuse|expire`
pub(super) async fn act(
    State(shared): State<Arc<Shared>>,
    Path(action): Path<String>,
    headers: HeaderMap,
    Form(asked): Form<Asked>,
) -> Response {
    let back = if asked.uuid.is_empty() {
        "/phone".to_owned()
    } else {
        format!("/phone?uuid={}", escape(&asked.uuid))
    };
    let me = shared.read(|world| world.person_of(person_cookie(&headers).as_deref()));
    let handle = Handle::new(Arc::clone(&shared));
    let done: Result<(), SimError> = match action.as_str() {
        "person" => match shared.read(|world| world.person(&asked.person).map(|person| person.id.clone())) {
            Ok(id) => return choose(&id, &back),
            Err(error) => Err(error),
        },
        "scan" => match account::scan(&handle, &asked.uuid, &me).await {
            Some(Ok(next)) => return Redirect::to(&next).into_response(),
            Some(Err(error)) => Err(error),
            None => match mini::scan(&handle, &asked.uuid, &me) {
                Some(Ok(next)) => return Redirect::to(&next).into_response(),
                Some(Err(error)) => Err(error),
                None => handle.scan(&asked.uuid, &me),
            },
        },
        "confirm" => handle.confirm(&asked.uuid),
        "refuse" => handle.refuse(&asked.uuid),
        "expire" => account::expire(&handle, &asked.uuid).unwrap_or_else(|| handle.expire(&asked.uuid)),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match done {
        Ok(()) => Redirect::to(&back).into_response(),
        Err(error) => {
            let page = show(&shared, &me, &asked.uuid, Some(error.to_string()));
            (StatusCode::CONFLICT, page).into_response()
        }
    }
}

fn escape(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// From now on this browser is that person's WeChat.
fn choose(person: &str, back: &str) -> Response {
    let cookie = Cookie::build((PERSON_COOKIE, person)).path("/").same_site(SameSite::Lax).http_only(true);
    ([(SET_COOKIE, cookie.to_string())], Redirect::to(back)).into_response()
}

/// `GET /avatar/{person}.svg`
pub(super) async fn avatar(State(shared): State<Arc<Shared>>, Path(file): Path<String>) -> Response {
    portrait(&shared, file.strip_suffix(".svg").unwrap_or(&file), 132)
}

/// `GET /mmopen/vi_32/{person}/{size}`: the shape of a `headimgurl`; 0 means 640.
pub(super) async fn headimg(
    State(shared): State<Arc<Shared>>,
    Path((person, size)): Path<(String, u32)>,
) -> Response {
    match size {
        0 => portrait(&shared, &person, 640),
        46 | 64 | 96 | 132 => portrait(&shared, &person, size),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn portrait(shared: &Shared, id: &str, size: u32) -> Response {
    let Ok(person) = shared.read(|world| world.person(id).cloned()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let letter =
        person.name.chars().next().map_or_else(|| "?".into(), |first| first.to_uppercase().to_string());
    // Any spread of hues will do; this one tells the demo people apart.
    let hue = id.bytes().fold(0_u32, |hue, byte| (hue * 31 + u32::from(byte)) % 360);
    match pages::text("avatar.xml", context! { letter, hue, size, plain => !person.avatar }) {
        Ok(svg) => ([(CONTENT_TYPE, "image/svg+xml")], Html(svg).0).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
