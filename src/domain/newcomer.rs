//! The rule for somebody whom no account answers to: an account of their own, one that is already theirs, or none.
//!
//! Pure, and consulted once in a person's life here: afterwards their identity leads to an account by itself.

use serde::{Deserialize, Serialize};

use super::{Account, Identity, Refusal, Resolution, Status};

/// Whether unknown people get an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// A first login creates an account.
    #[default]
    Open,
    /// Only existing accounts may log in; nothing is stored about strangers.
    Closed,
}

/// How the identity of somebody unknown may come to an account that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// Not by logging in.
    #[default]
    None,
    /// By a phone number or email that WeChat has verified and that exactly one account has verified too.
    Match,
    /// By proving an account of theirs; they are asked.
    Ask,
}

/// What happens where [`Binding::Match`] finds no account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// No login.
    #[default]
    Refuse,
    /// As [`Binding::Ask`].
    Ask,
    /// As [`Binding::None`]: a new account, where registration is open.
    Create,
}

/// What proves that an account is somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Its password.
    Password,
    /// A code sent to its verified email address.
    EmailCode,
    /// A code sent to its verified phone number.
    SmsCode,
}

impl Proof {
    /// As it is written in the config and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::EmailCode => "email_code",
            Self::SmsCode => "sms_code",
        }
    }
}

/// What unknown people may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether they get an account.
    pub registration: Registration,
    /// How they come to one that exists.
    pub binding: Binding,
    /// What happens where matching finds none.
    pub otherwise: Otherwise,
}

impl Policy {
    /// For somebody who asked for a new account, where that is allowed.
    pub const CREATE: Self =
        Self { registration: Registration::Open, binding: Binding::None, otherwise: Otherwise::Refuse };

    /// Whether accounts are to be looked up by the contacts of an identity.
    pub fn matches(self) -> bool {
        self.binding == Binding::Match
    }

    /// Whether somebody may end up being asked.
    pub fn may_ask(self) -> bool {
        self.binding == Binding::Ask || (self.matches() && self.otherwise == Otherwise::Ask)
    }

    fn create(self) -> Resolution {
        match self.registration {
            Registration::Open => Resolution::Create,
            Registration::Closed => Resolution::Refused(Refusal::RegistrationClosed),
        }
    }

    fn ask(self) -> Resolution {
        Resolution::Ask { may_create: self.registration == Registration::Open }
    }
}

/// Applies the rule. `holders` are the accounts that the contacts of `identity` lead to; those that have not verified
/// the same contact do not count.
pub(super) fn newcomer(identity: &Identity, holders: &[Account], policy: Policy) -> Resolution {
    let mut matching: Vec<&Account> = Vec::new();
    for account in holders.iter().filter(|account| shares_contact(account, identity)) {
        if !matching.iter().any(|known| known.id == account.id) {
            matching.push(account);
        }
    }
    match (policy.binding, matching.as_slice()) {
        (Binding::None, _) => policy.create(),
        (Binding::Ask, _) => policy.ask(),
        (Binding::Match, []) => match policy.otherwise {
            Otherwise::Refuse => Resolution::Refused(Refusal::NoMatch),
            Otherwise::Ask => policy.ask(),
            Otherwise::Create => policy.create(),
        },
        (Binding::Match, [only]) if only.status == Status::Disabled => {
            Resolution::Refused(Refusal::AccountDisabled)
        }
        (Binding::Match, [only]) if only.takes(identity) && !only.has_removed(identity) => {
            Resolution::Bind(only.id.clone())
        }
        // Nothing is overwritten; who they are besides can still be proven.
        (Binding::Match, _) if policy.otherwise == Otherwise::Ask => policy.ask(),
        // Its owner took them off it: a number that stayed there does not bring them back.
        (Binding::Match, [only]) if only.has_removed(identity) => Resolution::Refused(Refusal::NoMatch),
        (Binding::Match, [_]) => Resolution::Refused(Refusal::MatchTaken),
        (Binding::Match, _) => Resolution::Refused(Refusal::SeveralMatch),
    }
}

/// Whether WeChat and the account have both verified one phone number or email address. What is empty or unverified
/// on either side is shared by nobody.
fn shares_contact(account: &Account, identity: &Identity) -> bool {
    let verified = |contact: &Option<super::Contact>, value: Option<&str>| {
        contact.as_ref().is_some_and(|contact| contact.verified && Some(contact.value.as_str()) == value)
    };
    verified(&account.phone, identity.phone.as_ref().map(super::Phone::as_str))
        || verified(&account.email, identity.email.as_ref().map(super::Email::as_str))
}

#[cfg(test)]
mod tests;
