//! Price of American options by Andersen, Lake and Offengenden: the exercise boundary as a polynomial, then one integral.
//!
//! The boundary B of a put on a strike of 1 solves an integral equation in the time left. It is kept as the polynomial
//! through [`NODES`] Chebyshev nodes of ln(B/X)^2 in the square root of that time, X being where it begins at expiry. A
//! start by QD+ (`start`) and a few fixed-point steps (`boundary`) give the values at the nodes, all nodes side by side in
//! vectors; what exercising early is worth is an integral along the boundary (`early_exercise`). A call is the put with
//! strike and spot, rate and yield exchanged. Nodes and weights are the same for every option ([`Nodes`]).
//!
//! As in [`super::pricing`] every operation is one of IEEE 754 and none is fused but where it says so: an option's bits
//! depend on no instruction set. `cuda/american.cuh` is the twin of all but the tree and the table.
//!
//! Accuracy and time are of the same, the only settings: against QuantLib's high-precision scheme on 960 options around 100
//! (`tests/american.rs`) the root of the mean square is 4.5e-5 and the largest error 3.6e-4, on those with a rate of 5 %, a
//! yield of 3 % and up to a year 7.0e-6 and 4.5e-5; `bench/src/american.rs` times them. The error is largest close to the
//! boundary, where rates are large against the variance: against twice the nodes and points and four times the steps (24,000
//! prices from 60 to 147 around a strike of 100, six pairs of rates) up to 7.4e-4 at 5 % of volatility over three years, and
//! 2.1e-3 at 10 % with a rate of 2 % and a yield of 8 %. Dividends are a continuous yield.
//!
//! Nothing allocates but the constants, once for the process. Any thread may call it; one solution takes microseconds, so
//! that the cold core solves and a tick reads [`PremiumTable`]. It refuses numbers that are not finite or outside of
//! their limits, and the case in which there are two boundaries ([`Refusal`]). Without time the price is the intrinsic
//! value, without volatility the best of exercising at any time.

mod boundary;
mod early_exercise;
mod leisen_reimer;
mod nodes;
mod premium_table;
mod start;

use crate::abi::Expiry;
use crate::cpu::pricing::elementary::{exp, ln};
use crate::cpu::pricing::{Contract, ForwardTerms, Isa, PerIsa, value_one};
pub use early_exercise::{EarlyExercise, unit_premium};
pub use leisen_reimer::leisen_reimer;
pub use nodes::{NODES, Nodes};
pub use premium_table::{Exercised, POINTS, PremiumTable, RANGE, WorthE9};
use std::fmt;

/// A standard deviation of the underlying until expiry below this counts as none.
const DEVIATION_MIN: f64 = 1e-7;
/// Longest time and largest volatility and rates that are accepted, and the largest growth over the whole time.
const YEARS_MAX: f64 = 100.0;
const VOLATILITY_MAX: f64 = 100.0;
const RATE_MAX: f64 = 10.0;
const GROWTH_MAX: f64 = 40.0;
/// Prices that are accepted.
const PRICE_MIN: f64 = 1e-9;
const PRICE_MAX: f64 = 1e10;

/// An American option and what it is priced by, the spot apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AmericanOption {
    /// A put; else a call.
    pub put: bool,
    /// Strike, 1e-9 to 1e10.
    pub strike: f64,
    /// Interest rate, continuous, a year; magnitude at most 10.
    pub rate: f64,
    /// Yield of the underlying, continuous, a year; magnitude at most 10.
    pub dividend_yield: f64,
    /// Annual volatility, 0 to 100.
    pub volatility: f64,
    /// Time to expiry, 0 to 100.
    pub years: f64,
}

/// Why an option cannot be priced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refusal {
    /// A number is not finite or outside of its limits: which, and what it was. Correct the input.
    OutOfRange(&'static str, f64),
    /// Rate or yield times the years is beyond 40: which, and the product. Such numbers are a mistake of units.
    TooMuchGrowth(&'static str, f64),
    /// A put with yield < rate < 0, or a call with rate < yield < 0: it is exercised between two boundaries. Price it
    /// with a tree ([`leisen_reimer()`]).
    TwoBoundaries,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange(what, value) => write!(f, "{what} is {value}, which is outside of its limits"),
            Self::TooMuchGrowth(what, value) => {
                write!(f, "{what} times years is {value}; at most {GROWTH_MAX}: a mistake of units?")
            }
            Self::TwoBoundaries => {
                f.write_str("with these negative rates the option has two exercise boundaries: use a tree")
            }
        }
    }
}

impl std::error::Error for Refusal {}

