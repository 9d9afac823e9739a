//! Where we want to bid and offer for an option, given what the whole portfolio holds: integers only.
//!
//! The reservation price is the theoretical value less what we would give up to carry less risk:
//!
//! ```text
//! shift       = delta x (portfolio delta x skew_delta) + vega x (portfolio vega x skew_vega) + position x skew_position
//! reservation = theoretical - shift
//! half width  = max(half_width_min, vega x width_vega + |delta| x width_delta), at most half_width_max
//! ```
//!
//! Long delta moves the underlying's price that we quote from down, and long vega the volatility: calls and puts follow
//! each with their own sensitivity, so that one position is worked off through every option of the chain. Theoretical
//! value, delta and vega are those of an answer of wide work, which are rounded to 1e-9: everything behind is exact, and
//! the same on every machine.
//!
//! Plain values in, plain values out; nothing allocates; any thread may call it. It refuses a price nearer to the
//! theoretical value than the least edge, one that would trade on arrival or against our own other side, and one below
//! a tick.

use super::quoting::{NoQuote, Quotes, Target, above, below, ceil_to, floor_to};
use feeds::units::PRICE_NONE;

/// One, in 1e-9 and in 1e-12.
const E9: i128 = 1_000_000_000;
const E12: i128 = 1_000_000_000_000;

/// Prices, shifts and widths are cut to this either way: far beyond any price, and products of two fit.
const AMOUNT_MAX: i128 = 1 << 60;

/// What bounds and moves the quotes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortfolioRules {
    /// Tick size, 1e-9, above zero.
    pub tick: i64,
    /// Quantities are multiples of this, above zero.
    pub lot: u64,
    /// Size of a full quote.
    pub quote_quantity: u64,
    /// Largest position in one option, long or short.
    pub position_max: u64,
    /// Least distance from the theoretical value on both sides, whatever the skew, 1e-9.
    pub edge_min: i64,
    /// Least half width, 1e-9.
    pub half_width_min: i64,
    /// Most half width, 1e-9, at least the least.
    pub half_width_max: i64,
    /// Half width a unit of vega (a volatility higher by 1), 1e-9.
    pub width_vega_e9: i64,
    /// Half width a unit of delta, 1e-9.
    pub width_delta_e9: i64,
    /// By how much the underlying's price moves for a unit of portfolio delta, 1e-9.
    pub skew_delta_e9: i64,
    /// By how much the volatility moves for a unit of portfolio vega, 1e-12.
    pub skew_vega_e12: i64,
    /// By how much an option's price moves for a contract of it that we hold, 1e-9.
    pub skew_position_e9: i64,
}

/// What a quote depends on at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortfolioInputs {
    /// Theoretical value, 1e-9, or [`PRICE_NONE`].
    pub theoretical: i64,
    /// Its change for a change of the underlying by 1, 1e-9.
    pub delta: i64,
    /// Its change for a change of the volatility by 1, 1e-9.
    pub vega: i64,
    /// Sum over what we hold of the underlying and of its options, 1e-9.
    pub portfolio_delta: i128,
    /// Sum over all options that we hold, 1e-9.
    pub portfolio_vega: i128,
    /// Contracts of this option, negative when short.
    pub position: i64,
    /// Highest bid that an offer must not reach: the venue's, and our own; [`PRICE_NONE`] where there is none.
    pub bid: i64,
    /// Lowest offer that a bid must not reach.
    pub ask: i64,
}

/// Reservation price and half width, 1e-9, before bounds and rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortfolioModel {
    /// What the portfolio takes off the theoretical value.
    pub shift: i128,
    /// Distance of both quotes from what is left.
    pub half_width: i128,
}

/// The product of numbers one of which is scaled by `unit`, truncated toward zero and cut: a short portfolio is the mirror
/// of a long one.
fn scaled(a: i128, b: i128, unit: i128) -> i128 {
    let (a, b) = (a.clamp(-AMOUNT_MAX, AMOUNT_MAX), b.clamp(-AMOUNT_MAX, AMOUNT_MAX));
    (a * b / unit).clamp(-AMOUNT_MAX, AMOUNT_MAX)
}

/// The same rounded up, of numbers that are not below zero.
fn scaled_up(a: i128, b: i128, unit: i128) -> i128 {
    let (a, b) = (a.clamp(0, AMOUNT_MAX), b.clamp(0, AMOUNT_MAX));
    ((a * b + (unit - 1)) / unit).min(AMOUNT_MAX)
}

/// What the portfolio and the option's risk make of its price.
#[must_use]
pub fn portfolio_model(rules: &PortfolioRules, x: &PortfolioInputs) -> PortfolioModel {
    let (delta, vega) = (i128::from(x.delta), i128::from(x.vega));
    let of_underlying = scaled(x.portfolio_delta, i128::from(rules.skew_delta_e9), E9);
    let of_volatility = scaled(x.portfolio_vega, i128::from(rules.skew_vega_e12), E12);
    let shift = scaled(delta, of_underlying, E9)
        + scaled(vega, of_volatility, E9)
        + scaled(i128::from(x.position), i128::from(rules.skew_position_e9), 1);
    let wanted = scaled_up(vega, i128::from(rules.width_vega_e9), E9)
        + scaled_up(delta.abs(), i128::from(rules.width_delta_e9), E9);
    // Above zero, so that bid and offer are never the same price.
    let half_width =
        wanted.max(i128::from(rules.half_width_min)).min(i128::from(rules.half_width_max)).max(1);
    PortfolioModel { shift, half_width }
}

/// The quotes that are wanted now.
///
/// The bid is rounded down and the offer up to the tick, then both are held away from the theoretical value by the least
/// edge, and from the other side of the market and of ourselves by a tick. A side whose room up to the position limit is
/// smaller than the quote size gets what is left of it.
#[must_use]
pub fn portfolio_quotes(rules: &PortfolioRules, x: &PortfolioInputs) -> Quotes {
    if x.theoretical == PRICE_NONE {
        return Quotes { bid: Err(NoQuote::NoReference), ask: Err(NoQuote::NoReference) };
    }
    let PortfolioModel { shift, half_width } = portfolio_model(rules, x);
    let theoretical = i128::from(x.theoretical);
    let edge = i128::from(rules.edge_min);
    let highest = (theoretical - shift - half_width).min(theoretical - edge);
    let lowest = (theoretical - shift + half_width).max(theoretical + edge);
    let bid = floor_to(rules.tick, highest).min(below(rules.tick, x.ask));
    let ask = ceil_to(rules.tick, lowest).max(above(rules.tick, x.bid));
    let position = i128::from(x.position);
    Quotes { bid: target(rules, bid, room(rules, position)), ask: target(rules, ask, room(rules, -position)) }
}

/// Quantity that a side may add when `position` is counted in that side's direction.
fn room(rules: &PortfolioRules, position: i128) -> u64 {
    let left = (i128::from(rules.position_max) - position).clamp(0, i128::from(rules.quote_quantity)) as u64;
    left - left % rules.lot.max(1)
}

fn target(rules: &PortfolioRules, price: i64, quantity: u64) -> Result<Target, NoQuote> {
    if quantity == 0 {
        return Err(NoQuote::PositionLimit);
    }
    if price < rules.tick || price > i64::MAX / 4 {
        return Err(NoQuote::PriceOutOfRange);
    }
    Ok(Target { price, quantity })
}

#[cfg(test)]
#[path = "portfolio_quote_tests.rs"]
mod tests;
