//! Why a call was not done, as the client reads it: one stable code, whether trying again helps, words for a person.

use axum::response::Response;

use crate::domain::FlowRefusal;
use crate::login::client::ClientError;
use crate::pages::ErrorCode;
use crate::portal::answer::Refused;
use crate::portal::bind;
use crate::portal::visitor::Visitor;

pub(super) fn refuse(visitor: &Visitor, error: ClientError) -> Response {
    let refused = match error {
        ClientError::Store(error) => Refused::Store(error),
        ClientError::TooMany { seconds } => return visitor.too_many(seconds),
        ClientError::Bind(problem) => match bind::trouble(problem) {
            Ok((code, Some(seconds))) => return visitor.refuse_for(code, seconds),
            Ok((code, None)) => code.into(),
            Err(refused) => refused,
        },
        other => Refused::from(code_of(&other)),
    };
    visitor.refuse(refused)
}

fn code_of(error: &ClientError) -> ErrorCode {
    match error {
        ClientError::Store(_) | ClientError::Busy => ErrorCode::StoreDown,
        ClientError::TooMany { .. } => ErrorCode::TooMany,
        // Told above, each with its own.
        ClientError::Bind(_) => ErrorCode::WrongProof,
        // For web pages alone, as far as WeChat documents; a client could do nothing else about them.
        ClientError::Refused(FlowRefusal::Snapshot | FlowRefusal::MustFollow) => ErrorCode::WechatRefused,
        ClientError::Refused(reason) => (*reason).into(),
        ClientError::CodeUsed => ErrorCode::CodeUsed,
        ClientError::PhoneCode => ErrorCode::PhoneCodeRejected,
        ClientError::Encrypted(_) => ErrorCode::EncryptedDataRejected,
        ClientError::Nonce => ErrorCode::NonceUnknown,
        ClientError::UnknownMethod => ErrorCode::UnknownMethod,
        ClientError::WrongMethod => ErrorCode::WrongMethod,
        ClientError::Ticket => ErrorCode::TicketUnknown,
        ClientError::ScanUsed => ErrorCode::ScanCodeUsed,
        ClientError::ScanExpired => ErrorCode::ScanCodeExpired,
        ClientError::NotApproved => ErrorCode::FlowNotApproved,
        ClientError::Verifier => ErrorCode::VerifierWrong,
        ClientError::ReturnCode => ErrorCode::ReturnCodeWrong,
        ClientError::NotYours => ErrorCode::ForeignBrowser,
        ClientError::NotOffered => ErrorCode::AccountNotOffered,
        ClientError::FlowExpired => ErrorCode::FlowExpired,
        ClientError::FlowFinished => ErrorCode::FlowFinished,
        ClientError::IdentityTaken => ErrorCode::IdentityTaken,
        ClientError::HasAnother => ErrorCode::HasAnother,
    }
}
