//! Failed calls to WeChat: who has to act, what the operator and the visitor are told.
//!
//! No error text holds an address, a secret, a code or a token; WeChat's own words are cleaned before they are kept.

use std::fmt;
use std::net::IpAddr;

use super::codes::{self, Action, Call, Credential};
use super::transport::NoAnswer;
use super::wire::{self, Unreadable};

/// A call to WeChat that did not succeed.
#[derive(Debug)]
pub struct Error {
    call: &'static Call,
    kind: Kind,
}

/// How a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Kind {
    /// Nothing was sent: the argument cannot be right.
    #[error("not sent: {0}")]
    Input(&'static str),
    /// No connection; nothing was sent.
    #[error("no connection")]
    Connect(#[source] reqwest::Error),
    /// The connection broke after the request may have been sent.
    #[error("the connection broke before the answer was complete")]
    Lost(#[source] reqwest::Error),
    /// No complete answer within the time for the whole call.
    #[error("no answer in time")]
    Timeout,
    /// An answer with this HTTP status and no WeChat error code; WeChat itself always answers 200.
    #[error("HTTP status {0} instead of an answer")]
    Status(u16),
    /// An answer that is not what the documents describe.
    #[error("the answer is not understood: {0}")]
    Unreadable(#[source] Unreadable),
    /// WeChat answered with an error code.
    #[error("{0}")]
    Refused(Refusal),
}

impl From<NoAnswer> for Kind {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::Connect(error) => Self::Connect(error),
            NoAnswer::Lost(error) => Self::Lost(error),
            NoAnswer::Timeout => Self::Timeout,
            NoAnswer::TooLarge => Self::Unreadable(Unreadable::TooLarge),
        }
    }
}

/// WeChat's answer to a call that it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `errcode`; not 0.
    pub code: i64,
    /// `errmsg`, cleaned of secrets and control characters and cut. For operators only: the wording is not stable.
    pub message: Box<str>,
    /// WeChat's identifier of the request, for its support and for `openapi/rid/get`.
    pub request_id: Option<Box<str>>,
}

impl Refusal {
    /// Cleans `message`, in which the values `hidden` must not appear.
    pub(super) fn new(code: i64, message: &str, hidden: &[&str]) -> Self {
        let message = wire::scrub(message, hidden);
        let request_id = wire::request_id(&message).map(Into::into);
        Self { code, message: message.into(), request_id }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeChat answered {}", self.code)?;
        if !self.message.is_empty() {
            write!(f, " ({})", self.message)?;
        }
        Ok(())
    }
}

/// What a visitor is told about a failed call; the words are the page's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitorKind {
    /// Begin the login again.
    AskAgain,
    /// Follow the official account, then begin again.
    MustFollow,
    /// WeChat cannot be asked just now; try later or another method.
    Unavailable,
    /// This method is not set up rightly; the operator has been told.
    Misconfigured,
    /// Too many logins just now.
    TooMany,
    /// WeChat does not let this person in (high-risk, frozen, gone).
    Refused,
}

impl Error {
    pub(super) const fn new(call: &'static Call, kind: Kind) -> Self {
        Self { call, kind }
    }

