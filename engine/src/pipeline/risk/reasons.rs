//! Why an intent was refused: one bit a rule, all of them at once.

use std::fmt;

/// Why an intent was refused: one bit a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RiskReasons(pub u32);

impl RiskReasons {
    /// A kill switch is set: of the engine, the side, the venue, the instrument or the strategy.
    pub const KILL_SWITCH: Self = Self(1);
    /// No limits are configured for the instrument, or it is not in continuous trading at the venue.
    pub const NOT_TRADABLE: Self = Self(1 << 1);
    /// Quantity zero or above `order_qty_max`.
    pub const ORDER_QTY: Self = Self(1 << 2);
    /// Price times quantity above `order_notional_max`.
    pub const NOTIONAL: Self = Self(1 << 3);
    /// Price not positive or not a multiple of the tick.
    pub const PRICE: Self = Self(1 << 4);
    /// Price further from the reference than the collar: the mid of a two-sided market, else the last trade.
    pub const COLLAR: Self = Self(1 << 5);
    /// There is no reference price: no two-sided market, and no trade younger than `last_trade_age_max_ms`.
    pub const NO_REFERENCE: Self = Self(1 << 6);
    /// Worst-case position, open orders included, above `position_max`.
    pub const POSITION: Self = Self(1 << 7);
    /// More messages than the rate allows. Never set for cancels.
    pub const MESSAGE_RATE: Self = Self(1 << 8);
    /// The ClOrdID was used before.
    pub const DUPLICATE_CL_ORD_ID: Self = Self(1 << 9);
    /// The venue's own book is crossed.
    pub const BOOK_CROSSED: Self = Self(1 << 10);
    /// Replace or cancel of an order that is not live, that has a message in flight, or that has filled as much as
    /// the replace asks for; a new order that names a target.
    pub const TARGET: Self = Self(1 << 11);
    /// No order slot or no ClOrdID is left.
    pub const TABLE_FULL: Self = Self(1 << 12);
    /// Another leg of an all-or-none group was refused.
    pub const GROUP: Self = Self(1 << 13);
    /// Messages of the venue's feed are missing: its book is stale.
    pub const STALE_BOOK: Self = Self(1 << 14);
    /// Below `order_qty_min`, or not a multiple of `lot_qty`.
    pub const LOT: Self = Self(1 << 15);
    /// Further through the venue's touch than `touch_ticks_max`.
    pub const TOUCH: Self = Self(1 << 16);
    /// The venue's feed has said nothing for longer than `market_data_age_max_ms`.
    pub const DATA_AGE: Self = Self(1 << 17);
    /// Gross notional, open orders included, above `gross_notional_max` of the firm or the strategy.
    pub const GROSS_NOTIONAL: Self = Self(1 << 18);
    /// Net notional, open orders of that side included, above `net_notional_max` of the firm or the strategy.
    pub const NET_NOTIONAL: Self = Self(1 << 19);
    /// Notional of all open orders above `open_notional_max` of the firm or the strategy.
    pub const OPEN_NOTIONAL: Self = Self(1 << 20);
    /// Margin of positions and open orders above `buying_power`.
    pub const BUYING_POWER: Self = Self(1 << 21);
    /// As many open orders as `open_orders_max` of the instrument or the firm.
    pub const OPEN_ORDERS: Self = Self(1 << 22);
    /// The same terms as more than `duplicates_max` new orders within `duplicate_window_ms`.
    pub const DUPLICATE_ORDER: Self = Self(1 << 23);
    /// It would trade against an order of our own at the same venue.
    pub const SELF_TRADE: Self = Self(1 << 24);
    /// Sells short more than `locate_qty`.
    pub const SHORT_LOCATE: Self = Self(1 << 25);
    /// Regulation SHO, rule 201: a short sale at or below the national best bid in a restricted instrument.
    pub const SHORT_PRICE: Self = Self(1 << 26);
    /// The instrument is on the restricted list, or not among those that the strategy declared.
    pub const RESTRICTED: Self = Self(1 << 27);
    /// Regulation NMS, rule 610(d): it would rest and lock or cross the quote of another venue.
    pub const LOCKS_AWAY: Self = Self(1 << 28);
    /// Regulation NMS, rule 611: it could trade through the better quote of another venue.
    pub const TRADE_THROUGH: Self = Self(1 << 29);
    /// More messages for each trade than `order_to_trade_max`.
    pub const ORDER_TO_TRADE: Self = Self(1 << 30);
    /// The exchange's clock and ours differ by more than `clock_skew_max_ms`.
    pub const CLOCK_SKEW: Self = Self(1 << 31);

    /// Names in bit order, for reports.
    pub const NAMES: [&'static str; 32] = [
        "KILL_SWITCH",
        "NOT_TRADABLE",
        "ORDER_QTY",
        "NOTIONAL",
        "PRICE",
        "COLLAR",
        "NO_REFERENCE",
        "POSITION",
        "MESSAGE_RATE",
        "DUPLICATE_CL_ORD_ID",
        "BOOK_CROSSED",
        "TARGET",
        "TABLE_FULL",
        "GROUP",
        "STALE_BOOK",
        "LOT",
        "TOUCH",
        "DATA_AGE",
        "GROSS_NOTIONAL",
        "NET_NOTIONAL",
        "OPEN_NOTIONAL",
        "BUYING_POWER",
        "OPEN_ORDERS",
        "DUPLICATE_ORDER",
        "SELF_TRADE",
        "SHORT_LOCATE",
        "SHORT_PRICE",
        "RESTRICTED",
        "LOCKS_AWAY",
        "TRADE_THROUGH",
        "ORDER_TO_TRADE",
        "CLOCK_SKEW",
    ];

    /// Whether nothing was found.
    #[must_use]
    pub const fn is_clear(self) -> bool {
        self.0 == 0
    }

    /// Whether a rule's bit is set.
    #[must_use]
    pub const fn contains(self, rule: Self) -> bool {
        self.0 & rule.0 == rule.0
    }

    #[inline(always)]
    pub(super) fn when(self, broken: bool) -> Self {
        #[cfg(test)]
        let broken = broken && !super::deleted::is_deleted(self);
        Self(if broken { self.0 } else { 0 })
    }
}

impl std::ops::BitOr for RiskReasons {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for RiskReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (bit, name) in Self::NAMES.iter().enumerate() {
            if self.0 >> bit & 1 == 1 {
                write!(f, "{}{name}", if first { "" } else { "|" })?;
                first = false;
            }
        }
        if first { f.write_str("none") } else { Ok(()) }
    }
}
