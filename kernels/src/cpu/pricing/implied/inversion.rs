//! A price as an equation for the deviation, and the step that brings its solution nearer; for both models.

use super::NoVolatility;
use crate::cpu::pricing::elementary::{D_MAX, exp, ln_once, tail_ratio};
use crate::cpu::pricing::lognormal::LognormalTerms;
use crate::cpu::pricing::loops::Model;
use crate::cpu::pricing::normal::NormalTerms;
use crate::cpu::pricing::{Contract, DEVIATION_MIN, INVERSE_SQRT_2PI, larger, smaller};

/// Prices are known to this part of forward and strike: what is nearer to a limit is at it.
const ROUNDING: f64 = 9e-16;
/// A step of Newton by at most this part of the volatility is the last that is needed: the error of Halley's is then 2e-11 of
/// it. Newton's own is looked at because it is long, not short, where the price no longer depends on the volatility.
const LAST_STEP_MAX: f64 = 4e-4;
/// A distance from the wanted price, as a logarithm, that such a step can come from.
const LAST_DISTANCE_MAX: f64 = 0.1;
/// Prices are cut to this, whose logarithm is a number.
const PRICE_MIN: f64 = 1e-290;
const SQRT_2PI: f64 = 2.506_628_274_631_000_2;

/// What is to be found: the deviation at which an option out of the money is worth `wanted` before discounting.
#[derive(Clone, Copy, Debug)]
pub struct Problem {
    pub(in crate::cpu::pricing) wanted: f64,
    /// The smaller of forward and strike; 1 in the normal model.
    pub(super) smaller_side: f64,
    /// Distance of forward and strike: of their logarithms, in the normal model of themselves.
    pub(super) apart: f64,
    pub(super) start: f64,
    pub(in crate::cpu::pricing) sqrt_years: f64,
    /// 0, or a [`NoVolatility`].
    pub(super) refused: u64,
}

impl Problem {
    /// Whether there is anything to be found.
    pub(in crate::cpu::pricing) fn possible(&self) -> Result<(), NoVolatility> {
        NoVolatility::numbered(self.refused).map_or(Ok(()), Err)
    }
}

/// The price at a deviation, and what Halley's step needs besides.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    price: f64,
    /// Price over its slope.
    price_over_slope: f64,
    /// Slope of the slope over the slope.
    curvature: f64,
}

/// A model whose price can be turned into a volatility.
pub trait Invertible: Model {
    /// What is to be found.
    fn problem(&self, contract: &Contract, price: f64) -> Problem;

    /// The price at a deviation.
    fn at(smaller_side: f64, apart: f64, deviation: f64) -> Point;
}

/// What the two models share of [`Invertible::problem`].
struct Sides {
    wanted: f64,
    bound: f64,
    rounding: f64,
    sqrt_years: f64,
    price: f64,
}

impl Sides {
    /// The last that holds is what is said.
    #[inline(always)]
    fn refused(&self) -> u64 {
        let mut refused = 0;
        let mut say = |holds: bool, why: NoVolatility| refused = if holds { why as u64 } else { refused };
        say(self.wanted <= self.rounding, NoVolatility::NoTimeValue);
        say(self.wanted < -self.rounding, NoVolatility::BelowIntrinsic);
        say(self.wanted >= self.bound - self.rounding, NoVolatility::AboveBound);
        say(self.sqrt_years <= 0.0, NoVolatility::NoTime);
        say(!self.price.is_finite(), NoVolatility::NotFinite);
        refused
    }
}

/// The start as a deviation, or a guess where it is of no use.
#[inline(always)]
fn start(contract: &Contract, sqrt_years: f64, guess: f64) -> f64 {
    let start = contract.volatility * sqrt_years;
    if (start > DEVIATION_MIN) & (start < 1.0 / DEVIATION_MIN) { start } else { guess }
}

impl Invertible for LognormalTerms {
    #[inline(always)]
    fn problem(&self, c: &Contract, price: f64) -> Problem {
        let terms = &self.forward;
        let forward_less_strike = terms.forward - c.strike;
        let smaller_side = smaller(terms.forward, c.strike);
        let sides = Sides {
            wanted: price * (1.0 / terms.discount) - larger(c.sign * forward_less_strike, 0.0),
            bound: smaller_side,
            rounding: ROUNDING * (terms.forward + c.strike),
            sqrt_years: terms.sqrt_years,
            price,
        };
        let refused = sides.refused();
        let wanted = if refused == 0 { sides.wanted } else { 0.1 * smaller_side };
        let distance = (terms.ln_forward - c.ln_strike) + terms.ln_forward_rest;
        let apart = if forward_less_strike == 0.0 { 0.0 } else { distance.abs() };
        // Where vega is largest, or what a straight line through the price at the money gives.
        let guess = larger((2.0 * apart).sqrt(), SQRT_2PI * (wanted / smaller_side));
        let start = start(c, terms.sqrt_years, guess);
        Problem { wanted, smaller_side, apart, start, sqrt_years: terms.sqrt_years, refused }
    }