    /// Which call failed.
    pub const fn call(&self) -> &'static str {
        self.call.name
    }

    /// How it failed.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// WeChat's error code, if WeChat answered with one.
    pub const fn code(&self) -> Option<i64> {
        match &self.kind {
            Kind::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// WeChat's identifier of the request, if its answer named one.
    pub fn request_id(&self) -> Option<&str> {
        match &self.kind {
            Kind::Refused(refusal) => refusal.request_id.as_deref(),
            _ => None,
        }
    }

    /// Whether the code was exchanged before (40163): look up the first exchange's result by its `state`.
    pub const fn is_code_used(&self) -> bool {
        matches!(self.code(), Some(40163))
    }

    /// What to do.
    pub const fn action(&self) -> Action {
        match &self.kind {
            Kind::Input(_) => Action::AskAgain,
            Kind::Connect(_) => Action::Retry,
            Kind::Refused(refusal) => codes::action_for(refusal.code, self.call.credential),
            Kind::Status(429) => Action::RateLimit { wait: codes::MINUTE },
            Kind::Status(401 | 403) if self.is_endpoint() => Action::ConfigFault,
            // WeChat's answer to a ticket that it does not know, or no longer.
            Kind::Status(404) if matches!(self.call.credential, Credential::Ticket) => Action::AskAgain,
            // The code may have been spent on the answer that was lost; only a new one is sure to work.
            Kind::Lost(_) | Kind::Timeout | Kind::Status(500..) | Kind::Unreadable(_)
                if self.call.spends_code =>
            {
                Action::AskAgain
            }
            Kind::Lost(_) | Kind::Timeout | Kind::Status(500..) => Action::Retry,
            Kind::Status(_) | Kind::Unreadable(_) => Action::Fail,
        }
    }

    /// Whether the same call, with the same arguments, may succeed later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.action(), Action::Retry)
    }

    /// Whether the client may repeat the call at once.
    ///
    /// A call that spends a code is not idempotent: once the request may have been sent, a repeat after a lost answer
    /// can meet "code been used" (40163) and hide a login that WeChat counts as done. So it is repeated only when the
    /// connection was never made, or when WeChat itself said "busy, try again" (−1).
    pub(super) const fn may_repeat_now(&self) -> bool {
        match &self.kind {
            Kind::Connect(_) => true,
            Kind::Refused(refusal) => refusal.code == -1,
            Kind::Lost(_) | Kind::Status(500..) => !self.call.spends_code,
            _ => false,
        }
    }

    /// Whether WeChat may have acted on the request, although it is not known to have.
    pub(super) const fn may_have_arrived(&self) -> bool {
        matches!(self.kind, Kind::Lost(_) | Kind::Timeout | Kind::Status(500..))
    }

    /// Whether the server token of the call is dead: fetch a new one, then call once more.
    pub const fn wants_new_token(&self) -> bool {
        matches!(self.action(), Action::RefreshToken)
    }

    /// What the visitor is told.
    pub const fn visitor_kind(&self) -> VisitorKind {
        if !matches!(self.kind, Kind::Refused(_) | Kind::Input(_) | Kind::Status(..500)) {
            return VisitorKind::Unavailable;
        }
        match self.action() {
            Action::AskAgain => VisitorKind::AskAgain,
            Action::AskToFollow => VisitorKind::MustFollow,
            Action::ConfigFault => VisitorKind::Misconfigured,
            Action::RateLimit { .. } => VisitorKind::TooMany,
            Action::Fail if matches!(self.code(), Some(40226 | 46004 | 50002)) => VisitorKind::Refused,
            Action::Retry | Action::RefreshToken | Action::Fail => VisitorKind::Unavailable,
        }
    }

    const fn is_endpoint(&self) -> bool {
        matches!(self.call.credential, Credential::Endpoint)
    }

    /// What the operator should do, if there is anything to do. Names the IP address to whitelist when WeChat did.
    pub fn operator_hint(&self) -> Option<String> {
        match &self.kind {
            Kind::Refused(refusal) => {
                let hint = codes::hint(refusal.code, self.call.credential)?;
                let seen = codes::names_caller_ip(refusal.code).then(|| wire::first_ip(&refusal.message)).flatten();
                Some(seen.map_or_else(|| hint.into(), |ip: IpAddr| format!("{hint} (WeChat sees {ip})")))
            }
            Kind::Input(_) => None,
            Kind::Status(401 | 403) if self.is_endpoint() => {
                Some("the token server does not believe us: check the app's `token_endpoint_secret`".into())
            }
            _ if self.is_endpoint() => Some(
                "the operator's own token server does not answer as it should: check the app's `token_endpoint`"
                    .into(),
            ),
            Kind::Status(404) if matches!(self.call.credential, Credential::Ticket) => None,
            Kind::Connect(_) | Kind::Lost(_) | Kind::Timeout => {
                Some("WeChat cannot be reached: check this machine's network, DNS and firewall".into())
            }
            Kind::Status(_) | Kind::Unreadable(_) => Some(
                "something other than WeChat's API seems to answer: check the addresses in [wechat] and any proxy \
                 in between"
                    .into(),
            ),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call.name, self.kind)
    }
}

