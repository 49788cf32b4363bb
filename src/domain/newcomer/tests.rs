//! The whole table: registration, binding and what else, against what WeChat verified and who has it.
#![allow(clippy::unwrap_used)]

use rstest::rstest;

use super::super::{
    AccountId, AppId, Contact, Email, OnConflict, OpenId, Phone, PoolId, Profile, UnionId, resolve,
    resolve::Found,
};
use super::Binding::{Ask, Match};
use super::Otherwise::{Create, Refuse};
use super::Registration::{Closed, Open};
use super::*;
use crate::ground::Timestamp;

const PHONE: &str = "+8613580006666";
const EMAIL: &str = "ann@example.com";

/// What a login brings, by the kind of its method: mini programs may bring a phone, all others never do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Brings {
    Nothing,
    Phone,
    Email,
    Both,
}

fn identity(union: Option<&str>, brings: Brings) -> Identity {
    Identity {
        pool: PoolId::new("people").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        open_id: OpenId::new("me").unwrap(),
        union_id: union.map(|text| UnionId::new(text).unwrap()),
        profile: Profile { nickname: Some("同名".into()), avatar: None },
        phone: matches!(brings, Brings::Phone | Brings::Both).then(|| Phone::parse(PHONE).unwrap()),
        email: matches!(brings, Brings::Email | Brings::Both).then(|| Email::parse(EMAIL).unwrap()),
    }
}

/// Whom the row of a contact leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holder {
    Nobody,
    /// Who has verified it, and has no WeChat yet.
    Verified,
    /// Who has it, and never proved that.
    Unverified,
    /// Who has another value by now.
    Former,
    Disabled,
    /// Who belongs to another WeChat of the same app.
    OtherWechat,
    /// Who belongs to another UnionID.
    OtherUnion,
    /// Who took this very OpenID off their account.
    Removed,
    /// Who took a WeChat with this UnionID off, known by another app.
    RemovedUnion,
}

fn contact(value: &str, verified: bool) -> Option<Contact> {
    Some(Contact { value: value.into(), verified })
}

/// An account as an import leaves it, with the phone and the email of the tests.
fn account(id: &str) -> Account {
    let mut account =
        Account::new(AccountId::new(id).unwrap(), &identity(None, Brings::Nothing), Timestamp::default());
    account.identities.clear();
    (account.phone, account.email) = (contact(PHONE, true), contact(EMAIL, true));
    account
}

fn held_by(holder: Holder) -> Vec<Account> {
    let mut account = account("ann");
    match holder {
        Holder::Nobody => return Vec::new(),
        Holder::Verified => {}
        Holder::Unverified => {
            (account.phone, account.email) = (contact(PHONE, false), contact(EMAIL, false));
        }
        Holder::Former => {
            (account.phone, account.email) =
                (contact("+8613580000000", true), contact("old@example.com", true));
        }
        Holder::Disabled => account.status = Status::Disabled,
        Holder::OtherWechat => {
            let other = Identity { open_id: OpenId::new("you").unwrap(), ..identity(None, Brings::Nothing) };
            account.identities = other.keys();
        }
        Holder::OtherUnion => {
            let other =
                Identity { app_id: AppId::new("wx2").unwrap(), ..identity(Some("other"), Brings::Nothing) };
            account.identities = other.keys();
        }
        Holder::Removed => account.removed = vec![identity(None, Brings::Nothing).open_key()],
        Holder::RemovedUnion => account.removed.extend(identity(Some("U"), Brings::Nothing).union_key()),
    }
    vec![account]
}

const HOLDERS: [Holder; 9] = [
    Holder::Nobody,
    Holder::Verified,
    Holder::Unverified,
    Holder::Former,
    Holder::Disabled,
    Holder::OtherWechat,
    Holder::OtherUnion,
    Holder::Removed,
    Holder::RemovedUnion,
];

fn decide(policy: Policy, union: Option<&str>, brings: Brings, holder: Holder) -> Resolution {
    let found = Found { by_open_id: &[], by_union_id: &[], by_contact: &held_by(holder), chosen: None };
    resolve(&identity(union, brings), found, policy, OnConflict::Choose)
}

