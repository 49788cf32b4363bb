//! Holds every import in `src` against the order of the house in `src/lib.rs`, and every outside library against
//! the rooms that may name it. Reads tokens, so macros count and comments do not.

#![allow(clippy::unwrap_used)]

#[path = "architecture/source.rs"]
mod source;

use std::path::Path;

use source::{Source, sources};

/// Stands beside the house: it is a second witness of WeChat and shares nothing with the first.
const BESIDE: &str = "simulator";

/// Who may start the simulator.
const STARTS_THE_SIMULATOR: [&str; 2] = ["cli", "demo"];

/// Neighbours that never reach into each other, in either direction.
const NEIGHBOURS: [&[&str]; 4] = [
    &["proxy", "portal"],
    &["wechat", "store", "notify"],
    &["store::embedded", "store::redis"],
    &["login::website_qr", "login::official_account_web"],
];

/// Outside libraries (and all whose names begin so) and the only modules that may name them.
const OUTSIDE: [(&str, &[&str]); 11] = [
    ("pingora", &["proxy", "server"]),
    ("axum", &["portal", "simulator", "demo::sample_app"]),
    ("tower_http", &["portal", "simulator"]),
    ("redis", &["store::redis"]),
    ("redb", &["store::embedded"]),
    ("reqwest", &["wechat", "notify"]),
    ("lettre", &["notify"]),
    ("minijinja", &["pages", "simulator"]),
    ("jsonwebtoken", &["gate::assertion"]),
    ("clap", &["cli", "demo", "simulator::cli"]),
    ("config", &["config"]),
];

/// The rooms, top to bottom, without the simulator.
fn rooms() -> Vec<String> {
    let lib = sources().into_iter().find(|source| source.module.is_empty()).unwrap();
    let rooms: Vec<String> = lib.children.iter().filter(|room| *room != BESIDE).cloned().collect();
    assert!(rooms.len() > 5, "{rooms:?}");
    rooms
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "{} against the order of the house:\n{}", broken.len(), broken.join("\n"));
}

/// Whether a module path lies in the module written `a::b`.
fn lies_in(module: &[String], place: &str) -> bool {
    place.split("::").zip(module.iter().map(String::as_str).chain(std::iter::repeat(""))).all(|(a, b)| a == b)
}

/// What is wrong with `source` using `target`, a path inside the crate.
fn objection(rooms: &[String], source: &Source, target: &[String]) -> Option<String> {
    let (from, to) = (source.module.first()?, target.first()?);
    let place = |room: &String| rooms.iter().position(|known| known == room);
    if let Some(group) = NEIGHBOURS.iter().find(|group| {
        let side = |module: &[String]| group.iter().position(|place| lies_in(module, place));
        matches!((side(&source.module), side(target)), (Some(a), Some(b)) if a != b)
    }) {
        return Some(format!("{} never reach into each other", group.join(", ")));
    }
    if from == to {
        return None;
    }
    if from == BESIDE {
        return (to != "ground").then(|| "the simulator stands on `ground` alone".to_owned());
    }
    if to == BESIDE {
        let allowed = STARTS_THE_SIMULATOR.contains(&from.as_str());
        return (!allowed)
            .then(|| format!("only {} start the simulator", STARTS_THE_SIMULATOR.join(" and ")));
    }
    // A name that is no room is an item that lib.rs itself offers.
    let to_place = place(to)?;
    let Some(from_place) = place(from) else { return Some(format!("`{from}` is not in src/lib.rs")) };
    (to_place < from_place).then(|| format!("`{to}` is above `{from}`"))
}

#[test]
fn a_room_imports_only_rooms_below_it() {
    let rooms = rooms();
    let mut broken = Vec::new();
    let mut seen = 0;
    for source in sources().iter().filter(|source| !source.module.is_empty()) {
        for (target, line) in source.inside() {
            seen += 1;
            if let Some(why) = objection(&rooms, source, &target) {
                broken.push(format!("{}:{line}: {}: {why}", source.file, target.join("::")));
            }
        }
    }
    assert!(seen > 100, "the sources are read: {seen} imports");
    report(&broken);
}

