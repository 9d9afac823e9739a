//! What inputs of pricing may be, and the error that says which one is not.

use std::fmt;

/// Underlying, strike: currency units.
const PRICE: (f64, f64) = (1e-9, 1e10);
/// The same under the normal model, where they may be below zero.
const SIGNED_PRICE: (f64, f64) = (-1e10, 1e10);
/// Time to expiry, years.
const YEARS: (f64, f64) = (0.0, 1_000.0);
/// Lognormal volatility, a year.
const VOLATILITY: (f64, f64) = (0.0, 1_000.0);
/// Normal volatility, currency units a square root of a year.
const NORMAL_VOLATILITY: (f64, f64) = (0.0, 1e10);
/// Interest rate and yield, continuously compounded, a year.
const RATE: (f64, f64) = (-10.0, 10.0);
/// A rate times the years: growth from 1e-6 to 1e6, as `abi::Expiry` has it.
const GROWTH: (f64, f64) = (-13.815_510_557_964_274, 13.815_510_557_964_274);

/// An input of pricing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Price of the underlying, or the forward.
    Underlying,
    /// Strike.
    Strike,
    /// Time to expiry.
    Years,
    /// Volatility.
    Volatility,
    /// Interest rate.
    Rate,
    /// Yield of the underlying.
    UnderlyingYield,
    /// Rate, or rate less yield, times the years.
    Growth,
    /// 1 for a call, -1 for a put.
    Sign,
}

impl Input {
    /// What it is and may be.
    const fn says(self) -> &'static str {
        match self {
            Self::Underlying => {
                "price of the underlying: 1e-9 to 1e10 (normal model: -1e10 to 1e10) currency units"
            }
            Self::Strike => "strike: 1e-9 to 1e10 (normal model: -1e10 to 1e10) currency units",
            Self::Years => "time to expiry: 0 to 1,000 years",
            Self::Volatility => "volatility: 0 to 1,000 a year (normal model: 0 to 1e10)",
            Self::Rate => "interest rate: -10 to 10 a year",
            Self::UnderlyingYield => "yield of the underlying: -10 to 10 a year",
            Self::Growth => {
                "interest rate and cost of carry, each times the years: -13.8 to 13.8, growth from 1e-6 to 1e6"
            }
            Self::Sign => "sign: 1 for a call or -1 for a put",
        }
    }
}

/// An input that is no number or too large or small: pricing would not be finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// Of which option, from 0; 0 where there is one market.
    pub index: usize,
    /// Which.
    pub input: Input,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "option {}: out of range is its {}", self.index, self.input.says())
    }
}

impl std::error::Error for OutOfRange {}

/// Whether a condition holds, and which input it is about.
pub(super) type Condition = (bool, Input);

#[inline(always)]
fn within((low, high): (f64, f64), x: f64) -> bool {
    // Not a range's `contains`: both sides are looked at, so that a loop of it has no branch. NaN is in no range.
    (x >= low) & (x <= high)
}

#[inline(always)]
pub(super) fn price(x: f64, input: Input) -> Condition {
    (within(PRICE, x), input)
}

#[inline(always)]
pub(super) fn signed_price(x: f64, input: Input) -> Condition {
    (within(SIGNED_PRICE, x), input)
}

#[inline(always)]
pub(super) fn years(x: f64) -> Condition {
    (within(YEARS, x), Input::Years)
}

#[inline(always)]
pub(super) fn volatility(x: f64) -> Condition {
    (within(VOLATILITY, x), Input::Volatility)
}

#[inline(always)]
pub(super) fn normal_volatility(x: f64) -> Condition {
    (within(NORMAL_VOLATILITY, x), Input::Volatility)
}

#[inline(always)]
pub(super) fn rate(x: f64, input: Input) -> Condition {
    (within(RATE, x), input)
}

#[inline(always)]
pub(super) fn growth(x: f64) -> Condition {
    (within(GROWTH, x), Input::Growth)
}

#[inline(always)]
pub(super) fn sign(x: f64) -> Condition {
    ((x == 1.0) | (x == -1.0), Input::Sign)
}

/// Whether all hold.
#[inline(always)]
pub(super) fn all<const N: usize>(conditions: &[Condition; N]) -> bool {
    let mut all = true;
    for (holds, _) in conditions {
        all &= *holds;
    }
    all
}

/// The first that does not hold.
pub(super) fn refused<const N: usize>(index: usize, conditions: [Condition; N]) -> Result<(), OutOfRange> {
    match conditions.into_iter().find(|(holds, _)| !holds) {
        Some((_, input)) => Err(OutOfRange { index, input }),
        None => Ok(()),
    }
}
