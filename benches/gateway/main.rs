//! What a request through the gateway costs, beside the bare framework and beside nginx, and what logins by scan and
//! over the API take, in one run; on request also what finding an account costs among a million.
//!
//! `cargo bench --bench gateway` measures everything, prints a table with the targets and writes
//! `target/bench/gateway.json`. The other processes it needs (app, bare pass-through, near cache) are this same
//! program in another role. Talks to loopback only, is bounded in time, and leaves no process behind.

#![allow(clippy::disallowed_methods, reason = "a program that measures waits on threads of its own")]

mod api;
mod app;
mod candidates;
mod http;
mod load;
mod machine;
mod memory;
mod near_cache;
mod passthrough;
mod planted;
mod process;
mod redis;
mod report;
mod rounds;
mod scale;
mod scan;
mod start;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};

/// The product's allocator, so that the bare pass-through and the near cache are measured with it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fault = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(about = "Measures Menshen beside a bare pingora pass-through and nginx")]
struct Args {
    /// How often every candidate has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load in one turn.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Keep-alive connections of the load.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Only these candidates, by their ids; `scan` stands for everything about logins by scan, `scan-push` and
    /// `scan-waiting` for its two halves; so do `api`, `api-login` and `api-confirm` for logins over the API. `scale` is
    /// done only when it is named: logins into stores of more and more accounts, which takes long and gigabytes.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// For `scale`: how many accounts, one size after the other.
    #[arg(long, value_delimiter = ',', default_values_t = scale::SIZES)]
    sizes: Vec<usize>,
    /// For `scale`: how many seconds filling up to one size may take before it is skipped.
    #[arg(long, default_value_t = scale::FILLING)]
    filling: u64,
    /// Only the rounds under load: no memory, near cache, start, scan and API measurements.
    #[arg(long)]
    load_only: bool,
    /// End with an error when a target is missed or could not be measured.
    #[arg(long)]
    strict: bool,
    /// Measure this build of the gateway in place of the one built along, for example an older one.
    #[arg(long)]
    menshen: Option<PathBuf>,
    /// Use this build of this program in the other roles.
    #[arg(long, hide = true)]
    roles: Option<PathBuf>,
    /// Set by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program is when it is not the one that measures.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
enum Role {
    /// The app behind every candidate.
    #[command(hide = true)]
    App { listen: SocketAddr },
    /// A pingora proxy that does nothing but proxy.
    #[command(hide = true)]
    Passthrough { listen: SocketAddr, upstream: SocketAddr, serving: passthrough::Serving },
    /// Fills a near cache and says what it took.
    #[command(hide = true)]
    NearCache { entries: usize },
}

/// The programs that are started.
#[derive(Clone, Debug)]
struct Programs {
    menshen: PathBuf,
    roles: PathBuf,
}

impl Programs {
    fn choose(args: &Args) -> Result<Self, Fault> {
        // Built from the source beside this program, with the same profile.
        let built = || PathBuf::from(env!("CARGO_BIN_EXE_menshen"));
        let menshen = args.menshen.clone().unwrap_or_else(built).canonicalize()?;
        let roles = args.roles.clone().map_or_else(std::env::current_exe, Ok)?.canonicalize()?;
        Ok(Self { menshen, roles })
    }
}

fn main() -> Result<(), Fault> {
    let args = Args::parse();
    match args.role {
        Some(Role::App { listen }) => app::run(listen),
        Some(Role::Passthrough { listen, upstream, serving }) => passthrough::run(listen, upstream, serving),
        Some(Role::NearCache { entries }) => near_cache::run(entries),
        None if args.bench => measure(&args),
        None => {
            println!("this measures only when it is asked to: cargo bench --bench gateway");
            Ok(())
        }
    }
}

/// Which parts of the measurement are asked for.
#[derive(Clone, Copy, Debug)]
struct Parts {
    load: bool,
    rest: bool,
    scan: bool,
    api: bool,
    scale: bool,
}

impl Parts {
    fn of(args: &Args) -> Self {
        let all = args.only.is_empty();
        let scan = |id: &String| scan::Half::named(id).next().is_some();
        let api = |id: &String| api::Half::named(id).next().is_some();
        let scale = |id: &String| id == scale::ID;
        let load = all || args.only.iter().any(|id| !scan(id) && !api(id) && !scale(id));
        let scan = all || args.only.iter().any(scan);
        let api = all || args.only.iter().any(api);
        let scale = args.only.iter().any(scale);
        let rest = !args.load_only;
        Self { load, rest: load && rest, scan: scan && rest, api: api && rest, scale: scale && rest }
    }
}

fn measure(args: &Args) -> Result<(), Fault> {
    let machine = machine::Machine::look()?;
    process::pin_self(process::LOAD_CORE)?;
    let folder = tempfile::Builder::new().prefix("menshen-bench-").tempdir()?;
    let mut report = report::Report::new(machine);
    let (parts, programs) = (Parts::of(args), Programs::choose(args)?);
    if parts.load {
        measure_requests(args, folder.path(), &programs, parts, &mut report)?;
    }
    if parts.scan {
        report.scan = scan::measure(folder.path(), &programs, &args.only).map_err(report::reason);
    }
    if parts.api {
        report.api = api::measure(folder.path(), &programs, &args.only).map_err(report::reason);
    }
    if parts.scale {
        report.scale = scale::measure(folder.path(), &args.sizes, Duration::from_secs(args.filling))
            .map_err(report::reason);
    }
    report.finish(parts)?;
    if args.strict && !report.all_met() {
        return Err("a target was missed or not measured".into());
    }
    Ok(())
}

/// Everything that needs the app: the rounds under load and, with the rest, memory, near cache and starts.
fn measure_requests(
    args: &Args,
    folder: &Path,
    programs: &Programs,
    parts: Parts,
    report: &mut report::Report,
) -> Result<(), Fault> {
    eprintln!("under load: {} rounds of {} s for each candidate", args.rounds, args.seconds);
    let app = candidates::app(folder, programs.clone())?;
    let field = candidates::Field::start(folder, &app, &args.only)?;
    rounds::run(args, &app, &field, report)?;
    drop(field);
    if parts.rest {
        eprintln!("memory: idle, and during 1 GiB up and down");
        report.memory = memory::measure(folder, &app).map_err(report::reason);
        eprintln!("near cache");
        report.near_cache = near_cache::measure(folder, &app).map_err(report::reason);
        eprintln!("starts");
        report.starts = start::measure(folder, &app).map_err(report::reason);
    }
    Ok(())
}
