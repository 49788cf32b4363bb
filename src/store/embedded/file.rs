//! Opens the store's file: made for its owner alone, refused if another process has it.
//!
//! Never changes a file that it does not understand.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Builder, Database, DatabaseError, ReadableTable as _};

use super::super::OpenError;
use super::tables::{FORMAT, META, Tables};

/// Memory for pages of the file. What does not fit is read through the system's page cache.
const CACHE_BYTES: usize = 128 << 20;

/// Opens or makes the file. Blocks; after a crash it reads the whole file once.
pub(super) fn open(path: &Path) -> Result<Database, OpenError> {
    let file = open_private(path).map_err(|source| failed(path, source))?;
    let backend = FileBackend::new(file).map_err(|source| refused(path, source))?;
    let mut builder = Builder::new();
    let shown = path.to_owned();
    builder.set_cache_size(CACHE_BYTES).set_repair_callback(move |_| {
        tracing::info!(path = %shown.display(), "checking the store after an unclean end");
    });
    let database = builder.create_with_backend(backend).map_err(|source| refused(path, source))?;
    prepare(&database, path)?;
    Ok(database)
}

/// A store in memory.
pub(super) fn memory() -> Result<Database, OpenError> {
    let path = Path::new("memory");
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    let database =
        builder.create_with_backend(InMemoryBackend::new()).map_err(|source| refused(path, source))?;
    prepare(&database, path)?;
    Ok(database)
}

fn open_private(path: &Path) -> io::Result<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(
            path = %path.display(),
            mode = format!("{:o}", mode & 0o777),
            "others on this machine may open the store; `chmod 600` it"
        );
    }
    // The name of a new file must survive a power cut as well as its contents.
    File::open(parent)?.sync_all()?;
    Ok(file)
}

/// Makes the tables, and refuses a file of a newer version before anything is written to it.
pub(super) fn prepare(database: &Database, path: &Path) -> Result<(), OpenError> {
    let broken = |source: redb::Error| failed(path, source);
    let transaction = database.begin_write().map_err(|source| broken(source.into()))?;
    {
        let mut meta = transaction.open_table(META).map_err(|source| broken(source.into()))?;
        let found = meta.get("format").map_err(|source| broken(source.into()))?.map(|found| found.value());
        if let Some(found) = found.filter(|found| *found > FORMAT) {
            return Err(OpenError::Newer { path: path.into(), found, known: FORMAT });
        }
        meta.insert("format", FORMAT).map_err(|source| broken(source.into()))?;
        Tables::open(&transaction).map_err(|source| broken(source.into()))?;
    }
    transaction.commit().map_err(|source| broken(source.into()))
}

fn refused(path: &Path, source: DatabaseError) -> OpenError {
    match source {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::InUse { path: path.into() }
        }
        source => failed(path, source),
    }
}

fn failed(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> OpenError {
    OpenError::File { path: PathBuf::from(path), source: Box::new(source) }
}
