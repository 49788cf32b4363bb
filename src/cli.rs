//! The command line: arguments become a command, errors become a clear message and an exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong arguments, 78 wrong config (as `EX_CONFIG` of sysexits). `doctor` has its own:
//! 0 all well, 1 something will not work, 2 nothing could be examined.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{self, Config, LogConfig, LogFormat};
use crate::ground::{SystemClock, with_causes};
use crate::server::EarlySignals;
use crate::{accounts, demo, doctor, server, simulator};

/// A gateway that logs people in with WeChat, in front of apps that know nothing of it.
#[derive(Debug, Parser)]
#[command(name = "menshen", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Run {
        /// The config file.
        #[arg(long, short, default_value = "/etc/menshen/menshen.toml")]
        config: PathBuf,
    },
    /// Check a config: report every problem at once, change nothing.
    Check {
        /// The config file.
        #[arg(long, short, default_value = "/etc/menshen/menshen.toml")]
        config: PathBuf,
    },
    /// Ask WeChat and this machine whether the configured logins can work; change nothing.
    ///
    /// Prints one finding a line, with the cure. Exit status: 0 all well (warnings allowed), 1 something will not
    /// work, 2 the config cannot be used.
    Doctor {
        /// The config file.
        #[arg(long, short, default_value = "/etc/menshen/menshen.toml")]
        config: PathBuf,
        /// Only this app, by its id in the config, and what all apps share.
        #[arg(long, value_name = "ID")]
        app: Option<String>,
        /// One JSON object a finding: check, subject, outcome (ok, warning, problem, unknown), message, cure.
        #[arg(long)]
        json: bool,
    },
    /// Take the accounts of another system into the store.
    Accounts {
        #[command(subcommand)]
        command: Accounts,
    },
    /// Try everything on this machine: a gateway, a sample app and a simulated WeChat.
    Demo(demo::Args),
    /// Run only the simulated WeChat, for tests of your own.
    Simulator(simulator::cli::Args),
}

#[derive(Debug, Subcommand)]
enum Accounts {
    /// Import accounts from a file of JSON Lines; an account that is there is never changed.
    ///
    /// One JSON object a line: `pool`, and any of `id`, `username`, `phone`, `phone_verified`, `email`,
    /// `email_verified`, `name`, `avatar`, `groups`, `attributes`, `password_hash`, `disabled`, `identities`. Run it as
    /// the user the gateway runs as. Exit status: 0 all lines are in, 1 not all, 78 the config is wrong.
    Import {
        /// The config file.
        #[arg(long, short, default_value = "/etc/menshen/menshen.toml")]
        config: PathBuf,
        /// Check every line, write nothing.
        #[arg(long)]
        dry_run: bool,
        /// The accounts; `-` is standard input.
        file: PathBuf,
    },
}

/// Runs the command that the arguments name.
pub fn main(early: EarlySignals) -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => run(&config, early),
        Command::Check { config } => check(&config),
        Command::Doctor { config, app, json } => doctor(&config, app.as_deref(), json),
        Command::Accounts { command: Accounts::Import { config, dry_run, file } } => {
            import(&config, &file, dry_run)
        }
        Command::Demo(args) => block_on(0, async {
            log_to_stderr(&LogConfig { format: LogFormat::Text, level: "warn".into(), access: false });
            demo::run(args).await
        }),
        Command::Simulator(args) => block_on(1, async {
            log_to_stderr(&LogConfig { format: LogFormat::Text, level: "info".into(), access: false });
            simulator::cli::run(args).await
        }),
    }
}

fn run(file: &std::path::Path, early: EarlySignals) -> ExitCode {
    let config = match Config::load(file, config::environment()) {
        Ok(config) => config,
        Err(error) => return config_error(&error),
    };
    log_to_stderr(&config.log);
    block_on(config.server.threads, server::run(config, early))
}

fn check(file: &std::path::Path) -> ExitCode {
    let checked = Config::load(file, config::environment()).and_then(|config| server::check(&config));
    match checked {
        Ok(()) => {
            say(&format!("{}: no problems", file.display()));
            ExitCode::SUCCESS
        }
        Err(error) => config_error(&error),
    }
}

fn config_error(error: &crate::config::ConfigError) -> ExitCode {
    complain_of_config(error);
    ExitCode::from(78)
}

fn complain_of_config(error: &crate::config::ConfigError) {
    let count = error.0.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    complain(&format!("{error}\n{count} {noun}; nothing was started or changed"));
}

fn doctor(file: &std::path::Path, app: Option<&str>, json: bool) -> ExitCode {
    let unusable = ExitCode::from(2);
    let config =
        Config::load(file, config::environment()).and_then(|config| server::check(&config).map(|()| config));
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            complain_of_config(&error);
            return unusable;
        }
    };
    let Ok(runtime) = runtime(2) else { return unusable };
    // No log: whatever a check meets is a finding.
    let examined = runtime.block_on(doctor::examine(&config, app, Arc::new(SystemClock)));
    runtime.shutdown_background();
    let report = match examined {
        Ok(report) => report,
        Err(error) => {
            complain(&format!("menshen: {}", with_causes(&error)));
            return unusable;
        }
    };
    for finding in &report.findings {
        say(&if json { finding.json() } else { finding.to_string() });
    }
    if !json {
        say(&report.summary());
    }
    if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn import(file: &std::path::Path, lines: &std::path::Path, dry_run: bool) -> ExitCode {
    let config = match Config::load(file, config::environment()) {
        Ok(config) => config,
        Err(error) => return config_error(&error),
    };
    log_to_stderr(&LogConfig { format: LogFormat::Text, level: "warn".into(), access: false });
    let Ok(runtime) = runtime(2) else { return ExitCode::FAILURE };
    let ended = runtime.block_on(accounts::import(&config, lines, dry_run, Arc::new(SystemClock), complain));
    runtime.shutdown_background();
    match ended {
        Ok(summary) => {
            say(&format!("{summary}; store: {}", accounts::destination(&config)));
            if summary.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(accounts::ImportError::Config(error)) => config_error(&error),
        Err(error) => {
            complain(&format!("menshen: {}", with_causes(&error)));
            ExitCode::FAILURE
        }
    }
}

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, ExitCode> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder.enable_all().thread_name("menshen").build().map_err(|error| {
        complain(&format!("menshen: cannot start threads: {error}"));
        ExitCode::FAILURE
    })
}

/// Runs `work` on a runtime of `threads` workers (0: one for each processor) and reports how it ended.
fn block_on<E: std::error::Error>(threads: usize, work: impl Future<Output = Result<(), E>>) -> ExitCode {
    let runtime = match runtime(threads) {
        Ok(runtime) => runtime,
        Err(failed) => return failed,
    };
    let ended = runtime.block_on(work);
    // Whatever still runs in the background has had its chance to end in order.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("menshen: {}", with_causes(&error)));
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr(config: &LogConfig) {
    let wanted = EnvFilter::try_new(&config.level).unwrap_or_default().and(filter_fn(may_be_logged));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match config.format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Text => layer.boxed(),
    };
    // A second subscriber can only mean that one stands already, which is as good.
    let _ = tracing_subscriber::registry().with(layer.with_filter(wanted)).try_init();
}

/// Libraries write addresses and headers, and so codes and tokens, into their finer lines: those never pass,
/// whatever `log.level` says.
fn may_be_logged(line: &Metadata<'_>) -> bool {
    let ours = line.target() == "audit" || line.target().split("::").next() == Some("menshen");
    ours || *line.level() <= Level::INFO
}

// A closed terminal is no reason to fail.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
