//! Prices and sensitivities of European options: one formula a model, whatever computes it.
//!
//! Here is the lognormal one, on the forward. With F the forward, K the strike, D the discount, v = volatility *
//! sqrt(years), d1 = (ln F - ln K)/v + v/2 and d2 = d1 - v, a call is worth D (F N(d1) - K N(d2)). Both tails come from one
//! exponential, for F exp(-d1^2/2) = K exp(-d2^2/2): N(-|d|) is that times a ratio that is one polynomial of d. The
//! logarithm of the forward is taken once for an expiry, those of the strikes once at start.
//!
//! [`value`] is what quoting needs of a chain: price, delta and vega. [`lognormal`] goes on to all sensitivities
//! (Black-Scholes-Merton and Black-76), [`normal`] is Bachelier's model; [`loops`] runs both over a chain, whose contracts
//! share an expiry, or over options of which each has its own market ([`markets`]). [`implied`] finds volatilities by
//! prices from a warm start, [`cold`] without one.
//!
//! A contract's bits depend on its own inputs alone: on no mode, instruction set, width, lane, tail or device. There is one
//! function for one contract; every loop calls that, compiled once for each [`Isa`], and every operation is one of IEEE
//! 754, none fused or reordered but where it says `mul_add`. `cuda/pricing.cuh` and the headers named like the other files
//! are the twins.
//!
//! Accuracy, measured by `tests/pricing.rs` on 3,696 options around 100: price within 1e-13, sensitivities within 2e-13
//! or 2e-13 of themselves.
//!
//! Nothing allocates; any thread may call it. What runs over a chain refuses nothing: its inputs are checked where tables
//! or markets are made ([`super::wide`], [`markets`]) and give finite results. At no time or no volatility the price is the
//! discounted intrinsic value of the forward, delta that of a step (half of it at the money), and gamma and vega are zero.

mod coefficients;
pub mod cold;
pub(crate) mod elementary;
pub mod implied;
mod isa;
pub mod lognormal;
pub mod loops;
pub mod markets;
pub mod normal;
pub mod range;

use crate::abi::Expiry;
use elementary::{D_MAX, exp, tail_ratio};
pub use isa::Isa;
pub(crate) use isa::PerIsa;

/// A standard deviation below this counts as none.
const DEVIATION_MIN: f64 = 1e-30;

/// 1 / sqrt(2 pi).
pub(crate) const INVERSE_SQRT_2PI: f64 = 0.398_942_280_401_432_7;

/// Natural logarithm of a normal number above zero, the same bits everywhere: [`crate::abi::OptionTerms::ln_strike`].
#[must_use]
pub fn ln(x: f64) -> f64 {
    elementary::ln(x).0
}

/// What all contracts of one expiry share at one price of the underlying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForwardTerms {
    forward: f64,
    ln_forward: f64,
    ln_forward_rest: f64,
    discount: f64,
    sqrt_years: f64,
    /// What one of N(d1) is in delta.
    delta_scale: f64,
    /// What one of F exp(-d1^2/2) is in vega.
    vega_scale: f64,
}

impl ForwardTerms {
    /// At the underlying's mid, in currency units.
    #[must_use]
    pub fn new(isa: Isa, expiry: &Expiry, mid: f64) -> Self {
        isa.run(ForwardTermsOf { expiry, mid })
    }

    #[inline(always)]
    fn compute(expiry: &Expiry, mid: f64) -> Self {
        let forward = mid * expiry.carry;
        let (ln_forward, ln_forward_rest) = elementary::ln(forward);
        Self {
            forward,
            ln_forward,
            ln_forward_rest,
            discount: expiry.discount,
            sqrt_years: expiry.sqrt_years,
            delta_scale: expiry.discount * expiry.carry,
            vega_scale: expiry.discount * expiry.sqrt_years * INVERSE_SQRT_2PI,
        }
    }
}

/// A fused multiply-add is a call of a library where it is not compiled for a set that has it.
struct ForwardTermsOf<'a> {
    expiry: &'a Expiry,
    mid: f64,
}

impl PerIsa for ForwardTermsOf<'_> {
    type Output = ForwardTerms;

    #[inline(always)]
    fn run(self) -> ForwardTerms {
        ForwardTerms::compute(self.expiry, self.mid)
    }
}

/// One contract of an expiry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contract {
    /// Strike.
    pub strike: f64,
    /// Its [`ln`].
    pub ln_strike: f64,
    /// Annual volatility.
    pub volatility: f64,
    /// 1 for a call, -1 for a put.
    pub sign: f64,
}

/// What the quote path needs of an option.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Theoretical price.
    pub price: f64,
    /// Change of the price for a change of the underlying by 1.
    pub delta: f64,
    /// Change of the price for a change of the volatility by 1.
    pub vega: f64,
}

