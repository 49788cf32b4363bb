//! The page on which a visitor who is logged in verifies a phone number, and the forms on it.
//!
//! Needs no script: a number is posted, then the code. Whoever is not logged in is sent to log in, and whoever has a
//! number already is sent on.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded;

use super::answer::Answer;
use super::login::{label, return_to_of, route_of};
use super::origin::only_from_here;
use super::visitor::Visitor;
use super::{Portal, deliver};
use crate::domain::one_time_code::AGAIN;
use crate::domain::{OneTimeCode, Phone, ReturnTo};
use crate::ground::Token;
use crate::login::verify_phone::PhoneError;
use crate::login::{Known, Presence};
use crate::pages::{ErrorCode, Page, VerifyBody, VerifyPhone, VerifyTrouble, VerifyWay};

/// What the address and the forms of the page may say. What is not understood is ignored, never believed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    /// Where the visitor wants to go.
    rt: Option<String>,
    /// Set where another number is wanted than the one that was sent a code.
    change: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Typed {
    rt: Option<String>,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    code: String,
    /// Set where another code is wanted for the same number.
    again: Option<String>,
}

/// `GET phone`.
pub(super) async fn ask(State(portal): State<Portal>, visitor: Visitor, Query(wish): Query<Wish>) -> Answer {
    let asker = Asker::read(portal, visitor, wish.rt.as_deref()).await?;
    let body = match asker.pending().await? {
        Some(code) if wish.change.is_none() => asker.code_form(&code),
        _ => asker.number_form(""),
    };
    // Whoever comes from a login that was to tell it, and did in vain, would not know why they are asked again.
    let in_vain = asker.portal.login.was_told_in_vain(&asker.known).await;
    let in_vain = in_vain.map_err(|error| asker.visitor.refuse(error))?;
    Ok(asker.page(body, in_vain.then_some(VerifyTrouble::Taken)))
}

