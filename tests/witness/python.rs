//! wechatpy: a client of WeChat's and a server behind it, in Python, with an AES of its own. schemathesis: whoever reads
//! the document of the API and believes it. standardwebhooks: a service that is asked by us.

use std::collections::BTreeMap;

use crate::script::{Beside, Script, root};
use crate::webhook::{self, WebhookServer};

fn script(name: &str, beside: Beside) -> Script {
    let home = root().join("target/witness/python");
    Script {
        program: home.join("bin/python"),
        // Isolated from the user's packages; leaves no compiled files in the tree.
        arguments: vec!["-s".into(), "-B".into(), root().join("tests/witness/python").join(name)],
        environment: vec![],
        needs: home.join("installed"),
        beside,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wechatpy_agrees_with_the_vectors_we_are_tested_against() {
    let expected = [
        "the_published_address_check",
        "the_published_push",
        "the_published_push_is_for_its_app_alone",
        "the_published_reply",
        "a_key_whose_last_character_holds_more_than_the_key",
        "the_computed_short_message",
        "the_computed_scan_with_a_full_block_of_padding",
    ];
    script("vectors.py", Beside::Nothing).finds(&expected).await;
}

/// Acceptance: M5a, M5b, M5c, M5d, M5e, M5f.
#[tokio::test(flavor = "multi_thread")]
async fn what_wechatpy_pushes_is_believed_and_it_reads_our_answers() {
    let expected = [
        "the_address_check_gets_its_echostr_and_nothing_else",
        "an_address_check_with_another_token_is_refused",
        "a_follower_reads_an_encrypted_welcome",
        "a_follower_who_scans_signs_the_browser_in",
        "a_new_follower_through_a_code_signs_the_browser_in",
        "a_code_that_was_used_is_answered_and_signs_nobody_in",
        "the_compatible_mode_is_read_by_its_encrypted_part",
        "json_is_read_and_answered_in_json",
        "texts_of_every_length_of_padding_are_read",
        "another_token_is_refused",
        "another_app_is_refused",
        "another_key_is_refused",
        "a_message_of_long_ago_is_refused",
        "the_plain_signature_proves_no_message_where_there_is_a_key",
        "what_was_changed_on_the_way_is_refused",
        "our_answers_are_for_this_account_alone",
        "an_account_without_a_key_is_answered_in_the_clear",
        "an_account_without_a_key_refuses_what_is_not_signed_with_its_token",
    ];
    script("pushes.py", Beside::Gateway).finds(&expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wechatpy_finds_in_the_simulator_the_calls_it_knows() {
    let expected = [
        "a_silent_login_inside_wechat_gives_the_openid_alone",
        "a_login_with_consent_gives_a_profile",
        "a_websites_code_is_scanned_and_exchanged",
        "people_are_the_same_to_a_website_and_an_account_by_their_unionid",
        "a_refreshed_token_goes_on",
        "the_errors_of_web_authorization_arrive_as_numbers",
        "a_code_and_a_token_expire",
        "a_server_token_of_the_older_call",
        "a_server_token_of_the_stable_call_works_in_the_library",
        "a_parametric_code_is_made_and_shown",
        "a_follower_and_a_stranger_are_told_apart",
        "a_dead_server_token_is_renewed_by_the_library",
        "the_errors_of_an_accounts_calls_arrive_as_numbers",
    ];
    script("client.py", Beside::Wechat).finds(&expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wechatpy_believes_the_simulators_pushes_and_its_answers_are_accepted() {
    let expected = [
        "the_simulators_address_check_is_signed",
        "secure_messages_are_read_and_answered",
        "compatible_messages_are_read_and_answered",
        "plain_messages_are_read_and_answered",
        "messages_in_json_are_read",
        "texts_and_answers_of_every_length_of_padding_are_read",
        "an_answer_of_another_kind_is_accepted",
        "wrong_answers_are_not_accepted",
        "the_simulators_forgeries_are_noticed",
    ];
    script("receiver.py", Beside::Wechat).finds(&expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wechatpy_finds_in_the_simulator_what_a_mini_programs_server_calls() {
    let expected = [
        "a_login_code_gives_an_openid_and_a_session_key",
        "people_are_the_same_to_a_website_and_a_program_by_their_unionid",
        "the_errors_of_logins_arrive_as_numbers",
        "an_encrypted_phone_number_opens_with_the_session_key",
        "encrypted_numbers_of_every_length_of_padding_open",
        "an_encrypted_profile_names_nobody_but_the_openid",
        "encrypted_data_is_for_this_program_alone",
        "a_later_login_may_replace_the_session_key",
        "a_phone_numbers_code_gives_the_number_once",
        "a_code_of_the_program_is_a_picture_of_its_scene",
        "the_errors_of_codes_arrive_as_numbers",
        "links_are_made_with_the_librarys_token_and_lead_to_the_page",
        "a_server_token_that_ran_out_is_renewed_for_the_newer_calls",
    ];
    script("program.py", Beside::Wechat).finds(&expected).await;
}

/// Acceptance: M2a (the older button), M7c.
#[tokio::test(flavor = "multi_thread")]
async fn phone_numbers_that_the_aes_of_others_encrypted_are_read_and_nothing_else_is() {
    let expected = [
        "a_number_that_others_encrypted_is_the_accounts",
        "what_the_simulator_encrypts_is_what_others_would",
        "numbers_with_every_length_of_padding_are_read",
        "numbers_of_other_countries_and_other_ways_to_write_them_are_read",
        "a_profile_says_no_number",
        "what_another_key_encrypted_is_not_believed",
        "what_is_anothers_or_of_another_time_is_not_believed",
        "what_was_bent_on_the_way_is_not_believed",
    ];
    script("encrypted.py", Beside::Gateway).finds(&expected).await;
}

/// What `notify` signed for the service of a test, as the specification's own library reads it.
#[tokio::test(flavor = "multi_thread")]
async fn the_library_of_the_specification_believes_what_we_sign() {
    let server = WebhookServer::start().await;
    let secret = menshen::ground::Secret::new(webhook::SECRET);
    let limit = menshen::ground::Span::from_secs(5);
    let signing = menshen::notify::Webhook::new(&server.url("/"), &secret, limit).unwrap();
    signing.tell(&serde_json::json!({ "code": "135790", "site": "示例" })).await.unwrap();
    let call = server.call(1).await;
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: BTreeMap<_, _> = names.iter().map(|name| (name, call.header(name))).collect();
    let seen = serde_json::json!({ "secret": webhook::SECRET, "headers": headers, "body": call.raw });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, seen.to_string()).unwrap();
    let expected = [
        "a_signed_request_is_believed",
        "another_body_is_not_believed",
        "another_id_is_not_believed",
        "another_time_is_not_believed",
        "another_secret_is_not_believed",
    ];
    let mut script = script("webhooks.py", Beside::Nothing);
    script.environment.push(("WITNESS_REQUEST", file.path().to_owned()));
    script.finds(&expected).await;
}

/// Section "API" of the documents: the document is true.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_the_api_as_its_document_says() {
    let expected = [
        "the_document_is_an_openapi_document",
        "logins_answer_as_the_document_says",
        "an_identity_is_added_as_the_document_says",
        "a_question_and_its_answer_are_as_the_document_says",
        "a_launch_and_its_return_are_as_the_document_says",
        "a_launch_that_is_rejected_is_as_the_document_says",
        "trouble_at_wechat_is_as_the_document_says",
        "no_call_is_answered_with_anything_but_what_the_document_says",
    ];
    script("api.py", Beside::Gateway).finds(&expected).await;
}