fn within(what: &'static str, value: f64, low: f64, high: f64) -> Result<(), Refusal> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(Refusal::OutOfRange(what, value)) }
}

fn check_price(what: &'static str, price: f64) -> Result<(), Refusal> {
    within(what, price, PRICE_MIN, PRICE_MAX)
}

/// The put on a strike of 1 that an option is solved as. The layout is that of `cuda/american.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitPut {
    /// Interest rate: of a call, its yield.
    pub rate: f64,
    /// Yield of the underlying: of a call, its rate.
    pub dividend_yield: f64,
    /// Annual volatility.
    pub volatility: f64,
    /// Time to expiry.
    pub years: f64,
    /// Where the boundary begins at expiry, should there be one.
    pub first: f64,
}

/// How a put is exercised early.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Regime {
    /// Never: it is worth its European price.
    Never,
    /// There is no chance: the best time is known.
    Certain,
    /// Below a boundary.
    Below,
}

impl UnitPut {
    fn regime(&self) -> Result<Regime, Refusal> {
        let Self { rate, dividend_yield, volatility, years, .. } = *self;
        if volatility * years.sqrt() < DEVIATION_MIN {
            return Ok(Regime::Certain);
        }
        match (rate > 0.0, dividend_yield >= rate) {
            (true, _) => Ok(Regime::Below),
            (false, true) => Ok(Regime::Never),
            (false, false) if rate < 0.0 => Err(Refusal::TwoBoundaries),
            (false, false) => Ok(Regime::Below),
        }
    }
}

impl AmericanOption {
    fn check(&self) -> Result<(), Refusal> {
        check_price("strike", self.strike)?;
        within("volatility", self.volatility, 0.0, VOLATILITY_MAX)?;
        within("years", self.years, 0.0, YEARS_MAX)?;
        for (what, rate) in [("rate", self.rate), ("dividend_yield", self.dividend_yield)] {
            within(what, rate, -RATE_MAX, RATE_MAX)?;
            if (rate * self.years).abs() > GROWTH_MAX {
                return Err(Refusal::TooMuchGrowth(what, rate * self.years));
            }
        }
        Ok(())
    }

    /// Whether it can be priced at a spot.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(crate) fn refused(&self, spot: f64) -> Result<(), Refusal> {
        self.check()?;
        self.unit_put().regime()?;
        check_price("spot", spot)
    }

    /// The put that it is solved as.
    #[must_use]
    pub fn unit_put(&self) -> UnitPut {
        let (rate, dividend_yield) = match self.put {
            true => (self.rate, self.dividend_yield),
            false => (self.dividend_yield, self.rate),
        };
        let first = if rate > 0.0 && dividend_yield > rate { rate / dividend_yield } else { 1.0 };
        UnitPut { rate, dividend_yield, volatility: self.volatility, years: self.years, first }
    }

    /// What exercising at once brings, zero at least.
    #[must_use]
    pub fn intrinsic(&self, spot: f64) -> f64 {
        let gain = if self.put { self.strike - spot } else { spot - self.strike };
        if gain > 0.0 { gain } else { 0.0 }
    }

    /// The European price by the kernel of [`super::pricing`].
    #[must_use]
    pub fn european(&self, isa: Isa, spot: f64) -> f64 {
        let (expiry, ln_strike) = isa.run(ExpiryOf(self));
        let terms = ForwardTerms::new(isa, &expiry, spot);
        let sign = if self.put { -1.0 } else { 1.0 };
        let contract = Contract { strike: self.strike, ln_strike, volatility: self.volatility, sign };
        isa.run(ValueOne { terms: &terms, contract: &contract })
    }

    /// The price: the European one and what early exercise adds, at least what exercising at once brings.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn price(&self, isa: Isa, spot: f64) -> Result<f64, Refusal> {
        EarlyExercise::solve(isa, self)?.price(isa, spot)
    }
}

/// An option's expiry as the European kernel has it, and the logarithm of its strike.
struct ExpiryOf<'a>(&'a AmericanOption);

impl PerIsa for ExpiryOf<'_> {
    type Output = (Expiry, f64);

    #[inline(always)]
    fn run(self) -> (Expiry, f64) {
        let AmericanOption { strike, rate, dividend_yield, years, .. } = *self.0;
        let carry = exp((rate - dividend_yield) * years);
        let expiry = Expiry { carry, discount: exp(-rate * years), years, sqrt_years: years.sqrt() };
        (expiry, ln(strike).0)
    }
}

struct ValueOne<'a> {
    terms: &'a ForwardTerms,
    contract: &'a Contract,
}

impl PerIsa for ValueOne<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        value_one(self.terms, self.contract).price
    }
}
