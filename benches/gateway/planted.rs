//! A logged-in visitor, written straight into a store before the gateway opens it.
//!
//! Everything is of the length it has in life: OpenID, UnionID, a Chinese nickname, the address of a picture.

use std::sync::Arc;

use menshen::domain::{
    Account, AccountId, AppId, Identity, IdentityRow, MethodId, OpenId, PoolId, Profile, Session, UnionId,
};
use menshen::ground::{Clock as _, Span, SystemClock, Timestamp, Token};
use menshen::store::{self, StoreUrl};

use crate::Fault;

pub(crate) const POOL: &str = "people";
pub(crate) const METHOD: &str = "qr";
pub(crate) const APP_ID: &str = "wx0123456789abcdef";

/// What WeChat tells about the `number`th person, who has these ids.
pub(crate) fn identity(number: usize, open_id: String, union_id: String) -> Result<Identity, Fault> {
    Ok(Identity {
        pool: PoolId::new(POOL)?,
        app_id: AppId::new(APP_ID)?,
        open_id: OpenId::new(open_id)?,
        union_id: Some(UnionId::new(union_id)?),
        profile: Profile {
            nickname: Some("门前的石狮子".to_owned()),
            avatar: Some(format!("https://thirdwx.qlogo.cn/mmopen/vi_32/{number:086}/132")),
        },
        phone: None,
        email: None,
    })
}

/// The `number`th person and a session of theirs on `host`.
pub(crate) fn person(number: usize, host: &str, now: Timestamp) -> Result<(Account, Session), Fault> {
    let open_id = format!("o6_bmjrPTlm6_2sgVt7h{number:08}");
    let identity = identity(number, open_id, format!("oR5GjjgEhCMJFyzaVZdr{number:08}"))?;
    let account = Account::new(AccountId::new(format!("a0000000000000{number:08}"))?, &identity, now);
    let session = Session {
        account: account.id.clone(),
        pool: identity.pool,
        login_id: format!("l0000000000000{number:08}"),
        method: MethodId::new(METHOD)?,
        app_id: identity.app_id,
        open_id: identity.open_id,
        host: host.to_owned(),
        created_at: now,
        last_seen_at: now,
        ip: Some("192.0.2.1".to_owned()),
        user_agent: Some("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36".to_owned()),
    };
    Ok((account, session))
}

/// Logs somebody in on `host` in the store at `url`; the answer is their session token.
pub(crate) fn plant(url: &str, host: &str) -> Result<String, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let clock = Arc::new(SystemClock);
        let now = clock.now();
        let config = store::Config { url: StoreUrl::new(url), ..store::Config::default() };
        let store = store::open(&config, clock).await?;
        let (account, session) = person(1, host, now)?;
        for key in &account.identities {
            store.claim_identity(key, &IdentityRow::settled(account.id.clone())).await?;
        }
        store.create_account(&account).await?;
        let token = Token::generate(&mut rand::rng());
        store.put_session(&token.digest(), &session, Span::from_days(1)).await?;
        Ok(token.reveal())
    })
}
