//! Ten thousand visitors who wait: what they take while nothing happens, and what one login among them costs.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::visitors::{Streams, Visitor, begin, begin_many};
use super::world::World;
use crate::Fault;

/// How many wait.
pub(crate) const WAITING: usize = 10_000;

/// Logins that nobody in this process waits for, scanned before and during the wait.
const UNWATCHED: usize = 100;

/// Every stream shows once in this time that it lives.
const BEAT: Duration = Duration::from_secs(15);

/// Descriptors of one process: a connection each, and some.
const DESCRIPTORS: u64 = WAITING as u64 + 1000;

/// Memory in bytes over that of the idle gateway.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Waiting {
    pub(crate) streams: usize,
    pub(crate) idle: u64,
    /// After all login pages were opened, before anybody waits.
    pub(crate) pages: u64,
    /// While all wait.
    pub(crate) growth: u64,
    /// The most at any time since the idle state.
    pub(crate) peak: u64,
    /// CPU time of the gateway while nothing happens, 1 for a whole core.
    pub(crate) cpu: f64,
    /// CPU time for a scan that nobody here waits for, in microseconds: with nobody waiting at all, and with all.
    pub(crate) scan_alone: f64,
    pub(crate) scan_among: f64,
}

/// Measures in `world`, just started.
pub(crate) async fn measure(world: &World) -> Result<Waiting, Fault> {
    let mut connection = world.connect().await?;
    let mut unwatched = Vec::with_capacity(2 * UNWATCHED);
    for number in 0..2 * UNWATCHED {
        let visitor = begin(&mut connection, &world.host(), number).await?;
        let ticket = Some(world.next_ticket().await?);
        unwatched.push(Visitor { ticket, ..visitor });
    }
    // The first ones also pay for what every first time costs.
    let (before, during) = unwatched.split_at(UNWATCHED);
    let pushes = [world.scans(before)?, world.scans(during)?];
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = world.gateway.resident()?;
    world.gateway.forget_peak()?;
    let scan_alone = scans(world, &pushes[0], 0.0).await?;
    let visitors = begin_many(world, 2 * UNWATCHED, WAITING).await?;
    let pages = world.gateway.resident()?.saturating_sub(idle);
    let mut streams = Streams::open(world.address, &visitors).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mark, began) = (world.gateway.cpu()?, Instant::now());
    tokio::time::sleep(BEAT).await;
    let cpu = world.gateway.cpu()?.since(&mark).as_secs_f64() / began.elapsed().as_secs_f64();
    let scan_among = scans(world, &pushes[1], cpu).await?;
    let growth = world.gateway.resident()?.saturating_sub(idle);
    let peak = world.gateway.peak()?.saturating_sub(idle);
    let open = streams.open_now();
    if open != WAITING {
        return Err(format!("{open} of {WAITING} streams are still open").into());
    }
    if let Ok(told) = streams.told.try_recv() {
        return Err(format!("a stream was told {} of somebody else", told.state).into());
    }
    Ok(Waiting { streams: open, idle, pages, growth, peak, cpu, scan_alone, scan_among })
}

/// CPU time for each of these scans, in microseconds, without the share that is spent in any case.
async fn scans(world: &World, pushes: &[Vec<u8>], share: f64) -> Result<f64, Fault> {
    let mut connection = world.connect().await?;
    let (asked, mark, began) = (world.asked(), world.gateway.cpu()?, Instant::now());
    for push in pushes {
        let answer = connection.ask(push).await?;
        if answer.status != 200 || !answer.body.contains("<Encrypt>") {
            return Err(format!("a push was answered {}: {}", answer.status, answer.body).into());
        }
    }
    while world.asked() < asked + pushes.len() {
        if began.elapsed() > Duration::from_secs(20) {
            return Err("not every scan was followed by the question who it was".into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let spent = world.gateway.cpu()?.since(&mark).as_secs_f64() - share * began.elapsed().as_secs_f64();
    Ok(spent.max(0.0) * 1e6 / pushes.len() as f64)
}

/// Lets this process, and those it starts later, have as many descriptors as are needed.
pub(crate) fn raise_limit() -> Result<(), Fault> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")).ok_or("no limit in /proc")?;
    let mut values = line.split_whitespace().map(|text| text.parse().unwrap_or(u64::MAX));
    let (soft, hard) = (values.next().unwrap_or(0), values.next().unwrap_or(0));
    if soft >= DESCRIPTORS {
        return Ok(());
    }
    if hard < DESCRIPTORS {
        return Err(format!("{DESCRIPTORS} file descriptors are needed, {hard} allowed (ulimit -Hn)").into());
    }
    let pid = std::process::id().to_string();
    let status =
        Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={DESCRIPTORS}:{hard}")]).status()?;
    if status.success() { Ok(()) } else { Err("prlimit cannot raise the number of descriptors".into()) }
}
