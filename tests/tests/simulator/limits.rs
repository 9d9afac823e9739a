//! The limits that the monitor holds requests against, taken from the configuration once and changed with every change
//! that the engine was told of. What is not limited is a number that nothing reaches.

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use engine::control::config::{Config, LimitsConfig};
use engine::pipeline::operator::{LimitChange, LimitRule, Scope};

/// Messages a second, and at once after a quiet time; one of them may be left out.
pub fn rate(per_s: Option<u32>, burst: Option<u32>) -> Option<(u64, u64)> {
    let either = per_s.or(burst)?;
    Some((u64::from(per_s.unwrap_or(either)), u64::from(burst.unwrap_or(either))))
}

fn or_none(limit: Option<u32>) -> usize {
    limit.map_or(usize::MAX, |limit| limit as usize)
}

/// Whole units of the currency, 1e-9 of it.
fn money(units: Option<u64>) -> i128 {
    units.map_or(i128::MAX, |units| i128::from(units) * PRICE_SCALE)
}

fn ns(ms: Option<u64>) -> u64 {
    ms.map_or(u64::MAX, |ms| ms * 1_000_000)
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
    /// Basis points of the reference.
    pub collar_bp: i128,
    /// How old a trade may be that stands for a market without two sides; 0: it never does.
    pub last_trade_age_ns: u64,
    pub touch_ticks_max: i128,
    pub data_age_ns: u64,
    pub open_orders_max: usize,
    /// New orders of one side, price and quantity within the window.
    pub duplicates_max: usize,
    pub duplicate_window_ns: u64,
    /// Messages a second and at once.
    pub rate: Option<(u64, u64)>,
    pub restricted: bool,
    /// Regulations SHO and NMS hold.
    pub us_equity: bool,
    pub short_restricted: bool,
    pub locate_qty: i128,
    pub margin_bp: i128,
}

/// Limits of the whole engine. Money is 1e-9 of the currency.
#[derive(Clone, Copy, Debug)]
pub struct FirmLimits {
    /// Messages a second and at once.
    pub rate: (u64, u64),
    /// Slots for open orders.
    pub slots: usize,
    pub open_orders_max: usize,
    pub sums: SumLimits,
    pub buying_power: i128,
    pub daily_loss_max: i128,
    pub drawdown_max: i128,
    pub loss_rate_max: i128,
    pub loss_window_ns: u64,
    pub order_to_trade_max: u64,
    pub order_to_trade_from: u64,
    pub answer_max_ns: u64,
    pub clock_skew_max_ns: u64,
}

/// Limits of sums of notional, 1e-9 of the currency.
#[derive(Clone, Copy, Debug)]
pub struct SumLimits {
    pub gross: i128,
    pub net: i128,
    pub open: i128,
}

/// Limits of one strategy.
#[derive(Clone, Copy, Debug)]
pub struct StrategyLimits {
    pub sums: SumLimits,
    pub executions_max: u64,
    pub executions_window_ns: u64,
    pub protection_fills_max: u64,
    pub protection_qty_max: u64,
    pub protection_delta_max: u64,
    pub protection_window_ns: u64,
}

/// All limits that are in force at a time.
#[derive(Clone, Debug)]
pub struct Limits {
    pub symbols: Vec<SymbolLimits>,
    pub firm: FirmLimits,
    pub strategies: Vec<StrategyLimits>,
}

/// Those of one moment, shared by what was decided then.
#[derive(Clone)]
pub struct InForce(pub Rc<Limits>);

impl Deref for InForce {
    type Target = Limits;
    fn deref(&self) -> &Limits {
        &self.0
    }
}

impl fmt::Debug for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
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
            collar_bp: i128::from(limits.collar_bp),
            last_trade_age_ns: limits.last_trade_age_max_ms.unwrap_or(0) * 1_000_000,
            touch_ticks_max: limits.touch_ticks_max.map_or(i128::from(u32::MAX), i128::from),
            data_age_ns: ns(limits.market_data_age_max_ms),
            open_orders_max: or_none(limits.open_orders_max),
            duplicates_max: or_none(limits.duplicates_max),
            duplicate_window_ns: limits.duplicate_window_ms * 1_000_000,
            rate: rate(limits.messages_per_s, limits.messages_burst),
            restricted: limits.restricted,
            us_equity: limits.us_equity,
            short_restricted: limits.short_restricted,
            locate_qty: i128::from(limits.locate_qty),
            margin_bp: i128::from(limits.margin_bp),
        }
    }
}

