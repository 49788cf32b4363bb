//! The `[pages]` section: how our pages look and which languages they speak.

use std::path::PathBuf;

use serde::Deserialize;

use super::Lang;
use super::theme::Colour;

/// The `[pages]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PagesConfig {
    /// The site's name, shown on every page.
    pub title: String,
    /// The picture beside it: a path on our hosts (`/logo.svg`) or `data:image/…`. Empty: the built-in door.
    pub logo: String,
    /// The colour of buttons and links, `#rrggbb`.
    pub accent: String,
    /// Whom visitors may ask, as they should read it (an address, a phone number, a desk). Empty: "the operator".
    pub contact: String,
    /// `zh`, `en`; the first is the fallback.
    pub languages: Vec<String>,
    /// A directory with `*.html` files that replace built-in templates of the same name.
    pub templates: Option<PathBuf>,
}

impl Default for PagesConfig {
    fn default() -> Self {
        Self {
            title: "Menshen".into(),
            logo: String::new(),
            // A WeChat green dark enough for white text (4.7 : 1).
            accent: "#07854a".into(),
            contact: String::new(),
            languages: Lang::ALL.map(|lang| lang.as_str().to_owned()).into(),
            templates: None,
        }
    }
}

/// The settings after the check.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) title: String,
    pub(super) logo: Option<String>,
    pub(super) accent: Colour,
    pub(super) contact: String,
    pub(super) languages: Vec<Lang>,
    pub(super) templates: Option<PathBuf>,
}

impl PagesConfig {
    /// The problems that can be seen without reading a file, as (key, message).
    pub fn validate(&self) -> Vec<(String, String)> {
        self.check().err().unwrap_or_default()
    }

    pub(super) fn check(&self) -> Result<Checked, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, message: String| problems.push((format!("pages.{key}"), message));

        let title = self.title.trim();
        if title.is_empty() || title.chars().count() > 80 {
            problem("title", "give the site a name of 1 to 80 characters".into());
        }
        if self.contact.chars().count() > 200 {
            problem("contact", "is longer than 200 characters".into());
        }
        if !self.logo.is_empty() && !is_own_picture(&self.logo) {
            problem(
                "logo",
                "must be a path on our own hosts (\"/logo.svg\") or \"data:image/…\": \
                 browsers load no picture from other hosts on these pages"
                    .into(),
            );
        }
        let accent = Colour::parse(&self.accent);
        if accent.is_none() {
            problem("accent", format!("{:?} is no colour of the form \"#07854a\"", self.accent));
        }
        let mut languages = Vec::new();
        for (i, name) in self.languages.iter().enumerate() {
            match name.parse::<Lang>() {
                Ok(lang) if languages.contains(&lang) => {
                    problem(&format!("languages[{i}]"), format!("{name:?} is listed twice"));
                }
                Ok(lang) => languages.push(lang),
                Err(error) => problem(&format!("languages[{i}]"), format!("{name:?} is unknown: {error}")),
            }
        }
        if self.languages.is_empty() {
            problem("languages", "name at least one of \"zh\", \"en\"".into());
        }
        match accent {
            Some(accent) if problems.is_empty() => Ok(Checked {
                title: title.to_owned(),
                logo: (!self.logo.is_empty()).then(|| self.logo.clone()),
                accent,
                contact: self.contact.trim().to_owned(),
                languages,
                templates: self.templates.clone(),
            }),
            _ => Err(problems),
        }
    }
}

/// Whether our content security policy lets a browser load this picture.
pub fn is_own_picture(logo: &str) -> bool {
    let clean = !logo.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    let own_path = logo.starts_with('/') && !logo.starts_with("//");
    clean && (own_path || logo.starts_with("data:image/"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_defaults_have_no_problem() {
        assert_eq!(PagesConfig::default().validate(), []);
        assert_eq!(toml::from_str::<PagesConfig>("").unwrap(), PagesConfig::default());
    }

    #[rstest::rstest]
    #[case("title = ' '", "pages.title")]
    #[case("accent = 'green'", "pages.accent")]
    #[case("accent = '#fff'", "pages.accent")]
    #[case("logo = 'https://cdn.example/logo.png'", "pages.logo")]
    #[case("logo = '//cdn.example/logo.png'", "pages.logo")]
    #[case("logo = '/\\cdn.example/logo.png'", "pages.logo")]
    #[case("logo = 'logo.png'", "pages.logo")]
    #[case("logo = 'data:text/html,x'", "pages.logo")]
    #[case("languages = []", "pages.languages")]
    #[case("languages = ['zh', 'fr']", "pages.languages[1]")]
    #[case("languages = ['zh', 'zh']", "pages.languages[1]")]
    fn a_bad_setting_is_named(#[case] toml: &str, #[case] key: &str) {
        let config: PagesConfig = toml::from_str(toml).unwrap();
        let keys: Vec<String> = config.validate().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [key]);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let config: PagesConfig =
            toml::from_str("title = ''\nlogo = 'x'\naccent = 'x'\nlanguages = []").unwrap();
        assert_eq!(config.validate().len(), 4);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<PagesConfig>("colour = '#000000'").is_err());
    }
}
