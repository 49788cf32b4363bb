//! `api/scan`, `api/confirm`, `api/reject`: a mini program answers for a login that waits elsewhere.

use axum::extract::State;

use super::Client;
use super::body::Body;
use super::document::ANSWERS;
use super::shapes::{ConfirmAnswer, ConfirmRequest, ScanAnswer, ScanRequest, Waiting};
use super::troubles::{OfConfirm, OfScan};
use crate::gate::client::program_name;
use crate::ground::Secret;
use crate::login::mini_program::{PhoneProof, Proof};
use crate::portal::Portal;
use crate::portal::answer::Answer;
use crate::portal::visitor::Visitor;

/// `POST api/scan`.
#[utoipa::path(
    post,
    path = "/scan",
    tag = ANSWERS,
    summary = "Looks at the login that waits",
    description = "Whoever looks first is the only one who can answer.",
    request_body = ScanRequest,
    responses((status = 200, description = "What the person is asked to confirm.", body = ScanAnswer), OfScan),
)]
pub(super) async fn scan(
    State(portal): State<Portal>,
    visitor: Visitor,
    Body(asked): Body<ScanRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    client.about(&asked.scene)?;
    let work = |client: Client| async move {
        let shown = client.portal.login.look(client.call(), &asked.scene, &proof(asked.code, None)).await;
        let shown = shown.map_err(|error| client.refuse(error))?;
        let browser = shown.origin.user_agent.as_deref().and_then(program_name);
        client.answer(&ScanAnswer {
            site: client.visitor.snapshot.pages.title(),
            host: &shown.host,
            kind: if shown.for_app { Waiting::App } else { Waiting::Browser },
            browser: browser.as_deref(),
            ip: shown.origin.ip.as_deref(),
            begun_at: shown.created_at.secs(),
            expires_in: shown.expires_in.secs(),
            ask_phone: shown.ask_phone,
            adding: shown.adding,
        })
    };
    client.see_through(work).await
}

/// `POST api/confirm`.
#[utoipa::path(
    post,
    path = "/confirm",
    tag = ANSWERS,
    summary = "Says yes",
    description = "Signs the browser or app in that waits. Where an app waits, `return_code` is what the mini program \
                   hands to it, for the call redeem.",
    request_body = ConfirmRequest,
    responses((status = 200, description = "Confirmed.", body = ConfirmAnswer), OfConfirm),
)]
pub(super) async fn confirm(
    State(portal): State<Portal>,
    visitor: Visitor,
    Body(asked): Body<ConfirmRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    client.about(&asked.scene)?;
    let work = |client: Client| async move {
        let proof = proof(asked.code, asked.phone_code);
        let code = client.portal.login.confirm(client.call(), &asked.scene, &proof).await;
        let code = code.map_err(|error| client.refuse(error))?;
        client.answer(&ConfirmAnswer { approved: true, return_code: code.map(|code| code.reveal()) })
    };
    client.see_through(work).await
}

/// `POST api/reject`.
#[utoipa::path(
    post,
    path = "/reject",
    tag = ANSWERS,
    summary = "Says no",
    description = "Nobody is signed in, and the code on the screen is dead.",
    request_body = ScanRequest,
    responses((status = 200, description = "Rejected.", body = ConfirmAnswer), OfScan),
)]
pub(super) async fn reject(
    State(portal): State<Portal>,
    visitor: Visitor,
    Body(asked): Body<ScanRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    client.about(&asked.scene)?;
    let work = |client: Client| async move {
        let done = client.portal.login.reject(client.call(), &asked.scene, &proof(asked.code, None)).await;
        done.map_err(|error| client.refuse(error))?;
        client.answer(&ConfirmAnswer { approved: false, return_code: None })
    };
    client.see_through(work).await
}

fn proof(code: Secret, phone_code: Option<Secret>) -> Proof {
    Proof { code, phone: phone_code.map_or(PhoneProof::None, PhoneProof::Code) }
}
