//! Menshen: a reverse-proxy authentication gateway for the WeChat ecosystem.
//!
//! The order of the `mod` lines is the order of the house, top to bottom: a room imports only rooms below it,
//! `proxy` and `portal` never each other, `wechat`, `store` and `notify` never each other, and `simulator` stands beside
//! the house on `ground` alone. A test reads this file and holds every import against it.
//!
//! Invariants:
//! 1. No identity header reaches an upstream unless this request set it; every client copy is removed by folded
//!    name (letters and digits only, case-blind) on every path: public routes, OPTIONS, upgrades, errors.
//! 2. A token is never stored, logged or sent anywhere but to its owner. WeChat secrets, codes, `session_key`s
//!    and phone numbers never reach a log.
//! 3. A flow is bound to the browser or app that began it, yields at most one session, and expires.
//! 4. A session token after login was never seen before login.
//! 5. A failing store never logs anyone out and never lets anyone in: absent, wrong and broken are three answers.
//! 6. A reload replaces everything it covers or nothing.
//! 7. Every redirect goes to WeChat or to a `ReturnTo`, a type that only a path on a host of ours can become.
//! 8. Everything that waits has a timeout, everything that grows has a bound.

pub mod cli;
pub mod demo;
pub mod doctor;
pub mod accounts;
pub mod server;
pub mod reload;
pub mod config;
pub mod proxy;
pub mod portal;
pub mod snapshot;
pub mod login;
pub mod pages;
pub mod gate;
pub mod wechat;
pub mod store;
pub mod notify;
pub mod domain;
pub mod ground;

pub mod simulator;
