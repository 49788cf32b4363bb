//! What calls carry and what they are answered with. The shapes are part of the interface: fields are added, never
//! changed. Times are unix seconds, spans are seconds.

pub(super) mod account;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Account, Proof, email, phone};
use crate::ground::Secret;

/// `POST api/begin/{method}`: nothing is needed.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct BeginRequest {}

/// `POST api/login/{method}` and `api/attach/{method}`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct LoginRequest {
    /// What WeChat gave the client: from `wx.login`, or from the Open SDK.
    #[schema(value_type = String, example = "0a3Xn5000Z8bmT1rAl100nYZMb1Xn50u")]
    pub(super) code: Secret,
    /// `mini_program`: what the phone number button gave.
    #[schema(value_type = Option<String>)]
    pub(super) phone_code: Option<Secret>,
    /// `mini_program`: what the older phone number button gave, with `iv`. Call `wx.login` before the button.
    pub(super) encrypted_data: Option<String>,
    /// `mini_program`: goes with `encrypted_data`.
    pub(super) iv: Option<String>,
    /// `mobile_app`, needed there: what the call begin gave.
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

/// `POST api/flow/{flow}/bind`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct BindRequest {
    /// What came with the question.
    #[schema(value_type = String)]
    pub(super) key: Secret,
    /// One of the `proofs` of the question.
    #[schema(value_type = ProofShape)]
    pub(super) proof: Proof,
    /// `password`: the account's user name, phone number or email address.
    #[schema(example = "zhangsan")]
    pub(super) name: Option<String>,
    /// `password`: the account's password.
    #[schema(value_type = Option<String>)]
    pub(super) password: Option<Secret>,
    /// `email_code`, `sms_code`: the six digits.
    #[schema(value_type = Option<String>, example = "123456")]
    pub(super) code: Option<Secret>,
}

/// `POST api/flow/{flow}/create`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreateRequest {
    /// What came with the question.
    #[schema(value_type = String)]
    pub(super) key: Secret,
}

/// `POST api/flow/{flow}/send_code`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SendCodeRequest {
    /// What came with the question.
    #[schema(value_type = String)]
    pub(super) key: Secret,
    /// `email_code` or `sms_code`.
    #[schema(value_type = ProofShape)]
    pub(super) proof: Proof,
    /// The email address or the phone number.
    #[schema(example = "zhangsan@example.com")]
    pub(super) to: String,
}

/// The answer of `api/flow/{flow}/send_code`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SentAnswer<'a> {
    /// Where it goes, with its middle hidden.
    #[schema(example = "z***@example.com")]
    pub(super) to: &'a str,
    /// How long the code works.
    #[schema(example = 600)]
    pub(super) expires_in: u64,
    /// When another may be sent.
    #[schema(example = 60)]
    pub(super) again_in: u64,
}

/// What proves that an account is the user's.
#[derive(ToSchema)]
#[schema(as = Proof, rename_all = "snake_case")]
#[allow(dead_code, reason = "the shape of `domain::Proof` in the document")]
pub(super) enum ProofShape {
    /// The account's password.
    Password,
    /// A code sent to its email address.
    EmailCode,
    /// A code sent to its phone number.
    SmsCode,
}

/// `POST api/scan` and `api/reject`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ScanRequest {
    /// The scene of the code, decoded; the `cq` of a link; the `t` of a launch.
    #[schema(example = "4f7k2m9p0q3r6s8t1v5w7x9y2z")]
    pub(super) scene: String,
    /// A fresh code of `wx.login`: not the one of an earlier call.
    #[schema(value_type = String, example = "0a3Xn5000Z8bmT1rAl100nYZMb1Xn50u")]
    pub(super) code: Secret,
}

/// `POST api/confirm`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ConfirmRequest {
    /// As in the call scan.
    #[schema(example = "4f7k2m9p0q3r6s8t1v5w7x9y2z")]
    pub(super) scene: String,
    /// A fresh code of `wx.login`: not the one of the call scan.
    #[schema(value_type = String, example = "0b3Xn5000Z8bmT1rAl100nYZMb1Xn50v")]
    pub(super) code: Secret,
    /// What the phone number button gave, if the person gave their number.
    #[schema(value_type = Option<String>)]
    pub(super) phone_code: Option<Secret>,
}

/// `POST api/launch`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct LaunchRequest {
    /// The configured method's id.
    #[schema(example = "launch")]
    pub(super) method: String,
    /// SHA-256 of the verifier, in unpadded URL-safe base64: 43 characters (S256 of RFC 7636).
    #[schema(
        example = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"
    )]
    pub(super) challenge: String,
}

/// `POST api/redeem`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RedeemRequest {
    /// What the call launch gave.
    pub(super) ticket: String,
    /// The text that the challenge was made of: 43 to 128 letters, digits, `-`, `.`, `_`, `~`.
    #[schema(
        value_type = String,
        example = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        pattern = "^[A-Za-z0-9._~-]{43,128}$"
    )]
    pub(super) verifier: Secret,
    /// What the mini program handed to the app.
    #[schema(value_type = String)]
    pub(super) return_code: Secret,
}

/// `POST api/account/phone`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct PhoneRequest {
    /// The number: `+` and the country code first, or the eleven digits of a mobile number of mainland China.
    #[schema(value_type = String, example = "+8613580006666")]
    pub(super) phone: Secret,
}

/// `POST api/account/phone/verify`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct VerifyRequest {
    /// The six digits.
    #[schema(value_type = String, example = "135246")]
    pub(super) code: Secret,
}

