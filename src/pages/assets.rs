//! Style sheets, scripts and the built-in logo, under names that change with their content.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::config::Checked;
use super::theme;

const STYLE: &str = include_str!("assets/style.css");
const LOGIN_SCRIPT: &str = include_str!("assets/login.js");
const SCAN_SCRIPT: &str = include_str!("assets/scan.js");
const LOGO: &str = include_str!("assets/logo.svg");
/// The colours in the logo file, replaced by the operator's.
const LOGO_ACCENT: &str = "#07854a";
const LOGO_ON_ACCENT: &str = "#fefefe";

/// A file that pages link to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub bytes: Bytes,
}

/// All files of one configuration.
#[derive(Debug)]
pub(super) struct Assets {
    by_name: BTreeMap<String, Asset>,
    pub(super) style: String,
    pub(super) theme: String,
    pub(super) login_script: String,
    pub(super) scan_script: String,
    pub(super) logo: String,
}

impl Assets {
    pub(super) fn new(config: &Checked) -> Self {
        let mut by_name = BTreeMap::new();
        let mut add = |stem: &str, extension: &str, content_type, bytes: Bytes| {
            let name = format!("{stem}-{}.{extension}", content_hash(&bytes));
            by_name.insert(name.clone(), Asset { content_type, bytes });
            name
        };
        let css = "text/css; charset=utf-8";
        let logo = LOGO
            .replace(LOGO_ACCENT, &config.accent.hex())
            .replace(LOGO_ON_ACCENT, &config.accent.on_top().hex());
        let style = add("style", "css", css, Bytes::from_static(STYLE.as_bytes()));
        let theme = add("theme", "css", css, theme::css(config.accent).into());
        let js = "text/javascript; charset=utf-8";
        let login_script = add("login", "js", js, Bytes::from_static(LOGIN_SCRIPT.as_bytes()));
        let scan_script = add("scan", "js", js, Bytes::from_static(SCAN_SCRIPT.as_bytes()));
        let logo = add("logo", "svg", "image/svg+xml", logo.into());
        Self { by_name, style, theme, login_script, scan_script, logo }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Asset)> {
        self.by_name.iter().map(|(name, asset)| (name.as_str(), asset))
    }

    pub(super) fn get(&self, name: &str) -> Option<Asset> {
        self.by_name.get(name).cloned()
    }
}

/// 64 bits of the content's SHA-256: enough to tell one release's file from the next.
fn content_hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
