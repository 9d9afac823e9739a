//! `[[parent_orders]]`: quantities that are to be bought or sold today, split over the venues as they stand.

use std::collections::BTreeMap;

use feeds::event::Side;
use feeds::units::NS_PER_S;
use kernels::cpu::routing::ParentOrder;
use serde::{Deserialize, Serialize};

use crate::control::wide_config::LegSide;
use crate::strategy::parent_router::ParentTerms;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// One parent order; its instrument is among `[[instruments]]`, whose limits hold for the children too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParentOrderConfig {
    /// Symbol as the feed writes it; one parent order a symbol.
    pub symbol: String,
    /// Buy or sell.
    pub side: LegSide,
    /// Quantity in all, a multiple of the lot.
    pub quantity: u64,
    /// Worst price, 1e-9, before fees.
    pub limit_e9: i64,
    /// Every child is a multiple of it. Default 1: US equities trade in single shares.
    #[serde(default = "default_lot")]
    pub lot: u64,
    /// Largest child. Default 500: the default risk limit of an order.
    #[serde(default = "default_child_qty_max")]
    pub child_qty_max: u64,
    /// Smallest child by venue; a venue that is not named takes any.
    #[serde(default)]
    pub child_qty_min: BTreeMap<String, u64>,
    /// From when on it is worked, ms after midnight, Eastern time. Default 0: at once.
    #[serde(default)]
    pub begin_ms: u64,
    /// Until when, ms after midnight, Eastern time. Default the day's end.
    #[serde(default = "default_end_ms")]
    pub end_ms: u64,
    /// Wait between two rounds of children, ns. Default 1 ms: the books must show what the last round took.
    #[serde(default = "default_cool_down_ns")]
    pub cool_down_ns: u64,
}

const fn default_lot() -> u64 {
    1
}

const fn default_child_qty_max() -> u64 {
    500
}

const fn default_end_ms() -> u64 {
    DAY_MS
}

const fn default_cool_down_ns() -> u64 {
    1_000_000
}

impl ParentOrderConfig {
    /// Checks what [`crate::strategy::parent_router::ParentRouter::new`] cannot.
    ///
    /// # Errors
    /// The first field out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        if self.end_ms > DAY_MS || self.begin_ms >= self.end_ms {
            return Err(format!(
                "begin_ms is {}, end_ms is {}: give ascending times up to {DAY_MS}",
                self.begin_ms, self.end_ms
            ));
        }
        if self.child_qty_max < self.lot.max(1) {
            return Err(format!("child_qty_max is {}: give at least the lot", self.child_qty_max));
        }
        let too_large = self.child_qty_min.iter().find(|&(_, &least)| least > self.child_qty_max);
        match too_large {
            Some((venue, least)) => {
                Err(format!("child_qty_min of {venue} is {least}: give at most child_qty_max"))
            }
            None => Ok(()),
        }
    }

    /// In numbers, on the day that begins at `midnight_ns` (UTC).
    #[must_use]
    pub fn terms(&self, instrument: u32, midnight_ns: u64) -> ParentTerms {
        let side = match self.side {
            LegSide::Buy => Side::Buy,
            LegSide::Sell => Side::Sell,
        };
        let at = |ms: u64| midnight_ns + ms * (NS_PER_S / 1_000);
        ParentTerms {
            instrument,
            order: ParentOrder { side, quantity: self.quantity, limit: self.limit_e9, lot: self.lot },
            begin_ns: at(self.begin_ms),
            end_ns: at(self.end_ms),
            cool_down_ns: self.cool_down_ns,
        }
    }
}
