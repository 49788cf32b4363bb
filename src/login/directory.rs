//! The configured pools, apps and methods, checked against each other.
//!
//! Built from config as a whole: every problem is found at once, and a directory with a problem never exists.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::token_source::{self, TokenSource, TokenSourceName};
use crate::domain::{AppId, MethodId, OnConflict, PoolId, Registration};
use crate::gate::client::ClientKind;
use crate::ground::{Secret, nearest};

/// `[[pools]]`: one population of people.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// Name of the pool; apps refer to it.
    pub id: PoolId,
    /// Whether unknown people get an account: `open` (default) or `closed`.
    #[serde(default)]
    pub registration: Registration,
    /// Where OpenID and UnionID lead to different accounts: `choose` (default) or `unionid`.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// `[[apps]]`: one app at WeChat.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// Name of the app; methods refer to it, and it is part of the callback address.
    pub id: String,
    /// What it is at WeChat: `website` or `official_account` (a verified service account).
    pub kind: AppKind,
    /// Its AppID.
    pub app_id: AppId,
    /// Its AppSecret. Also `secret_file = "path"` or `secret_credential = "name"` (systemd).
    #[serde(default)]
    pub secret: Secret,
    /// The pool its people belong to: all apps bound to one Open Platform account share one.
    pub pool: PoolId,
    /// `official_account`: where its server token comes from: `stable` (default), `token` or `endpoint`.
    #[serde(default)]
    pub server_token: Option<TokenSourceName>,
    /// `endpoint`: the address of the operator's own token server.
    #[serde(default)]
    pub token_endpoint: Option<String>,
    /// `endpoint`: its bearer token. Also `token_endpoint_secret_file` or `token_endpoint_secret_credential`.
    #[serde(default)]
    pub token_endpoint_secret: Option<Secret>,
}

/// What an app is at WeChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// A website app of the Open Platform.
    Website,
    /// A verified service account.
    OfficialAccount,
}

/// `[[methods]]`: one way to log in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodConfig {
    /// Name of the method; routes refer to it.
    pub id: MethodId,
    /// `website_qr` or `official_account_web`.
    pub kind: MethodKindName,
    /// The app it uses.
    pub app: String,
    /// Text on the login page instead of the built-in one.
    #[serde(default)]
    pub label: Option<String>,
    /// Overrides the pool's `registration` for people who come this way.
    #[serde(default)]
    pub registration: Option<Registration>,
    /// `website_qr`: `embedded` (default; the code inside our page) or `redirect` (WeChat's page in full).
    #[serde(default)]
    pub presentation: Option<Presentation>,
    /// `official_account_web`: `snsapi_userinfo` (default; nickname and UnionID, asks for consent) or
    /// `snsapi_base` (silent, OpenID only).
    #[serde(default)]
    pub scope: Option<Scope>,
}

/// The kinds of methods, by their config names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKindName {
    /// PC WeChat code scanning.
    WebsiteQr,
    /// Login in WeChat's own browser.
    OfficialAccountWeb,
}

/// How a WeChat QR code is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presentation {
    /// In a frame of our own login page.
    #[default]
    Embedded,
    /// On WeChat's page, to which the browser is sent.
    Redirect,
}

/// What the visitor is asked for in WeChat's browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Scope {
    /// Silent; gives the OpenID only.
    #[serde(rename = "snsapi_base")]
    Base,
    /// Asks for consent; gives nickname, avatar and, if the account is bound, the UnionID.
    #[default]
    #[serde(rename = "snsapi_userinfo")]
    Userinfo,
}

/// A checked pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What happens where OpenID and UnionID disagree.
    pub on_conflict: OnConflict,
    /// Whether unknown people get an account, unless the method says otherwise.
    pub registration: Registration,
}

/// A checked app.
#[derive(Clone, Debug)]
pub struct App {
    /// Its name in config and in the callback address.
    pub id: String,
    /// What it is at WeChat.
    pub kind: AppKind,
    /// Its AppID.
    pub app_id: AppId,
    /// Its AppSecret.
    pub secret: Secret,
    /// The pool its people belong to.
    pub pool: PoolId,
    /// Where its server token comes from; means nothing for a website app.
    pub server_token: TokenSource,
}

/// A checked method.
#[derive(Clone, Debug)]
pub struct Method {
    /// Its name in config.
    pub id: MethodId,
    /// What it does.
    pub kind: MethodKind,
    /// The app it uses.
    pub app: String,
    /// The operator's text for it.
    pub label: Option<String>,
    /// Whether unknown people get an account.
    pub registration: Registration,
}

/// What a method does, with its own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// PC WeChat code scanning.
    WebsiteQr(Presentation),
    /// Login in WeChat's own browser.
    OfficialAccountWeb(Scope),
}

impl Method {
    /// Whether the method can work in this kind of browser.
    ///
    /// A phone's own browser can show a QR code too, but nobody can scan the screen they hold.
    pub fn fits(&self, client: ClientKind) -> bool {
        match self.kind {
            MethodKind::WebsiteQr(_) => matches!(client, ClientKind::Desktop),
            MethodKind::OfficialAccountWeb(_) => matches!(client, ClientKind::WeChat { .. }),
        }
    }
}

/// The pools, apps and methods of one config.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pools: BTreeMap<PoolId, Pool>,
    apps: BTreeMap<String, App>,
    methods: Vec<Method>,
}

