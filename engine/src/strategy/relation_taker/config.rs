//! Settings of the relation taker, and the listings that it trades. Read once at start.

use crate::pipeline::wide::WideListing;
use crate::strategy::trading_back::Flatten;
use kernels::abi::ListingTerms;
use serde::{Deserialize, Serialize};

/// Settings of the taker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelationTakerConfig {
    /// Wait after an attempt, after a refusal, and between two attempts to trade back, ns. Default 1 ms: the books must
    /// show what the last attempt took.
    pub cool_down_ns: u64,
    /// Rule for what filled beyond the least filled leg. Default "cross": it is traded back.
    pub flatten: Flatten,
    /// Slippage that trading back accepts from the best price, ticks. Default 5.
    pub slippage_max_ticks: u32,
}

impl Default for RelationTakerConfig {
    fn default() -> Self {
        Self { cool_down_ns: 1_000_000, flatten: Flatten::Cross, slippage_max_ticks: 5 }
    }
}

impl RelationTakerConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The field out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        if self.slippage_max_ticks > 1_000_000 {
            return Err(format!("slippage_max_ticks is {}; at most 1000000", self.slippage_max_ticks));
        }
        Ok(())
    }
}

/// A listing of the wide work as the taker trades it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenListing {
    /// Where and what.
    pub at: WideListing,
    /// Price increment of orders, 1e-9, above zero.
    pub price_tick: i64,
    /// Fees and lots.
    pub terms: ListingTerms,
}
