//! The login page, and the start of a login.
//!
//! Logins happen on the public host. A visitor of another host is sent there with a mark of their browser, and
//! comes back through a hand-over; one who is known there already is handed over at once.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded;

use super::answer::Answer;
use super::visitor::Visitor;
use super::{Portal, callback};
use crate::domain::{Handover, MethodId, ReturnTo};
use crate::gate::client::ClientKind;
use crate::ground::{Token, TokenDigest};
use crate::login::directory::{Picture, Presentation};
use crate::login::{BeginError, Begun, Method, MethodKind, Presence, Start, Way};
use crate::pages::{self, ErrorCode, Lang, LoginBody, MethodLabel, MethodLink, Notice, Page};
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
}

/// What a wish comes to once it is checked.
struct Goal {
    return_to: ReturnTo,
    handover: Option<Handover>,
    from: Option<String>,
}

impl Goal {
    /// The query that brings the login page back to the same goal.
    fn query(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("rt", self.return_to.location());
        if let Some(from) = &self.from {
            query.append_pair("from", from);
        }
        query.extend_pairs(more);
        query.finish()
    }
}

/// `GET login`.
pub(super) async fn page(State(portal): State<Portal>, visitor: Visitor, Query(wish): Query<Wish>) -> Answer {
    let goal = match goal(&visitor, &wish) {
        Ok(goal) => goal,
        Err(elsewhere) => return Ok(elsewhere),
    };
    if let (Presence::Known(_), Some(digest)) = visitor.session(&portal).await {
        return callback::depart(&portal, &visitor, digest, goal.return_to, goal.handover.as_ref()).await;
    }
    let methods = offered(&visitor, &goal.return_to);
    let notice = wish.notice.as_deref().and_then(|text| text.parse::<Notice>().ok());
    let Some(method) = selected(&visitor, &wish, &methods) else {
        let body = nothing_fits(&visitor, &goal.return_to);
        return Ok(visitor.page(&Page::Login(pages::Login { methods: Vec::new(), body, notice })));
    };
    // In WeChat's own browser there is nothing to choose or to press, unless the visitor did either just now.
    let at_hand = |method: &&&Method| matches!(method.kind, MethodKind::OfficialAccountWeb(_));
    let only = methods.iter().filter(at_hand).count() == 1;
    if at_hand(&&method) && only && notice.is_none() && wish.method.is_none() {
        let started = begin(&portal, &visitor, method, goal, false).await?;
        return started.redirect(&visitor);
    }
    let mut links = links(&visitor, &methods, method, &goal);
    let query = goal.query(&[]);
    let full = format!("{}/{}?{query}", visitor.own("login"), method.id);
    let (body, started) = match &method.kind {
        MethodKind::WebsiteQr(Presentation::Redirect) | MethodKind::OfficialAccountWeb(_) => {
            (LoginBody::Go { href: full }, None)
        }
        MethodKind::WebsiteQr(Presentation::Embedded) => {
            let started = begin(&portal, &visitor, method, goal, true).await?;
            let frame_url = started.wechat_page(&visitor)?;
            (LoginBody::Embedded { frame_url, full_url: full }, Some(started))
        }
        MethodKind::OfficialAccountScan(_) => {
            let again = goal.query(&[("method", method.id.as_str())]);
            match scan(&portal, &visitor, method, goal, &again).await? {
                Some((scan, started)) => (LoginBody::Scan(scan), Some(started)),
                None => {
                    links.iter_mut().filter(|link| link.selected).for_each(|link| link.available = false);
                    (LoginBody::Unavailable, None)
                }
            }
        }
    };
    let frame = matches!(body, LoginBody::Embedded { .. }).then(|| visitor.snapshot.wechat.open());
    let page = Page::Login(pages::Login { methods: links, body, notice });
    let mut response = visitor.framing_page(&page, frame);
    if let Some(cookie) = wish.method.and_then(|_| remember(&visitor, method)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(match started {
        Some(started) => started.with_cookie(response, &visitor),
        None => response,
    })
}

/// The method to show: the one asked for, else in WeChat its own, else the one chosen last, else the first.
fn selected<'m>(visitor: &Visitor, wish: &Wish, methods: &[&'m Method]) -> Option<&'m Method> {
    let of = |id: Option<&str>| methods.iter().copied().find(|method| Some(method.id.as_str()) == id);
    let at_hand = || {
        let own = |method: &&Method| matches!(method.kind, MethodKind::OfficialAccountWeb(_));
        methods.iter().copied().find(own)
    };
    of(wish.method.as_deref())
        .or_else(at_hand)
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