/// The parts that price and sensitivities are made of.
#[derive(Clone, Copy)]
struct Parts {
    value: Value,
    d1: f64,
    d2: f64,
    inverse_deviation: f64,
    /// F exp(-d1^2/2); zero where there is no deviation.
    scaled_density: f64,
    /// F N(d1) or F N(-d1).
    forward_side: f64,
    /// K N(d2) or K N(-d2).
    strike_side: f64,
}

/// The smaller, for values that are never NaN.
#[inline(always)]
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The larger, for values that are never NaN; the second where they are equal.
#[inline(always)]
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(always)]
fn parts(t: &ForwardTerms, c: &Contract) -> Parts {
    let total = c.volatility * t.sqrt_years;
    let deviation = larger(total, DEVIATION_MIN);
    let inverse_deviation = 1.0 / deviation;
    let distance = (t.ln_forward - c.ln_strike) + t.ln_forward_rest;
    let distance = if t.forward == c.strike { 0.0 } else { distance };
    let d1 = distance.mul_add(inverse_deviation, 0.5 * deviation);
    let d2 = d1 - deviation;
    let (cut1, cut2) = (smaller(d1.abs(), D_MAX), smaller(d2.abs(), D_MAX));
    let density = exp(-0.5 * cut1 * cut1);
    let tail1 = density * tail_ratio(cut1);
    let scaled_density = t.forward * density;
    let strike_tail = scaled_density * tail_ratio(cut2);
    let n1 = if c.sign * d1 > 0.0 { 1.0 - tail1 } else { tail1 };
    let strike_side = if c.sign * d2 > 0.0 { c.strike - strike_tail } else { strike_tail };
    let forward_side = t.forward * n1;
    let signed_discount = c.sign * t.discount;
    let intrinsic = larger(signed_discount * (t.forward - c.strike), 0.0);
    let scaled_density = if total > DEVIATION_MIN { scaled_density } else { 0.0 };
    let value = Value {
        price: larger(signed_discount * (forward_side - strike_side), intrinsic),
        delta: c.sign * t.delta_scale * n1,
        vega: scaled_density * t.vega_scale,
    };
    Parts { value, d1, d2, inverse_deviation, scaled_density, forward_side, strike_side }
}

/// Price, delta and vega of one contract: what [`value`] computes for each.
#[must_use]
pub fn value_one(terms: &ForwardTerms, contract: &Contract) -> Value {
    parts(terms, contract).value
}

/// Contracts of one expiry, one array a field, equally long.
#[derive(Clone, Copy, Debug)]
pub struct Contracts<'a> {
    /// See [`Contract::strike`].
    pub strike: &'a [f64],
    /// See [`Contract::ln_strike`].
    pub ln_strike: &'a [f64],
    /// See [`Contract::volatility`].
    pub volatility: &'a [f64],
    /// See [`Contract::sign`].
    pub sign: &'a [f64],
}

impl Contracts<'_> {
    #[inline(always)]
    fn first(&self, len: usize) -> Self {
        Self {
            strike: &self.strike[..len],
            ln_strike: &self.ln_strike[..len],
            volatility: &self.volatility[..len],
            sign: &self.sign[..len],
        }
    }

    /// One of them.
    #[inline(always)]
    #[must_use]
    pub fn at(&self, i: usize) -> Contract {
        Contract {
            strike: self.strike[i],
            ln_strike: self.ln_strike[i],
            volatility: self.volatility[i],
            sign: self.sign[i],
        }
    }
}

/// Where [`value`] writes, as long as the contracts.
#[derive(Debug)]
pub struct Values<'a> {
    /// See [`Value::price`].
    pub price: &'a mut [f64],
    /// See [`Value::delta`].
    pub delta: &'a mut [f64],
    /// See [`Value::vega`].
    pub vega: &'a mut [f64],
}

/// Price, delta and vega of all contracts of an expiry: as many as `out.price` is long. Panics when another slice is
/// shorter.
pub fn value(isa: Isa, terms: &ForwardTerms, contracts: &Contracts<'_>, out: Values<'_>) {
    isa.run(ValueLoop { terms, contracts, out });
}

struct ValueLoop<'a> {
    terms: &'a ForwardTerms,
    contracts: &'a Contracts<'a>,
    out: Values<'a>,
}

impl PerIsa for ValueLoop<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let len = self.out.price.len();
        let contracts = self.contracts.first(len);
        let (price, delta, vega) = (self.out.price, &mut self.out.delta[..len], &mut self.out.vega[..len]);
        for i in 0..len {
            let value = parts(self.terms, &contracts.at(i)).value;
            price[i] = value.price;
            delta[i] = value.delta;
            vega[i] = value.vega;
        }
    }
}
