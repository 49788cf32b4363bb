//! Templates and texts: the built-in ones, the operator's overrides, and rendering with both.
//!
//! A template sees `lang`, `t` (the texts), `site` {title, logo, contact}, `asset` {style, theme, login_script,
//! scan_script}, `page` (the page's struct) and, on pages about trouble, `words` {code, status, retryable, title,
//! message}. Undefined values are errors everywhere, and every value is escaped but one: the drawing of a code,
//! which is markup of our own making ([`super::Scan::picture`]). An override is compiled and rendered with every
//! sample when it is loaded; should one fail later all the same, the visitor gets the built-in page.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context};

use super::assets::Assets;
use super::config::Checked;
use super::{ErrorCode, Lang, Page};

/// The built-in templates by the name an override has.
const BUILT_IN: &[(&str, &str)] = &[
    ("layout.html", include_str!("templates/layout.html")),
    ("macros.html", include_str!("templates/macros.html")),
    ("login.html", include_str!("templates/login.html")),
    ("scan.html", include_str!("templates/scan.html")),
    ("ended.html", include_str!("templates/ended.html")),
    ("foreign_browser.html", include_str!("templates/foreign_browser.html")),
    ("expired_flow.html", include_str!("templates/expired_flow.html")),
    ("unknown_state.html", include_str!("templates/unknown_state.html")),
    ("confirm.html", include_str!("templates/confirm.html")),
    ("confirmed.html", include_str!("templates/confirmed.html")),
    ("account.html", include_str!("templates/account.html")),
    ("choose.html", include_str!("templates/choose.html")),
    ("bind.html", include_str!("templates/bind.html")),
    ("logout.html", include_str!("templates/logout.html")),
    ("logged_out.html", include_str!("templates/logged_out.html")),
    ("denied.html", include_str!("templates/denied.html")),
    ("verify_phone.html", include_str!("templates/verify_phone.html")),
    ("error.html", include_str!("templates/error.html")),
];

/// Overrides larger than this are a mistake.
const MAX_OVERRIDE: u64 = 256 * 1024;

const TEXTS_ZH: &str = include_str!("texts/zh.toml");
const TEXTS_EN: &str = include_str!("texts/en.toml");

/// The templates of one configuration.
#[derive(Debug)]
pub(super) struct Templates {
    built_in: Environment<'static>,
    overridden: Option<Environment<'static>>,
    shared_zh: Value,
    shared_en: Value,
}

impl Templates {
    /// Compiles all templates; the errors name file and line.
    pub(super) fn new(config: &Checked, assets: &Assets, prefix: &str) -> Result<Self, Vec<String>> {
        let built_in = environment(&[]).map_err(|error| vec![describe(&error, None)])?;
        let mut templates = Self {
            built_in,
            overridden: None,
            shared_zh: shared(config, assets, prefix, Lang::Zh),
            shared_en: shared(config, assets, prefix, Lang::En),
        };
        if let Some(directory) = &config.templates {
            let overrides = read_overrides(directory)?;
            let environment =
                environment(&overrides).map_err(|error| vec![describe(&error, Some(directory))])?;
            let problems = templates.try_samples(&environment, directory);
            if !problems.is_empty() {
                return Err(problems);
            }
            templates.overridden = Some(environment);
        }
        Ok(templates)
    }

    pub(super) fn render(&self, lang: Lang, page: &Page) -> String {
        if let Some(overridden) = &self.overridden {
            match self.render_with(overridden, lang, page) {
                Ok(html) => return html,
                Err(error) => {
                    tracing::error!(template = page.template(), %error, "an overridden template failed; the built-in one is shown");
                }
            }
        }
        self.render_with(&self.built_in, lang, page).unwrap_or_else(|error| {
            tracing::error!(template = page.template(), %error, "a built-in template failed");
            let words = page.code().unwrap_or(ErrorCode::Internal).words(lang);
            format!(
                "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1><p>{}</p></html>",
                lang.tag(),
                words.message,
                title = words.title,
            )
        })
    }

    fn render_with(&self, environment: &Environment<'_>, lang: Lang, page: &Page) -> Result<String, Error> {
        let shared = match lang {
            Lang::Zh => &self.shared_zh,
            Lang::En => &self.shared_en,
        };
        let words = page.trouble().map(|code| {
            let words = code.words(lang);
            context! { code => code.as_str(), status => code.status().as_u16(), retryable => code.retryable(),
            title => words.title, message => words.message }
        });
        let context = context! { page => page_value(page), words => words, ..shared.clone() };
        let html = environment.get_template(page.template())?.render(context)?;
        // The engine writes every "/" of a value as a character reference, which only makes addresses unreadable.
        Ok(html.replace("&#x2f;", "/"))
    }

    /// The built-in page, or why it cannot be shown.
    #[cfg(test)]
    pub(super) fn render_strictly(&self, lang: Lang, page: &Page) -> Result<String, Error> {
        self.render_with(&self.built_in, lang, page)
    }

