//! The limits as people write them: whole units of the currency, milliseconds, shares. What is not given is not limited,
//! but for what every desk needs; [`unlimited`] says what a live run goes without.

use serde::{Deserialize, Serialize};

use crate::pipeline::risk::{EngineLimits, InstrumentLimits, RateLimit, StrategyLimits, windows};
use feeds::units::PRICE_SCALE;

const NS_PER_MS: u64 = 1_000_000;

/// Limits of the whole engine, which is one account of one firm. Money is whole units of the currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskConfig {
    /// New orders and replaces a second. Cancels have the same budget of their own, and are never held back.
    pub messages_per_s: u32,
    /// How many may come at once after a quiet time.
    pub messages_burst: u32,
    /// Most open orders.
    pub open_orders_max: Option<u32>,
    /// Largest sum of all positions and open orders.
    pub gross_notional_max: Option<u64>,
    /// Largest sum of long less short positions, open orders of that side included, either way.
    pub net_notional_max: Option<u64>,
    /// Largest sum of all open orders.
    pub open_notional_max: Option<u64>,
    /// Largest sum of the margins of positions and open orders.
    pub buying_power: Option<u64>,
    /// Largest loss of the day, realised and unrealised, fees included.
    pub daily_loss_max: Option<u64>,
    /// Largest loss from the day's best.
    pub drawdown_max: Option<u64>,
    /// Largest loss within `loss_window_ms`.
    pub loss_rate_max: Option<u64>,
    /// That window, ms.
    pub loss_window_ms: u64,
    /// Most messages (new orders, replaces, cancels) for each trade.
    pub order_to_trade_max: Option<u64>,
    /// That ratio counts from so many messages on.
    pub order_to_trade_from: u64,
    /// Longest wait for the answer to a message, ms; the instrument is stopped then.
    pub answer_ms_max: Option<u64>,
    /// Largest difference between an exchange's clock and ours, ms.
    pub clock_skew_max_ms: Option<u64>,
    /// Fills of a day that are remembered by their ExecID(17); trading stops when they are used up.
    pub fills_max: usize,
    /// Limits of each strategy.
    pub strategy: StrategyRiskConfig,
}

impl Default for RiskConfig {
    fn default() -> Self {
        let none = EngineLimits::default();
        Self {
            messages_per_s: 1_000,
            messages_burst: 200,
            open_orders_max: None,
            gross_notional_max: None,
            net_notional_max: None,
            open_notional_max: None,
            buying_power: None,
            daily_loss_max: None,
            drawdown_max: None,
            loss_rate_max: None,
            loss_window_ms: none.loss_window_ns / NS_PER_MS,
            order_to_trade_max: None,
            order_to_trade_from: none.order_to_trade_from,
            answer_ms_max: None,
            clock_skew_max_ms: None,
            fills_max: 1 << 18,
            strategy: StrategyRiskConfig::default(),
        }
    }
}

/// Limits of each strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StrategyRiskConfig {
    /// As the firm's, of the strategy's own positions and orders.
    pub gross_notional_max: Option<u64>,
    /// As the firm's.
    pub net_notional_max: Option<u64>,
    /// As the firm's.
    pub open_notional_max: Option<u64>,
    /// Most fills within `executions_window_ms`; the strategy is stopped then.
    pub executions_max: Option<u32>,
    /// That window, ms.
    pub executions_window_ms: u64,
    /// Market-maker protection: most fills of resting orders within `protection_window_ms`; the strategy is stopped then.
    pub protection_fills_max: Option<u32>,
    /// The same of their quantity.
    pub protection_qty_max: Option<u64>,
    /// The same of what was bought less what was sold, either way.
    pub protection_delta_max: Option<u64>,
    /// That window, ms.
    pub protection_window_ms: u64,
}

impl Default for StrategyRiskConfig {
    fn default() -> Self {
        let none = StrategyLimits::default();
        Self {
            gross_notional_max: None,
            net_notional_max: None,
            open_notional_max: None,
            executions_max: None,
            executions_window_ms: none.executions_window_ns / NS_PER_MS,
            protection_fills_max: None,
            protection_qty_max: None,
            protection_delta_max: None,
            protection_window_ms: none.protection_window_ns / NS_PER_MS,
        }
    }
}

