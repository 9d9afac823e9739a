//! The markets of options: price of the underlying, rates and time, of one expiry or of each option by itself.
//!
//! A market is checked when it is made, slices of markets when they are priced ([`super::loops::price_each`]); what is out
//! of range is a typed error that says where.

use super::lognormal::{LognormalTerms, expiry};
use super::loops::{Lanes, Markets, lanes};
use super::normal::NormalTerms;
use super::range::{self, Condition, Input, OutOfRange};
use super::{Isa, PerIsa};
use crate::abi::Expiry;

/// An underlying with a continuous yield.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpotMarket {
    pub(crate) spot: f64,
    pub(crate) rate: f64,
    pub(crate) underlying_yield: f64,
    pub(crate) years: f64,
}

impl SpotMarket {
    /// Price of the underlying in currency units, interest rate and yield continuously compounded a year, time to expiry.
    ///
    /// # Errors
    /// What is out of range.
    pub fn new(spot: f64, rate: f64, underlying_yield: f64, years: f64) -> Result<Self, OutOfRange> {
        let market = Self { spot, rate, underlying_yield, years };
        range::refused(0, market.conditions())?;
        Ok(market)
    }

    /// Its factors, as wide work takes them: with them, quoting gives this market's prices bit for bit.
    #[must_use]
    pub fn expiry(&self, isa: Isa) -> Expiry {
        isa.run(ExpiryOf(*self))
    }

    #[inline(always)]
    fn conditions(&self) -> [Condition; 6] {
        [
            range::price(self.spot, Input::Underlying),
            range::rate(self.rate, Input::Rate),
            range::rate(self.underlying_yield, Input::UnderlyingYield),
            range::years(self.years),
            range::growth(self.rate * self.years),
            range::growth((self.rate - self.underlying_yield) * self.years),
        ]
    }
}

struct ExpiryOf(SpotMarket);

impl PerIsa for ExpiryOf {
    type Output = Expiry;

    #[inline(always)]
    fn run(self) -> Expiry {
        let SpotMarket { rate, underlying_yield, years, .. } = self.0;
        expiry(rate, rate - underlying_yield, years)
    }
}

/// A forward or future.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForwardMarket {
    pub(crate) forward: f64,
    pub(crate) rate: f64,
    pub(crate) years: f64,
}

impl ForwardMarket {
    /// Forward in currency units, interest rate continuously compounded a year, time to expiry.
    ///
    /// # Errors
    /// What is out of range.
    pub fn new(forward: f64, rate: f64, years: f64) -> Result<Self, OutOfRange> {
        let market = Self { forward, rate, years };
        range::refused(0, market.conditions())?;
        Ok(market)
    }

    #[inline(always)]
    fn conditions(&self) -> [Condition; 4] {
        [
            range::price(self.forward, Input::Underlying),
            range::rate(self.rate, Input::Rate),
            range::years(self.years),
            range::growth(self.rate * self.years),
        ]
    }
}

/// A forward that may be below zero, for the normal model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalMarket {
    pub(crate) forward: f64,
    pub(crate) rate: f64,
    pub(crate) years: f64,
}

impl NormalMarket {
    /// Forward in currency units, interest rate continuously compounded a year, time to expiry.
    ///
    /// # Errors
    /// What is out of range.
    pub fn new(forward: f64, rate: f64, years: f64) -> Result<Self, OutOfRange> {
        let market = Self { forward, rate, years };
        range::refused(0, market.conditions())?;
        Ok(market)
    }

    #[inline(always)]
    fn conditions(&self) -> [Condition; 4] {
        [
            range::signed_price(self.forward, Input::Underlying),
            range::rate(self.rate, Input::Rate),
            range::years(self.years),
            range::growth(self.rate * self.years),
        ]
    }
}

/// Markets of Black-Scholes-Merton, one an option, one array a field.
#[derive(Clone, Copy, Debug)]
pub struct SpotMarkets<'a> {
    /// Price of the underlying.
    pub spot: &'a [f64],
    /// Interest rate.
    pub rate: &'a [f64],
    /// Yield of the underlying.
    pub underlying_yield: &'a [f64],
    /// Time to expiry.
    pub years: &'a [f64],
}

/// Markets of Black-76, one an option, one array a field.
#[derive(Clone, Copy, Debug)]
pub struct ForwardMarkets<'a> {
    /// Forward.
    pub forward: &'a [f64],
    /// Interest rate.
    pub rate: &'a [f64],
    /// Time to expiry.
    pub years: &'a [f64],
}

