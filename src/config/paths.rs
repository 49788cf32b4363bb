//! Key paths such as `server.tls[0].cert`, and the values they lead to in a tree. Knows no key.

use serde_json::Value;

/// Keys that were reported and taken out of a value, so that the rest can be read.
#[derive(Default)]
pub(super) struct TakenOut(Vec<String>);

impl TakenOut {
    pub(super) fn add(&mut self, path: String) {
        let written = self.as_written(&path);
        self.0.push(written);
    }

    pub(super) fn contains(&self, path: &str) -> bool {
        self.0.iter().any(|known| known == path)
    }

    /// The path as the operator wrote it: elements that stood before it in a list count again.
    pub(super) fn as_written(&self, path: &str) -> String {
        let Some((list, index)) = path.strip_suffix(']').and_then(|path| path.rsplit_once('[')) else {
            return path.to_owned();
        };
        let Ok(mut index) = index.parse::<usize>() else { return path.to_owned() };
        let gone = self.0.iter().filter_map(|known| {
            let rest = known.strip_prefix(list)?.strip_prefix('[')?;
            rest.strip_suffix(']')?.parse::<usize>().ok()
        });
        let mut gone: Vec<usize> = gone.collect();
        gone.sort_unstable();
        for before in gone {
            if before <= index {
                index += 1;
            }
        }
        format!("{list}[{index}]")
    }
}

/// Reads a text from the environment as the number, truth value or list it may stand for.
pub(super) fn retype(value: &mut Value, path: &str) -> bool {
    let Some(slot) = slot(value, path) else { return false };
    let Value::String(text) = &*slot else { return false };
    let Ok(table) = toml::from_str::<toml::Table>(&format!("v = {text}")) else { return false };
    let Some(typed) = table.get("v").filter(|typed| !typed.is_str()) else { return false };
    let Ok(typed) = serde_json::to_value(typed) else { return false };
    *slot = typed;
    true
}

pub(super) fn take_out(value: &mut Value, path: &str) -> bool {
    let (parent, last) = match path.rfind(['.', '[']) {
        Some(at) => (&path[..at], path[at..].trim_matches(['.', '[', ']'])),
        None => ("", path),
    };
    match slot(value, parent) {
        Some(Value::Object(table)) => table.remove(last).is_some(),
        Some(Value::Array(items)) => match last.parse::<usize>() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// The value at a path such as `tls[0].cert`.
pub(super) fn slot<'v>(value: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    let mut steps =
        path.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty());
    steps.try_fold(value, |value, step| match value {
        Value::Object(table) => table.get_mut(step),
        Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        _ => None,
    })
}

pub(super) fn joined(left: &str, right: &str) -> String {
    match (left, right) {
        ("", right) => right.to_owned(),
        (left, "") => left.to_owned(),
        (left, right) if right.starts_with('[') => format!("{left}{right}"),
        (left, right) => format!("{left}.{right}"),
    }
}

pub(super) fn quoted_after(message: &str, lead: &str) -> Option<String> {
    let rest = &message[message.find(lead)? + lead.len()..];
    Some(rest.strip_prefix('`')?.split('`').next()?.to_owned())
}
