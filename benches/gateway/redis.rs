//! A Redis of our own: started on the load core, keeps nothing on disk, ends with its process.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::process::{LOAD_CORE, Process, free_address};
use crate::{Fault, http};

const LIMIT: Duration = Duration::from_secs(5);

/// Starts it; the second value is its address as a store's.
pub(crate) fn start(folder: &Path) -> Result<(Process, String), Fault> {
    let port = free_address()?.port();
    let args = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let process = Process::start("redis", folder, LOAD_CORE, Path::new("redis-server"), args)?;
    let began = Instant::now();
    while let Err(error) = http::connect(([127, 0, 0, 1], port).into()) {
        if began.elapsed() > LIMIT {
            return Err(format!("redis-server: {error}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok((process, format!("redis://127.0.0.1:{port}")))
}
