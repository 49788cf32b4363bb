//! The answer to a known visitor who may not pass: what is missing, and what can be done about it.
//!
//! Decides nothing; `gate::access` has. A page for who looks at pages, else JSON with a code for each kind of lack.

use pingora::http::RequestHeader;

use super::answer::Answer;
use super::context::Context;
use super::wanted::Wanted;
use crate::gate::{self, Refusal, RequestKind, Route};
use crate::pages::{Denied, ErrorCode, Missing, Page};

/// The refusal of a request to `route`, in the form that suits the request.
pub(super) fn answer(
    context: &Context,
    header: &RequestHeader,
    route: &Route,
    refusal: Refusal<'_>,
    wanted: Wanted<'_>,
) -> Answer {
    let to = context.addressee(header);
    match refusal {
        Refusal::Closed => Answer::error(to, ErrorCode::Forbidden, None),
        Refusal::Method => Answer::denied(
            to,
            ErrorCode::LoginMethodRequired,
            &other_method(route),
            Some(&wanted.page("login")),
        ),
        // A form is not sent to the page for it; what is filled in would be lost.
        Refusal::Lacks(_, missing) if missing.is_phone_alone() && context.kind != RequestKind::Form => {
            Answer::denied(to, ErrorCode::PhoneRequired, &lacking(missing), Some(&wanted.page("phone")))
        }
        Refusal::Lacks(visitor, missing) if context.kind.shows_pages() => {
            let page = Page::Denied(Denied {
                account: visitor.display_name().to_owned(),
                missing: lacking(missing),
                other_href: wanted.other_login(),
                back_href: wanted.back(&header.headers),
                logout_href: wanted.logout(),
                request_id: context.request_id().to_owned(),
            });
            Answer::new(page.status()).page(to.pages, &to.pages.render(to.lang(), &page))
        }
        Refusal::Lacks(_, missing) => Answer::denied(to, ErrorCode::MissingRights, &lacking(missing), None),
    }
}

/// What is missing where the login was by another method than the route takes.
pub(super) fn other_method(route: &Route) -> Missing {
    Missing { methods: route.methods.iter().map(|id| id.as_str().to_owned()).collect(), ..Missing::default() }
}

/// What is missing where only a phone number is.
pub(super) fn phone() -> Missing {
    Missing { phone: true, ..Missing::default() }
}

fn lacking(missing: gate::Missing<'_>) -> Missing {
    let attributes = missing.attributes().map(|(name, values)| (name.to_owned(), values.to_vec()));
    Missing {
        groups: missing.groups().to_vec(),
        attributes: attributes.collect(),
        phone: missing.phone(),
        methods: Vec::new(),
    }
}
