//! What exercising early is worth, at any spot, once an option's boundary is solved.

#![allow(clippy::needless_range_loop, reason = "the lanes of several arrays go by one number")]

use super::boundary::{solve, weighted_normal};
use super::nodes::{NODES, Nodes, PRICE_POINTS};
use super::{AmericanOption, Refusal, Regime, UnitPut, check_price};
use crate::cpu::pricing::elementary::{D_MAX, exp, ln};
use crate::cpu::pricing::{Isa, PerIsa, larger, smaller};

/// Terms of the price's integral that are added before the others: lanes of a vector.
const LANES: usize = 8;

/// An option with its boundary, ready to be priced at any spot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyExercise {
    option: AmericanOption,
    put: UnitPut,
    regime: Regime,
    /// Solved where the option is exercised below a boundary.
    boundary: Boundary,
}

/// A unit put's boundary at the points of the price's integral.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Boundary {
    /// Logarithm of the boundary now: exercise at or below it.
    pub(crate) ln_now: f64,
    /// Logarithm of the boundary when the time of the point has passed.
    pub(crate) ln_then: [f64; PRICE_POINTS],
    /// e^(-r t) and e^(-q t) times the weight of the point and the rate or yield.
    pub(crate) rate_weight: [f64; PRICE_POINTS],
    pub(crate) yield_weight: [f64; PRICE_POINTS],
}

impl Boundary {
    const NONE: Self = Self {
        ln_now: 0.0,
        ln_then: [0.0; PRICE_POINTS],
        rate_weight: [0.0; PRICE_POINTS],
        yield_weight: [0.0; PRICE_POINTS],
    };
}

/// Solving it.
struct Solve<'a> {
    put: &'a UnitPut,
    nodes: &'a Nodes,
}

impl PerIsa for Solve<'_> {
    type Output = Boundary;

    #[inline(always)]
    fn run(self) -> Boundary {
        let Self { put, nodes } = self;
        let ln_first = ln(put.first).0;
        let depth = solve(put, nodes, ln_first);
        let mut boundary = Boundary { ln_now: ln_first - depth[0], ..Boundary::NONE };
        for k in 0..PRICE_POINTS {
            let mut square = nodes.price_from[0][k] * (depth[0] * depth[0]);
            for j in 1..NODES {
                square = nodes.price_from[j][k].mul_add(depth[j] * depth[j], square);
            }
            boundary.ln_then[k] = ln_first - larger(square, 0.0).sqrt();
            let time = put.years * (nodes.price.root[k] * nodes.price.root[k]);
            let weight = put.years * nodes.price.time_weight[k];
            boundary.rate_weight[k] = put.rate * weight * exp(-put.rate * time);
            boundary.yield_weight[k] = put.dividend_yield * weight * exp(-put.dividend_yield * time);
        }
        boundary
    }
}

/// What early exercise of a unit put is worth at a spot above the boundary.
struct Premium<'a> {
    put: &'a UnitPut,
    boundary: &'a Boundary,
    nodes: &'a Nodes,
    spot: f64,
    ln_spot: f64,
}

impl PerIsa for Premium<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { put, boundary, nodes, spot, ln_spot } = self;
        let deviation = put.volatility * put.years.sqrt();
        let inverse_deviation = 1.0 / deviation;
        let drift = (put.rate - put.dividend_yield) * put.years - 0.5 * deviation * deviation;
        let mut terms = [0.0; PRICE_POINTS];
        for k in 0..PRICE_POINTS {
            let (passed, inverse_passed) = (nodes.price.root[k], nodes.price.inverse_root[k]);
            let apart = ln_spot - boundary.ln_then[k];
            let d2 = (drift * passed).mul_add(passed, apart) * (inverse_deviation * inverse_passed);
            let d1 = deviation.mul_add(passed, d2);
            let (cut1, cut2) = (smaller(d1.abs(), D_MAX), smaller(d2.abs(), D_MAX));
            let (rate, earned) = (boundary.rate_weight[k], spot * boundary.yield_weight[k]);
            let saved = weighted_normal(rate, -d2, cut2, rate * exp(-0.5 * cut2 * cut2));
            let missed = weighted_normal(earned, -d1, cut1, earned * exp(-0.5 * cut1 * cut1));
            terms[k] = saved - missed;
        }
        larger(sum(&terms), 0.0)
    }
}

/// The sum in a fixed order: lanes of a vector, then halves of the lanes.
#[inline(always)]
fn sum(terms: &[f64; PRICE_POINTS]) -> f64 {
    let mut lanes = [0.0; LANES];
    for chunk in 0..PRICE_POINTS / LANES {
        for lane in 0..LANES {
            lanes[lane] += terms[chunk * LANES + lane];
        }
    }
    let halves = |a: usize| (lanes[a] + lanes[a + 4]) + (lanes[a + 2] + lanes[a + 6]);
    halves(0) + halves(1)
}

