//! Sections that hold tables: `[notify.smtp]` and its like.

use rstest::rstest;

use super::{Config, GOOD, parse_with, problems, problems_with};

const TABLES: &str = "
[notify.smtp]
host = \"smtp.example.com\"
username = \"login@example.com\"
password = \"appsecret\"
from = \"login@example.com\"

[notify.sms]
webhook = \"https://sms.example.com/\"
secret = \"a secret that is long enough\"
";

/// The one problem of a good config with `from` replaced in its tables.
fn problem_after(from: &str, to: &str) -> String {
    assert!(TABLES.contains(from), "{from}");
    let found = problems(&format!("{GOOD}{}", TABLES.replacen(from, to, 1)));
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].clone()
}

#[test]
fn a_good_table_has_no_problems() {
    assert_eq!(problems(&format!("{GOOD}{TABLES}")), Vec::<String>::new());
}

#[rstest]
#[case("[notify.sms]", "[notify.smss]", "notify.smss: unknown key; did you mean `sms`?")]
#[case("host", "timeuot = \"1s\"\nhost", "notify.smtp.timeuot: unknown key; did you mean `timeout`?")]
#[case("host = \"smtp.example.com\"\n", "", "notify.smtp.host: this key is required")]
#[case("host = \"smtp.example.com\"", "host = \"a:25\"", "notify.smtp.host: must be the name")]
#[case("[notify.smtp]", "[notify.smtp]\ntls = \"ssl\"", "notify.smtp.tls: unknown variant `ssl`")]
#[case("\"appsecret\"", "31337", "notify.smtp.password: must be a text in quotes")]
#[case("password", "password_file = \"/nowhere/s\" #", "notify.smtp.password_file: cannot read `/nowhere/s`")]
#[case("secret = ", "secret_file = \"/nowhere/s\" # ", "notify.sms.secret_file: cannot read `/nowhere/s`")]
#[case("secret = \"a secret that is long enough\"", "", "notify.sms.secret: is missing")]
fn a_mistake_in_a_table_is_named_with_its_place(#[case] from: &str, #[case] to: &str, #[case] says: &str) {
    let problem = problem_after(from, to);
    assert!(problem.starts_with(&format!("{}: {says}", super::FILE)), "{problem}");
}

#[test]
fn what_is_no_table_is_refused() {
    let found = problems(&format!("{GOOD}\n[notify]\nsmtp = 3"));
    assert!(found[0].contains("notify.smtp: invalid type"), "{found:#?}");
}

#[test]
fn a_secret_of_a_table_may_be_in_a_file_beside_the_config() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("smtp.secret"), "from a file\n").unwrap();
    let text =
        format!("{GOOD}{}", TABLES.replace("password = \"appsecret\"", "password_file = \"smtp.secret\""));
    let config = Config::parse(&folder.path().join("menshen.toml"), &text, []).unwrap();
    assert_eq!(config.notify.smtp.unwrap().password.reveal(), "from a file");
}

#[test]
fn the_environment_reaches_into_tables() {
    let env = [
        ("MENSHEN__NOTIFY__SMTP__HOST", "localhost"),
        ("MENSHEN__NOTIFY__SMTP__PORT", "2525"),
        ("MENSHEN__NOTIFY__SMTP__PASSWORD", "00123"),
        ("MENSHEN__NOTIFY__SMS__WEBHOOK", "https://other.example.com/"),
        ("MENSHEN__NOTIFY__SMS__SECRET", "from the environment"),
    ];
    let text = format!("{GOOD}{}", TABLES.replace("secret = ", "secret_file = "));
    let config = parse_with(&text, &env).unwrap().notify;
    let (smtp, sms) = (config.smtp.unwrap(), config.sms.unwrap());
    assert_eq!((smtp.host.as_str(), smtp.port, smtp.password.reveal()), ("localhost", Some(2525), "00123"));
    assert_eq!(
        (sms.webhook.as_str(), sms.secret.reveal()),
        ("https://other.example.com/", "from the environment")
    );
}

#[rstest]
#[case("MENSHEN__NOTIFY__SMTP__HOTS", "x", "notify.smtp.hots: unknown key; did you mean `host`?")]
#[case("MENSHEN__NOTIFY__SMTP__FROM", "x", "notify.smtp.from: must be an address")]
#[case("MENSHEN__NOTIFY__SMTP", "x", "notify.smtp: leads to no key")]
#[case("MENSHEN__NOTIFY__SMTP__TLS__X", "x", "notify.smtp.tls.x: leads to no key")]
fn a_wrong_variable_of_a_table_is_named_as_the_source(
    #[case] name: &str,
    #[case] value: &str,
    #[case] says: &str,
) {
    let found = problems_with(&format!("{GOOD}{TABLES}"), &[(name, value)]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(&format!("{name}: {says}")), "{}", found[0]);
}
