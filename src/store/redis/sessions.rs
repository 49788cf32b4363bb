//! Sessions in Redis, and the index of each account's sessions.
//!
//! The index is a sorted set of digests by the time their rows expire. It is written before the row and
//! cleaned after it, so a crash may leave an entry without a session but no session without an entry: nobody
//! who ends all sessions of an account may miss one.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redis::pipe;

use super::super::row::RowError;
use super::super::{MAX_SESSIONS_LISTED, StoreError, StoreEvent};
use super::keys::{decode_numbered, encode_numbered};
use super::link::{Again, Operation};
use super::scripts::{END, INDEX, TOUCH};
use super::{RedisStore, message, millis};
use crate::domain::{AccountId, Session};
use crate::ground::{Span, Timestamp, TokenDigest};

/// How much longer than its row an entry of the index lives: the row is written a moment later.
const LONGER: Span = Span::from_mins(1);
/// How many deletions are under way at once.
const AT_ONCE: usize = 64;

impl RedisStore {
    pub(super) async fn write_session(
        &self,
        digest: &TokenDigest,
        session: &Session,
        ttl: Span,
    ) -> Result<(), StoreError> {
        let operation = self.link.begin("writing a session");
        let row = encode_numbered(session.last_seen_at.millis(), session);
        let mut set = redis::cmd("SET");
        set.arg(self.keys.session(digest)).arg(row).arg("PX").arg(millis(ttl));
        self.enter(&operation, &session.account, digest, ttl).await?;
        operation.ask::<()>(set, Again::Yes).await?;
        // Once more, because a listing or a deletion in between may have found the entry without its row.
        self.enter(&operation, &session.account, digest, ttl).await
    }

