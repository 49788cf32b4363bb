//! What a login page that shows a code asks for: how far it is (as events, or as JSON), WeChat's picture of the code,
//! and to go on once somebody has agreed.
//!
//! All of it is for the browser that began the flow and for no other.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::answer::Answer;
use super::visitor::Visitor;
use super::{Portal, callback};
use crate::domain::FlowId;
use crate::ground::{Span, Token};
use crate::login::{Login, NotWatching, Progress, STEP_ASIDE, Seen, Watching};
use crate::pages::ErrorCode;

/// How often a stream shows that it lives; proxies in between cut what is silent for longer.
const BEAT: Duration = Duration::from_secs(15);

/// A comment, which browsers skip.
const SIGN_OF_LIFE: Bytes = Bytes::from_static(b": \n\n");

/// The shortest wait for the end of a flow, so that two clocks that disagree make no busy loop.
const AT_LEAST: Duration = Duration::from_millis(50);

/// After which time a browser opens a stream anew, in milliseconds. All of them lose it at once when a process stops,
/// and shall not all come back at once.
const RETRY_MS: std::ops::Range<u32> = 2000..5000;

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    flow: String,
    #[serde(default)]
    ticket: String,
}

/// How far a login is, as the page reads it. The shape is part of the interface.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Told<'a> {
    state: &'static str,
    /// Seconds until it is too late.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn json(progress: &'a Progress, left: Span, finish: &'a str) -> String {
        let (state, name, avatar) = match progress {
            Progress::Waiting => ("waiting", None, None),
            Progress::Scanned { name, avatar } => ("scanned", name.as_deref(), avatar.as_deref()),
            Progress::Approved => ("approved", None, None),
            Progress::Refused => ("refused", None, None),
            Progress::Expired => ("expired", None, None),
        };
        let finish = Some(finish).filter(|_| *progress == Progress::Approved);
        let told = Told { state, expires_in: left.secs(), name, avatar, finish };
        serde_json::to_string(&told).expect("texts and numbers have a JSON form")
    }
}

/// `GET flow/state`.
pub(super) async fn state(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(which): Query<Which>,
) -> Answer {
    let (id, progress, left) = look(&portal, &visitor, &which).await?;
    let told = Told::json(&progress, left, &finish_path(&visitor, &id));
    Ok(visitor.json(StatusCode::OK, told))
}