impl Directory {
    /// Checks the three lists against each other; problems are (key path, message).
    pub fn build(
        pools: &[PoolConfig],
        apps: &[AppConfig],
        methods: &[MethodConfig],
    ) -> Result<Self, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let directory = Self {
            pools: check_pools(pools, &mut problems),
            apps: check_apps(pools, apps, &mut problems),
            methods: check_methods(pools, apps, methods, &mut problems),
        };
        if problems.is_empty() { Ok(directory) } else { Err(problems) }
    }

    /// The pool of a name.
    pub fn pool(&self, id: &PoolId) -> Option<&Pool> {
        self.pools.get(id)
    }

    /// The app of a name.
    pub fn app(&self, id: &str) -> Option<&App> {
        self.apps.get(id)
    }

    /// All apps.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.apps.values()
    }

    /// The method of a name.
    pub fn method(&self, id: &MethodId) -> Option<&Method> {
        self.methods.iter().find(|method| method.id == *id)
    }

    /// All methods, in the operator's order.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The methods among `allowed` (all, if empty) that can work in this kind of browser.
    pub fn methods_for(&self, client: ClientKind, allowed: &[MethodId]) -> Vec<&Method> {
        let offered = |method: &&Method| allowed.is_empty() || allowed.contains(&method.id);
        self.methods.iter().filter(offered).filter(|method| method.fits(client)).collect()
    }
}

type Problems = Vec<(String, String)>;

fn check_pools(pools: &[PoolConfig], problems: &mut Problems) -> BTreeMap<PoolId, Pool> {
    let mut checked = BTreeMap::new();
    for (index, pool) in pools.iter().enumerate() {
        let value = Pool { on_conflict: pool.on_conflict, registration: pool.registration };
        if checked.insert(pool.id.clone(), value).is_some() {
            problems.push((format!("pools[{index}].id"), format!("the pool `{}` is listed twice", pool.id)));
        }
    }
    checked
}

fn check_apps(pools: &[PoolConfig], apps: &[AppConfig], problems: &mut Problems) -> BTreeMap<String, App> {
    let mut checked = BTreeMap::new();
    let mut app_ids = BTreeSet::new();
    for (index, app) in apps.iter().enumerate() {
        let mut problem = |key: &str, message: String| {
            problems.push((format!("apps[{index}].{key}"), message));
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if app.id.is_empty() || app.id.len() > 64 || !app.id.bytes().all(plain) {
            problem("id", format!("`{}` must be 1 to 64 letters, digits, `-` or `_`", app.id));
        }
        if app.secret.is_empty() {
            problem(
                "secret",
                format!(
                    "the AppSecret of `{}` is missing; set secret, secret_file or secret_credential",
                    app.id
                ),
            );
        }
        if !pools.iter().any(|pool| pool.id == app.pool) {
            let known = nearest(app.pool.as_str(), pools.iter().map(|pool| pool.id.as_str()));
            problem("pool", format!("there is no pool `{}`{known}", app.pool));
        }
        if !app_ids.insert(app.app_id.clone()) {
            problem(
                "app_id",
                format!("the AppID `{}` is listed twice; one app belongs to one pool", app.app_id),
            );
        }
        let value = App {
            id: app.id.clone(),
            kind: app.kind,
            app_id: app.app_id.clone(),
            secret: app.secret.clone(),
            pool: app.pool.clone(),
            server_token: token_source::check(app, &mut problem),
        };
        if checked.insert(app.id.clone(), value).is_some() {
            problems.push((format!("apps[{index}].id"), format!("the app `{}` is listed twice", app.id)));
        }
    }
    checked
}

fn check_methods(
    pools: &[PoolConfig],
    apps: &[AppConfig],
    methods: &[MethodConfig],
    problems: &mut Problems,
) -> Vec<Method> {
    let mut checked: Vec<Method> = Vec::new();
    for (index, method) in methods.iter().enumerate() {
        let mut problem = |key: &str, message: String| {
            problems.push((format!("methods[{index}].{key}"), message));
        };
        if checked.iter().any(|known| known.id == method.id) {
            problem("id", format!("the method `{}` is listed twice", method.id));
        }
        let app = apps.iter().find(|app| app.id == method.app);
        match app {
            None => {
                let known = nearest(&method.app, apps.iter().map(|app| app.id.as_str()));
                problem("app", format!("there is no app `{}`{known}", method.app));
            }
            Some(app) if app.kind != method.kind.app_kind() => problem(
                "app",
                format!("`{}` needs an app of another kind than `{}` is at WeChat", method.id, app.id),
            ),
            Some(_) => {}
        }
        let kind = match method.kind {
            MethodKindName::WebsiteQr => {
                if method.scope.is_some() {
                    problem("scope", "only official_account_web has a scope; remove the key".into());
                }
                MethodKind::WebsiteQr(method.presentation.unwrap_or_default())
            }
            MethodKindName::OfficialAccountWeb => {
                if method.presentation.is_some() {
                    problem("presentation", "only website_qr has a presentation; remove the key".into());
                }
                MethodKind::OfficialAccountWeb(method.scope.unwrap_or_default())
            }
        };
        let pool = app.and_then(|app| pools.iter().find(|pool| pool.id == app.pool));
        let inherited = pool.map(|pool| pool.registration).unwrap_or_default();
        checked.push(Method {
            id: method.id.clone(),
            kind,
            app: method.app.clone(),
            label: method.label.clone(),
            registration: method.registration.unwrap_or(inherited),
        });
    }
    checked
}

impl MethodKindName {
    const fn app_kind(self) -> AppKind {
        match self {
            Self::WebsiteQr => AppKind::Website,
            Self::OfficialAccountWeb => AppKind::OfficialAccount,
        }
    }
}
