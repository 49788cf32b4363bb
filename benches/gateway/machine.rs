//! What the figures were taken on, and how busy it was with other things.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use crate::Fault;

/// The machine, as far as figures depend on it.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Of the last minute, before anything was started.
    pub(crate) load_average: f64,
    pub(crate) versions: Vec<String>,
    pub(crate) commit: Option<String>,
}

impl Machine {
    /// Looks; an error says what is missing to measure at all.
    pub(crate) fn look() -> Result<Self, Fault> {
        let cores = std::thread::available_parallelism()?.get();
        if cores < 2 {
            return Err("two cores are needed: one for the process under test, one for the load".into());
        }
        for program in ["wrk", "taskset", "setpriv"] {
            if said(program, &["--version"]).is_none() {
                return Err(format!("`{program}` is needed and not installed").into());
            }
        }
        let info = fs::read_to_string("/proc/cpuinfo")?;
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = fs::read_to_string("/proc/loadavg")?;
        let versions = [("nginx", "-v"), ("redis-server", "--version"), ("wrk", "-v")];
        Ok(Self {
            processor: model.map_or_else(|| "unknown".to_owned(), |(_, model)| model.to_owned()),
            cores,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load_average: load.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN),
            versions: versions.iter().filter_map(|(program, flag)| said(program, &[flag])).collect(),
            commit: said("git", &["describe", "--always", "--dirty"]),
        })
    }
}

/// The first line a program prints, wherever it prints it; `None` if it cannot be started.
fn said(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Some(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
}

/// How long a core has been busy so far, interrupts and stolen time included.
pub(crate) fn busy(core: usize) -> Result<Duration, Fault> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line =
        stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} "))).ok_or("no such core")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|text| text.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|index| ticks.get(*index)).sum();
    Ok(Duration::from_millis(10 * busy))
}
