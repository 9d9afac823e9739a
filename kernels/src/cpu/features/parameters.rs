//! What the features are measured over, and its ranges.

use super::BulkParameters;
use feeds::units::NS_PER_S;

/// Longest ring: buckets of VPIN, samples of the realised volatility.
pub const RING_MAX: u32 = 4_096;

/// Largest volume of a VPIN bucket, quantity units.
pub const BUCKET_MAX: u64 = 1 << 40;

/// What the features are measured over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureParameters {
    /// Length of an order-flow interval, ns of core time. Default 10 s, as in the paper.
    pub flow_interval_ns: u64,
    /// Volume of a VPIN bucket, quantity units, 1 to [`BUCKET_MAX`]. The paper takes a fiftieth of a day's volume, which
    /// depends on the instrument. Default 10,000.
    pub vpin_bucket: u64,
    /// Buckets that VPIN looks back over, 1 to [`RING_MAX`]. Default 50, as in the paper.
    pub vpin_buckets: u32,
    /// Trades are classified in bulk, by how far the price moved, as in the paper: for feeds that do not say who began them.
    /// Default: none, each trade by its side.
    pub vpin_bulk: Option<BulkParameters>,
    /// Distance of the lines at which the mid is sampled, ns of core time. Default 1 s.
    pub volatility_interval_ns: u64,
    /// Changes between lines that the realised volatility looks back over, 1 to [`RING_MAX`]. Default 300: five minutes.
    pub volatility_samples: u32,
}

impl Default for FeatureParameters {
    fn default() -> Self {
        Self {
            flow_interval_ns: 10 * NS_PER_S,
            vpin_bucket: 10_000,
            vpin_buckets: 50,
            vpin_bulk: None,
            volatility_interval_ns: NS_PER_S,
            volatility_samples: 300,
        }
    }
}

/// A parameter out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureError {
    /// `flow_interval_ns`, `volatility_interval_ns` or the length of bars is not in 1 us to 1 day.
    Interval(u64),
    /// `vpin_bucket` is not in 1 to [`BUCKET_MAX`].
    Bucket(u64),
    /// `vpin_buckets`, `volatility_samples` or the changes between bars are not in 1 to [`RING_MAX`].
    Ring(u32),
}

impl std::fmt::Display for FeatureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Interval(found) => write!(f, "an interval of {found} ns: give 1,000 ns to a day"),
            Self::Bucket(found) => write!(f, "a VPIN bucket of {found}: give 1 to {BUCKET_MAX}"),
            Self::Ring(found) => write!(f, "{found} buckets, samples or changes: give 1 to {RING_MAX}"),
        }
    }
}

impl std::error::Error for FeatureError {}

impl FeatureParameters {
    /// Checks every range.
    ///
    /// # Errors
    /// The first value out of range.
    pub fn validate(&self) -> Result<(), FeatureError> {
        let (bar_ns, changes) = self.vpin_bulk.map(|bulk| (bulk.bar_ns, bulk.changes)).unzip();
        let intervals = [Some(self.flow_interval_ns), Some(self.volatility_interval_ns), bar_ns];
        for interval_ns in intervals.into_iter().flatten() {
            if !(1_000..=86_400 * NS_PER_S).contains(&interval_ns) {
                return Err(FeatureError::Interval(interval_ns));
            }
        }
        if !(1..=BUCKET_MAX).contains(&self.vpin_bucket) {
            return Err(FeatureError::Bucket(self.vpin_bucket));
        }
        let lengths = [Some(self.vpin_buckets), Some(self.volatility_samples), changes];
        for length in lengths.into_iter().flatten() {
            if !(1..=RING_MAX).contains(&length) {
                return Err(FeatureError::Ring(length));
            }
        }
        Ok(())
    }
}
