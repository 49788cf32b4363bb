//! What came out of the logins into stores of more and more accounts: the table, and whether it is flat.

use serde::Serialize;

use super::turns::{Cost, KNOWN, Logins, NEW};

/// Up to this ratio of the medians of the largest and the smallest store the cost counts as flat.
const FLAT: f64 = 1.5;
const MB: f64 = 1e6;

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Scale {
    pub(crate) stores: Vec<Column>,
}

/// What was measured over one store.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) store: &'static str,
    pub(crate) steps: Vec<Step>,
    /// What was not measured, and why.
    pub(crate) skipped: Option<String>,
}

/// What was measured at one size.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) accounts: usize,
    /// How many of them were new at this step, and how many seconds it took to write them.
    pub(crate) added: usize,
    pub(crate) filled: f64,
    /// What the store held then, on the disk or in memory.
    pub(crate) bytes: u64,
    pub(crate) logins: Logins,
}

impl Scale {
    pub(crate) fn print(&self) {
        println!(
            "\naccounts: {KNOWN} looked up, {KNOWN} logins of known people and {NEW} of new ones, one at a time; \
             milliseconds (median/p95), CPU µs each (of Redis)"
        );
        println!(
            "{:<10}{:>10}{:>10}{:>14}{:>9}{:>16}{:>12}{:>16}{:>14}{:>16}{:>14}",
            "store",
            "accounts",
            "filled s",
            "store MB",
            "B each",
            "resolved",
            "CPU",
            "known",
            "CPU",
            "new",
            "CPU"
        );
        for Column { store, steps, skipped } in &self.stores {
            for step in steps {
                print_step(store, step);
            }
            if let Some(why) = skipped {
                println!("{store:<10}not measured: {why}");
            }
        }
        println!();
        for Column { store, steps, .. } in &self.stores {
            if let (Some(first), Some(last)) = (steps.first(), steps.last())
                && first.accounts < last.accounts
            {
                print_judgement(store, first, last);
            }
        }
    }
}

fn print_step(store: &str, step: &Step) {
    let Step { accounts, filled, bytes, logins, .. } = step;
    let Logins { resolved, known, new } = logins;
    let took = |cost: &Cost| format!("{:.3}/{:.3}", cost.took.median, cost.took.p95);
    let cpu = |cost: &Cost| match cost.server_cpu {
        Some(server) => format!("{:.0} ({server:.0})", cost.cpu),
        None => format!("{:.0}", cost.cpu),
    };
    println!(
        "{store:<10}{accounts:>10}{filled:>10.1}{:>14.1}{:>9.0}{:>16}{:>12}{:>16}{:>14}{:>16}{:>14}",
        *bytes as f64 / MB,
        *bytes as f64 / *accounts as f64,
        took(resolved),
        cpu(resolved),
        took(known),
        cpu(known),
        took(new),
        cpu(new),
    );
}

fn print_judgement(store: &str, first: &Step, last: &Step) {
    let (few, many) = (first.accounts, last.accounts);
    for (what, few, many) in [
        ("resolved", first.logins.resolved, last.logins.resolved),
        ("known login", first.logins.known, last.logins.known),
        ("new login", first.logins.new, last.logins.new),
    ] {
        let (ratio, cpu) = (many.took.median / few.took.median, many.cpu / few.cpu);
        let verdict = if ratio <= FLAT { "flat" } else { "NOT FLAT" };
        println!(
            "{verdict:<9} {what}, {store}: median {ratio:.2} times, CPU {cpu:.2} times (flat: median at most {FLAT})"
        );
    }
    println!(
        "          from {few} to {many} accounts; {:.0} bytes each at {many}",
        last.bytes as f64 / many as f64
    );
}
