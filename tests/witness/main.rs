//! The second witness: published libraries that know WeChat, and nothing of us, check the gateway and the simulator.
//!
//! Each test starts what its script talks to, in this process, and runs the script beside, in Python or JavaScript. A
//! script prints what it checked; the tests hold the list against the one they know, so that no check goes missing.
//! `make test` installs the libraries under `target/`; a test without them fails and says so.

#![allow(clippy::unwrap_used)]

mod node;
mod python;
mod script;
#[path = "../support/webhook.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use more of it")]
mod webhook;
mod world;
