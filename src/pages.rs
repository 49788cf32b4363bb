//! Everything a visitor sees: pages, error answers, their words, styles and scripts.
//!
//! Pure rendering: typed contexts in, text out. It never reads a request, never touches a store, and what it
//! writes needs no inline script or style, so the strictest content security policy holds.

mod assets;
mod code;
mod config;
mod lang;
mod letter;
mod page;
mod qr;
mod templates;
mod theme;

pub use assets::Asset;
pub use code::{ErrorCode, Words, denied_json, error_json};
pub use config::{PagesConfig, is_own_picture};
pub use lang::{Lang, UnknownLang};
pub use letter::Letter;
pub use page::{
    Account, AccountContact, AccountLogin, AccountNotice, AccountWay, AccountWechat, Bind, Choice, Choose,
    CodeOf, Confirm, Confirmed, Denied, Ended, ErrorPage, Instead, LoggedOut, Login, LoginBody, Logout,
    MethodLabel, MethodLink, Missing, Notice, Page, Scan, Trouble, UnknownNotice, VerifyBody, VerifyPhone,
    VerifyTrouble, VerifyWay,
};
pub use qr::qr_svg;

use assets::Assets;
use templates::Templates;

/// What a page may take from other hosts. See [`Page::foreign`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign<'a> {
    /// Nothing, as nearly all pages.
    Nothing,
    /// One frame with pages of this origin.
    Frame(&'a str),
    /// Pictures by HTTPS from anywhere: WeChat keeps those of people on several hosts and names no list of them.
    Pictures,
}

/// All pages of one configuration, ready to be shown.
#[derive(Debug)]
pub struct Pages {
    title: String,
    languages: Vec<Lang>,
    assets: Assets,
    templates: Templates,
}

impl Pages {
    /// Checks the settings, reads overridden templates and renders every sample with them.
    ///
    /// `prefix` is the path of our own pages (`/_menshen`); assets are linked below `{prefix}/assets/`.
    ///
    /// # Errors
    /// Every problem at once, as the key it is about (`pages.accent`) and what to do.
    pub fn new(config: &PagesConfig, prefix: &str) -> Result<Self, Vec<(String, String)>> {
        let checked = config.check()?;
        let assets = Assets::new(&checked);
        let templates = Templates::new(&checked, &assets, prefix).map_err(|problems| {
            problems.into_iter().map(|p| ("pages.templates".into(), p)).collect::<Vec<_>>()
        })?;
        Ok(Self { title: checked.title, languages: checked.languages, assets, templates })
    }

    /// The site's name.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The language for a visitor, from `Accept-Language` (empty if there is none).
    pub fn lang(&self, accept_language: &str) -> Lang {
        Lang::from_accept(accept_language, &self.languages)
    }

    /// The page as HTML.
    pub fn render(&self, lang: Lang, page: &Page) -> String {
        self.templates.render(lang, page)
    }

    /// The asset of that name, which changes with its content and so may be cached for ever.
    pub fn asset(&self, name: &str) -> Option<Asset> {
        self.assets.get(name)
    }

    /// Every asset with its name.
    pub fn assets(&self) -> impl Iterator<Item = (&str, &Asset)> {
        self.assets.all()
    }

    /// The `Content-Security-Policy` of a page that takes `foreign` from other hosts.
    ///
    /// An origin that is no plain source expression is left out, so that it cannot add a directive.
    pub fn csp(&self, foreign: Foreign<'_>) -> String {
        let pictures = if foreign == Foreign::Pictures { " https:" } else { "" };
        let mut policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:{pictures}; \
             font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        );
        let plain = |source: &str| {
            !source.is_empty()
                && source.bytes().all(|b| b.is_ascii_alphanumeric() || b":/.-*[]_".contains(&b))
        };
        if let Foreign::Frame(origin) = foreign
            && plain(origin)
        {
            policy.push_str("; frame-src ");
            policy.push_str(origin);
        }
        policy
    }
}

#[cfg(test)]
mod tests;
