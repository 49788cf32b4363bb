//! The tables of the embedded store's file, and the faults of working on them.
//!
//! Nothing here decides anything. Values with a time to live begin with their expiry in milliseconds.

use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};

use super::super::StoreError;
use crate::ground::Timestamp;

/// Storage key of an identity → JSON of its row.
pub(super) const IDENTITIES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("identities");
/// Account id → (version, JSON).
pub(super) const ACCOUNTS: TableDefinition<'static, &str, (u64, &[u8])> = TableDefinition::new("accounts");
/// Token digest → (expiry, last seen, JSON whose own "last seen" is stale).
pub(super) const SESSIONS: TableDefinition<'static, &[u8; 32], (u64, u64, &[u8])> =
    TableDefinition::new("sessions");
/// (account id, time of login, token digest): an account's sessions in the order of their logins.
pub(super) const SESSIONS_OF: TableDefinition<'static, (&str, u64, &[u8; 32]), ()> =
    TableDefinition::new("sessions_of");
/// Flow id → (expiry, version, JSON).
pub(super) const FLOWS: TableDefinition<'static, &str, (u64, u64, &[u8])> = TableDefinition::new("flows");
/// Purpose and digest → (expiry, value).
pub(super) const ONCE: TableDefinition<'static, &str, (u64, &str)> = TableDefinition::new("once");
/// Name → value kept for ever.
pub(super) const KEPT: TableDefinition<'static, &str, &str> = TableDefinition::new("kept");
/// Name → (expiry, version, text).
pub(super) const NOTES: TableDefinition<'static, &str, (u64, u64, &str)> = TableDefinition::new("notes");
/// (time, kind of row, key): when to look at a row again. An entry may be early, never late.
pub(super) const EXPIRY: TableDefinition<'static, (u64, u8, &[u8]), ()> = TableDefinition::new("expiry");
/// `format` → [`FORMAT`].
pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

/// The format of the file that this version reads and writes.
pub(super) const FORMAT: u64 = 1;

/// What lies behind an entry of [`EXPIRY`]; stored, so a number never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Session = 1,
    Flow = 2,
    Once = 3,
    Note = 4,
}

/// Why a piece of work on the tables failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file or the disk failed; nothing of the transaction may be committed.
    Storage(redb::Error),
    /// An answer that is an error but broke nothing: a corrupt row, a taken key.
    Answer(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Answer(error)
    }
}

macro_rules! storage_faults {
    ($($error:ty),*) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Storage(error.into())
            }
        }
    )*};
}

storage_faults!(redb::TableError, redb::StorageError, redb::TransactionError, redb::CommitError);

/// All tables, open for writing.
pub(super) struct Tables<'t> {
    pub(super) identities: Table<'t, &'static str, &'static [u8]>,
    pub(super) accounts: Table<'t, &'static str, (u64, &'static [u8])>,
    pub(super) sessions: Table<'t, &'static [u8; 32], (u64, u64, &'static [u8])>,
    pub(super) sessions_of: Table<'t, (&'static str, u64, &'static [u8; 32]), ()>,
    pub(super) flows: Table<'t, &'static str, (u64, u64, &'static [u8])>,
    pub(super) once: Table<'t, &'static str, (u64, &'static str)>,
    pub(super) kept: Table<'t, &'static str, &'static str>,
    pub(super) notes: Table<'t, &'static str, (u64, u64, &'static str)>,
    pub(super) expiry: Table<'t, (u64, u8, &'static [u8]), ()>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::TableError> {
        Ok(Self {
            identities: transaction.open_table(IDENTITIES)?,
            accounts: transaction.open_table(ACCOUNTS)?,
            sessions: transaction.open_table(SESSIONS)?,
            sessions_of: transaction.open_table(SESSIONS_OF)?,
            flows: transaction.open_table(FLOWS)?,
            once: transaction.open_table(ONCE)?,
            kept: transaction.open_table(KEPT)?,
            notes: transaction.open_table(NOTES)?,
            expiry: transaction.open_table(EXPIRY)?,
        })
    }

    /// Makes sure that a row is looked at by the time it expires. `before` is the expiry that the row had:
    /// it has an entry no later than that already, and the sweeper moves an early entry by itself.
    pub(super) fn expire(
        &mut self,
        kind: Kind,
        key: &[u8],
        before: Option<u64>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        if before.is_none_or(|before| at.millis() < before) {
            self.expiry.insert((at.millis(), kind as u8, key), ())?;
        }
        Ok(())
    }

    /// The first entry that is due at `now`.
    pub(super) fn due(&self, now: Timestamp) -> Result<Option<(u64, u8, Vec<u8>)>, Fault> {
        let Some((entry, ())) = self.expiry.first()?.map(|(key, _)| (key, ())) else { return Ok(None) };
        let (at, kind, key) = entry.value();
        Ok((at <= now.millis()).then(|| (at, kind, key.to_vec())))
    }
}
