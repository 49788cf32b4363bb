//! What came out of the scans: the table, and what is held against a target.

use serde::Serialize;

use super::arrival::{self, Arrival};
use super::rate::Rate;
use super::waiting::{self, Waiting};

const MIB: f64 = 1024.0 * 1024.0;

/// Median, 95th percentile and maximum of some times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Millis {
    pub(crate) median: f64,
    pub(crate) p95: f64,
    pub(crate) max: f64,
}

impl Millis {
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mut figures = figures.to_vec();
        figures.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (figures.len() as f64 * share) as usize;
            figures.get(index.min(figures.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
        };
        Self { median: at(0.5), p95: at(0.95), max: at(1.0) }
    }

    pub(crate) fn show(self) -> String {
        let Self { median, p95, max } = self;
        format!("{median:.1}/{p95:.1}/{max:.1}")
    }
}

/// All that was measured about scans; what was not says why.
#[derive(Debug, Serialize)]
pub(crate) struct Scan {
    pub(crate) stores: Vec<Column>,
    /// `None` if it was not asked for.
    pub(crate) waiting: Option<Result<Waiting, String>>,
}

/// What was measured over one store.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) store: &'static str,
    pub(crate) arrival: Result<Arrival, String>,
    pub(crate) rate: Result<Rate, String>,
}

/// A target: what, what was measured, the limit and its unit.
pub(crate) type Held = (String, Option<f64>, f64, &'static str);

impl Scan {
    pub(crate) fn held(&self) -> Vec<Held> {
        let mut held = Vec::new();
        for column in &self.stores {
            let arrival = column.arrival.as_ref().ok();
            for (what, median) in [
                ("scanned", arrival.map(|arrival| arrival.scanned.median)),
                ("approved, less WeChat's answer", arrival.map(|arrival| arrival.approved.median)),
            ] {
                held.push((format!("push to browser, {}: {what}, median", column.store), median, 20.0, "ms"));
            }
        }
        if let Some(waiting) = &self.waiting {
            let growth = waiting.as_ref().ok().map(|waiting| waiting.growth as f64 / MIB);
            held.push((format!("growth with {} waiting visitors", waiting::WAITING), growth, 200.0, "MiB"));
        }
        held
    }

    pub(crate) fn print(&self) {
        if !self.stores.is_empty() {
            self.print_stores();
        }
        if let Some(waiting) = &self.waiting {
            print_waiting(waiting);
        }
    }

    fn print_stores(&self) {
        println!(
            "\nscans: {} visitors wait, one push at a time, milliseconds since the push (median/p95/max)",
            arrival::WAITING
        );
        println!(
            "{:<12}{:>22}{:>22}{:>34}{:>26}",
            "store", "answered", "scanned", "approved, less WeChat's answer", "WeChat's answer, median"
        );
        for Column { store, arrival, .. } in &self.stores {
            match arrival {
                Ok(Arrival { answered, scanned, approved, user_info, skipped }) => {
                    let note = if *skipped > 0 {
                        format!("  ({skipped} saw `approved` alone)")
                    } else {
                        String::new()
                    };
                    let [answered, scanned, approved] = [answered, scanned, approved].map(|each| each.show());
                    println!("{store:<12}{answered:>22}{scanned:>22}{approved:>34}{user_info:>26.1}{note}");
                }
                Err(why) => println!("{store:<12}not measured: {why}"),
            }
        }
        println!("\npushes a second, 32 at a time (CPU µs of the gateway for each)");
        for Column { store, rate, .. } in &self.stores {
            match rate {
                Ok(Rate { scans, put_off, answered, asked, scan_cpu, foreign, foreign_cpu }) => println!(
                    "{store:<12}{answered:.0} scans answered, {asked:.0} with the question after each ({scan_cpu:.0}), \
                     {put_off} of {scans} put off; {foreign:.0} messages that are no login ({foreign_cpu:.0})"
                ),
                Err(why) => println!("{store:<12}not measured: {why}"),
            }
        }
    }
}

fn print_waiting(waiting: &Result<Waiting, String>) {
    match waiting {
        Ok(Waiting { streams, idle, pages, growth, peak, cpu, scan_alone, scan_among }) => {
            let mib = |bytes: &u64| *bytes as f64 / MIB;
            println!(
                "\n{streams} visitors wait: {:.1} MiB over {:.1} idle ({:.1} KiB each; {:.1} MiB before they wait, \
                 {:.1} at most); CPU {:.2}% of a core while nothing happens",
                mib(growth),
                mib(idle),
                *growth as f64 / 1024.0 / *streams as f64,
                mib(pages),
                mib(peak),
                100.0 * cpu
            );
            println!(
                "a scan that none of them waits for: {scan_among:.0} µs CPU, {scan_alone:.0} with nobody waiting"
            );
        }
        Err(why) => println!("\nwaiting visitors: not measured: {why}"),
    }
}
