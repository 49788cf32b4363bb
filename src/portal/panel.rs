//! The login page's panel for a code: an official account's, a mini program's, or a link into the mini program for a
//! phone's browser. The page follows what the phone does with it.
//!
//! A mini program's picture travels inside the page: whichever process renders it, nothing has to be kept for a second
//! request.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::Portal;
use super::login::{Goal, prepare, start_of};
use super::visitor::Visitor;
use crate::domain::FlowId;
use crate::gate::client::ClientKind;
use crate::ground::{Span, Token};
use crate::login::directory::{Picture, ProgramScanOptions};
use crate::login::mini_program_scan::ProgramCode;
use crate::login::{BeginError, Method, ScanOptions};
use crate::pages::{self, CodeOf, LoginBody, MethodLink};

/// What the login page has to show.
pub(super) enum Panel {
    /// The code, for the browser with this secret.
    Code(Box<pages::Scan>, Token),
    /// This address has had many; another one after so many seconds.
    Later(u64),
    /// WeChat gives none, which was logged.
    Unavailable,
}

impl Panel {
    /// The body of the page, and the browser's secret if a login began; the chooser says what does not work.
    pub(super) fn shown(self, links: &mut [MethodLink]) -> (LoginBody, Option<Token>) {
        match self {
            Self::Code(scan, browser) => (LoginBody::Scan(*scan), Some(browser)),
            Self::Later(seconds) => (LoginBody::TooMany { seconds }, None),
            Self::Unavailable => {
                links.iter_mut().filter(|link| link.selected).for_each(|link| link.available = false);
                (LoginBody::Unavailable, None)
            }
        }
    }

    /// What a fault of WeChat leaves of the panel.
    fn without_code(visitor: &Visitor, method: &Method, error: BeginError) -> Result<Self, Response> {
        match error {
            BeginError::Wechat(error) => {
                // The keeper of tokens and the client have told the operator; here only who met it.
                tracing::debug!(request_id = %visitor.request_id, method = %method.id, %error, "no code to show");
                Ok(Self::Unavailable)
            }
            BeginError::Store(error) => Err(visitor.refuse(error)),
        }
    }
}

/// Begins a login with a code of an official account.
pub(super) async fn account(
    portal: &Portal,
    visitor: &Visitor,
    method: &Method,
    options: &ScanOptions,
    goal: Goal,
) -> Result<Panel, Response> {
    if let Err(seconds) = portal.throttle.check_code(visitor.ip.as_deref()) {
        return Ok(Panel::Later(seconds));
    }
    let again = goal.query(&[("method", method.id.as_str())]);
    let (app, browser) = prepare(portal, visitor, method)?;
    let start = start_of(visitor, method, app, &browser, options, goal);
    let (flow, scene) = match portal.login.begin_code(start, &visitor.snapshot.wechat).await {
        Ok(begun) => begun,
        Err(error) => return Panel::without_code(visitor, method, error),
    };
    let drawn = match scene.picture {
        Picture::Drawn => pages::qr_svg(&scene.url),
        Picture::Wechat => None,
    };
    // An address too long to draw has WeChat's own picture.
    let picture_href = drawn.is_none().then(|| {
        let ticket: String = form_urlencoded::byte_serialize(scene.ticket.as_bytes()).collect();
        format!("{}?flow={}&ticket={ticket}", visitor.own("flow/qr.jpg"), flow.id)
    });
    let scan = pages::Scan {
        picture: drawn.unwrap_or_default(),
        picture_href,
        ..empty(visitor, &flow.id, CodeOf::Account, &again, scene.expires_in, options.confirm)
    };
    Ok(Panel::Code(Box::new(scan), browser))
}

/// Begins a login with a code of a mini program, or, on a phone, with a link into it.
pub(super) async fn program(
    portal: &Portal,
    visitor: &Visitor,
    method: &Method,
    options: &ProgramScanOptions,
    goal: Goal,
) -> Result<Panel, Response> {
    let on_phone = visitor.client == ClientKind::Mobile;
    // Links are made once for many visitors, codes are not.
    if !on_phone && let Err(seconds) = portal.throttle.check_code(visitor.ip.as_deref()) {
        return Ok(Panel::Later(seconds));
    }
    let again = goal.query(&[("method", method.id.as_str())]);
    let (app, browser) = prepare(portal, visitor, method)?;
    let start = start_of(visitor, method, app, &browser, options, goal);
    let wechat = &visitor.snapshot.wechat;
    let begun = if on_phone {
        let begun = portal.login.begin_program_link(start, wechat).await;
        begun.map(|(flow, link)| (flow, None, Some(link)))
    } else {
        let begun = portal.login.begin_program_code(start, wechat).await;
        begun.map(|(flow, code)| (flow, Some(data_address(&code)), None))
    };
    let (flow, picture_href, open_href) = match begun {
        Ok(begun) => begun,
        Err(error) => return Panel::without_code(visitor, method, error),
    };
    let scan = pages::Scan {
        picture_href,
        open_href,
        logo_href: options.logo.clone().filter(|_| !on_phone),
        ..empty(visitor, &flow.id, CodeOf::Program, &again, options.program.lifetime, true)
    };
    Ok(Panel::Code(Box::new(scan), browser))
}

/// The picture as an address that holds it.
fn data_address(code: &ProgramCode) -> String {
    format!("data:{};base64,{}", code.content_type, STANDARD.encode(&code.picture))
}

/// A panel without its code: where the page learns what becomes of `flow`.
fn empty(
    visitor: &Visitor,
    flow: &FlowId,
    of: CodeOf,
    again: &str,
    expires_in: Span,
    asks: bool,
) -> pages::Scan {
    let own = |what: &str| visitor.own(&format!("flow/{what}?flow={flow}"));
    pages::Scan {
        of,
        picture: String::new(),
        picture_href: None,
        logo_href: None,
        open_href: None,
        events_href: own("events"),
        state_href: own("state"),
        finish_href: own("finish"),
        again_href: format!("{}?{again}", visitor.own("login")),
        expires_in: expires_in.secs(),
        asks,
    }
}
