//! One line as an account: every key is checked, and everything that is wrong with it is said at once.
//!
//! Pure; writes nothing. Values that are wrong are not repeated: they are people's, and the line says where they stand.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Problem;
use crate::domain::{
    Account, AccountId, Contact, Email, IdentityKey, OpenId, Phone, PoolId, Profile, Status, UnionId,
    Username,
};
use crate::ground::{PasswordHash, Timestamp, nearest, random_id};
use crate::login::Directory;

/// A line as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: Option<String>,
    pool: String,
    username: Option<String>,
    phone: Option<String>,
    phone_verified: Option<bool>,
    email: Option<String>,
    email_verified: Option<bool>,
    name: Option<String>,
    avatar: Option<String>,
    groups: Option<Vec<String>>,
    attributes: Option<BTreeMap<String, String>>,
    password_hash: Option<String>,
    disabled: Option<bool>,
    identities: Option<Vec<WrittenIdentity>>,
}

/// `{"app": "…", "open_id": "…"}` or `{"union_id": "…"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIdentity {
    app: Option<String>,
    open_id: Option<String>,
    union_id: Option<String>,
}

/// An account to import.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The account, under a new id unless the line has one.
    pub(super) account: Account,
    /// Whether the line has an id.
    pub(super) has_id: bool,
    /// What is to lead to it, the widest first.
    pub(super) keys: Vec<IdentityKey>,
}

impl Entry {
    /// Reads a line; everything that is wrong with it is told.
    pub(super) fn read(text: &str, directory: &Directory, now: Timestamp) -> Result<Self, Vec<Problem>> {
        let written = parse(text).map_err(|problem| vec![problem])?;
        let mut reading = Reading { directory, problems: Vec::new() };
        let entry = reading.entry(written, now);
        match entry {
            Some(entry) if reading.problems.is_empty() => Ok(entry),
            _ => Err(reading.problems),
        }
    }
}

/// The key of a line that a row stands for.
pub(super) const fn key_name(key: &IdentityKey) -> &'static str {
    match key {
        IdentityKey::OpenId { .. } | IdentityKey::UnionId { .. } => "identities",
        IdentityKey::Phone { .. } => "phone",
        IdentityKey::Email { .. } => "email",
        IdentityKey::Username { .. } => "username",
    }
}

fn parse(text: &str) -> Result<Written, Problem> {
    // A list would be read too, by the order of its values.
    if !text.trim_start().starts_with('{') {
        return Err(Problem::new(
            "",
            "is no JSON object in one line: it begins with something else than `{`",
        ));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let written: Written = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let key = if path == "." { String::new() } else { path };
        problem_of(key, &error.into_inner())
    })?;
    json.end().map_err(|error| problem_of(String::new(), &error))?;
    Ok(written)
}

fn problem_of(key: String, error: &serde_json::Error) -> Problem {
    let whole = error.to_string();
    // It is always the first line of the text; the column counts within it.
    let message = whole.split(" at line 1 column ").next().unwrap_or(&whole);
    if error.is_data() {
        // Types are told, values are not: one of them may be a password hash in the wrong place.
        let (kind, rest) = message.split_once(": ").unwrap_or(("", ""));
        return match (kind, rest.rsplit_once(", expected ")) {
            ("invalid type" | "invalid value", Some((found, expected))) => {
                let found = found.split([' ', '`']).next().unwrap_or_default();
                Problem::new(key, format!("must be {expected}, not {found}"))
            }
            _ => Problem::new(key, message),
        };
    }
    Problem::new("", format!("is no JSON object in one line: {message} (column {})", error.column()))
}

