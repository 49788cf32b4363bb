//! `api.weixin.qq.com/cgi-bin/…` and `mp.weixin.qq.com/cgi-bin/showqrcode`: what an account's server may ask.
//!
//! Answers are JSON with status 200 whatever happened; only the picture has a status of its own.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, RawQuery as Raw, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::followers::Followed;
use super::quotas::Per;
use super::scenes::{Scene, Wanted};
use crate::simulator::answer::Answer;
use crate::simulator::config::AppKind;
use crate::simulator::errcode::{Errcode, traced};
use crate::simulator::ids;
use crate::simulator::link::RawQuery;
use crate::simulator::qrconnect;
use crate::simulator::routes;
use crate::simulator::server::Peer;
use crate::simulator::shared::{Shared, rng};
use crate::simulator::switches::WrongSecret;
use crate::simulator::world::World;

type Asked = (Method, State<Arc<Shared>>, Extension<Peer>, Raw, Bytes);

/// An error number, with a text of its own where the number's does not say all.
pub(crate) struct Refused(pub(crate) Errcode, Option<String>);

impl From<Errcode> for Refused {
    fn from(errcode: Errcode) -> Self {
        Self(errcode, None)
    }
}

pub(crate) type Outcome = Result<Answer, Refused>;

/// `GET /cgi-bin/token?grant_type=client_credential&appid&secret`
pub(crate) async fn token((method, State(shared), Extension(peer), Raw(raw), _): Asked) -> Answer {
    answer(&shared, "token", |world| {
        require(&method, &Method::GET)?;
        let query = RawQuery::parse(raw.as_deref());
        let app_id =
            known(world, query.filled("appid"), query.filled("secret"), query.get("grant_type"), peer.0)?;
        let (now, limit) = (shared.now(), world.switches.quotas.token);
        world.used.spend(now, &app_id, "token", Per::Day, limit)?;
        let token = world.tokens.classic(now, &mut rng(), &app_id);
        Ok(Answer::default().with("access_token", token).with("expires_in", super::tokens::LIFE.secs()))
    })
}

/// `POST /cgi-bin/stable_token` with `{grant_type, appid, secret, force_refresh?}`
pub(crate) async fn stable_token((method, State(shared), Extension(peer), _, body): Asked) -> Answer {
    answer(&shared, "stable_token", |world| {
        require(&method, &Method::POST)?;
        let body = object(&body)?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let force = match body.get("force_refresh") {
            None | Some(Value::Null) => false,
            Some(force) => force.as_bool().ok_or(Errcode::NOT_JSON)?,
        };
        let app_id = known(world, text("appid"), text("secret"), text("grant_type"), peer.0)?;
        let (now, quotas) = (shared.now(), world.switches.quotas);
        let minute = quotas.stable_token_a_minute;
        world.used.spend(now, &app_id, "stable_token a minute", Per::Minute, minute)?;
        world.used.spend(now, &app_id, "stable_token", Per::Day, quotas.stable_token)?;
        let too_soon = world.switches.force_too_soon;
        let (token, left) = world.tokens.stable(now, &mut rng(), &app_id, force, too_soon)?;
        Ok(Answer::default().with("access_token", token).with("expires_in", left.secs()))
    })
}

/// `GET /cgi-bin/getcallbackip?access_token=` and `GET /cgi-bin/get_api_domain_ip?access_token=`
pub(crate) async fn ips((method, State(shared), _, Raw(raw), _): Asked) -> Answer {
    answer(&shared, "ip list", |world| {
        require(&method, &Method::GET)?;
        let query = RawQuery::parse(raw.as_deref());
        caller(world, &shared, &query)?;
        Ok(Answer::default().with("ip_list", json!(["127.0.0.1"])))
    })
}

/// `POST /cgi-bin/clear_quota?access_token=` with `{appid}`
pub(crate) async fn clear_quota((method, State(shared), _, Raw(raw), body): Asked) -> Answer {
    answer(&shared, "clear_quota", |world| {
        require(&method, &Method::POST)?;
        let app_id = caller(world, &shared, &RawQuery::parse(raw.as_deref()))?;
        let body = object(&body)?;
        match body.get("appid").and_then(Value::as_str) {
            None | Some("") => Err(Errcode::APPID_MISSING),
            Some(named) if world.app(named).is_none() => Err(Errcode::INVALID_APPID),
            Some(named) if named != app_id => Err(Errcode::INVALID_CREDENTIAL),
            Some(_) => Ok(()),
        }?;
        world.used.clear(shared.now(), &app_id)?;
        Ok(Answer::error(0, "ok".into()))
    })
}

