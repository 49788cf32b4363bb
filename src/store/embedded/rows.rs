//! What each write does to the tables, inside the writer's transaction.
//!
//! Every function checks before it changes: an answer that is an error leaves nothing behind.

use redb::ReadableTable as _;

use super::super::row::{decode, encode};
use super::super::{Note, OnceKey, StoreError};
use super::tables::{Fault, Kind, Tables};
use crate::domain::{Account, Flow, IdentityRow, Session};
use crate::ground::{Span, Timestamp, TokenDigest};

pub(super) fn claim_identity(
    tables: &mut Tables<'_>,
    key: &str,
    row: &IdentityRow,
) -> Result<IdentityRow, Fault> {
    if let Some(found) = tables.identities.get(key)? {
        return Ok(decode("claiming an identity", found.value())?);
    }
    tables.identities.insert(key, encode(row).as_slice())?;
    Ok(row.clone())
}

pub(super) fn swap_identity(
    tables: &mut Tables<'_>,
    key: &str,
    expected: &IdentityRow,
    row: &IdentityRow,
) -> Result<bool, Fault> {
    let found: Option<IdentityRow> = match tables.identities.get(key)? {
        Some(found) => Some(decode("changing an identity", found.value())?),
        None => None,
    };
    if found.as_ref() != Some(expected) {
        return Ok(false);
    }
    tables.identities.insert(key, encode(row).as_slice())?;
    Ok(true)
}

pub(super) fn remove_identity(
    tables: &mut Tables<'_>,
    key: &str,
    expected: &IdentityRow,
) -> Result<bool, Fault> {
    let found: Option<IdentityRow> = match tables.identities.get(key)? {
        Some(found) => Some(decode("removing an identity", found.value())?),
        None => None,
    };
    if found.as_ref() != Some(expected) {
        return Ok(false);
    }
    tables.identities.remove(key)?;
    Ok(true)
}

pub(super) fn create_account(tables: &mut Tables<'_>, account: &Account) -> Result<bool, Fault> {
    let id = account.id.as_str();
    if tables.accounts.get(id)?.is_some() {
        return Ok(false);
    }
    tables.accounts.insert(id, (account.version, encode(account).as_slice()))?;
    Ok(true)
}

pub(super) fn update_account(tables: &mut Tables<'_>, account: &Account) -> Result<bool, Fault> {
    let id = account.id.as_str();
    let stored = tables.accounts.get(id)?.map(|found| found.value().0);
    if stored.is_none() || stored != account.version.checked_sub(1) {
        return Ok(false);
    }
    tables.accounts.insert(id, (account.version, encode(account).as_slice()))?;
    Ok(true)
}

pub(super) fn put_session(
    tables: &mut Tables<'_>,
    now: Timestamp,
    digest: &TokenDigest,
    session: &Session,
    ttl: Span,
) -> Result<(), Fault> {
    let before = match tables.sessions.get(digest.bytes())? {
        Some(found) => {
            let (expiry, _, json) = found.value();
            Some((expiry, decode::<Session>("writing a session", json)?))
        }
        None => None,
    };
    if let Some((_, old)) = &before {
        tables.sessions_of.remove((old.account.as_str(), old.created_at.millis(), digest.bytes()))?;
    }
    let until = now.plus(ttl);
    let json = encode(session);
    tables
        .sessions
        .insert(digest.bytes(), (until.millis(), session.last_seen_at.millis(), json.as_slice()))?;
    tables.sessions_of.insert((session.account.as_str(), session.created_at.millis(), digest.bytes()), ())?;
    tables.expire(Kind::Session, digest.bytes(), before.map(|(expiry, _)| expiry), until)
}

pub(super) fn touch_session(
    tables: &mut Tables<'_>,
    now: Timestamp,
    digest: &TokenDigest,
    seen: Timestamp,
    ttl: Span,
) -> Result<bool, Fault> {
    let until = now.plus(ttl);
    let found = match tables.sessions.get(digest.bytes())? {
        Some(found) => {
            let (expiry, before, json) = found.value();
            Some((expiry, before, json.to_vec()))
        }
        None => None,
    };
    let Some((expiry, before, json)) = found.filter(|(expiry, ..)| *expiry > now.millis()) else {
        return Ok(false);
    };
    // Two requests may report out of order; the clock only moves forward.
    let seen = seen.millis().max(before);
    tables.sessions.insert(digest.bytes(), (until.millis(), seen, json.as_slice()))?;
    tables.expire(Kind::Session, digest.bytes(), Some(expiry), until)?;
    Ok(true)
}

