//! Which errors each call may be answered with, as responses of the document: one for each status, one example for each
//! code.
//!
//! The acceptance tests hold every answer they get to these lists, so a code that is missing here is found.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::{
    Content, ContentBuilder, Header, HeaderBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr,
    Response as Described, ResponseBuilder, Schema,
};
use utoipa::{IntoResponses, ToSchema};

use super::shapes::{PendingAnswer, TokenAnswer};
use crate::pages::ErrorCode::{self, *};
use crate::pages::Lang;

/// Any call.
const ALWAYS: &[ErrorCode] =
    &[BadRequest, NoRoute, RequestTimeout, HeaderTooLarge, TooMany, Internal, StoreDown];
/// A call with a body.
const BODY: &[ErrorCode] = &[UnsupportedMediaType, TooLarge];
/// A call with a part of its path that the client fills in.
const PATH: &[ErrorCode] = &[AmbiguousPath];
/// A call that names a method.
const METHOD: &[ErrorCode] = &[UnknownMethod, WrongMethod];
/// A call that needs a token.
const BEARER: &[ErrorCode] = &[LoginRequired, SessionExpired];
/// A call whose code WeChat is asked about.
const CODE: &[ErrorCode] =
    &[CodeUsed, CodeRejected, WechatUnavailable, WechatBusy, WechatRefused, Misconfigured];
/// What proves a person, with all that it may hold.
const PROOF: &[ErrorCode] = &[PhoneCodeRejected, EncryptedDataRejected, NonceUnknown];
/// A call that answers for a login elsewhere.
const TICKET: &[ErrorCode] = &[TicketUnknown, ScanCodeUsed, ScanCodeExpired];
/// A call that ends in an account.
const ACCOUNT: &[ErrorCode] =
    &[AccountDisabled, RegistrationClosed, NoMatch, AccountHasWechat, SeveralAccounts];
/// What the return of an app may meet besides.
const REDEEM: &[ErrorCode] =
    &[TicketUnknown, VerifierWrong, FlowNotApproved, ReturnCodeWrong, FlowExpired, FlowFinished, Denied];
/// What an answer to a question may meet besides.
const QUESTION: &[ErrorCode] = &[FlowExpired, ForeignBrowser, FlowFinished];
/// What proves an account, and what is wrong with it.
const CLAIM: &[ErrorCode] = &[WrongProof, CodeExpired, Locked, ProofNotOffered, ProofUnavailable];
/// What keeps a code from being sent.
const SENDING: &[ErrorCode] = &[CodeTooSoon, TooManyCodes, AddressInvalid, ProofNotOffered, ProofUnavailable];

macro_rules! troubles {
    ($($(#[$doc:meta])* $name:ident = $answers:ident [$($codes:expr),*];)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Described>> {
                $answers([ALWAYS, $($codes),*].concat())
            }
        }
    )*};
}

troubles! {
    /// `api/begin/{method}`.
    OfBegin = errors [PATH, BODY, METHOD];
    /// `api/login/{method}`, with its answers.
    OfLogin = logged_in [PATH, BODY, METHOD, CODE, PROOF, ACCOUNT];
    /// `api/attach/{method}`.
    OfAttach = errors [PATH, BODY, METHOD, CODE, PROOF, BEARER, &[AccountDisabled, IdentityTaken, HasAnother]];
    /// `api/flow/{flow}/choose`, with its answers.
    OfChoose = logged_in [PATH, BODY, QUESTION, &[AccountNotOffered], ACCOUNT];
    /// `api/flow/{flow}/bind`, with its answers.
    OfBind = logged_in [PATH, BODY, QUESTION, CLAIM, ACCOUNT, &[IdentityTaken]];
    /// `api/flow/{flow}/create`, with its answers.
    OfCreate = logged_in [PATH, BODY, QUESTION, ACCOUNT];
    /// `api/flow/{flow}/send_code`.
    OfSendCode = errors [PATH, BODY, QUESTION, SENDING];
    /// `api/logout`.
    OfLogout = errors [BEARER];
    /// `api/account`.
    OfAccount = errors [BEARER, &[AccountDisabled]];
    /// `api/account/wechats/remove`.
    OfRemove = errors [BODY, BEARER, &[AccountDisabled, LastWechat, WechatUnknown]];
    /// `api/account/sessions/end`.
    OfEnd = errors [BODY, BEARER, &[AccountDisabled, SessionUnknown]];
    /// `api/scan` and `api/reject`.
    OfScan = errors [BODY, CODE, TICKET];
    /// `api/confirm`.
    OfConfirm = errors [BODY, CODE, TICKET, &[PhoneCodeRejected]];
    /// `api/launch`.
    OfLaunch = errors [BODY, METHOD, &[Misconfigured]];
    /// `api/account/phone`.
    OfPhone = errors [BODY, BEARER, &[SmsOff, CodeNotSent, TooManyCodes]];
    /// `api/account/phone/verify`.
    OfVerify = errors [BODY, BEARER, &[CodeWrong, CodeExpired, PhoneTaken, AccountDisabled]];
    /// `api/redeem`, with its answers.
    OfRedeem = logged_in [BODY, REDEEM, ACCOUNT];
}

