//! `GET callback/{app}`: back from WeChat, and on to where the visitor wanted to go.

use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use axum::response::Response;
use url::form_urlencoded;

use super::Portal;
use super::answer::{Answer, Refused, with_empty_fragment};
use super::visitor::Visitor;
use super::{account, choose, flow};
use crate::domain::{Flow, FlowRefusal, Handover, ReturnTo};
use crate::ground::TokenDigest;
use crate::login::{App, AppKind, Ending, Presence};
use crate::pages::{self, AccountNotice, ErrorCode, Notice, Page};
use crate::wechat::CallbackAnswer;

pub(super) async fn callback(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(app): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    // A browser that calls twice often drops its first call half-way. The code can be used only once, so what
    // has begun is finished whether or not somebody still listens; the second call gets the outcome.
    let (here, listener) = (portal.clone(), visitor.clone());
    here.see_through(listener, async move { finish(&portal, &visitor, &app, query).await }).await
}

async fn finish(portal: &Portal, visitor: &Visitor, app: &str, query: Option<String>) -> Answer {
    let snapshot = &visitor.snapshot;
    let Some(app) = snapshot.directory.app(app) else { return Err(visitor.refuse(ErrorCode::NotFound)) };
    let mut response = come_back(portal, visitor, app, query).await?;
    if app.kind == AppKind::OfficialAccount {
        // The address of WeChat's page had to end in a mark of its own, which browsers hand on over redirects and
        // which an app with routes behind the `#` would take for one.
        with_empty_fragment(&mut response);
    }
    Ok(response)
}

async fn come_back(portal: &Portal, visitor: &Visitor, app: &App, query: Option<String>) -> Answer {
    let answer = CallbackAnswer::parse(query.as_deref().unwrap_or_default());
    let ending = portal.login.callback(visitor.context(), app, answer, &visitor.visit()).await;
    leave(portal, visitor, ending.map_err(|error| visitor.refuse(error))?).await
}

/// The answer to a browser whose login has ended like this.
pub(super) async fn leave(portal: &Portal, visitor: &Visitor, ending: Ending) -> Answer {
    let snapshot = &visitor.snapshot;
    match ending {
        Ending::SignedIn { token, flow } => {
            let return_to = destination(visitor, &flow);
            let digest = token.digest();
            let mut response = depart(portal, visitor, digest, return_to, flow.handover.as_ref()).await?;
            let cookie = snapshot.site.cookies.set_session(&token, snapshot.sessions.policy.absolute);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Ending::Attached => {
            Ok(visitor.go_own(&visitor.host, &account::path(visitor, Some(AccountNotice::Added))))
        }
        Ending::Refused { reason: FlowRefusal::Denied, flow } => {
            Ok(visitor.go_own(&visitor.host, &again(visitor, Some(&flow), Some(Notice::Denied))))
        }
        Ending::Refused { reason, flow } => Ok(visitor.page(&Page::Ended(pages::Ended {
            reason,
            again_href: again(visitor, Some(&flow), None),
            adding: flow.attach_to.is_some(),
            request_id: visitor.request_id.clone(),
        }))),
        Ending::DeniedSomewhere => {
            Ok(visitor.go_own(&visitor.host, &again(visitor, None, Some(Notice::Denied))))
        }
        Ending::Asks { flow } => Ok(visitor.go_own(&visitor.host, &choose::path(visitor, &flow))),
        Ending::NotOffered { flow } => {
            Err(visitor.refuse_with_retry(ErrorCode::AccountNotOffered, choose::path(visitor, &flow)))
        }
        // The same address works once the phone is done.
        Ending::NotYet { flow } => {
            let retry = flow::finish_path(visitor, &flow.id);
            Err(visitor.refuse_with_retry(ErrorCode::FlowNotApproved, retry))
        }
        Ending::Late { flow } => {
            Ok(visitor.go_own(&visitor.host, &again(visitor, Some(&flow), Some(Notice::Expired))))
        }
        Ending::Unknown => unknown(portal, visitor).await,
        Ending::Foreign => Ok(visitor.page(&Page::ForeignBrowser(trouble(visitor)))),
        Ending::Malformed(problem) => {
            Err(visitor.refuse(Refused::Code(ErrorCode::BadRequest, Some(problem.to_owned()))))
        }
    }
}

/// Sends a visitor with the session `digest` to where they wanted to go, over a hand-over if that is elsewhere.
pub(super) async fn depart(
    portal: &Portal,
    visitor: &Visitor,
    digest: TokenDigest,
    return_to: ReturnTo,
    handover: Option<&Handover>,
) -> Answer {
    match handover.filter(|_| return_to.host() != visitor.host) {
        None => Ok(visitor.go_to(&return_to)),
        Some(handover) => {
            let host = return_to.host().to_owned();
            let ticket = portal.login.hand_over(digest, return_to, handover).await;
            let ticket = ticket.map_err(|error| visitor.refuse(error))?;
            Ok(visitor.go_own(&host, &format!("{}?ticket={}", visitor.own("enter"), ticket.reveal())))
        }
    }
}

/// A callback that belongs to no login: somebody who is signed in already just goes on.
async fn unknown(portal: &Portal, visitor: &Visitor) -> Answer {
    match visitor.session(portal).await {
        (Presence::Known(_), _) => Ok(visitor.go_to(&ReturnTo::home(&visitor.snapshot.site.hosts))),
        _ => Ok(visitor.page(&Page::UnknownState(trouble(visitor)))),
    }
}

pub(super) fn trouble(visitor: &Visitor) -> pages::Trouble {
    pages::Trouble { again_href: visitor.own("login"), request_id: visitor.request_id.clone() }
}

/// Where a flow leads, as far as a reload has not taken that host away.
fn destination(visitor: &Visitor, flow: &Flow) -> ReturnTo {
    let hosts = &visitor.snapshot.site.hosts;
    flow.return_to.clone().still_ours(hosts).unwrap_or_else(|| ReturnTo::home(hosts))
}

/// The login page with the same goal; the account page, if the flow was begun there.
pub(super) fn again(visitor: &Visitor, flow: Option<&Flow>, notice: Option<Notice>) -> String {
    if flow.is_some_and(|flow| flow.attach_to.is_some()) {
        let told = notice.map(|notice| match notice {
            Notice::Denied => AccountNotice::Denied,
            _ => AccountNotice::Late,
        });
        return account::path(visitor, told);
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(flow) = flow {
        query.append_pair("rt", destination(visitor, flow).location());
        if let Some(handover) = &flow.handover {
            query.append_pair("from", &handover.browser.text());
        }
        query.append_pair("method", flow.method.as_str());
    }
    if let Some(notice) = notice {
        query.append_pair("notice", notice.as_str());
    }
    let query = query.finish();
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{}{separator}{query}", visitor.own("login"))
}

/// The answer where a session ends at this browser: its cookie goes.
pub(super) fn without_session(mut response: Response, visitor: &Visitor) -> Response {
    let cookie = visitor.snapshot.site.cookies.clear_session();
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}
