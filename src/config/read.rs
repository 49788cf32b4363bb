//! From text and environment to sections, finding every problem on the way.
//!
//! Each section, and each element of a list, is read by itself: an unknown key is reported and taken out, a wrong
//! value likewise, until the rest reads. Nothing here knows what the keys mean.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::paths::{TakenOut, joined, quoted_after, retype, slot, take_out};
use super::{Config, Overrides, Problem, VARIABLES};
use crate::ground::nearest;

/// Keys that hold a secret and may instead be given as `<key>_file` or `<key>_credential`.
const SECRET_KEYS: [&str; 6] =
    ["secret", "password", "token", "encoding_aes_key", "token_endpoint_secret", "proof_webhook_secret"];

const SECTIONS: [&str; 13] = [
    "server",
    "store",
    "session",
    "headers",
    "wechat",
    "notify",
    "pages",
    "log",
    "pools",
    "apps",
    "methods",
    "upstreams",
    "routes",
];

/// The sections that hold tables, and no keys of their own.
const GROUPS: [&str; 1] = ["notify"];

/// The sections that are lists of tables, each table with an id.
const LISTS: [&str; 5] = ["pools", "apps", "methods", "upstreams", "routes"];

/// What reading came to.
pub(super) struct Outcome {
    /// The config, if every section could be read; keys with a problem have their defaults.
    pub(super) config: Option<Config>,
    /// Whether every element of every list is in it, so that references can be followed.
    pub(super) whole: bool,
    /// Everything that was wrong.
    pub(super) problems: Vec<Problem>,
}

pub(super) fn config(file: &Path, text: &str, env: impl IntoIterator<Item = (String, String)>) -> Outcome {
    let mut reader = Reader { file, problems: Vec::new(), overrides: Overrides::default(), whole: true };
    let config = reader.config(text, env);
    Outcome { config, whole: reader.whole, problems: reader.problems }
}

struct Reader<'a> {
    file: &'a Path,
    problems: Vec<Problem>,
    overrides: Overrides,
    /// No element of a list was left out so far.
    whole: bool,
}

