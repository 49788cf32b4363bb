//! The identity headers of visitors, rendered and signed once and worn for a minute.
//!
//! Bounded: what falls out is rendered again. An entry is worn only with the very session entry it was made
//! from, so a changed account or an ended session never shows in an old dress.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use quick_cache::sync::Cache;

use super::context::Visitor;
use crate::gate::Claims;
use crate::ground::{Span, Timestamp, TokenDigest};
use crate::login::Known;
use crate::snapshot::Snapshot;

/// How long a dress is worn; an assertion lives five times as long.
const WORN: Span = Span::from_mins(1);
/// Dresses kept: about 1.5 KiB each.
const KEPT: usize = 20_000;

/// Everything an app is told about one visitor.
#[derive(Debug)]
pub(super) struct Dress {
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    generation: u64,
    /// The audience of the assertion; a bearer token works on every host.
    host: Box<str>,
    fingerprint: u64,
    made_at: Timestamp,
}

/// The dresses of the visitors who were here lately.
#[derive(Debug)]
pub(super) struct Wardrobe(Cache<TokenDigest, Arc<Dress>>);

impl Wardrobe {
    pub(super) fn new() -> Self {
        Self(Cache::new(KEPT))
    }

    /// The headers for `visitor` on `host`.
    pub(super) fn dress(
        &self,
        visitor: &Visitor,
        snapshot: &Snapshot,
        host: &str,
        now: Timestamp,
    ) -> Arc<Dress> {
        let fits = |dress: &Arc<Dress>| {
            dress.generation == snapshot.generation
                && dress.fingerprint == visitor.known.fingerprint()
                && *dress.host == *host
                && now.since(dress.made_at) < WORN
        };
        if let Some(dress) = self.0.get(&visitor.digest).filter(fits) {
            return dress;
        }
        let dress = Arc::new(Dress::new(&visitor.known, snapshot, host, now));
        self.0.insert(visitor.digest, dress.clone());
        dress
    }
}

impl Dress {
    fn new(known: &Arc<Known>, snapshot: &Snapshot, host: &str, now: Timestamp) -> Self {
        let site = &snapshot.site;
        let mut headers = site.headers.render(known.principal());
        if let Some(name) = site.headers.assertion_name() {
            let claims = Claims::of(known.principal(), site.hosts.public_origin(), host, now);
            match snapshot.signer.sign(&claims).map(HeaderValue::try_from) {
                Ok(Ok(mut value)) => {
                    value.set_sensitive(true);
                    headers.push((name.clone(), value));
                }
                // An app that demands the assertion refuses the request without it: nobody gets in by this.
                Ok(Err(_)) => tracing::error!("an identity assertion is no header value"),
                Err(error) => tracing::error!(%error, "an identity assertion could not be signed"),
            }
        }
        Self {
            headers,
            generation: snapshot.generation,
            host: host.into(),
            fingerprint: known.fingerprint(),
            made_at: now,
        }
    }
}
