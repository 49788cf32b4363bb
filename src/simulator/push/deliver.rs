//! Sends what the world wants to tell an account: signs, posts, tries again, reads the answer.
//!
//! At most 64 posts at once; every one has a limit. Holds no lock while it waits.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::time::Instant;
use url::Url;

use super::crypto::signature;
use super::reply::{self, Reply};
use super::state::Sending;
use super::{Push, PushTrouble};
use crate::ground::{Span, Timestamp};
use crate::simulator::error::SimError;
use crate::simulator::http::{self, Call};
use crate::simulator::ids;
use crate::simulator::shared::{Shared, rng};

/// How often a message is posted while nobody answers.
const ATTEMPTS: u32 = 3;

/// Posts all of them in the background.
pub(crate) fn start(shared: &Arc<Shared>, sendings: Vec<Sending>) {
    for sending in sendings {
        let task = deliver(Arc::clone(shared), sending);
        shared.tasks.spawn_on(task, &shared.runtime);
    }
}

/// Posts the account's latest request once more, byte for byte.
pub(crate) fn replay(shared: &Arc<Shared>, app_id: &str) -> Result<(), SimError> {
    let now = shared.now();
    let again = shared.change(|world| world.pushes.plan_replay(now, app_id))?;
    start(shared, again.into_iter().collect());
    Ok(())
}

async fn deliver(shared: Arc<Shared>, sending: Sending) {
    let (ended, after) = tokio::select! {
        outcome = attempts(&shared, &sending) => outcome,
        () = shared.stop.cancelled() => (Err("the simulator stopped".to_owned()), None),
    };
    let now = shared.now();
    shared.change(|world| {
        let (app_id, person) = (sending.parties.app_id.as_str(), sending.person.as_str());
        match &ended {
            Ok(Ok(reply)) => {
                if let Reply::Text(text) = reply {
                    world.hear(app_id, person, text);
                }
                world.note(format!("push {} to {app_id}: ok", sending.event));
            }
            Ok(Err(problem)) | Err(problem) => {
                world.note(format!("push {} to {app_id}: {problem}", sending.event));
                world.hear_silence(app_id, person);
            }
        }
        world.pushes.finish(now, &sending, ended, after);
    });
}

type Ended = (Result<Result<Reply, String>, String>, Option<Span>);

async fn attempts(shared: &Arc<Shared>, sending: &Sending) -> Ended {
    // The semaphore lives as long as the world and is never closed.
    let _room = shared.push_room.acquire().await;
    let (url, key) = match sending.push.check() {
        Ok(checked) => checked,
        Err(error) => return (Err(error.to_string()), None),
    };
    let mut problem = String::new();
    for _ in 0..ATTEMPTS {
        let query = sending.replayed.clone().unwrap_or_else(|| signed(sending, shared.now()));
        shared.change(|world| world.pushes.attempt(sending, &query));
        let body = (sending.content_type.clone(), sending.body.clone());
        let begun = Instant::now();
        let target = with_query(&url, &query);
        let answer = http::ask(shared.push_timeout.duration(), Call::new(&target, Some(body))).await;
        match answer {
            Ok((StatusCode::OK, body)) => {
                let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                let reply = reply::read(&sending.push, key.as_ref(), &sending.parties, &body);
                return (Ok(reply), Some(Span::from_millis(millis)));
            }
            Ok((status, _)) => problem = format!("the answer has status {}", status.as_u16()),
            Err(error) => problem = error.to_string(),
        }
        let goes_on = shared.change(|world| world.pushes.failed(shared.now(), sending, &problem));
        if !goes_on || sending.replayed.is_some() {
            break;
        }
    }
    (Err(problem), None)
}

/// A fresh query for this message: timestamp and nonce differ with every attempt.
fn signed(sending: &Sending, now: Timestamp) -> String {
    let (token, timestamp, nonce) = signing(&sending.push, &sending.trouble, now);
    let plain = signature(&[&token, &timestamp, &nonce]);
    let query = format!("signature={plain}&timestamp={timestamp}&nonce={nonce}");
    match &sending.encrypt {
        None => query,
        Some(encrypt) => format!(
            "{query}&openid={}&encrypt_type=aes&msg_signature={}",
            sending.parties.openid,
            signature(&[&token, &timestamp, &nonce, encrypt])
        ),
    }
}

/// Token, timestamp and nonce of one request.
fn signing(push: &Push, trouble: &PushTrouble, now: Timestamp) -> (String, String, String) {
    let token = if trouble.wrong_signature { format!("{}x", push.token) } else { push.token.clone() };
    let timestamp = now.minus(trouble.stale.unwrap_or_default()).secs().to_string();
    (token, timestamp, ids::digits(&mut rng(), 10))
}

/// What the URL itself has in its query stays in front.
fn with_query(url: &Url, query: &str) -> Url {
    let mut url = url.clone();
    let query = match url.query() {
        Some(own) if !own.is_empty() => format!("{own}&{query}"),
        _ => query.to_owned(),
    };
    url.set_query(Some(&query));
    url.set_fragment(None);
    url
}

/// What WeChat does when the console saves the settings: asks for `echostr` and wants exactly that back.
pub(crate) async fn verify(shared: &Shared, push: &Push) -> Result<(), SimError> {
    let (url, _) = push.check()?;
    let trouble = shared.read(|world| world.switches.push.clone());
    let (token, timestamp, nonce) = signing(push, &trouble, shared.now());
    let echostr = ids::digits(&mut rng(), 19);
    let sign = signature(&[&token, &timestamp, &nonce]);
    let query = format!("signature={sign}&timestamp={timestamp}&nonce={nonce}&echostr={echostr}");
    let refused = |why: String| SimError::PushUnverified { why };
    let target = with_query(&url, &query);
    let answer = http::ask(shared.push_timeout.duration(), Call::new(&target, None)).await;
    match answer {
        Ok((StatusCode::OK, body)) if body == echostr => Ok(()),
        Ok((StatusCode::OK, _)) => Err(refused("the answer is not exactly the echostr".into())),
        Ok((status, _)) => Err(refused(format!("the answer has status {}", status.as_u16()))),
        Err(error) => Err(refused(error.to_string())),
    }
}
