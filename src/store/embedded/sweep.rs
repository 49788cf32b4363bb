//! Removes expired rows, a bounded slice at a time, so that no visitor waits behind a big cleaning.
//!
//! Nobody depends on it: readers skip expired rows by themselves. It also puts the idle clocks on the disk
//! that were written without waiting for it.

use std::time::Duration;

use redb::ReadableTable as _;
use tokio::sync::mpsc;

use super::rows::delete_session;
use super::tables::{Fault, Kind, Tables};
use super::writer::{Job, When};
use crate::ground::{Timestamp, TokenDigest};

/// How often the sweeper looks.
const PAUSE: Duration = Duration::from_secs(1);
/// How many entries one slice handles.
const SLICE: usize = 256;

/// Sweeps until the store is gone.
pub(super) async fn sweep_for_ever(jobs: mpsc::WeakSender<Job>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        loop {
            let Some(sender) = jobs.upgrade() else { return };
            let (job, swept) =
                Job::new("sweeping", When::IfNeeded, |tables, now| sweep(tables, now, SLICE), |_| ());
            // A full queue means that visitors are waiting: clean later.
            if sender.try_send(job).is_err() {
                break;
            }
            drop(sender);
            match swept.await {
                Ok(Ok(handled)) if handled == SLICE => tokio::task::yield_now().await,
                // Less than a slice, a failure that the writer has logged, or dropped because nothing was due.
                Ok(Ok(_) | Err(_)) | Err(_) => break,
            }
        }
    }
}

/// Handles the entries that are due, at most `slice`; answers how many there were.
pub(super) fn sweep(tables: &mut Tables<'_>, now: Timestamp, slice: usize) -> Result<usize, Fault> {
    for handled in 0..slice {
        let Some((at, kind, key)) = tables.due(now)? else { return Ok(handled) };
        tables.expiry.remove((at, kind, key.as_slice()))?;
        let still_until = look_again(tables, now, kind, &key)?;
        if let Some(until) = still_until {
            tables.expiry.insert((until, kind, key.as_slice()), ())?;
        }
    }
    Ok(slice)
}

/// Removes the row if it has expired; otherwise answers until when it lives.
fn look_again(tables: &mut Tables<'_>, now: Timestamp, kind: u8, key: &[u8]) -> Result<Option<u64>, Fault> {
    let live = |expiry: &u64| *expiry > now.millis();
    let text = std::str::from_utf8(key);
    match (kind, text) {
        (kind, _) if kind == Kind::Session as u8 => {
            let Ok(digest) = <[u8; 32]>::try_from(key) else { return Ok(None) };
            let until = tables.sessions.get(&digest)?.map(|found| found.value().0);
            if until.is_some_and(|until| !live(&until)) {
                delete_session(tables, &TokenDigest::from_bytes(digest))?;
            }
            Ok(until.filter(live))
        }
        (kind, Ok(id)) if kind == Kind::Flow as u8 => {
            let until = tables.flows.get(id)?.map(|found| found.value().0);
            if until.is_some_and(|until| !live(&until)) {
                tables.flows.remove(id)?;
            }
            Ok(until.filter(live))
        }
        (kind, Ok(key)) if kind == Kind::Once as u8 => {
            let until = tables.once.get(key)?.map(|found| found.value().0);
            if until.is_some_and(|until| !live(&until)) {
                tables.once.remove(key)?;
            }
            Ok(until.filter(live))
        }
        (kind, Ok(name)) if kind == Kind::Note as u8 => {
            let until = tables.notes.get(name)?.map(|found| found.value().0);
            if until.is_some_and(|until| !live(&until)) {
                tables.notes.remove(name)?;
            }
            Ok(until.filter(live))
        }
        // A kind of a newer version, or a key that never was one: nothing to remove.
        _ => Ok(None),
    }
}