/// `GET flow/events`.
pub(super) async fn events(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(which): Query<Which>,
) -> Answer {
    // A foreign browser learns nothing, and takes no place among those who wait.
    let (id, ..) = look(&portal, &visitor, &which).await?;
    let watching = portal.login.wait_for(&id).map_err(|why| match why {
        NotWatching::TooMany => visitor.too_many(BEAT.as_secs()),
        NotWatching::Closed => visitor.refuse(ErrorCode::StoreDown),
    })?;
    let step_aside = visitor.may_step_aside.then(|| Arc::clone(portal.login.waiting_room()));
    let telling = Telling {
        login: portal.login,
        finish: finish_path(&visitor, &id),
        browser: visitor.browser.clone(),
        id,
        watching,
        last: None,
        retry: rand::rng().random_range(RETRY_MS),
        ends_at: Instant::now(),
    };
    let mut response = match step_aside {
        Some(room) => {
            let Some((first, rest)) = next(Some(telling)).await else {
                return Err(visitor.refuse(ErrorCode::FlowExpired));
            };
            let number = room.leave(stream::unfold(rest, next).boxed(), std::time::Instant::now());
            let mut response = Body::from(first).into_response();
            response.headers_mut().insert(STEP_ASIDE, HeaderValue::from(number));
            response
        }
        None => {
            let pieces = stream::unfold(Some(telling), next).map(Ok::<_, Infallible>);
            Body::from_stream(pieces).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    // nginx would hold events back until it has a buffer full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// One open stream. Small: ten thousand of them wait on a busy morning.
struct Telling {
    login: Login,
    id: FlowId,
    browser: Option<Token>,
    finish: String,
    watching: Watching,
    last: Option<Progress>,
    /// After how many milliseconds the browser shall come back.
    retry: u32,
    /// When the flow runs out, on this machine's clock.
    ends_at: Instant,
}

/// The next piece of the stream: an event, or a sign of life. `None` ends it.
async fn next(telling: Option<Telling>) -> Option<(Bytes, Option<Telling>)> {
    let mut telling = telling?;
    loop {
        let mut silent = false;
        if telling.last.is_some() {
            let silent_until = Instant::now() + BEAT;
            tokio::select! {
                changed = telling.watching.changed() => changed.ok()?,
                () = tokio::time::sleep_until(telling.ends_at.min(silent_until)) => {
                    silent = telling.ends_at > silent_until;
                }
            }
            if silent && telling.login.hears_news() {
                return Some((SIGN_OF_LIFE, Some(telling)));
            }
        }
        // A flow that is gone and a store that is down end the stream; the browser asks again and is told why.
        let Ok(Seen::Flow(progress, left)) =
            telling.login.progress(&telling.id, telling.browser.as_ref()).await
        else {
            return None;
        };
        telling.ends_at = Instant::now() + left.duration().max(AT_LEAST);
        if telling.last.as_ref() == Some(&progress) {
            if silent {
                return Some((SIGN_OF_LIFE, Some(telling)));
            }
            continue;
        }
        let told = Told::json(&progress, left, &telling.finish);
        let opening =
            if telling.last.is_none() { format!("retry: {}\n", telling.retry) } else { String::new() };
        let event = Bytes::from(format!("{opening}event: state\ndata: {told}\n\n"));
        let over = progress.is_final();
        telling.last = Some(progress);
        return Some((event, Some(telling).filter(|_| !over)));
    }
}

/// `GET flow/finish`: the browser that began the flow goes on, as whoever agreed on the phone.
pub(super) async fn finish(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(which): Query<Which>,
) -> Answer {
    let id = named(&visitor, &which)?;
    let (here, listener) = (portal.clone(), visitor.clone());
    // As with a callback: what has begun is finished whether or not the browser stays to listen.
    let work = async move {
        let ending = portal.login.finish(visitor.context(), &id, &visitor.visit()).await;
        callback::leave(&portal, &visitor, ending.map_err(|error| visitor.refuse(error))?).await
    };
    here.see_through(listener, work).await
}

/// `GET flow/qr.jpg`: WeChat's own picture of the code, passed on.
pub(super) async fn picture(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(which): Query<Which>,
) -> Answer {
    look(&portal, &visitor, &which).await?;
    match visitor.snapshot.wechat.scene_picture(&which.ticket).await {
        Ok(picture) => {
            let mut response = Body::from(picture).into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
            Ok(response)
        }
        Err(_) => Err(visitor.refuse(ErrorCode::WechatUnavailable)),
    }
}

/// The address where an approved flow goes on.
pub(super) fn finish_path(visitor: &Visitor, id: &FlowId) -> String {
    visitor.own(&format!("flow/finish?flow={id}"))
}

fn named(visitor: &Visitor, which: &Which) -> Result<FlowId, Response> {
    FlowId::new(which.flow.as_str()).map_err(|_| visitor.refuse(ErrorCode::FlowExpired))
}

/// Finds the flow that `which` names, if this browser began it and does not ask too often.
async fn look(
    portal: &Portal,
    visitor: &Visitor,
    which: &Which,
) -> Result<(FlowId, Progress, Span), Response> {
    let id = named(visitor, which)?;
    if let Err(seconds) = portal.throttle.check_flow(&id) {
        return Err(visitor.too_many(seconds));
    }
    match portal.login.progress(&id, visitor.browser.as_ref()).await {
        Ok(Seen::Flow(progress, left)) => Ok((id, progress, left)),
        Ok(Seen::Unknown) => Err(visitor.refuse(ErrorCode::FlowExpired)),
        Ok(Seen::Foreign) => Err(visitor.refuse(ErrorCode::ForeignBrowser)),
        Err(error) => Err(visitor.refuse(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_told_a_state_and_where_to_go_on_only_when_it_may() {
        let left = Span::from_secs(7);
        assert_eq!(Told::json(&Progress::Waiting, left, "/finish"), r#"{"state":"waiting","expires_in":7}"#);
        let scanned = Progress::Scanned { name: Some("张\"伟".into()), avatar: None };
        assert_eq!(
            Told::json(&scanned, left, "/finish"),
            r#"{"state":"scanned","expires_in":7,"name":"张\"伟"}"#
        );
        assert_eq!(
            Told::json(&Progress::Approved, left, "/finish"),
            r#"{"state":"approved","expires_in":7,"finish":"/finish"}"#
        );
    }
}
