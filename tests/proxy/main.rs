//! The proxy over real sockets: raw bytes in, raw bytes out, on both sides.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../support/gateway.rs"]
#[allow(dead_code, unreachable_pub)]
mod gateway;
#[path = "../support/raw_client.rs"]
#[allow(dead_code, unreachable_pub)]
mod raw_client;
#[path = "../support/rows.rs"]
#[allow(dead_code, unreachable_pub)]
mod rows;
#[path = "../support/faulty_store.rs"]
#[allow(dead_code, unreachable_pub)]
mod faulty_store;
#[path = "../support/upstream.rs"]
#[allow(dead_code, unreachable_pub)]
mod upstream;

mod access;
mod carried;
mod forward_auth;
mod framing;
mod identity;
mod large;
mod policy;
mod serving;
mod streams;
mod upstreams;