/// The same table as the prose of the design has it, written down once more by hand.
fn expected(policy: Policy, union: Option<&str>, brings: Brings, holder: Holder) -> Resolution {
    let ask = Resolution::Ask { may_create: policy.registration == Open };
    let create = match policy.registration {
        Open => Resolution::Create,
        Closed => Resolution::Refused(Refusal::RegistrationClosed),
    };
    let otherwise = match policy.otherwise {
        Refuse => Resolution::Refused(Refusal::NoMatch),
        Otherwise::Ask => ask.clone(),
        Create => create.clone(),
    };
    let conflict = match policy.otherwise {
        Otherwise::Ask => ask.clone(),
        Refuse | Create => Resolution::Refused(Refusal::MatchTaken),
    };
    let removed = match policy.otherwise {
        Otherwise::Ask => ask.clone(),
        Refuse | Create => Resolution::Refused(Refusal::NoMatch),
    };
    let bind = Resolution::Bind(AccountId::new("ann").unwrap());
    match (policy.binding, brings, holder) {
        (Binding::None, ..) => create,
        (Ask, ..) => ask,
        (Match, Brings::Nothing, _) => otherwise,
        (Match, _, Holder::Nobody | Holder::Unverified | Holder::Former) => otherwise,
        (Match, _, Holder::Verified) => bind,
        (Match, _, Holder::Disabled) => Resolution::Refused(Refusal::AccountDisabled),
        (Match, _, Holder::OtherWechat) => conflict,
        // Another UnionID is seen only where this login has one to compare.
        (Match, _, Holder::OtherUnion) if union.is_some() => conflict,
        (Match, _, Holder::OtherUnion) => bind,
        (Match, _, Holder::Removed) => removed,
        // A UnionID that was taken off is seen only where this login has it.
        (Match, _, Holder::RemovedUnion) if union.is_some() => removed,
        (Match, _, Holder::RemovedUnion) => bind,
    }
}

/// Acceptance: A4, A5, B1 to B8, B13, M2a, M7b. Every combination, for somebody unknown with and without a UnionID
/// (Q1 and Q2), and for methods that bring a phone, an email, both or neither.
#[rstest]
fn what_becomes_of_somebody_unknown(
    #[values(Open, Closed)] registration: Registration,
    #[values(Binding::None, Match, Ask)] binding: Binding,
    #[values(Refuse, Otherwise::Ask, Create)] otherwise: Otherwise,
    #[values(None, Some("U"))] union: Option<&str>,
    #[values(Brings::Nothing, Brings::Phone, Brings::Email, Brings::Both)] brings: Brings,
) {
    let policy = Policy { registration, binding, otherwise };
    for holder in HOLDERS {
        let got = decide(policy, union, brings, holder);
        assert_eq!(
            got,
            expected(policy, union, brings, holder),
            "{policy:?} {union:?} {brings:?} {holder:?}"
        );
    }
}

/// Acceptance: A6, A10, B2, B15. Who is known (Q3 and Q4) is asked nothing, whatever the policy, and no contact leads
/// them elsewhere.
#[rstest]
fn somebody_known_is_asked_nothing(
    #[values(Open, Closed)] registration: Registration,
    #[values(Binding::None, Match, Ask)] binding: Binding,
    #[values(Refuse, Otherwise::Ask, Create)] otherwise: Otherwise,
    #[values(Brings::Nothing, Brings::Phone, Brings::Both)] brings: Brings,
    #[values(false, true)] by_union: bool,
) {
    let policy = Policy { registration, binding, otherwise };
    let known = Account { phone: None, email: None, ..account("me") };
    let known = [known];
    let nobody: [Account; 0] = [];
    let (by_open_id, by_union_id): (&[Account], &[Account]) =
        if by_union { (&nobody, &known) } else { (&known, &nobody) };
    let found = Found { by_open_id, by_union_id, by_contact: &held_by(Holder::Verified), chosen: None };
    let got = resolve(&identity(Some("U"), brings), found, policy, OnConflict::Choose);
    assert!(matches!(&got, Resolution::SignIn { account, .. } if account.as_str() == "me"), "{got:?}");
}

/// Acceptance: B7. Where phone and email lead to different people, neither is taken for the person.
#[rstest]
#[case(Refuse, Resolution::Refused(Refusal::SeveralMatch))]
#[case(Create, Resolution::Refused(Refusal::SeveralMatch))]
#[case(Otherwise::Ask, Resolution::Ask { may_create: true })]
fn contacts_of_two_people_match_neither(#[case] otherwise: Otherwise, #[case] outcome: Resolution) {
    let mut other = account("berta");
    (other.phone, other.email) = (None, contact(EMAIL, true));
    let mut ann = account("ann");
    ann.email = None;
    let policy = Policy { registration: Open, binding: Match, otherwise };
    let found = Found { by_open_id: &[], by_union_id: &[], by_contact: &[ann, other], chosen: None };
    assert_eq!(resolve(&identity(None, Brings::Both), found, policy, OnConflict::Choose), outcome);
}

#[test]
fn one_account_by_phone_and_email_is_one_match() {
    let found = Found {
        by_open_id: &[],
        by_union_id: &[],
        by_contact: &[account("ann"), account("ann")],
        chosen: None,
    };
    let policy = Policy { registration: Closed, binding: Match, otherwise: Refuse };
    let got = resolve(&identity(None, Brings::Both), found, policy, OnConflict::Choose);
    assert_eq!(got, Resolution::Bind(AccountId::new("ann").unwrap()));
}
