//! The OpenAPI document of the JSON API: made from the handlers, their shapes and the one table of error codes.
//!
//! Says nothing that the code does not do: a path that is not here is not served, a code that is not in the table is
//! never answered.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, ObjectBuilder, OneOfBuilder, OpenApi, Ref, RefOr, Response as Described,
    ResponseBuilder, Schema, ServerBuilder,
};
use utoipa::{IntoResponses, OpenApi as _, PartialSchema, ToSchema};

use super::shapes::{AccountShape, PendingAnswer, TokenAnswer};
use crate::pages::{ErrorCode, Lang};
use crate::portal::Portal;
use crate::portal::answer::Answer;
use crate::portal::visitor::Visitor;

/// How a client proves that it is logged in.
pub(super) const BEARER: &str = "bearer";

/// What the document is about.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Menshen",
        description = "Logs the users of apps and mini programs in through WeChat, and lets a mini program confirm a \
                       login that began elsewhere. Bodies are JSON of at most 64 KiB; unknown fields are ignored. A \
                       token is sent as `Authorization: Bearer …`, here and to the apps behind the gateway. It is for \
                       the host it was got at."
    ),
    components(schemas(Trouble, TokenAnswer, PendingAnswer, AccountShape))
)]
struct About;

/// The document before the paths are known.
pub(super) fn about() -> OpenApi {
    let mut document = About::openapi();
    let components = document.components.get_or_insert_with(Components::new);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(BEARER, bearer);
    document
}

/// `GET api/openapi.json`.
pub(super) async fn document(State(portal): State<Portal>, visitor: Visitor) -> Answer {
    let mut document = super::router().into_openapi();
    let address = visitor.snapshot.site.url("api");
    document.servers = Some(vec![ServerBuilder::new().url(address).build()]);
    drop(portal);
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
    /// For a person, in Chinese or English, by `Accept-Language`.
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
        let mut table = String::from("| code | status | retryable | meaning |\n|---|---|---|---|\n");
        for code in ErrorCode::ALL {
            let meaning = code.words(Lang::En).message;
            let (status, retryable) = (code.status().as_u16(), code.retryable());
            // Writing to a text cannot fail.
            let _ = writeln!(table, "| `{}` | {status} | {retryable} | {meaning} |", code.as_str());
        }
        let names = ErrorCode::ALL.iter().map(|code| code.as_str());
        let schema = ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(names))
            .description(Some(table));
        RefOr::T(Schema::Object(schema.build()))
    }
}

impl ToSchema for Code {
    fn name() -> std::borrow::Cow<'static, str> {
        "ErrorCode".into()
    }
}

/// What every call may be answered with besides its own answer: one entry for each status.
pub(super) struct Troubles;

impl IntoResponses for Troubles {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for code in ErrorCode::ALL.iter().filter(|code| code.is_of_the_api()) {
            by_status.entry(code.status().as_u16()).or_default().push(code.as_str());
        }
        let described = |codes: Vec<&str>| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
            ResponseBuilder::new()
                .description(format!("One of: {}.", codes.join(", ")))
                .content("application/json", content)
                .build()
        };
        by_status
            .into_iter()
            .map(|(status, codes)| (status.to_string(), RefOr::T(described(codes))))
            .collect()
    }
}

/// What a login may be answered with.
pub(super) struct LoggedIn;

impl IntoResponses for LoggedIn {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let json = |schema: RefOr<Schema>, description: String| {
            let content = ContentBuilder::new().schema(Some(schema)).build();
            RefOr::T(
                ResponseBuilder::new().description(description).content("application/json", content).build(),
            )
        };
        let mut responses = Troubles::responses();
        let token = RefOr::Ref(Ref::from_schema_name(TokenAnswer::name()));
        responses.insert("200".into(), json(token, "Logged in.".into()));
        let choices = OneOfBuilder::new()
            .item(Ref::from_schema_name(PendingAnswer::name()))
            .item(Ref::from_schema_name("Error"))
            .build();
        let errors = match responses.get("409") {
            Some(RefOr::T(described)) => described.description.clone(),
            _ => String::new(),
        };
        let description = format!("Several accounts fit: choose one of them. Or an error. {errors}");
        responses.insert("409".into(), json(RefOr::T(Schema::OneOf(choices)), description));
        responses
    }
}
