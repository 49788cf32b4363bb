//! What a visitor, an app and an operator notice, over real sockets: a gateway, a simulated WeChat, an app that
//! knows nothing of either, and browsers that keep cookies. Each test names the acceptance rows it stands for.

#![allow(clippy::unwrap_used, missing_docs)]

mod agent;
mod app;
mod bench;
mod browser;
mod letters;
mod logs;
mod own_server;
mod reply;
mod scanning;
mod world;

#[path = "../support/faulty_store.rs"]
#[allow(dead_code, unreachable_pub)]
mod faulty_store;
#[path = "../support/redis_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod redis_server;

mod accounts;
mod callback;
mod chooser;
mod confirm;
mod crash;
mod faults;
mod flow_pages;
mod gateways;
mod headers;
mod hosts;
mod malformed;
mod methods;
mod outage;
mod own_pages;
mod push;
mod push_again;
mod relay;
mod replies;
mod scan;
mod scan_gateways;
mod sessions;
mod tokens_in_login;
mod unfollow;
mod verification;
