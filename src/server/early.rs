//! What arrives before the process is ready to act on it. Remembers, never acts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals that arrived before the process could act on them.
#[derive(Debug, Default)]
pub struct EarlySignals {
    hangup: Arc<AtomicBool>,
}

impl EarlySignals {
    /// Starts to remember SIGHUP instead of dying of it. To be called first of all.
    pub fn catch() -> Self {
        let hangup = Arc::<AtomicBool>::default();
        // Fails only for signals that cannot be caught, which SIGHUP is not.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&hangup));
        Self { hangup }
    }

    /// Whether a SIGHUP arrived so far; forgets it.
    pub fn take_hangup(&self) -> bool {
        self.hangup.swap(false, Ordering::Relaxed)
    }
}
