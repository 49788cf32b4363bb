//! `conf/menshen.toml` as lines: what is in force, what is a default, what is an example. Knows no key.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// `key = value`
    Active { key: String },
    /// `# key = value`
    Default { key: String, text: String },
    /// `#: key = value`
    Example { key: String, text: String },
    /// `[section]` or `[[section]]`, commented as an example or not.
    Header { section: String, text: String, example: bool },
    /// A comment that is no key.
    Words,
    /// Nothing.
    Blank,
}

/// The file.
#[derive(Debug)]
pub(crate) struct Reference {
    raw: Vec<String>,
    lines: Vec<Line>,
}

impl Reference {
    pub(crate) fn read(file: &Path) -> Self {
        let raw: Vec<String> = std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect();
        let lines = raw.iter().map(|line| line_of(line)).collect();
        Self { raw, lines }
    }

    /// The file with the marks taken from the lines that `uncomment` chooses by index and kind.
    pub(crate) fn text(&self, uncomment: impl Fn(usize, &Line) -> bool) -> String {
        let lines = self.lines.iter().enumerate().map(|(index, line)| match line {
            Line::Default { text, .. } | Line::Example { text, .. } if uncomment(index, line) => text.clone(),
            Line::Header { text, .. } if uncomment(index, line) => text.clone(),
            _ => self.raw[index].clone(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Every example: one line, or a block that begins with a header and ends with a blank line.
    pub(crate) fn examples(&self) -> Vec<Range<usize>> {
        let mut examples = Vec::new();
        let mut index = 0;
        while index < self.lines.len() {
            match &self.lines[index] {
                Line::Header { example: true, .. } => {
                    let length = self.lines[index..].iter().take_while(|line| **line != Line::Blank).count();
                    examples.push(index..index + length);
                    index += length;
                }
                Line::Example { .. } => {
                    examples.push(index..index + 1);
                    index += 1;
                }
                _ => index += 1,
            }
        }
        examples
    }

    /// The file with one example in force, instead of the active key that it is an alternative to. An example of a
    /// table that is itself one comes with it.
    pub(crate) fn with_example(&self, example: &Range<usize>) -> String {
        let table = self.table_around(example.start);
        let blocks = self.examples();
        let around = blocks.iter().find(|block| block.start == table.start);
        let in_force = |index| example.contains(&index) || around.is_some_and(|block| block.contains(&index));
        let text = self.text(|index, _| in_force(index));
        let [Line::Example { key, .. }] = &self.lines[example.clone()] else { return text };
        let replaced = |index: usize| {
            table.contains(&index)
                && !example.contains(&index)
                && matches!(&self.lines[index], Line::Active { key: other } | Line::Example { key: other, .. }
                    if other == key || *key == format!("{other}_file") || *key == format!("{other}_credential"))
        };
        let kept = text.lines().enumerate().map(|(index, line)| if replaced(index) { "" } else { line });
        kept.collect::<Vec<_>>().join("\n")
    }

    /// The lines of the table that a line belongs to.
    fn table_around(&self, index: usize) -> Range<usize> {
        let is_header = |line: &Line| matches!(line, Line::Header { .. });
        let start = self.lines[..index].iter().rposition(is_header).unwrap_or(0);
        let length = self.lines[index..].iter().position(is_header);
        start..length.map_or(self.lines.len(), |length| index + length)
    }

    /// Every section that has a header.
    pub(crate) fn sections(&self) -> BTreeSet<String> {
        let headers = self.lines.iter().filter_map(|line| match line {
            Line::Header { section, .. } => Some(section.clone()),
            _ => None,
        });
        headers.collect()
    }

    /// Every key shown in a section, and the tables under it.
    pub(crate) fn keys(&self, section: &str) -> BTreeSet<String> {
        let mut current = "";
        let mut keys = BTreeSet::new();
        for line in &self.lines {
            match line {
                Line::Header { section: header, .. } => {
                    current = header;
                    keys.extend(header.strip_prefix(&format!("{section}.")).map(str::to_owned));
                }
                Line::Active { key } | Line::Default { key, .. } | Line::Example { key, .. }
                    if current == section =>
                {
                    keys.insert(key.clone());
                }
                _ => {}
            }
        }
        keys
    }

    /// Keys whose paragraph does not begin with words, as `line: key`. A key that is explained once, in its
    /// section's first table, needs no second explanation.
    pub(crate) fn unexplained(&self) -> Vec<String> {
        let mut explained = BTreeSet::new();
        let mut mute = Vec::new();
        let (mut section, mut has_words) = (String::new(), false);
        for (index, line) in self.lines.iter().enumerate() {
            match line {
                Line::Blank => has_words = false,
                Line::Words => has_words = true,
                Line::Header { section: header, .. } => section.clone_from(header),
                Line::Active { key } | Line::Default { key, .. } | Line::Example { key, .. } => {
                    let path = format!("{section}.{key}");
                    if has_words {
                        explained.insert(path);
                    } else if !explained.contains(&path) {
                        mute.push(format!("{}: {path}", index + 1));
                    }
                }
            }
        }
        mute
    }
}

fn line_of(raw: &str) -> Line {
    let text = raw.trim_end();
    if text.is_empty() {
        return Line::Blank;
    }
    let (example, uncommented) = match (text.strip_prefix("#: "), text.strip_prefix("# ")) {
        (Some(text), _) => (true, Some(text)),
        (None, text) => (false, text),
    };
    match uncommented {
        None if text.starts_with('#') => Line::Words,
        None => match (key_of(text), header_of(text)) {
            (Some(key), _) => Line::Active { key },
            (None, Some(section)) => Line::Header { section, text: text.to_owned(), example: false },
            (None, None) => panic!("neither a key nor a comment: {text}"),
        },
        Some(text) => match (key_of(text), header_of(text)) {
            (Some(key), _) if example => Line::Example { key, text: text.to_owned() },
            (Some(key), _) => Line::Default { key, text: text.to_owned() },
            (None, Some(section)) if example => Line::Header { section, text: text.to_owned(), example },
            _ if example => panic!("an example that is no key: {text}"),
            _ => Line::Words,
        },
    }
}

/// `key` of `key = value`.
fn key_of(text: &str) -> Option<String> {
    let (key, _) = text.split_once(" = ")?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (!key.is_empty() && key.bytes().all(plain)).then(|| key.to_owned())
}

/// `section` of `[section]` or `[[section]]`.
fn header_of(text: &str) -> Option<String> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(inner);
    (!inner.is_empty() && !inner.contains(['[', ']', ' '])).then(|| inner.to_owned())
}
