//! Runs one script with a limit, beside what it talks to, and reads its report.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::world::World;

/// Longer than any script takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(150);

#[derive(Debug, Deserialize)]
struct Check {
    name: String,
    ok: bool,
    detail: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program and what it runs with.
pub(crate) struct Script {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<PathBuf>,
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
    /// Must be there; `make test` puts it there.
    pub(crate) needs: PathBuf,
    pub(crate) beside: Beside,
}

/// What a script talks to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    Wechat,
    Gateway,
}

impl Script {
    /// Fails unless the script checked exactly these things, in this order, and found all of them right.
    pub(crate) async fn finds(self, expected: &[&str]) {
        let output = self.run().await;
        let report: Vec<Check> = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{} gave no report: {error}\n{}", self.name(), said(&output)));
        let wrong: Vec<String> = report
            .iter()
            .filter(|check| !check.ok)
            .map(|check| format!("{}:\n{}", check.name, check.detail))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let names: Vec<_> = report.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names, expected);
    }

    /// Fails unless every test of Node.js passed, none was skipped, and there were at least so many.
    pub(crate) async fn passes(self, expected: usize) {
        let output = self.run().await;
        let report = String::from_utf8_lossy(&output.stdout);
        let count = |what: &str| {
            let line = report.lines().find_map(|line| line.strip_prefix(&format!("# {what} ")));
            line.and_then(|count| count.trim().parse::<usize>().ok())
        };
        let skipped: usize = ["skipped", "todo", "cancelled"].iter().filter_map(|what| count(what)).sum();
        let (tests, passed) = (count("tests").unwrap_or_default(), count("pass").unwrap_or_default());
        assert!(
            output.status.success() && passed == tests && skipped == 0 && tests >= expected,
            "of {tests} tests, at least {expected} wanted, {passed} passed and {skipped} did not run:\n{}{}",
            without_what_passed(&report),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn name(&self) -> String {
        format!("{} {}", self.program.display(), self.arguments.last().unwrap().display())
    }

    async fn run(&self) -> Output {
        assert!(
            self.needs.exists(),
            "{} is missing: `make test` installs the libraries that check us (or run .ci/witness)",
            self.needs.display()
        );
        let world = match self.beside {
            Beside::Nothing => None,
            Beside::Wechat => Some(World::wechat().await),
            Beside::Gateway => Some(World::whole().await),
        };
        let output = self.run_beside(world.as_ref()).await;
        if let Some(world) = world {
            world.stop().await;
        }
        output
    }

    async fn run_beside(&self, world: Option<&World>) -> Output {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(world.map(World::environment).into_iter().flatten())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let what = self.name();
        let output = tokio::time::timeout(LIMIT, command.output()).await;
        let output = output.unwrap_or_else(|_| panic!("{what} did not end within {LIMIT:?}"));
        output.unwrap_or_else(|error| {
            panic!("{what} cannot be run: {error}; `make test` installs what it needs")
        })
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What TAP says, from the first line on that tells of a failure, without the tests that passed.
fn without_what_passed(report: &str) -> String {
    let mut told = String::new();
    let mut passed = false;
    for line in report.lines() {
        let bare = line.trim_start();
        if bare.starts_with("# Subtest") {
            continue;
        }
        if bare.starts_with("ok ") {
            passed = !bare.contains("# SKIP") && !bare.contains("# TODO");
        } else if bare.starts_with("not ok ") || bare.starts_with('#') {
            passed = false;
        }
        if !passed {
            told.push_str(line);
            told.push('\n');
        }
    }
    told
}
