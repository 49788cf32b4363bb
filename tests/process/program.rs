//! A running program with everything it says: output lines, exit, signals. Killed when dropped.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// Longest wait for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The lines of one stream so far.
#[derive(Clone)]
pub(crate) struct Lines(watch::Receiver<Vec<String>>);

impl Lines {
    fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                let line = String::from_utf8_lossy(&line).into_owned();
                sender.send_modify(|lines| lines.push(line));
            }
        });
        Self(receiver)
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    pub(crate) fn text(&self) -> String {
        self.all().join("\n")
    }

    /// The first line from number `start` on that has `part` in it, waited for; and the number after it.
    pub(crate) async fn after(&self, start: usize, part: &str) -> (String, usize) {
        let mut lines = self.0.clone();
        let find = |lines: &Vec<String>| lines.iter().skip(start).position(|line| line.contains(part));
        let found = timeout(LIMIT, lines.wait_for(|lines| find(lines).is_some())).await;
        match found {
            Ok(Ok(lines)) => {
                let at = start + find(&lines).unwrap();
                (lines[at].clone(), at + 1)
            }
            _ => panic!("no line with `{part}` after {start} in:\n{}", self.text()),
        }
    }

    pub(crate) async fn with(&self, part: &str) -> String {
        self.after(0, part).await.0
    }

    /// Waits for the end of the stream.
    pub(crate) async fn end(&self) -> String {
        let mut lines = self.0.clone();
        let ended = async { while lines.changed().await.is_ok() {} };
        timeout(LIMIT, ended).await.expect("the stream ends with its process");
        self.text()
    }
}

/// A program that runs.
pub(crate) struct Program {
    child: Child,
    pub(crate) out: Lines,
    pub(crate) err: Lines,
}

impl Program {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: Lines::of(out), err: Lines::of(err) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("the program runs")
    }

    pub(crate) fn signal(&self, name: &str) {
        let killed = std::process::Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(killed.unwrap().success(), "{name}; it said:\n{}", self.err.text());
    }

    /// How it ended, if it did.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.ended_within(LIMIT).await
    }

    pub(crate) async fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        match timeout(limit, self.child.wait()).await {
            Ok(status) => status.unwrap(),
            Err(_) => panic!("still runs after {limit:?}; it said:\n{}", self.err.text()),
        }
    }

    /// Exit code, standard output and standard error of a program that ends by itself.
    pub(crate) async fn outcome(mut self) -> (Option<i32>, String, String) {
        let status = self.ended().await;
        (status.code(), self.out.end().await, self.err.end().await)
    }
}

/// The program under test with arguments, and nothing of our environment that could change it.
pub(crate) fn menshen<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
    command
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A shell with a script, for what only a parent process can arrange.
pub(crate) fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin");
    command
}
