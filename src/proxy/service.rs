//! pingora's phases, each handed to the module that does its work.
//!
//! The order of a request: `early_request_filter` (limits) → `request_filter` (decide, or answer) →
//! `upstream_peer` → `upstream_request_filter` (rewrite) → bodies → `response_filter` → `logging`.
//! Identity headers are set in `upstream_request_filter` and nowhere else: a header set earlier could be
//! nominated away by the client's `Connection`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::{HttpPeer, Peer as _};
use pingora::{Error, ErrorType};
use tokio::time::Instant;

use super::access_log::{self, AccessLog};
use super::context::{Context, Goal};
use super::decide::{Shared, decide};
use super::failure::code_of;
use super::pools::Pools;
use super::tunnel::{Asked, Tunnels};
use super::upstream::{Pool, UpstreamError};
use super::{incoming, outgoing, wire};
use crate::ground::Clock;
use crate::login::{STEP_ASIDE, WaitingRoom};
use crate::snapshot::Live;

/// Idle time of a visitor's connection between two requests, in seconds.
const KEEPALIVE: u64 = 60;
/// Longest wait for more of a request's body.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a visitor to take more of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest time to read the rest of a body nobody needs any more.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// What all requests share.
pub(super) struct Service {
    pub(super) live: Arc<Live>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shared: Shared,
    pub(super) pools: Pools,
    pub(super) hop: HttpPeer,
    pub(super) waiting_room: Arc<WaitingRoom>,
    pub(super) tunnels: Arc<Tunnels>,
    pub(super) access_log: AccessLog,
}

type PoolResult = Arc<Result<Pool, UpstreamError>>;

impl Service {
    fn pool(&self, context: &Context) -> Option<PoolResult> {
        self.pools.get(&context.snapshot, &context.route()?.upstream)
    }

    /// The server whose turn it is, with the limits of this request.
    async fn app_peer(&self, session: &Session, context: &Context) -> pingora::Result<Box<HttpPeer>> {
        let unusable = |why: &str| Error::explain(ErrorType::HTTPStatus(502), why.to_owned());
        let pool = self.pool(context).ok_or_else(|| unusable("no such upstream"))?;
        let pool = (*pool).as_ref().map_err(|error| unusable(&error.to_string()))?;
        pool.ready().await.map_err(|error| unusable(&error.to_string()))?;
        let mut peer = pool.choose(&context.tried).ok_or_else(|| unusable("no server left to try"))?;
        if let Some(route) = context.route() {
            let stream = context.is_stream(session.req_header());
            let limit = if stream { route.stream_timeout } else { route.read_timeout };
            peer.options.read_timeout = Some(limit.duration());
        }
        Ok(peer)
    }

    fn ended(context: &Context) -> pingora::Result<()> {
        match &context.tunnel {
            Some(tunnel) if tunnel.has_ended() => {
                Err(Error::explain(ErrorType::ConnectionClosed, "the session has ended").into_down())
            }
            _ => Ok(()),
        }
    }

    /// Lists the answer among those that end with their session, if it goes on for long.
    fn watch(&self, session: &Session, response: &ResponseHeader, context: &mut Context) {
        let long =
            response.status == http::StatusCode::SWITCHING_PROTOCOLS || incoming::is_event_stream(response);
        let Some(visitor) = context.visitor().filter(|_| long && context.tunnel.is_none()) else { return };
        let asked = Asked {
            visitor: visitor.clone(),
            host: context.host.clone(),
            target: String::from_utf8_lossy(session.req_header().raw_path()).into_owned(),
            kind: context.kind,
        };
        let line = wire::line(session.digest()).cloned();
        context.tunnel = Some(self.tunnels.begin(asked, line));
    }

    /// Where our own page left the rest of its answer for later, the body is what comes until the connection ends.
    fn step_aside(session: &mut Session, response: &mut ResponseHeader, context: &mut Context) {
        let Some(number) = response.remove_header(STEP_ASIDE) else { return };
        context.left = number.to_str().ok().and_then(|number| number.parse().ok());
        if context.left.is_some() && session.req_header().method == http::Method::GET {
            response.remove_header(&CONTENT_LENGTH);
            response.remove_header(&TRANSFER_ENCODING);
            session.set_keepalive(None);
        }
    }

    /// The connection carries what was left of the answer once pingora is done; not if the answer broke off so far.
    fn carry_on(&self, session: &Session, error: Option<&Error>, context: &mut Context) {
        let rest = context.left.take().and_then(|number| self.waiting_room.take(number));
        // Nothing may follow the answer to a HEAD.
        let whole = error.is_none() && session.req_header().method == http::Method::GET;
        if let (Some(rest), Some(line), true) = (rest, wire::line(session.digest()), whole) {
            line.carry_on(rest);
            context.decision = "stream";
        }
    }

    fn write_access_line(&self, session: &Session, error: Option<&Error>, context: &Context) {
        let header = session.req_header();
        let micros = |from: Instant, to: Instant| u64::try_from((to - from).as_micros()).unwrap_or(u64::MAX);
        let upstream =
            context.upstream_asked.zip(context.upstream_answered).map(|(from, to)| micros(from, to));
        self.access_log.write(&access_log::Line {
            at: context.now,
            request_id: context.request_id(),
            client: context.client.ip,
            method: header.method.as_str(),
            host: &context.host,
            path: header.uri.path(),
            route: context.route().map_or("", |route| route.id.as_str()),
            status: session.response_written().map_or(0, |response| response.status.as_u16()),
            decision: context.decision,
            account: context.visitor().map_or("", |visitor| visitor.known.account_id()),
            sent: session.body_bytes_sent(),
            total: micros(context.started, Instant::now()),
            upstream,
            error: error.map(|error| error.etype().as_str()),
        });
    }
}

