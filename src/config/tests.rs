//! What an operator gets told about a wrong config: everything at once, with place and cure, and never a secret.

#![allow(clippy::unwrap_used)]

mod groups;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rstest::rstest;

use super::{Config, ConfigError, Inputs, build};
use crate::gate::assertion::Signer;
use crate::wechat::Transport;

const FILE: &str = "/etc/menshen/menshen.toml";

/// A config without a problem.
const GOOD: &str = r#"
[server]
public_url = "https://login.example.com"

[store]
url = "embedded:memory"

[[pools]]
id = "people"

[[apps]]
id = "web-site"
kind = "website"
app_id = "wx0000000000000001"
secret = "appsecret"
pool = "people"

[[methods]]
id = "scan"
kind = "website_qr"
app = "web-site"

[[upstreams]]
id = "app"
servers = ["http://127.0.0.1:3000"]

[[routes]]
path = "/"
upstream = "app"
methods = ["scan"]
"#;

fn parse_with(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(Path::new(FILE), text, env)
}

fn compile(config: &Config) -> Result<(), ConfigError> {
    static INPUTS: LazyLock<(Transport, Arc<Signer>)> = LazyLock::new(|| {
        let transport = Transport::new(&crate::wechat::Config::default()).unwrap();
        (transport, Arc::new(Signer::generate().unwrap()))
    });
    let (transport, signer) = INPUTS.clone();
    let inputs = Inputs { transport, signer, generation: 1 };
    build(config, inputs).map(drop)
}

/// All problems as they are printed.
fn problems_with(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let found = parse_with(text, env).and_then(|config| compile(&config));
    found.err().map_or_else(Vec::new, |error| error.0.iter().map(ToString::to_string).collect())
}

fn problems(text: &str) -> Vec<String> {
    problems_with(text, &[])
}

/// The one problem of `GOOD` with `from` replaced.
fn problem_after(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let found = problems(&GOOD.replacen(from, to, 1));
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].clone()
}

#[test]
fn a_good_config_has_no_problems() {
    assert_eq!(problems(GOOD), Vec::<String>::new());
}

