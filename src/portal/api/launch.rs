//! `api/launch`, `api/redeem`: a native app opens a mini program and comes back with its answer.

use axum::extract::State;
use axum::response::Response;

use super::Client;
use super::body::Body;
use super::document::LAUNCHES;
use super::login::entered;
use super::shapes::{LaunchAnswer, LaunchRequest, RedeemRequest};
use super::troubles::{OfLaunch, OfRedeem};
use crate::ground::TokenDigest;
use crate::login::app_launch::Redemption;
use crate::pages::ErrorCode;
use crate::portal::Portal;
use crate::portal::answer::{Answer, Refused};
use crate::portal::visitor::Visitor;

/// `POST api/launch`.
#[utoipa::path(
    post,
    path = "/launch",
    tag = LAUNCHES,
    summary = "Begins a login through a mini program",
    description = "For methods of the kind `app_launch`. The app keeps the verifier and opens the mini program.",
    request_body = LaunchRequest,
    responses((status = 200, description = "What the app opens the mini program with.", body = LaunchAnswer), OfLaunch),
)]
pub(super) async fn launch(
    State(portal): State<Portal>,
    visitor: Visitor,
    Body(asked): Body<LaunchRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let challenge = TokenDigest::parse(&asked.challenge).ok_or_else(|| {
        wrong(
            &client,
            "The field `challenge` has to be the SHA-256 of the verifier in base64url: 43 characters.",
        )
    })?;
    client.offers(&asked.method)?;
    let launch = client.portal.login.launch(client.call(), &asked.method, challenge).await;
    let launch = launch.map_err(|error| client.refuse(error))?;
    client.answer(&LaunchAnswer {
        ticket: &launch.ticket,
        mini_program: &launch.original_id,
        path: &launch.path,
        program_type: launch.version.sdk_type(),
        expires_in: launch.expires_in.secs(),
    })
}

/// `POST api/redeem`.
#[utoipa::path(
    post,
    path = "/redeem",
    tag = LAUNCHES,
    summary = "Ends a login through a mini program",
    description = "Once the mini program has handed the return code to the app.",
    request_body = RedeemRequest,
    responses(OfRedeem),
)]
pub(super) async fn redeem(
    State(portal): State<Portal>,
    visitor: Visitor,
    Body(asked): Body<RedeemRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    client.about(&asked.ticket)?;
    if !is_verifier(asked.verifier.reveal()) {
        let problem = "The field `verifier` has to be 43 to 128 letters, digits, `-`, `.`, `_` or `~`.";
        return Err(wrong(&client, problem));
    }
    let work = |client: Client| async move {
        let brought =
            Redemption { ticket: asked.ticket, verifier: asked.verifier, return_code: asked.return_code };
        let done = client.portal.login.redeem(client.call(), &brought).await;
        entered(&client, done)
    };
    client.see_through(work).await
}

fn wrong(client: &Client, problem: &str) -> Response {
    client.visitor.refuse(Refused::Code(ErrorCode::BadRequest, Some(problem.to_owned())))
}

/// RFC 7636, section 4.1.
fn is_verifier(text: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}