/// `POST phone`: sends a code.
pub(super) async fn send(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Answer {
    let asker = Asker::of_form(portal, visitor, &headers, &typed).await?;
    let (portal, listener) = (asker.portal.clone(), asker.visitor.clone());
    // A code that is on its way is also noted, whether or not the browser stays to listen: a second press of the button
    // makes it go away, and is refused.
    portal.see_through(listener, asker.send(typed)).await
}

/// `POST phone/verify`: takes the code.
pub(super) async fn verify(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Answer {
    let asker = Asker::of_form(portal, visitor, &headers, &typed).await?;
    let (portal, listener) = (asker.portal.clone(), asker.visitor.clone());
    // The code is spent before the number is written.
    portal.see_through(listener, asker.verify(typed)).await
}

/// Has the operator's service send a code; a fault is logged here, and the visitor told that it did not work.
pub(super) async fn send_code(
    portal: &Portal,
    visitor: &Visitor,
    known: &Known,
    secret: &Token,
    phone: Phone,
) -> Result<OneTimeCode, PhoneError> {
    let send = async |phone: &Phone, digits: &str| deliver::sms(visitor, phone, digits, "verify_phone").await;
    portal.login.send_phone_code(known, secret, phone, send).await
}

/// A visitor who is logged in and has no verified number.
struct Asker {
    portal: Portal,
    visitor: Visitor,
    known: Arc<Known>,
    token: Token,
    return_to: ReturnTo,
}

impl Asker {
    /// Who asks; or the answer that sends them elsewhere.
    async fn read(portal: Portal, visitor: Visitor, rt: Option<&str>) -> Result<Self, Response> {
        let return_to = return_to_of(&visitor, rt);
        let (known, digest) = match visitor.session(&portal).await {
            (Presence::Known(known), Some(digest)) => (known, digest),
            (Presence::StoreDown, _) => return Err(visitor.refuse(ErrorCode::StoreDown)),
            _ => {
                let login = visitor.snapshot.site.login_path(&return_to);
                return Err(visitor.go_own(&visitor.host, &login));
            }
        };
        if known.phone().is_some() {
            return Err(visitor.go_to(&return_to));
        }
        let token = visitor.tokens.iter().find(|token| token.digest() == digest).cloned();
        // One of them is what made the visitor known.
        let token = token.ok_or_else(|| visitor.refuse(ErrorCode::Internal))?;
        Ok(Self { portal, visitor, known, token, return_to })
    }

    /// Who has sent a form of ours.
    async fn of_form(
        portal: Portal,
        visitor: Visitor,
        headers: &HeaderMap,
        typed: &Typed,
    ) -> Result<Self, Response> {
        only_from_here(headers, &visitor)?;
        if let Err(seconds) = portal.throttle.check(visitor.ip.as_deref()) {
            return Err(visitor.too_many(seconds));
        }
        Self::read(portal, visitor, typed.rt.as_deref()).await
    }

    async fn send(self, typed: Typed) -> Answer {
        let pending = self.pending().await?;
        let phone = match pending.as_ref().filter(|_| typed.again.is_some()) {
            Some(code) => Phone::parse(code.to.as_str()),
            None => Phone::typed(&typed.phone),
        };
        let Ok(phone) = phone else {
            return Ok(self.page(self.number_form(&typed.phone), Some(VerifyTrouble::NoNumber)));
        };
        // A code that was sent before still works, if another cannot be sent; another number stays as it was typed.
        let same = pending.filter(|code| code.to.as_str() == phone.as_str());
        let body = same.map_or_else(|| self.number_form(&typed.phone), |code| self.code_form(&code));
        if let Err(seconds) = self.portal.throttle.check_code(self.visitor.ip.as_deref()) {
            return Ok(self.page(body, Some(VerifyTrouble::TooSoon { seconds })));
        }
        match send_code(&self.portal, &self.visitor, &self.known, &self.token, phone).await {
            // To the page of its own address, so that looking at it again sends nothing again.
            Ok(_) => Ok(self.visitor.go_own(&self.visitor.host, &self.own_address(&[]))),
            Err(error) => self.trouble(error, body),
        }
    }

    async fn verify(self, typed: Typed) -> Answer {
        match self.portal.login.verify_phone(&self.known, &self.token, &typed.code).await {
            Ok(_) => Ok(self.visitor.go_to(&self.return_to)),
            Err(error) => {
                let body = match self.pending().await? {
                    Some(code) => self.code_form(&code),
                    None => self.number_form(""),
                };
                self.trouble(error, body)
            }
        }
    }

    async fn pending(&self) -> Result<Option<OneTimeCode>, Response> {
        let pending = self.portal.login.pending_phone_code(&self.known).await;
        pending.map_err(|error| self.visitor.refuse(error))
    }

    fn number_form(&self, typed: &str) -> VerifyBody {
        if !self.visitor.snapshot.notify.can_sms() {
            return VerifyBody::Nothing;
        }
        let typed = typed.chars().take(40).collect();
        VerifyBody::Number { action: self.visitor.own("phone"), typed }
    }

    fn code_form(&self, code: &OneTimeCode) -> VerifyBody {
        VerifyBody::Code {
            action: self.visitor.own("phone/verify"),
            again_action: self.visitor.own("phone"),
            again_in: code.next_at().since(self.visitor.now).millis().div_ceil(1000).min(AGAIN.secs()),
            sent_to: code.to.masked(),
            change_href: self.own_address(&[("change", "1")]),
        }
    }

    /// This page with the same goal.
    fn own_address(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("rt", self.return_to.location()).extend_pairs(more);
        format!("{}?{}", self.visitor.own("phone"), query.finish())
    }

    fn page(&self, body: VerifyBody, trouble: Option<VerifyTrouble>) -> Response {
        let site = &self.visitor.snapshot.site;
        self.visitor.page(&Page::VerifyPhone(VerifyPhone {
            account: self.known.display_name().to_owned(),
            body,
            trouble,
            ways: self.ways(),
            return_to: self.return_to.location().to_owned(),
            other_href: site.other_login_path(&self.return_to),
        }))
    }

    /// Logins by which WeChat tells the number: those that the route takes and this browser can use.
    fn ways(&self) -> Vec<VerifyWay> {
        let snapshot = &self.visitor.snapshot;
        let taken = route_of(&self.visitor, &self.return_to).map(|route| route.methods.as_slice());
        let methods = snapshot.directory.methods_for(self.visitor.client, taken.unwrap_or_default());
        let way = |method: &crate::login::Method| {
            let login = snapshot.site.other_login_path(&self.return_to);
            let href = format!("{login}&method={}", method.id);
            VerifyWay { label: label(method), href }
        };
        methods.into_iter().filter(|method| method.kind.brings_phone()).map(way).collect()
    }

    fn trouble(&self, error: PhoneError, body: VerifyBody) -> Answer {
        let trouble = match error {
            PhoneError::Store(error) => return Err(self.visitor.refuse(error)),
            PhoneError::NoAccount => return Err(self.visitor.refuse(ErrorCode::AccountDisabled)),
            PhoneError::TooSoon { seconds } => VerifyTrouble::TooSoon { seconds },
            PhoneError::TooMany { seconds } => VerifyTrouble::TooMany { hours: seconds.div_ceil(60 * 60) },
            PhoneError::NotSent => VerifyTrouble::NotSent,
            PhoneError::Spent => VerifyTrouble::Spent,
            PhoneError::Wrong => VerifyTrouble::Wrong,
            PhoneError::Taken => VerifyTrouble::Taken,
        };
        Ok(self.page(body, Some(trouble)))
    }
}