#[rstest]
#[case("[store]", "[stroe]", "stroe: there is no section `stroe`; did you mean `store`?")]
#[case("url = \"emb", "ulr = \"emb", "store.ulr: unknown key; did you mean `url`?")]
#[case("public_url", "threads = \"many\"\npublic_url", "server.threads: invalid type: string \"many\"")]
#[case("public_url", "drain_timeout = \"20\"\npublic_url", "server.drain_timeout: ")]
#[case("public_url", "drain_timeout = 20\npublic_url", "server.drain_timeout: invalid type: integer `20`")]
#[case("[store]", "[session]\nidel = \"7d\"\n[store]", "session.idel: unknown key; did you mean `idle`?")]
#[case("app_id = ", "app_idd = \"x\"\napp_id = ", "apps[0].app_idd: unknown key; did you mean `app_id`?")]
#[case("kind = \"website_qr\"", "kind = \"website_gr\"", "methods[0].kind: unknown variant `website_gr`")]
#[case("kind = \"website_qr\"\n", "", "methods[0].kind: this key is required")]
#[case("public_url = \"https://login.example.com\"", "", "server.public_url: this key is required")]
#[case("https://login.example.com", "login.example.com", "server.public_url: `login.example.com`")]
#[case("https://login", "http://login", "server.public_url: http:// sends session cookies in clear")]
#[case("login.example.com", "login.example.com/path", "server.public_url: ")]
#[case("secret = \"appsecret\"", "", "apps[0].secret: the AppSecret of `web-site` is missing")]
#[case(
    "pool = \"people\"",
    "pool = \"peopel\"",
    "apps[0].pool: there is no pool `peopel`; did you mean `people`"
)]
#[case("app = \"web-site\"", "app = \"website\"", "methods[0].app: there is no app `website`; did you mean")]
#[case("upstream = \"app\"", "upstream = \"aap\"", "routes[0].upstream: there is no upstream `aap`; did you")]
#[case("[\"scan\"]", "[\"scna\"]", "routes[0].methods[0]: there is no method `scna`; did you mean `scan`?")]
#[case("http://127.0.0.1:3000", "127.0.0.1:3000", "upstreams[0].servers[0]: ")]
#[case("path = \"/\"", "path = \"shop\"", "routes[0].path: `shop`")]
#[case("path = \"/\"", "path = \"/a/../b\"", "routes[0].path: ")]
#[case("path = \"/\"", "host = \"a.test:8080\"", "routes[0].host: `a.test:8080`")]
#[case("path = \"/\"", "host = \"\"", "routes[0].host: ")]
#[case("path = \"/\"", "host = \"a*.test\"", "routes[0].host: ")]
#[case("path = \"/\"", "read_timeout = \"0s\"", "routes[0].read_timeout: ")]
#[case("path = \"/\"", "require = {}", "routes[0].require: asks for nothing")]
#[case("path = \"/\"", "require = { groups = [] }", "routes[0].require.groups: an empty list")]
#[case(
    "path = \"/\"",
    "require = { group = [\"a\"], groups = [\"b\"] }",
    "routes[0].require.group: unknown key; did you mean `groups`"
)]
#[case(
    "path = \"/\"",
    "require = { groups = \"staff\", attributes = { a = \"b\" } }",
    "routes[0].require.groups: invalid type: string \"staff\""
)]
#[case(
    "path = \"/\"",
    "require = { groups = [], phone = false, attributes = { a = \"b\" } }",
    "routes[0].require.groups: an empty list"
)]
#[case("path = \"/\"", "require = { groups = [\" \"] }", "routes[0].require.groups[0]: ` ` is nothing")]
#[case(
    "path = \"/\"",
    "require = { attributes = { level = [] }, groups = [\"a\"] }",
    "routes[0].require.attributes.level: an empty list"
)]
#[case(
    "path = \"/\"",
    "require = { groups = [\"a\"], attributes = { level = 3 } }",
    "routes[0].require.attributes.level: write a text, or a list of"
)]
#[case(
    "path = \"/\"",
    "require = { phone = true }",
    "routes[0].require.phone: nobody can get a verified phone number"
)]
#[case(
    "path = \"/\"",
    "access = \"optional\"\nrequire = { groups = [\"a\"] }",
    "routes[0].require: only a route with access = \"login\""
)]
#[case("[[pools]]", "[pools]", "pools: must be a list; write [[pools]]")]
#[case("embedded:memory", "mysql://a", "store.url: unknown kind of store `mysql`")]
fn a_mistake_is_named_with_its_place_and_cure(#[case] from: &str, #[case] to: &str, #[case] says: &str) {
    let problem = problem_after(from, to);
    assert!(problem.starts_with(&format!("{FILE}: {says}")), "{problem}");
}

#[test]
fn a_route_may_ask_for_groups_attributes_and_a_phone_number_that_a_method_brings() {
    let asks =
        "require = { groups = [\"staff\"], attributes = { Level = \"gold\", \"部门\" = [\"a\", \"b\"] } }\n";
    let more = "[[apps]]\nid = \"mini\"\nkind = \"mini_program\"\napp_id = \"wx2\"\nsecret = \"s\"\npool = \"people\"\n\
                [[methods]]\nid = \"mini\"\nkind = \"mini_program\"\napp = \"mini\"\n\
                [[routes]]\npath = \"/shop\"\nupstream = \"app\"\nrequire = { phone = true }\n";
    assert_eq!(problems(&format!("{GOOD}{asks}{more}")), Vec::<String>::new());
    let config = parse_with(&format!("{GOOD}{asks}"), &[]).unwrap();
    let attributes = config.routes[0].require.as_ref().unwrap().attributes.as_ref().unwrap();
    let read: Vec<_> =
        attributes.iter().map(|(name, values)| (name.as_str(), values.values().len())).collect();
    assert_eq!(read, [("Level", 1), ("部门", 2)]);
    // A route that does not take that method has no use of it.
    let found = problems(&format!("{GOOD}{asks}{more}methods = [\"scan\"]\n"));
    assert!(found.len() == 1 && found[0].contains("routes[1].require.phone: nobody can get"), "{found:#?}");
}

