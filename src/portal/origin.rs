//! Whether a form was sent from a page of ours. Whatever changes something on behalf of a cookie asks this first.

use axum::http::{HeaderMap, header};

use super::visitor::Visitor;

/// Whether a form comes from a page of this host. Browsers send `Origin` with every form they post.
pub(super) fn from_here(headers: &HeaderMap, visitor: &Visitor) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(header::ORIGIN.as_str());
    let own = visitor.snapshot.site.hosts.origin_of(&visitor.host).origin().ascii_serialization();
    origin == Some(own.as_str())
}
