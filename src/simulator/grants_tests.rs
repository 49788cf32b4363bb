//! The rules of codes and tokens, one by one, on a hand-moved clock.
#![allow(clippy::unwrap_used)]

use super::*;
use rstest::rstest;

const APP: &str = "wx0de0000000000002";
const MONTH: Span = Span::from_days(30);
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

struct Bench {
    grants: Grants,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        Self { grants: Grants::new(), now: START }
    }

    fn code(&mut self, life: Span) -> String {
        let consented =
            Consented { app_id: APP.into(), person: "zhang".into(), scope: Scope::UserInfo, snapshot: false };
        self.grants.issue(self.now, &mut rand::rng(), consented, life)
    }

    fn exchange(&mut self, app_id: &str, code: &str) -> Result<Grant, Errcode> {
        self.exchange_as(app_id, code, ExpiredCode::Invalid)
    }

    fn exchange_as(&mut self, app_id: &str, code: &str, expired: ExpiredCode) -> Result<Grant, Errcode> {
        self.grants.exchange(self.now, &mut rand::rng(), app_id, code, expired, MONTH)
    }

    fn refresh(&mut self, token: &str) -> Result<Grant, Errcode> {
        self.grants.refresh(self.now, &mut rand::rng(), APP, token)
    }

    fn check(&mut self, token: &str) -> Result<Consented, Errcode> {
        self.grants.check(self.now, token, &ids::openid(APP, "zhang"))
    }

    fn grant(&mut self) -> Grant {
        let code = self.code(Span::from_mins(5));
        self.exchange(APP, &code).unwrap()
    }

    fn wait(&mut self, span: Span) {
        self.now = self.now.plus(span);
    }
}

#[test]
fn a_code_is_exchanged_once() {
    let mut bench = Bench::new();
    let code = bench.code(Span::from_mins(5));
    assert_eq!(bench.exchange(APP, &code).unwrap().consented.person, "zhang");
    assert_eq!(bench.exchange(APP, &code).unwrap_err(), Errcode::CODE_USED);
}

#[test]
fn another_apps_attempt_is_refused_and_leaves_the_code_usable() {
    let mut bench = Bench::new();
    let code = bench.code(Span::from_mins(5));
    assert_eq!(bench.exchange("wx0de0000000000001", &code).unwrap_err(), Errcode::INVALID_CODE);
    assert!(bench.exchange(APP, &code).is_ok());
}

#[rstest]
#[case(299, ExpiredCode::Invalid, None)]
#[case(300, ExpiredCode::Invalid, Some(Errcode::INVALID_CODE))]
#[case(300, ExpiredCode::Expired, Some(Errcode::CODE_EXPIRED))]
fn a_code_expires(#[case] after: u64, #[case] switch: ExpiredCode, #[case] expected: Option<Errcode>) {
    let mut bench = Bench::new();
    let code = bench.code(Span::from_mins(5));
    bench.wait(Span::from_secs(after));
    assert_eq!(bench.exchange_as(APP, &code, switch).err(), expected);
}

#[test]
fn a_live_token_is_prolonged_and_a_dead_one_replaced() {
    let mut bench = Bench::new();
    let first = bench.grant();
    bench.wait(Span::from_secs(7000));
    let second = bench.refresh(&first.refresh_token).unwrap();
    assert_eq!(second.access_token, first.access_token);
    bench.wait(Span::from_secs(7199));
    assert!(bench.check(&first.access_token).is_ok(), "prolonged from the moment of the refresh");
    bench.wait(Span::from_secs(1));
    assert_eq!(bench.check(&first.access_token).unwrap_err(), Errcode::TOKEN_EXPIRED);
    let third = bench.refresh(&first.refresh_token).unwrap();
    assert_ne!(third.access_token, first.access_token);
    assert!(bench.check(&third.access_token).is_ok());
    assert_eq!(bench.check(&first.access_token).unwrap_err(), Errcode::TOKEN_EXPIRED);
}

#[test]
fn a_refresh_token_ends_after_its_life_and_belongs_to_one_app() {
    let mut bench = Bench::new();
    let grant = bench.grant();
    let foreign = bench.grants.refresh(bench.now, &mut rand::rng(), "wx1", &grant.refresh_token);
    assert_eq!(foreign.unwrap_err(), Errcode::INVALID_REFRESH_TOKEN);
    assert_eq!(bench.refresh("nonsense").unwrap_err(), Errcode::INVALID_REFRESH_TOKEN);
    bench.wait(MONTH);
    assert_eq!(bench.refresh(&grant.refresh_token).unwrap_err(), Errcode::REFRESH_TOKEN_EXPIRED);
}

#[test]
fn a_changed_password_kills_both_tokens() {
    let mut bench = Bench::new();
    let grant = bench.grant();
    assert_eq!(bench.grants.revoke("lina"), 0);
    assert_eq!(bench.grants.revoke("zhang"), 1);
    assert_eq!(bench.check(&grant.access_token).unwrap_err(), Errcode::PASSWORD_CHANGED);
    assert_eq!(bench.refresh(&grant.refresh_token).unwrap_err(), Errcode::PASSWORD_CHANGED);
}

#[test]
fn a_token_opens_only_its_own_openid() {
    let mut bench = Bench::new();
    let grant = bench.grant();
    let other = bench.grants.check(bench.now, &grant.access_token, &ids::openid(APP, "lina"));
    assert_eq!(other.unwrap_err(), Errcode::INVALID_OPENID);
    assert_eq!(bench.check("bad token!").unwrap_err(), Errcode::MALFORMED_TOKEN);
    assert_eq!(bench.check(&"x".repeat(60)).unwrap_err(), Errcode::INVALID_CREDENTIAL);
}

#[test]
fn the_hundred_and_eighty_first_call_in_a_minute_is_too_many() {
    let mut bench = Bench::new();
    let grant = bench.grant();
    for _ in 0..179 {
        assert!(bench.check(&grant.access_token).is_ok());
    }
    assert_eq!(bench.check(&grant.access_token).unwrap_err(), Errcode::TOO_OFTEN);
    bench.wait(Span::from_mins(1));
    assert!(bench.check(&grant.access_token).is_ok());
}

#[test]
fn snapshot_pages_get_a_virtual_openid() {
    let real =
        Consented { app_id: APP.into(), person: "zhang".into(), scope: Scope::UserInfo, snapshot: false };
    let virtual_one = Consented { snapshot: true, ..real.clone() };
    assert_ne!(real.openid(), virtual_one.openid());
    assert_eq!(virtual_one.openid().len(), 28);
}
