//! From the mini program's yes to the browser: how long it takes until the page of the one who waits may go on.
//!
//! One at a time while everybody else waits, so that nothing queues but what the product itself does.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::world::World;
use crate::Fault;
use crate::scan::client::Connection;
use crate::scan::figures::Millis;
use crate::scan::visitors::{Streams, Visitor, begin};

/// How many wait, and how many are confirmed.
pub(crate) const WAITING: usize = 1000;
/// How often WeChat's own answer is measured.
const QUESTIONS: usize = 200;
const LIMIT: Duration = Duration::from_secs(10);

/// Milliseconds. WeChat's answer is within all but `after_answer`, unless it says otherwise.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Confirm {
    /// From `api/scan` to *scanned* at the stream of that login.
    pub(crate) scanned: Millis,
    /// From `api/confirm` to its answer.
    pub(crate) answered: Millis,
    /// From `api/confirm` to *approved* at the stream of that login.
    pub(crate) approved: Millis,
    /// The same less `js_session`.
    pub(crate) approved_less: Millis,
    /// From the answer to *approved*; below 0 where the page was told first.
    pub(crate) after_answer: Millis,
    /// The median of what the simulator takes to say who holds a code.
    pub(crate) js_session: f64,
}

/// A login that waits for person `number`.
struct Waiting {
    number: usize,
    visitor: Visitor,
    scene: String,
}

/// Measures in `world`.
pub(crate) async fn measure(world: &World) -> Result<Confirm, Fault> {
    let waiting = begin_all(world).await?;
    let visitors: Vec<Visitor> = waiting.iter().map(|one| one.visitor.clone()).collect();
    let mut streams = Streams::open(world.address, &visitors).await?;
    let mut phone = world.connect().await?;
    let mut wechat = world.to_wechat().await?;
    let [mut scanned, mut answered, mut approved, mut after, mut asked] = [const { Vec::new() }; 5];
    for one in &waiting {
        let scan = ask(world, &mut phone, "scan", one).await?;
        let told = next(&mut streams, one.number, "scanned").await?;
        scanned.push(signed_millis(scan.sent, told));
        let confirm = ask(world, &mut phone, "confirm", one).await?;
        let told = next(&mut streams, one.number, "approved").await?;
        answered.push(signed_millis(confirm.sent, confirm.answered));
        approved.push(signed_millis(confirm.sent, told));
        after.push(signed_millis(confirm.answered, told));
        if one.number.is_multiple_of(WAITING / QUESTIONS) {
            let began = Instant::now();
            world.ask_wechat(&mut wechat, one.number).await?;
            asked.push(signed_millis(began, Instant::now()));
        }
    }
    let js_session = Millis::of(&asked).median;
    let approved_less: Vec<f64> = approved.iter().map(|each| each - js_session).collect();
    Ok(Confirm {
        scanned: Millis::of(&scanned),
        answered: Millis::of(&answered),
        approved: Millis::of(&approved),
        approved_less: Millis::of(&approved_less),
        after_answer: Millis::of(&after),
        js_session,
    })
}

/// Opens the login page of everybody, one after the other: the page does not tell the scene of its code.
async fn begin_all(world: &World) -> Result<Vec<Waiting>, Fault> {
    let (mut connection, host) = (world.connect().await?, world.host());
    let mut waiting = Vec::with_capacity(WAITING);
    for number in 0..WAITING {
        let visitor = begin(&mut connection, &host, number).await?;
        waiting.push(Waiting { number, visitor, scene: world.next_scene().await? });
    }
    Ok(waiting)
}

/// When a call was sent and answered.
struct Asked {
    sent: Instant,
    answered: Instant,
}

async fn ask(
    world: &World,
    phone: &mut Connection,
    what: &str,
    Waiting { number, scene, .. }: &Waiting,
) -> Result<Asked, Fault> {
    let body = serde_json::json!({"scene": scene, "code": world.code(*number)?}).to_string();
    let request = world.call(what, *number, &body)?;
    let sent = Instant::now();
    let answer = phone.ask(&request).await?;
    let answered = Instant::now();
    let known = serde_json::from_str::<Value>(&answer.body).is_ok_and(|answer| answer["error"].is_null());
    if answer.status != 200 || !known {
        return Err(format!("api/{what} was answered {}: {}", answer.status, answer.body).into());
    }
    Ok(Asked { sent, answered })
}

/// When `visitor` was told `state`, which nobody else may be told.
async fn next(streams: &mut Streams, visitor: usize, state: &str) -> Result<Instant, Fault> {
    let told = streams.next(LIMIT).await?;
    if told.visitor != visitor || told.state != state {
        return Err(format!("{state} was awaited, and a stream says {}", told.state).into());
    }
    Ok(told.at)
}

fn signed_millis(from: Instant, to: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(later) => later.as_secs_f64() * 1e3,
        None => from.duration_since(to).as_secs_f64() * -1e3,
    }
}
