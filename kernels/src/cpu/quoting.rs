//! Where a market maker wants to quote: the Gueant-Lehalle-Fernandez-Tapia closed form around the microprice, in
//! integers.
//!
//! Source: O. Gueant, "Optimal market making", [arXiv:1605.01862](https://arxiv.org/abs/1605.01862), equations (4.6)
//! and (4.7) with xi = gamma (the approximation for a distant horizon of Gueant, Lehalle and Fernandez-Tapia,
//! "Dealing with the inventory risk", Math. Finan. Econ. 7:477 (2013), arXiv:1105.3115). Inventory `n` is counted in
//! quote sizes and gamma is per quote size, which makes the papers' Delta one:
//!
//! ```text
//! bid distance = (1/gamma) ln(1 + gamma/k) + (2n + 1)/2 * sigma * c
//! ask distance = (1/gamma) ln(1 + gamma/k) - (2n - 1)/2 * sigma * c
//! c            = sqrt(gamma / (2 k A) * (1 + gamma/k)^(1 + k/gamma))
//! ```
//!
//! which is a reservation price `microprice - n sigma c` with the half spread `(1/gamma) ln(1 + gamma/k) + sigma c / 2`
//! on both sides. What depends on parameters alone is computed once ([`GlftConstants`]) with the fixed-point logarithm
//! and exponential of this crate; the hot part is one multiplication by sigma, one division and the rounding.
//!
//! Plain values in, plain values out; nothing allocates; any thread may call it. It refuses to quote without a
//! volatility, without a reference price, beyond the position limit, and never at a price that could trade on arrival.

use super::fixed_point::{Q60_BITS, exp_q60, ln_ratio_q60};
use super::volatility::SIGMA_NONE;
use feeds::units::PRICE_NONE;

/// Scale of the GLFT parameters: 1e-9.
pub const GLFT_SCALE: u64 = 1_000_000_000;

/// Fraction bits of [`GlftConstants::skew_per_sigma_q48`].
const SKEW_BITS: u32 = 48;

/// Sigmas above this are clamped (2^46 price units, about 70,000 currency units per square root of a second).
const SIGMA_MAX: u64 = 1 << 46;

/// Largest tick, 1e-9 price: about 137 currency units.
pub const TICK_MAX: i64 = 1 << 37;

/// The four numbers of the model. Calibrate A and k by a fit of `fills per second = A exp(-k distance)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlftParameters {
    /// gamma, risk aversion per tick of price and quote size, 1e-9; at least 1.
    pub risk_aversion_1e9: u64,
    /// k, decay of the fill intensity per tick of distance, 1e-9; 0.001 to 1,000.
    pub intensity_decay_1e9: u64,
    /// A, fills a second of one quote at distance zero, 1e-9; 0.001 to 100,000.
    pub intensity_1e9: u64,
    /// Tick size, 1e-9 price; 1 to [`TICK_MAX`].
    pub tick: i64,
}

/// Which GLFT parameter is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlftError {
    /// gamma / k is not in 10^-6 to 1,000.
    RiskAversion,
    /// k is not in 0.001 to 1,000 a tick.
    IntensityDecay,
    /// A is not in 0.001 to 100,000 a second.
    Intensity,
    /// The tick is not in 1 to 2^37 price units.
    Tick,
}

impl std::fmt::Display for GlftError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RiskAversion => "risk aversion outside 1e-6 to 1000 times the intensity decay",
            Self::IntensityDecay => "intensity decay outside 0.001 to 1000 per tick",
            Self::Intensity => "intensity outside 0.001 to 100000 fills a second",
            Self::Tick => "tick outside 1e-9 to 137 currency units",
        })
    }
}

impl std::error::Error for GlftError {}

/// What of the closed form does not depend on volatility, position or price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlftConstants {
    /// `(1/gamma) ln(1 + gamma/k)`, 1e-9 price, truncated.
    pub half_spread: i64,
    /// `c` in square roots of a second, Q48: shift of the reservation price per quote size of inventory and unit of
    /// sigma.
    pub skew_per_sigma_q48: u64,
}

