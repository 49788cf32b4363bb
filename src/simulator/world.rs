//! Everything the simulated WeChat knows: apps, people, QR codes, grants, switches and planned trouble.
//!
//! Pure: one lock in `shared` guards it, time and randomness come as arguments.

use std::collections::{BTreeMap, VecDeque};

use ipnet::IpNet;
use rand::CryptoRng;

use super::account::{Followers, Scenes, ServerTokens, Used};
use super::bounded::Bounded;
use super::config::{App, AppKind, Config, Person, UnionId};
use super::error::SimError;
use super::fault::Faults;
use super::grants::{Consented, Grants, Scope};
use super::ids;
use super::link::Callback;
use super::mini::Minis;
use super::push::Pushes;
use super::scans::Scans;
use super::switches::Switches;
use crate::ground::{Span, Timestamp};

/// A consent page that is open in a WeChat browser.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) consented: Consented,
    pub(super) callback: Callback,
    pub(super) once: bool,
}

#[derive(Debug)]
pub(super) struct World {
    apps: Vec<App>,
    people: Vec<Person>,
    current: String,
    refresh_life: Span,
    pub(super) grants: Grants,
    pub(super) scans: Scans,
    pub(super) faults: Faults,
    pub(super) switches: Switches,
    pub(super) tokens: ServerTokens,
    pub(super) used: Used,
    pub(super) scenes: Scenes,
    pub(super) followers: Followers,
    pub(super) pushes: Pushes,
    pub(super) minis: Minis,
    pub(super) whitelists: BTreeMap<String, Vec<IpNet>>,
    asked: Bounded<String, Option<Asked>>,
    calls: Bounded<String, usize>,
    journal: VecDeque<String>,
}

const MAX_PEOPLE: usize = 1000;
const JOURNAL_LINES: usize = 200;

impl World {
    pub(super) fn new(config: &Config, now: Timestamp) -> Result<Self, SimError> {
        let twice = |what: &str, ids: Vec<&str>| {
            let again = ids.iter().enumerate().find(|(at, id)| ids[..*at].contains(id));
            again.map_or(Ok(()), |(_, id)| {
                Err(SimError::Config { what: format!("{what} `{id}` exists twice") })
            })
        };
        twice("app id", config.apps.iter().map(|app| app.app_id.as_str()).collect())?;
        twice("person", config.people.iter().map(|person| person.id.as_str()).collect())?;
        let Some(first) = config.people.first() else {
            return Err(SimError::Config { what: "there are no people".into() });
        };
        if let Some(odd) = config.people.iter().find(|person| !is_plain(&person.id)) {
            return Err(bad_person_id(&odd.id));
        }
        let mut world = Self {
            current: first.id.clone(),
            apps: config.apps.clone(),
            people: config.people.clone(),
            refresh_life: config.refresh_life,
            grants: Grants::new(),
            scans: Scans::new(),
            faults: Faults::default(),
            switches: Switches::default(),
            tokens: ServerTokens::new(),
            used: Used::new(),
            scenes: Scenes::new(),
            followers: Followers::new(),
            pushes: Pushes::new(),
            minis: Minis::new(config),
            whitelists: BTreeMap::new(),
            asked: Bounded::new(1000),
            calls: Bounded::new(256),
            journal: VecDeque::new(),
        };
        world.begin_accounts(config, now)?;
        for (app_id, program) in &config.mini_programs {
            world.mini_program(app_id)?;
            for member in &program.members {
                world.person(member)?;
            }
        }
        Ok(world)
    }

    // People.

    pub(super) fn people(&self) -> &[Person] {
        &self.people
    }

    pub(super) fn person(&self, id: &str) -> Result<&Person, SimError> {
        self.people
            .iter()
            .find(|person| person.id == id)
            .ok_or_else(|| SimError::UnknownPerson { person: id.into(), known: self.known_people() })
    }

    /// The people for a message: as many as somebody reads.
    fn known_people(&self) -> String {
        const SHOWN: usize = 20;
        let ids: Vec<&str> = self.people.iter().take(SHOWN).map(|person| person.id.as_str()).collect();
        let more = if self.people.len() > SHOWN { ", …" } else { "" };
        ids.join(", ") + more
    }

    /// Whose WeChat is open where nothing else says so.
    pub(super) fn current(&self) -> &str {
        &self.current
    }

    /// The person a browser's cookie names, or the current one.
    pub(super) fn person_of(&self, cookie: Option<&str>) -> String {
        cookie.filter(|id| self.person(id).is_ok()).unwrap_or(&self.current).to_owned()
    }

    pub(super) fn set_current(&mut self, id: &str) -> Result<(), SimError> {
        self.person(id)?;
        self.current = id.into();
        Ok(())
    }

