//! Trouble on demand: what a request can be made to meet, and how often.
//!
//! Only requests to WeChat's own paths meet faults; the phone page and the control API never do.

use std::collections::VecDeque;
use std::io;

use axum::body::{Body, Bytes};
use axum::http::Response;
use axum::response::IntoResponse as _;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, text_plain};
use crate::ground::Span;

/// One kind of trouble. As JSON: `"drop"`, `{"errcode": -1}`, `{"slow": "3s"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Answer this errcode (−1, 45009, 45011, 40243, …); on a browser page, show this error number.
    Errcode(i64),
    /// Answer correctly, but only after this long (at most a minute).
    Slow(Span),
    /// Close the connection without a byte of answer.
    Drop,
    /// Close the connection in the middle of the answer.
    Cut,
    /// Answer with this HTTP status and an HTML page, as a broken load balancer does.
    Http(u16),
    /// Answer 200 with bytes that are no JSON.
    Garbage,
    /// Put invalid UTF-8 and a raw control character into the nickname.
    BrokenNickname,
    /// Add fields nobody has documented.
    ExtraFields,
    /// Write every number as a string.
    NumbersAsStrings,
}

/// Faults that wait for their requests, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Faults(VecDeque<Planned>);

/// A fault, where it applies and how often still.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Planned {
    pub(super) path: String,
    pub(super) fault: Fault,
    pub(super) times: u32,
}

const MAX_PLANNED: usize = 256;

impl Faults {
    /// Plans `fault` for the next `times` requests to `path`; a path ending in `*` means all that begin so.
    pub(super) fn plan(&mut self, path: &str, fault: Fault, times: u32) {
        if self.0.len() == MAX_PLANNED {
            self.0.pop_front();
        }
        self.0.push_back(Planned { path: path.into(), fault, times });
    }

    /// What a request to `path` meets now; uses it up.
    pub(super) fn take(&mut self, path: &str) -> Option<Fault> {
        let at = self.0.iter().position(|planned| planned.times > 0 && matches(&planned.path, path))?;
        let planned = self.0.get_mut(at)?;
        planned.times -= 1;
        let fault = planned.fault.clone();
        self.0.retain(|planned| planned.times > 0);
        Some(fault)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn list(&self) -> Vec<Planned> {
        self.0.iter().cloned().collect()
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == path, |beginning| path.starts_with(beginning))
}

/// Marks a response that must never be sent: the connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub(super) struct HangUp;

impl Fault {
    /// What is answered instead of asking WeChat at all.
    pub(super) fn instead(&self) -> Option<Response<Body>> {
        match self {
            Self::Drop => {
                let mut response = Response::new(Body::empty());
                response.extensions_mut().insert(HangUp);
                Some(response)
            }
            Self::Http(status) => {
                let page = format!(
                    "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
                );
                let mut response = axum::response::Html(page).into_response();
                *response.status_mut() =
                    axum::http::StatusCode::from_u16(*status).unwrap_or(axum::http::StatusCode::BAD_GATEWAY);
                Some(response)
            }
            Self::Garbage => {
                Some(text_plain(Bytes::from_static(b"\x00\xff<xml>\xfe not json {\"access_token\":")))
            }
            _ => None,
        }
    }

    /// The right answer, written wrongly.
    pub(super) fn distort(&self, response: Response<Body>) -> Response<Body> {
        if *self == Self::Cut {
            return cut(response);
        }
        let Some(mut answer) = response.extensions().get::<Answer>().cloned() else { return response };
        match self {
            Self::BrokenNickname => {
                // The marker is replaced after writing, because no JSON writer lets such bytes through.
                answer.map(|key, value| {
                    if key == "nickname" {
                        *value = Value::from("坏@@名字");
                    }
                });
                text_plain(replace(answer.text().as_bytes(), b"@@", b"\xff\xc3\x28\x01"))
            }
            Self::ExtraFields => {
                let extra = json!({"list": [1, null, {"deep": "值"}], "errcode": 7});
                answer.with("field_of_tomorrow", extra).with("another", Value::Null).into_response()
            }
            Self::NumbersAsStrings => {
                answer.map(|_, value| {
                    if value.is_number() {
                        *value = Value::from(value.to_string());
                    }
                });
                answer.into_response()
            }
            _ => response,
        }
    }
}

fn replace(text: &[u8], marker: &[u8], with: &[u8]) -> Vec<u8> {
    let at = text.windows(marker.len()).position(|window| window == marker);
    at.map_or_else(|| text.to_vec(), |at| [&text[..at], with, &text[at + marker.len()..]].concat())
}

/// Sends the first bytes of a body, then fails, so the connection ends inside the answer.
fn cut(response: Response<Body>) -> Response<Body> {
    let (parts, _) = response.into_parts();
    let beginning = stream::once(async { Ok(Bytes::from_static(b"{\"access_tok")) });
    let end = stream::once(async {
        // Without a pause the beginning would be dropped unsent together with the connection.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Response::from_parts(parts, Body::from_stream(beginning.chain(end)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn faults_are_used_up_in_order_and_only_on_their_path() {
        let mut faults = Faults::default();
        faults.plan("/sns/userinfo", Fault::Errcode(-1), 2);
        faults.plan("/sns/*", Fault::Drop, 1);
        assert_eq!(faults.take("/connect/qrconnect"), None);
        assert_eq!(faults.take("/sns/userinfo"), Some(Fault::Errcode(-1)));
        assert_eq!(faults.take("/sns/auth"), Some(Fault::Drop));
        assert_eq!(faults.take("/sns/auth"), None);
        assert_eq!(faults.take("/sns/userinfo"), Some(Fault::Errcode(-1)));
        assert_eq!(faults.take("/sns/userinfo"), None);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn the_list_of_planned_faults_is_bounded() {
        let mut faults = Faults::default();
        for _ in 0..1000 {
            faults.plan("/sns/auth", Fault::Drop, 1);
        }
        assert_eq!(faults.list().len(), MAX_PLANNED);
    }

    #[test]
    fn faults_are_written_as_short_json() {
        let read = |text| serde_json::from_str::<Fault>(text).unwrap();
        assert_eq!(read(r#""drop""#), Fault::Drop);
        assert_eq!(read(r#"{"errcode":-1}"#), Fault::Errcode(-1));
        assert_eq!(read(r#"{"slow":"3s"}"#), Fault::Slow(Span::from_secs(3)));
    }
}
