//! The processes that are measured or help: started on one core, read from /proc, ended by their id.
//!
//! Every one ends with its [`Process`], and, if this program is killed, with this program. Reads Linux's /proc
//! only; nothing here needs special rights.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Fault;

/// The core of the process under test.
pub(crate) const TEST_CORE: usize = 0;
/// The core of the load, the app and Redis.
pub(crate) const LOAD_CORE: usize = 1;

/// One clock tick of /proc/PID/stat; Linux has shown a hundred a second to programs for ever.
const TICK: Duration = Duration::from_millis(10);
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running program.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    errors: PathBuf,
}

impl Process {
    /// Starts `program` pinned to `core`. Its standard error goes to a file in `folder`.
    pub(crate) fn start<A: AsRef<OsStr>>(
        name: &str,
        folder: &Path,
        core: usize,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Self, Fault> {
        let errors = folder.join(format!("{name}.stderr"));
        let child = pinned(core, program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&errors)?)
            .spawn()
            .map_err(|error| format!("{name}: {}: {error}", program.display()))?;
        Ok(Self { name: name.to_owned(), child, errors })
    }

    /// Waits until `path` answers 200; on failure the error holds what the program said.
    pub(crate) fn ready(mut self, address: SocketAddr, path: &str) -> Result<Self, Fault> {
        let limit = Duration::from_secs(15);
        let began = Instant::now();
        loop {
            let ended = self.child.try_wait()?;
            let waited = crate::http::wait_for(address, path, Duration::from_millis(50));
            let problem = match (waited, ended) {
                (Ok(()), None) => return Ok(self),
                (_, Some(status)) => format!("ended with {status}"),
                (Err(error), None) if began.elapsed() > limit => error.to_string(),
                (Err(_), None) => continue,
            };
            return Err(format!("{}: {problem}{}", self.name, self.said()).into());
        }
    }

    /// The last lines of what the program said, with a beginning that joins them to an error.
    pub(crate) fn said(&self) -> String {
        let text = fs::read_to_string(&self.errors).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(5)..];
        if tail.is_empty() { String::new() } else { format!("; it said: {}", tail.join(" | ")) }
    }

    /// CPU time so far of the process and its children, which nginx does its work in.
    pub(crate) fn cpu(&self) -> Result<CpuMark, Fault> {
        CpuMark::of(&family(self.child.id())?)
    }

    /// Resident memory now, in bytes.
    pub(crate) fn resident(&self) -> Result<u64, Fault> {
        self.status("VmRSS:")
    }

    /// The most resident memory since [`Process::forget_peak`], in bytes.
    pub(crate) fn peak(&self) -> Result<u64, Fault> {
        self.status("VmHWM:")
    }

    /// Starts a new measurement of the peak.
    pub(crate) fn forget_peak(&self) -> Result<(), Fault> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    fn status(&self, key: &str) -> Result<u64, Fault> {
        resident_of(&self.child.id().to_string(), key)
    }
}

/// A memory figure of /proc/PID/status, in bytes.
pub(crate) fn resident_of(pid: &str, key: &str) -> Result<u64, Fault> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such figure in /proc")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let began = Instant::now();
        while began.elapsed() < STOP_LIMIT {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        eprintln!("{} did not stop in {} s and was killed", self.name, STOP_LIMIT.as_secs());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time at one moment.
#[derive(Debug, Default)]
pub(crate) struct CpuMark {
    /// Of the processes, ended threads included; coarse.
    ticks: u32,
    /// Of each living thread, in nanoseconds.
    threads: BTreeMap<String, u64>,
}

impl CpuMark {
    /// CPU time so far of this program alone.
    pub(crate) fn own() -> Result<Self, Fault> {
        Self::of(&[std::process::id()])
    }

    fn of(pids: &[u32]) -> Result<Self, Fault> {
        let mut mark = Self::default();
        for pid in pids {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let fields: Vec<&str> = after_name(&stat).split(' ').collect();
            let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<u32>().ok());
            mark.ticks +=
                ticks(11).zip(ticks(12)).map(|(user, system)| user + system).ok_or("no CPU time")?;
            for thread in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
                // A thread that ends between listing and reading is in the ticks.
                let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
                let nanos = text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
                mark.threads.insert(thread.file_name().to_string_lossy().into_owned(), nanos);
            }
        }
        Ok(mark)
    }

    /// CPU time since `earlier`: the exact figure of the living threads, unless threads ended meanwhile.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let spent = |(thread, now): (&String, &u64)| now - earlier.threads.get(thread).unwrap_or(&0);
        let exact = Duration::from_nanos(self.threads.iter().map(spent).sum());
        let coarse = TICK * (self.ticks - earlier.ticks);
        // Two ticks for each of the two marks' roundings.
        if coarse > exact + TICK * 4 { coarse } else { exact }
    }
}

/// A command that starts `program` on `core` and has it ended should this program die.
pub(crate) fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "taskset", "-c"]).arg(core.to_string()).arg(program);
    command
}

/// Pins this program, and with it the threads it starts later, to `core`.
pub(crate) fn pin_self(core: usize) -> Result<(), Fault> {
    let status = Command::new("taskset")
        .args(["-pc", &core.to_string(), &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err("taskset cannot pin this process".into()) }
}

/// A port that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr, Fault> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

fn family(parent: u32) -> Result<Vec<u32>, Fault> {
    let mut pids = vec![parent];
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        if after_name(&stat).split(' ').nth(1) == Some(parent.to_string().as_str()) {
            pids.push(pid);
        }
    }
    Ok(pids)
}

/// The fields of /proc/PID/stat from the state on; the name before them may hold anything.
fn after_name(stat: &str) -> &str {
    stat.rsplit_once(") ").map_or("", |(_, fields)| fields)
}
