//! Whether WeChat would send a login back to us: its login page is opened with our real callback address.
//!
//! WeChat reports what it refuses as a page with status 200, for people to read; what is not known here is not guessed.
//! Source: official pages "网站应用微信登录开发指南" and "网页授权"; the texts are those that have been seen.

use url::Url;

use super::answer::page;
use super::credentials::console;
use super::finding::{Finding, Verdict};
use crate::login::directory::Scope;
use crate::login::{App, AppKind};
use crate::wechat::{Client, OAuthScope, Page, QrOptions, oauth2_authorize_url, qrconnect_url};

/// A browser on a computer.
const DESKTOP: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/140.0.0.0 Safari/537.36";
/// WeChat's own browser on a phone.
const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                      Gecko) Mobile/15E148 MicroMessenger/8.0.62(0x18003e33) NetType/4G Language/zh_CN";
/// No flow has this id, so nothing can come of it.
const STATE: &str = "menshendoctor";

/// The login page that one kind of method opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// A QR page in a desktop browser.
    Website,
    /// A page inside WeChat, with this scope.
    Account(Scope),
}

/// Opens one login page of an app.
pub(super) async fn check(wechat: &Client, app: &App, door: Door, callback: &str) -> Finding {
    let (open, app_id) = (wechat.open(), app.app_id.as_str());
    let (address, agent) = match door {
        Door::Website => (qrconnect_url(open, app_id, callback, STATE, QrOptions::default()), DESKTOP),
        Door::Account(scope) => {
            let scope = match scope {
                Scope::Base => OAuthScope::Base,
                Scope::Userinfo => OAuthScope::UserInfo,
            };
            (oauth2_authorize_url(open, app_id, callback, scope, STATE, false), WECHAT)
        }
    };
    let verdict = match Url::parse(&address) {
        Ok(url) => judge(door, &page(wechat, &url, Some(agent)).await, &address, callback),
        Err(_) => Verdict::skipped("the address of WeChat's login page cannot be written"),
    };
    verdict.about("callback_domain", &app.id)
}

/// What WeChat's pages refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Domain,
    AppId,
    Scope,
    Link,
    ElsewhereOnly,
    Number(u32),
}

/// What a page says, if it is a page of errors.
fn refusal(text: &str) -> Option<Refusal> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    if let Some(number) = number(&text) {
        return Some(Refusal::Number(number));
    }
    let known = [
        ("redirect_uri参数错误", Refusal::Domain),
        ("redirect_uri域名与后台配置不一致", Refusal::Domain),
        ("appid参数错误", Refusal::AppId),
        ("scope参数错误", Refusal::Scope),
        ("没有scope权限", Refusal::Scope),
        ("请在微信客户端打开链接", Refusal::ElsewhereOnly),
        ("该链接无法访问", Refusal::Link),
    ];
    known.into_iter().find(|(part, _)| text.contains(part)).map(|(_, refusal)| refusal)
}

/// The error number of a page: five digits close behind `错误码`.
fn number(text: &str) -> Option<u32> {
    text.match_indices("错误码").find_map(|(at, mark)| {
        let near: String = text[at + mark.len()..].chars().take(24).collect();
        let digits: String =
            near.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        digits.parse().ok().filter(|number| (10_000..20_000).contains(number))
    })
}

/// Whether the page is the one that a visitor is meant to see.
fn is_login(door: Door, page: &Page, text: &str, callback: &str) -> bool {
    match door {
        Door::Website => page.status == 200 && text.contains("/connect/qrcode/"),
        Door::Account(_) => {
            let back = page.location.as_deref().is_some_and(|location| location.starts_with(callback));
            back || (page.status == 200 && ["申请获取", "申请使用"].iter().any(|words| text.contains(words)))
        }
    }
}

