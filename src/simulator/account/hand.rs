//! The hand on service accounts: what people do with them, where their pushes go, and what came of it.
//!
//! Calls act at once and push in the background; [`Handle::settled`] waits for what is under way.

use std::sync::Arc;

use ipnet::IpNet;
use serde::Serialize;

use super::SceneScan;
use super::followers::Said;
use super::scenes::Code;
use crate::ground::{Span, Timestamp};
use crate::simulator::error::SimError;
use crate::simulator::handle::Handle;
use crate::simulator::ids;
use crate::simulator::push::{self, Kind, Push, PushHealth, PushRecord, PushTrouble, Sending};
use crate::simulator::shared::{Shared, rng};
use crate::simulator::switches::{ForceTooSoon, Quotas};
use crate::simulator::world::World;

/// A parametric QR code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SceneCode {
    /// Names the code.
    pub ticket: String,
    /// The scene as events tell it; a number as decimal digits.
    pub scene: String,
    /// The account's AppID.
    pub app_id: String,
    /// What the picture shows.
    pub url: String,
    /// How long it can still be scanned; `None` for a permanent code.
    pub expires_in: Option<Span>,
}

/// Longer than any push can take: three attempts of at most a minute.
const SETTLE_LIMIT: Span = Span::from_mins(4);

impl Handle {
    // Parametric codes.

    /// All parametric codes that can be scanned, oldest first.
    pub fn scene_codes(&self) -> Vec<SceneCode> {
        let now = self.shared.now();
        let mut codes: Vec<_> = self.shared.read(|world| {
            let alive = world.scenes.recent().filter(|code| !code.is_expired(now));
            alive.map(|code| seen(&self.shared, code, now)).collect()
        });
        codes.reverse();
        codes
    }

    /// Waits at most `limit` for a parametric code that no earlier call returned.
    ///
    /// # Errors
    /// [`SimError::NothingWaiting`] if none was made in time.
    pub async fn next_scene_code(&self, limit: Span) -> Result<SceneCode, SimError> {
        let look = |shared: &Shared| {
            let now = shared.now();
            shared.quietly(|world| world.scenes.next(now)).map(|code| seen(shared, &code, now))
        };
        self.shared.wait_for(limit, look).await.ok_or(SimError::NothingWaiting)
    }

    /// `person` scans the code: a follower comes to the chat and `SCAN` is pushed; anybody else sees the profile,
    /// and nothing is pushed until [`Handle::follow`]; an expired code does nothing.
    ///
    /// # Errors
    /// If the code or person is unknown.
    pub fn scan_scene(&self, ticket: &str, person: &str) -> Result<SceneScan, SimError> {
        let mut scan = SceneScan::Expired;
        self.pushing(|world, now| {
            let (shown, sendings) = world.scan_scene(now, &mut rng(), ticket, person)?;
            scan = shown;
            Ok(sendings)
        })?;
        Ok(scan)
    }

    /// Lets a temporary code run out now; a permanent one stays.
    ///
    /// # Errors
    /// If the code is unknown.
    pub fn expire_scene(&self, ticket: &str) -> Result<(), SimError> {
        let now = self.shared.now();
        self.shared.change(|world| world.scenes.expire(now, ticket))
    }

    // Followers and chats.

    /// Follows the account: through the code whose profile the phone shows (`subscribe` with `qrscene_…` and
    /// Ticket), else plainly (`subscribe` with an empty EventKey). Nothing happens if the person follows already.
    ///
    /// # Errors
    /// If the account or person is unknown.
    pub fn follow(&self, app_id: &str, person: &str) -> Result<(), SimError> {
        self.pushing(|world, now| world.follow(now, &mut rng(), app_id, person))
    }

    /// Leaves the profile that a scan brought up, without following.
    pub fn close_profile(&self, app_id: &str, person: &str) {
        self.shared.change(|world| world.followers.close_profile(app_id, person));
    }

    /// Stops following: the chat goes, `unsubscribe` is pushed. Nothing happens if the person does not follow.
    ///
    /// # Errors
    /// If the account or person is unknown.
    pub fn unfollow(&self, app_id: &str, person: &str) -> Result<(), SimError> {
        self.pushing(|world, now| world.unfollow(now, &mut rng(), app_id, person))
    }

    /// Whether the person follows the account.
    pub fn is_follower(&self, app_id: &str, person: &str) -> bool {
        self.shared.read(|world| world.followers.followed(app_id, person).is_some())
    }

    /// A follower writes to the account.
    ///
    /// # Errors
    /// If the account or person is unknown, or the person does not follow.
    pub fn send_text(&self, app_id: &str, person: &str, text: &str) -> Result<(), SimError> {
        self.pushing(|world, now| {
            // 64 bits on the wire, but never more than a signed number holds.
            let id = ids::digits(&mut rng(), 17).parse().unwrap_or_default();
            world.speak(now, &mut rng(), app_id, person, Kind::Text { content: text.into(), id })
        })
    }

    /// A follower taps an entry of the account's menu.
    ///
    /// # Errors
    /// If the account or person is unknown, or the person does not follow.
    pub fn click_menu(&self, app_id: &str, person: &str, key: &str) -> Result<(), SimError> {
        self.pushing(|world, now| {
            world.speak(now, &mut rng(), app_id, person, Kind::Click { key: key.into() })
        })
    }