pub(super) fn delete_session(tables: &mut Tables<'_>, digest: &TokenDigest) -> Result<(), Fault> {
    let removed = match tables.sessions.remove(digest.bytes())? {
        Some(found) => {
            let (expiry, _, json) = found.value();
            // An unreadable session must be deletable all the same; its index entry leads nowhere then.
            Some((expiry, decode::<Session>("deleting a session", json).ok()))
        }
        None => None,
    };
    let Some((expiry, session)) = removed else { return Ok(()) };
    // Only there if the session was never touched; otherwise the sweeper drops the earlier entry.
    tables.expiry.remove((expiry, Kind::Session as u8, digest.bytes().as_slice()))?;
    if let Some(session) = session {
        let created = session.created_at.millis();
        tables.sessions_of.remove((session.account.as_str(), created, digest.bytes()))?;
    }
    Ok(())
}

pub(super) fn put_flow(tables: &mut Tables<'_>, now: Timestamp, flow: &Flow, ttl: Span) -> Result<(), Fault> {
    let id = flow.id.as_str();
    let before = tables.flows.get(id)?.map(|found| found.value().0);
    if before.is_some_and(|expiry| expiry > now.millis()) {
        return Err(StoreError::Conflict { doing: "beginning a login" }.into());
    }
    write_flow(tables, now, flow, ttl, before)
}

pub(super) fn swap_flow(
    tables: &mut Tables<'_>,
    now: Timestamp,
    flow: &Flow,
    ttl: Span,
) -> Result<bool, Fault> {
    let found = tables.flows.get(flow.id.as_str())?.map(|found| (found.value().0, found.value().1));
    let Some((expiry, version)) = found.filter(|(expiry, _)| *expiry > now.millis()) else {
        return Ok(false);
    };
    if Some(version) != flow.version.checked_sub(1) {
        return Ok(false);
    }
    write_flow(tables, now, flow, ttl, Some(expiry))?;
    Ok(true)
}

fn write_flow(
    tables: &mut Tables<'_>,
    now: Timestamp,
    flow: &Flow,
    ttl: Span,
    before: Option<u64>,
) -> Result<(), Fault> {
    let id = flow.id.as_str();
    let until = now.plus(ttl);
    tables.flows.insert(id, (until.millis(), flow.version, encode(flow).as_slice()))?;
    tables.expire(Kind::Flow, id.as_bytes(), before, until)
}

/// The text under which a one-time value lies; injective, because a digest has no space.
pub(super) fn once_key(key: &OnceKey) -> String {
    format!("{} {}", key.purpose, key.digest.text())
}

pub(super) fn put_once(
    tables: &mut Tables<'_>,
    now: Timestamp,
    key: &str,
    value: &str,
    ttl: Span,
) -> Result<(), Fault> {
    let before = tables.once.get(key)?.map(|found| found.value().0);
    if before.is_some_and(|expiry| expiry > now.millis()) {
        return Err(StoreError::Conflict { doing: "writing a one-time value" }.into());
    }
    let until = now.plus(ttl);
    tables.once.insert(key, (until.millis(), value))?;
    tables.expire(Kind::Once, key.as_bytes(), before, until)
}

pub(super) fn take_once(tables: &mut Tables<'_>, now: Timestamp, key: &str) -> Result<Option<String>, Fault> {
    let taken = tables.once.remove(key)?.map(|found| {
        let (expiry, value) = found.value();
        (expiry, value.to_owned())
    });
    let Some((expiry, value)) = taken else { return Ok(None) };
    tables.expiry.remove((expiry, Kind::Once as u8, key.as_bytes()))?;
    Ok((expiry > now.millis()).then_some(value))
}

pub(super) fn keep(tables: &mut Tables<'_>, name: &str, candidate: &str) -> Result<String, Fault> {
    if let Some(kept) = tables.kept.get(name)? {
        return Ok(kept.value().to_owned());
    }
    tables.kept.insert(name, candidate)?;
    Ok(candidate.to_owned())
}

pub(super) fn swap_note(
    tables: &mut Tables<'_>,
    now: Timestamp,
    name: &str,
    note: &Note,
    ttl: Span,
) -> Result<bool, Fault> {
    let before = tables.notes.get(name)?.map(|found| (found.value().0, found.value().1));
    let live = before.filter(|(expiry, _)| *expiry > now.millis());
    if note.version.checked_sub(1) != Some(live.map_or(0, |(_, version)| version)) {
        return Ok(false);
    }
    let until = now.plus(ttl);
    tables.notes.insert(name, (until.millis(), note.version, note.text.reveal()))?;
    tables.expire(Kind::Note, name.as_bytes(), before.map(|(expiry, _)| expiry), until)?;
    Ok(true)
}
