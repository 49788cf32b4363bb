//! Holds `conf/menshen.toml` against the code, both ways: every key the code reads is in the file with its real
//! default, and every key in the file is read. The file as it stands is a config to start from.

#![allow(clippy::unwrap_used)]

#[path = "config_reference/fields.rs"]
mod fields;
#[path = "config_reference/reference.rs"]
mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use menshen::config::{Config, ConfigError, Inputs, build};
use menshen::gate::assertion::Signer;
use menshen::login::Directory;
use menshen::wechat::Transport;

use fields::fields_of;
use reference::{Line, Reference};

fn file() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/conf/menshen.toml"))
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(file(), text, [])
}

/// Every section with the fields of the struct that reads it.
fn known_fields() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("server", fields_of::<menshen::config::ServerConfig>()),
        ("server.tls", fields_of::<menshen::config::TlsConfig>()),
        ("store", fields_of::<menshen::store::Config>()),
        ("session", fields_of::<menshen::login::SessionConfig>()),
        ("headers", fields_of::<menshen::gate::headers::HeadersConfig>()),
        ("wechat", fields_of::<menshen::wechat::Config>()),
        ("notify", fields_of::<menshen::notify::Config>()),
        ("notify.smtp", fields_of::<menshen::notify::SmtpConfig>()),
        ("notify.sms", fields_of::<menshen::notify::SmsConfig>()),
        ("pages", fields_of::<menshen::pages::PagesConfig>()),
        ("log", fields_of::<menshen::config::LogConfig>()),
        ("pools", fields_of::<menshen::login::PoolConfig>()),
        ("apps", fields_of::<menshen::login::AppConfig>()),
        ("apps.replies", fields_of::<menshen::login::replies::RepliesConfig>()),
        ("methods", fields_of::<menshen::login::MethodConfig>()),
        ("upstreams", fields_of::<menshen::snapshot::upstream::UpstreamConfig>()),
        ("routes", fields_of::<menshen::config::RouteConfig>()),
        ("routes.require", fields_of::<menshen::config::RequireConfig>()),
    ])
}

/// What a config means, as text; a key that is left out and its default written out mean the same.
fn meaning(config: &Config) -> Vec<String> {
    let directory = Directory::build(&config.pools, &config.apps, &config.methods).unwrap();
    vec![
        format!("{:#?}", config.server),
        format!("{:#?}", config.store),
        format!("{:#?}", config.session),
        format!("{:#?}", config.headers),
        format!("{:#?}", config.wechat),
        format!("{:#?}", config.notify),
        format!("{:#?}", config.pages),
        format!("{:#?}", config.log),
        format!("{:#?}", config.upstreams),
        format!("{:#?}", config.routes),
        format!("{directory:#?}"),
    ]
}

#[test]
fn the_reference_is_a_config_to_start_from() {
    let config = Config::load(file(), []).unwrap_or_else(|error| panic!("{error}"));
    let transport = Transport::new(&config.wechat).unwrap();
    let signer = Arc::new(Signer::generate().unwrap());
    let snapshot = build(&config, Inputs { transport, signer, generation: 1 });
    snapshot.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_default_shown_is_the_real_one() {
    let reference = Reference::read(file());
    let as_it_stands = parse(&reference.text(|_, _| false)).unwrap();
    let written_out = reference.text(|_, line| matches!(line, Line::Default { .. }));
    let written_out = parse(&written_out).unwrap_or_else(|error| panic!("{error}"));
    for (left, right) in meaning(&as_it_stands).iter().zip(meaning(&written_out)) {
        assert_eq!(*left, right);
    }
}

#[test]
fn every_example_is_a_value_that_the_key_takes() {
    let reference = Reference::read(file());
    let examples = reference.examples();
    assert!(examples.len() > 10, "{examples:?}");
    for example in examples {
        let text = reference.with_example(&example);
        // Some keys of the store make sense with Redis only.
        let redis = ("MENSHEN__STORE__URL".to_owned(), "rediss://localhost".to_owned());
        let Err(ConfigError(problems)) = Config::parse(file(), &text, [redis]) else { continue };
        // The secrets' files are the operator's; only their absence may be complained about.
        let other = problems.iter().find(|problem| {
            !problem.message.starts_with("cannot read") && !problem.message.starts_with("systemd gave")
        });
        assert!(other.is_none(), "line {}: {}", example.start + 1, other.unwrap());
    }
}

#[test]
fn every_key_of_the_code_is_in_the_reference_and_no_other() {
    let reference = Reference::read(file());
    for (section, fields) in known_fields() {
        let mut known: BTreeSet<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        for secret in [
            "secret",
            "password",
            "token",
            "encoding_aes_key",
            "token_endpoint_secret",
            "proof_webhook_secret",
        ] {
            if known.contains(secret) {
                known.extend([format!("{secret}_file"), format!("{secret}_credential")]);
            }
        }
        let shown = reference.keys(section);
        let missing: Vec<_> = known.difference(&shown).collect();
        assert!(missing.is_empty(), "[{section}] in conf/menshen.toml lacks {missing:?}");
        let unknown: Vec<_> = shown.difference(&known).collect();
        assert!(
            unknown.is_empty(),
            "[{section}] in conf/menshen.toml has {unknown:?}, which the code does not read"
        );
    }
}

#[test]
fn every_key_has_a_word_on_what_it_means() {
    let mute = Reference::read(file()).unexplained();
    assert!(mute.is_empty(), "in conf/menshen.toml without a comment above: {mute:?}");
}

#[test]
fn every_section_of_the_code_is_held() {
    // The reader names all sections when it meets one that resembles none.
    let Err(ConfigError(problems)) = parse("qqqqqq = {}") else { panic!("unknown sections are refused") };
    let message = &problems.iter().find(|problem| problem.key == "qqqqqq").unwrap().message;
    let listed = message.split("known are ").nth(1).unwrap_or_else(|| panic!("{message}"));
    let listed: BTreeSet<&str> = listed.split(", ").collect();
    let held: BTreeSet<&str> = known_fields().into_keys().filter(|section| !section.contains('.')).collect();
    assert_eq!(listed, held);
    let headers = Reference::read(file()).sections();
    assert_eq!(headers, known_fields().into_keys().map(str::to_owned).collect());
}
