//! Logins over the JSON API: how many a gateway opens a second, and how soon a mini program's yes shows in the browser.
//!
//! WeChat is simulated in this program; codes of `wx.login` are made before anything is measured, straight from it.

mod confirm;
mod figures;
mod login;
mod world;

use std::path::Path;
use std::time::Duration;

use self::world::World;
use crate::report::reason;
use crate::{Fault, Programs, redis};

pub(crate) use figures::{Api, Column};

/// Longer than any part takes on a machine that can be measured on.
const LIMIT: Duration = Duration::from_secs(120);

/// The parts that can be asked for on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Login,
    Confirm,
}

impl Half {
    /// What an id stands for; nothing if it is none of ours.
    pub(crate) fn named(id: &str) -> impl Iterator<Item = Self> {
        let halves: &[Self] = match id {
            "api" => &[Self::Login, Self::Confirm],
            "api-login" => &[Self::Login],
            "api-confirm" => &[Self::Confirm],
            _ => &[],
        };
        halves.iter().copied()
    }
}

/// Measures what `only` names, or everything if it names nothing.
pub(crate) fn measure(folder: &Path, programs: &Programs, only: &[String]) -> Result<Api, Fault> {
    let asked =
        |half| only.is_empty() || only.iter().flat_map(|id| Half::named(id)).any(|named| named == half);
    let halves: Vec<Half> = [Half::Login, Half::Confirm].into_iter().filter(|half| asked(*half)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        eprintln!("logins over the API, embedded store");
        let mut stores = vec![column(folder, programs, "embedded", None, &halves).await];
        match redis::start(folder) {
            Ok((_process, url)) => {
                eprintln!("logins over the API, Redis");
                stores.push(column(folder, programs, "redis", Some(&url), &halves).await);
            }
            Err(error) => eprintln!("left out: {error}"),
        }
        Ok(Api { stores })
    })
}

async fn column(
    folder: &Path,
    programs: &Programs,
    store: &'static str,
    url: Option<&str>,
    halves: &[Half],
) -> Column {
    let mut column = Column { store, login: None, confirm: None };
    let name = format!("api-{store}");
    let world = World::start(folder, programs, &name, url).await.map_err(reason);
    for half in halves {
        match half {
            Half::Login => {
                column.login = Some(match &world {
                    Ok(world) => within(world, login::measure(world)).await.map_err(reason),
                    Err(why) => Err(why.clone()),
                });
            }
            Half::Confirm => {
                column.confirm = Some(match &world {
                    Ok(world) => within(world, confirm::measure(world)).await.map_err(reason),
                    Err(why) => Err(why.clone()),
                });
            }
        }
    }
    if let Ok(world) = world
        && let Err(error) = world.stop().await
    {
        reason(error);
    }
    column
}

async fn within<T>(world: &World, part: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let done = tokio::time::timeout(LIMIT, part).await;
    let done = done.unwrap_or_else(|_| Err("took too long; is the machine quiet?".into()));
    done.map_err(|error| format!("{error}{}", world.gateway.said()).into())
}