    /// The texts the account has answered this person since they follow, oldest first, at most about 50.
    pub fn chat(&self, app_id: &str, person: &str) -> Vec<String> {
        let lines = self.shared.read(|world| world.followers.chat(app_id, person));
        lines.into_iter().filter(|line| line.said == Said::Account).map(|line| line.text).collect()
    }

    // Pushes.

    /// Saves the push settings as an account's console does: only if the address answers the verification.
    /// `None` switches pushing off.
    ///
    /// # Errors
    /// If the account is unknown, the settings are wrong, or the address is not verified.
    pub async fn set_push(&self, app_id: &str, push: Option<Push>) -> Result<(), SimError> {
        if let Some(push) = &push {
            self.shared.read(|world| world.account(app_id).map(|_| ()))?;
            push::verify(&self.shared, push).await?;
        }
        self.set_push_unverified(app_id, push)
    }

    /// Saves the push settings without asking the address, as if it had been right once.
    ///
    /// # Errors
    /// If the account is unknown or the settings are wrong.
    pub fn set_push_unverified(&self, app_id: &str, push: Option<Push>) -> Result<(), SimError> {
        self.shared.change(|world| world.set_push(app_id, push))
    }

    /// Asks the address that is set for the echostr.
    ///
    /// # Errors
    /// [`SimError::NoPush`] if none is set, [`SimError::PushUnverified`] with what came instead.
    pub async fn verify_push(&self, app_id: &str) -> Result<(), SimError> {
        let push = self.shared.read(|world| world.pushes.push(app_id).cloned());
        let push = push.ok_or_else(|| SimError::NoPush { app: app_id.into() })?;
        push::verify(&self.shared, &push).await
    }

    /// What goes wrong with pushes (and with verifications, as far as it can) from now on.
    pub fn set_push_trouble(&self, trouble: PushTrouble) {
        self.shared.change(|world| world.switches.push = trouble);
    }

    /// The account's latest request is sent once more, byte for byte.
    ///
    /// # Errors
    /// [`SimError::NothingToReplay`] if there was none.
    pub fn replay_push(&self, app_id: &str) -> Result<(), SimError> {
        push::replay(&self.shared, app_id)
    }

    /// The latest 200 messages pushed to the account, oldest first.
    pub fn pushes(&self, app_id: &str) -> Vec<PushRecord> {
        self.shared.read(|world| world.pushes.records(app_id))
    }

    /// How the account's server is doing.
    pub fn push_health(&self, app_id: &str) -> PushHealth {
        let now = self.shared.now();
        self.shared.read(|world| world.pushes.health(now, app_id))
    }

    /// Waits until no push is under way; each one has a limit, so this ends.
    pub async fn settled(&self) {
        let quiet = |shared: &Shared| shared.read(|world| world.pushes.under_way() == 0).then_some(());
        self.shared.wait_for(SETTLE_LIMIT, quiet).await;
    }

    // Server tokens.

    /// From where the app's server tokens may be asked for; `None` for everywhere.
    ///
    /// # Errors
    /// If the app is unknown.
    pub fn set_ip_whitelist(&self, app_id: &str, list: Option<Vec<IpNet>>) -> Result<(), SimError> {
        self.shared.change(|world| {
            world.app_or_error(app_id)?;
            world.set_whitelist(app_id, list);
            Ok(())
        })
    }

    /// As if somebody else had refreshed the app's tokens by force: those of both lines are invalid at once.
    pub fn replace_tokens(&self, app_id: &str) {
        let now = self.shared.now();
        self.shared.change(|world| world.tokens.replace(now, app_id));
    }

    /// How often an app may call what.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.shared.change(|world| world.switches.quotas = quotas);
    }

    /// What a forced refresh too soon after the last is answered with.
    pub fn set_force_too_soon(&self, answer: ForceTooSoon) {
        self.shared.change(|world| world.switches.force_too_soon = answer);
    }

    fn pushing(
        &self,
        change: impl FnOnce(&mut World, Timestamp) -> Result<Vec<Sending>, SimError>,
    ) -> Result<(), SimError> {
        let now = self.shared.now();
        let sendings = self.shared.change(|world| change(world, now))?;
        push::start(&self.shared, sendings);
        Ok(())
    }

    /// Waits a little for the answers to what a person just did, so that the next page shows them.
    pub(super) async fn answered(&self, app_id: &str, person: &str) {
        let quiet = |shared: &Shared| {
            let busy = shared.read(|world| world.pushes.is_busy(app_id, person));
            (!busy).then_some(())
        };
        self.shared.wait_for(Span::from_secs(2), quiet).await;
    }

    pub(in crate::simulator) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

/// A code as everybody may see it.
pub(super) fn seen(shared: &Shared, code: &Code, now: Timestamp) -> SceneCode {
    SceneCode {
        ticket: code.ticket.clone(),
        scene: code.scene.text(),
        app_id: code.app_id.clone(),
        url: format!("{}/q/{}", shared.base_url, code.key),
        expires_in: code.expires.map(|expires| expires.since(now)),
    }
}
