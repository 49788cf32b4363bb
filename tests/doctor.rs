//! `menshen doctor` against a simulated WeChat and a gateway that runs: what it finds, how it is printed, how it exits.
//!
//! Over real sockets; every test ends what it started.

#![allow(clippy::unwrap_used)]

#[path = "doctor/faults.rs"]
mod faults;
#[path = "doctor/house.rs"]
mod house;
#[path = "doctor/passer_by.rs"]
mod passer_by;
#[path = "doctor/program.rs"]
mod program;
#[path = "doctor/programs.rs"]
mod programs;
#[path = "support/redis_server.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use more of it")]
mod redis_server;
#[path = "doctor/sources.rs"]
mod sources;
#[path = "doctor/well.rs"]
mod well;
