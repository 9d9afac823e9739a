//! Hiccups: what the machine itself takes from a core, with no engine on it.
//!
//! **Before and after a run** a thread spins on each core that the run uses, and is asked for nothing but to look at the
//! clock: once a microsecond something is due, and how much later the thread saw that it was is a sample. That is an
//! engine without work under an open load of a million events a second, so that its percentiles stand beside those of a
//! paced run: of what happens to one event in a thousand there, this much happens to an event of an engine that does
//! nothing. During the run such a thread would itself be the disturbance of a core that a hot thread spins on.
//!
//! **During a run** it is the waiting of the thread that hands messages over which is looked at: what passes between two
//! of its looks at the clock with nothing done between them (`pipeline::pacer`). A long one is counted as the events
//! that would have been due in it would have met it (HdrHistogram's correction). A turn of that loop contains the looks
//! at the sockets, some hundred nanoseconds to microseconds, and only time without work is seen. What the kernel's books say of each thread
//! is in [`ThreadTime`].
//!
//! [`MachineLine`] is the worst of all this at each percentile. Cold; a hiccup thread allocates its histogram before it
//! spins and nothing behind it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;

use super::core_time::{ThreadTime, stolen_by_host_ns};
use super::histograms::{Distribution, write_log};
use super::placement::Plan;
use crate::pipeline::pacer::{LATE_NS, Pacer};
use crate::pipeline::tsc::{self, Calibration};

/// Between two moments at which something is due on a spinning core.
const DUE_EVERY_NS: u64 = 1_000;

/// Longest hiccup that is told apart, ns: a minute.
const HICCUP_NS_MAX: u64 = 60_000_000_000;

/// A turn of a waiting loop is shorter than this; a longer one was interrupted.
const TURN_NS_MAX: u64 = LATE_NS;

/// When it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Right before the hot threads started, by a spinning thread.
    Before,
    /// While they ran, by the waiting of the thread that hands messages over.
    During,
    /// Right after they ended, by a spinning thread.
    After,
}

impl Phase {
    /// The name in tables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        }
    }
}

/// The hiccups of one core in one phase.
#[derive(Clone, Debug)]
pub struct Hiccups {
    /// The CPU.
    pub core: usize,
    /// When.
    pub phase: Phase,
    /// How long they were, ns.
    pub histogram: Histogram<u64>,
}

/// The same as figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HiccupRow {
    /// The CPU.
    pub core: usize,
    /// When.
    pub phase: Phase,
    /// How long the hiccups were.
    pub hiccups: Distribution,
}

/// What the machine alone does to an event, at each percentile of the tables: the worst of all cores and phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MachineLine {
    /// Median, ns.
    pub p50_ns: u64,
    /// 90th percentile, ns.
    pub p90_ns: u64,
    /// 99th percentile, ns.
    pub p99_ns: u64,
    /// 99.9th percentile, ns.
    pub p999_ns: u64,
    /// Longest, ns.
    pub max_ns: u64,
}

/// Time that the host took from a virtual CPU during the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HostTime {
    /// The CPU.
    pub core: usize,
    /// How much, ns, in steps of 10 ms.
    pub stolen_ns: u64,
}

/// What the machine did during a run, as the summary and the page have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MachineTime {
    /// One a core and phase.
    pub hiccups: Vec<HiccupRow>,
    /// What they come to; none where nothing was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<MachineLine>,
    /// What each hot thread got of its core.
    pub threads: Vec<ThreadTime>,
    /// What the host took from the cores of the run.
    pub host: Vec<HostTime>,
}

/// The histograms of a run's surroundings, and their figures.
#[derive(Debug, Default)]
pub struct Surroundings {
    hiccups: Vec<Hiccups>,
    threads: Vec<ThreadTime>,
    host: Vec<HostTime>,
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HICCUP_NS_MAX, 3).expect("constant bounds are valid")
}

