//! What a visitor, an app and an operator notice, over real sockets: a gateway, a simulated WeChat, an app that
//! knows nothing of either, and browsers that keep cookies. Each test names the acceptance rows it stands for.

#![allow(clippy::unwrap_used, missing_docs)]

mod agent;
mod app;
mod bench;
mod browser;
mod client;
mod letters;
mod logs;
mod own_server;
mod program_page;
mod programs;
mod reply;
mod scanning;
mod world;

#[path = "../support/faulty_store.rs"]
#[allow(dead_code, unreachable_pub)]
mod faulty_store;
#[path = "../support/smtp_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod smtp_server;
#[path = "../support/webhook.rs"]
#[allow(dead_code, unreachable_pub)]
mod webhook;
#[path = "../support/redis_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod redis_server;

mod account_adding;
mod account_api;
mod account_page;
mod account_rows;
mod accounts;
mod api_document;
mod api_input;
mod api_limits;
mod app_launch;
mod attach;
mod bind;
mod bind_gateways;
mod bind_policy;
mod binding;
mod callback;
mod choose;
mod chooser;
mod client_choice;
mod client_gateways;
mod confirm;
mod crash;
mod faults;
mod flow_pages;
mod gateways;
mod headers;
mod hosts;
mod malformed;
mod methods;
mod mini_phone;
mod mini_program;
mod mini_trouble;
mod mobile_app;
mod outage;
mod own_pages;
mod phone_page;
mod phone_rows;
mod policy;
mod program_answers;
mod program_audit;
mod program_links;
mod program_scan;
mod push;
mod push_again;
mod relay;
mod replies;
mod round_trips;
mod scan;
mod scan_gateways;
mod sessions;
mod tokens_in_login;
mod unfollow;
mod verification;
