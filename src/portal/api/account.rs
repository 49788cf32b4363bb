//! `api/account` and what is below it: a client's user sees their own account, takes a WeChat off it, ends sessions.
//!
//! Everything is about the account of the token; nothing that a call names can reach another.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::Client;
use super::body::Body;
use super::document::ACCOUNTS;
use super::login::known;
use super::shapes::AccountShape;
use super::shapes::account::{
    AppShape, EndRequest, MethodShape, MyAccountAnswer, RemoveRequest, SessionShape, WechatShape,
};
use super::troubles::{OfAccount, OfEnd, OfRemove};
use crate::gate::client::program_name;
use crate::login::Directory;
use crate::login::self_service::{MyLogin, MyWechat, SelfServiceError, apps_of};
use crate::pages::ErrorCode;
use crate::portal::Portal;
use crate::portal::answer::{Answer, Refused};
use crate::portal::visitor::Visitor;

/// `GET api/account`.
#[utoipa::path(
    get,
    path = "/account",
    tag = ACCOUNTS,
    summary = "The account that is logged in",
    description = "Who can log in to it, and where it is logged in. Another WeChat is added by the call attach.",
    responses((status = 200, description = "The account.", body = MyAccountAnswer), OfAccount),
    security(("bearer" = [])),
)]
pub(super) async fn mine(State(portal): State<Portal>, visitor: Visitor, headers: HeaderMap) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let (known, _) = known(&client, &headers).await?;
    let snapshot = &client.visitor.snapshot;
    let mine = client.portal.login.my_account(&snapshot.directory, &known, &snapshot.sessions).await;
    let mine = mine.map_err(|error| refuse(&client, error))?;
    client.answer(&MyAccountAnswer {
        account: AccountShape::of(&mine.account),
        wechats: mine.wechats.iter().map(|mine| wechat(&snapshot.directory, mine)).collect(),
        sessions: mine.logins.iter().map(session).collect(),
    })
}

/// `POST api/account/wechats/remove`.
#[utoipa::path(
    post,
    path = "/account/wechats/remove",
    tag = ACCOUNTS,
    summary = "Takes a WeChat off the account",
    description = "It can no longer log in to the account, and the sessions that were opened through it end, this one \
                   too if it is among them. The last WeChat by which somebody can still log in stays.",
    request_body = RemoveRequest,
    responses((status = 204, description = "Removed."), OfRemove),
    security(("bearer" = [])),
)]
pub(super) async fn remove_wechat(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Body(asked): Body<RemoveRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    // Of several rows none is to stay behind because a client went away.
    let work = |client: Client| async move {
        let (known, _) = known(&client, &headers).await?;
        let directory = &client.visitor.snapshot.directory;
        let removed = client.portal.login.remove_wechat(directory, &known, &asked.id).await;
        removed.map_err(|error| refuse(&client, error))?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    client.see_through(work).await
}

/// `POST api/account/sessions/end`.
#[utoipa::path(
    post,
    path = "/account/sessions/end",
    tag = ACCOUNTS,
    summary = "Ends sessions of the account",
    description = "The one that is named, on all hosts its login opened one for, or all others.",
    request_body = EndRequest,
    responses((status = 204, description = "Ended."), OfEnd),
    security(("bearer" = [])),
)]
pub(super) async fn end_sessions(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Body(asked): Body<EndRequest>,
) -> Answer {
    let client = Client::admit(portal, visitor)?;
    let (known, token) = known(&client, &headers).await?;
    let login = &client.portal.login;
    let ended = match (asked.session, asked.others) {
        (Some(session), false) => login.end_login(&known, &token, &session).await.map(drop),
        (None, true) => login.end_other_logins(&known).await.map(drop),
        _ => {
            let detail = "Either `session` names one, or `others` is true.".to_owned();
            return Err(client.visitor.refuse(Refused::Code(ErrorCode::BadRequest, Some(detail))));
        }
    };
    ended.map_err(|error| refuse(&client, error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn wechat<'a>(directory: &'a Directory, mine: &MyWechat) -> WechatShape<'a> {
    let apps = apps_of(directory, &mine.wechat).into_iter().map(|app| {
        let of_app = directory.methods().iter().filter(|method| method.app == app.id);
        let methods =
            of_app.map(|method| MethodShape { id: method.id.as_str(), label: method.label.as_deref() });
        AppShape { id: &app.id, methods: methods.collect() }
    });
    WechatShape { id: mine.wechat.id(), apps: apps.collect(), current: mine.current }
}

fn session(login: &MyLogin) -> SessionShape<'_> {
    SessionShape {
        id: &login.id,
        current: login.current,
        method: login.method.as_str(),
        hosts: &login.hosts,
        browser: login.user_agent.as_deref().and_then(program_name),
        ip: login.ip.as_deref(),
        created_at: login.created_at.secs(),
        last_seen_at: login.last_seen_at.secs(),
    }
}

fn refuse(client: &Client, error: SelfServiceError) -> Response {
    let code = match error {
        SelfServiceError::Store(error) => return client.visitor.refuse(Refused::Store(error)),
        SelfServiceError::NoAccount => ErrorCode::AccountDisabled,
        SelfServiceError::LastWechat => ErrorCode::LastWechat,
        SelfServiceError::UnknownWechat => ErrorCode::WechatUnknown,
        SelfServiceError::UnknownSession => ErrorCode::SessionUnknown,
    };
    client.visitor.refuse(code)
}
