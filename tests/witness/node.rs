//! wechat-crypto and co-wechat: WeChat's messages in JavaScript. The AES below them is OpenSSL's, as ours. And the mini
//! program of the examples, on an imitated phone.

use std::path::PathBuf;

use crate::script::{Beside, Script, root};

fn script(name: &str, beside: Beside) -> Script {
    let home = root().join("target/witness/node");
    Script {
        program: "node".into(),
        // The libraries are older than some of what Node.js warns of.
        arguments: vec!["--no-deprecation".into(), root().join("tests/witness/node").join(name)],
        environment: vec![("NODE_PATH", home.join("node_modules"))],
        needs: home.join("installed"),
        beside,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wechat_crypto_agrees_with_the_vectors_we_are_tested_against() {
    let expected = [
        "the_published_push",
        "the_published_reply",
        "a_key_whose_last_character_holds_more_than_the_key",
        "the_computed_short_message",
        "the_computed_scan_with_a_full_block_of_padding",
    ];
    script("vectors.js", Beside::Nothing).finds(&expected).await;
}

/// Acceptance: M5d, M5f.
#[tokio::test(flavor = "multi_thread")]
async fn what_wechat_crypto_pushes_is_believed_and_it_reads_our_answers() {
    let expected = [
        "a_follower_reads_an_encrypted_welcome",
        "a_code_that_is_unknown_is_answered",
        "texts_of_every_length_of_padding_are_read",
        "another_token_is_refused",
        "another_app_is_refused",
        "another_key_is_refused",
        "a_message_of_long_ago_is_refused",
    ];
    script("pushes.js", Beside::Gateway).finds(&expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn co_wechat_believes_the_simulators_pushes_and_its_answers_are_accepted() {
    let expected = [
        "secure_messages_are_read_and_answered",
        "compatible_messages_are_read_and_answered",
        "plain_messages_are_read_and_answered",
        "texts_and_answers_of_every_length_of_padding_are_read",
        "a_wrong_signature_of_the_simulator_is_noticed",
        "an_address_check_with_another_token_is_refused",
    ];
    script("receiver.js", Beside::Wechat).finds(&expected).await;
}

/// The tests of the mini program, run by Node.js itself.
fn program(tests: &[&str], beside: Beside) -> Script {
    let folder = root().join("tests/witness/node/mini_program");
    let mut arguments: Vec<PathBuf> = vec!["--test".into(), "--test-reporter=tap".into()];
    arguments.extend(tests.iter().map(|test| folder.join(format!("{test}.test.js"))));
    Script { arguments, ..script("", beside) }
}

/// On an imitated phone, beside a gateway that can be made to fail. Its types are checked here too.
#[tokio::test(flavor = "multi_thread")]
async fn the_mini_program_does_right_whatever_a_gateway_answers() {
    let tests = ["bind", "confirm", "index", "launch", "login", "program", "wxml"];
    program(&tests, Beside::Nothing).passes(92).await;
}

/// Acceptance: M2a, M2b, M4a, M4b, M4d, M7a, M7b.
#[tokio::test(flavor = "multi_thread")]
async fn the_mini_program_logs_people_in_at_the_gateway() {
    program(&["real"], Beside::Gateway).passes(7).await;
}

/// A file of tests that is left out above would never run.
#[test]
fn every_test_of_the_mini_program_is_run() {
    let folder = std::fs::read_dir(root().join("tests/witness/node/mini_program")).unwrap();
    let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut tests: Vec<_> =
        names.filter_map(|name| name.strip_suffix(".test.js").map(str::to_owned)).collect();
    tests.sort();
    assert_eq!(tests, ["bind", "confirm", "index", "launch", "login", "program", "real", "wxml"]);
}
