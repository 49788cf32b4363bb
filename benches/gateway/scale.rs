//! What it costs to find the account of somebody who logs in, among a thousand accounts and among a million.
//!
//! In this program, on the store that the gateway opens and with the function that it calls, one login at a time.
//! Bounded: a size that takes too long to fill, or too much room, is skipped and named.

mod figures;
mod people;
mod turns;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use menshen::ground::{Span, SystemClock};
use menshen::store::{self, Store, StoreUrl};

use crate::process::{LOAD_CORE, Process, TEST_CORE, pin_self};
use crate::report::reason;
use crate::{Fault, redis};

pub(crate) use figures::{Column, Scale, Step};

/// What this part is called on the command line.
pub(crate) const ID: &str = "scale";
/// The sizes, if no others are asked for.
pub(crate) const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// How many seconds filling up to one size may take, unless another limit is asked for.
pub(crate) const FILLING: u64 = 240;
/// How long the logins of one size may take.
const LOGINS: Duration = Duration::from_secs(240);
/// How much a store may hold, on the disk or in the memory of Redis.
const ROOM: u64 = 8 << 30;

/// A store that is filled step by step.
struct World {
    store: Arc<dyn Store>,
    /// The accounts so far are those of the people from 0 up to this.
    accounts: usize,
    place: Place,
}

/// Where the store keeps what it holds.
enum Place {
    File(PathBuf),
    Redis {
        process: Process,
        url: String,
        /// What it took when it was empty.
        empty: u64,
    },
}

impl World {
    /// The thread that writes has a core to itself, as Redis has; this program is on the other.
    async fn embedded(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join("scale.redb");
        // A thread begins on the core of the one that starts it.
        pin_self(TEST_CORE)?;
        let store = open(&format!("embedded:{}", path.display())).await;
        pin_self(LOAD_CORE)?;
        let store = store?;
        Ok(Self { store, accounts: 0, place: Place::File(path) })
    }

    /// Redis has a core to itself.
    async fn redis(folder: &Path) -> Result<Self, Fault> {
        let (process, url) = redis::start_on(TEST_CORE, folder)?;
        let store = open(&url).await?;
        let empty = redis::used(&url).await?;
        Ok(Self { store, accounts: 0, place: Place::Redis { process, url, empty } })
    }

    /// What the store holds now, in bytes.
    async fn bytes(&self) -> Result<u64, Fault> {
        match &self.place {
            Place::File(path) => Ok(std::fs::metadata(path)?.blocks() * 512),
            Place::Redis { url, empty, .. } => Ok(redis::used(url).await?.saturating_sub(*empty)),
        }
    }

    fn server(&self) -> Option<&Process> {
        match &self.place {
            Place::File(_) => None,
            Place::Redis { process, .. } => Some(process),
        }
    }

    /// Fills the store up to `size` accounts and measures there.
    async fn step(&mut self, size: usize, limit: Duration) -> Result<Step, Fault> {
        let expected = self.bytes().await? as f64 / self.accounts.max(1) as f64 * size as f64;
        if self.accounts >= *SIZES.first().unwrap_or(&0) && expected > ROOM as f64 {
            return Err(format!("would take {:.1} GB", expected / 1e9).into());
        }
        let added = size.saturating_sub(self.accounts);
        let filling = people::fill(&self.store, self.accounts..size);
        let filled = tokio::time::timeout(limit, filling)
            .await
            .map_err(|_| format!("filling took more than {} s", limit.as_secs()))??;
        let bytes = self.bytes().await?;
        let logins = turns::measure(&*self.store, self.server(), size);
        let logins = tokio::time::timeout(LOGINS, logins)
            .await
            .map_err(|_| format!("the logins took more than {} s", LOGINS.as_secs()))??;
        self.accounts = size + turns::NEW;
        Ok(Step { accounts: size, added, filled: filled.as_secs_f64(), bytes, logins })
    }
}

async fn open(url: &str) -> Result<Arc<dyn Store>, Fault> {
    // Patient: while a store is filled, writes wait for those before them.
    let timeout = Span::from_secs(60);
    let config = store::Config { url: StoreUrl::new(url), timeout, ..store::Config::default() };
    Ok(store::open(&config, Arc::new(SystemClock)).await?)
}

/// Measures over both stores, at each of `sizes` that is filled within `limit`.
pub(crate) fn measure(folder: &Path, sizes: &[usize], limit: Duration) -> Result<Scale, Fault> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let embedded = column("embedded", World::embedded(folder).await, &sizes, limit).await;
        let redis = column("redis", World::redis(folder).await, &sizes, limit).await;
        Ok(Scale { stores: vec![embedded, redis] })
    })
}

async fn column(
    store: &'static str,
    world: Result<World, Fault>,
    sizes: &[usize],
    limit: Duration,
) -> Column {
    let mut column = Column { store, steps: Vec::new(), skipped: None };
    let mut world = match world {
        Ok(world) => world,
        Err(error) => {
            column.skipped = Some(reason(error));
            return column;
        }
    };
    for size in sizes {
        // The last size left more accounts than this one has.
        if *size < world.accounts {
            eprintln!("{store}: {size} accounts left out: there are {} already", world.accounts);
            continue;
        }
        eprintln!("{store}: {size} accounts");
        match world.step(*size, limit).await {
            Ok(step) => column.steps.push(step),
            Err(error) => {
                column.skipped = Some(reason(format!("{size} accounts and more: {error}").into()));
                break;
            }
        }
    }
    column
}