    /// With L the smaller side, h the distance over the deviation and t half the deviation: L N(t - h) less the other
    /// side's, which is L exp(-(h - t)^2/2) times a tail ratio, as the first one is.
    #[inline(always)]
    fn at(smaller_side: f64, apart: f64, deviation: f64) -> Point {
        let inverse = 1.0 / deviation;
        let (h, t) = (apart * inverse, 0.5 * deviation);
        let (near, far) = (h - t, h + t);
        let cut = smaller(near.abs(), D_MAX);
        let scaled = smaller_side * exp(-0.5 * cut * cut);
        let (near_ratio, far_ratio) = (tail_ratio(cut), tail_ratio(smaller(far, D_MAX)));
        let below = scaled * (near_ratio - far_ratio);
        let above = smaller_side - scaled * (near_ratio + far_ratio);
        let price = larger(if near > 0.0 { below } else { above }, PRICE_MIN);
        let price_over_slope = price / (scaled * INVERSE_SQRT_2PI);
        Point { price, price_over_slope, curvature: near * far * inverse }
    }
}

impl Invertible for NormalTerms {
    #[inline(always)]
    fn problem(&self, c: &Contract, price: f64) -> Problem {
        let forward_less_strike = self.forward - c.strike;
        let sides = Sides {
            wanted: price * (1.0 / self.discount) - larger(c.sign * forward_less_strike, 0.0),
            bound: f64::MAX,
            rounding: ROUNDING * (self.forward.abs() + c.strike.abs()),
            sqrt_years: self.sqrt_years,
            price,
        };
        let refused = sides.refused();
        let wanted = if refused == 0 { sides.wanted } else { 1.0 };
        let apart = forward_less_strike.abs();
        let start = start(c, self.sqrt_years, larger(0.5 * apart, SQRT_2PI * wanted));
        Problem { wanted, smaller_side: 1.0, apart, start, sqrt_years: self.sqrt_years, refused }
    }

    #[inline(always)]
    fn at(_: f64, apart: f64, deviation: f64) -> Point {
        let inverse = 1.0 / deviation;
        let d = apart * inverse;
        let cut = smaller(d, D_MAX);
        let density = exp(-0.5 * cut * cut);
        let part = INVERSE_SQRT_2PI - d * tail_ratio(cut);
        let price = larger(deviation * density * part, PRICE_MIN);
        let price_over_slope = price / (density * INVERSE_SQRT_2PI);
        Point { price, price_over_slope, curvature: d * d * inverse }
    }
}

/// A deviation, and what is known of the step to it.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) deviation: f64,
    /// What Newton's step would have been.
    pub(super) newton: f64,
    /// Logarithm of the price over the wanted one, before the step.
    pub(super) distance: f64,
}

/// One step of Halley's method for ln price = ln wanted: Newton's, over a term of the second order that is cut where it
/// would turn the step around; and no further than to a quarter or to four times the deviation.
#[inline(always)]
pub(super) fn step<M: Invertible>(
    smaller_side: f64,
    apart: f64,
    inverse_wanted: f64,
    deviation: f64,
) -> Step {
    let point = M::at(smaller_side, apart, deviation);
    let distance = ln_once(point.price * inverse_wanted);
    let newton = -distance * point.price_over_slope;
    let bend = 1.0 + 0.5 * (newton * point.curvature + distance);
    let stepped = deviation + newton / larger(bend, 0.5);
    let cut = smaller(larger(stepped, 0.25 * deviation), 4.0 * deviation);
    Step { deviation: cut, newton, distance }
}

/// What is said at the end.
#[inline(always)]
pub(super) fn verdict(refused: u64, last: &Step) -> u64 {
    let converged =
        (last.newton.abs() <= LAST_STEP_MAX * last.deviation) & (last.distance.abs() <= LAST_DISTANCE_MAX);
    let found = if converged { 0 } else { NoVolatility::NotConverged as u64 };
    if refused == 0 { found } else { refused }
}
