//! The limits that the monitor holds requests against, taken from the configuration once. What a configuration does not
//! limit is a number that nothing reaches.

use engine::control::config::{Config, LimitsConfig};

const PRICE_SCALE: i128 = 1_000_000_000;

/// Limits of one symbol.
#[derive(Clone, Copy, Debug)]
pub struct SymbolLimits {
    pub order_qty_max: u64,
    pub order_qty_min: u64,
    pub lot_qty: u64,
    /// Price times quantity, 1e-9 of the currency.
    pub order_notional_max: i128,
    pub position_max: i128,
    pub price_tick: i64,
    pub open_orders_max: usize,
    /// New orders of one side, price and quantity within the window.
    pub duplicates_max: usize,
    pub duplicate_window_ns: u64,
    pub restricted: bool,
}

/// Limits of the whole engine.
#[derive(Clone, Copy, Debug)]
pub struct FirmLimits {
    pub messages_per_s: u64,
    pub messages_burst: u64,
    pub open_orders_max: usize,
    /// Sum of what can still fill at its limit prices, 1e-9 of the currency.
    pub open_notional_max: i128,
    /// Whether an order may not cross one of ours at its venue.
    pub refuses_self_trades: bool,
}

impl SymbolLimits {
    pub fn of(limits: &LimitsConfig) -> Self {
        Self {
            order_qty_max: limits.order_qty_max,
            order_qty_min: 1,
            lot_qty: 1,
            order_notional_max: i128::from(limits.order_notional_max) * PRICE_SCALE,
            position_max: i128::from(limits.position_max),
            price_tick: limits.price_tick_e9,
            open_orders_max: usize::MAX,
            duplicates_max: usize::MAX,
            duplicate_window_ns: 0,
            restricted: false,
        }
    }
}

impl FirmLimits {
    pub fn of(config: &Config) -> Self {
        Self {
            messages_per_s: u64::from(config.risk.messages_per_s),
            messages_burst: u64::from(config.risk.messages_burst),
            open_orders_max: config.pipeline.open_orders_max,
            open_notional_max: i128::MAX,
            refuses_self_trades: false,
        }
    }
}
