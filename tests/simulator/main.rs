//! The simulated WeChat over real sockets, held against the documents rule by rule.
//!
//! "Item N" in a test's comment is the N-th simulator duty of the WeChat reference.
#![allow(clippy::unwrap_used)]

mod authorize;
mod bench;
mod control;
mod faults;
mod mini_apps;
mod mini_codes;
mod mini_links;
mod mini_logins;
mod mini_pages;
mod mini_phones;
mod phone;
mod push_settings;
mod pushes;
mod qrconnect;
mod receiver;
mod scene_codes;
mod sns;
mod tokens;
