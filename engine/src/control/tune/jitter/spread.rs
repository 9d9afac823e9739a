//! A sorted handful of durations as a table and the JSON line show it.

use std::fmt;

use serde::Serialize;

use crate::pipeline::tsc::Calibration;

/// Durations, ns. Percentiles that the count does not support are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Samples.
    pub count: usize,
    /// Smallest.
    pub min_ns: u64,
    /// Median.
    pub p50_ns: Option<u64>,
    /// 99th percentile.
    pub p99_ns: Option<u64>,
    /// Largest.
    pub max_ns: u64,
}

impl Spread {
    /// Of samples in ticks, each divided by `divisor` (2 for a round trip as two hops).
    pub(super) fn of(mut ticks: Vec<u64>, divisor: u64, calibration: &Calibration) -> Self {
        ticks.sort_unstable();
        let ns = |ticks: u64| calibration.ticks_to_ns(ticks) / divisor;
        let at = |percent: usize| ticks.get(ticks.len() * percent / 100).map(|&ticks| ns(ticks));
        Self {
            count: ticks.len(),
            min_ns: ticks.first().map_or(0, |&ticks| ns(ticks)),
            p50_ns: at(50).filter(|_| ticks.len() >= 2),
            p99_ns: at(99).filter(|_| ticks.len() >= 100),
            max_ns: ticks.last().map_or(0, |&ticks| ns(ticks)),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |ns| ns.to_string());
        write!(f, "least {:>6}  p50 {:>6}", self.min_ns, shown(self.p50_ns))?;
        write!(f, "  p99 {:>7}  most {:>9}  ({} samples)", shown(self.p99_ns), self.max_ns, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_samples() {
        let calibration = Calibration::measure();
        let spread = Spread::of(
            (1..=1_000).rev().map(|ns| calibration.ns_to_ticks(ns * 2_000)).collect(),
            2,
            &calibration,
        );
        let near = |value: u64, expected: u64| value.abs_diff(expected) <= expected / 1_000 + 1;
        assert_eq!(spread.count, 1_000);
        assert!(near(spread.min_ns, 1_000) && near(spread.max_ns, 1_000_000), "{spread}");
        assert!(spread.p50_ns.is_some_and(|ns| near(ns, 501_000)), "{spread}");
        assert!(spread.p99_ns.is_some_and(|ns| near(ns, 991_000)), "{spread}");
        let few = Spread::of(vec![1], 1, &calibration);
        assert_eq!((few.p50_ns, few.p99_ns), (None, None));
        assert_eq!(Spread::of(Vec::new(), 1, &calibration), Spread::default());
    }
}