/// A code to scan; none while WeChat gives none, which was logged.
async fn scan(
    portal: &Portal,
    visitor: &Visitor,
    method: &Method,
    goal: Goal,
    again: &str,
) -> Result<Option<(pages::Scan, Started)>, Response> {
    let started = match try_begin(portal, visitor, method, goal, true).await? {
        Ok(started) => started,
        Err(BeginError::Wechat(error)) => {
            // The keeper of tokens and the client have told the operator; here only who met it.
            tracing::debug!(request_id = %visitor.request_id, method = %method.id, %error, "no code to show");
            return Ok(None);
        }
        Err(BeginError::Store(error)) => return Err(visitor.refuse(error)),
    };
    let Way::Code(scene) = &started.begun.way else { return Err(visitor.refuse(ErrorCode::Internal)) };
    let asks = matches!(&method.kind, MethodKind::OfficialAccountScan(options) if options.confirm);
    let id = &started.begun.flow.id;
    let own = |what: &str| visitor.own(&format!("flow/{what}?flow={id}"));
    let drawn = match scene.picture {
        Picture::Drawn => pages::qr_svg(&scene.url),
        Picture::Wechat => None,
    };
    // An address too long to draw has WeChat's own picture.
    let picture_href = drawn.is_none().then(|| {
        let ticket: String = form_urlencoded::byte_serialize(scene.ticket.as_bytes()).collect();
        format!("{}&ticket={ticket}", own("qr.jpg"))
    });
    let scan = pages::Scan {
        picture: drawn.unwrap_or_default(),
        picture_href,
        events_href: own("events"),
        state_href: own("state"),
        finish_href: own("finish"),
        again_href: format!("{}?{again}", visitor.own("login")),
        expires_in: scene.expires_in.secs(),
        asks,
    };
    Ok(Some((scan, started)))
}

/// `GET login/{method}`: to WeChat's own page in full.
pub(super) async fn start(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(wish): Query<Wish>,
) -> Answer {
    let goal = match goal(&visitor, &wish) {
        Ok(goal) => goal,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let snapshot = &visitor.snapshot;
    let known = MethodId::new(id).ok().and_then(|id| snapshot.directory.method(&id));
    let allowed = allowed_methods(&visitor, &goal.return_to);
    let Some(method) = known.filter(|method| allowed.is_empty() || allowed.contains(&method.id)) else {
        return Err(visitor.refuse(ErrorCode::UnknownMethod));
    };
    if let MethodKind::OfficialAccountScan(_) = method.kind {
        // It has no page at WeChat; ours shows the code.
        let path = format!("{}?{}", visitor.own("login"), goal.query(&[("method", method.id.as_str())]));
        return Ok(visitor.go_own(&visitor.host, &path));
    }
    let started = begin(&portal, &visitor, method, goal, false).await?;
    started.redirect(&visitor)
}

/// Where the visitor wants to go, and for which browser; or the answer that sends them to the public host.
fn goal(visitor: &Visitor, wish: &Wish) -> Result<Goal, Response> {
    let hosts = &visitor.snapshot.site.hosts;
    let here = hosts.origin_of(&visitor.host);
    let return_to =
        wish.rt.as_deref().and_then(|text| ReturnTo::parse_on(text, &here, hosts)).unwrap_or_else(|| {
            ReturnTo::of_request(&visitor.host, "/", hosts).unwrap_or(ReturnTo::home(hosts))
        });
    let elsewhere = return_to.host() != hosts.public_host();
    if !hosts.contains(&visitor.host) {
        // A name that is not ours (an address, an alias): its cookies could not come back with the callback.
        let goal = Goal { return_to, handover: None, from: None };
        let path = format!("{}?{}", visitor.own("login"), goal.query(&[]));
        return Err(visitor.go_own(hosts.public_host(), &path));
    }
    if !visitor.on_public_host() {
        // The mark of this browser goes along; the secret it is made from stays in the cookie here.
        let browser = visitor.browser.clone().unwrap_or_else(|| Token::generate(&mut rand::rng()));
        let from = browser.digest().text();
        let goal = Goal { return_to, handover: None, from: Some(from) };
        let path = format!("{}?{}", visitor.own("login"), goal.query(&[]));
        let response = visitor.go_own(hosts.public_host(), &path);
        return Err(with_browser_cookie(response, visitor, &browser));
    }
    let handover = wish.from.as_deref().and_then(TokenDigest::parse).map(|browser| Handover { browser });
    if elsewhere && handover.is_none() {
        // Somebody came straight here for another host: that host has to mark the browser first.
        let goal = Goal { return_to: return_to.clone(), handover: None, from: None };
        let path = format!("{}?{}", visitor.own("login"), goal.query(&[]));
        return Err(visitor.go_own(return_to.host(), &path));
    }
    let from = wish.from.clone().filter(|_| elsewhere);
    Ok(Goal { return_to, handover: handover.filter(|_| elsewhere), from })
}

/// The methods the route at `return_to` allows; all, if it names none.
fn allowed_methods(visitor: &Visitor, return_to: &ReturnTo) -> Vec<MethodId> {
    let path = url::Url::parse(return_to.location()).map(|url| url.path().to_owned()).unwrap_or_default();
    let route = visitor.snapshot.routes.find(return_to.host(), &path);
    route.map(|route| route.methods.clone()).unwrap_or_default()
}

/// The methods that the route at `return_to` allows and this browser can use.
fn offered<'v>(visitor: &'v Visitor, return_to: &ReturnTo) -> Vec<&'v Method> {
    let allowed = allowed_methods(visitor, return_to);
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

