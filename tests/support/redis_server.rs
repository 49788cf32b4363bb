//! A `redis-server` of the test's own: its own port, its own directory, ended when it is dropped.
//!
//! Never talks to a server that it did not start.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[path = "certificates.rs"]
#[allow(clippy::duplicate_mod, reason = "a test that needs both servers has it twice")]
mod certificates;

use certificates::make_certificates;

/// How long a server may take to start.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running server, or one stopped for a while.
pub struct RedisServer {
    child: Option<Child>,
    dir: TempDir,
    port: u16,
    args: Vec<String>,
    tls: bool,
}

impl RedisServer {
    /// Starts a server that keeps nothing, with further command-line settings.
    pub fn start(args: &[&str]) -> Self {
        Self::launch(tempfile::tempdir().unwrap(), args, false)
    }

    /// Starts a server that speaks only TLS, with a certificate for `localhost` signed by [`Self::ca_file`].
    pub fn start_tls() -> Self {
        let dir = tempfile::tempdir().unwrap();
        make_certificates(dir.path());
        Self::launch(dir, &[], true)
    }

    fn launch(dir: TempDir, args: &[&str], tls: bool) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut server = Self { child: None, dir, port: 0, args, tls };
        // Another process may take the port between looking and listening: look again.
        for _ in 0..10 {
            server.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            if server.spawn() {
                return server;
            }
        }
        panic!("redis-server does not start: {}", server.log());
    }

    /// The port of 127.0.0.1 that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address for `[store] url`.
    pub fn url(&self) -> String {
        let (scheme, host) = if self.tls { ("rediss", "localhost") } else { ("redis", "127.0.0.1") };
        format!("{scheme}://{host}:{}", self.port)
    }

    /// The certificate that vouches for a TLS server.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    /// Kills the server as a crash would.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on the same port.
    pub fn restart(&mut self) {
        self.stop();
        assert!(self.spawn(), "redis-server does not start again: {}", self.log());
    }

    /// Stops the server's clock: connections stay open and nothing answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen server run on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    fn spawn(&mut self) -> bool {
        let log = self.dir.path().join("redis.log");
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(self.dir.path()).arg("--logfile").arg(&log);
        if self.tls {
            command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            command.arg("--tls-cert-file").arg(self.dir.path().join("server.crt"));
            command.arg("--tls-key-file").arg(self.dir.path().join("server.key"));
            command.arg("--tls-ca-cert-file").arg(self.ca_file());
        } else {
            command.args(["--port", &port]);
        }
        let child = command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut child = child.expect("redis-server must be installed for these tests");
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            // Ready when its log says so: a connection alone might be answered by somebody else on the port.
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let this_run = said.rsplit_once("oO0OoO0OoO0Oo Redis is starting").map_or("", |(_, rest)| rest);
            if this_run.contains("Ready to accept connections") {
                self.child = Some(child);
                return true;
            }
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            #[allow(
                clippy::disallowed_methods,
                reason = "a log file announces nothing; the wait has a limit"
            )]
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        false
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("redis.log")).unwrap_or_default()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}
