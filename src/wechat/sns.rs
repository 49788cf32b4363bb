//! The calls that speak for one user (`/sns/*`): a code becomes an identity and a token, a token a profile.

use super::authorize::is_valid_code;
use super::client::{Client, Request, seconds};
use super::codes::{Call, Credential};
use super::error::{Error, Kind};
use super::wire::{Answer, Unreadable};
use crate::ground::{Secret, Span};

static EXCHANGE_CODE: Call =
    Call { name: "sns/oauth2/access_token", credential: Credential::AppSecret, spends_code: true };
static USER_INFO: Call = Call { name: "sns/userinfo", credential: Credential::UserToken, spends_code: false };

/// What a user's authorization gives: who they are, and a token that speaks for them.
#[derive(Clone, Debug)]
pub struct SnsToken {
    /// The user within the app that asked.
    pub openid: String,
    /// The user within the Open Platform account; absent for `snsapi_base` and for apps that are not bound to one.
    pub unionid: Option<String>,
    /// Opens `sns/userinfo` for this user.
    pub access_token: Secret,
    /// Renews `access_token`.
    pub refresh_token: Option<Secret>,
    /// The scopes that the user granted.
    pub scopes: Vec<String>,
    /// Whether WeChat shows the visitor a snapshot page: all identifiers are then virtual and must be discarded.
    pub snapshot: bool,
    /// How long `access_token` lives; documented as two hours.
    pub expires_in: Span,
}

/// A user's profile. Texts are free of control characters, at most 256 characters, and say nothing about identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    /// The same as the token's.
    pub openid: String,
    /// The user within the Open Platform account, if the app is bound to one.
    pub unionid: Option<String>,
    /// Chosen by the user, neither unique nor stable.
    pub nickname: Option<String>,
    /// Address of the avatar (http or https); dies when the user changes it.
    pub avatar: Option<String>,
    /// No longer given to service accounts since 2021-10-20.
    pub sex: Option<Sex>,
    /// The user's language, for example `zh_CN`.
    pub language: Option<String>,
    /// Usually absent.
    pub city: Option<String>,
    /// Usually absent.
    pub province: Option<String>,
    /// Usually absent.
    pub country: Option<String>,
    /// Whether WeChat marked the profile as that of a snapshot page.
    pub snapshot: bool,
}

/// `sex` 1 or 2; 0 is "unknown" and reads as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// 1.
    Male,
    /// 2.
    Female,
}

/// The language of region names in a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// Simplified Chinese.
    #[default]
    ZhCn,
    /// Traditional Chinese.
    ZhTw,
    /// English.
    En,
}

impl Lang {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ZhCn => "zh_CN",
            Self::ZhTw => "zh_TW",
            Self::En => "en",
        }
    }
}

impl Client {
    /// Exchanges a code that a callback or a native app brought for the user's identity and token.
    ///
    /// A code works once. Source: official page "通过code换取网页授权access_token".
    ///
    /// # Errors
    /// [`Error::is_code_used`] tells a code that was exchanged before; everything else as [`Error::action`] says.
    pub async fn exchange_code(
        &self,
        app_id: &str,
        secret: &Secret,
        code: &Secret,
    ) -> Result<SnsToken, Error> {
        if !is_valid_code(code.reveal()) {
            return Err(Error::new(&EXCHANGE_CODE, Kind::Input("this cannot be a code")));
        }
        let request = Request {
            query: &[
                ("appid", app_id),
                ("secret", secret.reveal()),
                ("code", code.reveal()),
                ("grant_type", "authorization_code"),
            ],
            hidden: &[secret.reveal(), code.reveal()],
            ..Request::get(&EXCHANGE_CODE, "/sns/oauth2/access_token")
        };
        self.call(&request, SnsToken::read).await
    }

    /// Fetches the profile of the user whom `token` speaks for; needs `snsapi_userinfo` or `snsapi_login`.
    ///
    /// Source: official page "拉取用户信息".
    ///
    /// # Errors
    /// Also if WeChat's answer is about another user than the token.
    pub async fn user_info(&self, token: &SnsToken, lang: Lang) -> Result<UserInfo, Error> {
        let request = Request {
            query: &[
                ("access_token", token.access_token.reveal()),
                ("openid", &token.openid),
                ("lang", lang.as_str()),
            ],
            hidden: &[token.access_token.reveal()],
            ..Request::get(&USER_INFO, "/sns/userinfo")
        };
        self.call(&request, |answer| UserInfo::read(answer, token)).await
    }
}

impl SnsToken {
    fn read(answer: &Answer) -> Result<Self, Unreadable> {
        let scopes = answer.text("scope").unwrap_or_default();
        Ok(Self {
            openid: answer.id("openid")?.ok_or(Unreadable::Missing("openid"))?,
            unionid: answer.id("unionid")?,
            access_token: answer.secret("access_token")?.ok_or(Unreadable::Missing("access_token"))?,
            refresh_token: answer.secret("refresh_token")?,
            scopes: scopes
                .split(',')
                .map(str::trim)
                .filter(|scope| !scope.is_empty())
                .map(Into::into)
                .collect(),
            snapshot: answer.flag("is_snapshotuser"),
            expires_in: Span::from_secs(seconds(answer.integer("expires_in"))),
        })
    }

    /// Whether the user granted `scope`.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}

impl UserInfo {
    fn read(answer: &Answer, token: &SnsToken) -> Result<Self, Unreadable> {
        let openid = answer.id("openid")?.ok_or(Unreadable::Missing("openid"))?;
        if openid != token.openid {
            return Err(Unreadable::SomebodyElse("openid"));
        }
        let unionid = answer.id("unionid")?;
        if let (Some(here), Some(there)) = (&unionid, &token.unionid)
            && here != there
        {
            return Err(Unreadable::SomebodyElse("unionid"));
        }
        Ok(Self {
            openid,
            unionid,
            nickname: answer.text("nickname"),
            avatar: answer.web_address("headimgurl"),
            sex: match answer.integer("sex") {
                Some(1) => Some(Sex::Male),
                Some(2) => Some(Sex::Female),
                _ => None,
            },
            language: answer.text("language"),
            city: answer.text("city"),
            province: answer.text("province"),
            country: answer.text("country"),
            snapshot: answer.flag("is_snapshotuser"),
        })
    }
}

#[cfg(test)]
#[path = "sns_tests.rs"]
mod tests;
