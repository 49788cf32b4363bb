//! Everything that a reload may change, as one immutable value.
//!
//! A request takes the current snapshot at its first byte and keeps it to its last, so it never sees half of
//! two configs. Stands below the proxy and the portal, because both hold it.

pub mod upstream;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::gate::assertion::Signer;
use crate::gate::route::RouteTable;
use crate::gate::site::Site;
use crate::login::{Directory, SessionRules};
use crate::pages::Pages;
use crate::{notify::Notify, wechat};

pub use upstream::{Server, ServerAddress, Upstream};

/// One config, checked and compiled.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts reloads, from 1.
    pub generation: u64,
    /// Hosts, own paths, cookies, trust and identity headers.
    pub site: Site,
    /// Which request goes where and who may pass.
    pub routes: RouteTable,
    /// The apps behind the gateway, by their config names.
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// How sessions live.
    pub sessions: SessionRules,
    /// Pools, apps and methods.
    pub directory: Directory,
    /// What visitors see.
    pub pages: Pages,
    /// The client for WeChat.
    pub wechat: wechat::Client,
    /// Mail and SMS.
    pub notify: Notify,
    /// Signs identity assertions.
    pub signer: Arc<Signer>,
    /// Whether each request is logged.
    pub access_log: bool,
}

/// The snapshot in force.
pub type Live = ArcSwap<Snapshot>;
