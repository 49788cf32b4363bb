//! Holds pools, apps and methods against each other, and finds every problem at once.
//!
//! Problems are (key path, message); what has one is still returned, so that the rest can be checked.

use std::collections::{BTreeMap, BTreeSet};

use super::program::{lifetime, program_options, program_scan_options};
use super::settings::{AppConfig, AppKind, MethodConfig, MethodKindName, PoolConfig};
use super::{App, Method, MethodKind, Pool, ScanOptions};
use crate::domain::{Binding, Policy, PoolId, Proof};
use crate::ground::{Span, nearest};
use crate::login::replies::Replies;
use crate::login::token_source;
use crate::notify::Webhook;
use crate::wechat::push::PushKeys;

/// How long a site may take to check a password.
const PROOF_WAIT: Span = Span::from_secs(5);

type Problems = Vec<(String, String)>;

pub(super) fn pools(pools: &[PoolConfig], problems: &mut Problems) -> BTreeMap<PoolId, Pool> {
    let mut checked = BTreeMap::new();
    for (index, pool) in pools.iter().enumerate() {
        let mut problem =
            |key: &str, message: String| problems.push((format!("pools[{index}].{key}"), message));
        let proof_webhook = proof_webhook(pool, &mut problem);
        let value = Pool { on_conflict: pool.on_conflict, proof_webhook };
        if checked.insert(pool.id.clone(), value).is_some() {
            problems.push((format!("pools[{index}].id"), format!("the pool `{}` is listed twice", pool.id)));
        }
    }
    checked
}

/// The site that checks passwords itself.
fn proof_webhook(pool: &PoolConfig, problem: &mut impl FnMut(&str, String)) -> Option<Webhook> {
    let Some(url) = &pool.proof_webhook else {
        if pool.proof_webhook_secret.is_some() {
            problem("proof_webhook_secret", "signs questions to `proof_webhook`, which is not set".into());
        }
        return None;
    };
    let secret = pool.proof_webhook_secret.clone().unwrap_or_default();
    match Webhook::new(url, &secret, PROOF_WAIT) {
        Ok(webhook) => Some(webhook),
        Err(problems) => {
            for (key, message) in problems {
                let key = match key {
                    "url" => "proof_webhook",
                    _ => "proof_webhook_secret",
                };
                problem(key, message);
            }
            None
        }
    }
}

pub(super) fn apps(
    pools: &[PoolConfig],
    apps: &[AppConfig],
    problems: &mut Problems,
) -> BTreeMap<String, App> {
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
        let (push, replies) = (push_keys(app, &mut problem), replies(app, &mut problem));
        let value = App {
            id: app.id.clone(),
            kind: app.kind,
            app_id: app.app_id.clone(),
            secret: app.secret.clone(),
            pool: app.pool.clone(),
            server_token: token_source::check(app, &mut problem),
            push,
            relay_to: app.relay_to.clone(),
            replies,
            original_id: original_id(app, &mut problem),
        };
        if checked.insert(app.id.clone(), value).is_some() {
            problems.push((format!("apps[{index}].id"), format!("the app `{}` is listed twice", app.id)));
        }
    }
    checked
}

/// What WeChat's pushes to this app are checked with, if any keys are given.
fn push_keys(app: &AppConfig, problem: &mut impl FnMut(&str, String)) -> Option<PushKeys> {
    if app.kind != AppKind::OfficialAccount {
        let given = [
            ("token", !app.token.is_empty()),
            ("encoding_aes_key", !app.encoding_aes_key.is_empty()),
            ("relay_to", app.relay_to.is_some()),
        ];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            problem(key, "only an official_account is pushed messages to; remove the key".into());
        }
        return None;
    }
    if let Some(url) = &app.relay_to
        && !(matches!(url.scheme(), "http" | "https") && url.has_host())
    {
        problem("relay_to", format!("`{}` is not an http or https address", url.scheme()));
    }
    if app.token.is_empty() {
        let needed =
            [("encoding_aes_key", !app.encoding_aes_key.is_empty()), ("relay_to", app.relay_to.is_some())];
        for (key, _) in needed.into_iter().filter(|(_, given)| *given) {
            problem(key, "needs `token` beside it: without it no message can be checked".into());
        }
        return None;
    }
    let aes_key = Some(&app.encoding_aes_key).filter(|key| !key.is_empty());
    match PushKeys::new(app.app_id.as_str(), &app.token, aes_key) {
        Ok(keys) => Some(keys),
        Err(invalid) => {
            problem(invalid.key, invalid.advice.to_owned());
            None
        }
    }
}

