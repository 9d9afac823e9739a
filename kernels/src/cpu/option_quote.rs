//! Our quote for an option: a bid and an offer around its theoretical value, in whole ticks.
//!
//! Half of the width is so much a unit of vega, and at least the configured minimum. The bid is rounded down, the offer
//! up. What the pricing formula gives as `f64` becomes integers here, by one rule ([`to_e9`]); all after that is integer
//! arithmetic. The same order of operations as `cuda/quoting.cuh`.
//!
//! Plain values in, plain values out; nothing allocates; any thread may call it. It refuses to bid below one tick, and to
//! quote at all where a number does not fit.

mod chain;

use super::pricing::Value;
use super::query::Bbo;
use crate::abi::{AMOUNT_MAX, OptionTerms};
pub(crate) use chain::{ChainQuotes, QuoteRules};
use feeds::units::PRICE_NONE;

/// The values of an option that we do not quote.
pub const NO_QUOTE: [i64; 5] = [PRICE_NONE, PRICE_NONE, 0, 0, 0];

/// Where [`to_e9`] ends, either way.
pub const E9_MAX: i64 = AMOUNT_MAX as i64;

/// 2^52: from there on every `f64` is an integer.
const INTEGERS_FROM: f64 = 4_503_599_627_370_496.0;

/// The price that options are computed from, 1e-9: the middle of bid and offer, rounded down; [`PRICE_NONE`] when a side
/// is missing or not positive, or when they cross.
#[must_use]
pub const fn mid_of(bbo: &Bbo) -> i64 {
    let there = bbo.bid_px > 0 && bbo.bid_qty > 0 && bbo.ask_qty > 0;
    // The offer is at least the bid, hence positive as well and no price that is missing.
    if there && bbo.bid_px <= bbo.ask_px { bbo.bid_px + (bbo.ask_px - bbo.bid_px) / 2 } else { PRICE_NONE }
}

/// A mid as the pricing formula takes it.
#[inline(always)]
#[must_use]
pub fn mid_in_currency_units(mid_e9: i64) -> f64 {
    mid_e9 as f64 / 1e9
}

/// In 1e-9, rounded to the nearest integer, half to even; beyond 2^62 it is 2^62 with the number's sign, for which a NaN
/// counts as beyond.
#[inline(always)]
#[must_use]
pub fn to_e9(value: f64) -> i64 {
    saturated(nearest(value * 1e9))
}

/// As [`to_e9`], but rounded up.
#[inline(always)]
#[must_use]
pub fn to_e9_up(value: f64) -> i64 {
    let scaled = value * 1e9;
    let rounded = nearest(scaled);
    saturated(if rounded < scaled { rounded + 1.0 } else { rounded })
}

/// The nearest integer, half to even: 2^52 more has no room for a fraction.
#[inline(always)]
fn nearest(scaled: f64) -> f64 {
    let shift = if scaled < 0.0 { -INTEGERS_FROM } else { INTEGERS_FROM };
    if scaled.abs() < INTEGERS_FROM { (scaled + shift) - shift } else { scaled }
}

#[inline(always)]
fn saturated(integer: f64) -> i64 {
    if integer.abs() < AMOUNT_MAX as f64 {
        integer as i64
    } else if integer < 0.0 {
        -E9_MAX
    } else {
        E9_MAX
    }
}

/// The values of [`crate::abi::ItemKind::Option`] at this valuation.
#[inline]
#[must_use]
pub fn quote(value: &Value, terms: &OptionTerms) -> [i64; 5] {
    let theoretical = to_e9(value.price);
    let half = to_e9_up(value.vega * terms.width_vega).max(terms.half_width_min_e9);
    let (bid, offer) = around(theoretical, half, terms.tick_e9);
    [bid, offer, theoretical, to_e9(value.delta), to_e9(value.vega)]
}

/// Bid and offer: `theoretical` is zero or above, `half` too, `tick` 1 to 2^62.
#[inline(always)]
fn around(theoretical: i64, half: i64, tick: i64) -> (i64, i64) {
    if theoretical >= E9_MAX || half >= E9_MAX {
        return (PRICE_NONE, PRICE_NONE);
    }
    // Both are below 2^62: the difference is above -2^62, the sum below 2^63, and with a tick more still within u64.
    let (low, high, tick) = (theoretical - half, (theoretical + half) as u64, tick as u64);
    let bid = if low < tick as i64 { PRICE_NONE } else { (low as u64 - low as u64 % tick) as i64 };
    let rest = high % tick;
    let up = if rest == 0 { high } else { high + (tick - rest) };
    // An offer of nothing would give the option away.
    let offer = up.max(tick);
    (bid, if offer > i64::MAX as u64 { PRICE_NONE } else { offer as i64 })
}

#[cfg(test)]
#[path = "option_quote_tests.rs"]
mod tests;
