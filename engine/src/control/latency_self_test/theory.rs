//! What a planted stall must look like: the queue behind it, worked out, and the percentiles at which its marks stand.
//!
//! Messages come at even distances; once a period the engine stands still while it works on one. What is due meanwhile
//! waits, and is worked off one after the other. Seen from the due times the period's latencies fall evenly from the
//! stall's length to nothing; seen from the hand-over only the one message was slow.

use hdrhistogram::Histogram;

/// A measured value may be off by this share of the expected one.
pub const SHARE_MAX: f64 = 0.02;

/// ... and by this much, since a path takes its time without any stall, ns.
pub const BASE_NS: f64 = 50_000.0;

/// Parts of the stall's length whose percentile is worked out and looked up: 9, 5 and 1 ms of 10.
pub const MARKS: [f64; 3] = [0.9, 0.5, 0.1];

/// A stall once every so many messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlantedStall {
    /// Between two due times, ns.
    pub interval_ns: f64,
    /// How long the engine stands still, ns.
    pub stall_ns: f64,
    /// Messages from one stall to the next.
    pub period: usize,
    /// What the engine takes for a message while others wait, ns.
    pub cycle_ns: f64,
}

/// A percentile at which the theory knows the latency.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// From 0 to 1.
    pub quantile: f64,
    /// What is to be found there, ns.
    pub expected_ns: f64,
}

/// A mark with what was found there.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Found {
    /// The mark.
    pub mark: Mark,
    /// Counted from the due time, ns.
    pub from_due_ns: u64,
    /// Counted from the hand-over, ns.
    pub from_hand_over_ns: u64,
}

impl PlantedStall {
    /// The latencies of one period, longest first: each message begins when it is due or when the one before is done,
    /// whatever is later.
    #[must_use]
    pub fn latencies_ns(&self) -> Vec<f64> {
        let mut free_at = 0.0f64;
        let mut latencies: Vec<f64> = (0..self.period)
            .map(|message| {
                let due = message as f64 * self.interval_ns;
                let stall = if message == 0 { self.stall_ns } else { 0.0 };
                free_at = free_at.max(due) + stall + self.cycle_ns;
                free_at - due
            })
            .collect();
        latencies.sort_by(|a, b| b.total_cmp(a));
        latencies
    }

    /// The percentiles at which the latency is nearest to the [`MARKS`]. One message of a period is as wide as one part
    /// in `period` of the distribution; the mark is in the middle of it.
    #[must_use]
    pub fn marks(&self) -> Vec<Mark> {
        let latencies = self.latencies_ns();
        let nearest = |wanted_ns: f64| {
            let distance = |rank: &usize| (latencies[*rank] - wanted_ns).abs();
            let rank = (0..latencies.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
            let quantile = 1.0 - (rank as f64 + 0.5) / self.period as f64;
            Some(Mark { quantile, expected_ns: latencies[rank] })
        };
        MARKS.iter().filter_map(|part| nearest(part * self.stall_ns)).collect()
    }
}

impl Mark {
    /// Whether a measured value is the expected one.
    #[must_use]
    pub fn is_met_by(&self, measured_ns: u64) -> bool {
        (measured_ns as f64 - self.expected_ns).abs() <= self.expected_ns * SHARE_MAX + BASE_NS
    }

    /// Whether a distribution has the mark.
    #[must_use]
    pub fn is_in(&self, histogram: &Histogram<u64>) -> bool {
        self.is_met_by(histogram.value_at_quantile(self.quantile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STALL: PlantedStall =
        PlantedStall { interval_ns: 1e6, stall_ns: 1e7, period: 100, cycle_ns: 10_000.0 };

    fn histogram(values: impl IntoIterator<Item = f64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 1 << 36, 3).expect("bounds");
        values.into_iter().for_each(|ns| histogram.saturating_record(ns as u64));
        histogram
    }

    /// Many periods in steps of a microsecond: who is there is served in turn, whole microseconds a message.
    fn naive(stall: &PlantedStall, periods: usize) -> Vec<f64> {
        let us = |ns: f64| (ns / 1_000.0).round() as u64;
        let (interval, stall_us, cycle) = (us(stall.interval_ns), us(stall.stall_ns), us(stall.cycle_ns));
        let messages = (stall.period * periods) as u64;
        let (mut next, mut busy_until, mut now) = (0u64, 0u64, 0u64);
        let mut latencies = Vec::new();
        while next < messages {
            if now >= busy_until && now >= next * interval {
                let is_stalled = next.is_multiple_of(stall.period as u64);
                busy_until = now + cycle + if is_stalled { stall_us } else { 0 };
                latencies.push((busy_until - next * interval) as f64 * 1_000.0);
                next += 1;
            }
            now += 1;
        }
        latencies
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// The marks of the theory are in what a clockwork queue does, and in no other stall's.
        #[test]
        fn the_theory_is_what_a_queue_does(
            interval_us in 200u64..2_000, stall_us in 2_000u64..12_000, cycle_us in 1u64..60,
        ) {
            let stall = PlantedStall {
                interval_ns: interval_us as f64 * 1e3,
                stall_ns: stall_us as f64 * 1e3,
                period: 150,
                cycle_ns: cycle_us as f64 * 1e3,
            };
            let queue = histogram(naive(&stall, 20));
            for mark in stall.marks() {
                prop_assert!(mark.is_in(&queue), "{mark:?}: {}", queue.value_at_quantile(mark.quantile));
            }
        }
    }

    #[test]
    fn a_stall_of_ten_milliseconds_has_its_marks_where_arithmetic_has_them() {
        let marks = STALL.marks();
        let quantiles: Vec<f64> = marks.iter().map(|mark| (mark.quantile * 1e4).round() / 1e4).collect();
        assert_eq!(quantiles, [0.985, 0.945, 0.905]);
        let expected: Vec<f64> = marks.iter().map(|mark| (mark.expected_ns / 1e6).round()).collect();
        assert_eq!(expected, [9.0, 5.0, 1.0]);
    }

    #[test]
    fn another_stall_and_latency_from_the_hand_over_fail() {
        let all = |stall: &PlantedStall| histogram((0..30).flat_map(|_| stall.latencies_ns()));
        let is_met = |found: &Histogram<u64>| STALL.marks().iter().all(|mark| mark.is_in(found));
        assert!(is_met(&all(&STALL)));
        assert!(!is_met(&all(&PlantedStall { stall_ns: 1.05e7, ..STALL })));
        assert!(!is_met(&all(&PlantedStall { stall_ns: 0.95e7, ..STALL })));
        assert!(!is_met(&all(&PlantedStall { period: 150, ..STALL })), "at the wrong percentile");
        // From the hand-over each period has one slow message, and all that waited behind it are fast.
        let mut closed = vec![STALL.cycle_ns; STALL.period - 1];
        closed.push(STALL.stall_ns + STALL.cycle_ns);
        let closed = histogram((0..30).flat_map(|_| closed.clone()));
        assert!(STALL.marks().iter().all(|mark| !mark.is_in(&closed)));
    }
}