#[rstest]
#[case("[[pools]]\nid = \"people\"\n", "pools[1].id: the pool `people` is listed twice")]
#[case(
    "[[apps]]\nid = \"web-site\"\nkind = \"website\"\napp_id = \"wx2\"\nsecret = \"s\"\npool = \"people\"\n",
    "apps[1].id: the app `web-site` is listed twice"
)]
#[case(
    "[[methods]]\nid = \"scan\"\nkind = \"website_qr\"\napp = \"web-site\"\n",
    "methods[1].id: the method `scan` is listed twice"
)]
#[case(
    "[[upstreams]]\nid = \"app\"\nservers = [\"http://h:1\"]\n",
    "upstreams[1].id: the upstream `app` is listed twice"
)]
#[case(
    "[[routes]]\npath = \"/\"\nupstream = \"app\"\n",
    "routes[1].path: route routes[0] already has this host"
)]
#[case(
    "[[server.tls]]\nhost = \"*\"\ncert = \"/dev/null\"\nkey = \"/dev/null\"\n\
     [[server.tls]]\nhost = \"*\"\ncert = \"/dev/null\"\nkey = \"/dev/null\"\n",
    "server.tls[1].host: there is already a certificate for `*`"
)]
fn what_is_listed_twice_is_refused(#[case] more: &str, #[case] says: &str) {
    let found = problems(&format!("{GOOD}\n{more}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(&format!("{FILE}: {says}")), "{}", found[0]);
}

#[test]
fn all_problems_are_reported_at_once_across_sections_and_kinds() {
    let text = GOOD
        .replace("[store]", "[stroe]\n[store]")
        .replace("public_url", "thraeds = 1\ndrain_timeout = \"20\"\npublic_url")
        .replace("pool = \"people\"", "pool = \"nobody\"\nnote = 1")
        .replace("http://127.0.0.1:3000", "nonsense")
        .replace("upstream = \"app\"", "upstream = \"other\"");
    let found = problems(&text);
    let keys: Vec<&str> =
        found.iter().map(|problem| problem.trim_start_matches(FILE).split(": ").nth(1).unwrap()).collect();
    for key in [
        "stroe",
        "server.thraeds",
        "server.drain_timeout",
        "apps[0].note",
        "apps[0].pool",
        "upstreams[0].servers[0]",
        "routes[0].upstream",
    ] {
        assert_eq!(keys.iter().filter(|known| **known == key).count(), 1, "{key} in {found:#?}");
    }
    assert_eq!(keys.len(), 7, "{found:#?}");
}

#[test]
fn a_wrong_element_of_a_list_is_named_by_its_own_place() {
    let text = GOOD.replace("public_url", "trusted_proxies = [\"10.0.0.1\", 2, \"::1\", 4]\npublic_url");
    let found = problems(&text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("server.trusted_proxies[1]: "), "{}", found[0]);
    assert!(found[1].contains("server.trusted_proxies[3]: "), "{}", found[1]);
}

#[test]
fn the_environment_wins_over_the_file() {
    let env = [
        ("MENSHEN__SERVER__PUBLIC_URL", "https://other.example.com"),
        ("MENSHEN__APPS__WEB_SITE__SECRET", "from the environment"),
        ("HOME", "/root"),
    ];
    let config = parse_with(GOOD, &env).unwrap();
    assert_eq!(config.server.public_url, "https://other.example.com");
    assert_eq!(config.apps[0].secret.reveal(), "from the environment");
}

#[test]
fn a_secret_of_digits_from_the_environment_stays_text() {
    let env = [("MENSHEN__APPS__WEB_SITE__SECRET", "00123"), ("MENSHEN__STORE__PASSWORD", "0x10")];
    let text = GOOD.replace("embedded:memory", "redis://h");
    let config = parse_with(&text, &env).unwrap();
    assert_eq!(config.apps[0].secret.reveal(), "00123");
    assert_eq!(config.store.password.unwrap().reveal(), "0x10");
}

#[test]
fn the_environment_gives_truth_values_numbers_and_lists() {
    let env = [
        ("MENSHEN__SERVER__INSECURE_HTTP", "true"),
        ("MENSHEN__SERVER__THREADS", "3"),
        ("MENSHEN__SERVER__TRUSTED_PROXIES", "[\"10.0.0.1\", \"::1\"]"),
        ("MENSHEN__ROUTES__START__MAX_BODY", "1024"),
        ("MENSHEN__LOG__ACCESS", "false"),
        ("MENSHEN__SESSION__IDLE", "3d"),
    ];
    let config = parse_with(&GOOD.replace("path = \"/\"", "id = \"start\""), &env).unwrap();
    assert!(config.server.insecure_http && !config.log.access);
    assert_eq!(config.server.threads, 3);
    assert_eq!(config.server.trusted_proxies, ["10.0.0.1", "::1"]);
    assert_eq!(config.routes[0].max_body, Some(1024));
    compile(&config).unwrap();
}

#[rstest]
#[case("MENSHEN__SERVER__PUBLIC_ULR", "x", "server.public_ulr: unknown key; did you mean `public_url`?")]
#[case("MENSHEN__SERVER__THREADS", "many", "server.threads: invalid type: string \"many\"")]
#[case("MENSHEN__SERVER__TRUSTED_PROXIES", "[1]", "server.trusted_proxies[0]: invalid type: integer `1`")]
#[case("MENSHEN__SERVER__PUBLIC_URL", "nonsense", "server.public_url: `nonsense`")]
#[case("MENSHEN__APPS__WEB_SITE__POOL", "x", "apps[0].pool: there is no pool `x`")]
#[case("MENSHEN__APPS__OTHER__SECRET", "x", "apps.other.secret: leads to no key")]
#[case("MENSHEN__SERVER", "x", "server: leads to no key")]
#[case("MENSHEN__APPS__SECRET", "x", "apps.secret: leads to no key")]
#[case("MENSHEN__SERVR__THREADS", "1", "servr.threads: leads to no key")]
#[case("MENSHEN__A__B__C__D", "1", "a.b.c.d: leads to no key")]
#[case("MENSHEN____", "1", ".: leads to no key")]
#[case("MENSHEN__STORE__URL", "broken \u{fffd}", "store.url: is not UTF-8")]
fn a_wrong_variable_is_named_as_the_source(#[case] name: &str, #[case] value: &str, #[case] says: &str) {
    let found = problems_with(GOOD, &[(name, value)]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(&format!("{name}: {says}")), "{}", found[0]);
}

#[test]
fn a_secret_may_be_in_a_file_beside_the_config() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.secret"), "from a file\n").unwrap();
    let text = GOOD.replace("secret = \"appsecret\"", "secret_file = \"site.secret\"");
    let config = Config::parse(&folder.path().join("menshen.toml"), &text, []).unwrap();
    assert_eq!(config.apps[0].secret.reveal(), "from a file");
    std::fs::write(folder.path().join("redis"), "p@ss").unwrap();
    let text = GOOD.replace("embedded:memory\"", "redis://h\"\npassword_file = \"redis\"");
    let config = Config::parse(&folder.path().join("menshen.toml"), &text, []).unwrap();
    assert_eq!(config.store.password.unwrap().reveal(), "p@ss");
}

#[test]
fn a_secret_from_the_environment_takes_the_place_of_a_file_that_the_config_names() {
    let text = GOOD.replace("secret = \"appsecret\"", "secret_file = \"/nowhere\"");
    let config = parse_with(&text, &[("MENSHEN__APPS__WEB_SITE__SECRET", "s")]).unwrap();
    assert_eq!(config.apps[0].secret.reveal(), "s");
}

#[rstest]
#[case("secret_file = \"/nowhere/s\"", "apps[0].secret_file: cannot read `/nowhere/s`")]
#[case("secret_file = 3", "apps[0].secret: secret_file and secret_credential are texts")]
#[case("secret_file = \"/dev/null\"", "apps[0].secret_file: `/dev/null` must hold one line")]
#[case("secret = 123", "apps[0].secret: must be a text in quotes")]
#[case("secret = \"\"", "apps[0].secret: the AppSecret of `web-site` is missing")]
fn a_secret_that_cannot_be_had_is_one_problem(#[case] line: &str, #[case] says: &str) {
    let problem = problem_after("secret = \"appsecret\"", line);
    assert!(problem.starts_with(&format!("{FILE}: {says}")), "{problem}");
}

#[test]
fn what_stands_in_for_an_unreadable_secret_is_not_complained_about() {
    let problem = problem_after("embedded:memory\"", "embedded:memory\"\npassword_file = \"/nowhere\"");
    assert!(problem.contains("store.password_file: cannot read `/nowhere`"), "{problem}");
}

#[test]
fn a_secret_given_twice_is_refused_from_the_file_and_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s");
    std::fs::write(&file, "s").unwrap();
    let twice = format!("secret = \"a\"\nsecret_file = \"{}\"", file.display());
    let problem = problem_after("secret = \"appsecret\"", &twice);
    assert!(problem.contains("apps[0].secret: give one of secret, secret_file and secret_cred"), "{problem}");
    let env = [
        ("MENSHEN__APPS__WEB_SITE__SECRET", "a"),
        ("MENSHEN__APPS__WEB_SITE__SECRET_FILE", file.to_str().unwrap()),
    ];
    let found = problems_with(GOOD, &env);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("give one of"), "{}", found[0]);
}

