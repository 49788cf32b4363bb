//! The whole config: one TOML file, the environment above it, secrets from files or systemd credentials.
//!
//! Loading reports every problem at once, each with its file (or variable), its key path and what to do, and
//! never prints a secret. A config with a problem never becomes a [`Snapshot`](crate::snapshot::Snapshot).

mod build;
mod paths;
mod policy;
mod read;
mod sections;

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::gate::headers::HeadersConfig;
use crate::login::{AppConfig, MethodConfig, PoolConfig, SessionConfig};
use crate::pages::PagesConfig;
use crate::snapshot::upstream::UpstreamConfig;
use crate::{notify, store, wechat};

pub use build::{Inputs, build};
pub use sections::{LogConfig, LogFormat, OneOrSeveral, RequireConfig, RouteConfig, ServerConfig, TlsConfig};

/// A config as written, each section in the shape of the room that uses it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from.
    pub file: PathBuf,
    /// `[server]`.
    pub server: ServerConfig,
    /// `[store]`.
    pub store: store::Config,
    /// `[session]`.
    pub session: SessionConfig,
    /// `[headers]`.
    pub headers: HeadersConfig,
    /// `[wechat]`.
    pub wechat: wechat::Config,
    /// `[notify]`.
    pub notify: notify::Config,
    /// `[pages]`.
    pub pages: PagesConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[[pools]]`.
    pub pools: Vec<PoolConfig>,
    /// `[[apps]]`.
    pub apps: Vec<AppConfig>,
    /// `[[methods]]`.
    pub methods: Vec<MethodConfig>,
    /// `[[upstreams]]`.
    pub upstreams: Vec<UpstreamConfig>,
    /// `[[routes]]`.
    pub routes: Vec<RouteConfig>,
    /// Which keys came from the environment.
    overrides: Overrides,
}

/// Key paths whose values came from the environment, with the variables.
#[derive(Clone, Debug, Default)]
struct Overrides(Vec<(String, String)>);

impl Overrides {
    /// The variable that gave the value at `key`, or a value around it.
    fn variable(&self, key: &str) -> Option<&str> {
        let within = |path: &str| key.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
        let found = self.0.iter().rev().find(|(path, _)| path == key || within(path));
        found.map(|(_, variable)| variable.as_str())
    }

    /// A problem with the value at `key`, under the name of the file or of the variable it came from.
    fn problem(&self, file: &Path, key: &str, message: String) -> Problem {
        let source = self.variable(key).map_or_else(|| file.display().to_string(), str::to_owned);
        Problem { source, key: key.to_owned(), message }
    }
}

/// The variables of this process that may belong to a config. Text that is not UTF-8 shows as U+FFFD.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(VARIABLES).then(|| (name, value.to_string_lossy().into_owned()))
    })
}

/// How the variables that belong to a config begin.
const VARIABLES: &str = "MENSHEN__";

impl Config {
    /// Reads `file` and the variables `MENSHEN__SECTION__KEY` among `env`.
    pub fn load(file: &Path, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::one(file, "", format!("cannot read the config file: {source}")))?;
        Self::parse(file, &text, env)
    }

    /// As [`Config::load`], from a text; `file` is named in problems and relative paths start at its folder.
    pub fn parse(
        file: &Path,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let read::Outcome { config, whole, mut problems } = read::config(file, text, env);
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            // What could be read is checked all the same, so that one run shows everything that is wrong.
            Some(config) if whole => {
                let known: Vec<String> = problems.iter().map(|problem| problem.key.clone()).collect();
                let more = build::problems(&config).into_iter();
                // A key whose value could not be had was reported; what stands in for it has no problems.
                let told = |key: &str| {
                    known.iter().any(|known| {
                        let rest = known.strip_prefix(key);
                        matches!(rest, Some("" | "_file" | "_credential"))
                    })
                };
                problems.extend(more.filter(|problem| !told(&problem.key)));
                Err(ConfigError(problems))
            }
            _ => Err(ConfigError(problems)),
        }
    }
}

/// One thing that is wrong in a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the environment variable.
    pub source: String,
    /// The key path, for example `apps[0].secret`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.key.as_str() {
            "" => format!("{}: {}", self.source, self.message),
            key => format!("{}: {key}: {}", self.source, self.message),
        };
        // A problem is one line, whatever stands in the config.
        text.chars().try_for_each(|c| {
            if c.is_control() { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
        })
    }
}

/// Everything that is wrong in a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl ConfigError {
    fn one(file: &Path, key: &str, message: String) -> Self {
        Self(vec![Problem { source: file.display().to_string(), key: key.to_owned(), message }])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
