//! Holds the systemd units against the program: the command line, readiness, reload and stop that the service
//! relies on, the socket that is handed over, and the promises of its sandbox.

#![allow(clippy::unwrap_used)]

#[path = "systemd_unit/process.rs"]
mod process;
#[path = "systemd_unit/unit.rs"]
mod unit;

use menshen::config::Config;
use process::Gateway;
use unit::Unit;

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:0"]
public_url = "http://localhost"
[store]
url = "embedded:memory"
[[upstreams]]
id = "app"
servers = ["http://127.0.0.1:9"]
[[routes]]
upstream = "app"
"#;

#[test]
fn the_service_starts_the_program_with_arguments_it_knows() {
    let service = Unit::read("menshen.service");
    let command = service.one("Service", "ExecStart");
    let (program, arguments) = command.split_once(' ').unwrap();
    assert_eq!(program, "/usr/local/bin/menshen", "where `make install` puts it");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_menshen"))
        .args(arguments.split(' '))
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(arguments.ends_with("/etc/menshen/menshen.toml"), "{arguments}");
    assert_eq!(service.one("Service", "ConfigurationDirectory"), "menshen");
}

#[test]
fn the_service_gives_a_stop_longer_than_the_drain_takes() {
    let service = Unit::read("menshen.service");
    let limit: menshen::ground::Span = service.one("Service", "TimeoutStopSec").parse().unwrap();
    let config = Config::parse("menshen.toml".as_ref(), CONFIG, []).unwrap();
    assert!(limit.millis() >= config.server.drain_timeout.millis() + 5000, "{limit}");
}

#[test]
fn the_service_reloads_by_the_signal_that_the_program_hears() {
    let service = Unit::read("menshen.service");
    assert_eq!(service.one("Service", "ExecReload"), "/bin/kill -HUP $MAINPID");
    assert_eq!(service.one("Service", "Type"), "notify");
    assert_eq!(service.one("Service", "KillSignal"), "SIGTERM");
}

/// A wrong config must be one clear line in the log, not a loop of restarts.
#[test]
fn the_service_does_not_retry_what_a_wrong_config_stopped() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_menshen"))
        .args(["run", "--config", "/nowhere/menshen.toml"])
        .output()
        .unwrap();
    let code = output.status.code().unwrap().to_string();
    let service = Unit::read("menshen.service");
    let prevented = service.one("Service", "RestartPreventExitStatus");
    assert!(prevented.split(' ').any(|status| status == code), "{code} is not in {prevented}");
    assert_eq!(service.one("Service", "Restart"), "on-failure");
}

#[test]
fn the_service_keeps_state_where_the_default_store_is_opened() {
    let service = Unit::read("menshen.service");
    assert_eq!(service.one("Service", "StateDirectory"), "menshen");
    assert_eq!(service.one("Service", "StateDirectoryMode"), "0700");
    assert_eq!(service.one("Service", "RuntimeDirectory"), "menshen");
    assert_eq!(service.one("Service", "WorkingDirectory"), "/var/lib/menshen");
    let config = Config::parse("menshen.toml".as_ref(), CONFIG, []).unwrap();
    let limit: usize = service.one("Service", "LimitNOFILE").parse().unwrap();
    assert!(limit > 4 * config.server.max_connections, "{limit}");
}

#[rstest::rstest]
#[case("User", "menshen")]
#[case("AmbientCapabilities", "CAP_NET_BIND_SERVICE")]
#[case("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE")]
#[case("NoNewPrivileges", "yes")]
#[case("ProtectSystem", "strict")]
#[case("ProtectHome", "yes")]
#[case("PrivateTmp", "yes")]
#[case("PrivateDevices", "yes")]
#[case("ProtectKernelTunables", "yes")]
#[case("ProtectKernelModules", "yes")]
#[case("ProtectKernelLogs", "yes")]
#[case("ProtectControlGroups", "yes")]
#[case("MemoryDenyWriteExecute", "yes")]
#[case("LockPersonality", "yes")]
#[case("RestrictNamespaces", "yes")]
#[case("RestrictSUIDSGID", "yes")]
#[case("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX")]
#[case("SystemCallArchitectures", "native")]
#[case("UMask", "0077")]
#[case("LimitCORE", "0")]
fn the_sandbox_holds(#[case] key: &str, #[case] value: &str) {
    assert_eq!(Unit::read("menshen.service").one("Service", key), value);
}

#[test]
fn only_the_system_calls_of_a_service_are_let_through() {
    let service = Unit::read("menshen.service");
    assert_eq!(service.all("Service", "SystemCallFilter"), ["@system-service", "~@privileged @resources"]);
}

#[test]
fn no_secret_is_in_the_units_but_the_way_to_hand_one_over_is_told() {
    let text = std::fs::read_to_string(unit::path("menshen.service")).unwrap();
    assert!(text.contains("LoadCredential=") && text.contains("secret_credential"));
    assert!(Unit::read("menshen.service").all("Service", "Environment").is_empty());
}

#[test]
fn the_socket_listens_where_the_program_does_by_itself() {
    let socket = Unit::read("menshen.socket");
    let text = CONFIG.replace("listen = [\"127.0.0.1:0\"]\n", "");
    let config = Config::parse("menshen.toml".as_ref(), &text, []).unwrap();
    assert_eq!(socket.all("Socket", "ListenStream"), config.server.listen);
    assert_eq!(socket.one("Install", "WantedBy"), "sockets.target");
}

#[tokio::test]
async fn systemd_hears_ready_then_reloading_and_ready_then_stopping() {
    let mut gateway = Gateway::start(CONFIG, None).await;
    gateway.hears("READY=1").await;
    gateway.signal("HUP").await;
    gateway.hears("RELOADING=1").await;
    gateway.hears("READY=1").await;
    gateway.signal("TERM").await;
    gateway.hears("STOPPING=1").await;
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_refused_reload_is_told_and_the_service_stays_ready() {
    let mut gateway = Gateway::start(CONFIG, None).await;
    gateway.hears("READY=1").await;
    gateway.write_config("[server]\nlisten = 3\n");
    gateway.signal("HUP").await;
    gateway.hears("RELOADING=1").await;
    let told = gateway.hears("READY=1").await;
    assert!(told.contains("STATUS=") && told.contains("refused"), "{told}");
    gateway.signal("TERM").await;
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_socket_that_systemd_holds_is_served_instead_of_the_configured_address() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let mut gateway = Gateway::start(CONFIG, Some(held)).await;
    gateway.hears("READY=1").await;
    let answer = process::get(address, "/_menshen/ping").await;
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    gateway.signal("TERM").await;
    assert!(gateway.ended().await.success());
}
