//! `api/flow/{flow}/bind`, `create`, `send_code`: a client answers for a user whom no account answers to.
//!
//! Answers never tell whether an account exists.

use axum::extract::{Path, State};

use super::Client;
use super::body::Body;
use super::document::CLIENTS;
use super::login::{entered, read_question};
use super::shapes::{BindRequest, CreateRequest, SendCodeRequest, SentAnswer};
use super::troubles::{OfBind, OfCreate, OfSendCode};
use crate::domain::one_time_code::LIFETIME;
use crate::domain::{FlowId, Proof};
use crate::ground::Token;
use crate::login::binding::Claim;
use crate::pages::ErrorCode;
use crate::portal::Portal;
use crate::portal::answer::{Answer, Refused};
use crate::portal::deliver::Courier;
use crate::portal::visitor::Visitor;

/// `POST api/flow/{flow}/bind`.
#[utoipa::path(
    post,
    path = "/flow/{flow}/bind",
    tag = CLIENTS,
    summary = "Proves an account of the user's, and logs in to it",
    description = "Where a login was answered with 409 and `pending: bind`. From then on the WeChat identity leads to \
                   the account by itself. Too many wrong proofs of one account, or from one address, have to wait.",
    request_body = BindRequest,
    responses(OfBind),
    params((
        "flow" = String, Path, description = "The `flow` of the question.",
        example = "4f7k2m9p0q3r6s8t1v5w7x9y2z"
    )),
)]
pub(super) async fn bind(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(flow): Path<String>,
    Body(asked): Body<BindRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let (id, key) = read_question(&client, flow, &asked.key)?;
    let missing = |field: &str| {
        let detail = format!("The field `{field}` is missing.");
        client.visitor.refuse(Refused::Code(ErrorCode::BadRequest, Some(detail)))
    };
    let claim = match asked.proof {
        Proof::Password => Claim::Password {
            name: asked.name.ok_or_else(|| missing("name"))?,
            password: asked.password.ok_or_else(|| missing("password"))?,
        },
        Proof::EmailCode | Proof::SmsCode => Claim::Code(asked.code.ok_or_else(|| missing("code"))?),
    };
    answer(client, id, key, claim).await
}

/// `POST api/flow/{flow}/create`.
#[utoipa::path(
    post,
    path = "/flow/{flow}/create",
    tag = CLIENTS,
    summary = "Has a new account made for the user, and logs in to it",
    description = "Where a login was answered with 409, `pending: bind` and `may_create: true`.",
    request_body = CreateRequest,
    responses(OfCreate),
    params((
        "flow" = String, Path, description = "The `flow` of the question.",
        example = "4f7k2m9p0q3r6s8t1v5w7x9y2z"
    )),
)]
pub(super) async fn create(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(flow): Path<String>,
    Body(asked): Body<CreateRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let (id, key) = read_question(&client, flow, &asked.key)?;
    answer(client, id, key, Claim::New).await
}

/// Takes a claim to its end.
async fn answer(client: Client, id: FlowId, key: Token, claim: Claim) -> Answer {
    let work = |client: Client| async move {
        let done = client.portal.login.bind(client.call(), &id, &key, claim).await;
        entered(&client, done)
    };
    client.see_through(work).await
}

/// `POST api/flow/{flow}/send_code`.
#[utoipa::path(
    post,
    path = "/flow/{flow}/send_code",
    tag = CLIENTS,
    summary = "Sends a code to an address that the user's account has",
    description = "The same answer comes whether or not an account has the address; only if one has verified it, a code \
                   goes out. It is the proof of the call bind.",
    request_body = SendCodeRequest,
    responses((status = 200, description = "Sent, if an account has the address.", body = SentAnswer), OfSendCode),
    params((
        "flow" = String, Path, description = "The `flow` of the question.",
        example = "4f7k2m9p0q3r6s8t1v5w7x9y2z"
    )),
)]
pub(super) async fn send_code(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(flow): Path<String>,
    Body(asked): Body<SendCodeRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let (id, key) = read_question(&client, flow, &asked.key)?;
    let ip = client.visitor.ip.as_deref();
    client.portal.throttle.check_code(ip).map_err(|seconds| client.visitor.too_many(seconds))?;
    let work = |client: Client| async move {
        let courier = Courier::new(&client.visitor, "bind");
        let way = (asked.proof, asked.to.as_str());
        let sent = client.portal.login.send_code(client.call(), &id, &key, way, courier).await;
        let sent = sent.map_err(|error| client.refuse(error))?;
        let sent = sent.ok_or_else(|| client.visitor.refuse(ErrorCode::FlowFinished))?;
        client.answer(&SentAnswer {
            to: &sent.to,
            expires_in: LIFETIME.secs(),
            again_in: sent.next_at.since(client.visitor.now).secs(),
        })
    };
    client.see_through(work).await
}
