//! The limits, as the checks use them: integers, every one of them set, "none" being the loosest value there is.
//!
//! What they are named in the limits file, and in which units, is [`LimitRule`]'s. None can be looser than
//! [`QTY_CEILING`] and [`NOTIONAL_CEILING`]: with these no sum of what was approved can overflow.

use super::totals::NotionalLimits;
use crate::pipeline::operator::{LimitChange, LimitRule};
use feeds::units::PRICE_SCALE;

/// Nanoseconds in a millisecond.
const NS_PER_MS: u64 = 1_000_000;

/// No order, position or locate is larger, smallest increments: 17 million million.
pub const QTY_CEILING: u64 = 1 << 44;

/// No notional is larger, 1e-9 of the currency: about 1e18 units of it.
pub const NOTIONAL_CEILING: i128 = 1 << 90;

/// Messages a second, and how many may come at once after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Messages a second, at least 1.
    pub per_s: u32,
    /// Messages at once, at least 1.
    pub burst: u32,
}

/// Limits of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentLimits {
    /// Largest order, smallest increments. Zero: the instrument may not be traded.
    pub order_qty_max: u64,
    /// Smallest order, smallest increments.
    pub order_qty_min: u64,
    /// Orders are multiples of it, smallest increments.
    pub lot_qty: u64,
    /// Largest price times quantity of one order, 1e-9 of the currency.
    pub order_notional_max: i128,
    /// Widest distance from the reference, 1e-4 of it (basis points).
    pub collar_bp: u32,
    /// Furthest through the venue's touch, price ticks.
    pub touch_ticks_max: u32,
    /// Largest absolute position, open orders of that side included.
    pub position_max: i64,
    /// Price increment, 1e-9.
    pub price_tick: i64,
    /// Most open orders.
    pub open_orders_max: u32,
    /// New orders and replaces; `None`: only the firm's limit.
    pub rate: Option<RateLimit>,
    /// How many new orders of the same side, price and quantity may come within the window.
    pub duplicates_max: u32,
    /// That window, ns.
    pub duplicate_window_ns: u64,
    /// How old a trade may be to stand for a market that has not two sides, ns; 0: it never does.
    pub last_trade_age_max_ns: u64,
    /// How long the venue's feed may have been silent, ns.
    pub market_data_age_max_ns: u64,
    /// On the restricted list: not to be traded.
    pub restricted: bool,
    /// US equity law holds: short sales are marked and need a locate (Regulation SHO), and no order locks, crosses or trades
    /// through another venue's quote (Regulation NMS).
    pub us_equity: bool,
    /// Regulation SHO, rule 201 is in force: no short sale at or below the national best bid.
    pub short_restricted: bool,
    /// Located for short sales, smallest increments.
    pub locate_qty: u64,
    /// Margin that a position or an open order takes, 1e-4 of its notional.
    pub margin_bp: u32,
}

impl Default for InstrumentLimits {
    fn default() -> Self {
        Self::OPEN
    }
}

impl InstrumentLimits {
    /// Nothing is limited, not even the tick: for sites that set what they need.
    pub const OPEN: Self = Self {
        order_qty_max: QTY_CEILING,
        order_qty_min: 1,
        lot_qty: 1,
        order_notional_max: NOTIONAL_CEILING,
        collar_bp: u32::MAX,
        touch_ticks_max: u32::MAX,
        position_max: QTY_CEILING.cast_signed(),
        price_tick: 1,
        open_orders_max: u32::MAX,
        rate: None,
        duplicates_max: u32::MAX,
        duplicate_window_ns: 0,
        last_trade_age_max_ns: 0,
        market_data_age_max_ns: u64::MAX,
        restricted: false,
        us_equity: false,
        short_restricted: false,
        locate_qty: 0,
        margin_bp: 10_000,
    };

    /// Limits that refuse everything.
    pub const NONE: Self = Self {
        order_qty_max: 0,
        order_qty_min: 1,
        lot_qty: 1,
        order_notional_max: 0,
        collar_bp: 0,
        touch_ticks_max: 0,
        position_max: 0,
        price_tick: 1,
        open_orders_max: 0,
        rate: None,
        duplicates_max: 0,
        duplicate_window_ns: 0,
        last_trade_age_max_ns: 0,
        market_data_age_max_ns: 0,
        restricted: true,
        us_equity: false,
        short_restricted: false,
        locate_qty: 0,
        margin_bp: 10_000,
    };

    /// The same, no number beyond what arithmetic can bear.
    pub(super) fn bounded(self) -> Self {
        Self {
            order_qty_max: self.order_qty_max.min(QTY_CEILING),
            order_notional_max: self.order_notional_max.min(NOTIONAL_CEILING),
            position_max: self.position_max.min(QTY_CEILING.cast_signed()),
            locate_qty: self.locate_qty.min(QTY_CEILING),
            order_qty_min: self.order_qty_min.max(1),
            lot_qty: self.lot_qty.max(1),
            ..self
        }
    }

