//! The whole table of the account rule.
#![allow(clippy::unwrap_used)]

use rstest::rstest;

use super::super::{AppId, Binding, OpenId, Otherwise, PoolId, Profile, Registration, UnionId};
use super::*;
use crate::ground::Timestamp;

fn identity(union: Option<&str>) -> Identity {
    Identity {
        pool: PoolId::new("people").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        open_id: OpenId::new("open").unwrap(),
        union_id: union.map(|text| UnionId::new(text).unwrap()),
        profile: Profile { nickname: Some("同名".into()), avatar: None },
        phone: None,
        email: None,
    }
}

fn account(id: &str, union: Option<&str>) -> Account {
    Account::new(AccountId::new(id).unwrap(), &identity(union), Timestamp::default())
}

fn disabled(id: &str) -> Account {
    Account { status: Status::Disabled, ..account(id, None) }
}

fn id(text: &str) -> AccountId {
    AccountId::new(text).unwrap()
}

fn decide(
    identity: &Identity,
    by_open_id: &[Account],
    by_union_id: &[Account],
    chosen: Option<&str>,
    registration: Registration,
    on_conflict: OnConflict,
) -> Resolution {
    let chosen = chosen.map(id);
    let found = Found { by_open_id, by_union_id, by_contact: &[], chosen: chosen.as_ref() };
    let policy = Policy { registration, binding: Binding::None, otherwise: Otherwise::Refuse };
    resolve(identity, found, policy, on_conflict)
}

fn open(identity: &Identity, by_open_id: &[Account], by_union_id: &[Account]) -> Resolution {
    decide(identity, by_open_id, by_union_id, None, Registration::Open, OnConflict::Choose)
}

/// Acceptance: A4, A5, B1.
#[rstest]
#[case::q1_with_unionid(Some("U"))]
#[case::q2_without(None)]
fn a_stranger_gets_a_new_account_where_registration_is_open(#[case] union: Option<&str>) {
    assert_eq!(open(&identity(union), &[], &[]), Resolution::Create);
}

/// Acceptance: B2.
#[rstest]
#[case(Some("U"))]
#[case(None)]
fn a_stranger_is_refused_where_registration_is_closed(#[case] union: Option<&str>) {
    let got = decide(&identity(union), &[], &[], None, Registration::Closed, OnConflict::Choose);
    assert_eq!(got, Resolution::Refused(Refusal::RegistrationClosed));
}

/// Acceptance: A6, A12, B2.
#[rstest]
#[case::open(Registration::Open)]
#[case::closed(Registration::Closed)]
fn a_known_openid_signs_in_and_nothing_is_added(#[case] registration: Registration) {
    let known = [account("a", Some("U"))];
    let got = decide(&identity(None), &known, &[], None, registration, OnConflict::Choose);
    assert_eq!(got, Resolution::SignIn { account: id("a"), add: vec![] });
}

/// Acceptance: A2, A10.
#[test]
fn a_known_unionid_signs_in_and_the_new_openid_is_added() {
    let me = identity(Some("U"));
    let got = open(&me, &[], &[account("a", Some("U"))]);
    assert_eq!(got, Resolution::SignIn { account: id("a"), add: vec![me.open_key()] });
}

#[test]
fn both_rows_of_one_account_sign_in_and_nothing_is_added() {
    let both = [account("a", Some("U"))];
    assert_eq!(
        open(&identity(Some("U")), &both, &both),
        Resolution::SignIn { account: id("a"), add: vec![] }
    );
}

/// Acceptance: A11.
#[test]
fn a_unionid_that_appears_later_is_added_to_the_account_of_the_openid() {
    let me = identity(Some("U"));
    let got = open(&me, &[account("a", None)], &[]);
    assert_eq!(got, Resolution::SignIn { account: id("a"), add: vec![me.union_key().unwrap()] });
}

#[test]
fn an_account_never_gets_a_second_unionid() {
    let got = open(&identity(Some("V")), &[account("a", Some("U"))], &[]);
    assert_eq!(got, Resolution::SignIn { account: id("a"), add: vec![] });
}

/// Acceptance: A7.
#[test]
fn openid_and_unionid_of_different_accounts_ask_the_visitor() {
    let got = open(&identity(Some("U")), &[account("a", None)], &[account("b", Some("U"))]);
    assert_eq!(got, Resolution::Choose(vec![id("b"), id("a")]));
}

/// Acceptance: A8.
#[test]
fn a_remembered_choice_is_not_asked_again_but_only_while_it_still_fits() {
    let me = identity(Some("U"));
    let (a, b) = ([account("a", None)], [account("b", Some("U"))]);
    let got = decide(&me, &a, &b, Some("a"), Registration::Open, OnConflict::Choose);
    assert_eq!(got, Resolution::SignIn { account: id("a"), add: vec![] });
    let got = decide(&me, &a, &b, Some("gone"), Registration::Open, OnConflict::Choose);
    assert_eq!(got, Resolution::Choose(vec![id("b"), id("a")]));
}

#[test]
fn the_operator_may_let_the_unionid_decide() {
    let got = decide(
        &identity(Some("U")),
        &[account("a", None)],
        &[account("b", Some("U"))],
        None,
        Registration::Open,
        OnConflict::Unionid,
    );
    assert_eq!(got, Resolution::SignIn { account: id("b"), add: vec![] });
}

#[test]
fn one_row_on_several_accounts_asks_even_where_the_unionid_decides() {
    let several = [account("a", Some("U")), account("b", Some("U"))];
    let got = decide(&identity(Some("U")), &[], &several, None, Registration::Open, OnConflict::Unionid);
    assert_eq!(got, Resolution::Choose(vec![id("a"), id("b")]));
}

/// Acceptance: A14.
#[rstest]
#[case::by_openid(vec![disabled("a")], vec![])]
#[case::by_unionid(vec![], vec![disabled("a")])]
#[case::one_of_two(vec![disabled("a")], vec![account("b", Some("U"))])]
#[case::the_other_of_two(vec![account("b", None)], vec![disabled("a")])]
fn a_disabled_account_is_refused_and_no_second_one_opens_the_door(
    #[case] by_open_id: Vec<Account>,
    #[case] by_union_id: Vec<Account>,
) {
    let got = open(&identity(Some("U")), &by_open_id, &by_union_id);
    assert_eq!(got, Resolution::Refused(Refusal::AccountDisabled));
}
