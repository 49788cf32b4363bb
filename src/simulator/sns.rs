//! `api.weixin.qq.com/sns/*`: codes for tokens, tokens for people.
//!
//! Status 200 and `text/plain` whatever happens; the rules themselves are in `grants`.

use std::sync::Arc;

use axum::extract::{RawQuery as Raw, State};
use axum::http::Method;
use serde_json::Value;

use super::answer::Answer;
use super::errcode::Errcode;
use super::grants::{ACCESS_LIFE, Grant, Scope};
use super::link::RawQuery;
use super::routes;
use super::shared::{Shared, rng};
use super::switches::WrongSecret;
use super::world::World;

pub(super) type Asked = (Method, State<Arc<Shared>>, Raw);

/// `GET /sns/oauth2/access_token?appid&secret&code&grant_type=authorization_code`
pub(super) async fn access_token((method, State(shared), Raw(raw)): Asked) -> Answer {
    answer(&shared, &method, "access_token", raw, |world, query| {
        let (app_id, code) = exchanged(world, query, "code")?;
        let (expired_code, refresh_life) = (world.switches.expired_code, world.refresh_life());
        let grant =
            world.grants.exchange(shared.now(), &mut rng(), app_id, code, expired_code, refresh_life)?;
        // A base grant never comes with a UnionID (sns token page).
        let consented = &grant.consented;
        let unionid = if consented.scope == Scope::Base { None } else { world.unionid(consented) };
        Ok(token_answer(&grant)
            .with_some("is_snapshotuser", consented.snapshot.then_some(1))
            .with_some("unionid", unionid))
    })
}

/// `GET /sns/oauth2/refresh_token?appid&grant_type=refresh_token&refresh_token`
pub(super) async fn refresh_token((method, State(shared), Raw(raw)): Asked) -> Answer {
    answer(&shared, &method, "refresh_token", raw, |world, query| {
        let app_id = query.filled("appid").ok_or(Errcode::APPID_MISSING)?;
        let token = query.filled("refresh_token").ok_or(Errcode::REFRESH_TOKEN_MISSING)?;
        if query.get("grant_type") != Some("refresh_token") {
            return Err(Errcode::INVALID_GRANT_TYPE);
        }
        world.app(app_id).ok_or(Errcode::INVALID_APPID)?;
        world.grants.refresh(shared.now(), &mut rng(), app_id, token).map(|grant| token_answer(&grant))
    })
}

/// `GET /sns/auth?access_token&openid`
pub(super) async fn auth((method, State(shared), Raw(raw)): Asked) -> Answer {
    answer(&shared, &method, "auth", raw, |world, query| {
        let token = query.filled("access_token").ok_or(Errcode::TOKEN_MISSING)?;
        let openid = query.filled("openid").ok_or(Errcode::OPENID_MISSING)?;
        world.grants.check(shared.now(), token, openid)?;
        Ok(Answer::error(0, "ok".into()))
    })
}

/// `GET /sns/userinfo?access_token&openid[&lang]`
pub(super) async fn userinfo((method, State(shared), Raw(raw)): Asked) -> Answer {
    answer(&shared, &method, "userinfo", raw, |world, query| {
        let token = query.filled("access_token").ok_or(Errcode::TOKEN_MISSING)?;
        let openid = query.filled("openid").ok_or(Errcode::OPENID_MISSING)?;
        let consented = world.grants.check(shared.now(), token, openid)?;
        if consented.scope == Scope::Base || consented.snapshot {
            return Err(Errcode::UNAUTHORIZED);
        }
        let person = world.person(&consented.person).map_err(|_| Errcode::INVALID_OPENID)?;
        let picture = if person.avatar {
            format!("{}/mmopen/vi_32/{}/132", shared.base_url, person.id)
        } else {
            String::new()
        };
        // Sex and places have been empty since 2021 (web authorisation page).
        Ok(Answer::default()
            .with("openid", openid)
            .with("nickname", person.name.clone())
            .with("sex", 0)
            .with("language", "")
            .with("city", "")
            .with("province", "")
            .with("country", "")
            .with("headimgurl", picture)
            .with("privilege", Value::Array(Vec::new()))
            .with_some("unionid", world.unionid(&consented)))
    })
}

/// The app and the code of an exchange, if the app's id and secret are right.
pub(super) fn exchanged<'a>(
    world: &World,
    query: &'a RawQuery,
    code: &str,
) -> Result<(&'a str, &'a str), Errcode> {
    let app_id = query.filled("appid").ok_or(Errcode::APPID_MISSING)?;
    let secret = query.filled("secret").ok_or(Errcode::SECRET_MISSING)?;
    let code = query.filled(code).ok_or(Errcode::CODE_MISSING)?;
    if query.get("grant_type") != Some("authorization_code") {
        return Err(Errcode::INVALID_GRANT_TYPE);
    }
    let app = world.app(app_id).ok_or(Errcode::INVALID_APPID)?;
    if app.secret != secret {
        return Err(match world.switches.wrong_secret {
            WrongSecret::InvalidSecret => Errcode::INVALID_SECRET,
            WrongSecret::InvalidCredential => Errcode::INVALID_CREDENTIAL,
        });
    }
    Ok((app_id, code))
}

fn token_answer(grant: &Grant) -> Answer {
    Answer::default()
        .with("access_token", grant.access_token.clone())
        .with("expires_in", ACCESS_LIFE.secs())
        .with("refresh_token", grant.refresh_token.clone())
        .with("openid", grant.consented.openid())
        .with("scope", grant.consented.scope.text())
}

pub(super) fn answer(
    shared: &Shared,
    method: &Method,
    what: &str,
    raw: Option<String>,
    rule: impl FnOnce(&mut World, &RawQuery) -> Result<Answer, Errcode>,
) -> Answer {
    let outcome = if *method == Method::GET {
        let query = RawQuery::parse(raw.as_deref());
        shared.quietly(|world| rule(world, &query))
    } else {
        Err(Errcode::GET_REQUIRED)
    };
    let line = match &outcome {
        Ok(_) => format!("sns {what}: ok"),
        Err(errcode) => format!("sns {what}: {} {}", errcode.0, errcode.text()),
    };
    shared.quietly(|world| world.note(line));
    outcome.unwrap_or_else(|errcode| routes::error(shared, errcode))
}