    /// Takes a change over; says whether it is one of an instrument's.
    pub(super) fn set(&mut self, rule: LimitRule, value: i64) -> bool {
        match rule {
            LimitRule::OrderQtyMax => self.order_qty_max = quantity(value),
            LimitRule::OrderQtyMin => self.order_qty_min = quantity(value),
            LimitRule::LotQty => self.lot_qty = quantity(value),
            LimitRule::OrderNotionalMax => self.order_notional_max = notional(value),
            LimitRule::CollarBp => self.collar_bp = count(value),
            LimitRule::TouchTicksMax => self.touch_ticks_max = count(value),
            LimitRule::PositionMax => self.position_max = value.max(0),
            LimitRule::OpenOrdersMax => self.open_orders_max = count(value),
            LimitRule::MessagesPerS | LimitRule::MessagesBurst => set_rate(&mut self.rate, rule, value),
            LimitRule::DuplicatesMax => self.duplicates_max = count(value),
            LimitRule::LastTradeAgeMaxMs => self.last_trade_age_max_ns = milliseconds(value),
            LimitRule::MarketDataAgeMaxMs => self.market_data_age_max_ns = milliseconds(value),
            LimitRule::Restricted => self.restricted = value != 0,
            LimitRule::ShortRestricted => self.short_restricted = value != 0,
            LimitRule::LocateQty => self.locate_qty = quantity(value),
            LimitRule::MarginBp => self.margin_bp = count(value),
            _ => return false,
        }
        *self = self.bounded();
        true
    }
}

/// Limits that hold for the whole engine, which is one account of one firm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// New orders and replaces a second.
    pub messages_per_s: u32,
    /// How many of them may come at once after a quiet time.
    pub messages_burst: u32,
    /// Most open orders.
    pub open_orders_max: u32,
    /// Largest sum of all positions and open orders, 1e-9 of the currency.
    pub gross_notional_max: i128,
    /// Largest sum of long less short positions, open orders of that side included, either way.
    pub net_notional_max: i128,
    /// Largest sum of all open orders.
    pub open_notional_max: i128,
    /// Largest sum of the margins of positions and open orders.
    pub buying_power: i128,
    /// Largest loss of the day, realised and unrealised, fees included.
    pub daily_loss_max: i128,
    /// Largest loss from the day's best.
    pub drawdown_max: i128,
    /// Largest loss within the window.
    pub loss_rate_max: i128,
    /// That window, ns.
    pub loss_window_ns: u64,
    /// New orders, replaces and cancels for each trade.
    pub order_to_trade_max: u64,
    /// Messages from which on that counts.
    pub order_to_trade_from: u64,
    /// Longest wait for the answer to a message, ns.
    pub answer_max_ns: u64,
    /// Largest difference between the exchange's clock and ours, ns.
    pub clock_skew_max_ns: u64,
    /// Fills that can be remembered by their ExecID(17); trading stops when they are used up.
    pub fills_max: usize,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self::OPEN
    }
}

impl EngineLimits {
    /// Nothing is limited; for sites that set what they need.
    pub const OPEN: Self = Self {
        messages_per_s: u32::MAX,
        messages_burst: u32::MAX,
        open_orders_max: u32::MAX,
        gross_notional_max: i128::MAX,
        net_notional_max: i128::MAX,
        open_notional_max: i128::MAX,
        buying_power: i128::MAX,
        daily_loss_max: i128::MAX,
        drawdown_max: i128::MAX,
        loss_rate_max: i128::MAX,
        loss_window_ns: 60_000 * NS_PER_MS,
        order_to_trade_max: u64::MAX,
        order_to_trade_from: 1_000,
        answer_max_ns: u64::MAX,
        clock_skew_max_ns: u64::MAX,
        fills_max: 1 << 12,
    };

    /// Buying power in the unit of margins, 1e-13 of the currency.
    pub(super) const fn margin_max(&self) -> i128 {
        self.buying_power.saturating_mul(10_000)
    }

    /// Its limits of sums.
    pub(super) const fn notional(&self) -> NotionalLimits {
        NotionalLimits {
            gross: self.gross_notional_max,
            net: self.net_notional_max,
            open: self.open_notional_max,
        }
    }

    /// Messages as a rate.
    pub(super) const fn rate(&self) -> RateLimit {
        RateLimit { per_s: self.messages_per_s, burst: self.messages_burst }
    }

