//! The login page, and the start of a login.
//!
//! Logins happen on the public host. A visitor of another host is sent there with a mark of their browser, and
//! comes back through a hand-over; one who is known there already is handed over at once.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded;

use super::add_wechat::Adding;
use super::answer::Answer;
use super::visitor::Visitor;
use super::{Portal, account, add_wechat, callback, panel};
use crate::domain::{Handover, MethodId, ReturnTo};
use crate::gate::client::ClientKind;
use crate::gate::{self, Route};
use crate::ground::{Token, TokenDigest};
use crate::login::directory::Presentation;
use crate::login::{App, Known, Method, MethodKind, Presence, Start, WechatPage};
use crate::pages::{self, ErrorCode, Instead, Lang, LoginBody, MethodLabel, MethodLink, Notice, Page};
use crate::wechat::QrLang;

/// What the address of the login page may say. Unknown values are ignored, never believed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    /// Where the visitor wants to go.
    rt: Option<String>,
    /// The mark of the browser on the host the visitor comes from.
    from: Option<String>,
    /// The method to show.
    method: Option<String>,
    /// What just happened.
    notice: Option<String>,
    /// The proof that another WeChat is to be added to the account of this browser.
    add: Option<String>,
    /// Set where somebody who is logged in wants to log in as somebody else.
    other: Option<String>,
}

/// What a wish comes to once it is checked.
pub(super) struct Goal {
    return_to: ReturnTo,
    handover: Option<Handover>,
    from: Option<String>,
    adding: Option<Adding>,
    /// Whether whoever is logged in wants to be somebody else.
    other: bool,
}

impl Goal {
    fn new(return_to: ReturnTo) -> Self {
        Self { return_to, handover: None, from: None, adding: None, other: false }
    }

    /// Another WeChat for the account of this browser.
    pub(super) fn adding(visitor: &Visitor, adding: Adding) -> Self {
        Self { adding: Some(adding), ..Self::new(account::home(visitor)) }
    }

    /// The query that brings the login page back to the same goal.
    pub(super) fn query(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("rt", self.return_to.location());
        if let Some(from) = &self.from {
            query.append_pair("from", from);
        }
        if let Some(adding) = &self.adding {
            query.append_pair("add", adding.proof());
        }
        if self.other {
            query.append_pair("other", "1");
        }
        query.extend_pairs(more);
        query.finish()
    }

    /// Whether a login with `method` leads there.
    fn allows(&self, visitor: &Visitor, method: &Method) -> bool {
        if let Some(adding) = &self.adding {
            return add_wechat::methods(visitor, adding.pool()).iter().any(|fits| fits.id == method.id);
        }
        let allowed = allowed_methods(visitor, &self.return_to);
        allowed.is_empty() || allowed.contains(&method.id)
    }
}

