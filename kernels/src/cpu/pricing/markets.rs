//! The markets of options: price of the underlying, rates and time, of one expiry or of each option by itself.
//!
//! A market is checked when it is made, slices of markets when they are priced ([`super::loops::price_each`]); what is out
//! of range is a typed error that says where.

use super::lognormal::{LognormalTerms, expiry};
use super::loops::{Lanes, Markets, Model, lanes};
use super::normal::NormalTerms;
use super::range::{self, Condition, Input, OutOfRange};
use super::{Isa, PerIsa};
use crate::abi::Expiry;
use std::marker::PhantomData;

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

/// A model of options on a forward.
pub trait OnForward: Model {
    /// What an option's forward may be.
    fn forward(forward: f64) -> (bool, Input);

    /// Its terms in a market.
    fn of_market(market: &MarketOnForward<Self>) -> Self;
}

impl OnForward for LognormalTerms {
    #[inline(always)]
    fn forward(forward: f64) -> Condition {
        range::price(forward, Input::Underlying)
    }

    #[inline(always)]
    fn of_market(market: &ForwardMarket) -> Self {
        Self::of_forward(market)
    }
}

impl OnForward for NormalTerms {
    #[inline(always)]
    fn forward(forward: f64) -> Condition {
        range::signed_price(forward, Input::Underlying)
    }

    #[inline(always)]
    fn of_market(market: &NormalMarket) -> Self {
        Self::of_normal(market)
    }
}

/// A forward or future under a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarketOnForward<M> {
    pub(crate) forward: f64,
    pub(crate) rate: f64,
    pub(crate) years: f64,
    model: PhantomData<M>,
}

/// A forward or future for Black-76.
pub type ForwardMarket = MarketOnForward<LognormalTerms>;

/// A forward that may be below zero, for the normal model.
pub type NormalMarket = MarketOnForward<NormalTerms>;

impl<M: OnForward> MarketOnForward<M> {
    /// Forward in currency units, interest rate continuously compounded a year, time to expiry.
    ///
    /// # Errors
    /// What is out of range.
    pub fn new(forward: f64, rate: f64, years: f64) -> Result<Self, OutOfRange> {
        let market = Self { forward, rate, years, model: PhantomData };
        range::refused(0, market.conditions())?;
        Ok(market)
    }

    #[inline(always)]
    fn conditions(&self) -> [Condition; 4] {
        [
            M::forward(self.forward),
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

/// Markets of a model on forwards, one an option, one array a field.
#[derive(Clone, Copy, Debug)]
pub struct MarketsOnForward<'a, M> {
    pub(crate) forward: &'a [f64],
    pub(crate) rate: &'a [f64],
    pub(crate) years: &'a [f64],
    model: PhantomData<M>,
}

/// Markets of Black-76.
pub type ForwardMarkets<'a> = MarketsOnForward<'a, LognormalTerms>;

/// Markets of Bachelier's model.
pub type NormalMarkets<'a> = MarketsOnForward<'a, NormalTerms>;

impl SpotMarkets<'_> {
    #[inline(always)]
    fn at(&self, i: usize) -> SpotMarket {
        let (rate, underlying_yield) = (self.rate[i], self.underlying_yield[i]);
        SpotMarket { spot: self.spot[i], rate, underlying_yield, years: self.years[i] }
    }
}

impl<'a, M> MarketsOnForward<'a, M> {
    /// Forwards, interest rates and times to expiry, in the units of [`MarketOnForward::new`].
    #[must_use]
    pub const fn new(forward: &'a [f64], rate: &'a [f64], years: &'a [f64]) -> Self {
        Self { forward, rate, years, model: PhantomData }
    }

    #[inline(always)]
    fn at(&self, i: usize) -> MarketOnForward<M> {
        let (forward, rate, years) = (self.forward[i], self.rate[i], self.years[i]);
        MarketOnForward { forward, rate, years, model: PhantomData }
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

impl<M: OnForward> Markets for MarketsOnForward<'_, M> {
    type Model = M;
    type Tile = [Lanes; 3];

    #[inline(always)]
    fn cut(&self, len: usize) -> Self {
        Self::new(&self.forward[..len], &self.rate[..len], &self.years[..len])
    }

    #[inline(always)]
    fn tile(&self, at: usize) -> Self::Tile {
        [lanes(self.forward, at, 1.0), lanes(self.rate, at, 0.0), lanes(self.years, at, 1.0)]
    }

    #[inline(always)]
    fn model(tile: &Self::Tile, lane: usize) -> M {
        let [forward, rate, years] = [0, 1, 2].map(|field| tile[field][lane]);
        M::of_market(&MarketOnForward { forward, rate, years, model: PhantomData })
    }

    #[inline(always)]
    fn sound(&self, i: usize) -> bool {
        range::all(&self.at(i).conditions())
    }

    fn refused(&self, i: usize) -> Result<(), OutOfRange> {
        range::refused(i, self.at(i).conditions())
    }
}
