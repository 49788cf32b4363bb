//! The pages of the published mini program: what each does with the way it was opened, and what it will not do.
//!
//! Pure. They confirm nothing that came by another way than the page's own, as the published ones.

use super::open::{FROM_APP, Opened};

/// Where codes (`scene`) and links (`cq`) lead.
const CONFIRM: &str = "pages/menshen/confirm/confirm";
/// Where apps lead (`t`).
const LAUNCH: &str = "pages/menshen/launch/launch";

// What the published pages say.
const NO_SCENE: &str = "这个页面要用微信扫登录页上的小程序码打开 This page opens from a code or a link";
const NO_TICKET: &str = "这个页面要从应用里打开 This page opens from an app";
const NOT_FROM_APP: &str =
    "只有从应用里打开，登录后才能回到应用 Only a mini program that an app opened leads back to it";
/// A code on the page of apps, or the other way round.
pub(crate) const WRONG_PAGE: &str = "这个码不是给这个页面用的，请重新打开 This page is for something else";

/// What an open page is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To log in to the mini program itself.
    Home,
    /// To approve a browser's login.
    Confirm(String),
    /// To approve an app's login, and to go back to the app.
    Launch(String),
}

impl Purpose {
    /// What `opened` is for, or why its page does nothing.
    pub(crate) fn of(opened: &Opened) -> Result<Self, &'static str> {
        let filled = |key| opened.parameter(key).filter(|value| !value.is_empty());
        match opened.path.as_str() {
            CONFIRM => filled("scene").or_else(|| filled("cq")).map(Self::Confirm).ok_or(NO_SCENE),
            LAUNCH => {
                let ticket = filled("t").ok_or(NO_TICKET)?;
                if opened.launch_scene == FROM_APP { Ok(Self::Launch(ticket)) } else { Err(NOT_FROM_APP) }
            }
            _ => Ok(Self::Home),
        }
    }

    /// The ticket to approve.
    pub(crate) fn ticket(&self) -> Option<&str> {
        match self {
            Self::Home => None,
            Self::Confirm(ticket) | Self::Launch(ticket) => Some(ticket),
        }
    }

    /// Whether the page approves this kind of login, as `api/scan` names it.
    pub(crate) fn approves(&self, kind: &str) -> bool {
        match self {
            Self::Home => false,
            Self::Confirm(_) => kind == "browser",
            Self::Launch(_) => kind == "app",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::EnvVersion;
    use rstest::rstest;

    #[rstest]
    #[case(CONFIRM, "scene=s%3A1", 1047, Ok(Purpose::Confirm("s:1".into())))]
    #[case(CONFIRM, "cq=s1", 1194, Ok(Purpose::Confirm("s1".into())))]
    #[case(CONFIRM, "t=s1", 1069, Err(NO_SCENE))]
    #[case(CONFIRM, "scene=", 1047, Err(NO_SCENE))]
    #[case(LAUNCH, "t=s1", 1069, Ok(Purpose::Launch("s1".into())))]
    #[case(LAUNCH, "t=s1", 1047, Err(NOT_FROM_APP))]
    #[case(LAUNCH, "t=s1", 1194, Err(NOT_FROM_APP))]
    #[case(LAUNCH, "scene=s1", 1047, Err(NO_TICKET))]
    #[case(LAUNCH, "cq=s1", 1069, Err(NO_TICKET))]
    #[case("pages/index/index", "scene=s1&cq=s1&t=s1", 1069, Ok(Purpose::Home))]
    fn a_page_approves_only_what_came_its_own_way(
        #[case] path: &str,
        #[case] query: &str,
        #[case] launch_scene: u32,
        #[case] purpose: Result<Purpose, &'static str>,
    ) {
        let opened = Opened {
            app_id: "wx1".into(),
            person: "zhang".into(),
            path: path.into(),
            query: query.into(),
            launch_scene,
            version: EnvVersion::Release,
        };
        assert_eq!(Purpose::of(&opened), purpose);
    }
}