impl Limits {
    pub fn of(config: &Config, strategies: usize) -> Self {
        let risk = &config.risk;
        let mut symbols: Vec<_> = config.instruments.iter().collect();
        symbols.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let each = &risk.strategy;
        let count = |limit: Option<u32>| limit.map_or(u64::MAX, u64::from);
        let strategy = StrategyLimits {
            sums: SumLimits {
                gross: money(each.gross_notional_max),
                net: money(each.net_notional_max),
                open: money(each.open_notional_max),
            },
            executions_max: count(each.executions_max),
            executions_window_ns: each.executions_window_ms * 1_000_000,
            protection_fills_max: count(each.protection_fills_max),
            protection_qty_max: each.protection_qty_max.unwrap_or(u64::MAX),
            protection_delta_max: each.protection_delta_max.unwrap_or(u64::MAX),
            protection_window_ns: each.protection_window_ms * 1_000_000,
        };
        Self {
            symbols: symbols
                .into_iter()
                .map(|entry| SymbolLimits::of(&entry.limits.unwrap_or(config.limits)))
                .collect(),
            firm: FirmLimits {
                rate: (u64::from(risk.messages_per_s), u64::from(risk.messages_burst)),
                slots: config.pipeline.open_orders_max,
                open_orders_max: or_none(risk.open_orders_max),
                sums: SumLimits {
                    gross: money(risk.gross_notional_max),
                    net: money(risk.net_notional_max),
                    open: money(risk.open_notional_max),
                },
                buying_power: money(risk.buying_power),
                daily_loss_max: money(risk.daily_loss_max),
                drawdown_max: money(risk.drawdown_max),
                loss_rate_max: money(risk.loss_rate_max),
                loss_window_ns: risk.loss_window_ms * 1_000_000,
                order_to_trade_max: risk.order_to_trade_max.unwrap_or(u64::MAX),
                order_to_trade_from: risk.order_to_trade_from,
                answer_max_ns: ns(risk.answer_ms_max),
                clock_skew_max_ns: ns(risk.clock_skew_max_ms),
            },
            strategies: vec![strategy; strategies],
        }
    }

    /// One number is another one from now on.
    pub fn change(&mut self, change: &LimitChange) {
        let given = (change.value != LimitChange::NONE).then(|| change.value.max(0).unsigned_abs());
        let small = given.map(|value| u32::try_from(value).unwrap_or(u32::MAX));
        match change.scope {
            Scope::Instrument(symbol) => {
                let limits = &mut self.symbols[symbol as usize];
                match change.rule {
                    LimitRule::OrderQtyMax => limits.order_qty_max = given.unwrap_or(u64::MAX),
                    LimitRule::OrderQtyMin => limits.order_qty_min = given.unwrap_or(u64::MAX),
                    LimitRule::LotQty => limits.lot_qty = given.unwrap_or(u64::MAX),
                    LimitRule::OrderNotionalMax => limits.order_notional_max = money(given),
                    LimitRule::CollarBp => limits.collar_bp = small.map_or(i128::MAX >> 80, i128::from),
                    LimitRule::TouchTicksMax => {
                        limits.touch_ticks_max = small.map_or(i128::from(u32::MAX), i128::from);
                    }
                    LimitRule::PositionMax => limits.position_max = i128::from(change.value),
                    LimitRule::OpenOrdersMax => limits.open_orders_max = or_none(small),
                    LimitRule::DuplicatesMax => limits.duplicates_max = or_none(small),
                    LimitRule::LastTradeAgeMaxMs => {
                        limits.last_trade_age_ns = given.unwrap_or(0) * 1_000_000;
                    }
                    LimitRule::MarketDataAgeMaxMs => limits.data_age_ns = ns(given),
                    LimitRule::Restricted => limits.restricted = change.value != 0,
                    LimitRule::ShortRestricted => limits.short_restricted = change.value != 0,
                    LimitRule::LocateQty => limits.locate_qty = i128::from(change.value),
                    LimitRule::MarginBp => limits.margin_bp = i128::from(change.value),
                    rule => panic!("the simulator changes no {rule:?} of a symbol"),
                }
            }
            Scope::Strategy(strategy) => {
                let limits = &mut self.strategies[usize::from(strategy)];
                let count = given.unwrap_or(u64::MAX);
                match change.rule {
                    LimitRule::GrossNotionalMax => limits.sums.gross = money(given),
                    LimitRule::NetNotionalMax => limits.sums.net = money(given),
                    LimitRule::OpenNotionalMax => limits.sums.open = money(given),
                    LimitRule::ExecutionsMax => limits.executions_max = count,
                    LimitRule::ProtectionFillsMax => limits.protection_fills_max = count,
                    LimitRule::ProtectionQtyMax => limits.protection_qty_max = count,
                    LimitRule::ProtectionDeltaMax => limits.protection_delta_max = count,
                    rule => panic!("the simulator changes no {rule:?} of a strategy"),
                }
            }
            Scope::All => {
                let limits = &mut self.firm;
                match change.rule {
                    LimitRule::OpenOrdersMax => limits.open_orders_max = or_none(small),
                    LimitRule::GrossNotionalMax => limits.sums.gross = money(given),
                    LimitRule::NetNotionalMax => limits.sums.net = money(given),
                    LimitRule::OpenNotionalMax => limits.sums.open = money(given),
                    LimitRule::BuyingPower => limits.buying_power = money(given),
                    LimitRule::DailyLossMax => limits.daily_loss_max = money(given),
                    LimitRule::DrawdownMax => limits.drawdown_max = money(given),
                    LimitRule::LossRateMax => limits.loss_rate_max = money(given),
                    LimitRule::OrderToTradeMax => limits.order_to_trade_max = given.unwrap_or(u64::MAX),
                    LimitRule::AnswerMsMax => limits.answer_max_ns = ns(given),
                    LimitRule::ClockSkewMaxMs => limits.clock_skew_max_ns = ns(given),
                    rule => panic!("the simulator changes no {rule:?} of the firm"),
                }
            }
            scope => panic!("no limits of {scope:?}"),
        }
    }
}
