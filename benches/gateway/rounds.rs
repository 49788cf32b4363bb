//! The rounds: every candidate has its turn, then all again, the other way round.
//!
//! A turn counts only if every request of the load reached the app: an answer from somewhere else (an error page,
//! a redirect to the login) ends the measurement.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::candidates::{App, Candidate, Field};
use crate::process::{LOAD_CORE, TEST_CORE};
use crate::report::Report;
use crate::{Args, Fault, http, load, machine};

/// One turn of one candidate.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Turn {
    pub(crate) requests: u64,
    /// CPU time of the process under test for one request, in microseconds.
    pub(crate) cpu: f64,
    pub(crate) per_second: f64,
    /// Median and 99th percentile, in microseconds.
    pub(crate) latency: [f64; 2],
    /// How busy the core of the process under test was, 0 to 1.
    pub(crate) test_core: f64,
    /// How much of that core others had, 0 to 1.
    pub(crate) others: f64,
    /// How busy the core of load and app was, 0 to 1.
    pub(crate) load_core: f64,
}

/// Runs all rounds into `report`.
pub(crate) fn run(args: &Args, app: &App, field: &Field, report: &mut Report) -> Result<(), Fault> {
    for candidate in &field.candidates {
        let named = |error| format!("{}: {error}", candidate.id);
        turn(args.connections, 1, app, field, candidate).map_err(named)?;
    }
    let mut order: Vec<&Candidate> = field.candidates.iter().collect();
    for round in 1..=args.rounds {
        for candidate in &order {
            let named = |error| format!("{}: {error}", candidate.id);
            let turn = turn(args.connections, args.seconds, app, field, candidate).map_err(named)?;
            report.add(candidate.id, candidate.label, turn);
        }
        eprintln!("round {round} of {} done", args.rounds);
        // What slowly changes (heat, other work) then weighs on nobody more than on others.
        order.reverse();
    }
    report.left_out.extend(field.left_out.iter().map(|(id, why)| ((*id).to_owned(), why.clone())));
    Ok(())
}

fn turn(
    connections: usize,
    seconds: u64,
    app: &App,
    field: &Field,
    candidate: &Candidate,
) -> Result<Turn, Fault> {
    let process = field.process(candidate);
    let before = settled(app)?;
    let cores = [machine::busy(TEST_CORE)?, machine::busy(LOAD_CORE)?];
    let (mark, began) = (process.cpu()?, Instant::now());
    let seen = load::run(candidate.address, candidate.path, &candidate.headers, connections, seconds)?;
    let (spent, took) = (process.cpu()?.since(&mark), began.elapsed());
    let busy = [machine::busy(TEST_CORE)? - cores[0], machine::busy(LOAD_CORE)? - cores[1]];
    let requests = count(app)? - before;
    // wrk does not count the requests under way at its end, nor does it those that a busy machine let the turn
    // before leave behind: a few more than one for each connection.
    if requests < seen.requests || requests > seen.requests + 4 * connections as u64 {
        let of = seen.requests;
        return Err(format!("the app saw {requests} requests of {of}: something else answered").into());
    }
    let share = |time: Duration| time.as_secs_f64() / took.as_secs_f64();
    Ok(Turn {
        requests,
        cpu: spent.as_secs_f64() * 1e6 / requests as f64,
        per_second: seen.per_second,
        latency: seen.latency,
        test_core: share(busy[0]),
        others: share(busy[0].saturating_sub(spent)),
        load_core: share(busy[1]),
    })
}

/// The count once nothing of the turn before is under way any more.
fn settled(app: &App) -> Result<u64, Fault> {
    let mut last = count(app)?;
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(20));
        let now = count(app)?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
    Err("the app is asked things by somebody else".into())
}

fn count(app: &App) -> Result<u64, Fault> {
    Ok(http::get(app.address, "/count", &[])?.body.parse()?)
}
