//! Rows to fill a store with.

use menshen::domain::{
    Account, AccountId, AppId, Flow, FlowId, Hosts, Identity, IdentityKey, MethodId, OpenId, PoolId, Profile,
    ReturnTo, Session, Stage, UnionId,
};
use menshen::ground::{Timestamp, Token, TokenDigest};

/// A person of the pool `people`, as WeChat would vouch for them.
pub fn identity(name: &str) -> Identity {
    Identity {
        pool: PoolId::new("people").unwrap(),
        app_id: AppId::new("wx0123456789abcdef").unwrap(),
        open_id: OpenId::new(format!("o-{name}")).unwrap(),
        union_id: Some(UnionId::new(format!("u-{name}")).unwrap()),
        profile: Profile { nickname: Some("门神".into()), avatar: None },
        phone: None,
        email: None,
    }
}

/// The key of a person's OpenID.
pub fn key(name: &str) -> IdentityKey {
    identity(name).open_key()
}

/// An account id.
pub fn account_id(id: &str) -> AccountId {
    AccountId::new(id).unwrap()
}

/// A new account.
pub fn account(id: &str) -> Account {
    Account::new(account_id(id), &identity(id), Timestamp::from_millis(1_760_000_000_000))
}

/// A digest nobody has used.
pub fn digest() -> TokenDigest {
    Token::generate(&mut rand::rng()).digest()
}

/// A session of an account that logged in at this time.
pub fn session(account: &str, created_at: u64) -> Session {
    Session {
        account: account_id(account),
        pool: PoolId::new("people").unwrap(),
        login_id: "l1".into(),
        method: MethodId::new("qr").unwrap(),
        app_id: AppId::new("wx0123456789abcdef").unwrap(),
        open_id: OpenId::new("o-1").unwrap(),
        host: "app.example.com".into(),
        created_at: Timestamp::from_millis(created_at),
        last_seen_at: Timestamp::from_millis(created_at),
        ip: Some("203.0.113.9".into()),
        user_agent: None,
    }
}

/// A flow that has just begun.
pub fn flow(id: &str) -> Flow {
    let hosts = Hosts::new(&"https://app.example.com".parse().unwrap(), []);
    Flow {
        id: FlowId::new(id).unwrap(),
        version: 1,
        browser: digest(),
        method: MethodId::new("qr").unwrap(),
        pool: PoolId::new("people").unwrap(),
        return_to: ReturnTo::parse("/", &hosts).unwrap(),
        handover: None,
        attach_to: None,
        origin: menshen::domain::Origin::default(),
        salt: "salt".into(),
        created_at: Timestamp::from_millis(0),
        expires_at: Timestamp::from_millis(600_000),
        stage: Stage::Waiting,
    }
}
