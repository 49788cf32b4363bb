//! Which configured header names can be used, and what is wrong with the others.
//!
//! Names are compared folded: what only some apps take for one name is refused as well.

use std::collections::BTreeMap;

use http::header::HeaderName;

use super::super::fold::{MAX_FOLDED, fold};
use super::reserved::HOP_PREFIX;

/// Headers without which a request is not itself any more (folded); they are neither overwritten nor stripped.
const FRAMING: [&str; 13] = [
    "connection",
    "contentencoding",
    "contentlength",
    "contenttype",
    "cookie",
    "expect",
    "host",
    "keepalive",
    "te",
    "trailer",
    "transferencoding",
    "upgrade",
    "proxyconnection",
];

/// Headers that clients or this gateway fill (folded); an identity must not take their place.
const TAKEN: [&str; 26] = [
    "accept",
    "acceptencoding",
    "acceptlanguage",
    "authorization",
    "cachecontrol",
    "date",
    "forwarded",
    "ifmatch",
    "ifmodifiedsince",
    "ifnonematch",
    "ifrange",
    "ifunmodifiedsince",
    "origin",
    "pragma",
    "proxyauthenticate",
    "proxyauthorization",
    "range",
    "referer",
    "setcookie",
    "useragent",
    "via",
    "xforwardedfor",
    "xforwardedhost",
    "xforwardedproto",
    "xrealip",
    "xrequestid",
];

/// Collects what is wrong with the configured names.
#[derive(Default)]
pub(super) struct Checker {
    /// Folded name → key.
    pub(super) folded: BTreeMap<String, &'static str>,
    pub(super) problems: Vec<(String, String)>,
}

impl Checker {
    pub(super) fn own(&mut self, key: &'static str, name: &str) -> Option<HeaderName> {
        if name.is_empty() {
            return None;
        }
        let header = self.name(key, name)?;
        let folded = fold(name);
        if TAKEN.contains(&folded.as_str()) {
            self.problem(key, format!("`{name}` has another meaning in HTTP; choose a name of your own"));
        } else if let Some(other) = self.folded.get(&folded) {
            let text = format!("`{name}` is the same name as that of `{other}` to many apps; choose another");
            self.problem(key, text);
        } else {
            self.folded.insert(folded, key);
            return Some(header);
        }
        None
    }

    pub(super) fn strip(&mut self, name: &str) {
        // Only the problems matter; the name is reserved by its folded form.
        let _ = self.name("strip", name);
    }

    fn name(&mut self, key: &'static str, name: &str) -> Option<HeaderName> {
        let folded = fold(name);
        let problem = match HeaderName::from_bytes(name.as_bytes()) {
            Err(_) => format!("`{name}` is not a header name; write letters, digits and hyphens"),
            Ok(_) if folded.is_empty() => format!("`{name}` has no letter and no digit"),
            Ok(_) if folded.len() > MAX_FOLDED => format!("`{name}` is longer than {MAX_FOLDED} characters"),
            Ok(_) if FRAMING.contains(&folded.as_str()) => {
                format!("`{name}` is part of how HTTP itself works; choose another name")
            }
            Ok(_) if folded.as_bytes().starts_with(HOP_PREFIX) => {
                format!("names that begin with X-Menshen are taken; choose another than `{name}`")
            }
            Ok(header) => return Some(header),
        };
        self.problem(key, problem);
        None
    }

    fn problem(&mut self, key: &str, text: String) {
        self.problems.push((key.to_owned(), text));
    }
}
