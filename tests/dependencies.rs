//! Holds what the program is built from against `deny.toml`: licences, sources, forbidden crates, one OpenSSL.
//!
//! Needs nothing but cargo and no network, so it always runs. Advisories need a database from the network and are
//! the business of `make check`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn deny() -> Deny {
    toml::from_str(&std::fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap()
}

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Every package of this platform's graph but our own.
fn dependencies() -> Vec<Package> {
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let json =
        cargo(&["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", host]);
    let mut metadata: Metadata = serde_json::from_slice(&json).unwrap();
    metadata.packages.retain(|package| package.name != env!("CARGO_PKG_NAME"));
    assert!(metadata.packages.len() > 100, "the graph is not empty");
    metadata.packages
}

/// Whether an SPDX expression can be met with allowed licences alone. `/` is the old way to write `OR`.
fn is_allowed(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) && rest.is_empty()
}

fn any_of(rest: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all_of(rest, allowed);
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        met |= all_of(rest, allowed);
    }
    met
}

fn all_of(rest: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(rest, allowed);
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        met &= one(rest, allowed);
    }
    met
}

fn one(rest: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let met = any_of(rest, allowed);
            let [")", after @ ..] = *rest else { return false };
            *rest = after;
            met
        }
        [licence, "WITH", exception, after @ ..] => {
            *rest = after;
            allowed(&format!("{licence} WITH {exception}"))
        }
        [licence, after @ ..] => {
            *rest = after;
            allowed(licence)
        }
        [] => false,
    }
}

#[rstest::rstest]
#[case("MIT", true)]
#[case("MIT OR GPL-3.0", true)]
#[case("GPL-3.0 OR MIT", true)]
#[case("MIT/GPL-3.0", true)]
#[case("MIT AND GPL-3.0", false)]
#[case("GPL-3.0", false)]
#[case("(GPL-3.0 OR MIT) AND Zlib", true)]
#[case("(GPL-3.0 OR MPL-2.0) AND Zlib", false)]
#[case("GPL-3.0 OR MIT AND Zlib", true)]
#[case("MIT WITH exception", false)]
#[case("Zlib WITH exception OR MIT", true)]
#[case("(MIT", false)]
#[case("MIT MIT", false)]
#[case("", false)]
fn a_licence_expression_is_read_as_spdx_means_it(#[case] expression: &str, #[case] met: bool) {
    assert_eq!(is_allowed(expression, &|licence| matches!(licence, "MIT" | "Zlib")), met);
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let deny = deny().licenses;
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let packages = dependencies();
    let mut foreign = Vec::new();
    for package in &packages {
        let exception = deny.exceptions.iter().find(|exception| exception.name == package.name);
        let excepted = exception.map(|exception| exception.allow.as_slice()).unwrap_or_default();
        let allowed = |licence: &str| deny.allow.iter().chain(excepted).any(|known| known == licence);
        let expression = package.license.as_deref().unwrap_or("none named");
        if !is_allowed(expression, &allowed) {
            foreign.push(format!("{} {}: {expression}", package.name, package.version));
        }
        if exception.is_some() {
            used.insert(&package.name);
        }
    }
    assert!(foreign.is_empty(), "not allowed by deny.toml:\n{}", foreign.join("\n"));
    let stale: Vec<&str> =
        deny.exceptions.iter().map(|e| e.name.as_str()).filter(|name| !used.contains(name)).collect();
    assert!(stale.is_empty(), "exceptions for crates that are gone: {stale:?}");
}

#[test]
fn no_forbidden_crate_is_in_the_graph() {
    let deny = deny().bans.deny;
    let packages = dependencies();
    let found: Vec<String> = deny
        .iter()
        .filter(|ban| packages.iter().any(|package| package.name == ban.name))
        .map(|ban| format!("{}: {}", ban.name, ban.reason))
        .collect();
    assert!(found.is_empty(), "forbidden by deny.toml:\n{}", found.join("\n"));
}

#[test]
fn every_crate_comes_from_crates_io() {
    let foreign: Vec<String> = dependencies()
        .into_iter()
        .filter(|package| package.source.as_deref() != Some(CRATES_IO))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.source))
        .collect();
    assert!(foreign.is_empty(), "{}", foreign.join("\n"));
}

/// A vendored copy would be linked into the program and get no patches from the distribution.
#[test]
fn the_openssl_in_the_process_is_the_systems() {
    // Uses it, so that it is loaded.
    assert!(openssl::version::number() >= 0x3000_0000, "{}", openssl::version::version());
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut loaded: Vec<&str> = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .filter(|path| path.contains("libcrypto"))
        .collect();
    loaded.dedup();
    let [path] = loaded.as_slice() else { panic!("exactly one libcrypto, not {loaded:?}") };
    assert!(path.starts_with("/usr/lib") || path.starts_with("/lib"), "{path}");
}
