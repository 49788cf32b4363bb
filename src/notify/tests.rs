//! What an operator gets told about a wrong `[notify]`.

#![allow(clippy::unwrap_used)]

use rstest::rstest;

use super::{Config, Notify, NotifyError, SmsText};
use crate::domain::Phone;

const GOOD: &str = "[smtp]
host = 'smtp.example.com'
username = 'login@example.com'
password = 'geheim-geheim-geheim'
from = '门神 <login@example.com>'

[sms]
webhook = 'https://sms.example.com/menshen?key=geheim'
secret = 'geheim-geheim-geheim'
";

fn notify(text: &str) -> Result<Notify, Vec<(String, String)>> {
    Notify::new(&toml::from_str::<Config>(text).unwrap())
}

#[tokio::test]
async fn nothing_is_sent_without_a_config() {
    let notify = notify("").unwrap();
    assert!(!notify.can_email() && !notify.can_sms());
    let phone = Phone::parse("+8613580006666").unwrap();
    let text = SmsText { code: "123456", purpose: "login", site: "Example", lang: "zh", minutes: 5 };
    assert!(matches!(notify.sms(&phone, &text).await, Err(NotifyError::NotConfigured)));
}

#[test]
fn a_good_section_has_no_problems_and_prints_no_secret() {
    let both = notify(GOOD).unwrap();
    assert!(both.can_email() && both.can_sms());
    let printed = format!("{both:?} {:?}", toml::from_str::<Config>(GOOD).unwrap().smtp);
    assert!(!printed.contains("geheim"), "{printed}");
}

#[rstest]
#[case::a_port_in_the_host("'smtp.example.com'", "'smtp.example.com:465'", "smtp.host", "a key of its own")]
#[case::an_address_for_a_host(
    "'smtp.example.com'",
    "'smtps://smtp.example.com'",
    "smtp.host",
    "\"smtp.example"
)]
#[case::no_host("'smtp.example.com'", "''", "smtp.host", "\"smtp.example")]
#[case::in_clear("[smtp]", "[smtp]\ntls = 'none'", "smtp.tls", "\"starttls\"")]
#[case::no_port("[smtp]", "[smtp]\nport = 0", "smtp.port", "65535")]
#[case::no_password("password = 'geheim-geheim-geheim'", "", "smtp.password", "password_file")]
#[case::no_user("username = 'login@example.com'", "", "smtp.username", "missing")]
#[case::no_sender("'门神 <login@example.com>'", "'login'", "smtp.from", "\"login@example.com\"")]
#[case::two_senders("'门神 <login@example.com>'", "'a@b.example, c@d.example'", "smtp.from", "ASCII")]
#[case::a_sender_no_server_takes("<login@example.com>", "<login@例子.example>", "smtp.from", "ASCII")]
#[case::a_long_wait("[smtp]", "[smtp]\ntimeout = '2m'", "smtp.timeout", "\"1m\"")]
#[case::no_authority("[smtp]", "[smtp]\nca_file = '/nowhere'", "smtp.ca_file", "cannot read `/nowhere`")]
#[case::a_file_of_something_else(
    "[smtp]",
    "[smtp]\nca_file = 'Cargo.toml'",
    "smtp.ca_file",
    "no certificate"
)]
#[case::no_tls("https://sms", "http://sms", "sms.webhook", "https://")]
#[case::another_scheme("https://sms", "ftp://sms", "sms.webhook", "https://")]
#[case::no_address("https://sms.example.com/menshen?key=", "", "sms.webhook", "for example")]
#[case::a_password("https://sms", "https://u:geheim@sms", "sms.webhook", "signed")]
#[case::a_fragment("?key", "#key", "sms.webhook", "fragment")]
#[case::no_secret("\nsecret = 'geheim-geheim-geheim'", "", "sms.secret", "openssl rand")]
#[case::a_short_secret("\nsecret = 'geheim-geheim-", "\nsecret = '", "sms.secret", "16")]
#[case::a_short_encoded_secret("\nsecret = '", "\nsecret = 'whsec_Z2VoZWlt' #", "sms.secret", "16")]
#[case::a_broken_secret("\nsecret = '", "\nsecret = 'whsec_", "sms.secret", "not Base64")]
#[case::no_time("[sms]", "[sms]\ntimeout = '1ms'", "sms.timeout", "\"100ms\"")]
fn a_mistake_is_named_with_its_place_and_cure(
    #[case] from: &str,
    #[case] to: &str,
    #[case] key: &str,
    #[case] says: &str,
) {
    assert!(GOOD.contains(from), "{from}");
    let problems = notify(&GOOD.replacen(from, to, 1)).unwrap_err();
    let [(at, message)] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(at == key && message.contains(says) && !message.contains("geheim"), "{at}: {message}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = GOOD.replace("@example", "@").replace("https", "http");
    let problems = notify(&text).unwrap_err();
    let keys: Vec<_> = problems.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["smtp.from", "sms.webhook"]);
}

#[rstest]
#[case::a_server_of_this_machine("'smtp.example.com'", "'127.0.0.1'\ntls = 'none'")]
#[case::its_other_address("'smtp.example.com'", "'::1'\ntls = 'none'")]
#[case::its_name("'smtp.example.com'", "'localhost'\ntls = 'none'\nport = 2525")]
#[case::a_sender_without_a_name("门神 <login@example.com>", "login@example.com")]
#[case::a_name_in_quotes("门神 <", "\"Example, Inc.\" <")]
#[case::a_service_of_this_machine("https://sms.example.com", "http://127.0.0.1:9000")]
#[case::a_secret_of_the_specification(
    "\nsecret = '",
    "\nsecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' #"
)]
fn what_is_unusual_and_right_is_taken(#[case] from: &str, #[case] to: &str) {
    assert!(GOOD.contains(from), "{from}");
    notify(&GOOD.replacen(from, to, 1)).unwrap();
}
