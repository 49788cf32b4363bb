//! `sns/jscode2session` and `wxa/…`: what a mini program's server may ask of `api.weixin.qq.com`.
//!
//! Answers are JSON with status 200 whatever happened; only a mini program code is a picture.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery as Raw, State};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use serde_json::Value;

use super::codes::Rejected;
use super::links::{Link, LinkKind};
use super::pictures::{Wanted, draw};
use crate::simulator::account::Per;
use crate::simulator::account::api::{Refused, caller, object, require, told};
use crate::simulator::answer::Answer;
use crate::simulator::errcode::Errcode;
use crate::simulator::ids;
use crate::simulator::link::RawQuery;
use crate::simulator::shared::{Shared, rng};
use crate::simulator::sns;
use crate::simulator::world::World;

type Asked = (Method, State<Arc<Shared>>, Raw, Bytes);

/// The addresses of `api.weixin.qq.com` for mini programs.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sns/jscode2session", any(js_session))
        .route("/wxa/checksession", any(check_session))
        .route("/wxa/resetusersessionkey", any(reset_session))
        .route("/wxa/business/getuserphonenumber", any(phone_number))
        .route("/wxa/getwxacodeunlimit", any(code))
        .route("/wxa/generatescheme", any(scheme))
        .route("/wxa/generate_urllink", any(url_link))
}

/// `GET /sns/jscode2session?appid&secret&js_code&grant_type=authorization_code`
async fn js_session((method, State(shared), Raw(raw)): sns::Asked) -> Answer {
    sns::answer(&shared, &method, "jscode2session", raw, |world, query| {
        let (app_id, code) = sns::exchanged(world, query, "js_code")?;
        let now = shared.now();
        let person = world.minis.logins.look(now, code, app_id).map_err(|rejected| match rejected {
            Rejected::Used => Errcode::CODE_USED,
            Rejected::Unknown | Rejected::Foreign | Rejected::Expired => Errcode::INVALID_CODE,
        })?;
        let person = person.to_owned();
        let openid = ids::openid(app_id, &person);
        world.spend_js_session(now, &openid)?;
        if world.minis.blocked.contains(&person) {
            return Err(Errcode::CODE_BLOCKED);
        }
        // The key cannot be older than the code, so it is there.
        let key = world.minis.sessions.key(now, app_id, &person).ok_or(Errcode::INVALID_CODE)?.to_owned();
        world.minis.logins.spend(code);
        Ok(Answer::default()
            .with("session_key", key)
            .with("openid", openid)
            .with_some("unionid", world.person_unionid(app_id, &person)))
    })
}

/// The mini program whose server token the query carries.
fn program(world: &World, shared: &Shared, query: &RawQuery) -> Result<String, Errcode> {
    let app_id = caller(world, shared, query)?;
    match world.mini_program(&app_id) {
        Ok(_) => Ok(app_id),
        Err(_) => Err(Errcode::UNAUTHORIZED),
    }
}

/// Mini program, person and signature of a call about a session key.
fn signed(world: &World, shared: &Shared, query: &RawQuery) -> Result<(String, String, String), Errcode> {
    let app_id = program(world, shared, query)?;
    let openid = query.filled("openid").ok_or(Errcode::OPENID_MISSING)?;
    if query.get("sig_method") != Some("hmac_sha256") {
        return Err(Errcode::INVALID_SIG_METHOD);
    }
    let signature = query.filled("signature").ok_or(Errcode::INVALID_SIGNATURE)?;
    let person = world.person_by_openid(&app_id, openid).ok_or(Errcode::INVALID_OPENID)?.to_owned();
    Ok((app_id, person, signature.to_owned()))
}

/// `GET /wxa/checksession?access_token&openid&signature&sig_method=hmac_sha256`
async fn check_session((method, State(shared), Raw(raw), _): Asked) -> Answer {
    told(&shared, "wxa checksession", |world| {
        require(&method, &Method::GET)?;
        let (app_id, person, signature) = signed(world, &shared, &RawQuery::parse(raw.as_deref()))?;
        world.minis.sessions.check(shared.now(), &app_id, &person, &signature)?;
        Ok(ok())
    })
}

/// `GET /wxa/resetusersessionkey?access_token&openid&signature&sig_method=hmac_sha256`
async fn reset_session((method, State(shared), Raw(raw), _): Asked) -> Answer {
    told(&shared, "wxa resetusersessionkey", |world| {
        require(&method, &Method::GET)?;
        let (app_id, person, signature) = signed(world, &shared, &RawQuery::parse(raw.as_deref()))?;
        let (now, limit) = (shared.now(), world.switches.quotas.session_resets_a_minute);
        world.used.spend(now, &app_id, "resetusersessionkey", Per::Minute, limit)?;
        let key = world.minis.sessions.reset(now, &mut rng(), &app_id, &person, &signature)?;
        Ok(ok().with("openid", ids::openid(&app_id, &person)).with("session_key", key))
    })
}

