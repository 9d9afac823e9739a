//! `[[features]]`: books whose microstructure features are kept for strategies.

use kernels::cpu::features::{BulkParameters, FeatureParameters};
use serde::{Deserialize, Serialize};

/// The features of one instrument, at every venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesConfig {
    /// Symbol as the feed writes it.
    pub symbol: String,
    /// Length of an order-flow interval, ns. Default 10 s.
    #[serde(default = "default_flow_interval_ns")]
    pub flow_interval_ns: u64,
    /// Volume of a VPIN bucket, quantity units: about a fiftieth of a day's. Default 10,000.
    #[serde(default = "default_vpin_bucket")]
    pub vpin_bucket: u64,
    /// Buckets that VPIN looks back over. Default 50.
    #[serde(default = "default_vpin_buckets")]
    pub vpin_buckets: u32,
    /// Classify trades in bulk, by how far the price moved, and not by their sides: for feeds that do not say who began a trade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpin_bulk: Option<VpinBulkConfig>,
    /// Realised volatility: distance of the samples, ns. Default 1 s.
    #[serde(default = "default_volatility_interval_ns")]
    pub volatility_interval_ns: u64,
    /// Realised volatility: samples that it looks back over. Default 300: five minutes.
    #[serde(default = "default_volatility_samples")]
    pub volatility_samples: u32,
}

/// Bulk volume classification; see [`kernels::cpu::features::BulkParameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VpinBulkConfig {
    /// Length of the bars whose volume is split, ns. Default one minute.
    pub bar_ns: u64,
    /// Changes of the price between bars that their standard deviation is taken over. Default 390: the minutes of a day's
    /// continuous trading.
    pub changes: u32,
}

impl Default for VpinBulkConfig {
    fn default() -> Self {
        let BulkParameters { bar_ns, changes } = BulkParameters::default();
        Self { bar_ns, changes }
    }
}

fn default_flow_interval_ns() -> u64 {
    FeatureParameters::default().flow_interval_ns
}

fn default_vpin_bucket() -> u64 {
    FeatureParameters::default().vpin_bucket
}

fn default_vpin_buckets() -> u32 {
    FeatureParameters::default().vpin_buckets
}

fn default_volatility_interval_ns() -> u64 {
    FeatureParameters::default().volatility_interval_ns
}

fn default_volatility_samples() -> u32 {
    FeatureParameters::default().volatility_samples
}

impl FeaturesConfig {
    /// What the features are measured over.
    #[must_use]
    pub const fn parameters(&self) -> FeatureParameters {
        FeatureParameters {
            flow_interval_ns: self.flow_interval_ns,
            vpin_bucket: self.vpin_bucket,
            vpin_buckets: self.vpin_buckets,
            vpin_bulk: match self.vpin_bulk {
                Some(VpinBulkConfig { bar_ns, changes }) => Some(BulkParameters { bar_ns, changes }),
                None => None,
            },
            volatility_interval_ns: self.volatility_interval_ns,
            volatility_samples: self.volatility_samples,
        }
    }
}
