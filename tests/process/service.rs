//! The program under a service manager: notifications, sockets that are handed over, an orderly stop, credentials,
//! and what a kill leaves behind.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::{TcpStream, UnixDatagram};
use tokio::time::{Instant, timeout};

use super::bench::{Bench, plain, serving};
use super::program::{LIMIT, Program, sh};

/// Where systemd listens for notifications.
struct Notes(UnixDatagram);

impl Notes {
    fn of(bench: &Bench, command: &mut tokio::process::Command) -> Self {
        let path = bench.folder.path().join("notify");
        let _ = std::fs::remove_file(&path);
        command.env("NOTIFY_SOCKET", &path);
        Self(UnixDatagram::bind(path).unwrap())
    }

    /// The next message, as lines.
    async fn next(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = timeout(LIMIT, self.0.recv(&mut buffer)).await.unwrap().unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Microseconds of the clock that systemd compares with.
fn monotonic_usec() -> u64 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    (seconds * 1e6) as u64
}

/// `sd_notify(3)`, `Type=notify-reload`: a reload carries the time it began.
#[tokio::test]
async fn systemd_is_told_of_start_reload_and_stop_in_its_protocol() {
    let bench = Bench::new().await;
    bench.write(&bench.config());
    let mut command = bench.command();
    let notes = Notes::of(&bench, &mut command);
    let mut gateway = Program::start(command);
    assert_eq!(notes.next().await, ["READY=1"]);
    // Ready means: serves.
    assert_eq!(plain().get(bench.url("/public")).send().await.unwrap().status(), 200);
    gateway.signal("HUP");
    let reloading = notes.next().await;
    assert_eq!(reloading[0], "RELOADING=1");
    let began: u64 = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    assert!(began.abs_diff(monotonic_usec()) < 3_600_000_000, "{began}");
    let ready = notes.next().await;
    assert_eq!(ready[0], "READY=1");
    assert_eq!(ready[1], "STATUS=config 2 in force");
    gateway.signal("TERM");
    assert_eq!(notes.next().await, ["STOPPING=1"]);
    assert!(gateway.ended().await.success());
}

/// What systemd does with a socket unit: the socket is descriptor 3, and stays open across restarts.
const AS_SYSTEMD: &str = r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@""#;

#[tokio::test]
async fn a_visitor_who_comes_during_a_restart_waits_in_the_socket_that_systemd_holds() {
    let bench = Bench::new().await;
    bench.write(&bench.config());
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/public", held.local_addr().unwrap());
    let start = || {
        let mut command = sh(AS_SYSTEMD);
        command.arg(env!("CARGO_BIN_EXE_menshen")).args(["run", "--config"]).arg(bench.file());
        command.stdin(Stdio::from(OwnedFd::from(held.try_clone().unwrap())));
        Program::start(command)
    };
    let mut first = serving(start()).await;
    assert_eq!(plain().get(&url).send().await.unwrap().status(), 200);
    // The configured address is not opened.
    assert!(TcpStream::connect(bench.address()).await.is_err());
    first.signal("TERM");
    assert!(first.ended().await.success());
    let waiting = tokio::spawn(plain().get(&url).send());
    let second = serving(start()).await;
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    drop(second);
}

fn with_drain(bench: &Bench, limit: &str) -> String {
    bench.config().replacen("[store]", &format!("drain_timeout = \"{limit}\"\n[store]"), 1)
}

/// The route of the slow requests needs no login here.
fn open_to_all(config: &str) -> String {
    config.replacen("path = \"/\"\n", "path = \"/\"\naccess = \"public\"\n", 1)
}

/// Waits until nobody accepts connections any more.
async fn refuses(bench: &Bench) {
    let refused = async { while TcpStream::connect(bench.address()).await.is_ok() {} };
    timeout(LIMIT, refused).await.expect("new connections are refused");
}

/// Design, section 7: a restart lets requests under way finish.
#[tokio::test]
async fn a_stop_lets_a_request_under_way_finish_and_refuses_new_ones() {
    let bench = Bench::new().await;
    bench.write(&open_to_all(&with_drain(&bench, "50s")));
    let mut gateway = bench.start().await;
    let slow = tokio::spawn(plain().get(bench.url("/slow")).send());
    timeout(LIMIT, bench.app.arrived.acquire()).await.unwrap().unwrap().forget();
    gateway.signal("TERM");
    gateway.err.with("\"stopping\"").await;
    refuses(&bench).await;
    assert_eq!(gateway.has_ended(), None, "it waits for the request");
    bench.app.go_on.add_permits(1);
    let answer = slow.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "slow but sure");
    assert!(gateway.ended().await.success(), "{}", gateway.err.text());
}

