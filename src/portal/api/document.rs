//! The OpenAPI document of the JSON API: made from the handlers, their shapes and the one table of error codes.
//!
//! Says nothing that the code does not do: a path that is not here is not served, a code that is not in the table is
//! never answered.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, ObjectBuilder, OpenApi, RefOr, Schema, ServerBuilder};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};

use super::shapes::{AccountShape, PendingAnswer, TokenAnswer};
use super::troubles;
use crate::pages::{ErrorCode, Lang};
use crate::portal::answer::Answer;
use crate::portal::visitor::Visitor;

/// How a client proves that it is logged in.
pub(super) const BEARER: &str = "bearer";

/// Calls by which a client logs its own user in and out.
pub(super) const CLIENTS: &str = "login";
/// Calls by which a user looks after their own account.
pub(super) const ACCOUNTS: &str = "account";
/// Calls by which a mini program answers for a login elsewhere.
pub(super) const ANSWERS: &str = "confirmation";
/// Calls by which a native app logs in through a mini program.
pub(super) const LAUNCHES: &str = "launch";
/// Calls by which a client sees to its own user's account.
pub(super) const ACCOUNT: &str = "account";

const ABOUT: &str = "\
Logs the users of apps and mini programs in through WeChat, and lets a mini program confirm a login that began elsewhere.

* Every call is a POST, but for GET of account. Bodies are JSON objects of at most 64 KiB, sent as `application/json`; fields that are not known \
are ignored. Every answer but 204 is JSON.
* Which calls go with a configured method depends on its kind: `mini_program`: login, attach. `mobile_app`: begin, login, \
attach. `app_launch`: launch, redeem. Logins of `mini_program_scan` and `app_launch` are answered with scan, confirm and \
reject.
* An app behind the gateway may ask for a verified phone number: its calls are then refused with 403 and `phone_required`. \
account/phone and account/phone/verify prove one by SMS; a login with `phone_code` brings one too.
* A token is sent as `Authorization: Bearer …`, to this API and to the apps behind the gateway. It is good at the host it \
was got at. `GET` of `../userinfo` with it tells who is logged in.
* Errors are told from each other by `error`, never by `message`; the schema ErrorCode lists all of them. With 429 and 503 \
comes `Retry-After`, in seconds. A path that does not exist is `not_found`, another method than the call's `method_not_allowed`.
* Codes of WeChat are taken once. Where an answer was lost, a new code of `wx.login` or of the Open SDK begins the call \
anew.
* Times are unix seconds, spans are seconds. Fields may be added to answers; none will change.";

/// What the document is about.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Menshen", description = ABOUT),
    tags(
        (name = CLIENTS, description = "A mini program or native app logs its own user in and out."),
        (name = ACCOUNTS, description = "A user sees and changes who can log in to their account, and where it is logged in."),
        (name = ANSWERS, description = "A mini program answers for a login that waits in a browser or app."),
        (name = LAUNCHES, description = "A native app logs its user in through a mini program."),
        (name = ACCOUNT, description = "A client that is logged in sees to its user's account."),
    ),
    components(schemas(Trouble, TokenAnswer, PendingAnswer, AccountShape))
)]
struct About;

/// The document before the paths are known.
pub(super) fn about() -> OpenApi {
    let mut document = About::openapi();
    let components = document.components.get_or_insert_with(Components::new);
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some("The `token` that a login was answered with.".into());
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    components.examples.extend(troubles::examples());
    document
}

/// The document of every gateway, without its address.
static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(|| super::router().into_openapi());

/// `GET api/openapi.json`.
pub(super) async fn document(visitor: Visitor) -> Answer {
    let mut document = DOCUMENT.clone();
    // A token is for the host it was got at, so that is the host which is named.
    let origin = visitor.snapshot.site.hosts.origin_of(&visitor.host);
    let address = format!("{}{}", origin.origin().ascii_serialization(), visitor.own("api"));
    document.servers = Some(vec![ServerBuilder::new().url(address).build()]);
    let text = document.to_json().map_err(|error| refused(&visitor, &error))?;
    Ok(visitor.json(StatusCode::OK, text))
}

fn refused(visitor: &Visitor, error: &serde_json::Error) -> Response {
    tracing::error!(%error, "the API document has no JSON form");
    visitor.refuse(ErrorCode::Internal)
}

/// Every error: a stable code, words for a person, and whether the same call, or a new attempt, may succeed later.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct Trouble {
    /// What went wrong.
    error: Code,
    /// For a person, in Chinese or English, by `Accept-Language`; with `bad_request`, for whoever wrote the client.
    message: String,
    /// Whether trying again may help.
    retryable: bool,
    /// Names the call in the operator's logs.
    request_id: String,
}

/// The codes, with what each means.
#[derive(Debug, Serialize)]
struct Code;

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let mut table = String::from(
            "What went wrong. Codes may be added; a client treats one it does not know by its status and `retryable`.\n\n\
             | code | status | retryable | meaning |\n|---|---|---|---|\n",
        );
        let codes = || ErrorCode::ALL.iter().filter(|code| code.is_of_the_api());
        for code in codes() {
            let meaning = code.words(Lang::En).message;
            let (status, retryable) = (code.status().as_u16(), code.retryable());
            // Writing to a text cannot fail.
            let _ = writeln!(table, "| `{}` | {status} | {retryable} | {meaning} |", code.as_str());
        }
        let schema = ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(codes().map(|code| code.as_str())))
            .description(Some(table));
        RefOr::T(Schema::Object(schema.build()))
    }
}

impl ToSchema for Code {
    fn name() -> std::borrow::Cow<'static, str> {
        "ErrorCode".into()
    }
}
