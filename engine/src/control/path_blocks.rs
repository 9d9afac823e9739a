//! How a run's latency went along: the median of each of up to 64 consecutive stretches of order paths.
//!
//! A histogram forgets when a value was; two runs are compared by what happened at the same place in both (`compare`). A
//! stretch ends after so many paths, not after so much time, so that the same orders are in the same stretch of every run.
//! Its figure is the mean of the medians of the 64 paths each that it consists of: stretches are joined in twos whenever there would be
//! more than 64, and medians cannot be joined. Allocates at construction, records without allocating; belongs to the cold thread.

/// Most stretches.
pub const BLOCKS_MAX: usize = 64;

/// Paths of which a median is taken.
const PATHS: usize = 64;

/// The stretches of a run, in the summary.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Blocks {
    /// Paths of a stretch.
    pub paths_per_block: u64,
    /// Mean over a stretch of the medians of 64 paths each, ns.
    pub p50_ns: Vec<f64>,
}

impl Blocks {
    /// Whether the run had too few paths for any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.p50_ns.is_empty()
    }
}

/// Records the stretches.
#[derive(Clone, Debug)]
pub struct PathBlocks {
    waiting: Vec<u64>,
    /// Sum of the medians of the stretch that is not full yet, and how many.
    open: (f64, u64),
    /// Medians in a full stretch.
    medians_per_block: u64,
    full: Vec<f64>,
}

impl Default for PathBlocks {
    fn default() -> Self {
        Self {
            waiting: Vec::with_capacity(PATHS),
            open: (0.0, 0),
            medians_per_block: 1,
            full: Vec::with_capacity(BLOCKS_MAX),
        }
    }
}

impl PathBlocks {
    /// Adds the next path.
    pub fn add(&mut self, ns: u64) {
        self.waiting.push(ns);
        if self.waiting.len() < PATHS {
            return;
        }
        let (_, &mut median, _) = self.waiting.select_nth_unstable(PATHS / 2);
        self.waiting.clear();
        self.open.0 += median as f64;
        self.open.1 += 1;
        if self.open.1 == self.medians_per_block {
            self.full.push(self.open.0 / self.medians_per_block as f64);
            self.open = (0.0, 0);
        }
        if self.full.len() == BLOCKS_MAX {
            self.join();
        }
    }

    /// Makes one of every two.
    fn join(&mut self) {
        for at in 0..BLOCKS_MAX / 2 {
            self.full[at] = (self.full[2 * at] + self.full[2 * at + 1]) / 2.0;
        }
        self.full.truncate(BLOCKS_MAX / 2);
        self.medians_per_block *= 2;
    }

    /// The full stretches so far.
    #[must_use]
    pub fn blocks(&self) -> Blocks {
        // A tenth of a nanosecond: what is beyond it is noise, and long to read.
        let tenths = |ns: &f64| (ns * 10.0).round() / 10.0;
        Blocks {
            paths_per_block: self.medians_per_block * PATHS as u64,
            p50_ns: self.full.iter().map(tenths).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Cuts the whole run at the end, when its length is known.
    fn naive(values: &[u64], per_block: usize) -> Vec<f64> {
        let median = |values: &[u64]| {
            let mut sorted = values.to_vec();
            sorted.sort_unstable();
            sorted[PATHS / 2] as f64
        };
        let stretches = values.chunks_exact(per_block);
        let mean = |stretch: &[u64]| {
            stretch.chunks_exact(PATHS).map(median).sum::<f64>() / (stretch.len() / PATHS) as f64
        };
        stretches.map(mean).collect()
    }

    proptest! {
        #[test]
        fn stretches_are_those_of_the_whole_run(values in prop::collection::vec(0_u64..1_000_000, 0..40_000)) {
            let mut recorder = PathBlocks::default();
            values.iter().for_each(|&ns| recorder.add(ns));
            let blocks = recorder.blocks();
            prop_assert!(blocks.p50_ns.len() < BLOCKS_MAX);
            prop_assert!(blocks.p50_ns.len() >= BLOCKS_MAX / 2 || blocks.paths_per_block == PATHS as u64);
            let expected = naive(&values, blocks.paths_per_block as usize);
            prop_assert_eq!(blocks.p50_ns.len(), expected.len());
            for (found, expected) in blocks.p50_ns.iter().zip(&expected) {
                prop_assert!((found - expected).abs() <= 0.06, "{found} {expected}");
            }
        }
    }
}