/// `GET login`.
pub(super) async fn page(State(portal): State<Portal>, visitor: Visitor, Query(wish): Query<Wish>) -> Answer {
    let goal = match goal(&portal, &visitor, &wish).await {
        Ok(goal) => goal,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let mut instead = None;
    if goal.adding.is_none()
        && let (Presence::Known(known), Some(digest)) = visitor.session(&portal).await
    {
        instead = stays(&visitor, &known, &goal);
        if instead.is_none() {
            return callback::depart(&portal, &visitor, digest, goal.return_to, goal.handover.as_ref()).await;
        }
    }
    let methods = offered(&visitor, &goal);
    let notice = wish.notice.as_deref().and_then(|text| text.parse::<Notice>().ok());
    let Some(method) = selected(&visitor, &wish, &methods) else {
        let body = nothing_fits(&visitor, &goal.return_to);
        let account_href = goal.adding.map(|_| visitor.own("account"));
        let login = pages::Login { methods: Vec::new(), body, notice, account_href, instead };
        return Ok(visitor.page(&Page::Login(login)));
    };
    // In WeChat's own browser there is nothing to choose or to press, unless the visitor did either just now.
    if let MethodKind::OfficialAccountWeb(scope) = method.kind {
        let only = methods.iter().filter(|method| method.is_at_hand()).count() == 1;
        if only && notice.is_none() && instead.is_none() && wish.method.is_none() {
            return go(&portal, &visitor, method, WechatPage::Consent(scope), goal).await;
        }
    }
    let adding = goal.adding.is_some();
    // What is to be added was chosen on the account page.
    let methods = if adding { vec![method] } else { methods };
    let mut links = links(&visitor, &methods, method, &goal);
    let (body, browser) = body_of(&portal, &visitor, method, goal, &mut links).await?;
    let frame = matches!(body, LoginBody::Embedded { .. }).then(|| visitor.snapshot.wechat.open());
    let account_href = adding.then(|| visitor.own("account"));
    let page = Page::Login(pages::Login { methods: links, body, notice, account_href, instead });
    let mut response = visitor.framing_page(&page, frame);
    if let Some(cookie) = wish.method.filter(|_| !adding).and_then(|_| remember(&visitor, method)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(match browser {
        Some(browser) => with_browser_cookie(response, &visitor, &browser),
        None => response,
    })
}

/// What the page shows of `method`, and the browser's secret if that has begun a login.
async fn body_of(
    portal: &Portal,
    visitor: &Visitor,
    method: &Method,
    goal: Goal,
    links: &mut [MethodLink],
) -> Result<(LoginBody, Option<Token>), Response> {
    let full = format!("{}/{}?{}", visitor.own("login"), method.id, goal.query(&[]));
    Ok(match &method.kind {
        MethodKind::WebsiteQr(Presentation::Redirect) | MethodKind::OfficialAccountWeb(_) => {
            (LoginBody::Go { href: full }, None)
        }
        MethodKind::WebsiteQr(Presentation::Embedded) => {
            let way = WechatPage::Qr { embedded: true, lang: qr_lang(visitor) };
            let (frame_url, browser) = begin(portal, visitor, method, way, goal).await?;
            (LoginBody::Embedded { frame_url, full_url: full }, Some(browser))
        }
        MethodKind::OfficialAccountScan(options) => {
            panel::account(portal, visitor, method, options, goal).await?.shown(links)
        }
        MethodKind::MiniProgramScan(options) => {
            panel::program(portal, visitor, method, options, goal).await?.shown(links)
        }
        // They fit no browser, so none of them is selected.
        MethodKind::MiniProgram | MethodKind::MobileApp | MethodKind::AppLaunch(_) => {
            (LoginBody::NoMethod, None)
        }
    })
}

/// The method to show: the one asked for, else in WeChat its own, else the one chosen last, else the first.
fn selected<'m>(visitor: &Visitor, wish: &Wish, methods: &[&'m Method]) -> Option<&'m Method> {
    let of = |id: Option<&str>| methods.iter().copied().find(|method| Some(method.id.as_str()) == id);
    of(wish.method.as_deref())
        .or_else(|| methods.iter().copied().find(|method| method.is_at_hand()))
        .or_else(|| of(visitor.chosen.as_deref()))
        .or_else(|| methods.first().copied())
}

/// The cookie that remembers a choice, unless the browser has it already.
fn remember(visitor: &Visitor, method: &Method) -> Option<HeaderValue> {
    if visitor.chosen.as_deref() == Some(method.id.as_str()) {
        return None;
    }
    visitor.snapshot.site.cookies.set_chosen_method(method.id.as_str())
}

