//! WebSockets and event streams that outlive the moment they were allowed.
//!
//! Somebody who logs out, is disabled, runs out of time or loses what the route asks for must not keep listening. Each
//! open stream of a known visitor is listed here; the watch looks at the sessions behind them and ends what would no
//! longer be let in. A broken store ends nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::context::Visitor;
use super::visitor::{Inquiry, Seen};
use super::wire::Line;
use crate::gate::{self, Decision, RequestKind};
use crate::ground::Clock;
use crate::login::Sessions;
use crate::snapshot::{Live, Snapshot};

/// How often the watch looks whether sessions were ended.
const LOOK: Duration = Duration::from_secs(1);
/// After how many looks it asks whether they still live and may pass (disabled accounts, lifetimes, groups, routes).
const ASK_EVERY: u32 = 5;

/// The open streams of known visitors.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    open: Mutex<HashMap<u64, Entry>>,
    next: AtomicU64,
}

#[derive(Clone, Debug)]
struct Entry {
    asked: Asked,
    stream: Arc<Stream>,
}

/// Who asked for a stream, and for which.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) visitor: Visitor,
    pub(super) host: String,
    /// Path and query as they were written.
    pub(super) target: String,
    pub(super) kind: RequestKind,
}

#[derive(Debug)]
struct Stream {
    /// The connection, if it is ours to close.
    line: Option<Arc<Line>>,
    ended: AtomicBool,
}

/// An open stream's place in the list; gone with the request.
#[derive(Debug)]
pub(super) struct Tunnel {
    number: u64,
    stream: Arc<Stream>,
    list: Arc<Tunnels>,
}

impl Tunnels {
    /// Lists a stream. On HTTP/1 the connection is closed as soon as the session ends; on HTTP/2, where others share
    /// it, the stream ends with its next byte.
    pub(super) fn begin(self: &Arc<Self>, asked: Asked, line: Option<Arc<Line>>) -> Tunnel {
        if let Some(line) = &line {
            line.tunnel_begins();
        }
        let stream = Arc::new(Stream { line, ended: AtomicBool::new(false) });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.open().insert(number, Entry { asked, stream: stream.clone() });
        Tunnel { number, stream, list: self.clone() }
    }

    /// Ends streams whose sessions have ended, until dropped.
    pub(super) async fn watch(&self, sessions: &Arc<Sessions>, live: &Live, clock: &dyn Clock) {
        let mut looks = 0_u32;
        loop {
            tokio::time::sleep(LOOK).await;
            looks = looks.wrapping_add(1);
            self.end_revoked();
            if looks.is_multiple_of(ASK_EVERY) {
                self.end_lapsed(sessions, live, clock).await;
            }
        }
    }

    fn end_revoked(&self) {
        for entry in self.open().values() {
            if entry.asked.visitor.known.has_ended() {
                entry.stream.end();
            }
        }
    }

    async fn end_lapsed(&self, sessions: &Arc<Sessions>, live: &Live, clock: &dyn Clock) {
        let entries: Vec<Entry> = self.open().values().cloned().collect();
        let snapshot = live.load_full();
        for Entry { asked, stream } in entries {
            let inquiry = Inquiry { sessions, snapshot: &snapshot, host: &asked.host, now: clock.now() };
            match inquiry.ask(asked.visitor.digest).await {
                // Every further question would wait for its time limit.
                Seen::StoreDown => return,
                seen if asked.may_pass(&snapshot, &seen) => {}
                _ => stream.end(),
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        // Nothing that can panic runs while it is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    /// Whether the session lives, and the route that is in force there now would let it in.
    fn may_pass(&self, snapshot: &Snapshot, seen: &Seen) -> bool {
        let route =
            gate::target(&self.target).and_then(|target| snapshot.routes.find_target(&self.host, &target));
        let Ok(Some(route)) = route else { return false };
        let verdict = gate::decide(route, seen.as_gate(), self.kind);
        matches!((seen, verdict), (Seen::Known(_), Decision::Forward(_)))
    }
}

impl Stream {
    fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(line) = &self.line {
            line.end();
        }
    }
}

impl Tunnel {
    /// Whether the session behind the stream has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.stream.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.list.open().remove(&self.number);
    }
}
