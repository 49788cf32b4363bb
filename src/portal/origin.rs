//! Whether a form was sent from a page of ours. Whatever changes something on behalf of a cookie asks this first.

use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::visitor::Visitor;
use crate::pages::ErrorCode;

/// Refuses a form that does not come from a page of this host.
pub(super) fn only_from_here(headers: &HeaderMap, visitor: &Visitor) -> Result<(), Response> {
    if from_here(headers, visitor) { Ok(()) } else { Err(visitor.refuse(ErrorCode::ForeignOrigin)) }
}

/// Browsers send `Origin` with every form they post.
fn from_here(headers: &HeaderMap, visitor: &Visitor) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(header::ORIGIN.as_str());
    let own = visitor.snapshot.site.hosts.origin_of(&visitor.host).origin().ascii_serialization();
    origin == Some(own.as_str())
}