/// The answer of `api/account/phone`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CodeAnswer<'a> {
    /// The number, masked.
    #[schema(example = "+8613*******66")]
    pub(super) sent_to: &'a str,
    /// How long the code can be typed in.
    #[schema(example = 600)]
    pub(super) expires_in: u64,
    /// After how long another may be sent.
    #[schema(example = 60)]
    pub(super) again_in: u64,
}

/// The answer of `api/begin/{method}`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NonceAnswer<'a> {
    /// The `state` for WeChat, and for the login.
    #[schema(example = "4f7k2m9p0q3r6s8t1v5w7x9y2z")]
    pub(super) nonce: &'a str,
    /// The app's AppID at WeChat.
    #[schema(example = "wx0123456789abcdef")]
    pub(super) app_id: &'a str,
    /// The `scope` for WeChat.
    #[schema(example = "snsapi_userinfo")]
    pub(super) scope: &'static str,
    /// How long the nonce can be used.
    #[schema(example = 600)]
    pub(super) expires_in: u64,
}

/// The answer of a login that succeeded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenAnswer<'a> {
    /// For `Authorization`; whoever has it is logged in.
    #[schema(example = "5jW2mQ0bY1cK7sVn3xR8tLhP4dZf6gAe9uIoEwXqTzM")]
    pub(super) token: String,
    pub(super) token_type: TokenType,
    /// The longest it can live; it ends sooner if it is not used.
    #[schema(example = 2_592_000)]
    pub(super) expires_in: u64,
    pub(super) account: AccountShape<'a>,
}

/// How the token is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) enum TokenType {
    Bearer,
}

/// The answer of `api/attach/{method}`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttachAnswer<'a> {
    pub(super) account: AccountShape<'a>,
}

/// The answer (409) of a login that needs an answer first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PendingAnswer<'a> {
    pub(super) pending: Pending,
    /// Names the question, in the path of the calls that answer it.
    pub(super) flow: &'a str,
    /// Opens the question; for this client alone.
    pub(super) key: String,
    /// How long it can be answered.
    pub(super) expires_in: u64,
    /// `choose`: what can be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) accounts: Option<Vec<AccountShape<'a>>>,
    /// `bind`: how an account may be proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Vec<ProofShape>>)]
    pub(super) proofs: Option<&'a [Proof]>,
    /// `bind`: whether a new account may be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) may_create: Option<bool>,
}

/// What a login waits for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pending {
    /// Several accounts fit.
    Choose,
    /// Nobody is known by this identity.
    Bind,
}

/// An account, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountShape<'a> {
    /// Never changes; what the apps behind the gateway are told, too.
    #[schema(example = "4f7k2m9p0q3r6s8t1v5w7x9y2z")]
    pub(super) id: &'a str,
    /// What the person is called, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) name: Option<&'a str>,
    /// The address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) avatar: Option<&'a str>,
    /// With its middle hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "+8613*******66")]
    pub(super) phone: Option<String>,
    /// With most of its name hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "z***@example.com")]
    pub(super) email: Option<String>,
    /// When it was last logged in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) last_login: Option<u64>,
    /// The groups it is in.
    pub(super) groups: &'a [String],
}

impl<'a> AccountShape<'a> {
    pub(super) fn of(account: &'a Account) -> Self {
        Self {
            id: account.id.as_str(),
            name: account.profile.nickname.as_deref().or(account.username.as_deref()),
            avatar: account.profile.avatar.as_deref(),
            phone: account.phone.as_ref().map(|contact| phone::mask(&contact.value)),
            email: account.email.as_ref().map(|contact| email::mask(&contact.value)),
            last_login: account.last_login.as_ref().map(|last| last.at.secs()),
            groups: &account.groups,
        }
    }
}

/// The answer of `api/scan`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScanAnswer<'a> {
    /// The configured name of the site.
    pub(super) site: &'a str,
    /// The host that is signed in to.
    #[schema(example = "shop.example.com")]
    pub(super) host: &'a str,
    pub(super) kind: Waiting,
    /// Which browser or app began it, as it says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) browser: Option<&'a str>,
    /// The address it began at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) ip: Option<&'a str>,
    /// When it began.
    pub(super) begun_at: u64,
    /// How long it can be answered.
    #[schema(example = 180)]
    pub(super) expires_in: u64,
    /// Whether the site wants the phone number along with a yes.
    pub(super) ask_phone: bool,
    /// Whether a yes adds the person's WeChat to the account that is signed in there, and signs nobody in: the mini
    /// program has to say so.
    pub(super) adding: bool,
}

/// What waits for the answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Waiting {
    Browser,
    App,
}

/// The answer of `api/confirm` and `api/reject`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfirmAnswer {
    /// Whether it was a yes.
    pub(super) approved: bool,
    /// Where an app waits, after a yes: what the mini program hands to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) return_code: Option<String>,
}

/// The answer of `api/launch`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LaunchAnswer<'a> {
    /// Names the login, for the call redeem.
    #[schema(example = "4f7k2m9p0q3r6s8t1v5w7x9y2z")]
    pub(super) ticket: &'a str,
    /// The mini program's original id: `userName` of the Open SDK.
    #[schema(example = "gh_0123456789ab")]
    pub(super) mini_program: &'a str,
    /// The page to open, with the ticket: `path` of the Open SDK.
    #[schema(example = "pages/menshen/launch/launch?t=4f7k2m9p0q3r6s8t1v5w7x9y2z")]
    pub(super) path: &'a str,
    /// `miniprogramType` of the Open SDK: 0 released, 1 of a developer, 2 on trial.
    #[schema(maximum = 2)]
    pub(super) program_type: u8,
    /// How long it can be confirmed.
    #[schema(example = 180)]
    pub(super) expires_in: u64,
}
