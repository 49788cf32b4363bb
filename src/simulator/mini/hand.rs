//! The hand on mini programs and mobile apps: what people do in them.
//!
//! Every call acts at once; only what is `async` waits.

use serde::Serialize;

use super::crypto::Encrypted;
use super::open::{self, Opened};
use super::pictures::{EnvVersion, Picture};
use crate::ground::Span;
use crate::simulator::config::AppKind;
use crate::simulator::error::SimError;
use crate::simulator::grants::{Consented, Scope};
use crate::simulator::handle::Handle;
use crate::simulator::shared::{Shared, rng};
use crate::simulator::switches::SceneLength;

/// A mini program code that somebody shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MiniCode {
    /// The mini program's AppID.
    pub app_id: String,
    /// What it carries.
    pub scene: String,
    /// The page it opens.
    pub page: String,
    /// The version it opens.
    pub version: EnvVersion,
}

impl From<&Picture> for MiniCode {
    fn from(code: &Picture) -> Self {
        Self {
            app_id: code.app_id.clone(),
            scene: code.scene.clone(),
            page: code.page.clone(),
            version: code.version,
        }
    }
}

impl Handle {
    // In a mini program.

    /// `wx.login`: a code for `jscode2session`, good once within five minutes.
    ///
    /// # Errors
    /// If the mini program or person is unknown.
    pub fn login_code(&self, app_id: &str, person: &str) -> Result<String, SimError> {
        let now = self.shared.now();
        self.shared.quietly(|world| world.mini_login(now, &mut rng(), app_id, person))
    }

    /// The person taps the phone number button and agrees: a code for `getuserphonenumber`, good once within five
    /// minutes. It is no login code.
    ///
    /// # Errors
    /// If the mini program or person is unknown, or the person has no phone number.
    pub fn phone_code(&self, app_id: &str, person: &str) -> Result<String, SimError> {
        let now = self.shared.now();
        self.shared.quietly(|world| world.mini_phone(now, &mut rng(), app_id, person))
    }

    /// The same with the older button: the number, encrypted under the session key.
    ///
    /// # Errors
    /// As [`Handle::phone_code`], and [`SimError::NoSession`] before the first [`Handle::login_code`].
    pub fn encrypted_phone(&self, app_id: &str, person: &str) -> Result<Encrypted, SimError> {
        let now = self.shared.now();
        self.shared.quietly(|world| world.encrypted_phone(now, &mut rng(), app_id, person))
    }

    /// What `getUserInfo` gives, encrypted under the session key: ids, no real name.
    ///
    /// # Errors
    /// If the mini program or person is unknown; [`SimError::NoSession`] before the first [`Handle::login_code`].
    pub fn encrypted_user(&self, app_id: &str, person: &str) -> Result<Encrypted, SimError> {
        let now = self.shared.now();
        self.shared.quietly(|world| world.encrypted_user(now, &mut rng(), app_id, person))
    }

    /// Whether every `wx.login` replaces the session key.
    pub fn set_rotate_session_keys(&self, on: bool) {
        self.switch(|switches| switches.rotate_session_keys = on);
    }

    /// Whether WeChat holds the person for a risk: their login codes answer 40226. An unknown person is passed over.
    pub fn set_blocked(&self, person: &str, on: bool) {
        // Who does not exist cannot be blocked; the calls that name them say so.
        let _ = self.shared.change(|world| world.set_blocked(person, on));
    }

    /// What a scene that is empty or too long is answered with.
    pub fn set_scene_length(&self, answer: SceneLength) {
        self.switch(|switches| switches.scene_length = answer);
    }

    /// Whether `countryCode` is a number instead of a text.
    pub fn set_numeric_country_code(&self, on: bool) {
        self.switch(|switches| switches.numeric_country_code = on);
    }

    /// Where a mini program or mobile app sends its requests, for example `http://127.0.0.1:8080/_menshen`: the
    /// phone page then does there what the published program does. Empty for nowhere; an app without an address uses
    /// that of another.
    ///
    /// # Errors
    /// If there is no such mini program or mobile app.
    pub fn set_request_address(&self, app_id: &str, address: &str) -> Result<(), SimError> {
        self.shared.change(|world| world.set_request_address(app_id, address))
    }

    // Mini program codes.

    /// All mini program codes, newest first.
    pub fn mini_codes(&self) -> Vec<MiniCode> {
        self.shared.read(|world| world.minis.pictures.recent().map(MiniCode::from).collect())
    }

    /// Waits at most `limit` for a mini program code that no earlier call returned.
    ///
    /// # Errors
    /// [`SimError::NothingWaiting`] if none was made in time.
    pub async fn next_mini_code(&self, limit: Span) -> Result<MiniCode, SimError> {
        let look = |shared: &Shared| {
            shared.quietly(|world| world.minis.pictures.next()).map(|code| MiniCode::from(&code))
        };
        self.shared.wait_for(limit, look).await.ok_or(SimError::NothingWaiting)
    }

    /// `person` scans the newest code with this scene: the mini program opens with 1047.
    ///
    /// # Errors
    /// If the code or person is unknown, or the released version lacks the page.
    pub fn scan_mini_code(&self, scene: &str, person: &str) -> Result<Opened, SimError> {
        self.shared.change(|world| world.scan_mini(scene, person))
    }

    /// `person` opens a link to a mini program outside WeChat: a URL link (1194) or a scheme (1065), with what was
    /// appended to it as `cq`.
    ///
    /// # Errors
    /// If the link or person is unknown, or the link has expired.
    pub fn open_link(&self, url: &str, person: &str) -> Result<Opened, SimError> {
        let now = self.shared.now();
        self.shared.change(|world| world.open_link(now, &self.shared.base_url, url, person))
    }

    /// Whether URL links lead to this simulator's phone page instead of `https://wxaurl.cn`.
    pub fn set_own_links(&self, on: bool) {
        self.switch(|switches| switches.own_links = on);
    }

    // Apps.

    /// A mobile app opens a mini program (`WXLaunchMiniProgram`): it opens with 1069.
    ///
    /// # Errors
    /// If the original id or person is unknown, or the released version lacks the page.
    pub fn launch(&self, original_id: &str, path: &str, person: &str) -> Result<Opened, SimError> {
        self.shared.change(|world| world.launch_mini(original_id, path, person, EnvVersion::Release))
    }

    /// The person taps the button that leads back to the app: what the app receives as `extMsg`.
    ///
    /// # Errors
    /// [`SimError::InvalidScene`] unless an app opened the mini program.
    pub fn return_to_app(&self, opened: &Opened, parameter: &str) -> Result<String, SimError> {
        open::back(opened, parameter)
    }

    /// The person agrees in WeChat to what a mobile app asked with `SendAuth`: the code the app receives.
    ///
    /// # Errors
    /// If the mobile app or person is unknown.
    pub fn mobile_code(&self, app_id: &str, person: &str) -> Result<String, SimError> {
        let now = self.shared.now();
        self.shared.quietly(|world| {
            if world.app_or_error(app_id)?.kind != AppKind::Mobile {
                return Err(SimError::NotAMobileApp { app: app_id.into() });
            }
            let (app_id, person) = (app_id.to_owned(), person.to_owned());
            let consented = Consented { app_id, person, scope: Scope::UserInfo, snapshot: false };
            world.issue(now, &mut rng(), consented)
        })
    }
}
