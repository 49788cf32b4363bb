//! Service accounts: their tokens, parametric codes, followers and chats, and what people do with them.
//!
//! Changes the world and says what is to be pushed; pushing is `push`'s work.

pub(super) mod api;
mod followers;
mod hand;
mod phone;
mod quotas;
mod scenes;
mod steer;
mod tokens;

use std::net::IpAddr;

use ipnet::IpNet;
use rand::CryptoRng;
use serde::Serialize;

use super::config::{App, Config};
use super::error::SimError;
use super::ids;
use super::push::{Event, Kind, Push, Sending};
use super::world::World;
use crate::ground::Timestamp;

pub(super) use followers::Followers;
use followers::{Followed, Said};
pub(super) use phone::{accounts, card_of, cards, expire, router as phone_router, scan};
pub(super) use quotas::{Per, Used};
pub(super) use scenes::Scenes;
pub(super) use steer::{act, router as control_router, state};
pub(super) use tokens::ServerTokens;

pub use hand::SceneCode;

/// What a phone shows after a parametric code was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SceneScan {
    /// The chat: the person follows already, and `SCAN` is pushed.
    Chat,
    /// The account's profile: nothing is pushed unless the person follows.
    Profile,
    /// The code has expired; nothing happens.
    Expired,
}

/// What WeChat says in a chat when the account's server did not answer.
const UNAVAILABLE: &str = "该公众号暂时无法提供服务，请稍后再试";

impl World {
    /// An app that people can follow.
    pub(super) fn account(&self, app_id: &str) -> Result<&App, SimError> {
        let app = self.app_or_error(app_id)?;
        if app.kind.is_account() { Ok(app) } else { Err(SimError::NotAnAccount { app: app_id.into() }) }
    }

    /// What the config says of followers, pushes and whitelists.
    pub(super) fn begin_accounts(&mut self, config: &Config, now: Timestamp) -> Result<(), SimError> {
        for (app_id, people) in &config.followers {
            self.account(app_id)?;
            for person in people {
                self.person(person)?;
                self.followers.follow(app_id, person, Followed { since: now, through: None });
            }
        }
        for (app_id, push) in &config.pushes {
            self.set_push(app_id, Some(push.clone()))?;
        }
        for (app_id, list) in &config.ip_whitelists {
            self.app_or_error(app_id)?;
            self.set_whitelist(app_id, Some(list.clone()));
        }
        Ok(())
    }

    pub(super) fn set_push(&mut self, app_id: &str, push: Option<Push>) -> Result<(), SimError> {
        self.account(app_id)?;
        let line = match &push {
            None => format!("nothing is pushed to {app_id} any more"),
            Some(push) => match push.odd_port() {
                None => format!("{app_id} is pushed to"),
                Some(port) => {
                    format!("{app_id} is pushed to port {port}; WeChat would accept only 80 and 443")
                }
            },
        };
        self.pushes.set(app_id, push)?;
        self.note(line);
        Ok(())
    }

    fn set_whitelist(&mut self, app_id: &str, list: Option<Vec<IpNet>>) {
        match list {
            Some(list) => self.whitelists.insert(app_id.into(), list),
            None => self.whitelists.remove(app_id),
        };
    }

    /// Whether this address may ask for server tokens of the app.
    fn may_ask_from(&self, app_id: &str, ip: IpAddr) -> bool {
        let known = |list: &Vec<IpNet>| list.iter().any(|net| net.contains(&ip.to_canonical()));
        self.whitelists.get(app_id).is_none_or(known)
    }

    /// The person whose OpenID this is.
    pub(super) fn person_by_openid(&self, app_id: &str, openid: &str) -> Option<&str> {
        let person = self.people().iter().find(|person| ids::openid(app_id, &person.id) == openid)?;
        Some(&person.id)
    }

    pub(super) fn scan_scene(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        ticket: &str,
        person: &str,
    ) -> Result<(SceneScan, Vec<Sending>), SimError> {
        self.person(person)?;
        let code = self.scenes.get(ticket)?.clone();
        let app_id = code.app_id.as_str();
        if code.is_expired(now) {
            self.note(format!("{person} scanned an expired code of {app_id}"));
            return Ok((SceneScan::Expired, Vec::new()));
        }
        self.note(format!("{person} scanned a code of {app_id}"));
        if self.followers.followed(app_id, person).is_none() {
            self.followers.show_profile(app_id, person, ticket);
            return Ok((SceneScan::Profile, Vec::new()));
        }
        let kind = Kind::Scan { scene: code.scene.text(), ticket: ticket.into() };
        Ok((SceneScan::Chat, self.push(now, rng, app_id, person, kind)))
    }

    /// Follows; through the code whose profile the phone shows, if it shows one.
    pub(super) fn follow(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
    ) -> Result<Vec<Sending>, SimError> {
        self.account(app_id)?;
        self.person(person)?;
        if self.followers.followed(app_id, person).is_some() {
            return Ok(Vec::new());
        }
        let code =
            self.followers.profile(app_id, person).and_then(|ticket| self.scenes.get(ticket).ok()).cloned();
        let through = code.as_ref().map(|code| code.scene.clone());
        self.followers.follow(app_id, person, Followed { since: now, through });
        self.note(format!("{person} follows {app_id}"));
        let through = code.map(|code| (code.scene.text(), code.ticket));
        Ok(self.push(now, rng, app_id, person, Kind::Subscribe { through }))
    }

    pub(super) fn unfollow(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
    ) -> Result<Vec<Sending>, SimError> {
        self.account(app_id)?;
        self.person(person)?;
        if !self.followers.unfollow(app_id, person) {
            return Ok(Vec::new());
        }
        self.note(format!("{person} no longer follows {app_id}"));
        Ok(self.push(now, rng, app_id, person, Kind::Unsubscribe))
    }

    /// A follower writes to the account, or taps on its menu.
    pub(super) fn speak(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
        kind: Kind,
    ) -> Result<Vec<Sending>, SimError> {
        self.account(app_id)?;
        self.person(person)?;
        if self.followers.followed(app_id, person).is_none() {
            return Err(SimError::NotFollowing { person: person.into(), app: app_id.into() });
        }
        if let Kind::Text { content, .. } = &kind {
            self.followers.say(app_id, person, Said::Person, content);
        }
        Ok(self.push(now, rng, app_id, person, kind))
    }

    fn push(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        person: &str,
        kind: Kind,
    ) -> Vec<Sending> {
        let event = Event { app_id: app_id.into(), person: person.into(), kind };
        self.pushes.plan(now, rng, &self.switches.push, &event)
    }

    /// The account's answer arrives on the phone.
    pub(super) fn hear(&mut self, app_id: &str, person: &str, text: &str) {
        self.followers.say(app_id, person, Said::Account, text);
    }

    /// No usable answer came: WeChat says so in the chat.
    pub(super) fn hear_silence(&mut self, app_id: &str, person: &str) {
        self.followers.say(app_id, person, Said::Wechat, UNAVAILABLE);
    }
}
