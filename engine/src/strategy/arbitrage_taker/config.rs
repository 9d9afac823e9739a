//! Settings of the arbitrage taker, and what cannot be used of them. Read once at start.

use crate::strategy::trading_back::Flatten;
use serde::{Deserialize, Serialize};

/// Settings of one arbitrage taker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArbitrageTakerConfig {
    /// Smallest profit of every share after both fees, 1e-9. Default 0.001: pays for a leg that now and then misses.
    pub edge_min_e9: i64,
    /// Quantities are multiples of this. Default 1: US equities trade in single shares.
    pub qty_increment: u64,
    /// Largest quantity of a leg. Default 500: the default risk limit of an order.
    pub qty_max: u64,
    /// Largest notional of a leg, whole currency units. Default 250,000: half of the default risk limit, which counts
    /// the order at its limit.
    pub notional_max: u64,
    /// Rule for what filled on one leg only. Default "cross": an arbitrage desk wants no position.
    pub flatten: Flatten,
    /// Slippage that flattening accepts from the best price of its venue, ticks. Default 5.
    pub slippage_max_ticks: u32,
    /// Wait after an attempt, after a refusal, and between two attempts to flatten, ns. Default 1 ms: the books must
    /// show what the last attempt took before the next is judged.
    pub cool_down_ns: u64,
}

impl Default for ArbitrageTakerConfig {
    fn default() -> Self {
        Self {
            edge_min_e9: 1_000_000,
            qty_increment: 1,
            qty_max: 500,
            notional_max: 250_000,
            flatten: Flatten::Cross,
            slippage_max_ticks: 5,
            cool_down_ns: 1_000_000,
        }
    }
}

/// An [`ArbitrageTakerConfig`], or a set of venues, that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArbitrageTakerError {
    /// Not 2 to [`VENUES_MAX`](kernels::cpu::cross_venue::VENUES_MAX) venues, or one is named twice.
    Venues,
    /// A venue's price increment is not positive.
    PriceTick,
    /// `edge_min_e9` is negative: it would trade at a loss.
    EdgeMin,
    /// `qty_max` is zero or `qty_increment` is not in 1 to `qty_max`.
    Quantity,
    /// `notional_max` is zero.
    NotionalMax,
}

impl std::fmt::Display for ArbitrageTakerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Venues => "arbitrage needs 2 to 8 different venues",
            Self::PriceTick => "a price increment is not positive",
            Self::EdgeMin => "edge_min_e9 is negative: it would trade at a loss",
            Self::Quantity => "qty_increment: give 1 to qty_max",
            Self::NotionalMax => "notional_max is zero: nothing could be traded",
        })
    }
}

impl std::error::Error for ArbitrageTakerError {}
