//! What is known of one request, from its first byte to its last.
//!
//! Holds the snapshot the request began with, so that a reload in between changes nothing about it. Never
//! outlives the request; what several requests share is in the service.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;
use pingora::protocols::l4::socket::SocketAddr;
use tokio::time::Instant;

use super::tunnel::Tunnel;
use crate::gate::{RequestKind, Route, Scheme};
use crate::ground::{Timestamp, TokenDigest, random_id};
use crate::login::Known;
use crate::snapshot::Snapshot;

/// Where a request goes.
#[derive(Debug)]
pub(super) enum Goal {
    /// Nowhere yet; or it was answered here.
    Here,
    /// To our own pages.
    Portal,
    /// To an app, as somebody or as nobody.
    App {
        /// Who the app is told the visitor is.
        visitor: Option<Visitor>,
    },
}

/// A known visitor and by which token.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) digest: TokenDigest,
    pub(super) known: Arc<Known>,
}

/// One request. A further attempt at an upstream sees the same context.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) started: Instant,
    pub(super) now: Timestamp,
    pub(super) request_id: HeaderValue,
    /// The host in lower case without port; empty until the request was admitted.
    pub(super) host: String,
    pub(super) kind: RequestKind,
    pub(super) client: Client,
    /// The route that decides; none for our own pages.
    pub(super) route: Option<Arc<Route>>,
    pub(super) goal: Goal,
    /// Whether `Authorization` carries a token of ours, which no upstream may see.
    pub(super) hide_bearer: bool,
    /// For the access line.
    pub(super) decision: &'static str,
    /// Bytes of the body so far.
    pub(super) received: u64,
    /// Addresses that refused a connection for this request.
    pub(super) tried: Vec<SocketAddr>,
    pub(super) upstream_asked: Option<Instant>,
    pub(super) upstream_answered: Option<Instant>,
    pub(super) tunnel: Option<Tunnel>,
    /// Whether the connection can carry on what one of our own pages leaves for later.
    pub(super) may_step_aside: bool,
    /// Under which number the rest of the answer lies in the waiting room.
    pub(super) left: Option<u64>,
}

/// The visitor's end of the connection, as far as it is believed.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) ip: Option<IpAddr>,
    pub(super) scheme: Scheme,
    /// Whether the peer may speak for others.
    pub(super) trusted_peer: bool,
    /// `X-Forwarded-For` and `X-Real-IP` for the app.
    pub(super) forwarded_for: Option<HeaderValue>,
    pub(super) real_ip: Option<HeaderValue>,
}

/// Length of the request ids we make: 100 random bits.
const ID_LEN: usize = 20;

impl Context {
    pub(super) fn new(snapshot: Arc<Snapshot>, now: Timestamp) -> Self {
        Self {
            snapshot,
            started: Instant::now(),
            now,
            request_id: HeaderValue::from_static(""),
            host: String::new(),
            kind: RequestKind::Api,
            client: Client {
                ip: None,
                scheme: Scheme::Http,
                trusted_peer: false,
                forwarded_for: None,
                real_ip: None,
            },
            route: None,
            goal: Goal::Here,
            hide_bearer: false,
            decision: "refused",
            received: 0,
            tried: Vec::new(),
            upstream_asked: None,
            upstream_answered: None,
            tunnel: None,
            may_step_aside: false,
            left: None,
        }
    }

    /// The request id as text.
    pub(super) fn request_id(&self) -> &str {
        // Made of letters, digits and `-`, or empty.
        self.request_id.to_str().unwrap_or_default()
    }

    /// The route, if the request has one.
    pub(super) fn route(&self) -> Option<&Route> {
        self.route.as_deref()
    }

    /// The visitor the app is told of.
    pub(super) fn visitor(&self) -> Option<&Visitor> {
        match &self.goal {
            Goal::App { visitor } => visitor.as_ref(),
            Goal::Here | Goal::Portal => None,
        }
    }
}

/// The id of a request: the trusted peer's if it is well-formed, else a new one.
pub(super) fn request_id(theirs: Option<&HeaderValue>, trusted_peer: bool) -> HeaderValue {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let fits = |id: &&HeaderValue| (8..=128).contains(&id.len()) && id.as_bytes().iter().all(plain);
    match theirs.filter(|_| trusted_peer).filter(fits) {
        Some(id) => id.clone(),
        None => HeaderValue::try_from(random_id(&mut rand::rng(), ID_LEN))
            .expect("letters and digits make a header value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("0af7651916cd43dd8448eb211c80319c", true, true)]
    #[case("0af7651916cd43dd8448eb211c80319c", false, false)]
    #[case("short", true, false)]
    #[case("with blank and \"quotes\"", true, false)]
    fn a_request_id_is_taken_only_from_trusted_peers_and_only_if_plain(
        #[case] theirs: &'static str,
        #[case] trusted: bool,
        #[case] kept: bool,
    ) {
        let id = request_id(Some(&HeaderValue::from_static(theirs)), trusted);
        assert_eq!(id == theirs, kept);
        assert!(id.len() >= 8);
    }
}
