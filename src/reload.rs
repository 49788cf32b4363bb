//! A new config for a running process: all of it or nothing.
//!
//! The file is read and compiled completely before anything changes. What cannot change without a restart is
//! named; what is wrong is listed, and the old config stays in force.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{self, Config, ConfigError, Inputs, Problem};
use crate::gate::assertion::Signer;
use crate::proxy::{Certificate, Certificates};
use crate::snapshot::Live;
use crate::wechat;

/// Everything a reload needs; one for the process.
pub struct Reloader {
    file: PathBuf,
    live: Arc<Live>,
    transport: wechat::Transport,
    signer: Arc<Signer>,
    certificates: Option<Arc<Certificates>>,
    /// The config the process started with: what a restart would be compared to.
    started_with: Config,
    /// One reload at a time.
    running: Mutex<()>,
}

/// What a reload did.
#[derive(Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The number of the config now in force.
    pub generation: u64,
    /// Keys that differ from what the process started with and need a restart.
    pub need_restart: Vec<&'static str>,
}

impl Reloader {
    /// A reloader for the process that started with `config`.
    pub fn new(
        config: Config,
        live: Arc<Live>,
        transport: wechat::Transport,
        signer: Arc<Signer>,
        certificates: Option<Arc<Certificates>>,
    ) -> Self {
        Self {
            file: config.file.clone(),
            live,
            transport,
            signer,
            certificates,
            started_with: config,
            running: Mutex::default(),
        }
    }

    /// Reads the config file and the environment again.
    pub fn reload(&self) -> Result<Reloaded, ConfigError> {
        self.put_in_force(Config::load(&self.file, config::environment())?)
    }

    /// Puts `config` in force, or nothing of it.
    pub fn put_in_force(&self, config: Config) -> Result<Reloaded, ConfigError> {
        // The guard protects no data that could be left half-written.
        let _one_at_a_time = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.live.load().generation + 1;
        let inputs =
            Inputs { transport: self.transport.clone(), signer: Arc::clone(&self.signer), generation };
        let snapshot = config::build(&config, inputs)?;
        // The last step that can fail; it changes nothing if it does. From none to some or back needs a restart,
        // for which the new ones must be good as well.
        match (&self.certificates, certificates_of(&config).as_slice()) {
            (_, []) => Ok(()),
            (Some(certificates), new) => certificates.replace(new),
            (None, new) => Certificates::load(new).map(drop),
        }
        .map_err(|error| tls_problem(&config, &error))?;
        self.live.store(Arc::new(snapshot));
        Ok(Reloaded { generation, need_restart: need_restart(&self.started_with, &config) })
    }
}

/// The certificates a config names.
pub(crate) fn certificates_of(config: &Config) -> Vec<Certificate> {
    let list = config.server.tls.iter();
    list.map(|tls| Certificate { host: tls.host.clone(), cert: tls.cert.clone(), key: tls.key.clone() })
        .collect()
}

/// A problem with the certificates, as a config error.
pub(crate) fn tls_problem(config: &Config, error: &crate::proxy::TlsError) -> ConfigError {
    ConfigError(vec![Problem {
        source: config.file.display().to_string(),
        key: "server.tls".to_owned(),
        message: error.to_string(),
    }])
}

/// The keys in which `new` differs from `old` and that are read only at the start.
fn need_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let (a, b) = (&old.server, &new.server);
    let differs = [
        ("server.listen", a.listen != b.listen),
        ("server.threads", a.threads != b.threads),
        ("server.max_connections", a.max_connections != b.max_connections),
        ("server.drain_timeout", a.drain_timeout != b.drain_timeout),
        ("server.tls (from none to some, or back)", a.tls.is_empty() != b.tls.is_empty()),
        ("store", old.store != new.store),
        ("session.near_cache", old.session.near_cache != new.session.near_cache),
        ("wechat.connect_timeout", old.wechat.connect_timeout != new.wechat.connect_timeout),
        ("log.format", old.log.format != new.log.format),
        ("log.level", old.log.level != new.log.level),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests;