/// `GET login/{method}`: to WeChat's own page in full.
pub(super) async fn start(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(wish): Query<Wish>,
) -> Answer {
    let goal = match goal(&portal, &visitor, &wish).await {
        Ok(goal) => goal,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let snapshot = &visitor.snapshot;
    let known = MethodId::new(id).ok().and_then(|id| snapshot.directory.method(&id));
    let Some(method) = known.filter(|method| goal.allows(&visitor, method)) else {
        return Err(visitor.refuse(ErrorCode::UnknownMethod));
    };
    let way = match method.kind {
        MethodKind::WebsiteQr(_) => WechatPage::Qr { embedded: false, lang: qr_lang(&visitor) },
        MethodKind::OfficialAccountWeb(scope) => WechatPage::Consent(scope),
        MethodKind::MiniProgram | MethodKind::MobileApp | MethodKind::AppLaunch(_) => {
            return Err(visitor.refuse(ErrorCode::WrongMethod));
        }
        MethodKind::OfficialAccountScan(_) | MethodKind::MiniProgramScan(_) => {
            // They have no page at WeChat; ours shows the code.
            let path = format!("{}?{}", visitor.own("login"), goal.query(&[("method", method.id.as_str())]));
            return Ok(visitor.go_own(&visitor.host, &path));
        }
    };
    go(&portal, &visitor, method, way, goal).await
}

/// Where the visitor wants to go, as they say; the front page of this host, if that is nowhere of ours.
pub(super) fn return_to_of(visitor: &Visitor, text: Option<&str>) -> ReturnTo {
    let hosts = &visitor.snapshot.site.hosts;
    let here = hosts.origin_of(&visitor.host);
    let wanted = text.and_then(|text| ReturnTo::parse_on(text, &here, hosts));
    let front = || ReturnTo::of_request(&visitor.host, "/", hosts);
    wanted.or_else(front).unwrap_or_else(|| ReturnTo::home(hosts))
}

/// Where the visitor wants to go, and for which browser; or the answer that sends them to the public host.
async fn goal(portal: &Portal, visitor: &Visitor, wish: &Wish) -> Result<Goal, Response> {
    let hosts = &visitor.snapshot.site.hosts;
    if let Some(proof) = &wish.add {
        let adding = Adding::check(portal, visitor, proof).await?;
        return Ok(Goal::adding(visitor, adding));
    }
    let return_to = return_to_of(visitor, wish.rt.as_deref());
    let other = wish.other.is_some();
    let elsewhere = return_to.host() != hosts.public_host();
    if !visitor.on_public_host() {
        // The mark of this browser goes along; the secret it is made from stays in the cookie here.
        let browser = visitor.browser.clone().unwrap_or_else(|| Token::generate(&mut rand::rng()));
        let from = browser.digest().text();
        let goal = Goal { from: Some(from), other, ..Goal::new(return_to) };
        let response = go_on_at(visitor, hosts.public_host(), &goal, wish);
        return Err(with_browser_cookie(response, visitor, &browser));
    }
    let handover = wish.from.as_deref().and_then(TokenDigest::parse).map(|browser| Handover { browser });
    if elsewhere && handover.is_none() {
        // Somebody came straight here for another host: that host has to mark the browser first.
        let goal = Goal { other, ..Goal::new(return_to.clone()) };
        return Err(go_on_at(visitor, return_to.host(), &goal, wish));
    }
    let from = wish.from.clone().filter(|_| elsewhere);
    Ok(Goal { handover: handover.filter(|_| elsewhere), from, other, ..Goal::new(return_to) })
}

/// To the login page of another host, which shows the same: without what just happened it would go straight to WeChat,
/// and sign in again whoever has signed out.
fn go_on_at(visitor: &Visitor, host: &str, goal: &Goal, wish: &Wish) -> Response {
    let method = wish.method.as_deref().filter(|id| MethodId::new(*id).is_ok());
    let notice = wish.notice.as_deref().filter(|text| text.parse::<Notice>().is_ok());
    let more = [("method", method), ("notice", notice)];
    let more: Vec<_> = more.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    visitor.go_own(host, &format!("{}?{}", visitor.own("login"), goal.query(&more)))
}

/// The methods the route at `return_to` allows; all, if it names none.
fn allowed_methods(visitor: &Visitor, return_to: &ReturnTo) -> Vec<MethodId> {
    route_of(visitor, return_to).map(|route| route.methods.clone()).unwrap_or_default()
}

/// The route that the gate will find at `return_to`: none for our own pages, which the gate asks nothing for.
pub(super) fn route_of<'v>(visitor: &'v Visitor, return_to: &ReturnTo) -> Option<&'v Route> {
    let url = url::Url::parse(return_to.location()).ok()?;
    // Read as the gate reads it: another reading could be another route, with other methods.
    let target = gate::target(&url[url::Position::BeforePath..url::Position::AfterPath]).ok()?;
    if visitor.snapshot.site.own_path(&target.decoded).is_some() {
        return None;
    }
    let found = visitor.snapshot.routes.find_target(return_to.host(), &target).ok()?;
    found.map(|route| &**route)
}

/// The methods that the goal allows and this browser can use.
fn offered<'v>(visitor: &'v Visitor, goal: &Goal) -> Vec<&'v Method> {
    if let Some(adding) = &goal.adding {
        return add_wechat::methods(visitor, adding.pool());
    }
    let allowed = allowed_methods(visitor, &goal.return_to);
    visitor.snapshot.directory.methods_for(visitor.client, &allowed)
}

/// What to say where no method works in this browser.
fn nothing_fits(visitor: &Visitor, return_to: &ReturnTo) -> LoginBody {
    let address = return_to.location().to_owned();
    let in_wechat = offered_in(visitor, return_to, ClientKind::WeChat { desktop: false });
    match visitor.client {
        ClientKind::Mobile if in_wechat => LoginBody::OpenInWechat { address },
        ClientKind::WeCom { .. } | ClientKind::OtherInApp => LoginBody::OtherApp { address },
        _ => LoginBody::NoMethod,
    }
}

fn offered_in(visitor: &Visitor, return_to: &ReturnTo, client: ClientKind) -> bool {
    let allowed = allowed_methods(visitor, return_to);
    !visitor.snapshot.directory.methods_for(client, &allowed).is_empty()
}