impl Reader<'_> {
    fn problem(&mut self, key: &str, message: String) {
        let problem = self.overrides.problem(self.file, key, message);
        self.problems.push(problem);
    }

    fn config(&mut self, text: &str, env: impl IntoIterator<Item = (String, String)>) -> Option<Config> {
        let mut tree = self.file(text)?;
        for (name, value) in variables(env) {
            self.overlay(&mut tree, &name, value);
        }
        // Read first, each by itself, and put together only then: a problem in one hides none in another.
        let server = self.section(&mut tree, "server");
        let store = self.section(&mut tree, "store");
        let session = self.section(&mut tree, "session");
        let headers = self.section(&mut tree, "headers");
        let wechat = self.section(&mut tree, "wechat");
        let notify = self.section(&mut tree, "notify");
        let pages = self.section(&mut tree, "pages");
        let log = self.section(&mut tree, "log");
        let pools = self.list(&mut tree, "pools");
        let apps = self.list(&mut tree, "apps");
        let methods = self.list(&mut tree, "methods");
        let upstreams = self.list(&mut tree, "upstreams");
        let routes = self.list(&mut tree, "routes");
        Some(Config {
            file: self.file.to_path_buf(),
            server: server?,
            store: store?,
            session: session?,
            headers: headers?,
            wechat: wechat?,
            notify: notify?,
            pages: pages?,
            log: log?,
            pools,
            apps,
            methods,
            upstreams,
            routes,
            overrides: std::mem::take(&mut self.overrides),
        })
    }

    /// The file's known sections.
    fn file(&mut self, text: &str) -> Option<Map<String, Value>> {
        let mut table = match toml::from_str::<toml::Table>(text) {
            Ok(table) => table,
            Err(error) => {
                self.problem("", unreadable(text, &error));
                return None;
            }
        };
        // Only plain names go on: `config` takes a name like "server.listen" or "routes[9]" for a path.
        let unknown: Vec<String> =
            table.keys().filter(|key| !SECTIONS.contains(&key.as_str())).cloned().collect();
        for key in unknown {
            table.remove(&key);
            let known = nearest(&key, SECTIONS.iter().copied());
            self.problem(&key, format!("there is no section `{key}`{known}"));
        }
        let read = config::Config::builder()
            .add_source(config::File::from_str(&table.to_string(), config::FileFormat::Toml))
            .build()
            .and_then(config::Config::try_deserialize::<Value>);
        match read {
            Ok(Value::Object(tree)) => Some(tree),
            // An error's text may quote a value, which may be a secret.
            Ok(_) | Err(_) => {
                self.problem("", "holds a value that no setting can have".to_owned());
                None
            }
        }
    }

    /// Lays `MENSHEN__SECTION__KEY` over the tree; in groups `MENSHEN__NOTIFY__SMTP__KEY`, in lists
    /// `MENSHEN__APPS__<id>__KEY`.
    fn overlay(&mut self, tree: &mut Map<String, Value>, variable: &str, value: String) {
        let path = variable.strip_prefix(VARIABLES).unwrap_or(variable);
        let parts: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        let (path, slot) = match parts.as_slice() {
            [section, key] if !LISTS.contains(&section.as_str()) && !GROUPS.contains(&section.as_str()) => {
                let table = tree.entry(section.clone()).or_insert_with(|| Value::Object(Map::new()));
                (format!("{section}.{key}"), table.as_object_mut().map(|table| (table, key.clone())))
            }
            [section, name, key] if GROUPS.contains(&section.as_str()) => {
                let group = tree.entry(section.clone()).or_insert_with(|| Value::Object(Map::new()));
                let table = group.as_object_mut().map(|group| {
                    group.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
                });
                (format!("{section}.{name}.{key}"), table.flatten().map(|table| (table, key.clone())))
            }
            [section, id, key] if LISTS.contains(&section.as_str()) => {
                let found = tree.get_mut(section).and_then(Value::as_array_mut).and_then(|list| {
                    list.iter_mut().enumerate().find(|(_, item)| {
                        item.get("id").and_then(Value::as_str).is_some_and(|known| same_id(known, id))
                    })
                });
                match found {
                    Some((index, item)) => (
                        format!("{section}[{index}].{key}"),
                        item.as_object_mut().map(|table| (table, key.clone())),
                    ),
                    None => (format!("{section}.{id}.{key}"), None),
                }
            }
            _ => (parts.join("."), None),
        };
        if value.contains(char::REPLACEMENT_CHARACTER) {
            self.problems.push(Problem {
                source: variable.to_owned(),
                key: path,
                message: "is not UTF-8".to_owned(),
            });
            return;
        }
        let known = SECTIONS.contains(&parts[0].as_str());
        match slot.filter(|_| known) {
            Some((table, key)) => {
                if let Some(base) = SECRET_KEYS.iter().find(|base| forms(base).contains(&key)) {
                    // The file's way to give the secret is replaced, not contradicted; that of another
                    // variable stays and is reported.
                    let section = path.strip_suffix(&key).unwrap_or(&path);
                    for form in forms(base) {
                        if self.overrides.variable(&format!("{section}{form}")).is_none() {
                            table.remove(&form);
                        }
                    }
                }
                table.insert(key, Value::String(value));
                self.overrides.0.push((path, variable.to_owned()));
            }
            None => {
                self.overrides.0.push((path.clone(), variable.to_owned()));
                let known = match known {
                    true => String::new(),
                    false => format!(
                        "; there is no section `{}`{}",
                        parts[0],
                        nearest(&parts[0], SECTIONS.into_iter())
                    ),
                };
                self.problem(
                    &path,
                    format!(
                        "leads to no key; write MENSHEN__SECTION__KEY, or MENSHEN__APPS__ID__KEY for a list{known}"
                    ),
                );
            }
        }
    }

    /// Reads a section that may be absent.
    fn section<T: DeserializeOwned>(&mut self, tree: &mut Map<String, Value>, name: &str) -> Option<T> {
        let value = tree.remove(name).unwrap_or_else(|| Value::Object(Map::new()));
        self.read(value, name)
    }

    /// Reads a list of tables that may be absent. Elements that cannot be read are left out.
    fn list<T: DeserializeOwned>(&mut self, tree: &mut Map<String, Value>, name: &str) -> Vec<T> {
        let items = match tree.remove(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.problem(name, format!("must be a list; write [[{name}]]"));
                self.whole = false;
                Vec::new()
            }
        };
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match self.read(item, &format!("{name}[{index}]")) {
                Some(item) => read.push(item),
                None => self.whole = false,
            }
        }
        read
    }

    fn read<T: DeserializeOwned>(&mut self, mut value: Value, at: &str) -> Option<T> {
        if !value.is_object() {
            let example =
                if at.contains('[') { "a table, as in [[routes]]" } else { "a table, as in [server]" };
            self.problem(at, format!("must be {example}"));
            return None;
        }
        self.resolve_secrets(&mut value, at);
        if GROUPS.contains(&at) {
            for (name, table) in value.as_object_mut().into_iter().flatten() {
                self.resolve_secrets(table, &joined(at, name));
            }
        }
        let mut taken_out = TakenOut::default();
        // Each round takes one key out, or gives a missing one a text, so this ends.
        loop {
            let error = match serde_path_to_error::deserialize::<_, T>(value.clone()) {
                Ok(read) => return Some(read),
                Err(error) => error,
            };
            let inner: String = error.path().to_string();
            let inner = if inner == "." { String::new() } else { inner };
            let message = error.inner().to_string();
            if let Some(field) = quoted_after(&message, "unknown field ") {
                // The path may end in the field itself or in the table that holds it.
                let table = inner.strip_suffix(&field).unwrap_or(&inner).trim_end_matches('.').to_owned();
                let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
                let known = nearest(&field, known.into_iter());
                let path = joined(&table, &field);
                self.problem(&joined(at, &path), format!("unknown key{known}"));
                if !take_out(&mut value, &path) {
                    return None;
                }
                taken_out.add(path);
                continue;
            }
            if let Some(field) = quoted_after(&message, "missing field ") {
                let path = joined(&inner, &field);
                if taken_out.contains(&path) {
                    return None;
                }
                self.problem(&joined(at, &path), "this key is required".to_owned());
                // A section with an empty text in its place shows what else is wrong with the config.
                let table = slot(&mut value, &inner).and_then(Value::as_object_mut);
                let table = table.filter(|_| !at.contains('['))?;
                table.insert(field, Value::String(String::new()));
                taken_out.add(path);
                continue;
            }
            let written = taken_out.as_written(&inner);
            let full = joined(at, &written);
            if self.overrides.variable(&full).is_some() && retype(&mut value, &inner) {
                continue;
            }
            let last = inner.rsplit('.').next().unwrap_or(&inner);
            let secret = SECRET_KEYS.contains(&last);
            // What serde says quotes the value.
            let message = if secret { "must be a text in quotes".to_owned() } else { message };
            self.problem(&full, message);
            if inner.is_empty() || !take_out(&mut value, &inner) {
                return None;
            }
            taken_out.add(inner);
        }
    }

    /// Replaces `secret_file` and `secret_credential` by the `secret` they lead to.
    fn resolve_secrets(&mut self, value: &mut Value, at: &str) {
        let Some(table) = value.as_object_mut() else { return };
        for key in SECRET_KEYS {
            let file = table.remove(&format!("{key}_file"));
            let credential = table.remove(&format!("{key}_credential"));
            let given = [table.contains_key(key), file.is_some(), credential.is_some()];
            if given.iter().filter(|given| **given).count() > 1 {
                let message = format!("give one of {key}, {key}_file and {key}_credential");
                self.problem(&joined(at, key), message);
            }
            let path = match (file, credential) {
                (Some(Value::String(path)), _) => {
                    let folder = self.file.parent().unwrap_or_else(|| Path::new("."));
                    (format!("{key}_file"), folder.join(path))
                }
                (_, Some(Value::String(name))) => {
                    let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
                        let message =
                            "systemd gave this process no credentials; add LoadCredential= to the unit";
                        self.problem(&joined(at, &format!("{key}_credential")), message.to_owned());
                        continue;
                    };
                    (format!("{key}_credential"), PathBuf::from(folder).join(name))
                }
                (None, None) => continue,
                _ => {
                    self.problem(&joined(at, key), format!("{key}_file and {key}_credential are texts"));
                    continue;
                }
            };
            match one_line(&path.1) {
                Ok(secret) => {
                    table.insert(key.to_owned(), Value::String(secret));
                }
                Err(message) => {
                    self.problem(&joined(at, &path.0), message);
                    // Stands in for the secret, so that it is not reported as missing too.
                    table.insert(key.to_owned(), Value::String("unreadable".to_owned()));
                }
            }
        }
    }
}

/// The three keys under which a secret may be given.
fn forms(key: &str) -> [String; 3] {
    [key.to_owned(), format!("{key}_file"), format!("{key}_credential")]
}

/// The variables of a config, in the order of their names.
fn variables(env: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut found: Vec<_> = env.into_iter().filter(|(name, _)| name.starts_with(VARIABLES)).collect();
    found.sort();
    found
}

/// Where a text stops being TOML. Not the error's own words in full: they quote the line, which may hold a secret.
fn unreadable(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let words = error.message().lines().collect::<Vec<_>>().join(", ");
    format!("not readable as TOML: line {line}, column {column}: {words}")
}

/// The secret in a file of one line.
fn one_line(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.trim().is_empty() || line.contains('\n') {
        return Err(format!("`{}` must hold one line, the secret", path.display()));
    }
    Ok(line.to_owned())
}

/// Ids in variables: case-blind, and `-` may be written `_`.
fn same_id(known: &str, given: &str) -> bool {
    known.to_ascii_lowercase().replace('-', "_") == given.replace('-', "_")
}
