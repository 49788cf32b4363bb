//! How a mini program is opened, with the number that tells it from where, and the way back to an app.
//!
//! Pure. Numbers are from the list of scene values: 1047 a scanned code, 1069 an app.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::pictures::{EnvVersion, Picture};
use crate::simulator::error::SimError;
use crate::simulator::world::World;

/// What `encodeURIComponent` leaves alone.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// From the list of mini programs on the phone.
pub(crate) const FROM_LIST: u32 = 1001;
/// A mini program code was scanned.
pub(crate) const FROM_CODE: u32 = 1047;
/// An app opened it through the Open SDK.
pub(crate) const FROM_APP: u32 = 1069;

/// A mini program as it opens on somebody's phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Opened {
    /// The mini program's AppID.
    pub app_id: String,
    /// Whose phone it is.
    pub person: String,
    /// The page, without a leading slash.
    pub path: String,
    /// The query as the page gets it; a code's scene is percent-encoded in it.
    pub query: String,
    /// The number that tells from where: 1047 from a code, 1069 from an app, 1065 and 1194 from links.
    pub launch_scene: u32,
    /// Which version.
    pub version: EnvVersion,
}

impl Opened {
    /// The first value of `key` in the query, decoded as the page's own code would do.
    pub fn parameter(&self, key: &str) -> Option<String> {
        let pair =
            self.query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key);
        let value = percent_encoding::percent_decode_str(pair?.1).decode_utf8_lossy();
        Some(value.into_owned())
    }
}

/// As `encodeURIComponent` writes it.
pub(crate) fn component(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

impl World {
    /// `person` scans the newest code with this scene.
    pub(crate) fn scan_mini(&mut self, scene: &str, person: &str) -> Result<Opened, SimError> {
        let code = self.minis.pictures.recent().find(|code| code.scene == scene).cloned();
        let code = code.ok_or_else(|| SimError::UnknownMiniCode { scene: scene.into() })?;
        self.scan_picture(&code, person)
    }

    /// `person` scans this code.
    pub(crate) fn scan_picture(&mut self, code: &Picture, person: &str) -> Result<Opened, SimError> {
        let query = format!("scene={}", component(&code.scene));
        self.open_mini(&code.app_id, person, &code.page, query, FROM_CODE, code.version)
    }

    /// An app opens a mini program by its original id, at a path that may have a query.
    pub(crate) fn launch_mini(
        &mut self,
        original_id: &str,
        path: &str,
        person: &str,
        version: EnvVersion,
    ) -> Result<Opened, SimError> {
        let found = self.minis.programs.iter().find(|(_, program)| program.original_id == original_id);
        let (app_id, _) = found.ok_or_else(|| SimError::NotAMiniProgram { app: original_id.into() })?;
        let (page, query) = path.split_once('?').unwrap_or((path, ""));
        let page = page.strip_prefix('/').unwrap_or(page).to_owned();
        self.open_mini(&app_id.clone(), person, &page, query.into(), FROM_APP, version)
    }

    /// The released version opens only at pages it has; the others are not known here and open for members alone.
    /// Source: "获取不限制的小程序码", `env_version`.
    pub(crate) fn open_mini(
        &mut self,
        app_id: &str,
        person: &str,
        page: &str,
        query: String,
        launch_scene: u32,
        version: EnvVersion,
    ) -> Result<Opened, SimError> {
        self.person(person)?;
        let (_, program) = self.mini_program(app_id)?;
        let page = if page.is_empty() { program.home() } else { page }.to_owned();
        if version == EnvVersion::Release {
            if !program.has(&page) {
                return Err(SimError::NoSuchPage { page });
            }
        } else if !program.members.iter().any(|member| member == person) {
            let version = version.text();
            return Err(SimError::NotAMember { person: person.into(), app: app_id.into(), version });
        }
        self.note(format!("{person} opens {page} of {app_id} ({launch_scene})"));
        let (app_id, person) = (app_id.to_owned(), person.to_owned());
        Ok(Opened { app_id, person, path: page, query, launch_scene, version })
    }
}

/// `<button open-type="launchApp" app-parameter="…">`: what the app receives as `extMsg`.
pub(crate) fn back(opened: &Opened, parameter: &str) -> Result<String, SimError> {
    if opened.launch_scene == FROM_APP { Ok(parameter.into()) } else { Err(SimError::InvalidScene) }
}
