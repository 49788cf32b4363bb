//! The body of a call, read so that whoever wrote the client learns which field is wrong.
//!
//! Fields that we do not know are ignored; nothing of a body is ever logged or repeated in an answer.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;

use crate::pages::ErrorCode;
use crate::portal::Portal;
use crate::portal::answer::Refused;
use crate::portal::visitor::Visitor;

/// A body that was read as `T`.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Portal> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, portal: &Portal) -> Result<Self, Response> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        let visitor = visitor.expect("`prepare` is a layer around every route of the portal");
        let refuse = |code, detail| visitor.refuse(Refused::Code(code, detail));
        if !is_json(request.headers()) {
            return Err(refuse(ErrorCode::UnsupportedMediaType, None));
        }
        let bytes = Bytes::from_request(request, portal).await.map_err(|rejection: BytesRejection| {
            let large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
            refuse(if large { ErrorCode::TooLarge } else { ErrorCode::BadRequest }, None)
        })?;
        read(&bytes).map(Self).map_err(|problem| refuse(ErrorCode::BadRequest, Some(problem)))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Reads a body; the error names the field and what it should be, and repeats none of it.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    // An array of the fields' values would be read as if it named them.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err("The body is not what this call takes: it has to be a JSON object.".to_owned());
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner());
        if !inner.is_data() {
            return format!("The body is not JSON (line {}, column {}).", inner.line(), inner.column());
        }
        let expected = without_values(&inner.to_string());
        match path.as_str() {
            "." => format!("The body is not what this call takes: {expected}."),
            path => format!("The field `{path}` is not what this call takes: {expected}."),
        }
    })?;
    json.end().map_err(|_| "Something follows the JSON object in the body.".to_owned())?;
    Ok(value)
}

/// What serde says, without the values that it repeats and the place.
fn without_values(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(said, _)| said);
    match (message.find(": "), message.rfind(", expected ")) {
        (Some(start), Some(end)) if start < end => {
            // `invalid type: string "secret", expected …`: the kind of value stays, the value goes.
            let kind = message[start + 2..end].split([' ', '"', '`']).next().unwrap_or_default();
            format!("{}: {kind}{}", &message[..start], &message[end..])
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Shape {
        code: String,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[allow(dead_code, reason = "only read from JSON")]
        number: u32,
    }

    #[test]
    fn unknown_fields_are_ignored_and_a_missing_optional_one_is_none() {
        let shape: Shape = read(br#"{"code":"c","more":[1,{}]}"#).unwrap();
        assert!(shape.code == "c" && shape.inner.is_none());
    }

    #[rstest::rstest]
    #[case(
        r#"{"code":1}"#,
        "The field `code` is not what this call takes: invalid type: integer, expected a string."
    )]
    #[case(
        r#"{"code":"s","inner":{"number":"secret"}}"#,
        "The field `inner.number` is not what this call takes: invalid type: string, expected u32."
    )]
    #[case(
        r#"{"code":["secret at line 1, expected secret"]}"#,
        "The field `code` is not what this call takes: invalid type: sequence, expected a string."
    )]
    #[case(r#""secret at line secret""#, "")]
    #[case(r#"{}"#, "The body is not what this call takes: missing field `code`.")]
    #[case(r#"["secret"]"#, "The body is not what this call takes: it has to be a JSON object.")]
    #[case(r#" ["secret", null]"#, "The body is not what this call takes: it has to be a JSON object.")]
    #[case("secret", "The body is not JSON (line 1, column 1).")]
    #[case(r#"{"code":"c"} secret"#, "Something follows the JSON object in the body.")]
    #[case("", "The body is not JSON (line 1, column 0).")]
    fn what_is_wrong_is_named_and_no_value_is_repeated(#[case] body: &str, #[case] expected: &str) {
        let problem = read::<Shape>(body.as_bytes()).unwrap_err();
        assert!(!problem.contains("secret"), "{problem}");
        if !expected.is_empty() {
            assert_eq!(problem, expected);
        }
    }
}