    /// Takes a change over; says whether it is one of the firm's.
    pub(super) fn set(&mut self, rule: LimitRule, value: i64) -> bool {
        match rule {
            LimitRule::MessagesPerS => self.messages_per_s = count(value).max(1),
            LimitRule::MessagesBurst => self.messages_burst = count(value).max(1),
            LimitRule::OpenOrdersMax => self.open_orders_max = count(value),
            LimitRule::GrossNotionalMax => self.gross_notional_max = notional(value),
            LimitRule::NetNotionalMax => self.net_notional_max = notional(value),
            LimitRule::OpenNotionalMax => self.open_notional_max = notional(value),
            LimitRule::BuyingPower => self.buying_power = notional(value),
            LimitRule::DailyLossMax => self.daily_loss_max = notional(value),
            LimitRule::DrawdownMax => self.drawdown_max = notional(value),
            LimitRule::LossRateMax => self.loss_rate_max = notional(value),
            LimitRule::OrderToTradeMax => self.order_to_trade_max = wide_count(value),
            LimitRule::AnswerMsMax => self.answer_max_ns = milliseconds(value),
            LimitRule::ClockSkewMaxMs => self.clock_skew_max_ns = milliseconds(value),
            _ => return false,
        }
        true
    }
}

/// Limits of every strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrategyLimits {
    /// As the firm's, of the strategy's own positions and orders.
    pub gross_notional_max: i128,
    /// As the firm's.
    pub net_notional_max: i128,
    /// As the firm's.
    pub open_notional_max: i128,
    /// Fills within the window before a person must let it go on, at most [`super::windows::FILLS_MAX`].
    pub executions_max: u32,
    /// That window, ns.
    pub executions_window_ns: u64,
    /// Market-maker protection: fills of resting orders within the window.
    pub protection_fills_max: u32,
    /// Their quantity.
    pub protection_qty_max: u64,
    /// Bought less sold of it, either way.
    pub protection_delta_max: u64,
    /// That window, ns.
    pub protection_window_ns: u64,
}

impl Default for StrategyLimits {
    fn default() -> Self {
        Self::OPEN
    }
}

impl StrategyLimits {
    /// Nothing is limited.
    pub const OPEN: Self = Self {
        gross_notional_max: i128::MAX,
        net_notional_max: i128::MAX,
        open_notional_max: i128::MAX,
        executions_max: u32::MAX,
        executions_window_ns: 1_000 * NS_PER_MS,
        protection_fills_max: u32::MAX,
        protection_qty_max: u64::MAX,
        protection_delta_max: u64::MAX,
        protection_window_ns: 1_000 * NS_PER_MS,
    };

    /// Its limits of sums.
    pub(super) const fn notional(&self) -> NotionalLimits {
        NotionalLimits {
            gross: self.gross_notional_max,
            net: self.net_notional_max,
            open: self.open_notional_max,
        }
    }

    /// Takes a change over; says whether it is one of a strategy's.
    pub(super) fn set(&mut self, rule: LimitRule, value: i64) -> bool {
        match rule {
            LimitRule::GrossNotionalMax => self.gross_notional_max = notional(value),
            LimitRule::NetNotionalMax => self.net_notional_max = notional(value),
            LimitRule::OpenNotionalMax => self.open_notional_max = notional(value),
            LimitRule::ExecutionsMax => self.executions_max = count(value),
            LimitRule::ProtectionFillsMax => self.protection_fills_max = count(value),
            LimitRule::ProtectionQtyMax => self.protection_qty_max = wide_count(value),
            LimitRule::ProtectionDeltaMax => self.protection_delta_max = wide_count(value),
            _ => return false,
        }
        true
    }
}

/// What risk knows of a venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VenueTerms {
    /// New orders and replaces of its session; `None`: only the firm's limit.
    pub rate: Option<RateLimit>,
    /// Fee of a share that took liquidity, 1e-9; negative is a rebate.
    pub taker_fee: i64,
    /// Fee of a share that gave liquidity, 1e-9; negative is a rebate.
    pub maker_fee: i64,
}

impl VenueTerms {
    /// Takes a change over; says whether it is one of a venue's.
    pub(super) fn set(&mut self, rule: LimitRule, value: i64) -> bool {
        let is_rate = matches!(rule, LimitRule::MessagesPerS | LimitRule::MessagesBurst);
        if is_rate {
            set_rate(&mut self.rate, rule, value);
        }
        is_rate
    }
}

fn set_rate(rate: &mut Option<RateLimit>, rule: LimitRule, value: i64) {
    let value = count(value).max(1);
    let before = rate.unwrap_or(RateLimit { per_s: u32::MAX, burst: u32::MAX });
    let after = match rule {
        LimitRule::MessagesPerS => RateLimit { per_s: value, ..before },
        _ => RateLimit { burst: value, ..before },
    };
    *rate = Some(after).filter(|rate| rate.per_s != u32::MAX || rate.burst != u32::MAX);
}

fn quantity(value: i64) -> u64 {
    wide_count(value).min(QTY_CEILING)
}

fn wide_count(value: i64) -> u64 {
    if value == LimitChange::NONE { u64::MAX } else { u64::try_from(value).unwrap_or(0) }
}

fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

fn milliseconds(value: i64) -> u64 {
    wide_count(value).saturating_mul(NS_PER_MS)
}

/// Whole units of the currency as 1e-9.
fn notional(value: i64) -> i128 {
    if value == LimitChange::NONE { i128::MAX } else { i128::from(value.max(0)) * i128::from(PRICE_SCALE) }
}
