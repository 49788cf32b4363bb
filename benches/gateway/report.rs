//! What came out: a table with the targets for people, the same with every single turn as JSON for machines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::api::Api;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::near_cache::{ENTRIES, NearCache};
use crate::rounds::Turn;
use crate::scale::Scale;
use crate::scan::Scan;
use crate::{Fault, Parts};

const MIB: f64 = 1024.0 * 1024.0;
/// Above this share of the test core in other hands, figures say little.
const DISTURBED: f64 = 0.05;

/// Everything measured in one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    candidates: Vec<Measured>,
    pub(crate) left_out: BTreeMap<String, String>,
    pub(crate) memory: Result<Memory, String>,
    pub(crate) near_cache: Result<NearCache, String>,
    /// Milliseconds of each start.
    pub(crate) starts: Result<Vec<f64>, String>,
    pub(crate) scan: Result<Scan, String>,
    pub(crate) api: Result<Api, String>,
    /// Judged in its table, not among the targets.
    pub(crate) scale: Result<Scale, String>,
    targets: Vec<Target>,
}

#[derive(Debug, Serialize)]
struct Measured {
    id: String,
    label: String,
    turns: Vec<Turn>,
}

/// Median and range of some figures.
#[derive(Clone, Copy, Debug)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct Target {
    what: String,
    /// `None` if it was not measured.
    measured: Option<f64>,
    limit: f64,
    /// Whether the limit is the least that is wanted, and not the most.
    at_least: bool,
    unit: &'static str,
    met: bool,
}

/// Why something was not measured, for the report.
pub(crate) fn reason(error: Fault) -> String {
    eprintln!("not measured: {error}");
    error.to_string()
}

