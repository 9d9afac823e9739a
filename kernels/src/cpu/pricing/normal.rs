//! Bachelier's model: the forward moves by amounts, not by parts of itself, and may be below zero, as strikes may.
//!
//! With v = volatility * sqrt(years) and d = (F - K)/v, an option out of the money is worth
//! D (v n(d) - |F - K| N(-|d|)); one in the money that and its intrinsic value. Everything is to the forward, which stays
//! while time or the interest rate changes, as under Black-76.
//!
//! Nothing allocates, nothing is refused; the units are those of [`Sensitivities`], volatility in currency units a square
//! root of a year. At no time or no volatility it gives what the lognormal models give.

use super::elementary::{D_MAX, exp, tail_ratio};
use super::loops::{Model, Sensitivities};
use super::markets::NormalMarket;
use super::range::{self, Condition, Input};
use super::{Contract, DEVIATION_MIN, INVERSE_SQRT_2PI, Isa, PerIsa, larger, smaller};

/// What the contracts of one expiry share at one forward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalTerms {
    pub(super) forward: f64,
    pub(super) discount: f64,
    pub(super) sqrt_years: f64,
    years: f64,
    rate: f64,
}

impl NormalTerms {
    /// Bachelier's model on a forward.
    #[must_use]
    pub fn bachelier(isa: Isa, market: &NormalMarket) -> Self {
        isa.run(OfMarket(*market))
    }

    #[inline(always)]
    pub(super) fn of_normal(market: &NormalMarket) -> Self {
        let NormalMarket { forward, rate, years, .. } = *market;
        Self { forward, discount: exp(-(rate * years)), sqrt_years: years.sqrt(), years, rate }
    }
}

struct OfMarket(NormalMarket);

impl PerIsa for OfMarket {
    type Output = NormalTerms;

    #[inline(always)]
    fn run(self) -> NormalTerms {
        NormalTerms::of_normal(&self.0)
    }
}

impl Model for NormalTerms {
    const TAKES_LOGARITHM: bool = false;

    #[inline(always)]
    fn conditions(strike: f64, volatility: f64) -> [Condition; 2] {
        [range::signed_price(strike, Input::Strike), range::normal_volatility(volatility)]
    }

    #[inline(always)]
    fn sensitivities(&self, c: &Contract) -> Sensitivities {
        let total = c.volatility * self.sqrt_years;
        let deviation = larger(total, DEVIATION_MIN);
        let inverse_deviation = 1.0 / deviation;
        let apart = self.forward - c.strike;
        let d = apart * inverse_deviation;
        let cut = smaller(d.abs(), D_MAX);
        let exponential = exp(-0.5 * cut * cut);
        let tail = exponential * tail_ratio(cut);
        let n = if c.sign * d > 0.0 { 1.0 - tail } else { tail };
        let density = if total > DEVIATION_MIN { exponential * INVERSE_SQRT_2PI } else { 0.0 };
        let time_value = larger(deviation * density - apart.abs() * tail, 0.0);
        let intrinsic = larger(c.sign * apart, 0.0);
        let price = self.discount * (intrinsic + time_value);
        let delta = self.discount * c.sign * n;
        let scale = self.discount * density;
        let vega = scale * self.sqrt_years;
        let inverse_volatility = self.sqrt_years * inverse_deviation;
        let inverse_sqrt_years = c.volatility * inverse_deviation;
        Sensitivities {
            price,
            delta,
            gamma: scale * inverse_deviation,
            vega,
            theta: self.rate * price - 0.5 * scale * (c.volatility * inverse_sqrt_years),
            rho: -(self.years * price),
            vanna: -(scale * (d * inverse_volatility)),
            volga: vega * (d * d * inverse_volatility),
            charm: self.rate * delta + scale * (0.5 * d * (inverse_sqrt_years * inverse_sqrt_years)),
        }
    }
}
