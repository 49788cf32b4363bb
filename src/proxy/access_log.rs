//! One line of JSON for each request, written by a thread of its own.
//!
//! A request hands its line over and goes on; when the disk is slower than the visitors, lines are dropped and
//! counted, never waited for. Holds no query, no header value but the host, no token, no phone number.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ground::Timestamp;

/// Bytes that may wait for the disk.
const WAITING: usize = 4 * 1024 * 1024;
/// How long lines gather before they are written together: waking a thread costs more than a line.
const GATHER: Duration = Duration::from_millis(50);
/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where access lines go.
#[derive(Clone, Debug)]
pub struct AccessLog {
    queue: Option<Arc<Sender>>,
    dropped: Arc<AtomicU64>,
}

/// The requests' end of the queue; the writer ends when the last clone is gone.
#[derive(Debug)]
struct Sender(Arc<Queue>);

impl Drop for Sender {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.closed = true;
        self.0.filled.notify_all();
        // The last lines are written before the process ends, unless the sink is stuck.
        let _written = self.0.filled.wait_timeout_while(waiting, LAST_LINES, |waiting| !waiting.written);
    }
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Told when the first line arrives, not for each; and at the end.
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    closed: bool,
    written: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that can panic runs while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a line says. Times are in microseconds.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) at: Timestamp,
    pub(super) request_id: &'a str,
    pub(super) client: Option<IpAddr>,
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) route: &'a str,
    pub(super) status: u16,
    pub(super) decision: &'static str,
    pub(super) account: &'a str,
    pub(super) sent: usize,
    pub(super) total: u64,
    pub(super) upstream: Option<u64>,
    pub(super) error: Option<&'a str>,
}

impl AccessLog {
    /// Writes nothing.
    pub fn off() -> Self {
        Self { queue: None, dropped: Arc::default() }
    }

    /// Writes to `sink` from a thread of its own, which ends when the last clone of this is gone.
    pub fn to(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let writers = Arc::clone(&queue);
        std::thread::Builder::new().name("access-log".into()).spawn(move || write_all(&writers, sink))?;
        Ok(Self { queue: Some(Arc::new(Sender(queue))), dropped: Arc::default() })
    }

    /// Lines lost so far because the sink was too slow.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether lines are wanted at all.
    pub(super) fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    pub(super) fn write(&self, line: &Line<'_>) {
        let Some(Sender(queue)) = self.queue.as_deref() else { return };
        let mut waiting = queue.lock();
        if waiting.lines.len() > WAITING {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let first = waiting.lines.is_empty();
        line.write_json(&mut waiting.lines);
        drop(waiting);
        if first {
            queue.filled.notify_one();
        }
    }
}

fn write_all(queue: &Queue, mut sink: impl Write) {
    let mut batch = Vec::new();
    loop {
        let mut waiting = queue.lock();
        while waiting.lines.is_empty() && !waiting.closed {
            waiting = queue.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let last = waiting.closed;
        if !last {
            // More lines gather meanwhile; the end of the process does not wait for it.
            (waiting, _) = queue
                .filled
                .wait_timeout_while(waiting, GATHER, |waiting| !waiting.closed)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut batch, &mut waiting.lines);
        drop(waiting);
        // A full disk must not end the log for good: what fails now is lost, what comes later may not be.
        if let Err(error) = sink.write_all(&batch).and_then(|()| sink.flush()) {
            tracing::warn!(%error, "access lines were lost");
        }
        batch.clear();
        if last {
            queue.lock().written = true;
            queue.filled.notify_all();
            return;
        }
    }
}

impl Line<'_> {
    /// The line as JSON with a newline; absent values are left out.
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"ts\":");
        // A `Vec` takes every write.
        let _ = write!(out, "{}.{:03}", self.at.secs(), self.at.millis() % 1000);
        text(out, "id", self.request_id);
        if let Some(client) = self.client {
            let _ = write!(out, ",\"client\":\"{client}\"");
        }
        text(out, "method", self.method);
        text(out, "host", self.host);
        text(out, "path", self.path);
        text(out, "route", self.route);
        let _ = write!(out, ",\"status\":{}", self.status);
        text(out, "decision", self.decision);
        text(out, "account", self.account);
        let _ = write!(out, ",\"sent\":{},\"total_us\":{}", self.sent, self.total);
        if let Some(upstream) = self.upstream {
            let _ = write!(out, ",\"upstream_us\":{upstream}");
        }
        text(out, "error", self.error.unwrap_or_default());
        out.extend_from_slice(b"}\n");
    }
}

/// Appends `,"key":"value"`, escaped; nothing if the value is empty.
fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":\"");
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 | 0x7f => {
                let _ = write!(out, "\\u{byte:04x}");
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn json(line: &Line<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        line.write_json(&mut out);
        out
    }

    fn line<'a>(path: &'a str, error: Option<&'a str>) -> Line<'a> {
        Line {
            at: Timestamp::from_millis(1_700_000_000_042),
            request_id: "r1",
            client: Some([192, 0, 2, 1].into()),
            method: "GET",
            host: "app.example.com",
            path,
            route: "",
            status: 200,
            decision: "known",
            account: "a1",
            sent: 12,
            total: 345,
            upstream: None,
            error,
        }
    }

    #[test]
    fn a_line_says_what_happened_and_leaves_out_what_did_not() {
        let json: serde_json::Value = serde_json::from_slice(&json(&line("/a", None))).unwrap();
        assert_eq!(json["ts"].to_string(), "1700000000.042");
        assert_eq!(json["client"], "192.0.2.1");
        assert_eq!(json["status"], 200);
        assert_eq!(json.get("route"), None);
        assert_eq!(json.get("upstream_us"), None);
    }

    proptest! {
        #[test]
        fn every_line_is_json_on_one_line(path in ".*", error in ".*") {
            let bytes = json(&line(&path, Some(&error)));
            let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            if !path.is_empty() {
                prop_assert_eq!(json["path"].as_str().unwrap(), path.as_str());
            }
            prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
        }
    }

    #[test]
    fn the_last_lines_are_written_before_the_log_is_gone() {
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(buf);
                Ok(buf.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let log = AccessLog::to(kept.clone()).unwrap();
        for _ in 0..1000 {
            log.write(&line("/a", None));
        }
        drop(log);
        let lines = kept.0.lock().unwrap().iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines, 1000);
    }

    #[test]
    fn a_slow_sink_costs_lines_and_no_waiting() {
        struct Stuck(std::sync::mpsc::Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(buf.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, stuck) = std::sync::mpsc::sync_channel(1);
        let log = AccessLog::to(Stuck(stuck)).unwrap();
        let path = "x".repeat(1024);
        for _ in 0..3 * WAITING / path.len() {
            log.write(&line(&path, None));
        }
        assert!(log.dropped() > 0);
        drop(release);
    }
}