impl Report {
    pub(crate) fn new(machine: Machine) -> Self {
        let not_asked = || "not asked for".to_owned();
        Self {
            machine,
            candidates: Vec::new(),
            left_out: BTreeMap::new(),
            memory: Err(not_asked()),
            near_cache: Err(not_asked()),
            starts: Err(not_asked()),
            scan: Err(not_asked()),
            api: Err(not_asked()),
            scale: Err(not_asked()),
            targets: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, id: &str, label: &str, turn: Turn) {
        match self.candidates.iter_mut().find(|measured| measured.id == id) {
            Some(measured) => measured.turns.push(turn),
            None => {
                let (id, label) = (id.to_owned(), label.to_owned());
                self.candidates.push(Measured { id, label, turns: vec![turn] });
            }
        }
    }

    /// Whether every target was measured and met.
    pub(crate) fn all_met(&self) -> bool {
        self.targets.iter().all(|target| target.met)
    }

    /// Holds the figures against the targets, prints them and writes the JSON file.
    pub(crate) fn finish(&mut self, parts: Parts) -> Result<(), Fault> {
        if parts.load {
            self.hold_load();
        }
        if parts.rest {
            self.hold_rest();
        }
        if parts.scan {
            self.hold_scan();
        }
        if parts.api {
            self.hold_api();
        }
        self.print();
        let file = Self::file();
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        std::fs::write(&file, serde_json::to_vec_pretty(&self)?)?;
        println!("\nevery turn: {}", file.display());
        Ok(())
    }

    fn file() -> PathBuf {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        scratch.parent().unwrap_or(scratch).join("bench/gateway.json")
    }

    fn of(&self, id: &str) -> Option<&Measured> {
        self.candidates.iter().find(|measured| measured.id == id)
    }

    /// The cheaper of the two bare proxies: the harder measure.
    fn bare(&self) -> Option<&Measured> {
        let both = ["bare-loop", "bare-server"].into_iter().filter_map(|id| self.of(id));
        both.min_by(|a, b| a.cpu().median.total_cmp(&b.cpu().median))
    }

    fn target(&mut self, what: impl Into<String>, measured: Option<f64>, limit: f64, unit: &'static str) {
        let met = measured.is_some_and(|measured| measured <= limit);
        self.targets.push(Target { what: what.into(), measured, limit, at_least: false, unit, met });
    }

    fn target_at_least(
        &mut self,
        what: impl Into<String>,
        measured: Option<f64>,
        limit: f64,
        unit: &'static str,
    ) {
        let met = measured.is_some_and(|measured| measured >= limit);
        self.targets.push(Target { what: what.into(), measured, limit, at_least: true, unit, met });
    }

    fn hold_load(&mut self) {
        let against = |id: &str, base: Option<&Measured>| Some(self.of(id)?.ratio(base?).median);
        let bare = self.bare();
        let ratios = [
            ("guarded / bare, neither logs", against("known", bare), 1.08),
            ("guarded with access log / bare, which has none", against("known-log", bare), 1.08),
            ("guarded / nginx auth_request, neither logs", against("known", self.of("nginx-auth")), 1.0),
            ("guarded / nginx auth_request, both log", against("known-log", self.of("nginx-auth-log")), 1.0),
        ];
        for (what, measured, limit) in ratios {
            self.target(format!("CPU a request: {what}"), measured, limit, "×");
        }
    }

    fn hold_rest(&mut self) {
        let memory = self.memory.as_ref().ok().copied();
        let mib = |bytes: u64| bytes as f64 / MIB;
        self.target("resident memory, idle", memory.map(|memory| mib(memory.idle)), 40.0, "MiB");
        self.target("growth during an upload of 1 GiB", memory.map(|memory| mib(memory.upload)), 16.0, "MiB");
        self.target(
            "growth during a download of 1 GiB",
            memory.map(|memory| mib(memory.download)),
            16.0,
            "MiB",
        );
        let near = self.near_cache.as_ref().ok().filter(|near| near.held > 0);
        let each = near.map(|near| mib(near.bytes) / near.held as f64 * ENTRIES as f64);
        self.target(format!("{ENTRIES} sessions in the near cache"), each, 64.0, "MiB");
        let starts = self.starts.as_ref().ok().filter(|starts| !starts.is_empty());
        let starts = starts.map(|starts| Spread::of(starts.iter().copied()));
        self.target("start to first served request, median", starts.map(|starts| starts.median), 300.0, "ms");
        self.target("start to first served request, longest", starts.map(|starts| starts.max), 300.0, "ms");
    }

    fn hold_scan(&mut self) {
        let held = self.scan.as_ref().map(Scan::held);
        // Without any figure there is still something that was not met.
        let none = |why: &String| vec![(format!("logins by scan ({why})"), None, 0.0, "")];
        for (what, measured, limit, unit) in held.unwrap_or_else(none) {
            self.target(what, measured, limit, unit);
        }
    }

    fn hold_api(&mut self) {
        let held = self.api.as_ref().map(|api| (api.at_most(), api.at_least()));
        let none = |why: &String| (vec![(format!("logins over the API ({why})"), None, 0.0, "")], Vec::new());
        let (at_most, at_least) = held.unwrap_or_else(none);
        for (what, measured, limit, unit) in at_most {
            self.target(what, measured, limit, unit);
        }
        for (what, measured, limit, unit) in at_least {
            self.target_at_least(what, measured, limit, unit);
        }
    }

    fn print(&self) {
        let Machine { processor, cores, kernel, load_average, versions, commit } = &self.machine;
        println!("\n{processor}, {cores} cores, Linux {kernel}, load average before: {load_average}");
        println!("{}; source {}\n", versions.join("; "), commit.as_deref().unwrap_or("unknown"));
        if !self.candidates.is_empty() {
            self.print_load();
        }
        if let Ok(scan) = &self.scan {
            scan.print();
        }
        if let Ok(api) = &self.api {
            api.print();
        }
        if let Ok(scale) = &self.scale {
            scale.print();
        }
        println!();
        for Target { what, measured, limit, at_least, unit, met } in &self.targets {
            let verdict = if *met { "pass" } else { "MISS" };
            let shown = measured.map_or_else(|| "not measured".to_owned(), |figure| format!("{figure:.3}"));
            let bound = if *at_least { "at least" } else { "at most" };
            println!("{verdict}  {what:<70} {shown:>12} {unit}, {bound} {limit} {unit}");
        }
    }

    fn print_load(&self) {
        println!(
            "{:<44}{:>22}{:>8}{:>8}{:>24}{:>14}{:>7}{:>7}{:>7}",
            "",
            "CPU µs a request",
            "÷bare",
            "÷nginx",
            "requests a second",
            "p50/p99 µs",
            "core0",
            "core1",
            "others"
        );
        let (bare, nginx) = (self.bare(), self.of("nginx-auth"));
        for measured in &self.candidates {
            let ratio = |base: Option<&Measured>| {
                base.map_or_else(|| "-".to_owned(), |base| format!("{:.3}", measured.ratio(base).median))
            };
            let percent =
                |figure: fn(&Turn) -> f64| format!("{:.0}%", 100.0 * measured.spread(figure).median);
            let latency =
                [0, 1].map(|index| Spread::of(measured.turns.iter().map(|turn| turn.latency[index])).median);
            println!(
                "{:<44}{:>22}{:>8}{:>8}{:>24}{:>14}{:>7}{:>7}{:>7}",
                measured.label,
                measured.cpu().show(1),
                ratio(bare),
                ratio(nginx),
                measured.spread(|turn| turn.per_second).show(0),
                format!("{:.0}/{:.0}", latency[0], latency[1]),
                percent(|turn| turn.test_core),
                percent(|turn| turn.load_core),
                percent(|turn| turn.others),
            );
        }
        for (id, why) in &self.left_out {
            println!("left out: {id}: {why}");
        }
        self.print_caveats();
    }

    fn print_caveats(&self) {
        if let Some(bare) = self.bare() {
            println!(
                "\n÷bare: to \"{}\", ÷nginx: to \"nginx, auth_request\"; medians of the rounds' ratios",
                bare.label
            );
        }
        let worst = |figure: fn(&Turn) -> f64| {
            self.candidates.iter().flat_map(|measured| &measured.turns).map(figure).fold(0.0, f64::max)
        };
        let disturbed = worst(|turn| turn.others);
        if disturbed > DISTURBED {
            println!(
                "NOT TRUSTWORTHY: other work had up to {:.0}% of the test core during a turn; measure on a quiet machine",
                100.0 * disturbed
            );
        }
        let load_bound = |measured: &&Measured| measured.spread(|turn| turn.load_core).median > 0.97;
        let bound: Vec<&str> =
            self.candidates.iter().filter(load_bound).map(|measured| measured.id.as_str()).collect();
        if !bound.is_empty() {
            println!(
                "requests a second are limited by the load's core, not by the candidate, for: {}",
                bound.join(", ")
            );
        }
        if let Ok(near) = &self.near_cache {
            let NearCache { entries, held, bytes } = near;
            let each = *bytes as f64 / (*held).max(1) as f64;
            println!("near cache: {held} of {entries} sessions held, {each:.0} bytes each");
        }
    }
}

impl Measured {
    fn spread(&self, figure: fn(&Turn) -> f64) -> Spread {
        Spread::of(self.turns.iter().map(figure))
    }

    fn cpu(&self) -> Spread {
        self.spread(|turn| turn.cpu)
    }

    /// The ratios of the rounds: both had their turns within seconds of each other.
    fn ratio(&self, base: &Self) -> Spread {
        Spread::of(self.turns.iter().zip(&base.turns).map(|(turn, base)| turn.cpu / base.cpu))
    }
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_unstable_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        let median = if figures.len().is_multiple_of(2) {
            (at(middle.wrapping_sub(1)) + at(middle)) / 2.0
        } else {
            at(middle)
        };
        Self { median, min: at(0), max: at(figures.len().wrapping_sub(1)) }
    }

    fn show(self, digits: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.digits$} ({min:.digits$}–{max:.digits$})")
    }
}