/// Reading one line, with what is wrong so far.
struct Reading<'d> {
    directory: &'d Directory,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn wrong(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(key, message));
    }

    /// The value as `parse` has it; what it refuses is told.
    fn take<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(key, error.to_string());
                None
            }
        }
    }

    /// `None` where there is not even a pool; otherwise what is wrong is in `problems`.
    fn entry(&mut self, written: Written, now: Timestamp) -> Option<Entry> {
        let id = self.take("id", written.id.as_deref(), |text| AccountId::new(text));
        let phone = self.take("phone", written.phone.as_deref(), Phone::parse);
        let email = self.take("email", written.email.as_deref(), Email::parse);
        let username = self.take("username", written.username.as_deref(), Username::parse);
        let password = self.take("password_hash", written.password_hash.as_deref(), PasswordHash::parse);
        self.verified("phone", written.phone.is_some(), written.phone_verified);
        self.verified("email", written.email.is_some(), written.email_verified);
        let pool = self.pool(&written.pool)?;
        let identities = self.identities(&pool, written.identities.unwrap_or_default());

        let phone_verified = written.phone_verified == Some(true);
        let email_verified = written.email_verified == Some(true);
        let of_phone = phone.clone().filter(|_| phone_verified);
        let of_email = email.clone().filter(|_| email_verified);
        let mut keys = identities.clone();
        keys.extend(of_phone.map(|phone| IdentityKey::Phone { pool: pool.clone(), phone }));
        keys.extend(of_email.map(|email| IdentityKey::Email { pool: pool.clone(), email }));
        keys.extend(username.clone().map(|username| IdentityKey::Username { pool: pool.clone(), username }));
        if keys.is_empty() && id.is_none() && self.problems.is_empty() {
            let message = "needs an `id`, or something that leads to it (`username`, a verified `phone` or `email`, \
                           `identities`): else nobody can log in to it, and a second run would make it again";
            self.wrong("", message);
        }
        let contact = |value: String, verified: bool| Contact { value, verified };
        let account = Account {
            id: id.clone().unwrap_or_else(fresh_id),
            pool,
            version: 1,
            status: if written.disabled == Some(true) { Status::Disabled } else { Status::Active },
            // One line is one person: beside a UnionID their OpenIDs are shown, and taken off, together with it.
            united: match identities.first() {
                Some(IdentityKey::UnionId { .. }) => identities[1..].to_vec(),
                _ => Vec::new(),
            },
            identities,
            removed: Vec::new(),
            phone: phone.map(|phone| contact(phone.into(), phone_verified)),
            email: email.map(|email| contact(email.into(), email_verified)),
            username: username.map(Into::into),
            password,
            profile: Profile { nickname: written.name, avatar: written.avatar },
            groups: written.groups.unwrap_or_default(),
            attributes: written.attributes.unwrap_or_default(),
            created_at: now,
            updated_at: now,
            last_login: None,
        };
        Some(Entry { account, has_id: id.is_some(), keys })
    }

    fn verified(&mut self, contact: &str, there: bool, verified: Option<bool>) {
        if verified.is_some() && !there {
            self.wrong(format!("{contact}_verified"), format!("there is no `{contact}` in this line"));
        }
    }

    fn pool(&mut self, text: &str) -> Option<PoolId> {
        let id = PoolId::new(text).ok();
        let known = id.filter(|id| self.directory.pool(id).is_some());
        if known.is_none() {
            let pools: Vec<&str> = self.directory.pools().map(PoolId::as_str).collect();
            self.wrong(
                "pool",
                format!("there is no such pool in the config{}", nearest(text, pools.into_iter())),
            );
        }
        known
    }

    /// The UnionID first.
    fn identities(&mut self, pool: &PoolId, written: Vec<WrittenIdentity>) -> Vec<IdentityKey> {
        let (mut wide, mut narrow): (Vec<IdentityKey>, Vec<IdentityKey>) = (Vec::new(), Vec::new());
        for (index, identity) in written.into_iter().enumerate() {
            let key = format!("identities[{index}]");
            let forms =
                "expected {\"app\": \"<id in the config>\", \"open_id\": \"…\"} or {\"union_id\": \"…\"}";
            match (identity.app, identity.open_id, identity.union_id) {
                (Some(app), Some(open_id), None) => narrow.extend(self.open_key(pool, &key, &app, &open_id)),
                (None, None, Some(union_id)) => {
                    let union_id =
                        self.take(&format!("{key}.union_id"), Some(&union_id), |id| UnionId::new(id));
                    wide.extend(
                        union_id.map(|union_id| IdentityKey::UnionId { pool: pool.clone(), union_id }),
                    );
                }
                _ => self.wrong(key, forms),
            }
        }
        // The same one twice is a slip of an export.
        let mut keys: Vec<IdentityKey> = Vec::new();
        for key in wide.into_iter().chain(narrow) {
            if keys.contains(&key) {
                continue;
            }
            if keys.iter().any(|there| same_place(there, &key)) {
                self.wrong(
                    "identities",
                    "has two people of one app, or two UnionIDs: these are two accounts",
                );
            }
            keys.push(key);
        }
        keys
    }

    fn open_key(&mut self, pool: &PoolId, key: &str, app: &str, open_id: &str) -> Option<IdentityKey> {
        let open_id = self.take(&format!("{key}.open_id"), Some(open_id), |id| OpenId::new(id));
        let Some(app) = self.directory.app(app) else {
            let apps = self.directory.apps().map(|app| app.id.as_str());
            let message = format!("there is no such app in the config{}", nearest(app, apps));
            self.wrong(format!("{key}.app"), message);
            return None;
        };
        if app.pool != *pool {
            let message = format!("this app belongs to the pool `{}`, the account to `{pool}`", app.pool);
            self.wrong(format!("{key}.app"), message);
        }
        Some(IdentityKey::OpenId { pool: pool.clone(), app_id: app.app_id.clone(), open_id: open_id? })
    }
}

/// Whether an account can have only one of the two.
fn same_place(one: &IdentityKey, other: &IdentityKey) -> bool {
    match (one, other) {
        (IdentityKey::OpenId { app_id: one, .. }, IdentityKey::OpenId { app_id: other, .. }) => one == other,
        (IdentityKey::UnionId { .. }, IdentityKey::UnionId { .. }) => true,
        _ => false,
    }
}

fn fresh_id() -> AccountId {
    AccountId::new(random_id(&mut rand::rng(), 20)).expect("a random id is 20 letters and digits")
}
