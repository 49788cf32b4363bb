//! The program as an operator and a service manager meet it: arguments, config, signals, sockets, logs. Drives the
//! real binary over real sockets; every test ends what it started.

#![allow(clippy::unwrap_used)]

#[path = "process/accounts.rs"]
mod accounts;
#[path = "process/app.rs"]
mod app;
#[path = "process/bench.rs"]
mod bench;
#[path = "process/cli.rs"]
mod cli;
#[path = "process/demo.rs"]
mod demo;
#[path = "process/program.rs"]
mod program;
#[path = "process/radicale.rs"]
mod radicale;
#[path = "process/reload.rs"]
mod reload;
#[path = "process/secrets.rs"]
mod secrets;
#[path = "process/service.rs"]
mod service;
#[path = "process/tls.rs"]
mod tls;