/// `POST /wxa/business/getuserphonenumber?access_token=` with `{code, openid?}`
async fn phone_number((method, State(shared), Raw(raw), body): Asked) -> Answer {
    told(&shared, "wxa getuserphonenumber", |world| {
        require(&method, &Method::POST)?;
        let app_id = program(world, &shared, &RawQuery::parse(raw.as_deref()))?;
        let body = object(&body)?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let code = text("code").ok_or(Errcode::CODE_MISSING)?;
        let now = shared.now();
        let person = world.minis.phones.look(now, code, &app_id).map_err(|rejected| match rejected {
            Rejected::Foreign => Errcode::INVALID_APPID,
            Rejected::Unknown | Rejected::Used | Rejected::Expired => Errcode::INVALID_CODE,
        })?;
        // The number for another person's OpenID is not documented; this is what the number means elsewhere.
        if text("openid").is_some_and(|openid| openid != ids::openid(&app_id, person)) {
            return Err(Errcode::INVALID_OPENID.into());
        }
        let info = world.phone_info(now, &app_id, person).map_err(|_| Errcode::INVALID_CODE)?;
        world.minis.phones.spend(code);
        Ok(ok().with("phone_info", info))
    })
}

/// `POST /wxa/getwxacodeunlimit?access_token=`: the picture, or JSON.
async fn code((method, State(shared), Raw(raw), body): Asked) -> Response {
    let mut jpeg = None;
    let answer = told(&shared, "wxa getwxacodeunlimit", |world| {
        require(&method, &Method::POST)?;
        let app_id = program(world, &shared, &RawQuery::parse(raw.as_deref()))?;
        jpeg = Some(picture(world, &shared, &app_id, &body)?);
        Ok(ok())
    });
    // Somebody may be waiting for a new code.
    shared.change(|_| {});
    match jpeg {
        Some(jpeg) => ([(CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        None => answer.into_response(),
    }
}

fn picture(world: &mut World, shared: &Shared, app_id: &str, body: &[u8]) -> Result<Vec<u8>, Refused> {
    let limit = world.switches.quotas.mini_codes_a_minute;
    let spent = world.used.spend(shared.now(), app_id, "getwxacodeunlimit", Per::Minute, limit);
    // Here a minute's limit answers as a day's does elsewhere (page of the call).
    spent.map_err(|_| Errcode::DAILY_LIMIT)?;
    let (_, program) = world.mini_program(app_id).map_err(|_| Errcode::UNAUTHORIZED)?;
    let wanted = Wanted::parse(&object(body)?, program, world.switches.scene_length)?;
    let width = wanted.width;
    let key = world.minis.pictures.create(shared.now(), &mut rng(), app_id, wanted);
    let content = format!("{}/q/{key}", shared.base_url);
    Ok(draw(content.as_bytes(), width).ok_or(Errcode(-1))?)
}

/// `POST /wxa/generatescheme?access_token=` with `{jump_wxa, is_expire, expire_type, expire_time, expire_interval}`
async fn scheme((method, State(shared), Raw(raw), body): Asked) -> Answer {
    told(&shared, "wxa generatescheme", |world| {
        let link = link(world, &shared, &method, raw.as_deref(), &body, LinkKind::Scheme)?;
        Ok(ok().with("openlink", link))
    })
}

/// `POST /wxa/generate_urllink?access_token=` with `{path, query, env_version, expire_type, …}`
async fn url_link((method, State(shared), Raw(raw), body): Asked) -> Answer {
    told(&shared, "wxa generate_urllink", |world| {
        let link = link(world, &shared, &method, raw.as_deref(), &body, LinkKind::Url)?;
        Ok(ok().with("url_link", link))
    })
}

fn link(
    world: &mut World,
    shared: &Shared,
    method: &Method,
    raw: Option<&str>,
    body: &[u8],
    kind: LinkKind,
) -> Result<String, Errcode> {
    require(method, &Method::POST)?;
    let app_id = program(world, shared, &RawQuery::parse(raw))?;
    let body = object(body)?;
    let (now, quotas) = (shared.now(), world.switches.quotas);
    // One limit for both kinds of link.
    let spent = world.used.spend(now, &app_id, "links a second", Per::Second, quotas.links_a_second);
    spent.map_err(|_| Errcode::LINKS_A_SECOND)?;
    let (_, published) = world.mini_program(&app_id).map_err(|_| Errcode::UNAUTHORIZED)?;
    let link = Link::parse(now, kind, &app_id, published, &body)?;
    world.used.spend(now, &app_id, "links", Per::Day, quotas.links).map_err(|_| Errcode::LINKS_A_DAY)?;
    let own = world.switches.own_links.then_some(shared.base_url.as_str());
    Ok(world.minis.links.create(&mut rng(), link, own))
}

/// `{"errcode":0,"errmsg":"ok"}`, as `wxa/*` begins.
fn ok() -> Answer {
    Answer::error(0, "ok".into())
}
