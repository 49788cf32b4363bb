//! The configured pools, apps and methods, checked against each other.
//!
//! Built from config as a whole: every problem is found at once, and a directory with a problem never exists.

mod check;
mod program;
mod settings;

use std::collections::BTreeMap;

use url::Url;

use super::token_source::TokenSource;
use crate::domain::{AppId, IdentityKey, MethodId, OnConflict, Policy, PoolId, Proof};
use crate::gate::client::ClientKind;
use crate::ground::{Secret, Span};
use crate::notify::Webhook;
use crate::wechat::push::PushKeys;

pub use super::replies::Replies;
pub use program::{OpenIn, ProgramOptions, ProgramScanOptions};
pub use settings::{
    AppConfig, AppKind, MethodConfig, MethodKindName, OnUnfollow, Picture, PoolConfig, Presentation, Scope,
};

/// A checked pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What happens where OpenID and UnionID disagree.
    pub on_conflict: OnConflict,
    /// The site that checks passwords itself, if they were not imported.
    pub proof_webhook: Option<Webhook>,
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
    /// Where its server token comes from.
    pub server_token: TokenSource,
    /// How WeChat's pushes prove themselves, if it pushes here.
    pub push: Option<PushKeys>,
    /// Where pushes go that are not ours.
    pub relay_to: Option<Url>,
    /// What people read in the chat.
    pub replies: Replies,
    /// The `gh_…` by which a native app opens the mini program.
    pub original_id: Option<String>,
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
    /// What unknown people who come this way may do.
    pub policy: Policy,
    /// How they may prove an account of theirs, in the order in which they are offered.
    pub proofs: Vec<Proof>,
}

/// What a method does, with its own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// PC WeChat code scanning.
    WebsiteQr(Presentation),
    /// Login in WeChat's own browser.
    OfficialAccountWeb(Scope),
    /// Scanning a code of a service account.
    OfficialAccountScan(ScanOptions),
    /// Scanning a code of a mini program, which confirms.
    MiniProgramScan(ProgramScanOptions),
    /// A mini program logs its own user in.
    MiniProgram,
    /// A native app pulls WeChat up.
    MobileApp,
    /// A native app opens a mini program, which confirms.
    AppLaunch(ProgramOptions),
}

impl MethodKind {
    /// Whether WeChat may tell the person's verified phone number with such a login.
    pub const fn brings_phone(&self) -> bool {
        match self {
            Self::MiniProgram => true,
            Self::MiniProgramScan(options) => options.program.ask_phone,
            Self::AppLaunch(options) => options.ask_phone,
            Self::WebsiteQr(_)
            | Self::OfficialAccountWeb(_)
            | Self::OfficialAccountScan(_)
            | Self::MobileApp => false,
        }
    }
}

/// How scanning a service account works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanOptions {
    /// How long a code can be scanned.
    pub lifetime: Span,
    /// Whether the phone is asked before the browser is signed in.
    pub confirm: bool,
    /// Whose picture of the code is shown.
    pub picture: Picture,
    /// What happens to the sessions of somebody who unfollows the account.
    pub on_unfollow: OnUnfollow,
}

impl Method {
    /// Whether the method can work in this kind of browser.
    ///
    /// A phone's own browser can show a QR code too, but nobody can scan the screen they hold.
    pub fn fits(&self, client: ClientKind) -> bool {
        match &self.kind {
            // Whatever runs on a computer shows a code that a phone can scan, other apps' browsers included.
            MethodKind::WebsiteQr(_) | MethodKind::OfficialAccountScan(_) => client.is_on_a_computer(),
            MethodKind::OfficialAccountWeb(_) => matches!(client, ClientKind::WeChat { .. }),
            // A phone's own browser can open the mini program instead, if there is a link for it.
            MethodKind::MiniProgramScan(options) => {
                client.is_on_a_computer() || (client == ClientKind::Mobile && options.open != OpenIn::None)
            }
            // Apps and mini programs begin these themselves.
            MethodKind::MiniProgram | MethodKind::MobileApp | MethodKind::AppLaunch(_) => false,
        }
    }

    /// Whether there is nothing to scan: the visitor is in WeChat already, wherever this method fits.
    pub const fn is_at_hand(&self) -> bool {
        matches!(self.kind, MethodKind::OfficialAccountWeb(_))
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
            pools: check::pools(pools, &mut problems),
            apps: check::apps(pools, apps, &mut problems),
            methods: check::methods(pools, apps, methods, &mut problems),
        };
        if problems.is_empty() { Ok(directory) } else { Err(problems) }
    }

    /// The pool of a name.
    pub fn pool(&self, id: &PoolId) -> Option<&Pool> {
        self.pools.get(id)
    }

    /// All pools.
    pub fn pools(&self) -> impl Iterator<Item = &PoolId> {
        self.pools.keys()
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

    /// Whether anybody can still log in by `key`: by a method of that app, or, with a UnionID, of its pool.
    pub fn leads_in(&self, key: &IdentityKey) -> bool {
        let mut apps = self.methods.iter().filter_map(|method| self.app(&method.app));
        match key {
            IdentityKey::OpenId { pool, app_id, .. } => {
                apps.any(|app| app.pool == *pool && app.app_id == *app_id)
            }
            IdentityKey::UnionId { pool, .. } => apps.any(|app| app.pool == *pool),
            IdentityKey::Phone { .. } | IdentityKey::Email { .. } | IdentityKey::Username { .. } => false,
        }
    }

    /// The methods among `allowed` (all, if empty) that can work in this kind of browser.
    pub fn methods_for(&self, client: ClientKind, allowed: &[MethodId]) -> Vec<&Method> {
        let offered = |method: &&Method| allowed.is_empty() || allowed.contains(&method.id);
        self.methods.iter().filter(offered).filter(|method| method.fits(client)).collect()
    }
}
