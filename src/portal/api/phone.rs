//! `api/account/phone`, `api/account/phone/verify`: a client proves its user's phone number by a code.
//!
//! The same use case as the page for browsers; the secret that the code follows from is the bearer token.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Client;
use super::body::Body;
use super::document::ACCOUNT;
use super::login::known;
use super::shapes::{AccountShape, AttachAnswer, CodeAnswer, PhoneRequest, VerifyRequest};
use super::troubles::{OfPhone, OfVerify};
use crate::domain::Phone;
use crate::domain::one_time_code::{AGAIN, LIFETIME};
use crate::gate::cookies;
use crate::ground::Token;
use crate::login::Known;
use crate::login::verify_phone::PhoneError;
use crate::pages::ErrorCode;
use crate::portal::Portal;
use crate::portal::answer::{Answer, Refused};
use crate::portal::phone::send_code;
use crate::portal::visitor::Visitor;

/// `POST api/account/phone`.
#[utoipa::path(
    post,
    path = "/account/phone",
    tag = ACCOUNT,
    operation_id = "send_phone_code",
    summary = "Sends a code to a phone number",
    description = "One a minute for a number and for an account, ten a day for a number and five for an account. A code sent later \
        takes the place of the one before.",
    request_body = PhoneRequest,
    responses((status = 200, description = "Sent.", body = CodeAnswer), OfPhone),
    security(("bearer" = [])),
)]
pub(super) async fn send(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Body(asked): Body<PhoneRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let (known, token) = bearer(&client, &headers).await?;
    if !client.visitor.snapshot.notify.can_sms() {
        return Err(client.visitor.refuse(ErrorCode::SmsOff));
    }
    let phone = Phone::typed(asked.phone.reveal()).map_err(|error| {
        let detail = format!("The field `phone` is not what this call takes: {error}.");
        client.visitor.refuse(Refused::Code(ErrorCode::BadRequest, Some(detail)))
    })?;
    if let Err(seconds) = client.portal.throttle.check_code(client.visitor.ip.as_deref()) {
        return Err(client.visitor.too_many(seconds));
    }
    // A code that is on its way is also noted, whether or not the client stays to listen.
    let work = |client: Client| async move {
        let sent_to = phone.masked();
        let sent = send_code(&client.portal, &client.visitor, &known, &token, phone).await;
        sent.map_err(|error| refuse(&client, error))?;
        client.answer(&CodeAnswer { sent_to: &sent_to, expires_in: LIFETIME.secs(), again_in: AGAIN.secs() })
    };
    client.see_through(work).await
}

/// `POST api/account/phone/verify`.
#[utoipa::path(
    post,
    path = "/account/phone/verify",
    tag = ACCOUNT,
    operation_id = "verify_phone",
    summary = "Takes the code, and writes the number on the account",
    description = "In place of the number that the account had, if any. A number that another account holds stays there. \
        A code stands five tries.",
    request_body = VerifyRequest,
    responses((status = 200, description = "Verified.", body = AttachAnswer), OfVerify),
    security(("bearer" = [])),
)]
pub(super) async fn verify(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Body(asked): Body<VerifyRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let work = |client: Client| async move {
        let (known, token) = bearer(&client, &headers).await?;
        let done = client.portal.login.verify_phone(&known, &token, asked.code.reveal()).await;
        let account = done.map_err(|error| refuse(&client, error))?;
        client.answer(&AttachAnswer { account: AccountShape::of(&account) })
    };
    client.see_through(work).await
}

/// The session of the bearer token, and the token.
async fn bearer(client: &Client, headers: &HeaderMap) -> Result<(Arc<Known>, Token), Response> {
    let (known, _) = known(client, headers).await?;
    let token = cookies::bearer(headers).ok_or_else(|| client.visitor.refuse(ErrorCode::LoginRequired))?;
    Ok((known, token))
}

fn refuse(client: &Client, error: PhoneError) -> Response {
    let code = match error {
        PhoneError::Store(error) => return client.visitor.refuse(error),
        PhoneError::TooSoon { seconds } => return client.visitor.too_many(seconds),
        PhoneError::TooMany { seconds } => {
            return client.visitor.refuse_for(ErrorCode::TooManyCodes, seconds);
        }
        PhoneError::NotSent => ErrorCode::CodeNotSent,
        PhoneError::Spent => ErrorCode::CodeExpired,
        PhoneError::Wrong => ErrorCode::CodeWrong,
        PhoneError::Taken => ErrorCode::PhoneTaken,
        PhoneError::NoAccount => ErrorCode::AccountDisabled,
    };
    client.visitor.refuse(code)
}
