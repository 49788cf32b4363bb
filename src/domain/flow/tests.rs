//! The steps of a login, and those that are refused.
#![allow(clippy::unwrap_used)]
use super::super::Hosts;
use super::*;
use crate::ground::Token;

pub(super) fn flow() -> Flow {
    let hosts = Hosts::new(&"https://a.example".parse().unwrap(), []);
    Flow {
        id: FlowId::new("f").unwrap(),
        version: 1,
        browser: Token::generate(&mut rand::rng()).digest(),
        method: MethodId::new("qr").unwrap(),
        pool: PoolId::new("people").unwrap(),
        return_to: ReturnTo::parse("/", &hosts).unwrap(),
        handover: None,
        attach_to: None,
        origin: Origin::default(),
        salt: "s".into(),
        created_at: Timestamp::from_millis(0),
        expires_at: Timestamp::from_millis(60_000),
        stage: Stage::Waiting,
    }
}

pub(super) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[test]
fn a_code_is_exchanged_by_one_request_at_a_time() {
    let taken = flow().begin_exchange(at(1)).unwrap();
    assert_eq!(taken.version, 2);
    assert_eq!(taken.clone().begin_exchange(at(2)), Err(InvalidTransition::InProgress));
    let abandoned = at(1).plus(EXCHANGE_LEASE);
    assert!(taken.begin_exchange(abandoned).is_ok());
}

#[test]
fn a_flow_has_one_outcome() {
    let done = flow().begin_exchange(at(1)).unwrap().sign_in(AccountId::new("a").unwrap()).unwrap();
    assert!(done.is_finished());
    assert_eq!(done.clone().refuse(FlowRefusal::Denied), Err(InvalidTransition::Finished));
    assert_eq!(done.begin_exchange(at(2)), Err(InvalidTransition::Finished));
}

pub(super) fn person(open_id: &str) -> Identity {
    Identity {
        pool: PoolId::new("people").unwrap(),
        app_id: super::super::AppId::new("wx1").unwrap(),
        open_id: OpenId::new(open_id).unwrap(),
        union_id: None,
        profile: Profile::default(),
        phone: None,
        email: None,
    }
}

#[test]
fn who_scanned_first_is_the_only_one_who_can_agree() {
    let ann = OpenId::new("ann").unwrap();
    let bob = OpenId::new("bob").unwrap();
    let scanned = flow().scan(ann.clone(), Profile::default(), at(1)).unwrap();
    assert_eq!(scanned.clone().scan(bob.clone(), Profile::default(), at(2)), Err(InvalidTransition::Taken));
    assert_eq!(scanned.clone().approve(person("bob"), at(2)), Err(InvalidTransition::Taken));
    assert_eq!(scanned.clone().reject(&bob, FlowRefusal::Denied, at(2)), Err(InvalidTransition::Taken));
    assert!(scanned.clone().scan(ann, Profile::default(), at(2)).is_ok());
    assert!(scanned.approve(person("ann"), at(2)).is_ok());
}

#[test]
fn yes_and_no_on_the_phone_are_final() {
    let ann = OpenId::new("ann").unwrap();
    let yes = flow().approve(person("ann"), at(1)).unwrap();
    assert_eq!(yes.clone().reject(&ann, FlowRefusal::Denied, at(2)), Err(InvalidTransition::Finished));
    assert_eq!(yes.approve(person("bob"), at(2)), Err(InvalidTransition::Finished));
    let no = flow().reject(&ann, FlowRefusal::Denied, at(1)).unwrap();
    assert_eq!(no.approve(person("ann"), at(2)), Err(InvalidTransition::Finished));
}

#[test]
fn only_an_approved_scan_can_be_finished_and_it_remembers_who() {
    let scanned = flow().scan(OpenId::new("ann").unwrap(), Profile::default(), at(1)).unwrap();
    assert_eq!(scanned.clone().begin_exchange(at(2)), Err(InvalidTransition::NotApproved));
    let taken = scanned.approve(person("ann"), at(3)).unwrap().begin_exchange(at(4)).unwrap();
    assert!(matches!(&taken.stage, Stage::Exchanging { approved: Some(who), .. } if **who == person("ann")));
    let again = taken.begin_exchange(at(4).plus(EXCHANGE_LEASE)).unwrap();
    assert!(matches!(again.stage, Stage::Exchanging { approved: Some(_), .. }));
}

#[test]
fn a_code_scanned_in_its_last_second_leaves_time_to_agree() {
    let last = at(59_999);
    let scanned = flow().scan(OpenId::new("ann").unwrap(), Profile::default(), last).unwrap();
    assert_eq!(scanned.expires_at, last.plus(NEXT_STEP));
    let again = scanned.scan(OpenId::new("ann").unwrap(), Profile::default(), at(100_000)).unwrap();
    assert_eq!(again.expires_at, last.plus(NEXT_STEP));
    assert_eq!(flow().approve(person("ann"), at(60_000)), Err(InvalidTransition::Expired));
}

#[test]
fn a_yes_can_be_repeated_by_who_said_it_until_somebody_goes_on() {
    let approved = flow().approve(person("ann"), at(1)).unwrap();
    let again = approved.clone().approve(person("ann"), at(2)).unwrap();
    assert_eq!((again.version, &again.stage), (approved.version + 1, &approved.stage));
    assert_eq!(again.expires_at, approved.expires_at, "it gains no time");
    assert_eq!(approved.clone().approve(person("bob"), at(2)), Err(InvalidTransition::Finished));
    assert_eq!(
        approved.clone().approve(person("ann"), approved.expires_at),
        Err(InvalidTransition::Finished)
    );
    let taken = approved.begin_exchange(at(3)).unwrap();
    assert_eq!(taken.approve(person("ann"), at(4)), Err(InvalidTransition::Finished));
}

#[test]
fn an_expired_flow_cannot_be_finished_by_a_callback() {
    assert_eq!(flow().begin_exchange(at(60_000)), Err(InvalidTransition::Expired));
}
