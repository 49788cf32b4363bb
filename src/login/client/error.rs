//! Why a call of an app or a mini program was not done.
//!
//! One variant for each thing that the client can do something else about; the words for people are elsewhere.

use crate::domain::{FlowRefusal, InvalidTransition};
use crate::login::binding::BindError;
use crate::login::callback::refusal_of;
use crate::login::server_tokens::{TokenError, shared};
use crate::store::StoreError;
use crate::wechat;

/// Why a call of an app or a mini program was not done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The login ended so.
    #[error("the login was refused: {0:?}")]
    Refused(FlowRefusal),
    /// WeChat says that the code was used before.
    #[error("the code was used before")]
    CodeUsed,
    /// WeChat does not accept the code of the phone number.
    #[error("the code of the phone number was not accepted")]
    PhoneCode,
    /// What the older button encrypted cannot be believed.
    #[error("the encrypted data cannot be believed")]
    Encrypted(#[source] wechat::DecryptError),
    /// The nonce is not one of ours, was used, or is for another method.
    #[error("the nonce is unknown")]
    Nonce,
    /// There is no such method.
    #[error("there is no such method")]
    UnknownMethod,
    /// The method is of another kind than this call is for.
    #[error("the method is of another kind")]
    WrongMethod,
    /// No login waits for this ticket.
    #[error("no login waits for this ticket")]
    Ticket,
    /// Somebody else scanned the code, or it was answered before.
    #[error("the code on the screen was used before")]
    ScanUsed,
    /// The code on the screen has run out.
    #[error("the code on the screen has run out")]
    ScanExpired,
    /// Nobody has confirmed the login yet.
    #[error("the login is not confirmed yet")]
    NotApproved,
    /// The verifier does not belong to the challenge.
    #[error("the verifier does not belong to the challenge")]
    Verifier,
    /// The return code is not the one that the mini program got.
    #[error("the return code is wrong")]
    ReturnCode,
    /// Another client began this.
    #[error("another client began this")]
    NotYours,
    /// The account is not among those that were offered.
    #[error("the account was not offered")]
    NotOffered,
    /// The claim of somebody whom no account answers to came to nothing.
    #[error(transparent)]
    Bind(BindError),
    /// The question has run out.
    #[error("the question has run out")]
    FlowExpired,
    /// The login has its outcome.
    #[error("the login is finished")]
    FlowFinished,
    /// The identity belongs to another account.
    #[error("the identity is taken")]
    IdentityTaken,
    /// The account has another identity of the same app.
    #[error("the account has another identity of this app")]
    HasAnother,
    /// Another request is finishing the login, and takes long.
    #[error("another request is finishing this login")]
    Busy,
    /// This person asks too often.
    #[error("this person asks too often")]
    TooMany {
        /// Seconds until the next try.
        seconds: u64,
    },
}

impl ClientError {
    /// What a call with a person's code ended with.
    pub(in crate::login) fn of_code(error: &wechat::Error) -> Self {
        if error.is_code_used() { Self::CodeUsed } else { Self::Refused(refusal_of(error.visitor_kind())) }
    }

    /// What a call with our own server token ended with.
    pub(in crate::login) fn of_call(error: TokenError) -> Self {
        match error {
            TokenError::Store(error) => Self::Store(shared(error)),
            other => Self::Refused(refusal_of(other.visitor_kind())),
        }
    }

    /// What a step that a phone makes ended with.
    pub(in crate::login) const fn of_step(problem: InvalidTransition) -> Self {
        match problem {
            InvalidTransition::Expired => Self::ScanExpired,
            _ => Self::ScanUsed,
        }
    }
}

impl From<BindError> for ClientError {
    fn from(problem: BindError) -> Self {
        match problem {
            BindError::Store(error) => Self::Store(error),
            // A new account where none may be made.
            BindError::Step(InvalidTransition::NotOffered) => Self::Refused(FlowRefusal::RegistrationClosed),
            BindError::Step(step) => step.into(),
            BindError::Disabled => Self::Refused(FlowRefusal::AccountDisabled),
            other => Self::Bind(other),
        }
    }
}

impl From<InvalidTransition> for ClientError {
    fn from(problem: InvalidTransition) -> Self {
        match problem {
            InvalidTransition::Expired => Self::FlowExpired,
            InvalidTransition::InProgress | InvalidTransition::Finished | InvalidTransition::Taken => {
                Self::FlowFinished
            }
            InvalidTransition::NotApproved => Self::NotApproved,
            InvalidTransition::NotOffered => Self::NotOffered,
            InvalidTransition::CodeSpent(_) | InvalidTransition::TooSoon { .. } => {
                Self::Bind(BindError::Step(problem))
            }
        }
    }
}
