//! Timing of very short calls: batches between two reads of the time stamp counter.
//!
//! One call of 25 ns cannot be timed by a clock that costs as much to read, so that a sample is a batch, and what is
//! reported is the batch's time over its calls. A percentile is therefore one of batches, not of calls; the batch is
//! short enough that an interruption shows. The cost of the two reads is measured and stays in (it is spread over the
//! batch).

use quanta::Clock;

/// Calls in one sample.
pub const BATCH: usize = 32;

/// Samples of one scenario, ns a call.
#[derive(Debug)]
pub struct Samples {
    clock: Clock,
    ns_per_call: Vec<f64>,
}

impl Samples {
    /// Room for `count` samples.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self { clock: Clock::new(), ns_per_call: Vec::with_capacity(count) }
    }

    /// Times one batch: `call` is called with 0 to [`BATCH`] - 1.
    #[inline]
    pub fn batch(&mut self, mut call: impl FnMut(usize)) {
        let start = self.clock.raw();
        for index in 0..BATCH {
            call(index);
        }
        let end = self.clock.raw();
        self.ns_per_call.push(self.clock.delta_as_nanos(start, end) as f64 / BATCH as f64);
    }

    /// Forgets the samples of the warm-up.
    pub fn clear(&mut self) {
        self.ns_per_call.clear();
    }

    /// The JSON line: `bytes` is what one call handled on average.
    ///
    /// # Errors
    /// Fewer samples than a 99th percentile needs.
    pub fn line(mut self, scenario: &str, method: &str, bytes: f64) -> Result<String, String> {
        if self.ns_per_call.len() < 10_000 {
            return Err(format!("only {} samples", self.ns_per_call.len()));
        }
        self.ns_per_call.sort_by(f64::total_cmp);
        let at = |part: f64| self.ns_per_call[((self.ns_per_call.len() - 1) as f64 * part) as usize];
        let mut reads: Vec<u64> = (0..10_000)
            .map(|_| {
                let start = self.clock.raw();
                self.clock.delta_as_nanos(start, self.clock.raw())
            })
            .collect();
        reads.sort_unstable();
        Ok(format!(
            "{{\"scenario\":\"{scenario}\",\"samples\":{},\"calls_per_sample\":{BATCH},\"bytes\":{bytes:.1},\
             \"min_ns\":{:.1},\"p50_ns\":{:.1},\"p90_ns\":{:.1},\"p99_ns\":{:.1},\"clock_pair_p50_ns\":{},\
             \"method\":\"{method}\"}}",
            self.ns_per_call.len(),
            at(0.0),
            at(0.5),
            at(0.9),
            at(0.99),
            reads[reads.len() / 2],
        ))
    }
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