#[rstest]
#[case("secret = \"gEhEiM\nnext = 1")]
#[case("secret = gEhEiM")]
#[case("secret = \"a\" gEhEiM")]
#[case("secret = 9gEhEiM")]
#[case("secret = \"gEhEiM\"\nsecret = \"gEhEiM\"")]
#[case("secret = [\"gEhEiM\"]")]
#[case("secret = { gEhEiM = \"gEhEiM\" }")]
fn no_problem_quotes_a_secret(#[case] line: &str) {
    let found = problems(&GOOD.replace("secret = \"appsecret\"", line));
    assert!(!found.is_empty());
    assert!(!format!("{found:?}").contains("gEhEiM"), "{found:#?}");
}

#[test]
fn a_number_in_place_of_a_secret_is_not_quoted() {
    let found = problems(&GOOD.replace("\"appsecret\"", "31337"));
    assert!(!format!("{found:?}").contains("31337"), "{found:#?}");
}

#[test]
fn a_printed_config_shows_no_secret() {
    let text = GOOD.replace("embedded:memory\"", "redis://u:pass-geheim@h\"");
    let env = [("MENSHEN__APPS__WEB_SITE__SECRET", "env-geheim")];
    let config = parse_with(&text, &env).unwrap();
    for shown in [format!("{config:?}"), format!("{config:#?}")] {
        assert!(!shown.contains("geheim") && !shown.contains("appsecret"), "{shown}");
    }
}

