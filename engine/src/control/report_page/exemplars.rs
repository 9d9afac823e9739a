//! Two order paths that stand for all, with the time of each stage: the median one and the slowest.
//!
//! [`Exemplars`] lives on the cold thread and is shown every record on its way to the histograms. It allocates at construction: of
//! the paths that were stamped at every stage (new orders and replaces that a market message began) it keeps the slowest, and at most
//! 4,096 others, evenly spread over the run. Among those the median is looked for.

use super::facts::{Breakdown, StageTime};
use crate::control::histograms::Measure;
use crate::order::OrderAction;
use crate::pipeline::stamps::{PathRecord, Stage, Trigger};
use crate::pipeline::tsc::Calibration;

/// Paths that are kept at most.
const KEPT_MAX: usize = 4_096;

/// The paths that are kept.
#[derive(Clone, Debug)]
pub struct Exemplars {
    kept: Vec<PathRecord>,
    /// One path in so many is kept; doubled whenever there is no room.
    every: u64,
    seen: u64,
    slowest: Option<PathRecord>,
}

impl Default for Exemplars {
    fn default() -> Self {
        Self { kept: Vec::with_capacity(KEPT_MAX), every: 1, seen: 0, slowest: None }
    }
}

/// From the start to the wire, or to complete bytes where nothing was sent by a call.
fn total_ticks(path: &PathRecord) -> u64 {
    path.wire_ticks().unwrap_or_else(|| path.order_ticks())
}

impl Exemplars {
    /// Shows it a path. Allocates nothing.
    pub fn offer(&mut self, path: &PathRecord) {
        let is_order = matches!(path.action, OrderAction::New | OrderAction::Replace);
        if !is_order || path.trigger() != Trigger::Market || !path.is_stamped() {
            return;
        }
        if self.slowest.is_none_or(|slowest| total_ticks(path) > total_ticks(&slowest)) {
            self.slowest = Some(*path);
        }
        if self.seen.is_multiple_of(self.every) {
            if self.kept.len() == KEPT_MAX {
                self.thin_out();
            }
            if self.seen.is_multiple_of(self.every) {
                self.kept.push(*path);
            }
        }
        self.seen += 1;
    }

    /// Keeps every second path, and from now on half as many.
    fn thin_out(&mut self) {
        let mut number = 0;
        self.kept.retain(|_| {
            number += 1;
            number % 2 == 1
        });
        self.every *= 2;
    }

    /// The two paths; none where no path was stamped at every stage.
    #[must_use]
    pub fn breakdowns(&self, calibration: &Calibration) -> Vec<Breakdown> {
        let mut kept: Vec<&PathRecord> = self.kept.iter().collect();
        kept.sort_by_key(|path| total_ticks(path));
        let median = kept.get(kept.len().saturating_sub(1) / 2).map(|path| {
            let of = kept.len();
            let what = format!("The path in the middle of {of}, evenly spread over the run's {} that were stamped at every stage.", self.seen);
            breakdown("median", what, path, calibration)
        });
        let slowest = self.slowest.as_ref().map(|path| {
            let what = format!("The slowest of the {} new orders and replaces that were stamped at every stage; with sampled stamps a slower one may have been stamped at its ends only.", self.seen);
            breakdown("slowest", what, path, calibration)
        });
        median.into_iter().chain(slowest).collect()
    }
}

fn breakdown(name: &str, what: String, path: &PathRecord, calibration: &Calibration) -> Breakdown {
    let stages = Stage::ALL.into_iter().filter_map(|stage| {
        let ns = calibration.ticks_to_ns(path.stage_ticks(stage)?);
        Some(StageTime { name: Measure::from(stage).name().to_owned(), ns })
    });
    let total_ns = calibration.ticks_to_ns(total_ticks(path));
    Breakdown { name: name.to_owned(), what, total_ns, stages: stages.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stamps::{PathStamps, path_order};
    use crate::pipeline::tsc;

    fn path(age: u64, action: OrderAction) -> PathRecord {
        let mut stamps = PathStamps::begin_at(tsc::now() - age, true);
        stamps.mark(Stage::Decode);
        stamps.order_ready(&path_order(action))
    }

    #[test]
    fn the_slowest_and_the_middle_are_found_however_many_there_are() {
        // Far above the time that the test itself takes, and in all below what a counter holds minutes after a boot.
        const STEP: u64 = 1 << 26;
        for paths in [1u64, 2, 9, 10_000] {
            let mut exemplars = Exemplars::default();
            // Ages of 0, 7, 14 ... steps modulo the count.
            (0..paths).for_each(|n| exemplars.offer(&path(n * 7 % paths * STEP, OrderAction::New)));
            exemplars.offer(&path((paths + 5) * STEP, OrderAction::Cancel));
            assert_eq!(exemplars.seen, paths);
            assert!(exemplars.kept.len() <= KEPT_MAX && exemplars.kept.capacity() == KEPT_MAX);
            let calibration = Calibration::measure();
            let found = exemplars.breakdowns(&calibration);
            let steps = |at: usize| found[at].total_ns as f64 / calibration.ticks_to_ns(STEP) as f64;
            assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("median", "slowest"));
            // A machine that takes the core away between two stamps makes a path older by a step or so.
            assert!((steps(1) - (paths - 1) as f64).abs() < 2.0, "{} of {paths}", steps(1));
            assert!(
                (steps(0) / (paths as f64) - 0.5).abs() < 1.01 / (paths as f64).min(20.0),
                "{} of {paths}",
                steps(0)
            );
            for stage in [Stage::Decode, Stage::Encode] {
                let name = Measure::from(stage).name();
                assert!(found[0].stages.iter().any(|time| time.name == name), "no {name}");
            }
        }
        assert!(Exemplars::default().breakdowns(&Calibration::measure()).is_empty());
    }
}
