//! The one lock around the world, the clock that can be advanced, and the bell that wakes every waiter.
//!
//! The lock is never held across an await.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::CryptoRng;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::Config;
use super::error::SimError;
use super::world::World;
use crate::ground::{Clock, Span, Timestamp};

const PUSHES_AT_ONCE: usize = 64;

/// What all handlers and handles share.
pub(super) struct Shared {
    /// The address browsers see, without a trailing slash.
    pub(super) base_url: String,
    pub(super) long_poll: Span,
    pub(super) qr_life: Span,
    pub(super) push_timeout: Span,
    /// Everything that runs in the background, and what ends it.
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    pub(super) runtime: Handle,
    /// How many pushes are posted at once.
    pub(super) push_room: Semaphore,
    clock: Arc<dyn Clock>,
    advanced: AtomicU64,
    world: Mutex<World>,
    bell: watch::Sender<u64>,
}

impl Shared {
    /// Must be called inside a runtime.
    pub(super) fn new(config: &Config, base_url: String) -> Result<Self, SimError> {
        let now = config.clock.now();
        Ok(Self {
            base_url,
            push_timeout: config.push_timeout,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            runtime: Handle::current(),
            push_room: Semaphore::new(PUSHES_AT_ONCE),
            long_poll: config.long_poll,
            qr_life: config.qr_life,
            clock: Arc::clone(&config.clock),
            advanced: AtomicU64::new(0),
            world: Mutex::new(World::new(config, now)?),
            bell: watch::Sender::new(0),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().plus(Span::from_millis(self.advanced.load(Ordering::SeqCst)))
    }

    /// Moves this simulator's time forward and wakes everybody who waits for something to expire.
    pub(super) fn advance(&self, span: Span) {
        self.advanced.fetch_add(span.millis(), Ordering::SeqCst);
        self.ring();
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the world without waking anybody.
    pub(super) fn quietly<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.lock())
    }

    /// Changes the world and wakes everybody who waits for a change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let outcome = change(&mut self.lock());
        self.ring();
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // Every change is complete before it can panic, so a poisoned world is still a world.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        self.bell.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits until `look` finds something, at most `limit`; looks again after every change.
    pub(super) async fn wait_for<T>(
        &self,
        limit: Span,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> Option<T> {
        let mut bell = self.bell.subscribe();
        let deadline = Instant::now() + limit.duration();
        loop {
            bell.mark_unchanged();
            if let Some(found) = look(self) {
                return Some(found);
            }
            if !matches!(timeout_at(deadline, bell.changed()).await, Ok(Ok(()))) {
                return look(self);
            }
        }
    }
}

/// Randomness, taken at the edge only.
pub(super) fn rng() -> impl CryptoRng {
    rand::rng()
}
