//! Who in this process waits for which flow, so that one change wakes one page and not all of them.
//!
//! One task follows the store's news; a page that waits costs a map entry and no task. Nothing is read here: who is
//! woken looks for themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::domain::FlowId;
use crate::store::{Store, StoreEvent};

/// How many may wait for one flow at once: a page, its reload, and a tab opened by mistake.
pub const MAX_PER_FLOW: usize = 4;

/// The pages and callbacks of this process that wait for flows.
#[derive(Debug, Default)]
pub struct FlowWatch {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    flows: HashMap<FlowId, watch::Sender<()>>,
    closed: bool,
}

/// One who waits. Hears of every change after it was made.
#[derive(Debug)]
pub struct Watching {
    flow: FlowId,
    changes: Option<watch::Receiver<()>>,
    hub: Arc<FlowWatch>,
}

/// Why nobody can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWatching {
    /// [`MAX_PER_FLOW`] wait for this flow already.
    #[error("too many wait for this login already")]
    TooMany,
    /// The process is stopping; another one will know.
    #[error("this process is stopping")]
    Closed,
}

impl FlowWatch {
    /// Nobody waits.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Begins to wait. Look at the flow after this, not before: what happens in between is heard.
    pub fn watch(self: &Arc<Self>, flow: &FlowId) -> Result<Watching, NotWatching> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(NotWatching::Closed);
        }
        let sender = waiting.flows.entry(flow.clone()).or_insert_with(|| watch::channel(()).0);
        if sender.receiver_count() >= MAX_PER_FLOW {
            return Err(NotWatching::TooMany);
        }
        let changes = Some(sender.subscribe());
        Ok(Watching { flow: flow.clone(), changes, hub: Arc::clone(self) })
    }

    /// Follows the store's news until the store is gone. Spawn it once, before the first request.
    pub async fn follow_news(self: Arc<Self>, store: Arc<dyn Store>) {
        let mut news = store.events();
        // From here on only the channel keeps it; a store that is dropped ends the loop.
        drop(store);
        loop {
            match news.recv().await {
                Ok(StoreEvent::FlowChanged { flow }) => self.wake(&flow),
                Ok(StoreEvent::Missed) | Err(RecvError::Lagged(_)) => self.wake_all(),
                Ok(_) => {}
                Err(RecvError::Closed) => return self.close(),
            }
        }
    }

    /// Lets go of everybody who waits, and of all who come later: the process is stopping.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.flows.clear();
    }

    /// How many flows are waited for.
    pub fn len(&self) -> usize {
        self.lock().flows.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn wake(&self, flow: &FlowId) {
        if let Some(sender) = self.lock().flows.get(flow) {
            sender.send_replace(());
        }
    }

    fn wake_all(&self) {
        for sender in self.lock().flows.values() {
            sender.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change to the map is one call that does not panic half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// Waits for the next change; an error when the process stops.
    pub async fn changed(&mut self) -> Result<(), NotWatching> {
        match &mut self.changes {
            Some(changes) => changes.changed().await.map_err(|_| NotWatching::Closed),
            None => Err(NotWatching::Closed),
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut waiting = self.hub.lock();
        self.changes = None;
        if waiting.flows.get(&self.flow).is_some_and(|sender| sender.receiver_count() == 0) {
            waiting.flows.remove(&self.flow);
            if waiting.flows.capacity() > 1024 && waiting.flows.len() * 8 < waiting.flows.capacity() {
                // After a rush the room it took is given back.
                waiting.flows.shrink_to_fit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::FutureExt as _;

    use super::*;

    fn id(name: &str) -> FlowId {
        FlowId::new(name).unwrap()
    }

    #[tokio::test]
    async fn a_change_wakes_those_who_wait_for_that_flow_and_nobody_else() {
        let hub = FlowWatch::new();
        let (mut one, mut two) = (hub.watch(&id("one")).unwrap(), hub.watch(&id("two")).unwrap());
        hub.wake(&id("one"));
        assert_eq!(one.changed().await, Ok(()));
        assert_eq!(one.changed().now_or_never(), None);
        assert_eq!(two.changed().now_or_never(), None);
        hub.wake_all();
        assert_eq!((one.changed().await, two.changed().await), (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn nothing_is_kept_of_those_who_have_gone() {
        let hub = FlowWatch::new();
        let all: Vec<_> = (0..5000).map(|n| hub.watch(&id(&n.to_string())).unwrap()).collect();
        assert_eq!(hub.len(), 5000);
        drop(all);
        assert!(hub.is_empty());
        assert!(hub.lock().flows.capacity() < 2048);
    }

    #[tokio::test]
    async fn only_a_few_may_wait_for_one_flow() {
        let hub = FlowWatch::new();
        let waiting: Vec<_> = (0..MAX_PER_FLOW).map(|_| hub.watch(&id("one")).unwrap()).collect();
        assert_eq!(hub.watch(&id("one")).unwrap_err(), NotWatching::TooMany);
        drop(waiting);
        assert!(hub.watch(&id("one")).is_ok());
    }

    #[tokio::test]
    async fn a_process_that_stops_lets_everybody_go() {
        let hub = FlowWatch::new();
        let mut one = hub.watch(&id("one")).unwrap();
        hub.close();
        assert_eq!(one.changed().await, Err(NotWatching::Closed));
        assert_eq!(hub.watch(&id("two")).unwrap_err(), NotWatching::Closed);
    }
}
