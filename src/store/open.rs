//! Opens the store that the config names.
//!
//! Fails rather than starts half: the store answers when this returns.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Config, Store, StoreError, Target, embedded, redis};
use crate::ground::Clock;

/// Why a store could not be opened. Says what to do, never a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The section is wrong.
    #[error("[store] {key}: {message}")]
    Config {
        /// The key in `[store]`.
        key: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A file cannot be read, written or made.
    #[error("cannot use the file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process has the file.
    #[error(
        "the store {path} is open in another process; stop that process, give this one another file in \
         [store] url, or use Redis to share one store"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version.
    #[error("the store {path} has format {found}, this version knows {known}; use the newer version")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format this version reads.
        known: u64,
    },
    /// Redis refused user or password.
    #[error("{server} refuses the user or password; check [store] url, password and password_file")]
    Credentials {
        /// The server, without password.
        server: String,
        /// Its answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server lacks what is needed.
    #[error("{server} is Redis {found}; at least 6.2 is needed")]
    TooOld {
        /// The server.
        server: String,
        /// Its version.
        found: String,
    },
    /// The server cannot be reached or is not ready. Trying again may help.
    #[error("{server} cannot be reached")]
    Unreachable {
        /// The server.
        server: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store was reached but does not answer as it must.
    #[error("the store does not work")]
    Broken(#[from] StoreError),
}

/// Opens the store. `clock` decides what has expired in the embedded store; Redis has a clock of its own.
pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, OpenError> {
    if let Some((key, message)) = config.validate().into_iter().next() {
        return Err(OpenError::Config { key, message });
    }
    let target = config.url.target().map_err(|message| OpenError::Config { key: "url", message })?;
    Ok(match target {
        Target::Memory => Arc::new(embedded::Embedded::memory(config.timeout, clock)?),
        Target::File(path) => Arc::new(embedded::Embedded::file(path, config.timeout, clock).await?),
        Target::Redis(server) => {
            let password = config.password.clone().or_else(|| server.password.clone());
            Arc::new(redis::RedisStore::connect(&server, password, config).await?)
        }
    })
}