/// Limits of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Largest order, shares.
    pub order_qty_max: u64,
    /// Smallest order, shares.
    pub order_qty_min: u64,
    /// Orders are multiples of it, shares.
    pub lot_qty: u64,
    /// Largest price times quantity of an order, whole currency units.
    pub order_notional_max: u64,
    /// Widest distance from the reference, basis points: the NBBO mid, or where there is none the last trade.
    pub collar_bp: u32,
    /// How old that last trade may be, ms; without it an order needs a two-sided market.
    pub last_trade_age_max_ms: Option<u64>,
    /// Furthest through the venue's touch, price ticks.
    pub touch_ticks_max: Option<u32>,
    /// Largest absolute position, open orders included, shares.
    pub position_max: u32,
    /// Price increment, 1e-9. 10,000,000 is a cent.
    pub price_tick_e9: i64,
    /// Most open orders.
    pub open_orders_max: Option<u32>,
    /// New orders and replaces a second in this instrument.
    pub messages_per_s: Option<u32>,
    /// How many may come at once after a quiet time; as many as a second when not given.
    pub messages_burst: Option<u32>,
    /// Most new orders of the same side, price and quantity within `duplicate_window_ms`.
    pub duplicates_max: Option<u32>,
    /// That window, ms.
    pub duplicate_window_ms: u64,
    /// How long the venue's feed may have been silent, ms.
    pub market_data_age_max_ms: Option<u64>,
    /// On the restricted list: not to be traded.
    pub restricted: bool,
    /// US equity law holds: short sales are marked and need a locate (Regulation SHO), and no order locks, crosses or trades
    /// through another venue's quote (Regulation NMS).
    pub us_equity: bool,
    /// Regulation SHO, rule 201 is in force: no short sale at or below the national best bid.
    pub short_restricted: bool,
    /// Located for short sales, shares.
    pub locate_qty: u64,
    /// Margin of a position or an open order, basis points of its notional, at most 131072.
    pub margin_bp: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            order_qty_max: 500,
            order_qty_min: 1,
            lot_qty: 1,
            order_notional_max: 500_000,
            // The tightest band of the limit-up limit-down plan for liquid shares: 5 %.
            collar_bp: 500,
            last_trade_age_max_ms: None,
            touch_ticks_max: None,
            position_max: 1_000,
            price_tick_e9: 10_000_000,
            open_orders_max: None,
            messages_per_s: None,
            messages_burst: None,
            duplicates_max: None,
            duplicate_window_ms: 1_000,
            market_data_age_max_ms: None,
            restricted: false,
            us_equity: false,
            short_restricted: false,
            locate_qty: 0,
            margin_bp: 10_000,
        }
    }
}

fn notional(units: u64) -> i128 {
    i128::from(units) * i128::from(PRICE_SCALE)
}

fn notional_or_none(units: Option<u64>) -> i128 {
    units.map_or(i128::MAX, notional)
}

fn ns_or_none(ms: Option<u64>) -> u64 {
    ms.map_or(u64::MAX, |ms| ms.saturating_mul(NS_PER_MS))
}

/// A rate of which one part may be left out: then both are the same.
#[must_use]
pub fn rate(per_s: Option<u32>, burst: Option<u32>) -> Option<RateLimit> {
    let either = per_s.or(burst)?;
    Some(RateLimit { per_s: per_s.unwrap_or(either), burst: burst.unwrap_or(either) })
}

impl RiskConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first value out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        if self.messages_per_s == 0 || self.messages_burst == 0 {
            return Err("risk.messages_per_s and risk.messages_burst are at least 1".to_owned());
        }
        if self.fills_max == 0 || self.fills_max > 1 << 24 {
            return Err("risk.fills_max is 1 to 16777216".to_owned());
        }
        let counts = [
            ("executions_max", self.strategy.executions_max),
            ("protection_fills_max", self.strategy.protection_fills_max),
        ];
        for (name, count) in counts {
            if count.is_some_and(|count| count > windows::FILLS_MAX) {
                return Err(format!("risk.strategy.{name} is at most {}", windows::FILLS_MAX));
            }
        }
        Ok(())
    }

    /// The firm's limits.
    #[must_use]
    pub fn engine_limits(&self) -> EngineLimits {
        EngineLimits {
            messages_per_s: self.messages_per_s,
            messages_burst: self.messages_burst,
            open_orders_max: self.open_orders_max.unwrap_or(u32::MAX),
            gross_notional_max: notional_or_none(self.gross_notional_max),
            net_notional_max: notional_or_none(self.net_notional_max),
            open_notional_max: notional_or_none(self.open_notional_max),
            buying_power: notional_or_none(self.buying_power),
            daily_loss_max: notional_or_none(self.daily_loss_max),
            drawdown_max: notional_or_none(self.drawdown_max),
            loss_rate_max: notional_or_none(self.loss_rate_max),
            loss_window_ns: self.loss_window_ms.saturating_mul(NS_PER_MS),
            order_to_trade_max: self.order_to_trade_max.unwrap_or(u64::MAX),
            order_to_trade_from: self.order_to_trade_from,
            answer_max_ns: ns_or_none(self.answer_ms_max),
            clock_skew_max_ns: ns_or_none(self.clock_skew_max_ms),
            fills_max: self.fills_max,
        }
    }
}