fn replies(app: &AppConfig, problem: &mut impl FnMut(&str, String)) -> Replies {
    Replies::new(&app.replies).unwrap_or_else(|problems| {
        for (key, message) in problems {
            problem(&format!("replies.{key}"), message);
        }
        Replies::built_in()
    })
}

pub(super) fn methods(
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
        foreign_keys(method, &mut problem);
        let kind = kind_of(method, app, &mut problem);
        let pool = app.and_then(|app| pools.iter().find(|pool| pool.id == app.pool));
        let (policy, proofs) = newcomers(method, pool, &mut problem);
        checked.push(Method {
            id: method.id.clone(),
            kind,
            app: method.app.clone(),
            label: method.label.clone(),
            policy,
            proofs,
        });
    }
    checked
}

/// How people log in by `method`, with its options, checked.
fn kind_of(
    method: &MethodConfig,
    app: Option<&AppConfig>,
    problem: &mut impl FnMut(&str, String),
) -> MethodKind {
    match method.kind {
        MethodKindName::WebsiteQr => MethodKind::WebsiteQr(method.presentation.unwrap_or_default()),
        MethodKindName::OfficialAccountWeb => {
            MethodKind::OfficialAccountWeb(method.scope.unwrap_or_default())
        }
        MethodKindName::OfficialAccountScan => {
            if app.is_some_and(|app| app.kind == AppKind::OfficialAccount && app.token.is_empty()) {
                let message = "needs the app's `token`: WeChat reports a scan by a message that it signs";
                problem("app", message.into());
            }
            MethodKind::OfficialAccountScan(scan_options(method, problem))
        }
        MethodKindName::MiniProgramScan => MethodKind::MiniProgramScan(program_scan_options(method, problem)),
        MethodKindName::MiniProgram => MethodKind::MiniProgram,
        MethodKindName::MobileApp => MethodKind::MobileApp,
        MethodKindName::AppLaunch => {
            if app.is_some_and(|app| app.kind == AppKind::MiniProgram && app.original_id.is_none()) {
                problem("app", "needs the app's `original_id`: native apps open a mini program by it".into());
            }
            MethodKind::AppLaunch(program_options(method, problem))
        }
    }
}

/// What unknown people who come by `method` may do, checked.
fn newcomers(
    method: &MethodConfig,
    pool: Option<&PoolConfig>,
    problem: &mut impl FnMut(&str, String),
) -> (Policy, Vec<Proof>) {
    let policy = Policy {
        registration: method.registration.or(pool.map(|pool| pool.registration)).unwrap_or_default(),
        binding: method.binding.or(pool.map(|pool| pool.binding)).unwrap_or_default(),
        otherwise: method.otherwise.or(pool.map(|pool| pool.otherwise)).unwrap_or_default(),
    };
    // Where the pool says `match` for all, those that bring no phone do what `otherwise` says.
    if method.binding == Some(Binding::Match) && !may_bring_phone(method) {
        problem(
            "binding",
            match method.kind {
                MethodKindName::MiniProgramScan | MethodKindName::AppLaunch => {
                    "\"match\" needs the phone number; set ask_phone = true".into()
                }
                kind => format!(
                    "WeChat gives no phone number to {}, so nobody would ever match; use \"ask\" or \"none\"",
                    kind.name()
                ),
            },
        );
    }
    let proofs = method.proofs.clone().or_else(|| pool.map(|pool| pool.proofs.clone())).unwrap_or_default();
    if policy.may_ask() && proofs.is_empty() {
        let message = "who is asked for an account of theirs must be able to prove it; list some of \"password\", \
                       \"email_code\", \"sms_code\", here or at the pool";
        problem("proofs", message.into());
    }
    for (place, proof) in proofs.iter().enumerate().filter(|(place, proof)| proofs[..*place].contains(proof))
    {
        problem(&format!("proofs[{place}]"), format!("`{}` is listed twice", proof.as_str()));
    }
    (policy, proofs)
}

