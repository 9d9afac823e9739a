//! What a machine steals from a thread that only spins: gaps between two readings of the tick counter.
//!
//! A gap is time in which the core did something else: an interrupt, another task, the hypervisor. The thread reads,
//! compares, records what is above the threshold, and reads anew after recording, so that recording is no gap. The histogram
//! is allocated before. A run's own hiccups (`control::hiccups`) are another figure: how late each event of an open load
//! would have been, to stand beside the run's percentiles; here each gap counts once, and their sum is what was stolen.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::pair::pin;
use super::{JitterOptions, THRESHOLD_NS};
use crate::control::failure::Failure;
use crate::control::shutdown::Stop;
use crate::pipeline::tsc::{self, Calibration};

/// Readings between two looks at whether to end.
const READINGS: u64 = 4_096;

/// What one core lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Hiccups {
    /// The core.
    pub cpu: usize,
    /// How long it was watched.
    pub seconds: f64,
    /// Gaps above the threshold.
    pub count: u64,
    /// Their sum, ns.
    pub stolen_ns: u64,
    /// Their median, where there are two.
    pub p50_ns: Option<u64>,
    /// Their 99th percentile, where there are a hundred.
    pub p99_ns: Option<u64>,
    /// The longest, ns.
    pub longest_ns: u64,
    /// The smallest gap of all, ns: what this way of looking can see.
    pub grain_ns: u64,
}

impl fmt::Display for Hiccups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |ns| ns.to_string());
        let share = if self.seconds > 0.0 { self.stolen_ns as f64 / (self.seconds * 1e7) } else { 0.0 };
        write!(f, "  {:>4}  {:>9.2}  {:>7}  {share:>5.2} %", self.cpu, self.seconds, self.count)?;
        write!(f, "  {:>10}  {:>10}  {:>13}", shown(self.p50_ns), shown(self.p99_ns), self.longest_ns)
    }
}

/// Watches the cores, one after another or all at once; the histograms are in the same order.
pub(super) fn watch(
    cpus: &[usize],
    options: &JitterOptions,
    calibration: &Calibration,
    stop: &Stop,
) -> Result<(Vec<Hiccups>, Vec<Histogram<u64>>), Failure> {
    let watched = |&cpu: &usize| {
        move || {
            pin(cpu)?;
            Ok(spin(cpu, options.seconds, calibration, stop))
        }
    };
    let panicked = |_| Failure::Check("a watching thread panicked".to_owned());
    let found: Vec<Result<_, Failure>> = std::thread::scope(|scope| {
        if options.at_once {
            let threads: Vec<_> = cpus.iter().map(|cpu| scope.spawn(watched(cpu))).collect();
            threads.into_iter().map(|thread| thread.join().map_err(panicked)?).collect()
        } else {
            cpus.iter().map(|cpu| scope.spawn(watched(cpu)).join().map_err(panicked)?).collect()
        }
    });
    Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip())
}

fn spin(cpu: usize, seconds: f64, calibration: &Calibration, stop: &Stop) -> (Hiccups, Histogram<u64>) {
    let mut gaps = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("constant bounds are valid");
    let threshold = calibration.ns_to_ticks(THRESHOLD_NS);
    let start = tsc::now();
    let end = start.saturating_add((seconds * calibration.ticks_per_second() as f64) as u64);
    let (mut stolen, mut longest, mut grain) = (0u64, 0u64, u64::MAX);
    let mut last = tsc::now();
    'watching: loop {
        for _ in 0..READINGS {
            let now = tsc::now();
            let gap = now.saturating_sub(last);
            grain = grain.min(gap);
            last = now;
            if gap > threshold {
                gaps.saturating_record(calibration.ticks_to_ns(gap));
                (stolen, longest) = (stolen + gap, longest.max(gap));
                last = tsc::now();
            }
            if now >= end {
                break 'watching;
            }
        }
        if stop.requested() {
            break;
        }
    }
    let count = gaps.len();
    let at = |quantile, least| (count >= least).then(|| gaps.value_at_quantile(quantile));
    let found = Hiccups {
        cpu,
        seconds: (last - start) as f64 / calibration.ticks_per_second() as f64,
        count,
        stolen_ns: calibration.ticks_to_ns(stolen),
        p50_ns: at(0.5, 2),
        p99_ns: at(0.99, 100),
        longest_ns: calibration.ticks_to_ns(longest),
        grain_ns: calibration.ticks_to_ns(grain),
    };
    (found, gaps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::cpus::Host;
    use std::time::Duration;

    #[test]
    fn a_core_that_is_taken_away_shows_it() {
        let host = Host::read().expect("sysfs");
        let cpu = host.online().find(|cpu| cpu.allowed).expect("a core").id;
        let calibration = Calibration::measure();
        let stop = Stop::new();
        let (found, gaps) = std::thread::scope(|scope| {
            // A second spinning thread on the same core: the scheduler takes turns between the two.
            let stop = &stop;
            let rival = scope.spawn(move || {
                pin(cpu).expect("an open core");
                while !stop.requested() {
                    std::hint::spin_loop();
                }
            });
            let watcher = scope.spawn(move || {
                pin(cpu).expect("an open core");
                spin(cpu, 0.5, &calibration, &Stop::new())
            });
            let found = watcher.join().expect("no panic");
            stop.request();
            rival.join().expect("no panic");
            found
        });
        assert!(found.seconds >= 0.5 && found.count >= 1, "{found}");
        // Half the core is the rival's; a loaded machine can only take more.
        assert!(found.stolen_ns >= 100_000_000, "{found}");
        assert!(found.longest_ns >= Duration::from_micros(100).as_nanos() as u64, "{found}");
        assert!(found.grain_ns < THRESHOLD_NS, "{found}");
        assert_eq!(gaps.len(), found.count);
    }
}
