//! The quotes of a chain in one loop that becomes vectors: what [`super::quote`] answers for each option, in much
//! less time.
//!
//! Integers below 2^49 are exact in `f64`, and so are their sums and the remainders below; the loop therefore gives the
//! integers that [`super::quote`] gives. Where a number is larger it says so, and the caller takes the slow way.

use crate::abi::OptionTerms;
use crate::cpu::pricing::{Isa, PerIsa, Values};
use feeds::units::PRICE_NONE;
use std::ops::Range;

/// 2^49: a sum of three integers below it is below 2^51, where [`integer`] ends. As 1e-9 it is half a million currency
/// units.
pub(super) const PLAIN_BELOW: f64 = 562_949_953_421_312.0;

/// The terms of quotes, one array a field.
#[derive(Debug)]
pub(crate) struct QuoteRules {
    width_vega: Vec<f64>,
    half_width_min: Vec<f64>,
    tick: Vec<f64>,
    inverse_tick: Vec<f64>,
    /// All ticks and least widths are below [`PLAIN_BELOW`].
    plain: bool,
}

impl QuoteRules {
    /// `column` makes an array of a field of all of them, whatever it puts behind.
    pub(crate) fn new(column: impl Fn(fn(&OptionTerms) -> f64) -> Vec<f64>) -> Self {
        let tick = column(|option| option.tick_e9 as f64);
        let half_width_min = column(|option| option.half_width_min_e9 as f64);
        Self {
            plain: tick.iter().chain(&half_width_min).all(|number| *number < PLAIN_BELOW),
            width_vega: column(|option| option.width_vega),
            inverse_tick: column(|option| 1.0 / option.tick_e9 as f64),
            half_width_min,
            tick,
        }
    }
}

/// The values of [`crate::abi::ItemKind::Option`], one array a value.
#[derive(Debug)]
pub(crate) struct ChainQuotes<'a> {
    pub(crate) bid: &'a mut [i64],
    pub(crate) offer: &'a mut [i64],
    pub(crate) theoretical: &'a mut [i64],
    pub(crate) delta: &'a mut [i64],
    pub(crate) vega: &'a mut [i64],
}

impl ChainQuotes<'_> {
    /// Quotes the options in this range by their rules and values. False, and nothing is of use, where a number is too
    /// large.
    pub(crate) fn fill(
        self,
        isa: Isa,
        rules: &QuoteRules,
        options: Range<usize>,
        values: &Values<'_>,
    ) -> bool {
        rules.plain && isa.run(QuoteLoop { rules, options, values, out: self })
    }
}

struct QuoteLoop<'a> {
    rules: &'a QuoteRules,
    options: Range<usize>,
    values: &'a Values<'a>,
    out: ChainQuotes<'a>,
}

impl PerIsa for QuoteLoop<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let Self { rules, options, values, out } = self;
        let len = options.len();
        let width_vega = &rules.width_vega[options.clone()];
        let half_width_min = &rules.half_width_min[options.clone()];
        let (tick, inverse_tick) = (&rules.tick[options.clone()], &rules.inverse_tick[options]);
        let (price, delta, vega) = (&values.price[..len], &values.delta[..len], &values.vega[..len]);
        let (bids, offers, theoreticals) =
            (&mut out.bid[..len], &mut out.offer[..len], &mut out.theoretical[..len]);
        let (deltas, vegas) = (&mut out.delta[..len], &mut out.vega[..len]);
        let mut too_large = 0u64;
        for i in 0..len {
            let scaled_half = vega[i] * width_vega[i] * 1e9;
            let rounded_half = rounded(scaled_half);
            let wanted = if rounded_half < scaled_half { rounded_half + 1.0 } else { rounded_half };
            let half = if wanted > half_width_min[i] { wanted } else { half_width_min[i] };
            let (scaled_price, scaled_delta, scaled_vega) = (price[i] * 1e9, delta[i] * 1e9, vega[i] * 1e9);
            let theoretical = rounded(scaled_price);
            let fits = scaled_price < PLAIN_BELOW
                && half < PLAIN_BELOW
                && scaled_vega < PLAIN_BELOW
                && scaled_delta.abs() < PLAIN_BELOW;
            too_large |= u64::from(!fits);
            let (low, high) = (theoretical - half, theoretical + half);
            let whole_low = low - remainder(low, tick[i], inverse_tick[i]);
            let above = remainder(high, tick[i], inverse_tick[i]);
            let whole_high = if above == 0.0 { high } else { (high - above) + tick[i] };
            bids[i] = if low < tick[i] { PRICE_NONE } else { integer(whole_low) };
            offers[i] = integer(if whole_high > tick[i] { whole_high } else { tick[i] });
            theoreticals[i] = integer(theoretical);
            deltas[i] = integer(scaled_delta);
            vegas[i] = integer(scaled_vega);
        }
        too_large == 0
    }
}

/// 1.5 * 2^52: a sum with it has no room for a fraction, and the integer stands in its low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// The nearest integer, half to even, of a number below 2^51 in magnitude.
#[inline(always)]
fn rounded(number: f64) -> f64 {
    (number + ROUNDER) - ROUNDER
}

/// The same as an integer.
#[inline(always)]
fn integer(number: f64) -> i64 {
    (number + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits()) as i64
}

/// What an integer leaves over whole ticks, exact for both below 2^51: the quotient is less than one off, so that one
/// correction brings the remainder into 0 to tick. Below zero the caller does not look at it.
#[inline(always)]
fn remainder(number: f64, tick: f64, inverse_tick: f64) -> f64 {
    let left = (-rounded(number * inverse_tick)).mul_add(tick, number);
    if left < 0.0 { left + tick } else { left }
}