#[async_trait]
impl ProxyHttp for Service {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::new(self.live.load_full(), self.clock.now())
    }

    /// None: compression is the app's, and would hold event streams back.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn early_request_filter(
        &self,
        session: &mut Session,
        context: &mut Context,
    ) -> pingora::Result<()> {
        if let Some(line) = wire::line(session.digest()) {
            line.request_begins();
            context.may_step_aside = line.can_carry_on();
        }
        // Where pingora has switched keep-alive off, it stays off; where it is on, it would be without end.
        if session.get_keepalive().is_some() {
            session.set_keepalive(Some(KEEPALIVE));
        }
        session.set_read_timeout(Some(READ_TIMEOUT));
        session.set_write_timeout(Some(WRITE_TIMEOUT));
        session.set_total_drain_timeout(Some(DRAIN_TIMEOUT));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, context: &mut Context) -> pingora::Result<bool> {
        if let Err(answer) = decide(&self.shared, session, context).await {
            answer.send(session, &context.request_id).await?;
            return Ok(true);
        }
        // The read limit also holds inside a tunnel, whose visitor may say nothing for long.
        if let (true, Some(route)) = (session.is_upgrade_req(), context.route()) {
            session.set_read_timeout(Some(route.stream_timeout.duration()));
        }
        Ok(false)
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        context: &mut Context,
    ) -> pingora::Result<Box<HttpPeer>> {
        context.upstream_asked = Some(Instant::now());
        match context.goal {
            Goal::App { .. } => self.app_peer(session, context).await,
            Goal::Portal | Goal::Here => Ok(Box::new(self.hop.clone())),
        }
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        peer: &HttpPeer,
        context: &mut Context,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let Some(pool) = self.pool(context) else { return error };
        if let Ok(pool) = &*pool {
            pool.refused(peer.address());
            context.tried.push(peer.address().clone());
            // Nothing was sent yet, so even a POST may go to the next address.
            error.set_retry(pool.has_another(&context.tried));
        }
        error
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        request: &mut RequestHeader,
        context: &mut Context,
    ) -> pingora::Result<()> {
        let dress =
            |visitor| self.shared.wardrobe.dress(visitor, &context.snapshot, &context.host, context.now);
        outgoing::rewrite(request, context, context.visitor().map(dress).as_deref())
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        context: &mut Context,
    ) -> pingora::Result<()> {
        Self::ended(context)?;
        context.received += body.as_ref().map_or(0, |chunk| chunk.len() as u64);
        // What flows in a tunnel is no body.
        let max = context.route().and_then(|route| route.max_body).filter(|_| context.tunnel.is_none());
        if max.is_some_and(|max| context.received > max) {
            return Err(Error::explain(ErrorType::HTTPStatus(413), "the body is too large").into_down());
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> pingora::Result<()> {
        context.upstream_answered = Some(Instant::now());
        self.watch(session, response, context);
        match context.goal {
            Goal::App { .. } => {
                incoming::rewrite(response, &context.snapshot.site.cookies, &context.request_id)
            }
            Goal::Portal | Goal::Here => {
                Self::step_aside(session, response, context);
                Ok(())
            }
        }
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        context: &mut Context,
    ) -> pingora::Result<Option<Duration>> {
        Self::ended(context).map(|()| None)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        context: &mut Context,
    ) -> FailToProxy {
        let code = code_of(error).filter(|_| session.response_written().is_none());
        let error_code = code.map_or(0, |code| code.status().as_u16());
        if let Some(code) = code {
            if code.status().is_server_error() {
                warn_of(error, context);
            }
            let answer = context.error(session.req_header(), code, None).closing();
            // If the visitor has gone meanwhile, there is nobody to tell.
            let _ = answer.send(session, &context.request_id).await;
        }
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Context) {
        self.carry_on(session, error, context);
        if context.snapshot.access_log && self.access_log.is_on() {
            self.write_access_line(session, error, context);
        }
        if let Some(line) = wire::line(session.digest()) {
            line.request_ends();
        }
    }

    /// pingora's own lines name the whole target, and a query may hold a code.
    fn suppress_error_log(&self, _: &Session, _: &Context, _: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(&self, _: &Session, _: &Context, _: &Error, _: ProxyWarnLogContext) -> bool {
        true
    }

    fn request_summary(&self, _: &Session, context: &Context) -> String {
        context.request_id().to_owned()
    }
}

/// One line about a failure that an operator can act on.
fn warn_of(error: &Error, context: &Context) {
    let (route, id) = (context.route().map_or("", |route| route.id.as_str()), context.request_id());
    // The words of this kind quote what an app sent, cookies and all.
    if *error.etype() == ErrorType::InvalidHTTPHeader {
        tracing::warn!(route, id, "an app's answer cannot be understood");
    } else {
        tracing::warn!(%error, route, id, "a request failed");
    }
}