#[test]
fn an_outside_library_is_named_only_in_its_room() {
    let mut broken = Vec::new();
    for source in sources() {
        for (name, line) in source.outside() {
            for (library, places) in OUTSIDE {
                let meant = name == library || name.starts_with(&format!("{library}_"));
                if meant && !places.iter().any(|place| lies_in(&source.module, place)) {
                    broken.push(format!("{}:{line}: `{name}` belongs in {}", source.file, places.join(", ")));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn every_source_opens_with_what_it_is() {
    let is_tests = |source: &Source| source.module.last().is_some_and(|name| name == "tests");
    let mute: Vec<String> = sources()
        .into_iter()
        .filter(|source| !is_tests(source) && !source.text.starts_with("//! "))
        .map(|source| source.file)
        .collect();
    assert!(mute.is_empty(), "without `//!` in the first line: {mute:?}");
}

/// A map that shows what is not there is worse than none.
#[test]
fn what_the_architecture_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let tests: String = source::texts(&root.join("src")) + &source::texts(&root.join("tests"));
    let (mut files, mut names, mut missing) = (0, 0, Vec::new());
    // The words between backticks, outside of fenced blocks.
    for word in page.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2)) {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_file = !word.starts_with('/') && !word.contains([' ', '?', '{']);
        if is_file && (word.ends_with(".rs") || word.ends_with(".toml") || word.contains('/')) {
            files += 1;
            if !root.join(word).exists() && !root.join("src").join(word).exists() {
                missing.push(word);
            }
        } else if word.bytes().all(plain) && word.matches('_').count() >= 3 {
            names += 1;
            if !tests.contains(&format!("fn {word}(")) {
                missing.push(word);
            }
        }
    }
    assert!(files > 40 && names > 40, "{files} files and {names} tests are named");
    assert!(missing.is_empty(), "ARCHITECTURE.md names what does not exist: {missing:#?}");
}

/// The rules above are only as good as what they read.
mod what_is_read {
    use super::*;

    fn source(module: &str, text: &str) -> Source {
        Source::parse("test.rs", module.split("::").map(str::to_owned).collect(), text)
    }

    fn objections(module: &str, text: &str) -> Vec<String> {
        let rooms = ["top", "proxy", "portal", "store", "ground"].map(str::to_owned);
        let source = source(module, text);
        source.inside().iter().filter_map(|(target, _)| objection(&rooms, &source, target)).collect()
    }

    #[rstest::rstest]
    #[case::a_use("proxy", "use crate::top::X;")]
    #[case::a_group("proxy", "use crate::{ground::X, top};")]
    #[case::a_nested_group("proxy", "use crate::{ground::{A, B}, top::{self, C}};")]
    #[case::a_rename("proxy", "use crate::top as bottom;")]
    #[case::a_path_in_code("proxy", "fn f() { crate::top::run() }")]
    #[case::a_type("proxy", "struct S<T> { x: Vec<crate::top::X<T>> }")]
    #[case::a_macro("proxy", "fn f() { println!(\"{}\", crate::top::X) }")]
    #[case::an_attribute("proxy", "#[derive(crate::top::D)] struct S;")]
    #[case::climbing("proxy::a", "use super::super::top::X;")]
    #[case::climbing_from_an_inner_module("proxy", "mod tests { use super::super::top::X; }")]
    #[case::a_neighbour("proxy", "use crate::portal::X;")]
    #[case::the_other_neighbour("portal", "use crate::proxy::X;")]
    #[case::a_sibling("store::embedded", "use super::redis::X;")]
    #[case::the_simulator("store", "use crate::simulator::X;")]
    #[case::from_the_simulator("simulator", "use crate::store::X;")]
    fn a_way_up_is_found(#[case] module: &str, #[case] text: &str) {
        assert!(!objections(module, text).is_empty(), "{:?}", source(module, text).inside());
    }

    #[rstest::rstest]
    #[case::down("proxy", "use crate::{store::X, ground};")]
    #[case::itself("proxy::a", "use crate::proxy::b; use super::c; use self::d;")]
    #[case::a_comment("proxy", "// crate::top::X\n/// [`X`](crate::top::X)\nstruct S;")]
    #[case::a_text("proxy", "const S: &str = \"crate::top::X\";")]
    #[case::the_simulators_ground("simulator", "use crate::ground::X;")]
    #[case::a_start_of_the_simulator("cli", "use crate::simulator::X;")]
    #[case::the_parent_of_siblings("store", "use crate::store::{embedded, redis};")]
    fn a_way_down_is_fine(#[case] module: &str, #[case] text: &str) {
        assert_eq!(objections(module, text), [""; 0]);
    }

    #[test]
    fn lines_and_outside_names_are_found_and_own_modules_are_not_outside() {
        let read = source("store", "use tokio::x;\nmod redis;\nfn f() { redis::open(); ::redb::y() }");
        let outside = read.outside();
        assert!(outside.contains(&("tokio".to_owned(), 1)), "{outside:?}");
        assert!(outside.contains(&("redb".to_owned(), 3)), "{outside:?}");
        assert!(!outside.iter().any(|(name, _)| name == "redis"), "{outside:?}");
        let read = source("login", "use super::store::redis;\nfn f() { redis::open() }");
        assert_eq!(read.outside(), []);
        assert_eq!(read.inside(), [(vec!["store".to_owned(), "redis".to_owned()], 1)]);
    }
}
