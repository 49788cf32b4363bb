//! The server token of an account, shared by many processes: over real sockets, with a real Redis where processes
//! share something, against a token server that answers as each test scripts.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/faulty_store.rs"]
#[allow(dead_code, unreachable_pub)]
mod faulty_store;
#[path = "support/log.rs"]
#[allow(dead_code)]
mod log;
#[path = "support/redis_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod redis_server;
#[path = "server_tokens/faults.rs"]
mod faults;
#[path = "server_tokens/processes.rs"]
mod processes;
#[path = "server_tokens/sources.rs"]
mod sources;
#[path = "server_tokens/token_server.rs"]
mod token_server;
#[path = "server_tokens/world.rs"]
mod world;

use std::time::Duration;

/// Longest wait for anything; reached only by a failing test.
const LIMIT: Duration = Duration::from_secs(30);
