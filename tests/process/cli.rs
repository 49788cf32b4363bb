//! Commands that end by themselves: `check`, wrong arguments, ports that are taken.

use std::net::TcpListener;

use super::bench::{Bench, plain};
use super::program::{Program, menshen};

async fn check(bench: &Bench) -> (Option<i32>, String, String) {
    Program::start(bench.command_of("check")).outcome().await
}

#[tokio::test]
async fn a_good_config_is_checked_without_a_word_of_complaint_and_nothing_is_made() {
    let bench = Bench::new().await;
    bench.write(&bench.config());
    let (code, out, err) = check(&bench).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("menshen.toml: no problems"), "{out}");
    assert!(!bench.folder.path().join("store.redb").exists(), "a check opens no store");
}

#[tokio::test]
async fn every_problem_of_a_bad_config_is_a_line_with_file_and_key() {
    let bench = Bench::new().await;
    let bad = bench
        .config()
        .replace("[store]", "[sotre]\n[store]")
        .replace("[log]\n", "[log]\nfromat = \"text\"\n")
        .replace("upstream = \"app\"\naccess", "upstream = \"elsewhere\"\naccess")
        .replace("pool = \"people\"\n[[methods]]", "pool = \"poeple\"\n[[methods]]");
    bench.write(&bad);
    let (code, out, err) = check(&bench).await;
    assert_eq!((code, out.as_str()), (Some(78), ""));
    let lines: Vec<&str> = err.lines().collect();
    let file = bench.file().display().to_string();
    let keys = [
        "sotre: there is no section `sotre`; did you mean `store`?",
        "log.fromat: unknown key; did you mean `format`?",
        "apps[1].pool: there is no pool `poeple`; did you mean `people`?",
        "routes[1].upstream: there is no upstream `elsewhere`",
    ];
    for key in keys {
        let found = lines.iter().filter(|line| line.starts_with(&format!("{file}: {key}"))).count();
        assert_eq!(found, 1, "{key} in:\n{err}");
    }
    assert_eq!(lines.len(), keys.len() + 1, "{err}");
    assert!(lines[keys.len()].starts_with("4 problems"), "{err}");
}

#[tokio::test]
async fn a_bad_config_starts_nothing() {
    let bench = Bench::new().await;
    bench.write(&bench.config().replace("[store]", "[sotre]\n[store]"));
    let (code, _, err) = Program::start(bench.command()).outcome().await;
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("nothing was started or changed"), "{err}");
    assert!(!bench.folder.path().join("store.redb").exists());
}

#[tokio::test]
async fn a_missing_config_file_is_named() {
    for command in ["check", "run"] {
        let (code, _, err) =
            Program::start(menshen(&[command, "--config", "/nowhere/menshen.toml"])).outcome().await;
        assert_eq!(code, Some(78));
        assert!(err.starts_with("/nowhere/menshen.toml: cannot read the config file: "), "{err}");
    }
}

#[tokio::test]
async fn a_variable_of_the_environment_is_named_where_it_is_wrong() {
    let bench = Bench::new().await;
    bench.write(&bench.config());
    let mut command = bench.command_of("check");
    command.env("MENSHEN__SERVER__PUBLIC_URL", "nonsense");
    let (code, _, err) = Program::start(command).outcome().await;
    assert_eq!(code, Some(78));
    assert!(err.starts_with("MENSHEN__SERVER__PUBLIC_URL: server.public_url: `nonsense`"), "{err}");
}

/// The environment of a service may hold anything.
#[tokio::test]
async fn an_environment_that_is_not_utf8_is_no_crash() {
    use std::os::unix::ffi::OsStrExt as _;
    let bench = Bench::new().await;
    bench.write(&bench.config());
    let broken = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let mut command = bench.command_of("check");
    command.env("OTHER", broken);
    let (code, _, err) = Program::start(command).outcome().await;
    assert_eq!(code, Some(0), "{err}");
    let mut command = bench.command_of("check");
    command.env("MENSHEN__APPS__WEBSITE__SECRET", broken);
    let (code, _, err) = Program::start(command).outcome().await;
    assert_eq!(code, Some(78));
    assert!(err.starts_with("MENSHEN__APPS__WEBSITE__SECRET: apps[0].secret: is not UTF-8"), "{err}");
}

#[tokio::test]
async fn a_taken_port_is_a_clear_message_and_leaves_the_store_alone() {
    let bench = Bench::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    bench.write(&bench.config().replacen(&bench.address().to_string(), &address, 1));
    let (code, _, err) = Program::start(bench.command()).outcome().await;
    assert_eq!(code, Some(1));
    assert!(err.contains(&format!("menshen: {address} is taken by another process")), "{err}");
    assert!(!bench.folder.path().join("store.redb").exists());
}

#[tokio::test]
async fn of_several_addresses_none_stays_open_if_one_is_taken() {
    let bench = Bench::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen = [\"{}\", \"{}\"]", bench.address(), taken.local_addr().unwrap());
    let usual = format!("listen = [\"{}\"]", bench.address());
    bench.write(&bench.config().replacen(&usual, &listen, 1));
    let (code, _, err) = Program::start(bench.command()).outcome().await;
    assert_eq!(code, Some(1), "{err}");
    let refused = plain().get(bench.url("/")).send().await.unwrap_err();
    assert!(refused.is_connect(), "{refused:?}");
}

#[tokio::test]
async fn the_store_of_a_running_gateway_is_not_taken_by_a_second_one() {
    let bench = Bench::new().await;
    let first = bench.start().await;
    let other = Bench::new().await;
    let config = bench.config().replace(&bench.port.to_string(), &other.port.to_string());
    other.write(&config);
    let (code, _, err) = Program::start(other.command()).outcome().await;
    assert_eq!(code, Some(1));
    assert!(err.contains("is open in another process"), "{err}");
    assert_eq!(plain().get(bench.url("/public")).send().await.unwrap().status(), 200);
    drop(first);
}

#[rstest::rstest]
#[case(&["fly"])]
#[case(&["run", "--port", "1"])]
#[case(&["demo", "--port", "0"])]
#[case(&["demo", "--port", "70000"])]
#[case(&["demo", "--wechat-port", "0"])]
#[case(&["demo", "--port", "many"])]
#[case(&[])]
#[tokio::test]
async fn wrong_arguments_are_told_apart_from_failures(#[case] arguments: &[&str]) {
    let (code, out, err) = Program::start(menshen(arguments)).outcome().await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("--help") || err.contains("Usage: menshen"), "{err}");
}

#[rstest::rstest]
#[case("run", "--config")]
#[case("check", "--config")]
#[case("doctor", "--json")]
#[case("accounts", "import")]
#[case("demo", "--wechat-port")]
#[case("simulator", "--listen")]
#[tokio::test]
async fn every_command_explains_itself(#[case] command: &str, #[case] option: &str) {
    let (code, out, err) = Program::start(menshen(&[command, "--help"])).outcome().await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains(option) && out.contains("Usage: menshen"), "{out}");
}
