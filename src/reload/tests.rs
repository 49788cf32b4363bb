//! A reload takes everything or nothing, whatever stands in the file.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use proptest::prelude::*;

use super::{Arc, Inputs, Live, Reloader, need_restart};
use crate::config::{self, Config, ConfigError};
use crate::gate::assertion::Signer;
use crate::wechat;

const GOOD: &str = include_str!("../../conf/menshen.toml");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("menshen.toml"), text, [])
}

fn reloader() -> Reloader {
    let config = parse(GOOD).unwrap();
    let transport = wechat::Transport::new(&config.wechat).unwrap();
    let signer = Arc::new(Signer::generate().unwrap());
    let inputs = Inputs { transport: transport.clone(), signer: Arc::clone(&signer), generation: 1 };
    let live = Arc::new(Live::from_pointee(config::build(&config, inputs).unwrap()));
    Reloader::new(config, live, transport, signer, None)
}

#[test]
fn a_new_password_of_the_store_needs_a_restart_though_it_prints_the_same() {
    let reloader = reloader();
    let with = |password: &str| {
        let store = format!("[store]\nurl = \"redis://h\"\npassword = \"{password}\"");
        parse(&GOOD.replacen("[store]", &store, 1)).unwrap()
    };
    let changed = reloader.put_in_force(with("one")).unwrap();
    assert_eq!(changed.need_restart, ["store"]);
    assert_eq!(need_restart(&with("one"), &with("two")), ["store"]);
    assert_eq!(need_restart(&with("one"), &with("one")), Vec::<&str>::new());
}

#[test]
fn a_certificate_for_the_next_start_must_be_good_already() {
    let reloader = reloader();
    let tls = "[[server.tls]]\nhost = \"*\"\ncert = \"/dev/null\"\nkey = \"/dev/null\"\n[store]";
    let error = reloader.put_in_force(parse(&GOOD.replacen("[store]", tls, 1)).unwrap()).unwrap_err();
    assert_eq!(error.0[0].key, "server.tls");
    assert_eq!(reloader.live.load().generation, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Invariant 6.
    #[test]
    fn a_refused_config_changes_nothing_and_a_taken_one_everything(
        at in any::<prop::sample::Index>(), cut in 0..60_usize, piece in "(= \"|\\[|routes|x = 1\n|\"|\\PC{0,6})"
    ) {
        let reloader = reloader();
        // Only what is in force is worth changing: comments would be most of it.
        let lines: Vec<&str> = GOOD.lines().filter(|line| !line.starts_with('#')).collect();
        let mut chars: Vec<char> = lines.join("\n").chars().collect();
        let start = at.index(chars.len());
        let end = (start + cut).min(chars.len());
        chars.splice(start..end, piece.chars());
        let before = reloader.live.load_full();
        let text: String = chars.into_iter().collect();
        match parse(&text).and_then(|config| reloader.put_in_force(config)) {
            Ok(done) => {
                prop_assert_eq!(done.generation, 2);
                prop_assert_eq!(reloader.live.load().generation, 2);
            }
            Err(error) => {
                prop_assert!(!error.0.is_empty());
                prop_assert!(Arc::ptr_eq(&before, &reloader.live.load_full()));
            }
        }
    }
}
