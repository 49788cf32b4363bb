//! Parametric QR codes of service accounts: what may be asked for, and the codes there are.
//!
//! Pure: knows neither who follows nor what is pushed. The oldest codes are forgotten.

use rand::CryptoRng;
use serde_json::Value;

use crate::ground::{Span, Timestamp};
use crate::simulator::bounded::Bounded;
use crate::simulator::errcode::Errcode;
use crate::simulator::error::SimError;
use crate::simulator::ids;

/// The longest life of a temporary code, and the life of one that names none (parametric QR page).
const MAX_LIFE: u64 = 2_592_000;
const DEFAULT_LIFE: u64 = 60;
/// How many permanent codes an account may have.
const MAX_PERMANENT: u32 = 100_000;

/// What a code carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Id(u32),
    Text(String),
}

impl Scene {
    /// As events tell it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// A code as `qrcode/create` is asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) scene: Scene,
    /// `None` for a permanent code.
    pub(crate) life: Option<Span>,
}

impl Wanted {
    /// Reads the body of `qrcode/create`.
    pub(crate) fn parse(body: &Value) -> Result<Self, Errcode> {
        let wrong = Errcode::INVALID_ACTION_INFO;
        let scene = body.pointer("/action_info/scene").ok_or(wrong)?;
        let id = |max: u32| {
            let id = scene.get("scene_id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
            id.filter(|id| (1..=max).contains(id)).map(Scene::Id).ok_or(wrong)
        };
        let text = || {
            let text = scene.get("scene_str").and_then(Value::as_str);
            text.filter(|text| (1..=64).contains(&text.chars().count()))
                .map(|text| Scene::Text(text.into()))
                .ok_or(wrong)
        };
        let life = || match body.get("expire_seconds") {
            None => Ok(Some(Span::from_secs(DEFAULT_LIFE))),
            Some(secs) => {
                let secs = secs.as_u64().filter(|secs| (1..=MAX_LIFE).contains(secs)).ok_or(wrong)?;
                Ok(Some(Span::from_secs(secs)))
            }
        };
        match body.get("action_name").and_then(Value::as_str) {
            Some("QR_SCENE") => Ok(Self { scene: id(u32::MAX)?, life: life()? }),
            Some("QR_STR_SCENE") => Ok(Self { scene: text()?, life: life()? }),
            Some("QR_LIMIT_SCENE") => Ok(Self { scene: id(100_000)?, life: None }),
            Some("QR_LIMIT_STR_SCENE") => Ok(Self { scene: text()?, life: None }),
            _ => Err(wrong),
        }
    }
}

/// One code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) ticket: String,
    /// The last part of the address inside the picture.
    pub(crate) key: String,
    pub(crate) app_id: String,
    pub(crate) scene: Scene,
    /// `None` for a permanent code.
    pub(crate) expires: Option<Timestamp>,
    announced: bool,
}

impl Code {
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}

/// All codes, by ticket.
#[derive(Debug)]
pub(crate) struct Scenes {
    codes: Bounded<String, Code>,
    tickets: Bounded<String, String>,
    permanent: Bounded<String, u32>,
}

impl Scenes {
    pub(crate) fn new() -> Self {
        const CODES: usize = 10_000;
        Self { codes: Bounded::new(CODES), tickets: Bounded::new(CODES), permanent: Bounded::new(1000) }
    }

    /// Makes a code; a permanent one that exists already is given again.
    pub(crate) fn create(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        wanted: Wanted,
    ) -> Result<Code, Errcode> {
        if wanted.life.is_none() {
            let same =
                |code: &Code| code.app_id == app_id && code.expires.is_none() && code.scene == wanted.scene;
            if let Some((_, code)) = self.codes.iter().find(|(_, code)| same(code)) {
                return Ok(code.clone());
            }
            let count = self.permanent.entry(app_id.into(), || 0);
            if *count >= MAX_PERMANENT {
                return Err(Errcode::INVALID_ACTION_INFO);
            }
            *count += 1;
        }
        let code = Code {
            ticket: ids::scene_ticket(rng),
            key: ids::letters(rng, 22),
            app_id: app_id.into(),
            scene: wanted.scene,
            expires: wanted.life.map(|life| now.plus(life)),
            announced: false,
        };
        self.tickets.insert(code.key.clone(), code.ticket.clone());
        self.codes.insert(code.ticket.clone(), code.clone());
        Ok(code)
    }

    pub(crate) fn get(&self, ticket: &str) -> Result<&Code, SimError> {
        self.codes.get(ticket).ok_or(SimError::UnknownTicket)
    }

    /// The code whose picture shows an address that ends so.
    pub(crate) fn by_key(&self, key: &str) -> Option<&Code> {
        self.codes.get(self.tickets.get(key)?)
    }

