//! SIGHUP: a new config comes in force as a whole or not at all, and nobody under way notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use reqwest::Client;
use serde_json::Value;
use tokio::time::timeout;

use super::bench::{Bench, browser, plain, serving};
use super::program::{LIMIT, Program};

const IN_FORCE: &str = "the new config is in force";
const REFUSED: &str = "the new config is refused";

/// Reloads and waits for the line that says how it ended.
async fn reload(gateway: &Program, says: &str) -> String {
    let start = gateway.err.all().len();
    gateway.signal("HUP");
    gateway.err.after(start, says).await.0
}

async fn status(client: &Client, url: String) -> u16 {
    client.get(url).send().await.unwrap().status().as_u16()
}

async fn login_page(bench: &Bench) -> String {
    let desktop = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    let request = browser(desktop).get(bench.url("/me")).header("accept", "text/html");
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn new_routes_and_titles_come_in_force_with_a_signal() {
    let bench = Bench::new().await;
    let gateway = bench.start().await;
    assert_eq!(status(&plain(), bench.url("/open")).await, 401);
    assert!(!login_page(&bench).await.contains("Lantern House"));
    let route = "[[routes]]\npath = \"/open\"\nupstream = \"app\"\naccess = \"public\"\n";
    bench.write(&format!("{}\n{route}\n[pages]\ntitle = \"Lantern House\"\n", bench.config()));
    reload(&gateway, IN_FORCE).await;
    assert_eq!(status(&plain(), bench.url("/open")).await, 200);
    assert!(login_page(&bench).await.contains("Lantern House"));
}

/// Invariant 6: a reload replaces everything it covers or nothing.
#[tokio::test]
async fn a_broken_config_changes_nothing_and_every_problem_is_a_line_of_json() {
    let bench = Bench::new().await;
    let gateway = bench.start().await;
    let (id, visitor) = bench.login("zhang").await;
    let route = "[[routes]]\npath = \"/open\"\nupstream = \"nobody\"\naccess = \"public\"\n";
    let broken = format!("{}\n{route}\n[pages]\ntitle = \"Lantern House\"\n", bench.config())
        .replace("[log]\n", "[log]\nfromat = \"text\"\n")
        .replace("path = \"/public\"", "path = \"public\"");
    bench.write(&broken);
    let start = gateway.err.all().len();
    reload(&gateway, REFUSED).await;
    gateway.err.after(start, "routes[2].upstream").await;
    let problems: Vec<Value> =
        gateway.err.all()[start..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(problems.len(), 3, "{problems:#?}");
    for (problem, key) in problems.iter().zip(["log.fromat", "routes[1].path", "routes[2].upstream"]) {
        assert_eq!(problem["level"], "ERROR");
        let text = problem["problem"].as_str().unwrap();
        assert!(text.contains(&format!("menshen.toml: {key}: ")), "{text}");
    }
    assert_eq!(status(&plain(), bench.url("/open")).await, 401);
    assert_eq!(status(&plain(), bench.url("/public")).await, 200);
    assert!(!login_page(&bench).await.contains("Lantern House"));
    assert_eq!(bench.whoami(&visitor).await, Some(id));
    // The next good one is taken.
    bench.write(&format!("{}\n[pages]\ntitle = \"Lantern House\"\n", bench.config()));
    reload(&gateway, IN_FORCE).await;
    assert!(login_page(&bench).await.contains("Lantern House"));
}

#[tokio::test]
async fn keys_that_need_a_restart_are_named_and_the_rest_is_in_force() {
    let bench = Bench::new().await;
    let gateway = bench.start().await;
    let changed = bench
        .config()
        .replace("[store]\n", "threads = 2\ndrain_timeout = \"3s\"\n[store]\ntimeout = \"3s\"\n")
        .replace("level = \"info\"", "level = \"warn\"\nformat = \"text\"")
        .replace("access = \"public\"", "access = \"deny\"");
    bench.write(&changed);
    let start = gateway.err.all().len();
    reload(&gateway, IN_FORCE).await;
    for key in ["server.threads", "server.drain_timeout", "\"store\"", "log.format", "log.level"] {
        let (line, _) = gateway.err.after(start, key).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["level"], "WARN");
        assert!(line["message"].as_str().unwrap().contains("needs a restart"), "{line}");
    }
    assert_eq!(status(&plain(), bench.url("/public")).await, 403);
}

#[tokio::test]
async fn access_lines_can_be_switched_on_and_off_by_a_reload() {
    let bench = Bench::new().await;
    let off = bench.config().replace("[log]\n", "[log]\naccess = false\n");
    bench.write(&off);
    let gateway = bench.start().await;
    assert_eq!(status(&plain(), bench.url("/public/unseen")).await, 200);
    bench.write(&bench.config());
    reload(&gateway, IN_FORCE).await;
    assert_eq!(status(&plain(), bench.url("/public/seen")).await, 200);
    gateway.out.with("/public/seen").await;
    assert!(!gateway.out.text().contains("/public/unseen"));
}

/// The whole start through, the loading of the program included: until it takes the signal over, it is the parent's
/// word that counts, here a shell that ignores it. (systemd sends none before `READY=1`.)
#[tokio::test]
async fn a_signal_at_any_moment_of_the_start_never_kills() {
    let bench = Bench::new().await;
    bench.write(&bench.config());
    for _ in 0..6 {
        let mut command = super::program::sh(r#"trap "" HUP; exec "$0" "$@""#);
        command.arg(env!("CARGO_BIN_EXE_menshen")).args(["run", "--config"]).arg(bench.file());
        let gateway = Program::start(command);
        has_hangup(&gateway, &["SigIgn:", "SigCgt:"]).await;
        survives_signals(&bench, gateway).await;
    }
}

#[tokio::test]
async fn a_signal_from_the_moment_the_program_begins_never_kills() {
    let bench = Bench::new().await;
    bench.write(&bench.config());
    for _ in 0..6 {
        let gateway = Program::start(bench.command());
        has_hangup(&gateway, &["SigCgt:"]).await;
        survives_signals(&bench, gateway).await;
    }
}

/// Waits until SIGHUP (bit 0) is in one of the sets of signals of the process: those it ignores, those it catches.
async fn has_hangup(gateway: &Program, sets: &[&str]) {
    let is_in = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
        sets.iter().any(|set| {
            let signals = status.lines().find_map(|line| line.strip_prefix(set)).unwrap();
            u64::from_str_radix(signals.trim(), 16).unwrap() & 1 == 1
        })
    };
    let waiting = async {
        while !is_in() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, waiting).await.unwrap();
}

/// Sends SIGHUP again and again until the gateway serves, then looks whether it does, and stops it.
async fn survives_signals(bench: &Bench, mut gateway: Program) {
    let mut sent = 0;
    while !gateway.err.text().contains("\"serving\"") {
        assert_eq!(gateway.has_ended(), None, "after {sent} signals:\n{}", gateway.err.text());
        gateway.signal("HUP");
        sent += 1;
        tokio::task::yield_now().await;
    }
    assert!(sent > 0);
    gateway.err.with(IN_FORCE).await;
    assert_eq!(status(&plain(), bench.url("/public")).await, 200);
    gateway.signal("TERM");
    assert!(gateway.ended().await.success(), "{}", gateway.err.text());
}

const CONNECTIONS: usize = 8;
const REQUESTS: usize = 200;
const RELOADS: usize = 20;

/// Design, section 7: visitors do not notice a reload.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_reloads_under_load_disturb_no_request_and_no_stream() {
    let bench = Arc::new(Bench::new().await);
    let gateway = bench.start().await;
    let (id, visitor) = bench.login("zhang").await;

    // One event stream that counts, read all the time.
    let numbers = Arc::new(AtomicU64::new(0));
    let (stop_events, mut stopped) = tokio::sync::watch::channel(false);
    let events = plain().get(bench.url("/public/events")).send().await.unwrap();
    let counted = Arc::clone(&numbers);
    let events = tokio::spawn(async move {
        let mut chunks = events.bytes_stream();
        let mut text = String::new();
        let mut next = 0;
        loop {
            let chunk = tokio::select! {
                chunk = chunks.next() => chunk.expect("the stream goes on").unwrap(),
                _ = stopped.changed() => return next,
            };
            text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((line, rest)) = text.split_once("\n\n") {
                assert_eq!(line, format!("data: {next}"));
                next += 1;
                text = rest.to_owned();
            }
            counted.store(next, Ordering::Relaxed);
        }
    });

    // One upload that gets a piece with every reload.
    let (piece, pieces) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = reqwest::Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(pieces));
    let upload = tokio::spawn(plain().post(bench.url("/public/upload")).body(body).send());

    let done = Arc::new(AtomicUsize::new(0));
    let load: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let (bench, visitor, done) = (Arc::clone(&bench), visitor.clone(), Arc::clone(&done));
            let id = id.clone();
            tokio::spawn(async move {
                let anonymous = plain();
                for request in 0..REQUESTS {
                    // Half of them as somebody, half as nobody.
                    if (number + request) % 2 == 0 {
                        assert_eq!(bench.whoami(&visitor).await.as_deref(), Some(id.as_str()));
                    } else {
                        assert_eq!(status(&anonymous, bench.url("/public/x")).await, 200);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();

    let route = "[[routes]]\npath = \"/open\"\nupstream = \"app\"\naccess = \"public\"\n";
    let mut before = 0;
    for number in 1..=RELOADS {
        // Spread over the load, without waiting for a clock.
        let due = CONNECTIONS * REQUESTS * number / (RELOADS + 1);
        let reached = async {
            while done.load(Ordering::Relaxed) < due && !load.iter().all(|task| task.is_finished()) {
                tokio::task::yield_now().await
            }
        };
        timeout(LIMIT, reached).await.unwrap();
        let open = number % 2 == 1;
        let config = bench.config();
        bench.write(&if open { format!("{config}\n{route}") } else { config });
        reload(&gateway, IN_FORCE).await;
        assert_eq!(status(&plain(), bench.url("/open")).await, if open { 200 } else { 401 });
        piece.send(Ok(vec![b'x'; 1000])).await.unwrap();
        // The stream has moved since the reload before.
        let moved = async {
            while numbers.load(Ordering::Relaxed) <= before {
                tokio::task::yield_now().await
            }
        };
        timeout(LIMIT, moved).await.unwrap();
        before = numbers.load(Ordering::Relaxed);
    }
    for task in load {
        task.await.unwrap();
    }
    drop(piece);
    let uploaded = upload.await.unwrap().unwrap();
    assert_eq!(uploaded.status(), 200);
    assert_eq!(uploaded.text().await.unwrap(), (RELOADS * 1000).to_string());
    stop_events.send(true).unwrap();
    assert!(events.await.unwrap() > 0);
}

/// A config file that is being replaced may be missing for a moment.
#[tokio::test]
async fn a_config_that_is_gone_changes_nothing() {
    let bench = Bench::new().await;
    bench.write(&bench.config());
    let gateway = serving(Program::start(bench.command())).await;
    std::fs::remove_file(bench.file()).unwrap();
    let line = reload(&gateway, REFUSED).await;
    assert!(line.contains("cannot read the config file"), "{line}");
    assert_eq!(status(&plain(), bench.url("/public")).await, 200);
}