    pub(super) async fn read_session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        let operation = self.link.begin("reading a session");
        let mut get = redis::cmd("GET");
        get.arg(self.keys.session(digest));
        let row: Option<Vec<u8>> = operation.ask(get, Again::Yes).await?;
        row.map(|row| read_row(operation.doing, &row)).transpose()
    }

    pub(super) async fn touch(
        &self,
        digest: &TokenDigest,
        seen: Timestamp,
        ttl: Span,
    ) -> Result<bool, StoreError> {
        let operation = self.link.begin("touching a session");
        let mut get = redis::cmd("GET");
        get.arg(self.keys.session(digest));
        let row: Option<Vec<u8>> = operation.ask(get, Again::Yes).await?;
        let Some(row) = row else { return Ok(false) };
        let session = read_row(operation.doing, &row)?;
        self.enter(&operation, &session.account, digest, ttl).await?;
        let (seen, ttl) = (seen.millis().to_string(), millis(ttl).to_string());
        let touch = TOUCH.on(&self.keys.session(digest), &[seen.as_bytes(), ttl.as_bytes()]);
        match operation.ask::<i64>(touch, Again::Yes).await? {
            -1 => Err(RowError::Prefix.corrupt(operation.doing)),
            touched => Ok(touched == 1),
        }
    }

    pub(super) async fn end_sessions(&self, digests: &[TokenDigest]) -> Result<(), StoreError> {
        if digests.is_empty() {
            return Ok(());
        }
        let operation = self.link.begin("deleting sessions");
        let owners = self.owners(&operation, digests).await?;
        let end = |digest: &TokenDigest| {
            let news = message(&StoreEvent::SessionEnded { digest: *digest });
            let end = END.on(&self.keys.session(digest), &[self.channel.as_bytes(), news.as_slice()]);
            operation.ask::<()>(end, Again::Yes)
        };
        stream::iter(digests).map(end).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        for (account, digests) in owners {
            // They are deleted; entries that stay behind lead nowhere and expire by themselves.
            let _ = self.forget(&operation, &account, &digests).await;
        }
        Ok(())
    }

    pub(super) async fn list_sessions(
        &self,
        account: &AccountId,
    ) -> Result<Vec<(TokenDigest, Session)>, StoreError> {
        let operation = self.link.begin("listing sessions");
        let (mut listed, mut stale) = (Vec::new(), Vec::new());
        for page in 0.. {
            let first = page * MAX_SESSIONS_LISTED;
            let mut range = redis::cmd("ZREVRANGE");
            range.arg(self.keys.sessions_of(account)).arg(first).arg(first + MAX_SESSIONS_LISTED - 1);
            let members: Vec<String> = operation.ask(range, Again::Yes).await?;
            let digests: Vec<_> = members.iter().filter_map(|text| TokenDigest::parse(text)).collect();
            for (digest, row) in digests.iter().zip(self.session_rows(&operation, &digests).await?) {
                match row.map(|row| read_row(operation.doing, &row)).transpose()? {
                    Some(session) if session.account == *account => listed.push((*digest, session)),
                    // Written again for another account; the entry expires by itself.
                    Some(_) => {}
                    None => stale.push(*digest),
                }
            }
            if members.len() < MAX_SESSIONS_LISTED || listed.len() >= MAX_SESSIONS_LISTED {
                break;
            }
        }
        // The list is complete without this.
        let _ = self.forget(&operation, account, &stale).await;
        // Of more than the most, those that live longest were read.
        listed.sort_by_key(|(_, session)| std::cmp::Reverse(session.created_at));
        listed.truncate(MAX_SESSIONS_LISTED);
        Ok(listed)
    }

    /// Enters a session into its account's index.
    async fn enter(
        &self,
        operation: &Operation<'_>,
        account: &AccountId,
        digest: &TokenDigest,
        ttl: Span,
    ) -> Result<(), StoreError> {
        let (member, ttl) = (digest.text(), (millis(ttl) + LONGER.millis()).to_string());
        let index = INDEX.on(&self.keys.sessions_of(account), &[member.as_bytes(), ttl.as_bytes()]);
        operation.ask(index, Again::Yes).await
    }

    /// Takes entries without sessions out of an index, and puts back those whose session has just appeared.
    async fn forget(
        &self,
        operation: &Operation<'_>,
        account: &AccountId,
        digests: &[TokenDigest],
    ) -> Result<(), StoreError> {
        if digests.is_empty() {
            return Ok(());
        }
        let members: Vec<_> = digests.iter().map(TokenDigest::text).collect();
        let mut removal = redis::cmd("ZREM");
        removal.arg(self.keys.sessions_of(account)).arg(members);
        operation.ask::<()>(removal, Again::Yes).await?;
        let mut lives = pipe();
        for digest in digests {
            lives.cmd("PTTL").arg(self.keys.session(digest));
        }
        let lives: Vec<i64> = operation.ask_all(&lives, Again::Yes).await?;
        for (digest, life) in digests.iter().zip(lives) {
            if let Ok(life @ 1..) = u64::try_from(life) {
                self.enter(operation, account, digest, Span::from_millis(life)).await?;
            }
        }
        Ok(())
    }

    /// Which of the sessions belong to which account. Unreadable ones belong to nobody.
    async fn owners(
        &self,
        operation: &Operation<'_>,
        digests: &[TokenDigest],
    ) -> Result<Vec<(AccountId, Vec<TokenDigest>)>, StoreError> {
        let mut owners: Vec<(AccountId, Vec<TokenDigest>)> = Vec::new();
        for (digest, row) in digests.iter().zip(self.session_rows(operation, digests).await?) {
            let Some(Ok(session)) = row.map(|row| read_row(operation.doing, &row)) else { continue };
            match owners.iter_mut().find(|(account, _)| *account == session.account) {
                Some((_, owned)) => owned.push(*digest),
                None => owners.push((session.account, vec![*digest])),
            }
        }
        Ok(owners)
    }

    async fn session_rows(
        &self,
        operation: &Operation<'_>,
        digests: &[TokenDigest],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = redis::cmd("MGET");
        get.arg(digests.iter().map(|digest| self.keys.session(digest)).collect::<Vec<_>>());
        operation.ask(get, Again::Yes).await
    }
}

/// A session whose idle clock is the number before it.
fn read_row(doing: &'static str, row: &[u8]) -> Result<Session, StoreError> {
    let (seen, session) = decode_numbered::<Session>(doing, row)?;
    Ok(Session { last_seen_at: Timestamp::from_millis(seen), ..session })
}
