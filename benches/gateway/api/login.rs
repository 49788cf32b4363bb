//! Logins a second: people who were never seen, and the same people once more.
//!
//! A closed loop: every client sends its next login when it has the answer to the last. One address may call 1,200
//! times a minute and one person 30 times, so the load names many addresses and everybody logs in once a turn.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinSet;

use super::world::{PEOPLE, World};
use crate::process::{LOAD_CORE, TEST_CORE};
use crate::scan::figures::Millis;
use crate::{Fault, machine};

/// How many log in at the same time.
pub(crate) const CLIENTS: usize = 32;
/// Logins that are not counted: they open the connections.
const WARM_UP: usize = 100;

/// Both turns.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Login {
    /// People without an account: two identities are claimed and an account is made.
    pub(crate) new: Turn,
    /// The same people, known by both identities.
    pub(crate) known: Turn,
}

/// One login of everybody.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Turn {
    pub(crate) logins: usize,
    pub(crate) per_second: f64,
    /// From sending the request to its answer, with [`CLIENTS`] at once.
    pub(crate) took: Millis,
    /// CPU time of the gateway for each, in microseconds.
    pub(crate) cpu: f64,
    /// How busy the two cores were, 1 for all the time.
    pub(crate) test_core: f64,
    pub(crate) load_core: f64,
}

/// Measures in `world`, which knows nobody yet.
pub(crate) async fn measure(world: &World) -> Result<Login, Fault> {
    turn(world, 0, WARM_UP).await?;
    let new = turn(world, WARM_UP, PEOPLE - WARM_UP).await?;
    let known = turn(world, WARM_UP, PEOPLE - WARM_UP).await?;
    Ok(Login { new, known })
}

/// Logs `count` people in, beginning with person `first`.
async fn turn(world: &World, first: usize, count: usize) -> Result<Turn, Fault> {
    let mut logins = VecDeque::with_capacity(count);
    for number in first..first + count {
        let body = format!(r#"{{"code":"{}"}}"#, world.code(number)?);
        logins.push_back(world.call("login/mini", number, &body)?);
    }
    let asked = world.asked();
    let busy = [machine::busy(TEST_CORE)?, machine::busy(LOAD_CORE)?];
    let (mark, began) = (world.gateway.cpu()?, Instant::now());
    let took = all(world, logins).await?;
    let elapsed = began.elapsed().as_secs_f64();
    let cpu = world.gateway.cpu()?.since(&mark);
    let share = |before: Duration, now: Duration| now.saturating_sub(before).as_secs_f64() / elapsed;
    if world.asked() - asked != count {
        return Err(format!("WeChat was asked {} times for {count} logins", world.asked() - asked).into());
    }
    Ok(Turn {
        logins: count,
        per_second: count as f64 / elapsed,
        took: Millis::of(&took),
        cpu: cpu.as_secs_f64() * 1e6 / count as f64,
        test_core: share(busy[0], machine::busy(TEST_CORE)?),
        load_core: share(busy[1], machine::busy(LOAD_CORE)?),
    })
}

/// Sends all; each must be answered with a token. Answers how long each took, in milliseconds.
async fn all(world: &World, logins: VecDeque<Vec<u8>>) -> Result<Vec<f64>, Fault> {
    let mut times = Vec::with_capacity(logins.len());
    let queue = Arc::new(Mutex::new(logins));
    let mut tasks = JoinSet::new();
    for _ in 0..CLIENTS {
        let (mut connection, queue) = (world.connect().await?, queue.clone());
        tasks.spawn(async move {
            let mut times = Vec::new();
            loop {
                let login = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(login) = login else { return Ok::<_, Fault>(times) };
                let began = Instant::now();
                let answer = connection.ask(&login).await?;
                times.push(began.elapsed().as_secs_f64() * 1e3);
                if answer.status != 200 || !answer.body.contains("\"token\"") {
                    return Err(format!("a login was answered {}: {}", answer.status, answer.body).into());
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        times.append(&mut done??);
    }
    Ok(times)
}
