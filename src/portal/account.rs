//! `account`: what a visitor's own account is, who can log in to it and where it is logged in, and the forms that
//! change that.
//!
//! Everything here is about the account of the session that asks; nothing a form names can reach another.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded;

use super::answer::Answer;
use super::origin::only_from_here;
use super::visitor::Visitor;
use super::{Portal, add_wechat, callback, login};
use crate::domain::{Account, Contact, ReturnTo, email, phone};
use crate::gate::client::program_name;
use crate::ground::TokenDigest;
use crate::login::self_service::{MyAccount, MyLogin, MyWechat, SelfServiceError, apps_of};
use crate::login::{Known, Method, Presence};
use crate::pages::{
    self, AccountLogin, AccountNotice, AccountWay, AccountWechat, ErrorCode, MethodLabel, Page,
};

/// How many logins the page shows; an API client gets all.
const SHOWN: usize = 20;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Told {
    notice: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Removal {
    #[serde(default)]
    wechat: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct End {
    /// The login to end, on all hosts.
    session: Option<String>,
}

/// `GET account`.
pub(super) async fn page(State(portal): State<Portal>, visitor: Visitor, Query(told): Query<Told>) -> Answer {
    let (known, _) = known(&portal, &visitor).await?;
    let mine = portal.login.my_account(&visitor.snapshot.directory, &known, &visitor.snapshot.sessions).await;
    let mine = mine.map_err(|error| refuse(&visitor, error))?;
    let notice = told.notice.as_deref().and_then(|text| text.parse().ok());
    Ok(visitor.page(&Page::Account(Box::new(shown(&visitor, mine, notice)))))
}

/// `POST account/wechats/remove`.
pub(super) async fn remove_wechat(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(removal): Form<Removal>,
) -> Answer {
    let (known, _) = admit(&portal, &visitor, &headers).await?;
    let (here, listener) = (portal.clone(), visitor.clone());
    // Of several rows none is to stay behind because a browser went away.
    let work = async move {
        match portal.login.remove_wechat(&visitor.snapshot.directory, &known, &removal.wechat).await {
            Ok(true) => Ok(signed_out(&visitor)),
            Ok(false) => Ok(back(&visitor, AccountNotice::Removed)),
            Err(error) => Err(refuse(&visitor, error)),
        }
    };
    here.see_through(listener, work).await
}

/// `POST account/sessions/end`: the one that is named, else all others.
pub(super) async fn end_sessions(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(end): Form<End>,
) -> Answer {
    let (known, token) = admit(&portal, &visitor, &headers).await?;
    let Some(session) = end.session else {
        let ended = portal.login.end_other_logins(&known).await;
        return ended
            .map(|_| back(&visitor, AccountNotice::OthersEnded))
            .map_err(|error| refuse(&visitor, error));
    };
    match portal.login.end_login(&known, &token, &session).await {
        Ok(true) => Ok(signed_out(&visitor)),
        Ok(false) => Ok(back(&visitor, AccountNotice::Ended)),
        Err(error) => Err(refuse(&visitor, error)),
    }
}

/// The session of a visitor who sent a form from our own page.
async fn admit(
    portal: &Portal,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<(Arc<Known>, TokenDigest), Response> {
    only_from_here(headers, visitor)?;
    if let Err(seconds) = portal.throttle.check(visitor.ip.as_deref()) {
        return Err(visitor.too_many(seconds));
    }
    known(portal, visitor).await
}

/// The visitor's session; else to the login page, and from there back here.
pub(super) async fn known(portal: &Portal, visitor: &Visitor) -> Result<(Arc<Known>, TokenDigest), Response> {
    match visitor.session(portal).await {
        (Presence::Known(known), Some(digest)) => Ok((known, digest)),
        (Presence::StoreDown, _) => Err(visitor.refuse(ErrorCode::StoreDown)),
        _ => Err(visitor.go_own(&visitor.host, &login_path(visitor, &[]))),
    }
}

/// The login page, which leads back here.
fn login_path(visitor: &Visitor, more: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("rt", home(visitor).location()).extend_pairs(more);
    format!("{}?{}", visitor.own("login"), query.finish())
}

/// The account page of this host.
pub(super) fn home(visitor: &Visitor) -> ReturnTo {
    let hosts = &visitor.snapshot.site.hosts;
    ReturnTo::of_request(&visitor.host, &visitor.own("account"), hosts).unwrap_or(ReturnTo::home(hosts))
}

/// The path of the account page.
pub(super) fn path(visitor: &Visitor, notice: Option<AccountNotice>) -> String {
    let notice = notice.map(|notice| format!("?notice={}", notice.as_str()));
    visitor.own(&format!("account{}", notice.unwrap_or_default()))
}

/// To the account page of the host that logins happen on.
pub(super) fn go(visitor: &Visitor, notice: Option<AccountNotice>) -> Response {
    visitor.go_own(visitor.snapshot.site.hosts.public_host(), &path(visitor, notice))
}

fn back(visitor: &Visitor, notice: AccountNotice) -> Response {
    visitor.go_own(&visitor.host, &path(visitor, Some(notice)))
}

/// The visitor has ended their own session.
fn signed_out(visitor: &Visitor) -> Response {
    let path = login_path(visitor, &[("notice", pages::Notice::LoggedOut.as_str())]);
    callback::without_session(visitor.go_own(&visitor.host, &path), visitor)
}

fn refuse(visitor: &Visitor, error: SelfServiceError) -> Response {
    match error {
        SelfServiceError::Store(error) => visitor.refuse_with_retry(error, path(visitor, None)),
        SelfServiceError::NoAccount => visitor.refuse(ErrorCode::AccountDisabled),
        // Said on the page itself, which shows how things stand.
        SelfServiceError::LastWechat => back(visitor, AccountNotice::LastWechat),
        SelfServiceError::UnknownWechat => back(visitor, AccountNotice::WechatUnknown),
        SelfServiceError::UnknownSession => back(visitor, AccountNotice::SessionUnknown),
    }
}

fn shown(visitor: &Visitor, mine: MyAccount, notice: Option<AccountNotice>) -> pages::Account {
    let MyAccount { account, wechats, logins } = mine;
    let public = visitor.on_public_host();
    let origin = visitor.snapshot.site.hosts.origin_of(visitor.snapshot.site.hosts.public_host());
    pages::Account {
        notice,
        name: account.profile.nickname.clone().or_else(|| account.username.clone()),
        id: account.id.to_string(),
        avatar: account.profile.picture().map(str::to_owned),
        phone: contact(account.phone.as_ref(), phone::mask),
        email: contact(account.email.as_ref(), email::mask),
        wechats: wechats.iter().map(|mine| wechat(visitor, mine)).collect(),
        ways: ways(visitor, &account).filter(|_| public).unwrap_or_default(),
        full: ways(visitor, &account).is_some(),
        has_union: account.union_id().is_some(),
        elsewhere_href: (!public)
            .then(|| format!("{}{}", origin.origin().ascii_serialization(), path(visitor, None))),
        others: logins.len().saturating_sub(1),
        more: logins.len().saturating_sub(SHOWN),
        logins: logins.into_iter().take(SHOWN).map(|login| session(visitor, login)).collect(),
        add_action: visitor.own("account/wechats/add"),
        remove_action: visitor.own("account/wechats/remove"),
        end_action: visitor.own("account/sessions/end"),
        logout_action: visitor.own("logout"),
        home_href: "/".to_owned(),
        groups: account.groups,
    }
}

fn contact(contact: Option<&Contact>, mask: impl Fn(&str) -> String) -> Option<pages::AccountContact> {
    contact.map(|contact| pages::AccountContact { shown: mask(&contact.value), verified: contact.verified })
}

fn wechat(visitor: &Visitor, mine: &MyWechat) -> AccountWechat {
    let directory = &visitor.snapshot.directory;
    let mut labels: Vec<MethodLabel> = Vec::new();
    for app in apps_of(directory, &mine.wechat) {
        let of_app = directory.methods().iter().filter(|method| method.app == app.id);
        for label in of_app.map(login::label) {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
    }
    AccountWechat { id: mine.wechat.id(), labels, current: mine.current, last: mine.last }
}

/// By which methods another WeChat can be added in this browser: an account has one for each app. None, if no method
/// suits this browser at all.
fn ways(visitor: &Visitor, account: &Account) -> Option<Vec<AccountWay>> {
    let methods = add_wechat::methods(visitor, &account.pool);
    let free = |method: &&&Method| {
        let app = visitor.snapshot.directory.app(&method.app);
        app.is_some_and(|app| {
            account.wechats().iter().all(|wechat| !wechat.apps().any(|id| *id == app.app_id))
        })
    };
    let way = |method: &&Method| AccountWay { id: method.id.to_string(), label: login::label(method) };
    (!methods.is_empty()).then(|| methods.iter().filter(free).map(way).collect())
}

fn session(visitor: &Visitor, login: MyLogin) -> AccountLogin {
    let directory = &visitor.snapshot.directory;
    AccountLogin {
        label: directory.method(&login.method).map(login::label),
        id: login.id,
        current: login.current,
        program: login.user_agent.as_deref().and_then(program_name),
        ip: login.ip,
        hosts: login.hosts,
        began_secs_ago: visitor.now.since(login.created_at).secs(),
        // Right now, whatever was written last.
        seen_secs_ago: if login.current { 0 } else { visitor.now.since(login.last_seen_at).secs() },
    }
}