    /// The newest codes, newest first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &Code> {
        self.codes.iter().rev().map(|(_, code)| code)
    }

    /// The oldest code that can be scanned and that this has not returned before.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Code> {
        let fresh = |code: &Code| !code.announced && !code.is_expired(now);
        let ticket = self.codes.iter().find(|(_, code)| fresh(code)).map(|(ticket, _)| ticket.clone())?;
        let code = self.codes.get_mut(&ticket)?;
        code.announced = true;
        Some(code.clone())
    }

    /// Ends a temporary code now; a permanent one stays.
    pub(crate) fn expire(&mut self, now: Timestamp, ticket: &str) -> Result<(), SimError> {
        let code = self.codes.get_mut(ticket).ok_or(SimError::UnknownTicket)?;
        code.expires = code.expires.map(|expires| expires.min(now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn wanted(action: &str, scene: Value, expire: Option<u64>) -> Result<Wanted, Errcode> {
        let mut body = json!({"action_name": action, "action_info": {"scene": scene}});
        if let Some(expire) = expire {
            body["expire_seconds"] = json!(expire);
        }
        Wanted::parse(&body)
    }

    #[rstest]
    #[case("QR_SCENE", json!({"scene_id": 1}), Some(2_592_000), Some(Some(2_592_000)))]
    #[case("QR_SCENE", json!({"scene_id": 4_294_967_295_u64}), None, Some(Some(60)))]
    #[case("QR_SCENE", json!({"scene_id": 4_294_967_296_u64}), None, None)]
    #[case("QR_SCENE", json!({"scene_id": 0}), None, None)]
    #[case("QR_SCENE", json!({"scene_str": "a"}), None, None)]
    #[case("QR_SCENE", json!({"scene_id": 1}), Some(2_592_001), None)]
    #[case("QR_SCENE", json!({"scene_id": 1}), Some(0), None)]
    #[case("QR_STR_SCENE", json!({"scene_str": "a"}), Some(180), Some(Some(180)))]
    #[case("QR_STR_SCENE", json!({"scene_str": "x".repeat(64)}), Some(180), Some(Some(180)))]
    #[case("QR_STR_SCENE", json!({"scene_str": "x".repeat(65)}), Some(180), None)]
    #[case("QR_STR_SCENE", json!({"scene_str": ""}), Some(180), None)]
    #[case("QR_STR_SCENE", json!({"scene_id": 1}), Some(180), None)]
    #[case("QR_LIMIT_SCENE", json!({"scene_id": 100_000}), None, Some(None))]
    #[case("QR_LIMIT_SCENE", json!({"scene_id": 100_001}), None, None)]
    #[case("QR_LIMIT_STR_SCENE", json!({"scene_str": "a"}), None, Some(None))]
    #[case("QR_FOREVER", json!({"scene_str": "a"}), None, None)]
    fn the_limits_of_every_action(
        #[case] action: &str,
        #[case] scene: Value,
        #[case] expire: Option<u64>,
        #[case] life: Option<Option<u64>>,
    ) {
        let outcome = wanted(action, scene, expire);
        assert_eq!(outcome.map(|wanted| wanted.life.map(Span::secs)).ok(), life);
    }

    #[test]
    fn a_permanent_code_exists_once_and_counts_against_the_limit() {
        let mut scenes = Scenes::new();
        let (now, rng) = (Timestamp::from_millis(1_700_000_000_000), &mut rand::rng());
        let forever = Wanted { scene: Scene::Id(1), life: None };
        let first = scenes.create(now, rng, "wx1", forever.clone()).unwrap();
        assert_eq!(scenes.create(now, rng, "wx1", forever.clone()).unwrap().ticket, first.ticket);
        assert_ne!(scenes.create(now, rng, "wx2", forever).unwrap().ticket, first.ticket);
        scenes.permanent.insert("wx1".into(), MAX_PERMANENT);
        let more = Wanted { scene: Scene::Id(2), life: None };
        assert_eq!(scenes.create(now, rng, "wx1", more).unwrap_err(), Errcode::INVALID_ACTION_INFO);
    }

    #[test]
    fn every_live_code_is_handed_out_once() {
        let mut scenes = Scenes::new();
        let (now, rng) = (Timestamp::from_millis(1_700_000_000_000), &mut rand::rng());
        let wanted = |secs| Wanted { scene: Scene::Id(1), life: Some(Span::from_secs(secs)) };
        scenes.create(now, rng, "wx1", wanted(1)).unwrap();
        let second = scenes.create(now, rng, "wx1", wanted(60)).unwrap();
        let later = now.plus(Span::from_secs(1));
        assert_eq!(scenes.next(later).unwrap().ticket, second.ticket, "the first has expired");
        assert!(scenes.next(later).is_none());
    }
}
