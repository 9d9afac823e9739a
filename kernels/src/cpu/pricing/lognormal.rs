//! All sensitivities under the lognormal models: Black-Scholes-Merton on the underlying, Black-76 on the forward.
//!
//! Both are one formula on the forward; they differ in what is held still while something else changes: the underlying
//! and its yield, or the forward. A model is the [`LognormalTerms`] of an expiry, made by one of three functions; what is
//! computed of a contract is the same for all.
//!
//! The forward is one double and so is the strike's logarithm. What is left of them, up to 4e-16, is 2e-13 of a standard
//! deviation at a day and 5 %: no matter to price and delta, but vanna, volga and charm grow with d1 and d2 and are
//! corrected for it.
//!
//! Nothing allocates, nothing is refused; the units are those of [`Sensitivities`].

use super::elementary::{exp, ln};
use super::loops::{Model, Sensitivities};
use super::markets::{ForwardMarket, SpotMarket};
use super::range::{self, Condition, Input};
use super::{Contract, ForwardTerms, INVERSE_SQRT_2PI, Isa, PerIsa, larger, parts, smaller};
use crate::abi::Expiry;

/// Time below which the rates of an [`Expiry`] count as zero: its discount and carry are then within rounding of 1.
const YEARS_MIN: f64 = 1e-9;

/// What the contracts of one expiry share at one price of the underlying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LognormalTerms {
    pub(super) forward: ForwardTerms,
    /// What the forward's logarithm is beyond that of the double.
    ln_forward_beyond: f64,
    underlying_yield: f64,
    cost_of_carry: f64,
    /// Discount times yield of the underlying, and times interest rate.
    yield_scale: f64,
    rate_scale: f64,
    /// What one of F N(d1) and one of K N(d2) are in rho.
    rho_forward: f64,
    rho_strike: f64,
    /// What one of F exp(-d1^2/2) is in theta, charm and gamma.
    decay_scale: f64,
    charm_scale: f64,
    gamma_scale: f64,
}

impl LognormalTerms {
    /// Black-Scholes-Merton: an underlying with a continuous yield. Delta, gamma, vanna and charm are to the underlying's
    /// price; rho is to the interest rate while price and yield stay.
    #[must_use]
    pub fn black_scholes_merton(isa: Isa, market: &SpotMarket) -> Self {
        isa.run(OfSpot(*market))
    }

    /// Black-76: an option on a forward or future, paid for at once. Delta, gamma, vanna and charm are to the forward; theta
    /// and rho are taken while the forward stays.
    #[must_use]
    pub fn black_76(isa: Isa, market: &ForwardMarket) -> Self {
        isa.run(OfForward(*market))
    }

    /// Black-Scholes-Merton with the factors of an expiry of wide work, whose bits of price, delta and vega these are. Its
    /// rates are worked out of its factors, so that theta, rho and charm agree with [`Self::black_scholes_merton`] to
    /// rounding only.
    #[must_use]
    pub fn of_expiry(isa: Isa, expiry: &Expiry, mid: f64) -> Self {
        isa.run(OfExpiry { expiry: *expiry, mid })
    }

    #[inline(always)]
    pub(super) fn of_spot(market: &SpotMarket) -> Self {
        let SpotMarket { spot, rate, underlying_yield, years } = *market;
        let cost_of_carry = rate - underlying_yield;
        let expiry = expiry(rate, cost_of_carry, years);
        let rho_strike = expiry.discount * years;
        let ln_carry = cost_of_carry * years;
        Self::of(&expiry, spot, ln_carry, [rate, underlying_yield, cost_of_carry], [0.0, rho_strike])
    }

    #[inline(always)]
    pub(super) fn of_forward(market: &ForwardMarket) -> Self {
        let ForwardMarket { forward, rate, years, .. } = *market;
        let expiry = expiry(rate, 0.0, years);
        let rho_strike = expiry.discount * years;
        Self::of(&expiry, forward, 0.0, [rate, rate, 0.0], [-rho_strike, rho_strike])
    }

