//! `api/begin`, `api/login`, `api/attach`, `api/flow/{flow}/choose`, `api/logout`: a client logs its own user in and out.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::Client;
use super::body::Body;
use super::document::CLIENTS;
use super::shapes::{
    AccountShape, AttachAnswer, BeginRequest, ChooseRequest, LoginRequest, NonceAnswer, Pending,
    PendingAnswer, TokenAnswer, TokenType,
};
use super::troubles::{OfAttach, OfBegin, OfChoose, OfLogin, OfLogout};
use crate::domain::{Account, AccountId, FlowId, MethodId};
use crate::gate::cookies;
use crate::ground::{Secret, Token, TokenDigest};
use crate::login::client::{ClientError, Entered};
use crate::login::mini_program::{PhoneProof, Proof};
use crate::login::question::Question;
use crate::login::{Known, MethodKind, Presence};
use crate::pages::ErrorCode;
use crate::portal::Portal;
use crate::portal::answer::{Answer, Refused};
use crate::portal::visitor::Visitor;

/// What the Open SDK takes for a login; there is no other.
const SCOPE: &str = "snsapi_userinfo";

/// `POST api/begin/{method}`.
#[utoipa::path(
    post,
    path = "/begin/{method}",
    tag = CLIENTS,
    summary = "Begins the login of a native app",
    description = "For methods of the kind `mobile_app`. The app pulls WeChat up with what it gets: `nonce` as the \
                   `state`, which it compares when WeChat comes back.",
    request_body = BeginRequest,
    responses((status = 200, description = "What the app hands to WeChat.", body = NonceAnswer), OfBegin),
    params(("method" = String, Path, description = "The configured method's id.", example = "app")),
)]
pub(super) async fn begin(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(method): Path<String>,
    Body(BeginRequest {}): Body<BeginRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    client.offers(&method)?;
    let nonce = client.portal.login.nonce(client.call(), &method).await;
    let nonce = nonce.map_err(|error| client.refuse(error))?;
    client.answer(&NonceAnswer {
        nonce: &nonce.nonce,
        app_id: nonce.app_id.as_str(),
        scope: SCOPE,
        expires_in: nonce.expires_in.secs(),
    })
}

/// `POST api/login/{method}`.
#[utoipa::path(
    post,
    path = "/login/{method}",
    tag = CLIENTS,
    summary = "Logs a user in",
    description = "For methods of the kinds `mini_program` and `mobile_app`.",
    request_body = LoginRequest,
    responses(OfLogin),
    params(("method" = String, Path, description = "The configured method's id.", example = "mini")),
)]
pub(super) async fn login(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(method): Path<String>,
    Body(asked): Body<LoginRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let work = |client: Client| async move {
        let (login, call) = (&client.portal.login, client.call());
        let done = match Proven::read(&client, &method, asked)? {
            Proven::MiniProgram(proof) => login.log_in_mini_program(call, &method, &proof).await,
            Proven::MobileApp { code, nonce } => login.log_in_mobile_app(call, &method, &code, &nonce).await,
        };
        entered(&client, done)
    };
    client.see_through(work).await
}

/// `POST api/attach/{method}`.
#[utoipa::path(
    post,
    path = "/attach/{method}",
    tag = CLIENTS,
    summary = "Adds a WeChat identity to the account that is logged in",
    description = "The body is that of a login; afterwards either way of logging in leads to the same account.",
    request_body = LoginRequest,
    responses((status = 200, description = "Added.", body = AttachAnswer), OfAttach),
    params(("method" = String, Path, description = "The configured method's id.", example = "mini")),
    security(("bearer" = [])),
)]
pub(super) async fn attach(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(method): Path<String>,
    headers: HeaderMap,
    Body(asked): Body<LoginRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let work = |client: Client| async move {
        let (known, _) = known(&client, &headers).await?;
        let account = AccountId::new(known.account_id());
        let account = account.map_err(|_| client.visitor.refuse(ErrorCode::LoginRequired))?;
        let (login, call) = (&client.portal.login, client.call());
        let done: Result<Account, ClientError> = match Proven::read(&client, &method, asked)? {
            Proven::MiniProgram(proof) => login.attach_mini_program(call, &method, &account, &proof).await,
            Proven::MobileApp { code, nonce } => {
                login.attach_mobile_app(call, &method, &account, &code, &nonce).await
            }
        };
        let account = done.map_err(|error| client.refuse(error))?;
        client.answer(&AttachAnswer { account: AccountShape::of(&account) })
    };
    client.see_through(work).await
}

/// `POST api/flow/{flow}/choose`.
#[utoipa::path(
    post,
    path = "/flow/{flow}/choose",
    tag = CLIENTS,
    summary = "Answers the question which account it is to be",
    description = "Where a login, or a return, was answered with 409 and `pending`.",
    request_body = ChooseRequest,
    responses(OfChoose),
    params((
        "flow" = String, Path, description = "The `flow` of the question.",
        example = "4f7k2m9p0q3r6s8t1v5w7x9y2z"
    )),
)]
pub(super) async fn choose(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(flow): Path<String>,
    Body(asked): Body<ChooseRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let (id, key) = read_question(&client, flow, &asked.key)?;
    let account = AccountId::new(asked.account);
    let account = account.map_err(|_| client.refuse(ClientError::NotOffered))?;
    let work = |client: Client| async move {
        let done = client.portal.login.choose(client.call(), &id, &key, &account).await;
        entered(&client, done)
    };
    client.see_through(work).await
}

