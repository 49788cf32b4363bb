//! The pools in use, by the upstream's name, renewed when a reload brings a new snapshot.
//!
//! An upstream that a reload did not change keeps its pool, and with it its open connections and what is known
//! of its servers. A pool that cannot be built (a CA file that vanished) is an answer too, not a reason to lose
//! the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::upstream::{Pool, UpstreamError};
use crate::snapshot::{Snapshot, Upstream};

/// Pools of one snapshot's upstreams.
#[derive(Debug, Default)]
struct Generation {
    number: u64,
    pools: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    definition: Arc<Upstream>,
    pool: Arc<Result<Pool, UpstreamError>>,
}

/// All pools of the process.
#[derive(Debug, Default)]
pub(super) struct Pools {
    current: ArcSwap<Generation>,
    renewing: Mutex<()>,
}

impl Pools {
    /// The pool of the upstream `id` of `snapshot`; `None` if the snapshot has no such upstream.
    pub(super) fn get(&self, snapshot: &Snapshot, id: &str) -> Option<Arc<Result<Pool, UpstreamError>>> {
        let current = self.current.load();
        if current.number >= snapshot.generation && !current.pools.is_empty() {
            return current.pools.get(id).map(|entry| entry.pool.clone());
        }
        drop(current);
        self.renew(snapshot).pools.get(id).map(|entry| entry.pool.clone())
    }

    fn renew(&self, snapshot: &Snapshot) -> Arc<Generation> {
        let _one_at_a_time = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current.load_full();
        if before.number >= snapshot.generation && !before.pools.is_empty() {
            return before;
        }
        let pools = snapshot.upstreams.iter().map(|(id, definition)| {
            let kept =
                before.pools.get(id).filter(|entry| entry.definition == *definition && entry.pool.is_ok());
            (id.clone(), kept.cloned().unwrap_or_else(|| Entry::new(id, definition)))
        });
        let next = Arc::new(Generation { number: snapshot.generation, pools: pools.collect() });
        self.current.store(next.clone());
        next
    }
}

impl Entry {
    fn new(id: &str, definition: &Arc<Upstream>) -> Self {
        let pool = Pool::new(definition);
        if let Err(error) = &pool {
            tracing::error!(upstream = id, %error, "this upstream cannot be used");
        }
        Self { definition: definition.clone(), pool: Arc::new(pool) }
    }
}