/// Markets of Bachelier's model, one an option, one array a field.
#[derive(Clone, Copy, Debug)]
pub struct NormalMarkets<'a> {
    /// Forward.
    pub forward: &'a [f64],
    /// Interest rate.
    pub rate: &'a [f64],
    /// Time to expiry.
    pub years: &'a [f64],
}

impl SpotMarkets<'_> {
    #[inline(always)]
    fn at(&self, i: usize) -> SpotMarket {
        let (rate, underlying_yield) = (self.rate[i], self.underlying_yield[i]);
        SpotMarket { spot: self.spot[i], rate, underlying_yield, years: self.years[i] }
    }
}

impl ForwardMarkets<'_> {
    #[inline(always)]
    fn at(&self, i: usize) -> ForwardMarket {
        ForwardMarket { forward: self.forward[i], rate: self.rate[i], years: self.years[i] }
    }
}

impl NormalMarkets<'_> {
    #[inline(always)]
    fn at(&self, i: usize) -> NormalMarket {
        NormalMarket { forward: self.forward[i], rate: self.rate[i], years: self.years[i] }
    }
}

impl Markets for SpotMarkets<'_> {
    type Model = LognormalTerms;
    type Tile = [Lanes; 4];

    #[inline(always)]
    fn cut(&self, len: usize) -> Self {
        Self {
            spot: &self.spot[..len],
            rate: &self.rate[..len],
            underlying_yield: &self.underlying_yield[..len],
            years: &self.years[..len],
        }
    }

    #[inline(always)]
    fn tile(&self, at: usize) -> Self::Tile {
        [
            lanes(self.spot, at, 1.0),
            lanes(self.rate, at, 0.0),
            lanes(self.underlying_yield, at, 0.0),
            lanes(self.years, at, 1.0),
        ]
    }

    #[inline(always)]
    fn model(tile: &Self::Tile, lane: usize) -> LognormalTerms {
        let [spot, rate, underlying_yield, years] = [0, 1, 2, 3].map(|field| tile[field][lane]);
        LognormalTerms::of_spot(&SpotMarket { spot, rate, underlying_yield, years })
    }

    #[inline(always)]
    fn sound(&self, i: usize) -> bool {
        range::all(&self.at(i).conditions())
    }

    fn refused(&self, i: usize) -> Result<(), OutOfRange> {
        range::refused(i, self.at(i).conditions())
    }
}

impl Markets for ForwardMarkets<'_> {
    type Model = LognormalTerms;
    type Tile = [Lanes; 3];

    #[inline(always)]
    fn cut(&self, len: usize) -> Self {
        Self { forward: &self.forward[..len], rate: &self.rate[..len], years: &self.years[..len] }
    }

    #[inline(always)]
    fn tile(&self, at: usize) -> Self::Tile {
        [lanes(self.forward, at, 1.0), lanes(self.rate, at, 0.0), lanes(self.years, at, 1.0)]
    }

    #[inline(always)]
    fn model(tile: &Self::Tile, lane: usize) -> LognormalTerms {
        let [forward, rate, years] = [0, 1, 2].map(|field| tile[field][lane]);
        LognormalTerms::of_forward(&ForwardMarket { forward, rate, years })
    }

    #[inline(always)]
    fn sound(&self, i: usize) -> bool {
        range::all(&self.at(i).conditions())
    }

    fn refused(&self, i: usize) -> Result<(), OutOfRange> {
        range::refused(i, self.at(i).conditions())
    }
}

impl Markets for NormalMarkets<'_> {
    type Model = NormalTerms;
    type Tile = [Lanes; 3];

    #[inline(always)]
    fn cut(&self, len: usize) -> Self {
        Self { forward: &self.forward[..len], rate: &self.rate[..len], years: &self.years[..len] }
    }

    #[inline(always)]
    fn tile(&self, at: usize) -> Self::Tile {
        [lanes(self.forward, at, 1.0), lanes(self.rate, at, 0.0), lanes(self.years, at, 1.0)]
    }

    #[inline(always)]
    fn model(tile: &Self::Tile, lane: usize) -> NormalTerms {
        let [forward, rate, years] = [0, 1, 2].map(|field| tile[field][lane]);
        NormalTerms::of_market(&NormalMarket { forward, rate, years })
    }

    #[inline(always)]
    fn sound(&self, i: usize) -> bool {
        range::all(&self.at(i).conditions())
    }

    fn refused(&self, i: usize) -> Result<(), OutOfRange> {
        range::refused(i, self.at(i).conditions())
    }
}