#[test]
fn broken_toml_is_named_by_line_and_column() {
    let found = problems("[server]\npublic_url = \"https://a\"\nthreads = = 1\n");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(&format!("{FILE}: not readable as TOML: line 3, column ")), "{}", found[0]);
    assert!(!found[0].contains('\n'));
}

#[test]
fn a_quoted_path_as_a_name_is_no_way_into_a_section() {
    let found = problems(&format!("\"server.threads\" = 4\n\"routes[4000000000]\" = 1\n{GOOD}"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|problem| problem.contains("there is no section")), "{found:#?}");
}

#[test]
fn every_problem_is_one_line() {
    let text =
        GOOD.replace("login.example.com", "a\\nb").replace("upstream = \"app\"", "upstream = \"a\\nb\"");
    for problem in problems(&text) {
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }
}

/// The text with one piece of it cut out, doubled, moved or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let reference = include_str!("../../conf/menshen.toml").replace("\n# ", "\n").replace("\n#: ", "\n");
    let texts = prop_oneof![
        Just(GOOD.to_owned()),
        Just(include_str!("../../conf/menshen.toml").to_owned()),
        Just(reference)
    ];
    let pieces = prop_oneof![
        Just(String::new()),
        Just("= 1\n".to_owned()),
        Just("[[".to_owned()),
        Just("\"".to_owned()),
        Just("[server]\n".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("nan".to_owned()),
        Just("{ a.b = [1, [2]] }".to_owned()),
        "\\PC{0,12}",
    ];
    (texts, any::<prop::sample::Index>(), 0..40_usize, pieces).prop_map(|(text, at, cut, piece)| {
        let mut chars: Vec<char> = text.chars().collect();
        let start = at.index(chars.len());
        let end = (start + cut).min(chars.len());
        chars.splice(start..end, piece.chars());
        chars.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}|(\\[{1,2}[a-z]{1,9}\\]{1,2}\n([a-z_]{1,12} = [0-9a-z\"\\[\\]{}.:-]{1,12}\n){0,4}){0,4}") {
        if let Err(error) = parse_with(&text, &[]) {
            prop_assert!(!error.0.is_empty());
        }
    }

    #[test]
    fn any_change_of_a_config_is_read_or_refused(text in mutated()) {
        match parse_with(&text, &[]) {
            // Whatever reads also compiles or is refused.
            Ok(config) => {
                if let Err(error) = compile(&config) {
                    prop_assert!(!error.0.is_empty());
                }
            }
            Err(error) => prop_assert!(!error.0.is_empty()),
        }
    }

    #[test]
    fn any_variable_is_read_or_refused(name in "[A-Z_]{0,24}", value in "\\PC{0,24}") {
        if let Err(error) = parse_with(GOOD, &[(&format!("MENSHEN__{name}"), &value)]) {
            prop_assert!(!error.0.is_empty());
        }
    }
}