    /// Renders every sample; one problem per place.
    fn try_samples(&self, environment: &Environment<'_>, directory: &Path) -> Vec<String> {
        let mut problems = BTreeSet::new();
        for page in Page::samples() {
            for lang in Lang::ALL {
                if let Err(error) = self.render_with(environment, lang, &page) {
                    problems.insert(describe(&error, Some(directory)));
                }
            }
        }
        problems.into_iter().collect()
    }
}

fn environment(overrides: &[(String, String)]) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("fill", fill);
    for (name, source) in BUILT_IN {
        environment.add_template(name, source)?;
    }
    for (name, source) in overrides {
        environment.add_template_owned(name.clone(), source.clone())?;
    }
    Ok(environment)
}

/// `text|fill(name=value)`: puts values in place of `{name}`; the result is escaped like any text.
fn fill(text: &str, values: Kwargs) -> Result<String, Error> {
    let mut filled = text.to_owned();
    for name in values.args() {
        let value: Value = values.get(name)?;
        let slot = format!("{{{name}}}");
        if !text.contains(&slot) {
            return Err(Error::new(ErrorKind::InvalidOperation, format!("the text has no place for {slot}")));
        }
        filled = filled.replace(&slot, &value.to_string());
    }
    Ok(filled)
}

/// What every page of a language shares.
fn shared(config: &Checked, assets: &Assets, prefix: &str, lang: Lang) -> Value {
    let link = |name: &str| format!("{prefix}/assets/{name}");
    let logo = config.logo.clone().unwrap_or_else(|| link(&assets.logo));
    context! {
        lang => lang.tag(),
        t => Value::from(Serde(texts(lang))),
        site => context! { title => &config.title, logo => logo, contact => &config.contact },
        asset => context! {
            style => link(&assets.style), theme => link(&assets.theme),
            login_script => link(&assets.login_script), scan_script => link(&assets.scan_script),
        },
    }
}

/// The texts of a language.
pub(super) fn texts(lang: Lang) -> toml::Table {
    let source = match lang {
        Lang::Zh => TEXTS_ZH,
        Lang::En => TEXTS_EN,
    };
    source.parse().expect("the texts are part of the program and a test reads them")
}

fn page_value(page: &Page) -> Value {
    match page {
        Page::Login(login) => Value::from(Serde(login)),
        Page::Ended(ended) => Value::from(Serde(ended)),
        Page::ForeignBrowser(trouble) | Page::ExpiredFlow(trouble) | Page::UnknownState(trouble) => {
            Value::from(Serde(trouble))
        }
        Page::Confirm(confirm) => Value::from(Serde(confirm)),
        Page::Confirmed(confirmed) => Value::from(Serde(confirmed)),
        Page::Choose(choose) => Value::from(Serde(choose)),
        Page::Bind(bind) => Value::from(Serde(bind)),
        Page::Account(account) => Value::from(Serde(account)),
        Page::Logout(logout) => Value::from(Serde(logout)),
        Page::LoggedOut(logged_out) => Value::from(Serde(logged_out)),
        Page::Denied(denied) => Value::from(Serde(denied)),
        Page::VerifyPhone(verify) => Value::from(Serde(verify)),
        Page::Error(error) => Value::from(Serde(error)),
    }
}

/// The `*.html` files of a directory. A name that replaces nothing is a problem unless it begins with `_`.
fn read_overrides(directory: &Path) -> Result<Vec<(String, String)>, Vec<String>> {
    let unreadable = |error: std::io::Error| vec![format!("cannot read {}: {error}", directory.display())];
    let mut overrides = Vec::new();
    let mut problems = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let Some(name) =
            path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".html"))
        else {
            continue;
        };
        if !name.starts_with('_') && !BUILT_IN.iter().any(|(known, _)| *known == name) {
            let known: Vec<&str> = BUILT_IN.iter().map(|(known, _)| *known).collect();
            problems.push(format!(
                "{} replaces no page: the names are {}; a file of your own begins with \"_\"",
                path.display(),
                known.join(", "),
            ));
            continue;
        }
        let too_large = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > MAX_OVERRIDE);
        if too_large {
            problems.push(format!("{} is larger than {} KiB", path.display(), MAX_OVERRIDE / 1024));
            continue;
        }
        match fs::read_to_string(&path) {
            Ok(source) => overrides.push((name.to_owned(), source)),
            Err(error) => problems.push(format!("cannot read {}: {error}", path.display())),
        }
    }
    overrides.sort();
    if problems.is_empty() { Ok(overrides) } else { Err(problems) }
}

/// `dir/login.html line 3: what is wrong`.
fn describe(error: &Error, directory: Option<&Path>) -> String {
    let name = error.name().unwrap_or("a template");
    let overridden = directory.map(|directory| directory.join(name)).filter(|path| path.exists());
    let file = overridden.map_or_else(|| format!("the built-in {name}"), |path| path.display().to_string());
    let line = error.line().map(|line| format!(" line {line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{file}{line}: {}{detail}", error.kind())
}
