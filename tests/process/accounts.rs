//! `menshen accounts import`: what an operator who brings people along sees of it.

use std::process::Stdio;

use menshen::simulator::DEMO_SERVICE_APP_ID;

use super::bench::Bench;
use super::program::{Program, menshen};

type Outcome = (Option<i32>, String, String);

/// Imports a file of these lines with these further arguments.
async fn import(bench: &Bench, lines: &[&str], arguments: &[&str]) -> Outcome {
    let file = bench.folder.path().join("accounts.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let config = bench.file();
    let mut command = menshen(&["accounts", "import", "--config"]);
    command.arg(config).args(arguments);
    if arguments.contains(&"-") {
        command.stdin(Stdio::from(std::fs::File::open(file).unwrap()));
    } else {
        command.arg(file);
    }
    let (code, out, err) = Program::start(command).outcome().await;
    // Every summary says which store it is about.
    let store = format!("; store: embedded:{}", bench.folder.path().join("store.redb").display());
    let summary = out.strip_suffix(store.as_str()).map(str::to_owned);
    (code, summary.unwrap_or_else(|| if out.is_empty() { out } else { panic!("{out}") }), err)
}

fn done(summary: &str) -> Outcome {
    (Some(0), summary.to_owned(), String::new())
}

#[tokio::test]
async fn an_imported_person_logs_in_with_wechat_to_the_account_they_had() {
    let bench = Bench::new().await;
    bench.write(&bench.config());
    let open_id = bench.wechat.handle().openid(DEMO_SERVICE_APP_ID, "zhang");
    let line = format!(
        r#"{{"id": "legacy-1", "pool": "people", "name": "Zhang",
        "identities": [{{"app": "service", "open_id": "{open_id}"}}]}}"#
    );
    let line = line.replace('\n', " ");
    let first = import(&bench, &[&line], &[]).await;
    assert_eq!(first, done("1 imported, 0 already there, 0 refused, 0 not understood"));
    let again = import(&bench, &[&line], &[]).await;
    assert_eq!(again, done("0 imported, 1 already there, 0 refused, 0 not understood"));

    let _gateway = bench.start().await;
    assert_eq!(bench.login("zhang").await.0, "legacy-1");

    // The store of a running gateway is its own.
    let (code, out, err) = import(&bench, &[&line], &[]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("stop it first, or use Redis"), "{err}");
}

#[tokio::test]
async fn lines_that_do_not_go_in_are_told_and_the_exit_code_says_so() {
    let bench = Bench::new().await;
    bench.write(&bench.config());
    let lines = [
        r#"{"pool": "people", "username": "good"}"#,
        "",
        r#"{"pool": "people", "usrename": "bad"}"#,
        r#"{"id": "other", "pool": "people", "username": "GOOD"}"#,
    ];
    let expect = |(code, out, err): Outcome, summary: &str| {
        assert_eq!((code, out.as_str()), (Some(1), summary), "{err}");
        let told: Vec<&str> = err.lines().collect();
        assert_eq!(told.len(), 2, "{err}");
        assert!(told[0].starts_with("line 3: usrename: unknown field `usrename`"), "{err}");
        assert!(told[1].starts_with("line 4: username: this user name leads to the account"), "{err}");
    };
    let dry = "1 would be imported, 0 already there, 1 refused, 1 not understood; nothing was written";
    expect(import(&bench, &lines, &["--dry-run", "-"]).await, dry);
    assert!(!bench.folder.path().join("store.redb").exists(), "a dry run makes no store");
    expect(import(&bench, &lines, &["-"]).await, "1 imported, 0 already there, 1 refused, 1 not understood");
    expect(import(&bench, &lines, &["-"]).await, "0 imported, 1 already there, 1 refused, 1 not understood");
}

#[tokio::test]
async fn an_import_that_cannot_begin_says_why() {
    let bench = Bench::new().await;
    let line = r#"{"pool": "people", "username": "a"}"#;
    bench.write(&bench.config().replace("[store]", "[sotre]\n[store]"));
    let (code, _, err) = import(&bench, &[line], &[]).await;
    assert_eq!(code, Some(78), "{err}");

    let stored = format!("embedded:{}/store.redb", bench.folder.path().display());
    bench.write(&bench.config().replace(&stored, "embedded:memory"));
    let (code, _, err) = import(&bench, &[line], &[]).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("embedded:memory, which ends with this command"), "{err}");

    // Where the operator happens to be there is no store, and the gateway would never look at one that is made there.
    for arguments in [&[][..], &["--dry-run"]] {
        bench.write(&bench.config().replace(&stored, "embedded:store.redb"));
        let mut command = menshen(&["accounts", "import", "--config"]);
        command.arg(bench.file()).args(arguments).arg(bench.folder.path().join("accounts.jsonl"));
        command.current_dir(bench.folder.path());
        let (code, _, err) = Program::start(command).outcome().await;
        assert_eq!(code, Some(1), "{err}");
        let place = bench.folder.path().join("store.redb");
        assert!(err.contains(&format!("there is no store at {}", place.display())), "{err}");
        assert!(!place.exists());
    }

    bench.write(&bench.config());
    let mut command = menshen(&["accounts", "import", "/nowhere/accounts.jsonl", "--config"]);
    command.arg(bench.file());
    let (code, _, err) = Program::start(command).outcome().await;
    assert_eq!(code, Some(1));
    assert!(err.starts_with("menshen: cannot read /nowhere/accounts.jsonl: "), "{err}");
    assert!(!bench.folder.path().join("store.redb").exists());
}