/// What to say to somebody who is logged in and gets to see the login page all the same; `None` if they are to go on.
///
/// Asks the route and not the address, which anybody can write: so whoever the gate sends here for their method is shown
/// the page, and whoever it would let in goes on, and nobody goes round in circles.
fn stays(visitor: &Visitor, known: &Known, goal: &Goal) -> Option<Instead> {
    let account = known.display_name().to_owned();
    let route = route_of(visitor, &goal.return_to);
    if let Some(route) = route.filter(|route| !route.takes(known.method())) {
        let method = |id| visitor.snapshot.directory.method(id);
        return Some(Instead {
            account,
            methods: route.methods.iter().filter_map(method).map(label).collect(),
        });
    }
    goal.other.then_some(Instead { account, methods: Vec::new() })
}

/// The words on a method.
pub(super) fn label(method: &Method) -> MethodLabel {
    match (&method.label, &method.kind) {
        (Some(label), _) => MethodLabel::Own(label.clone()),
        (None, MethodKind::WebsiteQr(_)) => MethodLabel::Scan,
        (None, MethodKind::OfficialAccountWeb(_)) => MethodLabel::InWechat,
        (None, MethodKind::OfficialAccountScan(_)) => MethodLabel::Follow,
        (None, MethodKind::MobileApp) => MethodLabel::App,
        (None, MethodKind::MiniProgramScan(_) | MethodKind::MiniProgram | MethodKind::AppLaunch(_)) => {
            MethodLabel::Program
        }
    }
}

/// The chooser: a link for each method, if there is a choice.
fn links(visitor: &Visitor, methods: &[&Method], selected: &Method, goal: &Goal) -> Vec<MethodLink> {
    methods
        .iter()
        .map(|method| MethodLink {
            label: label(method),
            href: format!("{}?{}", visitor.own("login"), goal.query(&[("method", method.id.as_str())])),
            selected: method.id == selected.id,
            available: true,
        })
        .collect()
}

/// Begins a login and goes to WeChat's page for it.
async fn go(portal: &Portal, visitor: &Visitor, method: &Method, way: WechatPage, goal: Goal) -> Answer {
    let (page, browser) = begin(portal, visitor, method, way, goal).await?;
    Ok(with_browser_cookie(visitor.go_to_wechat(&page), visitor, &browser))
}

/// Begins a login; answers the address of WeChat's page and the browser's secret.
async fn begin(
    portal: &Portal,
    visitor: &Visitor,
    method: &Method,
    way: WechatPage,
    goal: Goal,
) -> Result<(String, Token), Response> {
    let (app, browser) = prepare(portal, visitor, method)?;
    let start = start_of(visitor, method, app, &browser, way, goal);
    let callback_url = visitor.snapshot.site.url(&format!("callback/{}", app.id));
    let begun = portal.login.begin_page(start, &visitor.snapshot.wechat, &callback_url).await;
    let (_, page) = begun.map_err(|error| visitor.refuse(error))?;
    Ok((page, browser))
}

/// The app of a login that may begin, and the browser's secret.
pub(super) fn prepare<'v>(
    portal: &Portal,
    visitor: &'v Visitor,
    method: &Method,
) -> Result<(&'v App, Token), Response> {
    if let Err(seconds) = portal.throttle.check(visitor.ip.as_deref()) {
        return Err(visitor.too_many(seconds));
    }
    let Some(app) = visitor.snapshot.directory.app(&method.app) else {
        return Err(visitor.refuse(ErrorCode::UnknownMethod));
    };
    // One secret for the browser, kept across tabs and attempts, so that several logins run side by side.
    let browser = visitor.browser.clone().unwrap_or_else(|| Token::generate(&mut rand::rng()));
    Ok((app, browser))
}

pub(super) fn start_of<'a, Way>(
    visitor: &Visitor,
    method: &'a Method,
    app: &'a App,
    browser: &'a Token,
    way: Way,
    goal: Goal,
) -> Start<'a, Way> {
    let Goal { return_to, handover, adding, .. } = goal;
    let attach_to = adding.map(Adding::account);
    Start { way, method, app, browser, return_to, handover, attach_to, origin: visitor.visit().origin() }
}

/// The language of WeChat's page.
fn qr_lang(visitor: &Visitor) -> QrLang {
    match visitor.lang {
        Lang::Zh => QrLang::Cn,
        Lang::En => QrLang::En,
    }
}

pub(super) fn with_browser_cookie(mut response: Response, visitor: &Visitor, browser: &Token) -> Response {
    if visitor.browser.is_none() {
        response.headers_mut().append(header::SET_COOKIE, visitor.snapshot.site.cookies.set_browser(browser));
    }
    response
}
