//! One rate of the latency-against-rate table, as the terminal, the JSON line and `rates.json` have it.

use crate::control::core_time::ThreadTime;
use crate::control::generator_report::GeneratorReport;
use crate::control::histograms::{Distribution, Measure, StageHistograms};

/// A rate keeps up when at least this share of what was offered was handed over.
pub const ACHIEVED_SHARE_MIN: f64 = 0.99;

/// ... and its p99 from due is at most so many times its p99 of service: beyond it, waiting is what is measured.
pub const P99_FACTOR_MAX: u64 = 10;

/// ... or so short that nobody waited for anything but a look at the sockets, ns.
pub const P99_ALWAYS_FINE_NS: u64 = 100_000;

/// Latencies at one rate. Percentiles that the sample does not support are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RateRow {
    /// Messages a second that were wanted.
    pub offered_per_s: f64,
    /// Messages a second that were handed over.
    pub achieved_per_s: f64,
    /// Messages handed over.
    pub messages: u64,
    /// Orders (new orders and replaces) that a message led to: the samples of the figures.
    pub orders: u64,
    /// Message due to complete order bytes, median, ns.
    pub p50_ns: Option<u64>,
    /// 90th percentile, ns.
    pub p90_ns: Option<u64>,
    /// 99th percentile, ns.
    pub p99_ns: Option<u64>,
    /// 99.9th percentile, ns.
    pub p999_ns: Option<u64>,
    /// Longest, ns.
    pub max_ns: Option<u64>,
    /// Message handed over to complete order bytes, median, ns.
    pub service_p50_ns: Option<u64>,
    /// 99th percentile of that, ns.
    pub service_p99_ns: Option<u64>,
    /// Messages that the generator itself handed over late.
    pub late: u64,
    /// How late the latest of them was, ns.
    pub late_worst_ns: u64,
    /// How long hot threads were ready and another thread had their core, ns.
    pub core_wait_ns: u64,
    /// Whether the run counts: the generator was in time.
    pub counts: bool,
}

impl RateRow {
    /// The row of one or several runs at a rate.
    #[must_use]
    pub fn new(
        offered_per_s: f64,
        histograms: &StageHistograms,
        generator: &GeneratorReport,
        threads: &[ThreadTime],
    ) -> Self {
        let order: Distribution = histograms.distribution(Measure::TickToOrder);
        let service = histograms.distribution(Measure::ServiceToOrder);
        Self {
            offered_per_s,
            achieved_per_s: generator.achieved_per_s,
            messages: generator.messages,
            orders: order.count,
            p50_ns: order.p50_ns,
            p90_ns: order.p90_ns,
            p99_ns: order.p99_ns,
            p999_ns: order.p999_ns,
            max_ns: order.max_ns,
            service_p50_ns: service.p50_ns,
            service_p99_ns: service.p99_ns,
            late: generator.late,
            late_worst_ns: generator.worst_ns,
            core_wait_ns: threads.iter().map(|thread| thread.queued_ns).sum(),
            counts: generator.counts,
        }
    }

    /// Whether the engine keeps up with the rate; `None` when the run does not count and so says nothing about it.
    #[must_use]
    pub fn keeps_up(&self) -> Option<bool> {
        if !self.counts {
            return None;
        }
        let is_handed_over = self.achieved_per_s >= self.offered_per_s * ACHIEVED_SHARE_MIN;
        let is_short = match (self.p99_ns, self.service_p99_ns) {
            (Some(due), Some(service)) => due <= (service * P99_FACTOR_MAX).max(P99_ALWAYS_FINE_NS),
            // Too few orders for a p99: the rate alone says it.
            _ => true,
        };
        Some(is_handed_over && is_short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> RateRow {
        RateRow {
            offered_per_s: 10_000.0,
            achieved_per_s: 9_990.0,
            p99_ns: Some(150_000),
            service_p99_ns: Some(20_000),
            counts: true,
            ..RateRow::default()
        }
    }

    #[test]
    fn a_rate_keeps_up_when_all_is_handed_over_and_waiting_is_not_what_is_measured() {
        assert_eq!(row().keeps_up(), Some(true));
        assert_eq!(RateRow { achieved_per_s: 9_899.0, ..row() }.keeps_up(), Some(false));
        assert_eq!(RateRow { p99_ns: Some(200_001), ..row() }.keeps_up(), Some(false));
        let fast = RateRow { p99_ns: Some(99_000), service_p99_ns: Some(300), ..row() };
        assert_eq!(fast.keeps_up(), Some(true));
        assert_eq!(RateRow { p99_ns: None, ..row() }.keeps_up(), Some(true));
        assert_eq!(RateRow { counts: false, ..row() }.keeps_up(), None);
    }
}
