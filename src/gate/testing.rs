//! What several tests of the gate need: a known visitor and a route.

#![allow(clippy::unwrap_used)]

use super::{Access, Preflight, Route};
use crate::domain::session::tests::session;
use crate::domain::{Account, AccountId, AppId, Identity, OpenId, PoolId, Principal, Profile};
use crate::domain::{SessionPolicy, UnionId};
use crate::ground::{Span, Timestamp};

/// Account `a1`, UnionID `u1`, logged in through app `wx1` as `o1`, changed by `change`.
pub(crate) fn principal(change: impl FnOnce(&mut Account)) -> Principal {
    let identity = Identity {
        pool: PoolId::new("people").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        open_id: OpenId::new("o1").unwrap(),
        union_id: Some(UnionId::new("u1").unwrap()),
        profile: Profile { nickname: Some("Ann".into()), avatar: None },
        phone: None,
        email: None,
    };
    let mut account = Account::new(AccountId::new("a1").unwrap(), &identity, Timestamp::default());
    change(&mut account);
    let policy = SessionPolicy { idle: Span::from_secs(1), absolute: Span::from_secs(1) };
    Principal::admit(&session(0, 0).check(policy, Timestamp::default()).unwrap(), &account).unwrap()
}

/// A route named `id`.
pub(crate) fn route(id: &str, hosts: &[&str], path: &str, access: Access) -> Route {
    Route {
        id: id.into(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        path: path.into(),
        upstream: "app".into(),
        access,
        methods: Vec::new(),
        require: None,
        preflight: Preflight::Refuse,
        read_timeout: Span::from_secs(60),
        stream_timeout: Span::from_mins(60),
        max_body: None,
        upstream_host: None,
    }
}