fn judge(door: Door, answer: &Result<Page, String>, address: &str, callback: &str) -> Verdict {
    let page = match answer {
        Ok(page) => page,
        Err(error) => {
            return Verdict::problem(
                format!("WeChat's login page does not answer: {error}"),
                "check this machine's network, DNS and firewall; visitors' browsers may fare better",
            );
        }
    };
    let text = page.text();
    if is_login(door, page, &text, callback) {
        return Verdict::ok(format!("WeChat sends logins back to {callback}"));
    }
    match refusal(&text) {
        Some(refusal) => explain(door, refusal, address, callback),
        None => Verdict::unknown(
            format!("WeChat's login page says nothing that is known here (status {})", page.status),
            look(door, address),
        ),
    }
}

fn look(door: Door, address: &str) -> String {
    match door {
        Door::Website => format!("look at it yourself, in any browser: {address}"),
        Door::Account(_) => format!("look at it yourself, inside WeChat: {address}"),
    }
}

fn explain(door: Door, refusal: Refusal, address: &str, callback: &str) -> Verdict {
    let console = match door {
        Door::Website => console(AppKind::Website),
        Door::Account(_) => console(AppKind::OfficialAccount),
    };
    match refusal {
        Refusal::Domain | Refusal::Number(10_003) => Verdict::problem(
            format!("WeChat sends no login back to {callback}: the host is not registered"),
            register(door, callback),
        ),
        Refusal::AppId => Verdict::problem(
            "WeChat's login page does not know this AppID",
            format!("compare the app's `app_id` and `kind` with {console}"),
        ),
        Refusal::Scope | Refusal::Number(10_005 | 10_016) => match door {
            Door::Website => Verdict::problem(
                "this AppID may not log people in to websites",
                "use the AppID of an approved website app: open.weixin.qq.com, 管理中心 > 网站应用, with \
                 微信登录 granted",
            ),
            Door::Account(_) => Verdict::problem(
                "this account may not log people in on web pages: it is not a verified service account",
                "use a verified service account (认证服务号): mp.weixin.qq.com, 设置与开发 > 微信认证",
            ),
        },
        Refusal::Number(10_004) => {
            Verdict::problem("WeChat has banned this account (10004)", format!("see {console}"))
        }
        Refusal::Number(10_006) => Verdict::warning(
            "this is a test account: only people who follow it can log in (10006)",
            "use a verified service account for everybody else",
        ),
        Refusal::Number(10_015) => Verdict::problem(
            "this account has not granted web authorization to the third-party platform that manages it (10015)",
            format!("grant it, or end the management: {console}"),
        ),
        Refusal::Number(10_009) => {
            Verdict::unknown("WeChat was asked too often (10009)", "try again in a minute")
        }
        Refusal::Link => Verdict::problem(
            "WeChat's login page cannot be opened: AppID, callback host or scope is wrong",
            format!("{}; and compare `app_id` and `kind`", register(door, callback)),
        ),
        Refusal::ElsewhereOnly => Verdict::unknown(
            "WeChat shows this page to its own browser only, and does not take us for it",
            look(door, address),
        ),
        Refusal::Number(number) => {
            Verdict::problem(format!("WeChat's login page shows error {number}"), look(door, address))
        }
    }
}

/// Where the callback's host is to be registered.
fn register(door: Door, callback: &str) -> String {
    let url = Url::parse(callback).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("the host of server.public_url");
    let named = url.as_ref().is_none_or(|url| matches!(url.host(), Some(url::Host::Domain(_))));
    let usual = named && url.as_ref().is_none_or(|url| url.port().is_none());
    let place = match door {
        Door::Website => "open.weixin.qq.com, 管理中心 > 网站应用 > 开发信息 > 授权回调域",
        Door::Account(_) => "mp.weixin.qq.com, 设置与开发 > 账号设置 > 功能设置 > 网页授权域名",
    };
    let more = if usual { "" } else { "; WeChat takes host names only, on the usual ports" };
    format!("register exactly `{host}`, without scheme, port and path: {place}{more}")
}

#[cfg(test)]
#[path = "callback_tests.rs"]
mod tests;
