//! What a route asks of accounts: `[routes.require]` checked, and as the gate takes it.
//!
//! Finds what nobody could ever fulfil or what would never be asked; whether a group exists is not known here.

use super::RouteConfig;
use super::sections::RequireConfig;
use crate::gate::{Access, Require};
use crate::login::Directory;

/// What is wrong with the requirements of `route`, by the key below it. Without a directory, which then has problems of
/// its own, nothing is said about methods.
pub(super) fn problems(
    route: &RouteConfig,
    directory: Option<&Directory>,
    can_sms: bool,
) -> Vec<(String, String)> {
    let Some(require) = &route.require else { return Vec::new() };
    let mut found = Vec::new();
    let mut problem = |key: &str, message: String| found.push((key.to_owned(), message));
    if route.access != Access::Login {
        let message = "only a route with access = \"login\" can ask anything of accounts";
        problem("require", message.to_owned());
    }
    // An empty list of groups is told below.
    if compiled(require) == Require::default() && require.groups.is_none() {
        problem(
            "require",
            "asks for nothing; name groups, attributes or a phone, or leave it out".to_owned(),
        );
    }
    if let Some(groups) = &require.groups {
        list("require.groups", groups, &mut problem);
    }
    for (name, values) in require.attributes.iter().flatten() {
        let key = format!("require.attributes.{name}");
        if name.trim().is_empty() {
            problem("require.attributes", "an attribute has a name".to_owned());
        }
        list(&key, values.values(), &mut problem);
    }
    if require.phone && !can_sms && directory.is_some_and(|directory| !brings_phone(route, directory)) {
        let message = "nobody can get a verified phone number here: neither is [notify.sms] set up, nor does this route \
                       take a method by which WeChat tells one (mini_program, or a mini program with ask_phone = true)";
        problem("require.phone", message.to_owned());
    }
    found
}

/// What the gate holds visitors against.
pub(super) fn compiled(require: &RequireConfig) -> Require {
    let attributes = require.attributes.iter().flatten();
    Require {
        groups: require.groups.clone().unwrap_or_default(),
        attributes: attributes.map(|(name, values)| (name.clone(), values.values().to_vec())).collect(),
        phone: require.phone,
    }
}

fn list(key: &str, texts: &[String], problem: &mut impl FnMut(&str, String)) {
    if texts.is_empty() {
        problem(
            key,
            "an empty list would let nobody pass; name at least one, or leave the key out".to_owned(),
        );
    }
    for (place, text) in texts.iter().enumerate().filter(|(_, text)| text.trim().is_empty()) {
        problem(&format!("{key}[{place}]"), format!("`{text}` is nothing that an account could have"));
    }
}

fn brings_phone(route: &RouteConfig, directory: &Directory) -> bool {
    let taken = |id| route.methods.is_empty() || route.methods.contains(id);
    directory.methods().iter().any(|method| taken(&method.id) && method.kind.brings_phone())
}
