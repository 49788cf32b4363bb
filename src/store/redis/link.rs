//! One connection that many requests share, made again when it breaks.
//!
//! No request waits longer than its operation may take. While the server is away, attempts to connect are
//! spaced out and shared by all that wait.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, ServerErrorKind,
    Value,
};
use tokio::time::Instant;

use super::super::StoreError;
use super::super::row::RowError;
use super::scripts::Request;

/// How many requests may wait for their answers at once; the others queue in order.
const IN_FLIGHT: usize = 4096;
/// The first and the longest pause before another attempt to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

type Connecting = Shared<BoxFuture<'static, Result<MultiplexedConnection, RedisError>>>;

/// The connection and how to make it again.
pub(super) struct Link {
    client: Client,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Connecting>,
    /// Tells one connection from the next, so that a late failure does not break its successor.
    generation: u64,
    failures: u32,
}

/// How long to wait before an attempt, after this many failures in a row.
pub(super) fn pause(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        failures => PAUSES.1.min(PAUSES.0 * 2_u32.saturating_pow(failures - 1)),
    }
}

impl Link {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout, state: Mutex::default() }
    }

    /// Begins an operation, whose requests together may take the link's timeout.
    pub(super) fn begin(&self, doing: &'static str) -> Operation<'_> {
        Operation { link: self, doing, until: Instant::now() + self.timeout }
    }

    /// The connection of now, or the attempt that is under way.
    fn current(&self) -> (u64, Connecting) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = &state.current {
            return (state.generation, current.clone());
        }
        let (client, limit, wait) = (self.client.clone(), self.timeout, pause(state.failures));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limit))
            // Requests carry limits of their own.
            .set_response_timeout(None)
            .set_concurrency_limit(IN_FLIGHT);
        let connecting = async move {
            tokio::time::sleep(wait).await;
            client.get_multiplexed_async_connection_with_config(&config).await
        };
        let connecting = connecting.boxed().shared();
        // Goes on also when everybody who waits for it gives up.
        tokio::spawn(connecting.clone().map(drop));
        state.generation += 1;
        state.current = Some(connecting.clone());
        (state.generation, connecting)
    }

    fn connected(&self, generation: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.generation == generation {
            state.failures = 0;
        }
    }

    /// The connection is of no use any more.
    fn broken(&self, generation: u64, while_connecting: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.generation == generation && state.current.take().is_some() && while_connecting {
            state.failures = state.failures.saturating_add(1);
        }
    }
}

/// One operation of the store: some requests with one limit on their time.
pub(super) struct Operation<'a> {
    link: &'a Link,
    pub(super) doing: &'static str,
    until: Instant,
}

/// Whether a request may be sent again when the connection broke before its answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It reads, or writes what is the same written twice.
    Yes,
    /// Its answer says whether it was the first.
    No,
}

impl Operation<'_> {
    /// Sends a command or script.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        request: impl Into<Request>,
        again: Again,
    ) -> Result<T, StoreError> {
        let request = request.into();
        let answer = match self.send(&request.cmd, again).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                match &request.with_text {
                    Some(with_text) => self.send(with_text, again).await,
                    None => Err(error),
                }
            }
            answer => answer,
        };
        self.read(answer.map_err(|error| self.failed(error))?)
    }

    /// Sends several commands in one piece.
    pub(super) async fn ask_all<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
        again: Again,
    ) -> Result<T, StoreError> {
        let sent = self.attempt(again, async |mut connection: MultiplexedConnection| {
            pipeline.query_async::<Value>(&mut connection).await
        });
        self.read(sent.await.map_err(|error| self.failed(error))?)
    }

    async fn send(&self, cmd: &Cmd, again: Again) -> Result<Value, RedisError> {
        self.attempt(again, |mut connection: MultiplexedConnection| async move {
            cmd.query_async::<Value>(&mut connection).await
        })
        .await
    }

    async fn attempt<F>(
        &self,
        again: Again,
        call: impl Fn(MultiplexedConnection) -> F,
    ) -> Result<Value, RedisError>
    where
        F: Future<Output = Result<Value, RedisError>>,
    {
        let mut tries_left = if again == Again::Yes { 1 } else { 0 };
        loop {
            let (generation, connecting) = self.link.current();
            let connection = match tokio::time::timeout_at(self.until, connecting).await {
                Err(late) => return Err(std::io::Error::from(late).into()),
                Ok(Err(error)) => {
                    self.link.broken(generation, true);
                    return Err(error);
                }
                Ok(Ok(connection)) => connection,
            };
            self.link.connected(generation);
            let error = match tokio::time::timeout_at(self.until, call(connection)).await {
                Err(late) => std::io::Error::from(late).into(),
                Ok(Err(error)) => error,
                Ok(Ok(value)) => return Ok(value),
            };
            // After a timeout too: the server at the other end may be gone without a word.
            if useless_connection(&error) {
                self.link.broken(generation, false);
            }
            if tries_left == 0 || !error.is_connection_dropped() {
                return Err(error);
            }
            tries_left -= 1;
        }
    }

    fn read<T: FromRedisValue>(&self, value: Value) -> Result<T, StoreError> {
        // The parser's error quotes the value, so it is not passed on.
        T::from_redis_value(value).map_err(|_| RowError::Kind.corrupt(self.doing))
    }

    fn failed(&self, error: RedisError) -> StoreError {
        let doing = self.doing;
        match error.code() {
            Some("WRONGTYPE") => RowError::Kind.corrupt(doing),
            _ => StoreError::Unavailable { doing, source: Box::new(error) },
        }
    }
}

/// Whether another connection might do better: this one is dead, or leads to a server that was demoted.
fn useless_connection(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io
            | ErrorKind::Parse
            | ErrorKind::AuthenticationFailed
            | ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let pauses: Vec<_> = [0, 1, 2, 3, 10, u32::MAX].map(|n| pause(n).as_millis()).into();
        assert_eq!(pauses, [0, 20, 40, 80, 1000, 1000]);
    }
}