impl std::error::Error for Error {
    // `Display` has already said what the kind says, so a chain goes on below it.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.kind.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    static ONCE: Call = Call { name: "exchange", credential: Credential::AppSecret, spends_code: true };
    static OFTEN: Call = Call { name: "profile", credential: Credential::UserToken, spends_code: false };

    fn refused(call: &'static Call, code: i64, message: &str) -> Error {
        Error::new(call, Kind::Refused(Refusal::new(code, message, &["s3cr3t-value"])))
    }

    #[test]
    fn a_lost_answer_to_a_spent_code_is_never_repeated() {
        for kind in [Kind::Timeout, Kind::Status(502), Kind::Unreadable(Unreadable::TooLarge)] {
            let error = Error::new(&ONCE, kind);
            assert!(!error.may_repeat_now() && !error.is_retryable(), "{error}");
            assert_eq!(error.action(), Action::AskAgain);
            assert_eq!(error.visitor_kind(), VisitorKind::Unavailable);
        }
        assert!(Error::new(&OFTEN, Kind::Status(502)).may_repeat_now());
        assert!(Error::new(&OFTEN, Kind::Timeout).is_retryable());
        assert!(refused(&ONCE, -1, "system error").may_repeat_now());
        assert!(!refused(&OFTEN, 45011, "").may_repeat_now());
    }

    #[rstest]
    #[case(40029, VisitorKind::AskAgain)]
    #[case(40125, VisitorKind::Misconfigured)]
    #[case(45011, VisitorKind::TooMany)]
    #[case(43004, VisitorKind::MustFollow)]
    #[case(40226, VisitorKind::Refused)]
    #[case(40003, VisitorKind::Unavailable)]
    #[case(-1, VisitorKind::Unavailable)]
    fn the_visitor_is_told_what_they_can_do(#[case] code: i64, #[case] expected: VisitorKind) {
        assert_eq!(refused(&ONCE, code, "").visitor_kind(), expected);
    }

    #[rstest]
    #[case(
        40164,
        "invalid ip 122.224.238.125 ipv6 ::ffff:122.224.238.125, not in whitelist rid: 63252e6b-7c87ebbe-4f8ad7d0",
        "122.224.238.125"
    )]
    #[case(
        61004,
        "access clientip is not registered requestIP: 58.101.200.168 rid: 63252e6b-7c87ebbe-4f8ad7d0",
        "58.101.200.168"
    )]
    #[case(40164, "invalid ip 2001:db8::7, not in whitelist", "2001:db8::7")]
    fn the_hint_names_the_address_to_whitelist(#[case] code: i64, #[case] message: &str, #[case] ip: &str) {
        let hint = refused(&ONCE, code, message).operator_hint().unwrap_or_default();
        assert!(hint.contains("whitelist") && hint.ends_with(&format!("(WeChat sees {ip})")), "{hint}");
    }

    #[test]
    fn an_error_names_call_code_and_request_but_no_secret() {
        let error = refused(&ONCE, 40029, "invalid code s3cr3t-value, hints: [ req_id: 1foBSgMre-Hz ]");
        assert_eq!(error.request_id(), Some("1foBSgMre-Hz"));
        assert_eq!(error.code(), Some(40029));
        let text = error.to_string();
        assert!(text.starts_with("exchange: WeChat answered 40029 (invalid code [hidden]"), "{text}");
        assert!(!format!("{error:?}").contains("s3cr3t"));
        assert!(refused(&ONCE, 40163, "").is_code_used());
    }
}
