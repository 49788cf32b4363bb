//! The answer of an upstream as the visitor gets it.
//!
//! Nothing of the app's is taken away, except a cookie in our name: only our own pages set those.

use http::HeaderValue;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use pingora::http::ResponseHeader;

use super::answer::X_REQUEST_ID;
use crate::gate::Cookies;

/// Removes what an app must not set and adds the request's id.
pub(super) fn rewrite(
    response: &mut ResponseHeader,
    cookies: &Cookies,
    request_id: &HeaderValue,
) -> pingora::Result<()> {
    let ours = |value: &HeaderValue| cookies.names().iter().any(|name| sets(value, name));
    if response.headers.get_all(SET_COOKIE).iter().any(ours) {
        let kept: Vec<HeaderValue> =
            response.headers.get_all(SET_COOKIE).iter().filter(|value| !ours(value)).cloned().collect();
        response.remove_header(&SET_COOKIE);
        for value in kept {
            response.append_header(SET_COOKIE, value)?;
        }
        tracing::warn!("an app tried to set a cookie of the gateway's name; it was left out");
    }
    response.insert_header(X_REQUEST_ID, request_id.clone())
}

/// Whether a `Set-Cookie` line is about the cookie `name`.
fn sets(line: &HeaderValue, name: &str) -> bool {
    let end = line.as_bytes().iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(line.len());
    line.as_bytes()[..end].trim_ascii() == name.as_bytes()
}

/// Whether an answer is a stream of events that goes on until somebody ends it.
pub(super) fn is_event_stream(response: &ResponseHeader) -> bool {
    const TYPE: &[u8] = b"text/event-stream";
    response.headers.get(CONTENT_TYPE).is_some_and(|value| {
        value.len() >= TYPE.len() && value.as_bytes()[..TYPE.len()].eq_ignore_ascii_case(TYPE)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_app_cannot_set_our_cookies_and_keeps_its_own() {
        let cookies = Cookies::new("menshen", false);
        let mut response = ResponseHeader::build(200, None).unwrap();
        for line in ["a=1; Path=/", "menshen=x; Path=/", " menshen =y", "menshen2=z", "menshen"] {
            response.append_header(SET_COOKIE, line).unwrap();
        }
        rewrite(&mut response, &cookies, &HeaderValue::from_static("r1")).unwrap();
        let left: Vec<_> = response.headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(left, ["a=1; Path=/", "menshen2=z"]);
        assert_eq!(response.headers["x-request-id"], "r1");
    }

    #[rstest::rstest]
    #[case("text/event-stream", true)]
    #[case("Text/Event-Stream; charset=utf-8", true)]
    #[case("text/plain", false)]
    fn an_event_stream_is_known_by_its_type(#[case] value: &str, #[case] expect: bool) {
        let mut response = ResponseHeader::build(200, None).unwrap();
        response.insert_header(CONTENT_TYPE, value).unwrap();
        assert_eq!(is_event_stream(&response), expect);
    }
}
