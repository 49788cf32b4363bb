//! A unit file as systemd reads it: sections, keys in order, repeated keys, comments. Never guesses.

use std::path::PathBuf;

/// A unit of this repository.
#[derive(Debug)]
pub(crate) struct Unit {
    file: String,
    /// (section, key, value), in order.
    entries: Vec<(String, String, String)>,
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

impl Unit {
    pub(crate) fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(path(name)).unwrap();
        let mut section = String::new();
        let mut entries = Vec::new();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.to_owned();
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                panic!("{name}:{}: neither a section nor a key: {line}", index + 1)
            };
            assert!(!section.is_empty() && !value.ends_with('\\'), "{name}:{}", index + 1);
            entries.push((section.clone(), key.trim().to_owned(), value.trim().to_owned()));
        }
        Self { file: name.to_owned(), entries }
    }

    /// Every value of a key.
    pub(crate) fn all(&self, section: &str, key: &str) -> Vec<&str> {
        let matching = self.entries.iter().filter(|entry| entry.0 == section && entry.1 == key);
        matching.map(|entry| entry.2.as_str()).collect()
    }

    /// The value of a key that is there exactly once.
    pub(crate) fn one(&self, section: &str, key: &str) -> &str {
        match self.all(section, key).as_slice() {
            [value] => value,
            values => panic!("{}: [{section}] {key}= is there {} times", self.file, values.len()),
        }
    }
}
