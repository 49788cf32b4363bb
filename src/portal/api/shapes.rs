//! What calls carry and what they are answered with. The shapes are part of the interface: fields are added, never
//! changed. Times are unix seconds, spans are seconds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Account, phone};
use crate::ground::Secret;

/// `POST api/login/{method}` and `api/attach/{method}`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct LoginRequest {
    /// What WeChat gave the client: from `wx.login`, or from the Open SDK.
    #[schema(value_type = String)]
    pub(super) code: Secret,
    /// `mini_program`: what the phone number button gave.
    #[schema(value_type = Option<String>)]
    pub(super) phone_code: Option<Secret>,
    /// `mini_program`: what the older phone number button gave, with `iv`.
    pub(super) encrypted_data: Option<String>,
    /// `mini_program`: goes with `encrypted_data`.
    pub(super) iv: Option<String>,
    /// `mobile_app`: what `api/begin` gave.
    pub(super) nonce: Option<String>,
}

/// `POST api/flow/{flow}/choose`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChooseRequest {
    /// What came with the question.
    #[schema(value_type = String)]
    pub(super) key: Secret,
    /// The id of one of the accounts that were offered.
    pub(super) account: String,
}

/// `POST api/scan` and `api/reject`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ScanRequest {
    /// The scene of the code, decoded; the `cq` of a link; the `t` of a launch.
    pub(super) scene: String,
    /// A fresh code of `wx.login`.
    #[schema(value_type = String)]
    pub(super) code: Secret,
}

/// `POST api/confirm`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ConfirmRequest {
    /// As in `api/scan`.
    pub(super) scene: String,
    /// A fresh code of `wx.login`.
    #[schema(value_type = String)]
    pub(super) code: Secret,
    /// What the phone number button gave, if the person gave their number.
    #[schema(value_type = Option<String>)]
    pub(super) phone_code: Option<Secret>,
}

/// `POST api/launch`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct LaunchRequest {
    /// The configured method.
    pub(super) method: String,
    /// SHA-256 of the verifier, in unpadded URL-safe base64 (S256 of RFC 7636).
    pub(super) challenge: String,
}

/// `POST api/redeem`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RedeemRequest {
    /// What `api/launch` gave.
    pub(super) ticket: String,
    /// The text that the challenge was made of: 43 to 128 letters, digits, `-`, `.`, `_`, `~`.
    #[schema(value_type = String)]
    pub(super) verifier: Secret,
    /// What the mini program handed to the app.
    #[schema(value_type = String)]
    pub(super) return_code: Secret,
}

/// The answer of `api/begin/{method}`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NonceAnswer<'a> {
    pub(super) nonce: &'a str,
    pub(super) app_id: &'a str,
    pub(super) scope: &'static str,
    pub(super) expires_in: u64,
}

/// The answer of a login that succeeded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenAnswer<'a> {
    pub(super) token: String,
    pub(super) token_type: &'static str,
    pub(super) expires_in: u64,
    pub(super) account: AccountShape<'a>,
}

/// The answer of `api/attach/{method}`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttachAnswer<'a> {
    pub(super) account: AccountShape<'a>,
}

/// The answer (409) of a login that needs a choice.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PendingAnswer<'a> {
    pub(super) pending: &'static str,
    pub(super) flow: &'a str,
    pub(super) key: String,
    pub(super) expires_in: u64,
    pub(super) accounts: Vec<AccountShape<'a>>,
}

/// An account, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountShape<'a> {
    pub(super) id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) avatar: Option<&'a str>,
    /// With its middle hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_login: Option<u64>,
    pub(super) groups: &'a [String],
}

impl<'a> AccountShape<'a> {
    pub(super) fn of(account: &'a Account) -> Self {
        Self {
            id: account.id.as_str(),
            name: account.profile.nickname.as_deref().or(account.username.as_deref()),
            avatar: account.profile.avatar.as_deref(),
            phone: account.phone.as_ref().map(|contact| phone::mask(&contact.value)),
            last_login: account.last_login.as_ref().map(|last| last.at.secs()),
            groups: &account.groups,
        }
    }
}

/// The answer of `api/scan`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScanAnswer<'a> {
    pub(super) site: &'a str,
    pub(super) host: &'a str,
    /// `browser`, or `app` where a native app waits.
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) browser: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip: Option<&'a str>,
    pub(super) begun_at: u64,
    pub(super) expires_in: u64,
    pub(super) ask_phone: bool,
}

/// The answer of `api/confirm` and `api/reject`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfirmAnswer {
    pub(super) approved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) return_code: Option<String>,
}

/// The answer of `api/launch`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LaunchAnswer<'a> {
    pub(super) ticket: &'a str,
    pub(super) mini_program: &'a str,
    pub(super) path: &'a str,
    pub(super) program_type: u8,
    pub(super) expires_in: u64,
}
