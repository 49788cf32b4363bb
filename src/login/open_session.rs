//! Puts a new session into the store, unless what it rests on is gone by then.
//!
//! Who ends something marks it gone before they list its sessions, and here it is looked at after the session is there:
//! either the one or the other sees what the other did, so no session outlives what ended it.

use super::account_links::account_now;
use super::{Login, SessionRules};
use crate::domain::{Identity, Session};
use crate::ground::{Timestamp, TokenDigest};
use crate::store::StoreError;

impl Login {
    /// Opens the session of a login by `identity`; `false` if that was taken off the account meanwhile.
    pub async fn open_session(
        &self,
        digest: &TokenDigest,
        session: &Session,
        identity: &Identity,
        rules: &SessionRules,
    ) -> Result<bool, StoreError> {
        let now = session.created_at;
        self.store.put_session(digest, session, rules.policy.time_to_live(now, now, now)).await?;
        let account = account_now(&*self.store, &session.account).await?;
        if account.is_some_and(|account| !account.has_removed(identity)) {
            return Ok(true);
        }
        self.store.delete_sessions(std::slice::from_ref(digest)).await?;
        tracing::info!(
            target: "audit", event = "session_withdrawn", account = %session.account, login = %session.login_id
        );
        Ok(false)
    }

    /// Opens the session of the same login on another host; `false` if the one that it goes with, `from`, has ended
    /// meanwhile.
    pub(super) async fn open_another(
        &self,
        digest: &TokenDigest,
        session: &Session,
        from: &TokenDigest,
        rules: &SessionRules,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let ttl = rules.policy.time_to_live(session.created_at, now, now);
        self.store.put_session(digest, session, ttl).await?;
        if self.store.session(from).await?.is_some() {
            return Ok(true);
        }
        self.store.delete_sessions(std::slice::from_ref(digest)).await?;
        Ok(false)
    }
}
