//! A simulated WeChat, written from WeChat's documents as a second witness beside the client.
//!
//! It shares no code with the client and imports nothing of this crate but [`crate::ground`]. It refuses what
//! WeChat refuses, and where the documents are silent its behaviour is a switch ([`Switches`]). It is never part
//! of a running gateway.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use menshen::ground::Span;
//! use menshen::simulator::{Config, Simulator};
//!
//! let wechat = Simulator::start(Config::demo()).await?;
//! let phone = wechat.handle();
//! // … a browser opens wechat.base_url() + "/connect/qrconnect?…", then:
//! let uuid = phone.next_waiting(Span::from_secs(5)).await?;
//! phone.scan(&uuid, "zhang")?;
//! phone.confirm(&uuid)?;
//! wechat.stop().await;
//! # Ok(()) }
//! ```

pub mod cli;

mod account;
mod answer;
mod authorize;
mod bounded;
mod config;
mod control;
mod errcode;
mod error;
mod fault;
mod grants;
mod handle;
mod http;
mod ids;
mod link;
mod mini;
mod pages;
mod phone;
mod prefetch;
mod push;
mod qrconnect;
mod routes;
mod scans;
mod server;
mod shared;
mod sns;
mod switches;
mod world;

pub use account::{SceneCode, SceneScan};
pub use config::{
    App, AppKind, Config, DEMO_MINI_APP_ID, DEMO_MINI_ORIGINAL_ID, DEMO_MINI_SECRET, DEMO_MOBILE_APP_ID,
    DEMO_MOBILE_SECRET, DEMO_PUSH_AES_KEY, DEMO_PUSH_TOKEN, DEMO_SERVICE_APP_ID, DEMO_SERVICE_SECRET,
    DEMO_WEBSITE_APP_ID, DEMO_WEBSITE_SECRET, MiniProgram, Person, UnionId,
};
pub use error::SimError;
pub use fault::Fault;
pub use handle::Handle;
pub use mini::{Encrypted, EnvVersion, MiniCode, Opened};
pub use push::{Push, PushFormat, PushHealth, PushMode, PushOutcome, PushRecord, PushTrouble};
pub use server::Simulator;
pub use switches::{
    Consent, DenyVariant, DoubleCallback, ExpiredCode, ForceTooSoon, Quotas, SceneLength, Switches, Trace,
    WrongSecret,
};