    /// Adds a person or replaces the one with the same id.
    pub(super) fn put_person(&mut self, person: Person) -> Result<(), SimError> {
        if !is_plain(&person.id) {
            return Err(bad_person_id(&person.id));
        }
        let room = self.people.len() < MAX_PEOPLE;
        match self.people.iter_mut().find(|known| known.id == person.id) {
            Some(known) => *known = person,
            None if !room => {
                return Err(SimError::Config { what: format!("there are {MAX_PEOPLE} people already") });
            }
            None => self.people.push(person),
        }
        Ok(())
    }

    pub(super) fn set_unionid(&mut self, id: &str, unionid: UnionId) -> Result<(), SimError> {
        let mut person = self.person(id)?.clone();
        person.unionid = unionid;
        self.put_person(person)
    }

    // Apps.

    pub(super) fn apps(&self) -> &[App] {
        &self.apps
    }

    pub(super) fn app(&self, app_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.app_id == app_id)
    }

    pub(super) fn app_or_error(&self, app_id: &str) -> Result<&App, SimError> {
        self.app(app_id).ok_or_else(|| SimError::UnknownApp {
            app: app_id.into(),
            known: self.apps.iter().map(|app| app.app_id.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    // Identities and consent.

    /// The UnionID this app is told: none if the app is not bound, a shared virtual one on a snapshot page.
    pub(super) fn unionid(&self, consented: &Consented) -> Option<String> {
        if consented.snapshot {
            let platform = self.app(&consented.app_id)?.open_platform.as_deref()?;
            return Some(ids::unionid(platform, "everybody's snapshot"));
        }
        self.person_unionid(&consented.app_id, &consented.person)
    }

    /// The UnionID of a person at an app that is bound.
    pub(super) fn person_unionid(&self, app_id: &str, person: &str) -> Option<String> {
        let platform = self.app(app_id)?.open_platform.as_deref()?;
        match &self.person(person).ok()?.unionid {
            UnionId::Derived => Some(ids::unionid(platform, person)),
            UnionId::Absent => None,
            UnionId::Fixed(unionid) => Some(unionid.clone()),
        }
    }

    /// A fresh code for what somebody agreed to.
    pub(super) fn issue(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        consented: Consented,
    ) -> Result<String, SimError> {
        self.person(&consented.person)?;
        let kind = self.app_or_error(&consented.app_id)?.kind;
        // The Open SDK knows this scope alone (mobile login page).
        if kind == AppKind::Mobile && consented.scope != Scope::UserInfo {
            return Err(SimError::UnknownScope { scope: consented.scope.text().into() });
        }
        let life = kind.code_life();
        self.note(format!("code for {} ({})", consented.person, consented.scope.text()));
        Ok(self.grants.issue(now, rng, consented, life))
    }

    /// "同意" on the phone: the waiting page gets a code.
    pub(super) fn confirm(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        uuid: &str,
    ) -> Result<(), SimError> {
        let (person, app_id) = self.scans.scanned_by(now, uuid)?;
        let code =
            self.issue(now, rng, Consented { app_id, person, scope: Scope::Login, snapshot: false })?;
        self.scans.confirm(now, uuid, code)
    }

    /// Remembers an open consent page under a ticket.
    pub(super) fn ask(&mut self, rng: &mut impl CryptoRng, asked: Asked) -> String {
        let ticket = ids::letters(rng, 32);
        self.asked.insert(ticket.clone(), Some(asked));
        ticket
    }

    /// What the page asked; each ticket is answered once.
    pub(super) fn answered(&mut self, ticket: &str) -> Option<Asked> {
        self.asked.get_mut(ticket)?.take()
    }

    pub(super) const fn refresh_life(&self) -> Span {
        self.refresh_life
    }

    // What happened.

    pub(super) fn count_call(&mut self, path: &str) {
        *self.calls.entry(path.into(), || 0) += 1;
    }

    pub(super) fn calls(&self) -> &Bounded<String, usize> {
        &self.calls
    }

    /// Writes a line for the human at the terminal; never a code, token or secret.
    pub(super) fn note(&mut self, line: String) {
        tracing::info!(target: "menshen::simulator", "{line}");
        if self.journal.len() == JOURNAL_LINES {
            self.journal.pop_front();
        }
        self.journal.push_back(line);
    }

    pub(super) fn journal(&self) -> impl Iterator<Item = &String> {
        self.journal.iter()
    }
}

/// Ids of people travel in cookies and addresses, so they are plain.
fn is_plain(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn bad_person_id(id: &str) -> SimError {
    SimError::Config {
        what: format!("`{id}` cannot be a person's id; use 1 to 64 letters, digits, `-` and `_`"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_message_names_as_many_people_as_somebody_reads() {
        let people = (0..3000).map(|n| Person::new(&format!("p{n}"), "Somebody")).collect();
        let mut config = Config { people, ..Config::demo() };
        config.mini_programs.clear();
        let world = World::new(&config, Timestamp::from_millis(0)).unwrap();
        let message = world.person("zhang").unwrap_err().to_string();
        assert!(
            message.contains("`zhang`") && message.contains("p19, …") && message.len() < 200,
            "{message}"
        );
    }
}
