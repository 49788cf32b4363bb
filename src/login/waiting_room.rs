//! Event streams on their way from the page that began them to the connection that carries them.
//!
//! Ten thousand pages may wait at once, so what waits must be small: our own page answers, and the proxy then carries
//! the rest of its stream on the bare connection, without the machinery of a request. This is where the two meet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::BoxStream;

/// How long a stream may lie here; who left in between is forgotten then.
const LEFT_BEHIND: Duration = Duration::from_secs(30);

/// Between proxy and pages. Of a request: the rest of its answer may be left here. Of an answer: under which number it
/// was.
pub const STEP_ASIDE: &str = "x-menshen-step-aside";

/// Streams that nobody carries yet.
#[derive(Default)]
pub struct WaitingRoom {
    streams: Mutex<Streams>,
}

#[derive(Default)]
struct Streams {
    next: u64,
    waiting: HashMap<u64, (Instant, BoxStream<'static, Bytes>)>,
}

impl std::fmt::Debug for WaitingRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitingRoom").field("waiting", &self.lock().waiting.len()).finish()
    }
}

impl WaitingRoom {
    /// An empty room.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Leaves the rest of an answer here; the number is for who carries it.
    pub fn leave(&self, rest: BoxStream<'static, Bytes>, now: Instant) -> u64 {
        let mut streams = self.lock();
        streams.waiting.retain(|_, (since, _)| now.saturating_duration_since(*since) < LEFT_BEHIND);
        streams.next += 1;
        let number = streams.next;
        streams.waiting.insert(number, (now, rest));
        number
    }

    /// Takes the rest of an answer out.
    pub fn take(&self, number: u64) -> Option<BoxStream<'static, Bytes>> {
        self.lock().waiting.remove(&number).map(|(_, rest)| rest)
    }

    /// Forgets all that lies here: the process is stopping. A stream may hold what holds this room, and only its end
    /// lets go of both.
    pub fn clear(&self) {
        let left = std::mem::take(&mut self.lock().waiting);
        // Whatever a stream does when it ends, it does not do it under the lock.
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        // Every change is one call that does not panic half-way.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_stream_is_taken_once_and_one_left_behind_is_forgotten() {
        let room = WaitingRoom::new();
        let now = Instant::now();
        let rest = || stream::once(async { Bytes::from_static(b"more") }).boxed();
        let (first, second) = (room.leave(rest(), now), room.leave(rest(), now));
        let taken = room.take(first).map(|stream| stream.collect::<Vec<_>>());
        assert_eq!(taken.expect("it lay there").await, [Bytes::from_static(b"more")]);
        assert!(room.take(first).is_none());
        room.leave(rest(), now + LEFT_BEHIND);
        assert!(room.take(second).is_none());
    }
}
