//! The news of all processes, by pub/sub on a connection of their own.
//!
//! A break is noticed within seconds, reported by [`Events::flow`], and followed by [`StoreEvent::Missed`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{Client, RedisError};
use tokio::sync::broadcast;
use tokio_util::task::AbortOnDropHandle;

use super::super::{EVENTS_BUFFERED, StoreEvent};
use super::link::pause;

/// How often the connection is tried: a revocation must not be missed unnoticed for long.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The receiving end of the news.
pub(super) struct Events {
    sender: broadcast::Sender<StoreEvent>,
    flowing: Arc<AtomicBool>,
    _listener: AbortOnDropHandle<()>,
}

impl Events {
    /// Subscribes; the news flow when this returns.
    pub(super) async fn start(client: Client, channel: String, limit: Duration) -> Result<Self, RedisError> {
        let (sender, _) = broadcast::channel(EVENTS_BUFFERED);
        let flowing = Arc::new(AtomicBool::new(true));
        let subscription = subscribe(&client, &channel, limit).await?;
        let listener = Listener { client, channel, limit, sender: sender.clone(), flowing: flowing.clone() };
        let task = tokio::spawn(async move { listener.listen(subscription).await });
        Ok(Self { sender, flowing, _listener: AbortOnDropHandle::new(task) })
    }

    pub(super) fn receiver(&self) -> broadcast::Receiver<StoreEvent> {
        self.sender.subscribe()
    }

    pub(super) fn flow(&self) -> bool {
        self.flowing.load(Ordering::SeqCst)
    }
}

struct Listener {
    client: Client,
    channel: String,
    limit: Duration,
    sender: broadcast::Sender<StoreEvent>,
    flowing: Arc<AtomicBool>,
}

impl Listener {
    async fn listen(self, mut subscription: PubSub) {
        loop {
            self.follow(subscription).await;
            self.flowing.store(false, Ordering::SeqCst);
            tracing::warn!("the news from other processes are interrupted");
            subscription = self.subscribe_again().await;
            // First the news that some were missed, so that nobody who sees them flow trusts an old answer.
            let _ = self.sender.send(StoreEvent::Missed);
            self.flowing.store(true, Ordering::SeqCst);
            tracing::info!("the news from other processes arrive again");
        }
    }

    /// Passes news on until the connection breaks.
    async fn follow(&self, subscription: PubSub) {
        let (mut sink, mut messages) = subscription.split();
        let pass_on = async {
            while let Some(message) = messages.next().await {
                // Words of a newer version: something happened that this one cannot name.
                let event = serde_json::from_slice(message.get_payload_bytes()).unwrap_or(StoreEvent::Missed);
                // Fails only when nobody listens.
                let _ = self.sender.send(event);
            }
        };
        let try_connection = async {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                let answered = tokio::time::timeout(self.limit, sink.ping::<redis::Value>()).await;
                if !matches!(answered, Ok(Ok(_))) {
                    return;
                }
            }
        };
        tokio::select! {
            () = pass_on => {}
            () = try_connection => {}
        }
    }

    async fn subscribe_again(&self) -> PubSub {
        let mut failures = 0;
        loop {
            tokio::time::sleep(pause(failures)).await;
            match subscribe(&self.client, &self.channel, self.limit).await {
                Ok(subscription) => return subscription,
                Err(error) => {
                    tracing::debug!(%error, "cannot subscribe to the news");
                    failures = failures.saturating_add(1);
                }
            }
        }
    }
}

async fn subscribe(client: &Client, channel: &str, limit: Duration) -> Result<PubSub, RedisError> {
    let subscribing = async {
        let mut subscription = client.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        Ok(subscription)
    };
    match tokio::time::timeout(limit, subscribing).await {
        Ok(subscribed) => subscribed,
        Err(late) => Err(std::io::Error::from(late).into()),
    }
}
