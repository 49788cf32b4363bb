//! The real program: what it prints and how it exits.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::house::{House, assert_no_secret};

/// Exit code, standard output and standard error of `menshen doctor` on the house's config.
async fn doctor(house: &House, more: &[&str]) -> (Option<i32>, String, String) {
    let file = house.folder.path().join("menshen.toml");
    std::fs::write(&file, &house.text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.arg("doctor").arg("--config").arg(file).args(more);
    command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
    let output = output.expect("an examination takes less than a minute").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_no_secret(&out);
    assert_no_secret(&err);
    (output.status.code(), out, err)
}

#[tokio::test]
async fn all_well_is_0_with_one_finding_a_line_and_a_sum() {
    let house = House::open().await;
    let (code, out, err) = doctor(&house, &[]).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 16, "{out}");
    assert_eq!(lines[4], "ok       credentials website: AppID and AppSecret are right", "{out}");
    assert!(lines[12].starts_with("unknown  push_console service: ") && lines[12].contains(" -> "), "{out}");
    assert_eq!(lines[15], "15 checks: 0 problems, 1 warning, 2 unknown; nothing was changed");
}

#[tokio::test]
async fn a_problem_is_1_and_json_has_one_object_a_finding() {
    let house = House::with(|_| {}).await.close();
    let (code, out, err) = doctor(&house, &["--json"]).await;
    assert_eq!((code, err.as_str()), (Some(1), ""), "{out}");
    let findings: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for finding in &findings {
        let keys: Vec<_> = finding.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(
            keys.iter().all(|key| ["check", "cure", "message", "outcome", "subject"].contains(key)),
            "{keys:?}"
        );
        assert!(keys.len() >= 4, "{keys:?}");
    }
    let address = findings.iter().find(|finding| finding["check"] == "public_address").unwrap();
    assert_eq!(address["outcome"], "problem");
    assert_eq!(address["subject"], Value::from(house.public.as_str()));
    assert!(address["cure"].as_str().unwrap().contains("menshen run"), "{address}");
}

#[tokio::test]
async fn one_app_can_be_chosen_and_a_misspelt_one_is_2() {
    let house = House::open().await;
    let (code, out, _) = doctor(&house, &["--app", "website"]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("credentials website") && !out.contains("service"), "{out}");
    let (code, out, err) = doctor(&house, &["--app", "websit"]).await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("there is no app `websit`; did you mean `website`?"), "{err}");
}

#[tokio::test]
async fn a_config_that_cannot_be_used_is_2_with_what_check_prints() {
    let mut house = House::with(|_| {}).await;
    house.edit("[store]", "[sotre]\n[store]");
    let (code, out, err) = doctor(&house, &[]).await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("sotre: there is no section `sotre`; did you mean `store`?"), "{err}");
    assert!(err.contains("1 problem; nothing was started or changed"), "{err}");
}
