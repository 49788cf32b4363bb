//! What a visitor sees, in real headless Chromium: the gateway, the simulated WeChat and a sample app in-process.
//!
//! Needs Debian's `chromium` and `chromium-driver` (`make test` installs them). Every page is photographed into
//! `target/screenshots` and held against the rules of `checks.js`; what a browser console complains about fails.
#![allow(clippy::unwrap_used)]

mod account;
mod bind;
mod chromium;
mod confirm;
mod connection;
mod demo;
mod desktop;
mod elsewhere;
mod expiry;
mod house;
mod in_wechat;
mod logout;
mod look;
mod methods;
mod panel;
mod phone;
mod policy;
mod program;
mod program_apps;
mod program_link;
mod program_phone;
mod scan;
mod self_check;
mod wechat_pages;
mod without_cookies;

#[path = "../support/webhook.rs"]
#[allow(dead_code, unreachable_pub)]
mod webhook;
