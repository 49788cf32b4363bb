//! Runs one script with a limit, beside what it talks to, and reads its report.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::world::World;

/// Longer than any script takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

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
        let report = self.run(world.as_ref()).await;
        if let Some(world) = world {
            world.stop().await;
        }
        let wrong: Vec<String> = report
            .iter()
            .filter(|check| !check.ok)
            .map(|check| format!("{}:\n{}", check.name, check.detail))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let names: Vec<_> = report.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names, expected);
    }

    async fn run(&self, world: Option<&World>) -> Vec<Check> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(world.map(World::environment).into_iter().flatten())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let what = format!("{} {}", self.program.display(), self.arguments.last().unwrap().display());
        let output = tokio::time::timeout(LIMIT, command.output()).await;
        let output = output.unwrap_or_else(|_| panic!("{what} did not end within {LIMIT:?}"));
        let output = output.unwrap_or_else(|error| {
            panic!("{what} cannot be run: {error}; `make test` installs what it needs")
        });
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{what} gave no report: {error}\n{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }
}