/// The chooser: a link for each method, if there is a choice.
fn links(visitor: &Visitor, methods: &[&Method], selected: &Method, goal: &Goal) -> Vec<MethodLink> {
    methods
        .iter()
        .map(|method| MethodLink {
            label: match (&method.label, &method.kind) {
                (Some(label), _) => MethodLabel::Own(label.clone()),
                (None, MethodKind::WebsiteQr(_)) => MethodLabel::Scan,
                (None, MethodKind::OfficialAccountWeb(_)) => MethodLabel::InWechat,
                (None, MethodKind::OfficialAccountScan(_)) => MethodLabel::Follow,
            },
            href: format!("{}?{}", visitor.own("login"), goal.query(&[("method", method.id.as_str())])),
            selected: method.id == selected.id,
            available: true,
        })
        .collect()
}

/// A login that has begun in this browser.
struct Started {
    begun: Begun,
    browser: Token,
}

impl Started {
    fn redirect(self, visitor: &Visitor) -> Answer {
        let response = visitor.go_to_wechat(&self.wechat_page(visitor)?);
        Ok(self.with_cookie(response, visitor))
    }

    fn wechat_page(&self, visitor: &Visitor) -> Result<String, Response> {
        match &self.begun.way {
            Way::Page(page) => Ok(page.clone()),
            Way::Code(_) => Err(visitor.refuse(ErrorCode::Internal)),
        }
    }

    fn with_cookie(&self, response: Response, visitor: &Visitor) -> Response {
        with_browser_cookie(response, visitor, &self.browser)
    }
}

async fn begin(
    portal: &Portal,
    visitor: &Visitor,
    method: &Method,
    goal: Goal,
    embedded: bool,
) -> Result<Started, Response> {
    let begun = try_begin(portal, visitor, method, goal, embedded).await?;
    begun.map_err(|error| match error {
        BeginError::Store(error) => visitor.refuse(error),
        BeginError::Wechat(_) => visitor.refuse(ErrorCode::WechatUnavailable),
    })
}

async fn try_begin(
    portal: &Portal,
    visitor: &Visitor,
    method: &Method,
    goal: Goal,
    embedded: bool,
) -> Result<Result<Started, BeginError>, Response> {
    if let Err(seconds) = portal.throttle.check(visitor.ip.as_deref()) {
        return Err(visitor.too_many(seconds));
    }
    let snapshot = &visitor.snapshot;
    let Some(app) = snapshot.directory.app(&method.app) else {
        return Err(visitor.refuse(ErrorCode::UnknownMethod));
    };
    // One secret for the browser, kept across tabs and attempts, so that several logins run side by side.
    let browser = visitor.browser.clone().unwrap_or_else(|| Token::generate(&mut rand::rng()));
    let start = Start {
        method,
        app,
        browser: &browser,
        return_to: goal.return_to,
        handover: goal.handover,
        origin: visitor.origin(),
        embedded,
        lang: match visitor.lang {
            Lang::Zh => QrLang::Cn,
            Lang::En => QrLang::En,
        },
    };
    let callback_url = snapshot.site.url(&format!("callback/{}", app.id));
    let begun = portal.login.begin(start, &snapshot.wechat, &callback_url).await;
    Ok(begun.map(|begun| Started { begun, browser }))
}

fn with_browser_cookie(mut response: Response, visitor: &Visitor, browser: &Token) -> Response {
    if visitor.browser.is_none() {
        response.headers_mut().append(header::SET_COOKIE, visitor.snapshot.site.cookies.set_browser(browser));
    }
    response
}