impl GlftConstants {
    /// Evaluates the closed form; relative error below 1e-6 or two units of the last place, tested against f64.
    ///
    /// # Errors
    /// Names the parameter that is out of its range.
    pub const fn new(p: &GlftParameters) -> Result<Self, GlftError> {
        const MILLI: u64 = GLFT_SCALE / 1_000;
        let (gamma, k) = (p.risk_aversion_1e9, p.intensity_decay_1e9);
        if k < MILLI || k > 1_000 * GLFT_SCALE {
            return Err(GlftError::IntensityDecay);
        }
        if gamma == 0 || gamma > 1_000 * k || (gamma as u128) * 1_000_000 < k as u128 {
            return Err(GlftError::RiskAversion);
        }
        if p.intensity_1e9 < MILLI || p.intensity_1e9 > 100_000 * GLFT_SCALE {
            return Err(GlftError::Intensity);
        }
        if p.tick < 1 || p.tick > TICK_MAX {
            return Err(GlftError::Tick);
        }
        let logarithm = ln_ratio_q60(k + gamma, k) as u128;
        // At most 1/k <= 1,000 ticks, Q60: 2^70; times the tick below 2^108.
        let ticks_q60 = logarithm * GLFT_SCALE as u128 / gamma as u128;
        let half_spread = ((ticks_q60 * p.tick as u128) >> Q60_BITS) as i64;
        // (1 + gamma/k)^(1 + k/gamma) = exp((gamma + k)/gamma * ln(1 + gamma/k)); the exponent lies in (1, 7).
        let power = exp_q60((logarithm * (gamma + k) as u128 / gamma as u128) as u64);
        let ratio_q64 = ((gamma as u128) << 64) / k as u128;
        let scaled_q64 = ((ratio_q64 * (power.mantissa_q60 >> 28) as u128) >> 32) << power.exponent;
        // c squared: scaled * 10^9 / (2 A); scaled is below 2^86 and A at least 10^6 units, so Q96 fits as well.
        let square_q64 = scaled_q64 * GLFT_SCALE as u128 / (2 * p.intensity_1e9 as u128);
        let skew_per_sigma_q48 = (square_q64 << 32).isqrt() as u64;
        Ok(Self { half_spread, skew_per_sigma_q48 })
    }

    /// Shift of the reservation price for one quote size of inventory, 1e-9 price.
    #[must_use]
    pub const fn skew(&self, sigma: u64) -> u64 {
        let sigma = if sigma > SIGMA_MAX { SIGMA_MAX } else { sigma };
        // 2^46 * 2^64 >> 48 is below 2^62.
        ((sigma as u128 * self.skew_per_sigma_q48 as u128) >> SKEW_BITS) as u64
    }
}

/// Size-weighted mid, 1e-9, truncated: nearer to the side with less size, where the next move is likelier.
///
/// [`PRICE_NONE`] when a side is missing, the book is crossed, or the spread is above `spread_max` (1e-9): such a book
/// says nothing about the price. Quantities of zero on both sides count as equal.
#[inline]
#[must_use]
pub const fn microprice(bid: i64, bid_quantity: u64, ask: i64, ask_quantity: u64, spread_max: i64) -> i64 {
    if bid == PRICE_NONE || ask == PRICE_NONE || bid > ask {
        return PRICE_NONE;
    }
    let spread = ask.abs_diff(bid);
    if spread > spread_max.unsigned_abs() {
        return PRICE_NONE;
    }
    // In 64 bits where it fits, which is nearly always: a division of 128 bits is a call.
    if let (Some(part), Some(total)) =
        (spread.checked_mul(bid_quantity), bid_quantity.checked_add(ask_quantity))
        && let Some(above_bid) = part.checked_div(total)
    {
        return bid.wrapping_add_unsigned(above_bid);
    }
    let total = bid_quantity as u128 + ask_quantity as u128;
    let above_bid = match (spread as u128 * bid_quantity as u128).checked_div(total) {
        Some(above_bid) => above_bid,
        None => spread as u128 / 2,
    };
    // Not above the spread, hence the sum lies between bid and ask.
    bid.wrapping_add_unsigned(above_bid as u64)
}