/// The logarithm on an instruction set.
struct LnOf(f64);

impl PerIsa for LnOf {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        ln(self.0).0
    }
}

/// The exponential on an instruction set.
struct ExpOf(f64);

impl PerIsa for ExpOf {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        exp(self.0)
    }
}

/// Logarithm of the boundary now and what early exercise is worth at a spot above it, of a put that is exercised below
/// a boundary: what a device computes for each option.
#[must_use]
pub fn unit_premium(isa: Isa, put: &UnitPut, spot: f64) -> [f64; 2] {
    let nodes = Nodes::shared();
    let boundary = isa.run(Solve { put, nodes });
    let ln_spot = isa.run(LnOf(spot));
    [boundary.ln_now, isa.run(Premium { put, boundary: &boundary, nodes, spot, ln_spot })]
}

impl EarlyExercise {
    /// Solves an option's boundary.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn solve(isa: Isa, option: &AmericanOption) -> Result<Self, Refusal> {
        option.check()?;
        let put = option.unit_put();
        let regime = put.regime()?;
        let boundary = match regime {
            Regime::Below => isa.run(Solve { put: &put, nodes: Nodes::shared() }),
            Regime::Never | Regime::Certain => Boundary::NONE,
        };
        Ok(Self { option: *option, put, regime, boundary })
    }

    /// The option that was solved.
    #[must_use]
    pub const fn option(&self) -> &AmericanOption {
        &self.option
    }

    /// The spot at which exercising now is best: at or below it for a put, at or above it for a call. None where there
    /// is no such boundary to solve: an option that is never exercised early, or one without time or volatility.
    #[must_use]
    pub fn boundary(&self, isa: Isa) -> Option<f64> {
        if self.regime != Regime::Below {
            return None;
        }
        let part = isa.run(ExpOf(self.boundary.ln_now));
        Some(if self.option.put { self.option.strike * part } else { self.option.strike / part })
    }

    /// The price: the European one and the premium, at least what exercising at once brings.
    ///
    /// # Errors
    /// A spot outside of its limits.
    pub fn price(&self, isa: Isa, spot: f64) -> Result<f64, Refusal> {
        let european = self.option.european(isa, spot);
        Ok(european + self.premium_over(isa, spot, european)?)
    }

    /// What the price is above the European one, zero at least.
    ///
    /// # Errors
    /// A spot outside of its limits.
    pub fn premium(&self, isa: Isa, spot: f64) -> Result<f64, Refusal> {
        self.premium_over(isa, spot, self.option.european(isa, spot))
    }

    fn premium_over(&self, isa: Isa, spot: f64, european: f64) -> Result<f64, Refusal> {
        check_price("spot", spot)?;
        let at_once = larger(self.option.intrinsic(spot) - european, 0.0);
        let (scale, moneyness) = match self.option.put {
            true => (self.option.strike, spot / self.option.strike),
            false => (spot, self.option.strike / spot),
        };
        Ok(match self.regime {
            Regime::Never => at_once,
            Regime::Certain => larger(scale * certain(isa, &self.put, moneyness) - european, at_once),
            Regime::Below => {
                let ln_spot = isa.run(LnOf(moneyness));
                if ln_spot <= self.boundary.ln_now {
                    return Ok(at_once);
                }
                let (put, boundary, nodes) = (&self.put, &self.boundary, Nodes::shared());
                let premium = Premium { put, boundary, nodes, spot: moneyness, ln_spot };
                larger(scale * isa.run(premium), at_once)
            }
        })
    }
}

/// A unit put whose underlying cannot deviate: the best of exercising now, at expiry and where the gain is largest.
fn certain(isa: Isa, put: &UnitPut, spot: f64) -> f64 {
    let UnitPut { rate, dividend_yield, years, .. } = *put;
    let gain = |time: f64| {
        let value = |rate: f64| isa.run(ExpOf(-rate * time));
        larger(value(rate) - spot * value(dividend_yield), 0.0)
    };
    let ends = larger(gain(0.0), gain(years));
    let (earned, saved) = (dividend_yield * spot, rate);
    if earned * saved > 0.0 && rate != dividend_yield {
        let ratio = saved / earned;
        // Numbers at the ends of the range of doubles have no inside worth looking at.
        if ratio.is_normal() {
            let best = isa.run(LnOf(ratio)) / (rate - dividend_yield);
            if best > 0.0 && best < years {
                return larger(gain(best), ends);
            }
        }
    }
    ends
}