/// The question that a client answers, unless it answers too often.
pub(super) fn read_question(
    client: &Client,
    flow: String,
    key: &Secret,
) -> Result<(FlowId, Token), Response> {
    let id = FlowId::new(flow).map_err(|_| client.visitor.refuse(ErrorCode::FlowExpired))?;
    client.about(id.as_str())?;
    let key = Token::parse(key.reveal().as_bytes());
    Ok((id, key.ok_or_else(|| client.refuse(ClientError::NotYours))?))
}

/// `POST api/logout`.
#[utoipa::path(
    post,
    path = "/logout",
    tag = CLIENTS,
    summary = "Ends the session of the token",
    description = "Takes no body.",
    responses((status = 204, description = "Logged out."), OfLogout),
    security(("bearer" = [])),
)]
pub(super) async fn logout(State(portal): State<Portal>, visitor: Visitor, headers: HeaderMap) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let (known, token) = known(&client, &headers).await?;
    let ended = client.portal.login.sessions().end(&known, &token, false).await;
    let ended = ended.map_err(|error| client.visitor.refuse(error))?;
    tracing::info!(
        target: "audit", event = "logout", account = known.account_id(), login = known.login_id(), ended
    );
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a login is proven with, by the kind of its method.
enum Proven {
    MiniProgram(Proof),
    MobileApp { code: Secret, nonce: String },
}

impl Proven {
    fn read(client: &Client, method: &str, asked: LoginRequest) -> Result<Self, Response> {
        let refuse = |error| client.refuse(error);
        let missing = |field: &str| {
            let detail = format!("The field `{field}` is missing.");
            client.visitor.refuse(Refused::Code(ErrorCode::BadRequest, Some(detail)))
        };
        client.offers(method)?;
        let id = MethodId::new(method).map_err(|_| refuse(ClientError::UnknownMethod))?;
        let found = client.visitor.snapshot.directory.method(&id);
        match found.map(|method| &method.kind) {
            None => Err(refuse(ClientError::UnknownMethod)),
            Some(MethodKind::MiniProgram) => {
                let phone = match (asked.phone_code, asked.encrypted_data, asked.iv) {
                    (Some(code), ..) => PhoneProof::Code(code),
                    (None, Some(data), Some(iv)) => PhoneProof::Encrypted { data, iv },
                    (None, Some(_), None) => return Err(missing("iv")),
                    (None, None, Some(_)) => return Err(missing("encrypted_data")),
                    (None, None, None) => PhoneProof::None,
                };
                Ok(Self::MiniProgram(Proof { code: asked.code, phone }))
            }
            Some(MethodKind::MobileApp) => {
                let nonce = asked.nonce.ok_or_else(|| missing("nonce"))?;
                Ok(Self::MobileApp { code: asked.code, nonce })
            }
            Some(_) => Err(refuse(ClientError::WrongMethod)),
        }
    }
}

/// The session whose bearer token came along. Cookies do not count here.
pub(super) async fn known(
    client: &Client,
    headers: &HeaderMap,
) -> Result<(Arc<Known>, TokenDigest), Response> {
    let visitor = &client.visitor;
    let token = cookies::bearer(headers).ok_or_else(|| visitor.refuse(ErrorCode::LoginRequired))?.digest();
    let rules = &visitor.snapshot.sessions;
    let sessions = client.portal.login.sessions();
    match sessions.find(&token, &visitor.host, rules, visitor.now).await {
        Presence::Known(known) => Ok((known, token)),
        Presence::Stranger => Err(visitor.refuse(ErrorCode::LoginRequired)),
        Presence::Expired => Err(visitor.refuse(ErrorCode::SessionExpired)),
        Presence::StoreDown => Err(visitor.refuse(ErrorCode::StoreDown)),
    }
}

/// The answer to a login: a token, a question, or why not.
pub(super) fn entered(client: &Client, done: Result<Entered, ClientError>) -> Answer {
    match done.map_err(|error| client.refuse(error))? {
        Entered::SignedIn { token, account, expires_in } => client.answer(&TokenAnswer {
            token: token.reveal(),
            token_type: TokenType::Bearer,
            expires_in: expires_in.secs(),
            account: AccountShape::of(&account),
        }),
        Entered::Asked { flow, key, question, expires_in } => {
            let (flow, key, expires_in) = (flow.as_str(), key.reveal(), expires_in.secs());
            let pending = match &question {
                Question::Choose(accounts) => PendingAnswer {
                    pending: Pending::Choose,
                    flow,
                    key,
                    expires_in,
                    accounts: Some(accounts.iter().map(AccountShape::of).collect()),
                    proofs: None,
                    may_create: None,
                },
                Question::Bind(unbound) => PendingAnswer {
                    pending: Pending::Bind,
                    flow,
                    key,
                    expires_in,
                    accounts: None,
                    proofs: Some(&unbound.proofs),
                    may_create: Some(unbound.may_create),
                },
            };
            client.answer_with(StatusCode::CONFLICT, &pending)
        }
    }
}
