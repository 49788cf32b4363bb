//! What is open on phones: mini programs, and the mobile apps that opened them.
//!
//! Pure. The oldest are forgotten, as a phone closes what it has not shown for long.

use rand::CryptoRng;

use super::gateway::Step;
use super::open::Opened;
use crate::simulator::bounded::Bounded;
use crate::simulator::ids;

/// An open mini program.
#[derive(Clone, Debug)]
pub(crate) struct Tab {
    pub(crate) opened: Opened,
    /// Whether its page has shown what it is to approve.
    pub(crate) asked: bool,
    /// The attempt of a mobile app that opened it.
    pub(crate) attempt: Option<Attempt>,
}

impl Tab {
    /// A mini program that has just opened.
    pub(crate) const fn of(opened: Opened, attempt: Option<Attempt>) -> Self {
        Self { opened, asked: false, attempt }
    }
}

/// A mobile app's login through a mini program, on its way.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) app_id: String,
    pub(crate) ticket: String,
    /// Never leaves the app before the end.
    pub(crate) verifier: String,
    pub(crate) steps: Vec<Step>,
}

/// All of them, by id.
#[derive(Debug)]
pub(crate) struct Tabs(Bounded<String, Tab>);

impl Tabs {
    pub(crate) fn new() -> Self {
        Self(Bounded::new(1000))
    }

    pub(crate) fn open(&mut self, rng: &mut impl CryptoRng, tab: Tab) -> String {
        let id = ids::letters(rng, 12);
        self.0.insert(id.clone(), tab);
        id
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Tab> {
        self.0.get(id)
    }

    /// The page has shown what it is to approve.
    pub(crate) fn asked(&mut self, id: &str) {
        if let Some(tab) = self.0.get_mut(id) {
            tab.asked = true;
        }
    }
}
