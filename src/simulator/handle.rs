//! The hand on the simulator: what people do on their phones, and what WeChat is told to get wrong.
//!
//! Every call acts at once and wakes whatever waits for it; only what is `async` waits itself.
//! What concerns service accounts is in `account/hand.rs`.

use std::sync::Arc;

use super::config::{Person, UnionId};
use super::error::SimError;
use super::fault::Fault;
use super::grants::{Consented, Scope};
use super::ids;
use super::shared::{Shared, rng};
use super::switches::{Consent, DenyVariant, DoubleCallback, ExpiredCode, Switches, Trace, WrongSecret};
use crate::ground::{Span, Timestamp};

/// Steers a running [`super::Simulator`]. Clones steer the same one.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Handle {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The address browsers see, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// The simulator's time.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Moves the simulator's time forward: codes, tokens and QR codes age at once.
    pub fn advance(&self, span: Span) {
        self.shared.advance(span);
    }

    // QR codes of websites.

    /// The QR codes nobody has scanned yet, oldest first.
    pub fn waiting(&self) -> Vec<String> {
        let now = self.shared.now();
        self.shared.read(|world| world.scans.waiting(now))
    }

    /// Waits at most `limit` for a QR code that no earlier call returned.
    ///
    /// # Errors
    /// [`SimError::NothingWaiting`] if none appeared in time.
    pub async fn next_waiting(&self, limit: Span) -> Result<String, SimError> {
        let look = |shared: &Shared| {
            let now = shared.now();
            shared.quietly(|world| world.scans.next_waiting(now))
        };
        self.shared.wait_for(limit, look).await.ok_or(SimError::NothingWaiting)
    }

    /// `person` scans the QR code with the phone; the page shows "scanned".
    ///
    /// # Errors
    /// If the code or person is unknown, or the code is not waiting.
    pub fn scan(&self, uuid: &str, person: &str) -> Result<(), SimError> {
        let now = self.shared.now();
        self.shared.change(|world| {
            world.person(person)?;
            world.scans.scan(now, uuid, person)?;
            world.note(format!("{person} scanned {uuid}"));
            Ok(())
        })
    }

    /// Whoever scanned it taps "同意"; the page gets a code.
    ///
    /// # Errors
    /// If the code is unknown or not in the scanned phase.
    pub fn confirm(&self, uuid: &str) -> Result<(), SimError> {
        let now = self.shared.now();
        self.shared.change(|world| world.confirm(now, &mut rng(), uuid))
    }

    /// Whoever scanned it taps "拒绝"; the page goes back with the state alone.
    ///
    /// # Errors
    /// If the code is unknown or not in the scanned phase.
    pub fn refuse(&self, uuid: &str) -> Result<(), SimError> {
        let now = self.shared.now();
        self.shared.change(|world| {
            world.scans.refuse(now, uuid)?;
            world.note(format!("{uuid} was refused"));
            Ok(())
        })
    }

    /// Lets the QR code run out now.
    ///
    /// # Errors
    /// If the code is unknown or already confirmed or refused.
    pub fn expire(&self, uuid: &str) -> Result<(), SimError> {
        let now = self.shared.now();
        self.shared.change(|world| world.scans.expire(now, uuid))
    }

    /// The QR code's phase: `waiting`, `scanned`, `confirmed`, `refused` or `expired`.
    ///
    /// # Errors
    /// If the code is unknown.
    pub fn phase(&self, uuid: &str) -> Result<&'static str, SimError> {
        let now = self.shared.now();
        self.shared.read(|world| Ok(world.scans.get(uuid)?.phase(now).name()))
    }

    // People and their ids.

    /// Chooses whose WeChat browser it is where no `sim_person` cookie says otherwise.
    ///
    /// # Errors
    /// If the person is unknown.
    pub fn set_current_person(&self, person: &str) -> Result<(), SimError> {
        self.shared.change(|world| world.set_current(person))
    }

    /// Adds a person or replaces the one with the same id.
    ///
    /// # Errors
    /// If the id is not 1 to 64 letters, digits, `-` and `_`, or there are too many people.
    pub fn put_person(&self, person: Person) -> Result<(), SimError> {
        self.shared.change(|world| world.put_person(person))
    }

    /// From now on apps learn exactly this UnionID of the person, or none.
    ///
    /// # Errors
    /// If the person is unknown.
    pub fn set_unionid(&self, person: &str, unionid: Option<String>) -> Result<(), SimError> {
        let unionid = unionid.map_or(UnionId::Absent, UnionId::Fixed);
        self.shared.change(|world| world.set_unionid(person, unionid))
    }

    /// The OpenID of the person at this app.
    pub fn openid(&self, app_id: &str, person: &str) -> String {
        ids::openid(app_id, person)
    }

    /// The UnionID this app learns of the person; `None` where it learns none.
    pub fn unionid(&self, app_id: &str, person: &str) -> Option<String> {
        let consented = Consented {
            app_id: app_id.into(),
            person: person.into(),
            scope: Scope::UserInfo,
            snapshot: false,
        };
        self.shared.read(|world| world.unionid(&consented))
    }

    /// A fresh code, as if the person had agreed to `scope` (`snsapi_base`, `snsapi_userinfo`, `snsapi_login`).
    ///
    /// # Errors
    /// If the app, person or scope is unknown.
    pub fn code_for(&self, app_id: &str, person: &str, scope: &str) -> Result<String, SimError> {
        let scope = Scope::parse(scope).ok_or_else(|| SimError::UnknownScope { scope: scope.into() })?;
        let now = self.shared.now();
        self.shared.quietly(|world| {
            let snapshot = world.switches.snapshot && scope == Scope::UserInfo;
            let consented = Consented { app_id: app_id.into(), person: person.into(), scope, snapshot };
            world.issue(now, &mut rng(), consented)
        })
    }

    /// The person changes the WeChat password: all their sns tokens answer 42007. Answers how many pairs died.
    ///
    /// # Errors
    /// If the person is unknown.
    pub fn revoke(&self, person: &str) -> Result<usize, SimError> {
        self.shared.quietly(|world| {
            world.person(person)?;
            Ok(world.grants.revoke(person))
        })
    }

    // Trouble and switches.

    /// The next `times` requests to `path` meet `fault`. A path ending in `*` means all that begin so.
    pub fn fault(&self, path: &str, fault: Fault, times: u32) {
        self.shared.quietly(|world| world.faults.plan(path, fault, times));
    }

    /// Forgets all planned faults.
    pub fn clear_faults(&self) {
        self.shared.quietly(|world| world.faults.clear());
    }

    /// How many requests have reached `path`, faulty ones included. The QR picture counts as
    /// `/connect/qrcode/{uuid}`, with the braces.
    pub fn calls(&self, path: &str) -> usize {
        self.shared.read(|world| world.calls().get(path).copied().unwrap_or_default())
    }

    /// What a refused consent page does.
    pub fn set_deny(&self, variant: DenyVariant) {
        self.switch(|switches| switches.deny = variant);
    }

    /// Whether `snsapi_userinfo` asks the visitor. [`Consent::Silent`] spares tests the page.
    pub fn set_consent(&self, consent: Consent) {
        self.switch(|switches| switches.consent = consent);
    }

    /// Whether pages that ask for `snsapi_userinfo` are snapshots with virtual ids.
    pub fn set_snapshot(&self, on: bool) {
        self.switch(|switches| switches.snapshot = on);
    }

    /// Whether WeChat's browser delivers a callback twice. Tests without a browser may as well request the
    /// `Location` twice themselves.
    pub fn set_double_callback(&self, mode: DoubleCallback) {
        self.switch(|switches| switches.double_callback = mode);
    }

    /// Who is logged in to WeChat on the desktop: the QR page then offers fast login.
    ///
    /// # Errors
    /// If the person is unknown.
    pub fn set_fast_login(&self, person: Option<&str>) -> Result<(), SimError> {
        self.shared.read(|world| person.map_or(Ok(()), |id| world.person(id).map(|_| ())))?;
        self.switch(|switches| switches.fast_login = person.map(str::to_owned));
        Ok(())
    }

    /// What an expired code is answered with.
    pub fn set_expired_code(&self, answer: ExpiredCode) {
        self.switch(|switches| switches.expired_code = answer);
    }

    /// What a wrong AppSecret is answered with.
    pub fn set_wrong_secret(&self, answer: WrongSecret) {
        self.switch(|switches| switches.wrong_secret = answer);
    }

    /// What follows the text of an `errmsg`.
    pub fn set_trace(&self, trace: Trace) {
        self.switch(|switches| switches.trace = trace);
    }

    pub(super) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.shared.change(|world| change(&mut world.switches));
    }

    /// The latest 200 things that happened, oldest first; no codes, tokens or secrets.
    pub fn journal(&self) -> Vec<String> {
        self.shared.read(|world| world.journal().cloned().collect())
    }
}
