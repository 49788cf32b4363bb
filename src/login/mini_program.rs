//! `mini_program`: a mini program logs its own user in, with what `wx.login` and the phone number button gave it.
//!
//! The session key that WeChat gives along lives for one call: it opens what the older button encrypted and is then
//! forgotten. Source: "小程序登录", "手机号快速验证组件" (login, phone number).

use super::Login;
use super::client::{Call, ClientError, Entered};
use super::directory::{App, MethodKind};
use crate::domain::{Account, AccountId, FlowRefusal, Identity, OpenId, Phone, Profile, UnionId};
use crate::ground::{Secret, Token};
use crate::login::callback::report;
use crate::login::server_tokens::TokenError;
use crate::wechat::{self, JsSession, Opened, PhoneNumber, VisitorKind};

/// What a mini program proves its user with.
#[derive(Clone, Debug)]
pub struct Proof {
    /// From `wx.login`: five minutes, once.
    pub code: Secret,
    /// The phone number, if the person gave it.
    pub phone: PhoneProof,
}

/// How a phone number is proven.
#[derive(Clone, Debug, Default)]
pub enum PhoneProof {
    /// It was not given.
    #[default]
    None,
    /// By the code of the phone number button: five minutes, once, not the code of `wx.login`.
    Code(Secret),
    /// By what the older button encrypted with the session key.
    Encrypted {
        /// `encryptedData`.
        data: String,
        /// `iv`.
        iv: String,
    },
}

impl Login {
    /// Logs the user of a mini program in.
    pub async fn log_in_mini_program(
        &self,
        call: Call<'_>,
        method: &str,
        proof: &Proof,
    ) -> Result<Entered, ClientError> {
        let (method, app) = self.client_method(call.context, method, is_mini_program)?;
        let person = self.mini_program_person(call.context.wechat, app, proof).await?;
        let token = Token::generate(&mut rand::rng());
        self.log_in(call, method, person, token).await
    }

    /// Adds the user of a mini program to the account that is logged in.
    pub async fn attach_mini_program(
        &self,
        call: Call<'_>,
        method: &str,
        account: &AccountId,
        proof: &Proof,
    ) -> Result<Account, ClientError> {
        let (method, app) = self.client_method(call.context, method, is_mini_program)?;
        self.in_pool(account, &app.pool).await?;
        let person = self.mini_program_person(call.context.wechat, app, proof).await?;
        self.attach(account, &method.id, &person).await
    }

    /// Asks WeChat who holds the code, and what their phone number is.
    pub(super) async fn mini_program_person(
        &self,
        wechat: &wechat::Client,
        app: &App,
        proof: &Proof,
    ) -> Result<Identity, ClientError> {
        let session = wechat.js_session(app.app_id.as_str(), &app.secret, &proof.code).await;
        let session = session.map_err(|error| {
            report(app, &error);
            ClientError::of_code(&error)
        })?;
        let mut person = identity(app, &session)?;
        self.pace.check(&app.app_id, &person.open_id)?;
        person.phone = match &proof.phone {
            PhoneProof::None => None,
            PhoneProof::Code(code) => Some(self.phone_of(wechat, app, code, &session.openid).await?),
            PhoneProof::Encrypted { data, iv } => {
                let opened = session.session_key.open(app.app_id.as_str(), data, iv, self.now());
                let opened = opened.inspect_err(|error| {
                    tracing::info!(app = %app.id, error = error as &dyn std::error::Error, "encrypted data was not believed");
                });
                match opened.map_err(ClientError::Encrypted)? {
                    Opened::Phone(number) => Some(phone(&number)?),
                    // A profile names nobody; it is not what was asked for.
                    Opened::User { .. } => None,
                }
            }
        };
        Ok(person)
    }

    async fn phone_of(
        &self,
        wechat: &wechat::Client,
        app: &App,
        code: &Secret,
        open_id: &str,
    ) -> Result<Phone, ClientError> {
        let app_id = app.app_id.as_str();
        let ask = |token| async move { wechat.phone_number(&token, app_id, code, Some(open_id)).await };
        match self.tokens.call(wechat, app, ask).await {
            Ok(number) => phone(&number),
            Err(TokenError::Wechat(error)) if blames_the_code(&error) => Err(ClientError::PhoneCode),
            Err(error) => Err(ClientError::of_call(error)),
        }
    }
}

/// Whether WeChat says that the code was used, is too old, or came from another mini program (40013) or from another
/// person (40003). That an answer was lost says nothing about the code.
fn blames_the_code(error: &wechat::Error) -> bool {
    error.visitor_kind() == VisitorKind::AskAgain || matches!(error.code(), Some(40003 | 40013))
}

/// Who WeChat says it is. Mini programs are told no nickname and no avatar since 2022.
fn identity(app: &App, session: &JsSession) -> Result<Identity, ClientError> {
    let strange = |_| ClientError::Refused(FlowRefusal::WechatUnavailable);
    Ok(Identity {
        pool: app.pool.clone(),
        app_id: app.app_id.clone(),
        open_id: OpenId::new(session.openid.as_str()).map_err(strange)?,
        union_id: session.unionid.clone().map(UnionId::new).transpose().map_err(strange)?,
        profile: Profile::default(),
        phone: None,
        email: None,
    })
}

fn phone(number: &PhoneNumber) -> Result<Phone, ClientError> {
    Phone::new(&number.country_code, &number.national).map_err(|_| ClientError::PhoneCode)
}

fn is_mini_program(kind: &MethodKind) -> bool {
    matches!(kind, MethodKind::MiniProgram)
}
