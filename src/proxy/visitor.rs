//! From the tokens of a request to who sent it.
//!
//! Asks the near cache first, so that the usual request waits for nobody. Never takes a broken store for an
//! absent session.

use std::sync::Arc;

use http::HeaderMap;
use http::header::COOKIE;

use super::context::Visitor;
use crate::gate::{Access, bearer};
use crate::ground::{Timestamp, TokenDigest};
use crate::login::{Presence, Sessions};
use crate::snapshot::Snapshot;

/// What the tokens of a request say.
#[derive(Debug)]
pub(super) enum Seen {
    /// None, or none that leads anywhere.
    Stranger,
    /// One of a session that has run out.
    Expired,
    /// One of a live session.
    Known(Visitor),
    /// The store could not be asked about one of them.
    StoreDown,
}

/// Asks about tokens for one host at one moment.
#[derive(Clone, Copy)]
pub(super) struct Inquiry<'a> {
    pub(super) sessions: &'a Arc<Sessions>,
    pub(super) snapshot: &'a Snapshot,
    pub(super) host: &'a str,
    pub(super) now: Timestamp,
}

impl Inquiry<'_> {
    /// Who asks for a route of this kind, and whether the `Authorization` is, or may be, a token of ours. For requests
    /// that come here and for those that another proxy asks about.
    ///
    /// An app may have bearer tokens of its own that look like ours: only one that leads nowhere is passed on, so they
    /// are asked about where nobody is identified too, but not where nothing is passed on.
    pub(super) async fn look(&self, headers: &HeaderMap, access: Access) -> (Seen, bool) {
        let by_cookie = match access {
            Access::Deny => return (Seen::Stranger, false),
            Access::Public => Seen::Stranger,
            Access::Optional | Access::Login => self.by_cookie(headers).await,
        };
        let Some(by_bearer) = self.by_bearer(headers).await else {
            return (by_cookie, false);
        };
        let hide = !matches!(by_bearer, Seen::Stranger);
        let seen = match by_cookie {
            Seen::Known(_) => by_cookie,
            Seen::StoreDown if !matches!(by_bearer, Seen::Known(_)) => by_cookie,
            Seen::Expired if matches!(by_bearer, Seen::Stranger) => by_cookie,
            Seen::Stranger | Seen::Expired | Seen::StoreDown => by_bearer,
        };
        (seen, hide)
    }

    /// The visitor by cookie. A neighbouring host may have set a cookie of our name, so every candidate counts:
    /// the first known one wins, then a broken store, then an expired session.
    async fn by_cookie(&self, headers: &HeaderMap) -> Seen {
        let lines = headers.get_all(COOKIE).iter().map(|value| value.as_bytes());
        let mut seen = Seen::Stranger;
        for token in self.snapshot.site.cookies.session_tokens(lines) {
            seen = match (seen, self.ask(token.digest()).await) {
                (_, known @ Seen::Known(_)) => return known,
                (Seen::StoreDown, _) | (_, Seen::StoreDown) => Seen::StoreDown,
                (Seen::Expired, _) | (_, Seen::Expired) => Seen::Expired,
                _ => Seen::Stranger,
            };
        }
        seen
    }

    /// The visitor by `Authorization: Bearer`; `None` if nothing there looks like a token of ours.
    async fn by_bearer(&self, headers: &HeaderMap) -> Option<Seen> {
        Some(self.ask(bearer(headers)?.digest()).await)
    }

    /// What is known of one token.
    pub(super) async fn ask(&self, digest: TokenDigest) -> Seen {
        let rules = &self.snapshot.sessions;
        let presence = match self.sessions.near(&digest, self.host, rules, self.now) {
            Some(presence) => presence,
            None => self.sessions.find(&digest, self.host, rules, self.now).await,
        };
        match presence {
            Presence::Known(known) => Seen::Known(Visitor { digest, known }),
            Presence::Stranger => Seen::Stranger,
            Presence::Expired => Seen::Expired,
            Presence::StoreDown => Seen::StoreDown,
        }
    }
}

impl Seen {
    /// As the gate's rule takes it.
    pub(super) fn as_gate(&self) -> crate::gate::Visitor<'_> {
        match self {
            Self::Stranger => crate::gate::Visitor::Stranger,
            Self::Expired => crate::gate::Visitor::Expired,
            Self::Known(visitor) => crate::gate::Visitor::Known(&visitor.known),
            Self::StoreDown => crate::gate::Visitor::StoreDown,
        }
    }
}

impl Seen {
    /// The known visitor.
    pub(super) fn into_visitor(self) -> Option<Visitor> {
        match self {
            Self::Known(visitor) => Some(visitor),
            Self::Stranger | Self::Expired | Self::StoreDown => None,
        }
    }
}