/// Spins on every one of `cores` at once, for `time`; the calling thread sleeps. A core that cannot be had is left out.
#[must_use]
pub fn measure(cores: &[usize], time: Duration, phase: Phase, calibration: &Calibration) -> Vec<Hiccups> {
    if time.is_zero() {
        return Vec::new();
    }
    std::thread::scope(|scope| {
        let spinning: Vec<_> = cores
            .iter()
            .map(|&core| {
                scope.spawn(move || {
                    let is_there = core_affinity::set_for_current(core_affinity::CoreId { id: core });
                    is_there.then(|| Hiccups { core, phase, histogram: spin(time, calibration) })
                })
            })
            .collect();
        spinning.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    })
}

/// See the module's text, «before and after».
fn spin(time: Duration, calibration: &Calibration) -> Histogram<u64> {
    let ticks_of =
        |time: Duration| calibration.ns_to_ticks(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let mut late_ticks = empty();
    // The pages that it needs are touched first.
    spin_until(tsc::now() + ticks_of(time / 20), calibration, &mut late_ticks);
    late_ticks.reset();
    spin_until(tsc::now() + ticks_of(time), calibration, &mut late_ticks);
    in_ns(&late_ticks, calibration)
}

fn spin_until(end_ticks: u64, calibration: &Calibration, late_ticks: &mut Histogram<u64>) {
    let every = calibration.ns_to_ticks(DUE_EVERY_NS);
    let mut due = tsc::now() + every;
    while due < end_ticks {
        let now = tsc::now();
        while due <= now {
            // To note one costs some nanoseconds: what a long hiccup leaves to note is noted long before it could pass
            // for a hiccup of that length itself.
            late_ticks.saturating_record(now - due);
            due += every;
        }
    }
}

fn in_ns(ticks: &Histogram<u64>, calibration: &Calibration) -> Histogram<u64> {
    let mut ns = empty();
    for value in ticks.iter_recorded() {
        ns.saturating_record_n(calibration.ticks_to_ns(value.value_iterated_to()), value.count_at_value());
    }
    ns
}

impl Hiccups {
    /// See the module's text, «during»; `None` where nobody waited.
    #[must_use]
    pub fn of_waiting(pacer: &Pacer, core: usize, calibration: &Calibration) -> Option<Self> {
        if pacer.waits().is_empty() {
            return None;
        }
        let turn_ticks = pacer.waits().value_at_quantile(0.5).max(1);
        let histogram = in_ns(&pacer.waits().clone_correct(turn_ticks), calibration);
        Some(Self { core, phase: Phase::During, histogram })
    }

    fn row(&self) -> HiccupRow {
        HiccupRow { core: self.core, phase: self.phase, hiccups: (&self.histogram).into() }
    }

    /// What of it is the machine's at a quantile: an ordinary turn of a waiting loop is ours.
    fn at(&self, quantile: f64) -> u64 {
        let ns = self.histogram.value_at_quantile(quantile);
        if self.phase == Phase::During && ns <= TURN_NS_MAX { 0 } else { ns }
    }
}

impl MachineLine {
    /// The worst of several; `None` of none.
    #[must_use]
    pub fn of(hiccups: &[Hiccups]) -> Option<Self> {
        let worst = |quantile: f64| hiccups.iter().map(|core| core.at(quantile)).max();
        Some(Self {
            p50_ns: worst(0.5)?,
            p90_ns: worst(0.9)?,
            p99_ns: worst(0.99)?,
            p999_ns: worst(0.999)?,
            max_ns: worst(1.0)?,
        })
    }

    /// Whether a figure is the machine's rather than the engine's: at least half of it happens at the same percentile
    /// to an engine that does nothing.
    #[must_use]
    pub const fn explains(line_ns: u64, figure_ns: u64) -> bool {
        line_ns >= figure_ns.div_ceil(2) && line_ns > 0
    }
}

/// Measures before a run, and again behind it.
#[derive(Debug)]
pub(super) struct MachineWatch {
    cores: Vec<usize>,
    time: Duration,
    calibration: Calibration,
    before: Vec<Hiccups>,
    stolen_before: Vec<(usize, u64)>,
}

impl MachineWatch {
    /// Spins for `time` on each core of the plan; not at all when it is zero.
    pub(super) fn begin(plan: &Plan, time: Duration, calibration: Calibration) -> Self {
        let cores = plan.cores();
        let before = measure(&cores, time, Phase::Before, &calibration);
        Self { cores, time, calibration, before, stolen_before: stolen_by_host_ns() }
    }

    /// The run is over: `waiting` is what its own thread saw, `threads` what the kernel counted.
    pub(super) fn end(self, waiting: Option<Hiccups>, threads: Vec<ThreadTime>) -> Surroundings {
        let stolen = stolen_by_host_ns();
        let of = |all: &[(usize, u64)], core| all.iter().find(|of| of.0 == core).map(|of| of.1);
        let host = self.cores.iter().filter_map(|&core| {
            let stolen_ns = of(&stolen, core)?.saturating_sub(of(&self.stolen_before, core)?);
            Some(HostTime { core, stolen_ns })
        });
        let host = host.collect();
        let mut hiccups = self.before;
        hiccups.extend(waiting);
        hiccups.extend(measure(&self.cores, self.time, Phase::After, &self.calibration));
        Surroundings { hiccups, threads, host }
    }
}

impl Surroundings {
    /// The figures.
    #[must_use]
    pub fn figures(&self) -> MachineTime {
        MachineTime {
            hiccups: self.hiccups.iter().map(Hiccups::row).collect(),
            line: MachineLine::of(&self.hiccups),
            threads: self.threads.clone(),
            host: self.host.clone(),
        }
    }

    /// Writes `DIR/hiccup_coreN.hlog` (before and after together) and `DIR/waiting_coreN.hlog` (during).
    ///
    /// # Errors
    /// A file cannot be written; the message names it.
    pub fn write_logs(&self, dir: &Path, started: SystemTime, time: Duration) -> io::Result<Vec<PathBuf>> {
        let mut written = Vec::new();
        let mut files: Vec<(String, Histogram<u64>)> = Vec::new();
        for Hiccups { core, phase, histogram } in &self.hiccups {
            let kind = if *phase == Phase::During { "waiting" } else { "hiccup" };
            let name = format!("{kind}_core{core}");
            match files.iter_mut().find(|file| file.0 == name) {
                Some(file) => file.1 += histogram,
                None => files.push((name, histogram.clone())),
            }
        }
        for (name, histogram) in files {
            let path = dir.join(format!("{name}.hlog"));
            write_log(&path, &histogram, &name, started, time)?;
            written.push(path);
        }
        Ok(written)
    }
}

impl fmt::Display for MachineTime {
    /// Lines for under the stage table, none where nothing was measured.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.hiccups.is_empty() {
            writeln!(
                f,
                "{:<14} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
                "hiccups (ns)", "count", "min", "p50", "p90", "p99", "p99.9", "max"
            )?;
        }
        for HiccupRow { core, phase, hiccups } in &self.hiccups {
            write!(f, "{:<14} {:>10}", format!("core {core} {}", phase.name()), hiccups.count)?;
            let Distribution { min_ns, p50_ns, p90_ns, p99_ns, p999_ns, max_ns, .. } = *hiccups;
            for value in [min_ns, p50_ns, p90_ns, p99_ns, p999_ns, max_ns] {
                match value {
                    Some(ns) => write!(f, " {ns:>9}")?,
                    None => write!(f, " {:>9}", "-")?,
                }
            }
            writeln!(f)?;
        }
        for thread in &self.threads {
            writeln!(f, "core time: {thread}")?;
        }
        for HostTime { core, stolen_ns } in self.host.iter().filter(|host| host.stolen_ns > 0) {
            writeln!(f, "core time: the host took {} ms from core {core}", stolen_ns / 1_000_000)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tsc::Calibration;

    fn hiccups(phase: Phase, values: &[(u64, u64)]) -> Hiccups {
        let mut histogram = empty();
        values.iter().for_each(|&(ns, times)| histogram.saturating_record_n(ns, times));
        Hiccups { core: 1, phase, histogram }
    }

    #[test]
    fn a_spinning_core_is_seen_to_have_an_event_each_microsecond() {
        let calibration = Calibration::measure();
        let time = Duration::from_millis(40);
        let cores = [0];
        let measured = measure(&cores, time, Phase::Before, &calibration);
        let [Hiccups { core: 0, phase: Phase::Before, histogram }] = &measured[..] else {
            return println!("SKIPPED: core 0 is not open to this process: {measured:?}");
        };
        // As many events as there are microseconds, whatever the machine took meanwhile; the last ones may be cut off.
        let longest = histogram.max() / DUE_EVERY_NS;
        assert!((39_990..=40_001 + longest).contains(&histogram.len()), "{}", histogram.len());
        assert!(measure(&cores, Duration::ZERO, Phase::Before, &calibration).is_empty());
    }

    #[test]
    fn the_line_is_the_worst_of_all_and_an_idle_turn_is_not_the_machines() {
        let quiet = hiccups(Phase::Before, &[(30, 9_990), (5_000, 10)]);
        let waiting = hiccups(Phase::During, &[(1_500, 9_900), (70_000, 100)]);
        let line = MachineLine::of(&[quiet, waiting]).expect("measured");
        assert_eq!(line.p50_ns, 30);
        assert!(line.p999_ns.abs_diff(70_000) < 100 && line.max_ns.abs_diff(70_000) < 100, "{line:?}");
        assert_eq!(MachineLine::of(&[]), None);
        assert!(MachineLine::explains(50, 100) && !MachineLine::explains(49, 100));
        assert!(!MachineLine::explains(0, 0));
    }

    #[test]
    fn a_long_wait_counts_for_all_that_would_have_been_due_in_it() {
        let calibration = Calibration::measure();
        let mut ticks = Histogram::<u64>::new_with_bounds(1, 1 << 38, 2).expect("bounds");
        ticks.saturating_record_n(1_000, 99_000);
        ticks.saturating_record(1_000_000);
        let corrected = in_ns(&ticks.clone_correct(1_000), &calibration);
        // The events of a stall of 1,000 turns are 1,000 of 100,000: the 99th percentile is where they begin.
        assert!(corrected.len() >= 99_900, "{}", corrected.len());
        let beyond = calibration.ticks_to_ns(500_000);
        let share = corrected.count_between(beyond, u64::MAX / 2);
        assert!((480..=520).contains(&share), "half of the stall's events wait at least half of it: {share}");
    }

    #[test]
    fn logs_are_one_a_core() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let surroundings = Surroundings {
            hiccups: vec![
                hiccups(Phase::Before, &[(30, 5)]),
                hiccups(Phase::During, &[(1_000, 7)]),
                hiccups(Phase::After, &[(40, 6)]),
            ],
            ..Surroundings::default()
        };
        let written = surroundings.write_logs(dir.path(), SystemTime::now(), Duration::from_secs(1));
        let counts: Vec<_> = written
            .expect("writable")
            .iter()
            .map(|path| {
                let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
                (name, super::super::histograms::read_log(path).expect("readable").len())
            })
            .collect();
        assert_eq!(counts, [("hiccup_core1.hlog".to_owned(), 11), ("waiting_core1.hlog".to_owned(), 7)]);
        let figures = surroundings.figures();
        assert_eq!(figures.hiccups.len(), 3);
        assert!(figures.to_string().contains("core 1 during"), "{figures}");
    }
}
