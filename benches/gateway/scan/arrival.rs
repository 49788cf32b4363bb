//! From the push to the browser: how long a scan takes to show on the page of the one who waits for it.
//!
//! One push at a time while everybody else waits, so that nothing queues but what the product itself does.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::figures::Millis;
use super::visitors::{Streams, begin_many};
use super::world::World;
use crate::Fault;

/// How many wait, and how many pushes are measured.
pub(crate) const WAITING: usize = 1000;

/// How often WeChat's own answer is measured.
const QUESTIONS: usize = 200;

const LIMIT: Duration = Duration::from_secs(10);

/// Milliseconds, WeChat's answer taken out where it is in the way.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Arrival {
    /// From sending the push to its answer.
    pub(crate) answered: Millis,
    /// To `scanned` at the stream of that login.
    pub(crate) scanned: Millis,
    /// To `approved` there, less `user_info`.
    pub(crate) approved: Millis,
    /// The median of what the simulator takes to say who somebody is.
    pub(crate) user_info: f64,
    /// Streams that were told `approved` at once: WeChat was quicker than the event before.
    pub(crate) skipped: usize,
}

/// Measures in `world`, whose visitors from `first` on are these.
pub(crate) async fn measure(world: &World, first: usize) -> Result<Arrival, Fault> {
    let visitors = begin_many(world, first, WAITING).await?;
    let mut streams = Streams::open(world.address, &visitors).await?;
    let mut wechat = world.ask_wechat().await?;
    let mut connection = world.connect().await?;
    let [mut answered, mut scanned, mut approved, mut asked] = [const { Vec::new() }; 4];
    let millis = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1e3;
    for (number, push) in world.scans(&visitors)?.iter().enumerate() {
        let began = Instant::now();
        let answer = connection.ask(push).await?;
        answered.push(millis(began, Instant::now()));
        if answer.status != 200 || !answer.body.contains("<Encrypt>") {
            return Err(format!("a push was answered {}: {}", answer.status, answer.body).into());
        }
        loop {
            let told = streams.next(LIMIT).await?;
            if told.visitor != number {
                return Err("somebody else's scan was told to a stream".into());
            }
            match told.state.as_str() {
                "scanned" => scanned.push(millis(began, told.at)),
                "approved" => {
                    approved.push(millis(began, told.at));
                    break;
                }
                other => return Err(format!("a stream says {other}").into()),
            }
        }
        if number % (WAITING / QUESTIONS) == 0 {
            let began = Instant::now();
            wechat.once().await?;
            asked.push(millis(began, Instant::now()));
        }
    }
    let user_info = Millis::of(&asked).median;
    let skipped = visitors.len() - scanned.len();
    approved.iter_mut().for_each(|each| *each -= user_info);
    Ok(Arrival {
        answered: Millis::of(&answered),
        scanned: Millis::of(&scanned),
        approved: Millis::of(&approved),
        user_info,
        skipped,
    })
}