impl StrategyRiskConfig {
    /// Each strategy's limits.
    #[must_use]
    pub fn strategy_limits(&self) -> StrategyLimits {
        StrategyLimits {
            gross_notional_max: notional_or_none(self.gross_notional_max),
            net_notional_max: notional_or_none(self.net_notional_max),
            open_notional_max: notional_or_none(self.open_notional_max),
            executions_max: self.executions_max.unwrap_or(u32::MAX),
            executions_window_ns: self.executions_window_ms.saturating_mul(NS_PER_MS),
            protection_fills_max: self.protection_fills_max.unwrap_or(u32::MAX),
            protection_qty_max: self.protection_qty_max.unwrap_or(u64::MAX),
            protection_delta_max: self.protection_delta_max.unwrap_or(u64::MAX),
            protection_window_ns: self.protection_window_ms.saturating_mul(NS_PER_MS),
        }
    }
}

impl LimitsConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first value out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        if self.price_tick_e9 <= 0 {
            return Err("price_tick_e9 is positive".to_owned());
        }
        if self.lot_qty == 0 {
            return Err("lot_qty is at least 1".to_owned());
        }
        if self.messages_per_s == Some(0) || self.messages_burst == Some(0) {
            return Err("messages_per_s and messages_burst are at least 1".to_owned());
        }
        if self.margin_bp > 1 << 17 {
            return Err("margin_bp is at most 131072".to_owned());
        }
        Ok(())
    }

    /// The instrument's limits.
    #[must_use]
    pub fn instrument_limits(&self) -> InstrumentLimits {
        InstrumentLimits {
            order_qty_max: self.order_qty_max,
            order_qty_min: self.order_qty_min,
            lot_qty: self.lot_qty,
            order_notional_max: notional(self.order_notional_max),
            collar_bp: self.collar_bp,
            touch_ticks_max: self.touch_ticks_max.unwrap_or(u32::MAX),
            position_max: i64::from(self.position_max),
            price_tick: self.price_tick_e9,
            open_orders_max: self.open_orders_max.unwrap_or(u32::MAX),
            rate: rate(self.messages_per_s, self.messages_burst),
            duplicates_max: self.duplicates_max.unwrap_or(u32::MAX),
            duplicate_window_ns: self.duplicate_window_ms.saturating_mul(NS_PER_MS),
            last_trade_age_max_ns: self.last_trade_age_max_ms.map_or(0, |ms| ms.saturating_mul(NS_PER_MS)),
            market_data_age_max_ns: ns_or_none(self.market_data_age_max_ms),
            restricted: self.restricted,
            us_equity: self.us_equity,
            short_restricted: self.short_restricted,
            locate_qty: self.locate_qty,
            margin_bp: self.margin_bp,
        }
    }
}

/// The limits that a live desk wants and `risk` does not give, by name.
#[must_use]
pub fn unlimited(risk: &RiskConfig) -> Vec<&'static str> {
    let given = [
        ("gross_notional_max", risk.gross_notional_max.is_some()),
        ("net_notional_max", risk.net_notional_max.is_some()),
        ("open_notional_max", risk.open_notional_max.is_some()),
        ("buying_power", risk.buying_power.is_some()),
        ("open_orders_max", risk.open_orders_max.is_some()),
        ("daily_loss_max", risk.daily_loss_max.is_some()),
        ("drawdown_max", risk.drawdown_max.is_some()),
        ("answer_ms_max", risk.answer_ms_max.is_some()),
        ("clock_skew_max_ms", risk.clock_skew_max_ms.is_some()),
        ("strategy.executions_max", risk.strategy.executions_max.is_some()),
        ("strategy.protection_fills_max", risk.strategy.protection_fills_max.is_some()),
    ];
    given.into_iter().filter_map(|(name, is_given)| (!is_given).then_some(name)).collect()
}