/// What bounds a quote of one instrument at one venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteParameters {
    /// Constants of the closed form.
    pub glft: GlftConstants,
    /// Tick size, 1e-9, above zero: prices are multiples of it.
    pub tick: i64,
    /// Quantities are multiples of this, above zero.
    pub quantity_increment: u64,
    /// Size of a full quote, at least one increment; also the model's unit of inventory.
    pub quote_quantity: u64,
    /// Largest position, long or short.
    pub position_max: u64,
    /// Smallest half spread around the reservation price, 1e-9.
    pub half_spread_min: i64,
    /// Volatilities below this are raised to it, 1e-9 per square root of a second: a quiet minute must not switch the
    /// inventory skew off.
    pub sigma_min: u64,
}

/// What a quote depends on at one moment. Prices 1e-9, [`PRICE_NONE`] where absent; our own orders are left out of all
/// of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteInputs {
    /// Reference price, see [`microprice`].
    pub microprice: i64,
    /// Volatility, 1e-9 per square root of a second, or [`SIGMA_NONE`].
    pub sigma: u64,
    /// Filled position, negative when short.
    pub position: i64,
    /// Best bid of the venue where the quote goes.
    pub own_bid: i64,
    /// Best offer of the venue where the quote goes.
    pub own_ask: i64,
    /// Best bid over all other venues.
    pub away_bid: i64,
    /// Best offer over all other venues.
    pub away_ask: i64,
}

/// A wanted quote of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Limit price, 1e-9, a multiple of the tick.
    pub price: i64,
    /// Wanted open quantity, a positive multiple of the increment.
    pub quantity: u64,
}

/// Why a side has no quote.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoQuote {
    /// The volatility is not warm yet.
    WarmUp = 1,
    /// There is no reference price.
    NoReference = 2,
    /// The position leaves no room on this side.
    PositionLimit = 3,
    /// The price would not be positive or not fit.
    PriceOutOfRange = 4,
    /// The caller holds the side back: no continuous trading, or a refused message makes it wait.
    Paused = 5,
}

/// Both sides' wanted quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotes {
    /// The bid.
    pub bid: Result<Target, NoQuote>,
    /// The offer.
    pub ask: Result<Target, NoQuote>,
}

/// What the model makes of its inputs before bounds and rounding, 1e-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Shift of the reservation price for one quote size of inventory.
    pub skew: u64,
    /// Microprice less the shift for the position.
    pub reservation: i128,
    /// Distance of both quotes from the reservation price, at least the configured smallest one.
    pub half_spread: i128,
}

/// The closed form at these inputs, whose microprice and sigma are there.
#[inline]
#[must_use]
pub fn model(p: &QuoteParameters, x: &QuoteInputs) -> Model {
    let skew = p.glft.skew(x.sigma.max(p.sigma_min));
    // Truncation toward zero makes a short position the exact mirror of a long one. |skew * position| < 2^125.
    let shift = shift(skew, x.position, p.quote_quantity.max(1));
    let half_spread = i128::from(p.glft.half_spread) + i128::from(skew / 2);
    let half_spread = half_spread.max(i128::from(p.half_spread_min)).max(1);
    Model { skew, reservation: i128::from(x.microprice) - shift, half_spread }
}

/// The skew of a position, truncated toward zero; in 64 bits where it fits.
#[inline]
fn shift(skew: u64, position: i64, quote_quantity: u64) -> i128 {
    match skew.checked_mul(position.unsigned_abs()) {
        Some(product) => {
            let shift = i128::from(product / quote_quantity);
            if position < 0 { -shift } else { shift }
        }
        None => i128::from(skew) * i128::from(position) / i128::from(quote_quantity),
    }
}

