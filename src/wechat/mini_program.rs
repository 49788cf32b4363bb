//! The login of a mini program: its code becomes an identity and a session key.
//!
//! The session key never leaves this process, and a code is never sent twice.

use serde::{Deserialize, Serialize};

use super::authorize::is_valid_code;
use super::client::{Client, Request};
use super::codes::{Call, Credential};
use super::error::{Error, Kind};
use super::session_key::SessionKey;
use super::wire::{Answer, Unreadable};
use crate::ground::Secret;

static JS_SESSION: Call =
    Call { name: "sns/jscode2session", credential: Credential::AppSecret, spends_code: true };

/// The longest path of a page that is sent to WeChat.
const MAX_PAGE_LEN: usize = 128;
/// WeChat keeps this name for itself and refuses codes that hold it (error 85096).
pub(super) const RESERVED: &str = "scancode_time";

/// Who opened the mini program.
#[derive(Clone, Debug)]
pub struct JsSession {
    /// The user within the mini program.
    pub openid: String,
    /// The user within the Open Platform account, if the mini program is bound to one; needs no consent.
    pub unionid: Option<String>,
    /// Opens what WeChat encrypted for the mini program's server.
    pub session_key: SessionKey,
}

/// Which version of a mini program is opened. All but the release are for the mini program's members only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgramVersion {
    /// What is published.
    #[default]
    Release,
    /// What was chosen for trial (体验版).
    Trial,
    /// What a developer uploaded last.
    Develop,
}

impl ProgramVersion {
    /// Its name in WeChat's API (`env_version`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Trial => "trial",
            Self::Develop => "develop",
        }
    }

    /// Its number in the Open SDK (`miniprogramType`), by which a native app opens a mini program.
    pub const fn sdk_type(self) -> u8 {
        match self {
            Self::Release => 0,
            Self::Develop => 1,
            Self::Trial => 2,
        }
    }
}

/// Whether `page` can be the path of a mini program's page: no slash at either end, no query, at most 128 letters,
/// digits, `_`, `-`, `.` and `/`.
pub fn is_valid_page(page: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    (1..=MAX_PAGE_LEN).contains(&page.len())
        && page.bytes().all(fine)
        && page.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !page.contains(RESERVED)
}

impl JsSession {
    fn read(answer: &Answer) -> Result<Self, Unreadable> {
        let key = answer.secret("session_key")?.ok_or(Unreadable::Missing("session_key"))?;
        Ok(Self {
            openid: answer.id("openid")?.ok_or(Unreadable::Missing("openid"))?,
            unionid: answer.id("unionid")?,
            session_key: SessionKey::parse(&key).ok_or(Unreadable::Impossible("session_key"))?,
        })
    }
}

impl Client {
    /// Exchanges a code of `wx.login` for the user's identity in the mini program and their session key.
    ///
    /// A code works once and lives five minutes. Source: official page "小程序登录凭证校验".
    ///
    /// # Errors
    /// [`Error::is_code_used`] tells a code that was exchanged before; everything else as [`Error::action`] says.
    pub async fn js_session(
        &self,
        app_id: &str,
        secret: &Secret,
        js_code: &Secret,
    ) -> Result<JsSession, Error> {
        if !is_valid_code(js_code.reveal()) {
            return Err(Error::new(&JS_SESSION, Kind::Input("this cannot be a code of wx.login")));
        }
        let request = Request {
            query: &[
                ("appid", app_id),
                ("secret", secret.reveal()),
                ("js_code", js_code.reveal()),
                ("grant_type", "authorization_code"),
            ],
            hidden: &[secret.reveal(), js_code.reveal()],
            ..Request::get(&JS_SESSION, "/sns/jscode2session")
        };
        self.call(&request, JsSession::read).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("pages/menshen/confirm/confirm", true)]
    #[case("index", true)]
    #[case(&"a".repeat(128), true)]
    #[case(&"a".repeat(129), false)]
    #[case("", false)]
    #[case("/pages/index", false)]
    #[case("pages/index/", false)]
    #[case("pages//index", false)]
    #[case("pages/../index", false)]
    #[case("pages/index?a=b", false)]
    #[case("pages/%2e/index", false)]
    #[case("pages/scancode_time/index", false)]
    #[case("pages/门/index", false)]
    fn a_page_is_a_plain_path(#[case] page: &str, #[case] valid: bool) {
        assert_eq!(is_valid_page(page), valid, "{page}");
    }

    #[test]
    fn a_version_has_a_name_for_the_api_and_a_number_for_the_sdk() {
        let all = [ProgramVersion::Release, ProgramVersion::Develop, ProgramVersion::Trial];
        assert_eq!(all.map(ProgramVersion::as_str), ["release", "develop", "trial"]);
        assert_eq!(all.map(ProgramVersion::sdk_type), [0, 1, 2]);
    }
}
