//! A Redis of our own: started on one core, keeps nothing on disk, ends with its process.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::process::{LOAD_CORE, Process, free_address};
use crate::{Fault, http};

const LIMIT: Duration = Duration::from_secs(5);

/// Starts it on the load core; the second value is its address as a store's.
pub(crate) fn start(folder: &Path) -> Result<(Process, String), Fault> {
    start_on(LOAD_CORE, folder)
}

/// Starts it on `core`.
pub(crate) fn start_on(core: usize, folder: &Path) -> Result<(Process, String), Fault> {
    let port = free_address()?.port();
    let args = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let process = Process::start("redis", folder, core, Path::new("redis-server"), args)?;
    let began = Instant::now();
    while let Err(error) = http::connect(([127, 0, 0, 1], port).into()) {
        if began.elapsed() > LIMIT {
            return Err(format!("redis-server: {error}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok((process, format!("redis://127.0.0.1:{port}")))
}

/// The memory that the data of the server at `url` takes, in bytes.
pub(crate) async fn used(url: &str) -> Result<u64, Fault> {
    let mut connection = ::redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let told: String = ::redis::cmd("INFO").arg("memory").query_async(&mut connection).await?;
    let used = told.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(used.ok_or("redis-server does not say what it uses")?.trim().parse()?)
}