/// The quotes that the model wants now.
///
/// The bid is rounded down and the offer up to the tick. Then the bid is held at least one tick below the best offer
/// of its own venue and of all others, the offer likewise above the best bids, so that neither crosses, and neither
/// locks another venue. A side whose room up to the position limit is smaller than the quote size gets what is left.
#[must_use]
pub fn quotes(p: &QuoteParameters, x: &QuoteInputs) -> Quotes {
    if x.microprice == PRICE_NONE {
        return Quotes { bid: Err(NoQuote::NoReference), ask: Err(NoQuote::NoReference) };
    }
    if x.sigma == SIGMA_NONE {
        return Quotes { bid: Err(NoQuote::WarmUp), ask: Err(NoQuote::WarmUp) };
    }
    let Model { reservation, half_spread, .. } = model(p, x);
    let bid_limit = below(p.tick, lower(x.own_ask, x.away_ask));
    let ask_limit = above(p.tick, higher(x.own_bid, x.away_bid));
    let bid_price = floor_to(p.tick, reservation - half_spread).min(bid_limit);
    let ask_price = ceil_to(p.tick, reservation + half_spread).max(ask_limit);
    Quotes {
        bid: target(p, bid_price, room(p, i128::from(x.position))),
        ask: target(p, ask_price, room(p, -i128::from(x.position))),
    }
}

/// Quantity that a side may add when `position` is the position counted in that side's direction.
fn room(p: &QuoteParameters, position: i128) -> u64 {
    let left = (i128::from(p.position_max) - position).clamp(0, i128::from(p.quote_quantity)) as u64;
    if p.quantity_increment > 1 { left - left % p.quantity_increment } else { left }
}

fn target(p: &QuoteParameters, price: i64, quantity: u64) -> Result<Target, NoQuote> {
    if quantity == 0 {
        return Err(NoQuote::PositionLimit);
    }
    if price < p.tick || price > i64::MAX - p.tick {
        return Err(NoQuote::PriceOutOfRange);
    }
    Ok(Target { price, quantity })
}

/// The lower of two offers, either of which may be absent.
pub(super) const fn lower(a: i64, b: i64) -> i64 {
    if a == PRICE_NONE || (b != PRICE_NONE && b < a) { b } else { a }
}

/// The higher of two bids: [`PRICE_NONE`] is the lowest number there is.
pub(super) const fn higher(a: i64, b: i64) -> i64 {
    if a > b { a } else { b }
}

/// Highest multiple of the tick strictly below an offer; no bound where there is none.
pub(super) const fn below(tick: i64, ask: i64) -> i64 {
    if ask == PRICE_NONE {
        return i64::MAX;
    }
    let last = ask.saturating_sub(1);
    last.saturating_sub(last.rem_euclid(tick))
}

/// Lowest multiple of the tick strictly above a bid; no bound where there is none.
pub(super) const fn above(tick: i64, bid: i64) -> i64 {
    if bid == PRICE_NONE {
        return i64::MIN;
    }
    bid.saturating_sub(bid.rem_euclid(tick)).saturating_add(tick)
}

/// Clamps a price into 64 bits, far outside what any venue accepts.
fn clamped(price: i128) -> i64 {
    price.clamp(i128::from(i64::MIN / 2), i128::from(i64::MAX / 2)) as i64
}

pub(super) fn floor_to(tick: i64, price: i128) -> i64 {
    let price = clamped(price);
    price - price.rem_euclid(tick)
}

pub(super) fn ceil_to(tick: i64, price: i128) -> i64 {
    let price = clamped(price);
    price + (-price).rem_euclid(tick)
}

#[cfg(test)]
#[path = "quoting_tests.rs"]
mod tests;