/// `POST /cgi-bin/qrcode/create?access_token=`
pub(crate) async fn create((method, State(shared), _, Raw(raw), body): Asked) -> Answer {
    let base_url = shared.base_url.clone();
    let outcome = answer(&shared, "qrcode/create", |world| {
        require(&method, &Method::POST)?;
        let app_id = verified(world, &shared, &RawQuery::parse(raw.as_deref()))?;
        let wanted = Wanted::parse(&object(&body)?)?;
        let (now, limit) = (shared.now(), world.switches.quotas.scene_codes);
        world.used.spend(now, &app_id, "qrcode/create", Per::Day, limit)?;
        let life = wanted.life;
        let code = world.scenes.create(now, &mut rng(), &app_id, wanted)?;
        Ok(Answer::default()
            .with("ticket", code.ticket)
            .with_some("expire_seconds", life.map(crate::ground::Span::secs))
            .with("url", format!("{base_url}/q/{}", code.key)))
    });
    // Somebody may be waiting for a new code.
    shared.change(|_| {});
    outcome
}

/// `GET /cgi-bin/showqrcode?ticket=` of `mp.weixin.qq.com`: the picture, or 404 with a text.
pub(crate) async fn picture(State(shared): State<Arc<Shared>>, Raw(raw): Raw) -> Response {
    let query = RawQuery::parse(raw.as_deref());
    let key = query
        .get("ticket")
        .and_then(|ticket| shared.read(|world| world.scenes.get(ticket).map(|code| code.key.clone()).ok()));
    let Some(key) = key else {
        return (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/plain")], "invalid ticket").into_response();
    };
    match qrconnect::jpeg(format!("{}/q/{key}", shared.base_url).as_bytes()) {
        Some(jpeg) => {
            let headers = [(CONTENT_TYPE, "image/jpg"), (CACHE_CONTROL, "max-age=604800")];
            (headers, jpeg).into_response()
        }
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `GET /cgi-bin/user/info?access_token&openid[&lang]`
pub(crate) async fn user_info((method, State(shared), _, Raw(raw), _): Asked) -> Answer {
    answer(&shared, "user/info", |world| {
        require(&method, &Method::GET)?;
        let query = RawQuery::parse(raw.as_deref());
        let app_id = verified(world, &shared, &query)?;
        let openid = query.filled("openid").ok_or(Errcode::OPENID_MISSING)?;
        let limit = world.switches.quotas.user_info;
        world.used.spend(shared.now(), &app_id, "user/info", Per::Day, limit)?;
        let Some(person) = world.person_by_openid(&app_id, openid).map(str::to_owned) else {
            // An account's OpenIDs begin alike; one that does not is another account's.
            let own = openid.len() == 28 && openid.get(..6) == ids::openid(&app_id, "").get(..6);
            return Err(if own { Errcode::NO_SUCH_USER } else { Errcode::INVALID_OPENID }.into());
        };
        let Some(followed) = world.followers.followed(&app_id, &person).cloned() else {
            let stranger = Answer::default().with("subscribe", 0).with("openid", openid);
            return Ok(stranger.with("tagid_list", json!([])));
        };
        let unionid = world.person_unionid(&app_id, &person);
        Ok(follower(openid, query.filled("lang").unwrap_or("zh_CN"), &followed, unionid))
    })
}

/// Nickname and picture are empty since 2021-12-27 (captures of live answers).
fn follower(openid: &str, lang: &str, followed: &Followed, unionid: Option<String>) -> Answer {
    let (id, text) = match &followed.through {
        Some(Scene::Id(id)) => (*id, ""),
        Some(Scene::Text(text)) => (0, text.as_str()),
        None => (0, ""),
    };
    let way = if followed.through.is_some() { "ADD_SCENE_QR_CODE" } else { "ADD_SCENE_SEARCH" };
    Answer::default()
        .with("subscribe", 1)
        .with("openid", openid)
        .with("nickname", "")
        .with("sex", 0)
        .with("language", lang)
        .with("city", "")
        .with("province", "")
        .with("country", "")
        .with("headimgurl", "")
        .with("subscribe_time", followed.since.secs())
        .with_some("unionid", unionid)
        .with("remark", "")
        .with("groupid", 0)
        .with("tagid_list", json!([]))
        .with("subscribe_scene", way)
        .with("qr_scene", id)
        .with("qr_scene_str", text)
}

pub(crate) fn require(method: &Method, wanted: &Method) -> Result<(), Errcode> {
    match method == wanted {
        true => Ok(()),
        false if *wanted == Method::GET => Err(Errcode::GET_REQUIRED),
        false => Err(Errcode::POST_REQUIRED),
    }
}

pub(crate) fn object(body: &[u8]) -> Result<Value, Errcode> {
    if body.is_empty() {
        return Err(Errcode::EMPTY_BODY);
    }
    serde_json::from_slice(body).ok().filter(Value::is_object).ok_or(Errcode::NOT_JSON)
}

/// The app whose id and secret a token call carries, if it may call from here.
fn known(
    world: &World,
    app_id: Option<&str>,
    secret: Option<&str>,
    grant_type: Option<&str>,
    ip: IpAddr,
) -> Result<String, Refused> {
    let app_id = app_id.ok_or(Errcode::APPID_MISSING)?;
    let secret = secret.ok_or(Errcode::SECRET_MISSING)?;
    if grant_type != Some("client_credential") {
        return Err(Errcode::INVALID_GRANT_TYPE.into());
    }
    let app = world.app(app_id).ok_or(Errcode::INVALID_APPID)?;
    if app.secret != secret {
        return Err(match world.switches.wrong_secret {
            WrongSecret::InvalidSecret => Errcode::INVALID_SECRET,
            WrongSecret::InvalidCredential => Errcode::INVALID_CREDENTIAL,
        }
        .into());
    }
    if !world.may_ask_from(app_id, ip) {
        let mapped = match ip.to_canonical() {
            IpAddr::V4(ip) => format!("{ip} ipv6 ::ffff:{ip}"),
            IpAddr::V6(ip) => format!("{ip} ipv6 {ip}"),
        };
        return Err(Refused(Errcode::FOREIGN_IP, Some(format!("invalid ip {mapped}, not in whitelist"))));
    }
    Ok(app_id.into())
}

/// The app whose server token the query carries.
pub(crate) fn caller(world: &World, shared: &Shared, query: &RawQuery) -> Result<String, Errcode> {
    let token = query.filled("access_token").ok_or(Errcode::TOKEN_MISSING)?;
    world.tokens.check(shared.now(), token).map(str::to_owned)
}

/// The same for what only verified service accounts may do.
fn verified(world: &World, shared: &Shared, query: &RawQuery) -> Result<String, Errcode> {
    let app_id = caller(world, shared, query)?;
    match world.app(&app_id).map(|app| app.kind) {
        Some(AppKind::ServiceAccount { verified: true }) => Ok(app_id),
        _ => Err(Errcode::UNAUTHORIZED),
    }
}

fn answer(shared: &Shared, what: &str, rule: impl FnOnce(&mut World) -> Outcome) -> Answer {
    told(shared, &format!("cgi-bin {what}"), rule)
}

/// What the rule says, with a line in the journal.
pub(crate) fn told(shared: &Shared, what: &str, rule: impl FnOnce(&mut World) -> Outcome) -> Answer {
    shared
        .quietly(|world| {
            let outcome = rule(world);
            let number = outcome.as_ref().err().map_or(0, |refused| refused.0.0);
            world.note(format!("{what}: {}", if number == 0 { "ok".into() } else { number.to_string() }));
            outcome.map_err(|refused| (refused, world.switches.trace))
        })
        .unwrap_or_else(|(Refused(errcode, text), trace)| match text {
            Some(text) => Answer::error(errcode.0, traced(&text, trace, &mut rng(), shared.now())),
            None => routes::error(shared, errcode),
        })
}