/// One response for each status.
fn errors(codes: Vec<ErrorCode>) -> BTreeMap<String, RefOr<Described>> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status().as_u16()).or_default().push(code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| {
            let content = error_content(&codes, Ref::from_schema_name("Error").into());
            let mut response =
                ResponseBuilder::new().description(list(&codes)).content("application/json", content);
            if matches!(status, 429 | 503) {
                response = response.header("Retry-After", retry_after());
            }
            if status == 401 {
                response = response.header("WWW-Authenticate", challenge());
            }
            (status.to_string(), RefOr::T(response.build()))
        })
        .collect()
}

/// The same, with the two good ends of a login.
fn logged_in(codes: Vec<ErrorCode>) -> BTreeMap<String, RefOr<Described>> {
    let conflicts: Vec<_> = codes.iter().copied().filter(|code| code.status().as_u16() == 409).collect();
    let mut responses = errors(codes);
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(TokenAnswer::name()))).build();
    let signed_in = ResponseBuilder::new().description("Logged in.").content("application/json", content);
    responses.insert("200".into(), RefOr::T(signed_in.build()));
    let choices = OneOfBuilder::new()
        .item(Ref::from_schema_name(PendingAnswer::name()))
        .item(Ref::from_schema_name("Error"))
        .build();
    let content = error_content(&conflicts, RefOr::T(Schema::OneOf(choices)));
    let description = format!(
        "No error, if the body has `pending`: `choose` (several accounts fit, and the call choose takes one of \
         them) or `bind` (nobody is known by this WeChat: the calls bind and create). Otherwise:\n\n{}",
        list(&conflicts)
    );
    let asked = ResponseBuilder::new().description(description).content("application/json", content);
    responses.insert("409".into(), RefOr::T(asked.build()));
    responses
}

fn error_content(codes: &[ErrorCode], schema: RefOr<Schema>) -> Content {
    let example = |code: &ErrorCode| (code.as_str(), RefOr::Ref(Ref::new(example_of(*code))));
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(codes.iter().map(example)).build()
}

fn example_of(code: ErrorCode) -> String {
    format!("#/components/examples/{}", code.as_str())
}

/// The codes with a few words each.
fn list(codes: &[ErrorCode]) -> String {
    let mut list = String::new();
    for code in codes {
        // Writing to a text cannot fail.
        let _ = writeln!(list, "* `{}`: {}.", code.as_str(), code.words(Lang::En).title);
    }
    list
}

fn retry_after() -> Header {
    let seconds =
        ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::Integer).minimum(Some(1)).build();
    HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some("After how many seconds the call may be made again."))
        .build()
}

fn challenge() -> Header {
    let text = ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String).build();
    HeaderBuilder::new()
        .schema(Some(text))
        .description(Some(
            "`Bearer`, with `error=\"invalid_token\"` where there was a session that ended (RFC 6750).",
        ))
        .build()
}

/// An answer with each code.
pub(super) fn examples() -> impl Iterator<Item = (String, RefOr<Example>)> {
    ErrorCode::ALL.iter().filter(|code| code.is_of_the_api()).map(|code| {
        let value = json!({
            "error": code.as_str(), "message": code.words(Lang::En).message, "retryable": code.retryable(),
            "request_id": "01k9z3c4e5f6g7h8j9kam0n1p2",
        });
        let example = ExampleBuilder::new().summary(code.words(Lang::En).title).value(Some(value)).build();
        (code.as_str().to_owned(), RefOr::T(example))
    })
}
