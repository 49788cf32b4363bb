//! Mini programs: logins, session keys, phone numbers, codes and links, and how apps open them.
//!
//! The rules are in pure files, with time and randomness as arguments; `api`, `hand`, `steer`, `gateway` and the
//! pages in `phone` and `app` are not.

mod api;
mod app;
mod codes;
mod crypto;
mod gateway;
mod hand;
mod links;
mod open;
mod phone;
mod pictures;
mod published;
mod sessions;
mod steer;
mod tabs;

use std::collections::{BTreeMap, BTreeSet};

use rand::CryptoRng;
use serde_json::{Value, json};

use super::account::{Per, Used};
use super::config::{App, AppKind, CHINA, Config, MiniProgram};
use super::errcode::Errcode;
use super::error::SimError;
use super::ids;
use super::world::World;
use crate::ground::Timestamp;

pub(super) use api::router as api_router;
pub(super) use phone::{card_of, cards, programs, router as phone_router, scan};
pub(super) use steer::{act, router as control_router, state};

use codes::Codes;
use crypto::seal;
use links::Links;
use pictures::Pictures;
use sessions::Sessions;
use tabs::Tabs;

pub use crypto::Encrypted;
pub use hand::MiniCode;
pub use open::Opened;
pub use pictures::EnvVersion;

/// All that is particular to mini programs.
#[derive(Debug)]
pub(super) struct Minis {
    programs: BTreeMap<String, MiniProgram>,
    logins: Codes,
    phones: Codes,
    sessions: Sessions,
    pictures: Pictures,
    links: Links,
    tabs: Tabs,
    /// Where mini programs and mobile apps send their requests, by AppID.
    addresses: BTreeMap<String, String>,
    blocked: BTreeSet<String>,
    /// What people have used, by OpenID: so many of them that apps would be forgotten in their place.
    people: Used,
}

impl Minis {
    pub(super) fn new(config: &Config) -> Self {
        let minis = config.apps.iter().filter(|app| app.kind == AppKind::MiniProgram);
        let mut programs: BTreeMap<_, _> =
            minis.map(|app| (app.app_id.clone(), MiniProgram::of(&app.app_id))).collect();
        programs.extend(config.mini_programs.clone());
        Self {
            programs,
            logins: Codes::new(),
            phones: Codes::new(),
            sessions: Sessions::new(),
            pictures: Pictures::new(),
            links: Links::new(),
            tabs: Tabs::new(),
            addresses: config.mini_programs.iter().filter_map(address).collect(),
            blocked: BTreeSet::new(),
            people: Used::new(),
        }
    }
}

impl World {
    /// A mini program and what is published of it.
    pub(super) fn mini_program(&self, app_id: &str) -> Result<(&App, &MiniProgram), SimError> {
        let app = self.app_or_error(app_id)?;
        let program = (app.kind == AppKind::MiniProgram).then(|| self.minis.programs.get(app_id)).flatten();
        program.map(|program| (app, program)).ok_or_else(|| SimError::NotAMiniProgram { app: app_id.into() })
    }

    /// `wx.login`: a code, and a session key, which may be a new one.
    fn mini_login(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
    ) -> Result<String, SimError> {
        self.mini_program(app_id)?;
        self.person(person)?;
        let rotate = self.switches.rotate_session_keys;
        self.minis.sessions.log_in(now, rng, app_id, person, rotate);
        let code = ids::code(rng);
        self.minis.logins.issue(now, &code, app_id, person);
        self.note(format!("wx.login of {person} in {app_id}"));
        Ok(code)
    }

    /// The person allows the phone number: a code for it.
    fn mini_phone(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
    ) -> Result<String, SimError> {
        self.mini_program(app_id)?;
        self.phone_of(person)?;
        let code = ids::hex(rng, 32);
        self.minis.phones.issue(now, &code, app_id, person);
        self.note(format!("{person} gives {app_id} the phone number"));
        Ok(code)
    }

    fn phone_of(&self, person: &str) -> Result<&str, SimError> {
        let phone = self.person(person)?.phone.as_deref();
        phone.ok_or_else(|| SimError::NoPhone { person: person.into() })
    }

