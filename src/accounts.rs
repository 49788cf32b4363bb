//! `menshen accounts import`: takes the accounts of another system into the store, one JSON object a line.
//!
//! Changes no account that is there, and says of every line that did not go in why. It may be run again, and after it
//! was killed: what is in stays, what is not goes in.

mod entry;
mod lines;
mod write;

use std::fmt;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{self, Config, ConfigError, Inputs};
use crate::gate::assertion::{AssertionError, Signer};
use crate::ground::Clock;
use crate::login::Directory;
use crate::store::{self, OpenError, Store, StoreError, StoreUrl, Target};
use crate::wechat::{Transport, TransportError};

use entry::Entry;
use lines::Lines;
use write::{Outcome, Writer};

/// Why an import did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The config has problems.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No HTTP client could be made, which a config is compiled with.
    #[error("the config cannot be read as the gateway reads it")]
    Transport(#[from] TransportError),
    /// The config could not be compiled for want of a key.
    #[error("the config cannot be read as the gateway reads it")]
    Signer(#[from] AssertionError),
    /// The file cannot be opened.
    #[error("cannot read {file}")]
    File {
        /// Which.
        file: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Nothing that is imported would stay.
    #[error(
        "[store] url is embedded:memory, which ends with this command; give the store a file, or use Redis"
    )]
    Memory,
    /// A store would be made where probably no gateway looks for it.
    #[error(
        "there is no store at {path}: [store] url is relative to the directory where menshen is started. Import where the \
         gateway is started (systemd-run -p WorkingDirectory=/var/lib/menshen, see the README) and after it has run \
         once, or write an absolute path into url"
    )]
    NoStoreHere {
        /// Where it would have been made.
        path: PathBuf,
    },
    /// A gateway runs on the store.
    #[error(
        "the store {path} is open in another process, probably the gateway: stop it first, or use Redis, which \
         several processes can share"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// The store failed on the way.
    #[error(
        "stopped at line {line}; what was imported before stays, and the same command goes on from there"
    )]
    Store {
        /// The line whose account is in or not.
        line: u64,
        /// The cause.
        #[source]
        source: StoreError,
    },
    /// The file failed on the way.
    #[error("stopped after line {line}; what was imported stays, and the same command goes on from there")]
    Read {
        /// The last line that was read.
        line: u64,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// After so many lines an import says how far it is.
const PROGRESS: u64 = 5_000;

/// Something that keeps a line from going in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    /// The key, or nothing where it is the whole line.
    key: String,
    /// What is wrong and what to do. Never a password hash.
    message: String,
}

impl Problem {
    fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

/// What became of all lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    dry_run: bool,
    imported: u64,
    there: u64,
    refused: u64,
    wrong: u64,
}

impl Summary {
    /// Whether every line is in the store now, or with `--dry-run` could be.
    pub const fn is_well(&self) -> bool {
        self.refused == 0 && self.wrong == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dry_run, imported, there, refused, wrong } = self;
        let verb = if *dry_run { "would be imported" } else { "imported" };
        write!(f, "{imported} {verb}, {there} already there, {refused} refused, {wrong} not understood")?;
        if *dry_run { f.write_str("; nothing was written") } else { Ok(()) }
    }
}

/// Imports `file` (`-`: standard input) into the store of `config`, and tells each problem, and now and then how far it
/// is, as one text. A dry run checks every line and writes nothing.
///
/// # Errors
/// If it could not go on to the end of the file.
pub async fn import(
    config: &Config,
    file: &Path,
    dry_run: bool,
    clock: Arc<dyn Clock>,
    mut tell: impl FnMut(&str),
) -> Result<Summary, ImportError> {
    let transport = Transport::new(&config.wechat)?;
    let inputs = Inputs { transport, signer: Arc::new(Signer::generate()?), generation: 0 };
    let directory = &config::build(config, inputs)?.directory;
    let reader = open_file(file).map_err(|source| ImportError::File { file: file.to_owned(), source })?;
    let store = open_store(config, dry_run, Arc::clone(&clock)).await?;
    lines_into(Lines::new(reader), directory, &*store, dry_run, &*clock, &mut tell).await
}

async fn lines_into(
    mut lines: Lines<impl BufRead>,
    directory: &Directory,
    store: &dyn Store,
    dry_run: bool,
    clock: &dyn Clock,
    tell: &mut impl FnMut(&str),
) -> Result<Summary, ImportError> {
    let mut writer = Writer::new(store, dry_run);
    let mut summary = Summary { dry_run, ..Summary::default() };
    loop {
        let text = match lines.next_line() {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(summary),
            Err(source) => return Err(ImportError::Read { line: lines.number(), source }),
        };
        let line = lines.number();
        if line.is_multiple_of(PROGRESS) {
            tell(&format!("line {line}: {summary}, so far"));
        }
        let entry =
            text.map_err(|problem| vec![problem]).and_then(|text| Entry::read(&text, directory, clock.now()));
        let problems = match entry {
            Err(problems) => {
                summary.wrong += 1;
                problems
            }
            Ok(entry) => match writer.take(entry).await {
                Ok(Outcome::Imported) => {
                    summary.imported += 1;
                    continue;
                }
                Ok(Outcome::There) => {
                    summary.there += 1;
                    continue;
                }
                Ok(Outcome::Refused(problems)) => {
                    summary.refused += 1;
                    problems
                }
                Err(source) => return Err(ImportError::Store { line, source }),
            },
        };
        for Problem { key, message } in problems {
            let colon = if key.is_empty() { "" } else { ": " };
            tell(&format!("line {line}: {key}{colon}{message}"));
        }
    }
}

fn open_file(file: &Path) -> io::Result<Box<dyn BufRead>> {
    Ok(if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(io::BufReader::new(std::fs::File::open(file)?))
    })
}

/// Where the accounts go, so that an operator sees whether that is the gateway's store.
pub fn destination(config: &Config) -> String {
    match config.store.url.target() {
        Ok(Target::File(path)) => format!("embedded:{}", absolute(&path).display()),
        _ => config.store.url.to_string(),
    }
}

fn absolute(path: &Path) -> PathBuf {
    // It fails where there is no current directory any more.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

async fn open_store(
    config: &Config,
    dry_run: bool,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Store>, ImportError> {
    let mut section = config.store.clone();
    match section.url.target() {
        Ok(Target::Memory) if !dry_run => return Err(ImportError::Memory),
        Ok(Target::File(path)) if path.is_relative() && !path.exists() => {
            return Err(ImportError::NoStoreHere { path: absolute(&path) });
        }
        // Opening it would make it.
        Ok(Target::File(path)) if dry_run && !path.exists() => {
            section.url = StoreUrl::new("embedded:memory".to_owned());
        }
        // What is wrong with the address is said by who opens it.
        _ => {}
    }
    store::open(&section, clock).await.map_err(|error| match error {
        OpenError::InUse { path } => ImportError::InUse { path },
        other => ImportError::Open(other),
    })
}

#[cfg(test)]
mod tests;
