//! Why there is no server token, or why the call with it failed.
//!
//! Never holds a token, a secret or an address with a query.

use std::sync::Arc;

use super::row::Fault;
use crate::store::StoreError;
use crate::wechat::{self, VisitorKind};

/// A call that needs a server token, and failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The call was made and failed.
    #[error("{0}")]
    Wechat(#[source] wechat::Error),
    /// There is no token: a fault that this or another process met and that everybody shares, so that WeChat is
    /// asked once. It was logged where it was met.
    #[error("no server token: {message}")]
    Shared {
        /// What happened, for operators.
        message: String,
        /// What the operator should do.
        hint: Option<String>,
        /// What the visitor is told.
        visitor: VisitorKind,
    },
    /// The store gives no answer, so nobody knows who has the token; WeChat was not asked.
    #[error("no server token, because the store does not answer")]
    Store(#[source] Arc<StoreError>),
}

/// An outage that several callers met at once, as the one of each.
pub(in crate::login) fn shared(error: Arc<StoreError>) -> StoreError {
    StoreError::Unavailable { doing: "sharing a server token", source: Box::new(error) }
}

impl TokenError {
    /// What the visitor is told.
    pub const fn visitor_kind(&self) -> VisitorKind {
        match self {
            Self::Wechat(error) => error.visitor_kind(),
            Self::Shared { visitor, .. } => *visitor,
            Self::Store(_) => VisitorKind::Unavailable,
        }
    }

    /// What the operator should do, if there is anything to do.
    pub fn operator_hint(&self) -> Option<String> {
        match self {
            Self::Wechat(error) => error.operator_hint(),
            Self::Shared { hint, .. } => hint.clone(),
            Self::Store(_) => None,
        }
    }
}

/// Why a look at the row gave no token; everybody who waited for the look gets it.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Fault(Fault),
    Store(Arc<StoreError>),
    /// Another process fetches, and for too long.
    Late,
    /// The task that looked is gone: this process stops.
    Gone,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<Failure> for TokenError {
    fn from(failure: Failure) -> Self {
        let unavailable = |message: &str| Self::Shared {
            message: message.into(),
            hint: None,
            visitor: VisitorKind::Unavailable,
        };
        match failure {
            Failure::Fault(Fault { message, hint, visitor, .. }) => Self::Shared { message, hint, visitor },
            Failure::Store(error) => Self::Store(error),
            Failure::Late => unavailable("fetching it takes too long"),
            Failure::Gone => unavailable("this process is stopping"),
        }
    }
}
