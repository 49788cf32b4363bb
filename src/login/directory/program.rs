//! The settings of methods that a mini program takes part in.
//!
//! Which page is opened and in which version is the operator's to publish; nothing here asks WeChat whether it exists.

use serde::Deserialize;

use super::settings::{MethodConfig, MethodKindName};
use crate::ground::Span;
use crate::pages::is_own_picture;
use crate::wechat::{ProgramVersion, is_valid_page};

/// The page of the ready-made mini program that confirms a scan.
const CONFIRM_PAGE: &str = "pages/menshen/confirm/confirm";
/// The page of the ready-made mini program that a native app opens.
const LAUNCH_PAGE: &str = "pages/menshen/launch/launch";

/// How a mini program takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramOptions {
    /// The page that is opened: no slash in front, no query.
    pub page: String,
    /// Which version of the mini program.
    pub version: ProgramVersion,
    /// How long a login waits for its confirmation to begin.
    pub lifetime: Span,
    /// Whether the mini program asks for the phone number.
    pub ask_phone: bool,
}

/// How scanning a code of a mini program works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramScanOptions {
    /// The mini program's part.
    pub program: ProgramOptions,
    /// A picture for the centre of the code, in place of the mini program's own: a path on our hosts or `data:image/…`.
    pub logo: Option<String>,
    /// How a phone's browser outside WeChat opens the mini program.
    pub open: OpenIn,
}

/// How a phone's browser outside WeChat opens the mini program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenIn {
    /// It does not.
    #[default]
    None,
    /// By a link of WeChat's (`https://wxaurl.cn/…`).
    UrlLink,
    /// By an address of WeChat's own scheme (`weixin://…`).
    Scheme,
}

pub(super) fn program_options(
    method: &MethodConfig,
    problem: &mut impl FnMut(&str, String),
) -> ProgramOptions {
    let page = method.page.clone().unwrap_or_else(|| {
        let page = if method.kind == MethodKindName::AppLaunch { LAUNCH_PAGE } else { CONFIRM_PAGE };
        page.to_owned()
    });
    if !is_valid_page(&page) {
        problem(
            "page",
            format!("`{page}` must be a page of the mini program without `/` in front and without a query"),
        );
    }
    ProgramOptions {
        page,
        version: method.version.unwrap_or_default(),
        lifetime: lifetime(method, problem),
        ask_phone: method.ask_phone.unwrap_or_default(),
    }
}

pub(super) fn program_scan_options(
    method: &MethodConfig,
    problem: &mut impl FnMut(&str, String),
) -> ProgramScanOptions {
    let logo = method.logo.clone().filter(|logo| !logo.is_empty());
    if logo.as_deref().is_some_and(|logo| !is_own_picture(logo)) {
        let message = "must be a path on our own hosts (\"/logo.svg\") or \"data:image/…\": our pages load nothing from elsewhere";
        problem("logo", message.to_owned());
    }
    ProgramScanOptions {
        program: program_options(method, problem),
        logo,
        open: method.open.unwrap_or_default(),
    }
}

/// How long a code or a launch waits, checked.
pub(super) fn lifetime(method: &MethodConfig, problem: &mut impl FnMut(&str, String)) -> Span {
    let lifetime = method.lifetime.unwrap_or(Span::from_mins(3));
    if !(Span::from_secs(10)..=Span::from_mins(30)).contains(&lifetime) {
        problem("lifetime", format!("`{lifetime}` is not between 10s and 30m"));
    }
    lifetime
}
