//! The JSON API: what apps and mini programs call to log their users in, and mini programs to confirm a login elsewhere.
//!
//! Knows no cookies: a client proves itself with a bearer token or with what it was given for one login, so that no
//! page of another site can make a browser call it.

mod account;
mod bind;
mod body;
mod confirm;
mod document;
mod errors;
mod launch;
mod login;
mod phone;
mod shapes;
mod troubles;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Portal;
use super::answer::{Answer, Refused};
use super::visitor::Visitor;
use crate::domain::{MethodId, ReturnTo};
use crate::login::Visit;
use crate::login::client::{Call, ClientError};
use crate::pages::ErrorCode;

/// The largest body of a call.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The calls, below `api/`, with the document of them.
pub(super) fn router() -> OpenApiRouter<Portal> {
    OpenApiRouter::with_openapi(document::about())
        .routes(routes!(login::begin))
        .routes(routes!(login::login))
        .routes(routes!(login::attach))
        .routes(routes!(login::choose))
        .routes(routes!(bind::bind))
        .routes(routes!(bind::create))
        .routes(routes!(bind::send_code))
        .routes(routes!(login::logout))
        .routes(routes!(account::mine))
        .routes(routes!(account::remove_wechat))
        .routes(routes!(account::end_sessions))
        .routes(routes!(confirm::scan))
        .routes(routes!(confirm::confirm))
        .routes(routes!(confirm::reject))
        .routes(routes!(launch::launch))
        .routes(routes!(launch::redeem))
        .routes(routes!(phone::send))
        .routes(routes!(phone::verify))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .route("/openapi.json", get(document::document))
}

/// Who calls, ready to be handed to a use case.
struct Client {
    portal: Portal,
    visitor: Visitor,
    visit: Visit,
    home: ReturnTo,
}

impl Client {
    /// Lets a client in that does not call too often, at a host of ours.
    fn admit(portal: Portal, visitor: Visitor) -> Result<Self, Response> {
        if let Err(seconds) = portal.throttle.check_client(visitor.ip.as_deref()) {
            return Err(visitor.too_many(seconds));
        }
        let hosts = &visitor.snapshot.site.hosts;
        let home = ReturnTo::of_request(&visitor.host, "/", hosts).filter(|_| hosts.contains(&visitor.host));
        let Some(home) = home else {
            let detail =
                format!("`{}` is not a host of this gateway; its routes and `public_url` are", visitor.host);
            return Err(visitor.refuse(Refused::Code(ErrorCode::BadRequest, Some(detail))));
        };
        let visit = visitor.visit();
        Ok(Self { portal, visitor, visit, home })
    }

    /// What the use cases work with.
    fn call(&self) -> Call<'_> {
        Call { context: self.visitor.context(), visit: &self.visit, home: &self.home }
    }

    /// Refuses a method that no route of the host that was asked offers: the token would be for that host.
    fn offers(&self, method: &str) -> Result<(), Response> {
        let routes = &self.visitor.snapshot.routes;
        let offered = MethodId::new(method).is_ok_and(|id| routes.offers(&self.visitor.host, &id));
        if offered { Ok(()) } else { Err(self.visitor.refuse(ErrorCode::UnknownMethod)) }
    }

    /// Refuses more calls about one login than a phone makes.
    fn about(&self, what: &str) -> Result<(), Response> {
        let Ok(key) = crate::domain::FlowId::new(what) else {
            return Err(self.visitor.refuse(ErrorCode::TicketUnknown));
        };
        self.portal.throttle.check_flow(&key).map_err(|seconds| self.visitor.too_many(seconds))
    }

    /// Does to its end what spends a code, whether or not the client stays to listen.
    async fn see_through<W>(self, work: impl FnOnce(Self) -> W) -> Answer
    where
        W: Future<Output = Answer> + Send + 'static,
    {
        let (portal, visitor) = (self.portal.clone(), self.visitor.clone());
        portal.see_through(visitor, work(self)).await
    }

    fn answer(&self, shape: &impl Serialize) -> Answer {
        self.answer_with(StatusCode::OK, shape)
    }

    fn answer_with(&self, status: StatusCode, shape: &impl Serialize) -> Answer {
        let body = serde_json::to_string(shape).expect("texts and numbers have a JSON form");
        Ok(self.visitor.json(status, body))
    }

    fn refuse(&self, error: ClientError) -> Response {
        errors::refuse(&self.visitor, error)
    }
}
