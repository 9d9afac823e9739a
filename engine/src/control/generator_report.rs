//! Whether the load of a paced replay was what was wanted: the rate that was offered and reached, and how often the
//! generator itself was late (`pipeline::pacer` has the rule). A run whose generator was late does not count.
//!
//! Made once, at the end, on the cold thread; allocates nothing.

use std::fmt;

use crate::pipeline::pacer::{LATE_NS, Pace, Pacer};
use crate::pipeline::tsc::Calibration;

/// A run counts as long as at most one message in so many was late by the generator: its p99.9 may be the machine's,
/// its p99 is not.
pub const LATE_ONE_IN: u64 = 1_000;

/// What the generator did.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GeneratorReport {
    /// Messages a second that were wanted, where the rate is constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_per_s: Option<f64>,
    /// Messages a second, from the first due time to the last hand-over.
    pub achieved_per_s: f64,
    /// Messages handed over.
    pub messages: u64,
    /// Of these, such that the generator handed over late.
    pub late: u64,
    /// What is late, ns.
    pub late_above_ns: u64,
    /// How late the latest of them was, ns.
    pub worst_ns: u64,
    /// Whether the run counts.
    pub counts: bool,
}

impl GeneratorReport {
    /// What a pacer has seen; `None` when nothing had a due time.
    #[must_use]
    pub fn of(pacer: &Pacer, pace: Pace, calibration: &Calibration) -> Option<Self> {
        if pace == Pace::Max {
            return None;
        }
        let span_s = calibration.ticks_to_ns(pacer.span_ticks()) as f64 / 1e9;
        // The first message is due at the span's start: so many intervals lie between the first and the last.
        let intervals = pacer.released().saturating_sub(1) as f64;
        Some(Self {
            offered_per_s: if let Pace::Rate(per_s) = pace { Some(per_s) } else { None },
            achieved_per_s: if span_s > 0.0 { intervals / span_s } else { 0.0 },
            messages: pacer.released(),
            late: pacer.late(),
            late_above_ns: LATE_NS,
            worst_ns: calibration.ticks_to_ns(pacer.latest_ticks()),
            counts: counts(pacer.late(), pacer.released()),
        })
    }

    /// This run and another one of the same load, one after the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let messages = self.messages + other.messages;
        let seconds = |report: &Self| {
            if report.achieved_per_s > 0.0 { report.messages as f64 / report.achieved_per_s } else { 0.0 }
        };
        let seconds = seconds(&self) + seconds(&other);
        let late = self.late + other.late;
        Self {
            achieved_per_s: if seconds > 0.0 { messages as f64 / seconds } else { 0.0 },
            messages,
            late,
            worst_ns: self.worst_ns.max(other.worst_ns),
            counts: counts(late, messages),
            ..self
        }
    }
}

const fn counts(late: u64, messages: u64) -> bool {
    late.saturating_mul(LATE_ONE_IN) <= messages
}

impl fmt::Display for GeneratorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, late, worst_ns, achieved_per_s, .. } = self;
        if let Some(offered) = self.offered_per_s {
            write!(f, "{offered:.0} messages/s offered, {achieved_per_s:.0} handed over; ")?;
        }
        let late_us = self.late_above_ns / 1_000;
        write!(f, "the generator itself was more than {late_us} us late for {late} of {messages} messages")?;
        if *late > 0 {
            write!(f, ", at worst {:.1} us", *worst_ns as f64 / 1e3)?;
        }
        if !self.counts {
            write!(f, ": more than one in {LATE_ONE_IN}, this run does not count")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(messages: u64, late: u64) -> GeneratorReport {
        GeneratorReport {
            offered_per_s: Some(1e4),
            achieved_per_s: 9_000.0,
            messages,
            late,
            late_above_ns: LATE_NS,
            worst_ns: 1_234_567,
            counts: counts(late, messages),
        }
    }

    #[test]
    fn one_late_message_in_a_thousand_is_the_most() {
        assert!(report(10_000, 10).counts);
        assert!(!report(10_000, 11).counts);
        assert!(!report(999, 1).counts);
        assert!(report(0, 0).counts);
    }

    #[test]
    fn two_runs_are_weighed_by_their_time() {
        let sum = report(9_000, 0).and(GeneratorReport { achieved_per_s: 3_000.0, ..report(9_000, 30) });
        assert!((sum.achieved_per_s - 4_500.0).abs() < 1e-6, "{sum:?}");
        assert_eq!((sum.messages, sum.late, sum.counts), (18_000, 30, false));
    }

    #[test]
    fn a_run_that_does_not_count_says_so() {
        let text = report(10_000, 500).to_string();
        assert!(text.contains("500 of 10000") && text.contains("does not count"), "{text}");
        assert!(text.contains("1234.6 us"), "{text}");
        assert!(!report(10_000, 0).to_string().contains("worst"));
    }
}
