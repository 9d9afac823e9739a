//! The limits that the monitor holds requests against, taken from the configuration once. What a configuration does not
//! limit is a number that nothing reaches.

use engine::control::config::{Config, LimitsConfig};

/// Messages a second, and at once after a quiet time; one of them may be left out.
pub fn rate(per_s: Option<u32>, burst: Option<u32>) -> Option<(u64, u64)> {
    let either = per_s.or(burst)?;
    Some((u64::from(per_s.unwrap_or(either)), u64::from(burst.unwrap_or(either))))
}

fn or_none(limit: Option<u32>) -> usize {
    limit.map_or(usize::MAX, |limit| limit as usize)
}

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
    /// Messages a second and at once.
    pub rate: Option<(u64, u64)>,
    pub restricted: bool,
}

/// Limits of the whole engine.
#[derive(Clone, Copy, Debug)]
pub struct FirmLimits {
    /// Messages a second and at once.
    pub rate: (u64, u64),
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
            order_qty_min: limits.order_qty_min,
            lot_qty: limits.lot_qty,
            order_notional_max: i128::from(limits.order_notional_max) * PRICE_SCALE,
            position_max: i128::from(limits.position_max),
            price_tick: limits.price_tick_e9,
            open_orders_max: or_none(limits.open_orders_max),
            duplicates_max: or_none(limits.duplicates_max),
            duplicate_window_ns: limits.duplicate_window_ms * 1_000_000,
            rate: rate(limits.messages_per_s, limits.messages_burst),
            restricted: limits.restricted,
        }
    }
}

impl FirmLimits {
    pub fn of(config: &Config) -> Self {
        Self {
            rate: (u64::from(config.risk.messages_per_s), u64::from(config.risk.messages_burst)),
            open_orders_max: config.pipeline.open_orders_max.min(or_none(config.risk.open_orders_max)),
            open_notional_max: config
                .risk
                .open_notional_max
                .map_or(i128::MAX, |units| i128::from(units) * PRICE_SCALE),
            refuses_self_trades: true,
        }
    }
}