#[tokio::test]
async fn a_stop_cuts_what_is_still_busy_after_the_drain_time() {
    let bench = Bench::new().await;
    bench.write(&open_to_all(&with_drain(&bench, "1s")));
    let mut gateway = bench.start().await;
    let slow = tokio::spawn(plain().get(bench.url("/slow")).send());
    timeout(LIMIT, bench.app.arrived.acquire()).await.unwrap().unwrap().forget();
    let begun = Instant::now();
    gateway.signal("TERM");
    let status = gateway.ended_within(Duration::from_secs(1 + 2)).await;
    assert!(status.success(), "after {:?}: {}", begun.elapsed(), gateway.err.text());
    assert!(slow.await.unwrap().is_err(), "there was nothing to answer with");
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let bench = Bench::new().await;
    bench.write(&open_to_all(&with_drain(&bench, "10m")));
    let mut gateway = bench.start().await;
    let slow = tokio::spawn(plain().get(bench.url("/slow")).send());
    timeout(LIMIT, bench.app.arrived.acquire()).await.unwrap().unwrap().forget();
    gateway.signal("TERM");
    gateway.err.with("\"stopping\"").await;
    assert_eq!(gateway.has_ended(), None);
    gateway.signal("TERM");
    // Far below the drain time.
    assert!(gateway.ended().await.success());
    gateway.err.with("a second time").await;
    assert!(slow.await.unwrap().is_err());
}

#[tokio::test]
async fn a_secret_comes_as_a_systemd_credential() {
    let bench = Bench::new().await;
    let secret = format!("secret = \"{}\"", menshen::simulator::DEMO_SERVICE_SECRET);
    let config = bench.config();
    assert!(config.contains(&secret));
    bench.write(&config.replace(&secret, "secret_credential = \"service-secret\""));
    let credentials = bench.folder.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let value = format!("{}\n", menshen::simulator::DEMO_SERVICE_SECRET);
    std::fs::write(credentials.join("service-secret"), value).unwrap();
    // Without the directory the way to get one is told.
    let (code, _, err) = Program::start(bench.command()).outcome().await;
    assert_eq!(code, Some(78));
    assert!(err.contains("apps[1].secret_credential: systemd gave this process no credentials"), "{err}");
    let mut command = bench.command();
    command.env("CREDENTIALS_DIRECTORY", &credentials);
    let _gateway = serving(Program::start(command)).await;
    // The simulator checks the secret, so a login proves that the right one arrived.
    bench.login("zhang").await;
}

/// Design, section 6: durable before a login is answered.
#[tokio::test]
async fn a_kill_loses_no_session_that_a_visitor_was_given() {
    let bench = std::sync::Arc::new(Bench::new().await);
    let mut gateway = bench.start().await;
    let mut visitors = Vec::new();
    for person in ["zhang", "lina", "qiang", "maria"] {
        visitors.push(bench.login(person).await);
    }
    // The last login was answered this moment.
    gateway.signal("KILL");
    assert!(!gateway.ended().await.success());
    let _gateway = bench.start().await;
    for (id, visitor) in &visitors {
        assert_eq!(bench.whoami(visitor).await.as_ref(), Some(id));
    }
    // And a person stays the same account.
    assert_eq!(bench.login("lina").await.0, visitors[1].0);
}