    /// What `phone_info` and the decrypted phone number have in common.
    /// Numbers of other countries carry the country's code in `phoneNumber`.
    fn phone_info(&self, now: Timestamp, app_id: &str, person: &str) -> Result<Value, SimError> {
        let (phone, country) = (self.phone_of(person)?, &self.person(person)?.country);
        let prefix = if country == CHINA { "" } else { country };
        let number = country.parse::<u32>().ok().filter(|_| self.switches.numeric_country_code);
        Ok(json!({
            "phoneNumber": format!("{prefix}{phone}"),
            "purePhoneNumber": phone,
            "countryCode": number.map_or_else(|| json!(country), |number| json!(number)),
            "watermark": {"timestamp": now.secs(), "appid": app_id},
        }))
    }

    /// One more exchange of a login code of this person, of which there may be so many a minute.
    fn spend_js_session(&mut self, now: Timestamp, openid: &str) -> Result<(), Errcode> {
        let limit = self.switches.quotas.js_sessions_a_minute;
        self.minis.people.spend(now, openid, "jscode2session", Per::Minute, limit)
    }

    /// The phone number as the older button gives it.
    fn encrypted_phone(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
    ) -> Result<Encrypted, SimError> {
        self.mini_program(app_id)?;
        let info = self.phone_info(now, app_id, person)?;
        self.sealed(now, rng, app_id, person, &info)
    }

    /// What `getUserInfo` gives: since 2022 no real name and picture.
    fn encrypted_user(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
    ) -> Result<Encrypted, SimError> {
        self.mini_program(app_id)?;
        self.person(person)?;
        let mut user = json!({
            "openId": ids::openid(app_id, person), "nickName": "微信用户", "gender": 0, "language": "",
            "city": "", "province": "", "country": "", "avatarUrl": "",
            "watermark": {"timestamp": now.secs(), "appid": app_id},
        });
        if let Some(unionid) = self.person_unionid(app_id, person) {
            user["unionId"] = unionid.into();
        }
        self.sealed(now, rng, app_id, person, &user)
    }

    fn sealed(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
        plain: &Value,
    ) -> Result<Encrypted, SimError> {
        let none = || SimError::NoSession { person: person.into(), app: app_id.into() };
        let key = self.minis.sessions.key(now, app_id, person).ok_or_else(none)?;
        let mut iv = [0; 16];
        rng.fill_bytes(&mut iv);
        seal(key, iv, plain.to_string().as_bytes()).ok_or_else(none)
    }

    fn set_blocked(&mut self, person: &str, on: bool) -> Result<(), SimError> {
        self.person(person)?;
        if on {
            self.minis.blocked.insert(person.into());
        } else {
            self.minis.blocked.remove(person);
        }
        Ok(())
    }

    fn set_request_address(&mut self, app_id: &str, address: &str) -> Result<(), SimError> {
        if self.app_or_error(app_id)?.kind != AppKind::Mobile {
            self.mini_program(app_id)?;
        }
        match address.trim_end_matches('/') {
            "" => self.minis.addresses.remove(app_id),
            address => self.minis.addresses.insert(app_id.into(), address.into()),
        };
        Ok(())
    }

    /// Where an app sends its requests; one that has no address of its own uses that of another.
    fn request_address(&self, app_id: &str) -> Option<&str> {
        let addresses = &self.minis.addresses;
        addresses.get(app_id).or_else(|| addresses.values().next()).map(String::as_str)
    }
}

fn address((app_id, program): (&String, &MiniProgram)) -> Option<(String, String)> {
    let address = program.request_address.as_deref()?.trim_end_matches('/');
    Some((app_id.clone(), address.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// More people than anything here remembers log in, and no app's day begins anew.
    #[test]
    fn however_many_people_log_in_what_apps_have_used_is_kept() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut world = World::new(&Config::demo(), now).unwrap();
        world.used.spend(now, "wx1", "token", Per::Day, 1).unwrap();
        for person in 0..=10_000 {
            world.spend_js_session(now, &format!("o{person}")).unwrap();
        }
        assert_eq!(world.used.spend(now, "wx1", "token", Per::Day, 1), Err(Errcode::DAILY_LIMIT));
    }
}
