//! From the start of the process to the first request it serves.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::candidates::{App, Gateway, Settings};
use crate::{Fault, http};

const STARTS: usize = 20;

/// Milliseconds from starting the program to a 200 through an open route, each start with a store that exists.
pub(crate) fn measure(folder: &Path, app: &App) -> Result<Vec<f64>, Fault> {
    let settings = Settings { access_log: true, ..Settings::default() };
    let gateway = Gateway::prepare(folder, app, "start", &settings)?;
    (0..STARTS)
        .map(|_| {
            let began = Instant::now();
            let process = gateway.start()?;
            http::wait_for(gateway.address, "/pub/ready", Duration::from_secs(5))?;
            let took = began.elapsed();
            drop(process);
            Ok(took.as_secs_f64() * 1e3)
        })
        .collect()
}
