//! Pushes a second: scans of open codes with all that follows from them, and messages that are no login.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinSet;

use super::sign;
use super::visitors::begin_many;
use super::world::World;
use crate::Fault;

/// Connections that push; each sends the next when it has its answer.
const CONNECTIONS: usize = 32;
/// Codes that are open, each scanned once.
const SCANS: usize = 2000;
const MESSAGES: usize = 20_000;
/// Every approval is made within this after the last push.
const SETTLE: Duration = Duration::from_secs(20);

/// What was pushed and what came of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rate {
    pub(crate) scans: usize,
    /// Scans that were to be sent again later, because too many were being worked on.
    pub(crate) put_off: usize,
    /// Answers a second.
    pub(crate) answered: f64,
    /// Scans a second with the question after each, until the last was asked.
    pub(crate) asked: f64,
    /// CPU time of the gateway for one scan with all that follows, in microseconds.
    pub(crate) scan_cpu: f64,
    /// Messages a second that are no login.
    pub(crate) foreign: f64,
    pub(crate) foreign_cpu: f64,
}

/// Measures in `world`, whose visitors from `first` on are these.
pub(crate) async fn measure(world: &World, first: usize) -> Result<Rate, Fault> {
    let visitors = begin_many(world, first, SCANS).await?;
    let pushes = world.scans(&visitors)?;
    let (before, mark, began) = (world.asked(), world.gateway.cpu()?, Instant::now());
    let put_off = push_all(world, pushes, "<Encrypt>").await?;
    let took = began.elapsed();
    let done = SCANS - put_off;
    while world.asked() < before + done {
        if began.elapsed() > took + SETTLE {
            return Err("not every scan was followed by the question who it was".into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let with_questions = began.elapsed();
    // The last answer still has to be written down.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let scan_cpu = world.gateway.cpu()?.since(&mark);
    let message = sign::text(&world.host(), &world.open_id)?;
    let (mark, began) = (world.gateway.cpu()?, Instant::now());
    let unheard = push_all(world, vec![message; MESSAGES], "success").await?;
    if unheard > 0 {
        return Err(format!("{unheard} messages found no room").into());
    }
    let (foreign, foreign_cpu) = (began.elapsed(), world.gateway.cpu()?.since(&mark));
    let each = |cpu: Duration, count: usize| cpu.as_secs_f64() * 1e6 / count.max(1) as f64;
    Ok(Rate {
        scans: SCANS,
        put_off,
        answered: done as f64 / took.as_secs_f64(),
        asked: done as f64 / with_questions.as_secs_f64(),
        scan_cpu: each(scan_cpu, done),
        foreign: MESSAGES as f64 / foreign.as_secs_f64(),
        foreign_cpu: each(foreign_cpu, MESSAGES),
    })
}

/// Pushes all; every answer must hold `wanted`, or say that there is no room now, which is counted.
async fn push_all(world: &World, pushes: Vec<Vec<u8>>, wanted: &'static str) -> Result<usize, Fault> {
    let queue = Arc::new(Mutex::new(VecDeque::from(pushes)));
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (mut connection, queue) = (world.connect().await?, queue.clone());
        tasks.spawn(async move {
            let mut put_off = 0;
            loop {
                let push = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(push) = push else { return Ok::<usize, Fault>(put_off) };
                let answer = connection.ask(&push).await?;
                match answer.status {
                    200 if answer.body.contains(wanted) => {}
                    429 | 503 => put_off += 1,
                    other => return Err(format!("a push was answered {other}: {}", answer.body).into()),
                }
            }
        });
    }
    let mut put_off = 0;
    while let Some(done) = tasks.join_next().await {
        put_off += done??;
    }
    Ok(put_off)
}