    #[inline(always)]
    fn of(
        expiry: &Expiry,
        underlying: f64,
        ln_carry: f64,
        [rate, underlying_yield, cost_of_carry]: [f64; 3],
        [rho_forward, rho_strike]: [f64; 2],
    ) -> Self {
        let forward = ForwardTerms::compute(expiry, underlying);
        let (ln_underlying, ln_underlying_rest) = ln(underlying);
        let inverse_underlying = 1.0 / underlying;
        let density_scale = expiry.discount * INVERSE_SQRT_2PI;
        let charm_scale = density_scale * inverse_underlying;
        Self {
            ln_forward_beyond: ((ln_underlying - forward.ln_forward) + ln_carry)
                + (ln_underlying_rest - forward.ln_forward_rest),
            forward,
            underlying_yield,
            cost_of_carry,
            yield_scale: expiry.discount * underlying_yield,
            rate_scale: expiry.discount * rate,
            rho_forward,
            rho_strike,
            decay_scale: 0.5 * density_scale,
            charm_scale,
            gamma_scale: charm_scale * inverse_underlying,
        }
    }
}

/// The factors of rates, by the kernels' own exponential.
#[inline(always)]
pub(super) fn expiry(rate: f64, cost_of_carry: f64, years: f64) -> Expiry {
    Expiry {
        carry: exp(cost_of_carry * years),
        discount: exp(-(rate * years)),
        years,
        sqrt_years: years.sqrt(),
    }
}

struct OfSpot(SpotMarket);
struct OfForward(ForwardMarket);
struct OfExpiry {
    expiry: Expiry,
    mid: f64,
}

impl PerIsa for OfSpot {
    type Output = LognormalTerms;

    #[inline(always)]
    fn run(self) -> LognormalTerms {
        LognormalTerms::of_spot(&self.0)
    }
}

impl PerIsa for OfForward {
    type Output = LognormalTerms;

    #[inline(always)]
    fn run(self) -> LognormalTerms {
        LognormalTerms::of_forward(&self.0)
    }
}

impl PerIsa for OfExpiry {
    type Output = LognormalTerms;

    #[inline(always)]
    fn run(self) -> LognormalTerms {
        let Self { expiry, mid } = self;
        let inverse_years = if expiry.years > YEARS_MIN { 1.0 / expiry.years } else { 0.0 };
        let rate = -ln(expiry.discount).0 * inverse_years;
        let ln_carry = ln(expiry.carry).0;
        let cost_of_carry = ln_carry * inverse_years;
        let rho_strike = expiry.discount * expiry.years;
        let rates = [rate, rate - cost_of_carry, cost_of_carry];
        LognormalTerms::of(&expiry, mid, ln_carry, rates, [0.0, rho_strike])
    }
}

impl Model for LognormalTerms {
    const TAKES_LOGARITHM: bool = true;

    #[inline(always)]
    fn conditions(strike: f64, volatility: f64) -> [Condition; 2] {
        [range::price(strike, Input::Strike), range::volatility(volatility)]
    }

    #[inline(always)]
    fn sensitivities(&self, c: &Contract) -> Sensitivities {
        let p = parts(&self.forward, c);
        let (live, inverse_deviation) = (p.scaled_density, p.inverse_deviation);
        // Volatility / sqrt(years), without a division and without a year that may be none.
        let decay_rate = c.volatility * (c.volatility * inverse_deviation);
        let carried = self.yield_scale * p.forward_side - self.rate_scale * p.strike_side;
        let owed = self.rho_forward * p.forward_side + self.rho_strike * p.strike_side;
        // From here on with what is left of ln F and ln K.
        let beyond = self.ln_forward_beyond - ln(c.strike).1;
        let beyond = if self.forward.forward == c.strike { 0.0 } else { beyond };
        let shift = beyond * inverse_deviation;
        let (d1, d2) = (p.d1 + shift, p.d2 + shift);
        let correction = larger(smaller(1.0 - p.d1 * shift, 2.0), 0.0);
        let corrected = live * correction;
        let inverse_volatility = self.forward.sqrt_years * inverse_deviation;
        let inverse_sqrt_years = c.volatility * inverse_deviation;
        let drift =
            self.cost_of_carry * inverse_deviation - 0.5 * d2 * (inverse_sqrt_years * inverse_sqrt_years);
        Sensitivities {
            price: p.value.price,
            delta: p.value.delta,
            gamma: live * self.gamma_scale * inverse_deviation,
            vega: p.value.vega,
            theta: c.sign * carried - live * self.decay_scale * decay_rate,
            rho: c.sign * owed,
            vanna: -(corrected * self.charm_scale * (d2 * inverse_volatility)),
            volga: corrected * self.forward.vega_scale * (d1 * d2 * inverse_volatility),
            charm: self.underlying_yield * p.value.delta - corrected * self.charm_scale * drift,
        }
    }
}