const fn may_bring_phone(method: &MethodConfig) -> bool {
    match method.kind {
        MethodKindName::MiniProgram => true,
        MethodKindName::MiniProgramScan | MethodKindName::AppLaunch => matches!(method.ask_phone, Some(true)),
        _ => false,
    }
}

/// Keys that belong to methods of other kinds.
fn foreign_keys(method: &MethodConfig, problem: &mut impl FnMut(&str, String)) {
    use MethodKindName::{AppLaunch, MiniProgramScan, OfficialAccountScan, OfficialAccountWeb, WebsiteQr};
    let given: [(&str, bool, &[MethodKindName]); 11] = [
        ("presentation", method.presentation.is_some(), &[WebsiteQr]),
        ("scope", method.scope.is_some(), &[OfficialAccountWeb]),
        ("lifetime", method.lifetime.is_some(), &[OfficialAccountScan, MiniProgramScan, AppLaunch]),
        ("confirm", method.confirm.is_some(), &[OfficialAccountScan]),
        ("picture", method.picture.is_some(), &[OfficialAccountScan]),
        ("on_unfollow", method.on_unfollow.is_some(), &[OfficialAccountScan]),
        ("page", method.page.is_some(), &[MiniProgramScan, AppLaunch]),
        ("version", method.version.is_some(), &[MiniProgramScan, AppLaunch]),
        ("ask_phone", method.ask_phone.is_some(), &[MiniProgramScan, AppLaunch]),
        ("logo", method.logo.is_some(), &[MiniProgramScan]),
        ("open", method.open.is_some(), &[MiniProgramScan]),
    ];
    for (key, _, kinds) in
        given.into_iter().filter(|(_, given, kinds)| *given && !kinds.contains(&method.kind))
    {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        problem(key, format!("only {} has this key; remove it", kinds.join(" or ")));
    }
}

/// The mini program's original id, checked.
fn original_id(app: &AppConfig, problem: &mut impl FnMut(&str, String)) -> Option<String> {
    let id = app.original_id.clone()?;
    if app.kind != AppKind::MiniProgram {
        problem("original_id", "only a mini_program has this key; remove it".into());
    } else if !id
        .strip_prefix("gh_")
        .is_some_and(|rest| (1..=32).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    {
        problem(
            "original_id",
            format!("`{id}` must be `gh_` and letters and digits, as WeChat's console shows it"),
        );
    }
    Some(id)
}

fn scan_options(method: &MethodConfig, problem: &mut impl FnMut(&str, String)) -> ScanOptions {
    ScanOptions {
        lifetime: lifetime(method, problem),
        confirm: method.confirm.unwrap_or_default(),
        picture: method.picture.unwrap_or_default(),
        on_unfollow: method.on_unfollow.unwrap_or_default(),
    }
}

impl MethodKindName {
    const fn app_kind(self) -> AppKind {
        match self {
            Self::WebsiteQr => AppKind::Website,
            Self::OfficialAccountWeb | Self::OfficialAccountScan => AppKind::OfficialAccount,
            Self::MiniProgramScan | Self::MiniProgram | Self::AppLaunch => AppKind::MiniProgram,
            Self::MobileApp => AppKind::Mobile,
        }
    }

    /// As it is written in the config.
    const fn name(self) -> &'static str {
        match self {
            Self::WebsiteQr => "website_qr",
            Self::OfficialAccountWeb => "official_account_web",
            Self::OfficialAccountScan => "official_account_scan",
            Self::MiniProgramScan => "mini_program_scan",
            Self::MiniProgram => "mini_program",
            Self::MobileApp => "mobile_app",
            Self::AppLaunch => "app_launch",
        }
    }
}
