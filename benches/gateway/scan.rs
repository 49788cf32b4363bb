//! Logins by scanning a service account's code: how soon a scan shows in the browser, how many pushes are answered,
//! and what it takes to let ten thousand visitors wait.
//!
//! WeChat is simulated in this program; the bench signs the pushes itself. Every visitor is a browser of its own.

mod arrival;
pub(crate) mod client;
pub(crate) mod figures;
mod rate;
mod sign;
pub(crate) mod visitors;
mod waiting;
mod world;

use std::path::Path;
use std::time::Duration;

use self::world::{Settings, World};
use crate::report::reason;
use crate::{Fault, Programs, redis};

pub(crate) use figures::{Column, Scan};

/// Longer than any part takes on a machine that can be measured on.
const LIMIT: Duration = Duration::from_secs(60);

/// The parts that can be asked for on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Push,
    Waiting,
}

impl Half {
    /// What an id stands for; nothing if it is none of ours.
    pub(crate) fn named(id: &str) -> impl Iterator<Item = Self> {
        let halves: &[Self] = match id {
            "scan" => &[Self::Push, Self::Waiting],
            "scan-push" => &[Self::Push],
            "scan-waiting" => &[Self::Waiting],
            _ => &[],
        };
        halves.iter().copied()
    }
}

/// Measures what `only` names, or everything if it names nothing.
pub(crate) fn measure(folder: &Path, programs: &Programs, only: &[String]) -> Result<Scan, Fault> {
    let asked =
        |half| only.is_empty() || only.iter().flat_map(|id| Half::named(id)).any(|named| named == half);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut scan = Scan { stores: Vec::new(), waiting: None };
        if asked(Half::Push) {
            eprintln!("scans, embedded store");
            scan.stores.push(column(folder, programs, "embedded", None).await);
            match redis::start(folder) {
                Ok((_process, url)) => {
                    eprintln!("scans, Redis");
                    scan.stores.push(column(folder, programs, "redis", Some(&url)).await);
                }
                Err(error) => eprintln!("left out: {error}"),
            }
        }
        if asked(Half::Waiting) {
            eprintln!("{} waiting visitors", waiting::WAITING);
            scan.waiting = Some(wait(folder, programs).await.map_err(reason));
        }
        Ok(scan)
    })
}

async fn column(folder: &Path, programs: &Programs, store: &'static str, url: Option<&str>) -> Column {
    let (name, picture) = (format!("scan-{store}"), "wechat");
    let settings = Settings { name: &name, store: url, picture };
    match World::start(folder, programs, &settings).await {
        Ok(world) => {
            let arrival = within(&world, arrival::measure(&world, 0)).await.map_err(reason);
            let rate = within(&world, rate::measure(&world, arrival::WAITING)).await.map_err(reason);
            let stopped = world.stop().await;
            Column { store, arrival, rate: stopped.map_err(reason).and(rate) }
        }
        Err(error) => {
            let why = reason(error);
            Column { store, arrival: Err(why.clone()), rate: Err(why) }
        }
    }
}

async fn wait(folder: &Path, programs: &Programs) -> Result<waiting::Waiting, Fault> {
    waiting::raise_limit()?;
    let settings = Settings { name: "scan-waiting", store: None, picture: "drawn" };
    let world = World::start(folder, programs, &settings).await?;
    let measured = within(&world, waiting::measure(&world)).await;
    world.stop().await?;
    measured
}

async fn within<T>(world: &World, part: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let done = tokio::time::timeout(LIMIT, part).await;
    let done = done.unwrap_or_else(|_| Err("took too long; is the machine quiet?".into()));
    done.map_err(|error| format!("{error}{}", world.gateway.said()).into())
}
