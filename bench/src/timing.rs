//! Timing of very short calls with the time stamp counter.
//!
//! One call of 25 ns cannot be timed by a clock that costs as much to read, so that a sample is a batch of calls, and
//! what is reported is the batch's time over its calls. A percentile is then one of batches, not of calls; the batch is
//! short enough that an interruption shows. The cost of the two reads of the clock is measured and stays in, spread
//! over the batch.

use engine::pipeline::tsc::{self, Calibration};
use serde::Serialize;

/// Calls in one sample where a scenario batches.
pub const BATCH: usize = 32;

/// Samples that a percentile needs beyond it.
const BEYOND: f64 = 10.0;

/// What a scenario measured, ns a call. A percentile is absent where fewer than ten samples lie beyond it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Samples.
    pub samples: usize,
    /// Calls in each.
    pub calls_per_sample: usize,
    /// Smallest sample.
    pub min_ns: Option<f64>,
    /// Median.
    pub p50_ns: Option<f64>,
    /// 90th percentile.
    pub p90_ns: Option<f64>,
    /// 99th percentile.
    pub p99_ns: Option<f64>,
    /// 99.9th percentile.
    pub p999_ns: Option<f64>,
    /// Largest sample.
    pub max_ns: Option<f64>,
    /// Median cost of the two clock reads of one sample, which is in every sample once.
    pub clock_pair_ns: Option<f64>,
}

/// To a tenth: nothing here is more precise.
#[must_use]
pub fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Samples of one scenario, in ticks.
#[derive(Debug)]
pub struct Samples {
    ticks: Vec<u64>,
    calls_per_sample: usize,
}

impl Samples {
    /// Room for `count` samples of [`BATCH`] calls.
    #[must_use]
    pub fn batches(count: usize) -> Self {
        Self { ticks: Vec::with_capacity(count), calls_per_sample: BATCH }
    }

    /// Room for `count` samples of one call.
    #[must_use]
    pub fn single(count: usize) -> Self {
        Self { ticks: Vec::with_capacity(count), calls_per_sample: 1 }
    }

    /// Times one sample: `call` is called with 0 to the sample's calls - 1.
    #[inline]
    pub fn time(&mut self, mut call: impl FnMut(usize)) {
        let start = tsc::now();
        for index in 0..self.calls_per_sample {
            call(index);
        }
        self.add(tsc::now() - start);
    }

    /// Adds a sample that was timed elsewhere.
    #[inline]
    pub fn add(&mut self, ticks: u64) {
        self.ticks.push(ticks);
    }

    /// Forgets the samples of the warm-up.
    pub fn clear(&mut self) {
        self.ticks.clear();
    }

    /// The figures; `divisor` is what a sample is divided by beyond its calls (2 for a round trip as two hops).
    #[must_use]
    pub fn figures(mut self, calibration: &Calibration, divisor: f64) -> Figures {
        self.ticks.sort_unstable();
        let ns_per_tick = 1e9 / calibration.ticks_per_second() as f64;
        let calls = self.calls_per_sample as f64 * divisor;
        let count = self.ticks.len();
        let ns = |at: usize| self.ticks.get(at).map(|&ticks| tenths(ticks as f64 * ns_per_tick / calls));
        let at = |part: f64| {
            let supported = count as f64 * (1.0 - part) >= BEYOND;
            if supported { ns((count as f64 * part) as usize) } else { None }
        };
        Figures {
            samples: count,
            calls_per_sample: self.calls_per_sample,
            min_ns: ns(0),
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: count.checked_sub(1).and_then(ns),
            clock_pair_ns: Some(tenths(clock_pair_ticks() as f64 * ns_per_tick)),
        }
    }
}

/// Median ticks between two reads of the counter with nothing between them.
fn clock_pair_ticks() -> u64 {
    let mut pairs: Vec<u64> = (0..10_001)
        .map(|_| {
            let start = tsc::now();
            tsc::now() - start
        })
        .collect();
    pairs.sort_unstable();
    pairs[pairs.len() / 2]
}

/// The median; 0 of nothing.
#[must_use]
pub fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// A seeded stream of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_number() % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_sample_and_only_supported_ones() {
        let calibration = Calibration::measure();
        let per_tick = 1e9 / calibration.ticks_per_second() as f64;
        let mut samples = Samples::single(1_000);
        (0..1_000).rev().for_each(|ticks| samples.add(ticks));
        let figures = samples.figures(&calibration, 1.0);
        assert_eq!((figures.samples, figures.min_ns), (1_000, Some(0.0)));
        assert_eq!(figures.p50_ns, Some(tenths(500.0 * per_tick)));
        assert_eq!(figures.p99_ns, Some(tenths(990.0 * per_tick)));
        assert_eq!(figures.max_ns, Some(tenths(999.0 * per_tick)));
        assert_eq!(figures.p999_ns, None, "one sample beyond is too few");
        assert!(figures.clock_pair_ns.is_some_and(|ns| ns > 0.0));
    }
}
