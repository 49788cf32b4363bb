//! API answers as WeChat writes them: keys in its order, slashes escaped, status 200 whatever happened.
//!
//! The answer also rides along as a response extension, so that a fault can write it again, distorted.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use axum::response::IntoResponse;
use serde_json::Value;

/// One JSON answer of `sns/*`.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer(Vec<(&'static str, Value)>);

impl Answer {
    /// `{"errcode":…,"errmsg":…}`
    pub(super) fn error(errcode: i64, errmsg: String) -> Self {
        Self::default().with("errcode", errcode).with("errmsg", errmsg)
    }

    /// Adds a field at the end.
    #[must_use]
    pub(super) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    /// Adds a field at the end if there is a value.
    #[must_use]
    pub(super) fn with_some(self, key: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Changes every field.
    pub(super) fn map(&mut self, change: impl Fn(&str, &mut Value)) {
        for (key, value) in &mut self.0 {
            change(key, value);
        }
    }

    /// The JSON text, with `/` written as `\/`.
    pub(super) fn text(&self) -> String {
        let fields: Vec<_> =
            self.0.iter().map(|(key, value)| format!("{}:{value}", Value::from(*key))).collect();
        // JSON has slashes only inside strings, so all of them may be escaped blindly.
        format!("{{{}}}", fields.join(",")).replace('/', "\\/")
    }
}

/// A body with WeChat's content type for `sns/*`: `text/plain` without a charset, though it is UTF-8 JSON.
pub(super) fn text_plain(body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response<Body> {
        let mut response = text_plain(self.text());
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_slashes_are_escaped_and_unicode_stays_raw() {
        let answer = Answer::default()
            .with("openid", "o1")
            .with("nickname", "李娜🌸\"")
            .with("sex", 0)
            .with("headimgurl", "https://x/0")
            .with_some("unionid", None::<String>);
        assert_eq!(
            answer.text(),
            r#"{"openid":"o1","nickname":"李娜🌸\"","sex":0,"headimgurl":"https:\/\/x\/0"}"#
        );
    }
}
