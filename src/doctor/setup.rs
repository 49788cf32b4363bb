//! What the config alone tells: methods whose app lacks something, pools whose UnionIDs must agree.
//!
//! Pure; asks nobody.

use url::Url;

use super::finding::{Finding, Verdict};
use crate::login::directory::{ProgramScanOptions, Scope};
use crate::login::{App, Directory, Method, MethodKind};
use crate::wechat::ProgramVersion;

/// What is to be said of an app and its methods.
pub(super) fn app(directory: &Directory, app: &App, public: Option<&Url>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let methods: Vec<&Method> = methods_of(directory, app).collect();
    if methods.is_empty() {
        let verdict =
            Verdict::warning("no login method uses this app", "add a [[methods]] with it, or remove it");
        findings.push(verdict.about("method", &app.id));
    }
    for method in methods {
        if let Some(verdict) = lacking(directory, app, method) {
            findings.push(verdict.about("method", method.id.as_str()));
        }
    }
    if app.push.is_some() {
        findings.extend(public.and_then(unusual_port).map(|verdict| verdict.about("push_port", &app.id)));
    }
    findings
}

/// The methods of one app.
pub(super) fn methods_of<'d>(directory: &'d Directory, app: &'d App) -> impl Iterator<Item = &'d Method> {
    directory.methods().iter().filter(|method| method.app == app.id)
}

fn lacking(directory: &Directory, app: &App, method: &Method) -> Option<Verdict> {
    match &method.kind {
        MethodKind::OfficialAccountScan(_) => {
            let plain = !app.push.as_ref()?.is_encrypted();
            plain.then(|| {
                Verdict::warning(
                    "messages from WeChat are believed in the clear, because the app has no `encoding_aes_key`",
                    "set it, and choose 安全模式: mp.weixin.qq.com, 设置与开发 > 基本配置 > 服务器配置",
                )
            })
        }
        MethodKind::OfficialAccountWeb(Scope::Base) => {
            let others = directory.apps().filter(|other| other.pool == app.pool).count() > 1;
            others.then(|| {
                Verdict::warning(
                    "with snsapi_base WeChat tells no UnionID, so people of this pool's other apps become second \
                     accounts",
                    "set the method's `scope` to \"snsapi_userinfo\"",
                )
            })
        }
        MethodKind::MiniProgramScan(ProgramScanOptions { program, .. }) | MethodKind::AppLaunch(program) => {
            let name = match program.version {
                ProgramVersion::Release => return None,
                ProgramVersion::Trial => "trial",
                ProgramVersion::Develop => "development",
            };
            Some(Verdict::warning(
                format!(
                    "only members of the mini program can open its {name} version, so nobody else can log in"
                ),
                "publish the version, and set the method's `version` to \"release\"",
            ))
        }
        _ => None,
    }
}

/// WeChat pushes to the usual ports only. Source: official page "消息推送".
fn unusual_port(public: &Url) -> Option<Verdict> {
    let port = public.port()?;
    Some(Verdict::warning(
        format!("WeChat pushes to the ports 80 and 443 only, and server.public_url has {port}"),
        "let the address that visitors see be one without a port",
    ))
}

/// Of every pool with several apps (or only `of`'s): whether they share UnionIDs, which nobody can ask.
pub(super) fn pools(directory: &Directory, of: Option<&App>) -> Vec<Finding> {
    let mut pools: Vec<_> = directory.apps().map(|app| &app.pool).collect();
    pools.sort();
    let shared = pools.chunk_by(|one, other| one == other).filter(|same| same.len() > 1).map(|same| same[0]);
    let wanted = shared.filter(|pool| of.is_none_or(|app| app.pool == **pool));
    wanted
        .map(|pool| {
            Verdict::unknown(
                "only a login can tell whether all apps of this pool are bound to one Open Platform account",
                "log in once by each app as the same person and compare X-User-UnionID, or look at \
                 open.weixin.qq.com, 管理中心 > 公众号",
            )
            .about("open_platform", pool.as_str())
        })
        .collect()
}

/// What an account's console holds, which nobody can ask.
pub(super) fn console(app: &App, push_address: &str) -> Finding {
    Verdict::unknown(
        "nobody can ask WeChat which push address, Token and EncodingAESKey its console holds",
        format!(
            "compare them: mp.weixin.qq.com, 设置与开发 > 基本配置 > 服务器配置, with URL {push_address}; saving \
             there makes WeChat check them"
        ),
    )
    .about("push_console", &app.id)
}
