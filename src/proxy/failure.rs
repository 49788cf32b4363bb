//! From pingora's errors to what a visitor is told.

use pingora::{Error, ErrorSource, ErrorType};

use crate::pages::ErrorCode;

/// What to answer; `None` if there is nobody left to answer.
pub(super) fn code_of(error: &Error) -> Option<ErrorCode> {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, HTTPStatus, ReadError, ReadTimedout, TLSHandshakeTimedout,
        WriteError, WriteTimedout,
    };
    match (error.esource(), error.etype()) {
        (_, HTTPStatus(413)) => Some(ErrorCode::TooLarge),
        (_, HTTPStatus(502)) => Some(ErrorCode::UpstreamDown),
        (ErrorSource::Upstream, ConnectTimedout | TLSHandshakeTimedout | ReadTimedout | WriteTimedout) => {
            Some(ErrorCode::UpstreamTimeout)
        }
        (ErrorSource::Upstream, _) => Some(ErrorCode::UpstreamDown),
        (ErrorSource::Downstream, ReadError | WriteError | ConnectionClosed | WriteTimedout) => None,
        (ErrorSource::Downstream, ReadTimedout) => Some(ErrorCode::RequestTimeout),
        // The request turned out to be none while its body was read or its hop-by-hop headers were looked at.
        (ErrorSource::Downstream, _) => Some(ErrorCode::BadRequest),
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(ErrorCode::Internal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(ErrorSource::Upstream, ErrorType::ConnectRefused, Some(ErrorCode::UpstreamDown))]
    #[case(ErrorSource::Upstream, ErrorType::ConnectTimedout, Some(ErrorCode::UpstreamTimeout))]
    #[case(ErrorSource::Upstream, ErrorType::ReadTimedout, Some(ErrorCode::UpstreamTimeout))]
    #[case(ErrorSource::Upstream, ErrorType::InvalidHTTPHeader, Some(ErrorCode::UpstreamDown))]
    #[case(ErrorSource::Downstream, ErrorType::ConnectionClosed, None)]
    #[case(ErrorSource::Downstream, ErrorType::InvalidHTTPHeader, Some(ErrorCode::BadRequest))]
    #[case(ErrorSource::Downstream, ErrorType::HTTPStatus(413), Some(ErrorCode::TooLarge))]
    #[case(ErrorSource::Internal, ErrorType::InternalError, Some(ErrorCode::Internal))]
    fn every_failure_has_one_answer(
        #[case] source: ErrorSource,
        #[case] kind: ErrorType,
        #[case] code: Option<ErrorCode>,
    ) {
        let mut error = Error::new(kind);
        error.esource = source;
        assert_eq!(code_of(&error), code);
    }
}
