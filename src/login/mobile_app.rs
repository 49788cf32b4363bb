//! `mobile_app`: a native app pulls WeChat up and brings the code that WeChat gave it.
//!
//! The nonce is ours: the app hands it to WeChat as `state`, compares it, and sends it along with the code, so that a
//! code from elsewhere finds no login. Source: "移动应用微信登录开发指南" (login of mobile apps).

use super::Login;
use super::callback::Unidentified;
use super::client::{Call, ClientError, Entered};
use super::directory::{App, Method, MethodKind};
use crate::domain::{Account, AccountId, AppId, Identity};
use crate::ground::{Secret, Span, Token, random_id};
use crate::store::OnceKey;

const NONCE: &str = "mobile_nonce";

/// How long an app has from its nonce to its login: WeChat's code lives as long.
const NONCE_LIFETIME: Span = Span::from_mins(10);

/// What an app pulls WeChat up with.
#[derive(Clone, Debug)]
pub struct Nonce {
    /// The `state` of the request.
    pub nonce: String,
    /// The app's own AppID.
    pub app_id: AppId,
    /// How long it can be used.
    pub expires_in: Span,
}

impl Login {
    /// Begins the login of a native app.
    pub async fn nonce(&self, call: Call<'_>, method: &str) -> Result<Nonce, ClientError> {
        let (method, app) = self.client_method(call.context, method, is_mobile_app)?;
        let nonce = random_id(&mut rand::rng(), 26);
        self.store.put_once(&key(&nonce), method.id.as_str(), NONCE_LIFETIME).await?;
        Ok(Nonce { nonce, app_id: app.app_id.clone(), expires_in: NONCE_LIFETIME })
    }

    /// Logs the user of a native app in.
    pub async fn log_in_mobile_app(
        &self,
        call: Call<'_>,
        method: &str,
        code: &Secret,
        nonce: &str,
    ) -> Result<Entered, ClientError> {
        let (method, app) = self.client_method(call.context, method, is_mobile_app)?;
        let person = self.mobile_person(call, (method, app), code, nonce).await?;
        let token = Token::generate(&mut rand::rng());
        self.log_in(call, method, person, token).await
    }

    /// Adds the user of a native app to the account that is logged in.
    pub async fn attach_mobile_app(
        &self,
        call: Call<'_>,
        method: &str,
        account: &AccountId,
        code: &Secret,
        nonce: &str,
    ) -> Result<Account, ClientError> {
        let (method, app) = self.client_method(call.context, method, is_mobile_app)?;
        self.in_pool(account, &app.pool).await?;
        let person = self.mobile_person(call, (method, app), code, nonce).await?;
        self.attach(account, &method.id, &person).await
    }

    async fn mobile_person(
        &self,
        call: Call<'_>,
        (method, app): (&Method, &App),
        code: &Secret,
        nonce: &str,
    ) -> Result<Identity, ClientError> {
        // Taken only with the code: what WeChat could not answer can be tried again with the same nonce.
        if self.store.once(&key(nonce)).await?.as_deref() != Some(method.id.as_str()) {
            return Err(ClientError::Nonce);
        }
        let person = match self.identify(call.context.wechat, app, true, code).await {
            Ok(person) => person,
            Err(Unidentified::Wechat(error)) => return Err(ClientError::of_code(&error)),
            Err(other) => return Err(ClientError::Refused(other.refusal())),
        };
        self.pace.check(&app.app_id, &person.open_id)?;
        self.store.take_once(&key(nonce)).await?.ok_or(ClientError::Nonce)?;
        Ok(person)
    }
}

fn key(nonce: &str) -> OnceKey {
    OnceKey::of_text(NONCE, nonce)
}

fn is_mobile_app(kind: &MethodKind) -> bool {
    matches!(kind, MethodKind::MobileApp)
}
