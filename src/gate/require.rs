//! What a route asks of the account of a known visitor, and what an account lacks of it.
//!
//! Only compares; what follows from it is decided in `access`. Allocates nothing: an answer borrows from both.

use std::collections::BTreeMap;

use crate::domain::Principal;

/// What a route asks of accounts, all of it together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Require {
    /// Membership in at least one of these groups; empty asks for none.
    pub groups: Vec<String>,
    /// One of the values for each of these attributes.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// A verified phone number.
    pub phone: bool,
}

/// What the account of a known visitor lacks for a route. There is something.
#[derive(Clone, Copy, Debug)]
pub struct Missing<'a> {
    require: &'a Require,
    principal: &'a Principal,
}

impl Require {
    /// What `principal` lacks, if anything.
    pub fn missing<'a>(&'a self, principal: &'a Principal) -> Option<Missing<'a>> {
        let missing = Missing { require: self, principal };
        (missing.phone() || !missing.groups().is_empty() || missing.attributes().next().is_some())
            .then_some(missing)
    }
}

impl<'a> Missing<'a> {
    /// The groups of which the account is in none; empty if it need not be, or is in one.
    pub fn groups(self) -> &'a [String] {
        let groups = self.require.groups.as_slice();
        if self.principal.groups().any(|group| groups.iter().any(|wanted| wanted == group)) {
            return &[];
        }
        groups
    }

    /// The attributes that have none of the values which are asked for.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, &'a [String])> {
        let has = |name: &str, values: &[String]| {
            self.principal.attribute(name).is_some_and(|value| values.iter().any(|wanted| wanted == value))
        };
        let asked = self.require.attributes.iter();
        asked
            .filter(move |(name, values)| !has(name, values))
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Whether a verified phone number is missing.
    pub fn phone(self) -> bool {
        self.require.phone && self.principal.phone().is_none()
    }

    /// Whether a phone number is all that is missing, which visitors can see to themselves.
    pub fn is_phone_alone(self) -> bool {
        self.phone() && self.groups().is_empty() && self.attributes().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::testing::principal;
    use super::*;
    use crate::domain::Contact;

    fn require(groups: &[&str], attributes: &[(&str, &[&str])], phone: bool) -> Require {
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let attributes = attributes.iter().map(|(name, values)| ((*name).to_owned(), texts(values)));
        Require { groups: texts(groups), attributes: attributes.collect(), phone }
    }

    /// In the groups `staff` and `编辑`, with `level` `gold`, and a verified number.
    fn full() -> Principal {
        principal(|account| {
            account.groups = vec!["staff".into(), "编辑".into()];
            account.attributes.insert("level".into(), "gold".into());
            account.phone = Some(Contact { value: "+8613580006666".into(), verified: true });
        })
    }

    #[rstest::rstest]
    #[case::nothing(require(&[], &[], false))]
    #[case::one_group_of_several(require(&["admins", "编辑"], &[], false))]
    #[case::one_value_of_several(require(&[], &[("level", &["silver", "gold"])], false))]
    #[case::all_together(require(&["staff"], &[("level", &["gold"])], true))]
    fn an_account_that_has_all_of_it_lacks_nothing(#[case] require: Require) {
        assert!(require.missing(&full()).is_none());
    }

    #[rstest::rstest]
    #[case::no_such_group(require(&["admins"], &[], false), &["admins"], &[], false)]
    #[case::no_part_of_a_name(require(&["sta", "Staff"], &[], false), &["sta", "Staff"], &[], false)]
    #[case::another_value(require(&[], &[("level", &["silver"])], false), &[], &["level"], false)]
    #[case::no_such_attribute(require(&["staff"], &[("level", &["gold"]), ("team", &["a"])], true), &[], &["team"], false)]
    fn what_an_account_lacks_is_said_and_nothing_else(
        #[case] require: Require,
        #[case] groups: &[&str],
        #[case] attributes: &[&str],
        #[case] phone: bool,
    ) {
        let principal = full();
        let missing = require.missing(&principal).unwrap();
        assert_eq!(missing.groups(), groups);
        assert_eq!(missing.attributes().map(|(name, _)| name).collect::<Vec<_>>(), attributes);
        assert_eq!((missing.phone(), missing.is_phone_alone()), (phone, phone));
    }

    #[test]
    fn a_number_that_nobody_verified_is_none() {
        let unverified = principal(|account| {
            account.phone = Some(Contact { value: "+8613580006666".into(), verified: false });
        });
        let alone = require(&[], &[], true);
        assert!(alone.missing(&unverified).unwrap().is_phone_alone());
        let more = require(&["admins"], &[], true);
        let missing = more.missing(&unverified).unwrap();
        assert!(missing.phone() && !missing.is_phone_alone());
    }
}
